#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Connections die as fast as this machine can let them: the counters are exact to the unit against the kernel's own, what is
# not shown is said, and memory stays flat. STORM_SECONDS is the length of each storm.

load ../e2e/lib

STORM_SECONDS=${STORM_SECONDS:-8}
LINES=10000 # a second: then all memory that lines take has been used after half of a storm
GROWTH=256 # kB: of the later half of a storm; a byte lost for each event would be more

setup() {
	make_netns
	COUNTERS=$BATS_TEST_TMPDIR/counters
}

teardown() {
	kill_tcpwhy
	remove_netns
}

# In kB, of tcpwhy's process: VmRSS, or RssAnon, which is without the pages of the ring buffer, 1 MB, until that has been gone round
resident() {
	awk -v field="$1:" '$1 == field { print $2 }' "/proc/$WATCHER/status"
}

# In kB, of its BPF maps and programs.

bpf_memory() {
	sed -n 's/^memlock:\t//p' "/proc/$WATCHER/fdinfo"/* 2>/dev/null | awk '{ sum += $1 } END { printf "%d\n", sum / 1024 }'
}

# A row is shown when its interval is over: all is told when there is one without a death.
is_told() {
	[[ ! $(head -n 1 "$OUT") =~ ^time || $(tail -n 1 "$OUT") =~ ^[0-9:]+\ +0\  ]]
}

# storm NAME OPTION... : of tcpwhy
storm() {
	local storm before after resident bpf_before bpf_after
	start_tcpwhy --netns "$NETNS" "${@:2}"
	start_referee # one event that the kernel hides is enough
	in_netns "$TOP/build/bench/storm" -H -t "$STORM_SECONDS" "$1" >"$COUNTERS" 3>&- &
	storm=$!
	sleep $((STORM_SECONDS / 2))
	before=$(resident RssAnon) bpf_before=$(bpf_memory)
	wait $storm
	after=$(resident RssAnon) resident=$(resident VmRSS) bpf_after=$(bpf_memory)
	wait_for 10 is_told
	stop_tcpwhy
	run "$PYTHON" "$TOP/tests/storm/storm.py" "$1" "$COUNTERS" "$OUT" "$ERR"
	echo "$output"
	echo "anonymous: $before kB, at the end $after kB; resident: $resident kB; BPF: $bpf_before kB, at the end $bpf_after kB"
	assert_success
	assert [ "$((after - before))" -le $GROWTH ]
	assert [ "$resident" -le 10240 ]
	assert [ "$((bpf_after - bpf_before))" -le $GROWTH ]
}

@test "SYNs to a closed port, as lines that are thinned" {
	storm refused
}

@test "SYNs to a closed port, in lines" {
	storm refused --limit $LINES
}

@test "SYNs to a closed port, in counters" {
	storm refused 1
}

@test "resets with unread data, as lines that are thinned" {
	storm unread
}

@test "resets with unread data, in lines" {
	storm unread --limit $LINES
}

@test "resets with unread data, in counters" {
	storm unread 1
}

@test "overflow of accept queues, as lines that are thinned" {
	storm overflow
}

@test "overflow of accept queues, in lines" {
	storm overflow --limit $LINES
}

@test "overflow of accept queues, in counters" {
	storm overflow 1
}
