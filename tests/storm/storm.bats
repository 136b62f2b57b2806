#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Connections die as fast as this machine can let them: the counters are exact to the unit against the kernel's own, what is
# not shown is said, and memory stays flat once the ends that are remembered (user/settle.c: 4096) have filled their room.
# STORM_SECONDS is how long each storm goes on from there.

load ../e2e/lib

STORM_SECONDS=${STORM_SECONDS:-4}
GROWTH=64 # kB, in these; what leaks into heap that was used and freed before is for the sanitizers and tests/soak

# s, until 4096 ends are remembered: 200 a second where lines are thinned, else 500 or more, as the kernel's side thins them too
FILLING_THINNED=24
FILLING=10
LINES=10000 # a second

setup() {
	make_netns
	COUNTERS=$BATS_TEST_TMPDIR/counters
}

teardown() {
	kill_tcpwhy
	remove_netns
}

# In kB, of tcpwhy's process, and of its BPF maps and programs.
resident() {
	awk '/^VmRSS:/ { print $2 }' "/proc/$WATCHER/status"
}

bpf_memory() {
	sed -n 's/^memlock:\t//p' "/proc/$WATCHER/fdinfo"/* 2>/dev/null | awk '{ sum += $1 } END { printf "%d\n", sum / 1024 }'
}

# A row is shown when its interval is over: all is told when there is one without a death.
is_told() {
	[[ ! $(head -n 1 "$OUT") =~ ^time || $(tail -n 1 "$OUT") =~ ^[0-9:]+\ +0\  ]]
}

# storm NAME FILLING OPTION... : of tcpwhy
storm() {
	local storm before after bpf_before bpf_after
	start_tcpwhy --netns "$NETNS" "${@:3}"
	start_referee # one event that the kernel hides is enough
	in_netns "$TOP/build/bench/storm" -H -t $(($2 + STORM_SECONDS)) "$1" >"$COUNTERS" 3>&- &
	storm=$!
	sleep "$2"
	before=$(resident) bpf_before=$(bpf_memory)
	wait $storm
	after=$(resident) bpf_after=$(bpf_memory)
	wait_for 10 is_told
	stop_tcpwhy
	run "$PYTHON" "$TOP/tests/storm/storm.py" "$1" "$COUNTERS" "$OUT" "$ERR"
	echo "$output"
	echo "resident: $before kB, at the end $after kB; BPF: $bpf_before kB, at the end $bpf_after kB"
	assert_success
	assert [ "$((after - before))" -le $GROWTH ]
	assert [ "$after" -le 10240 ]
	assert [ "$((bpf_after - bpf_before))" -le $GROWTH ]
}

@test "SYNs to a closed port, as lines that are thinned" {
	storm refused $FILLING_THINNED
}

@test "SYNs to a closed port, in lines" {
	storm refused $FILLING --limit $LINES
}

@test "SYNs to a closed port, in counters" {
	storm refused $FILLING 1
}

@test "resets with unread data, as lines that are thinned" {
	storm unread $FILLING_THINNED
}

@test "resets with unread data, in lines" {
	storm unread $FILLING --limit $LINES
}

@test "resets with unread data, in counters" {
	storm unread $FILLING 1
}

@test "overflow of accept queues, as lines that are thinned" {
	storm overflow $FILLING_THINNED
}

@test "overflow of accept queues, in lines" {
	storm overflow $FILLING --limit $LINES
}

@test "overflow of accept queues, in counters" {
	storm overflow $FILLING 1
}
