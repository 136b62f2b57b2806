#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What goes wrong around tcpwhy: in each case the counters stay exact, or it says by how much they may be short. Full queues
# and rings, a full stdout, and readers that go away are in e2e: listeners.bats, command.bats, limit.bats.

load ../e2e/lib

PORT=7700

setup() {
	make_netns
	WATCHERS=()
}

teardown() {
	[ -z "${MEMORY_GROUP-}" ] || forget_memory_group
	echo 1 >"$CPU/online" 2>/dev/null || true
	[ ${#WATCHERS[@]} -eq 0 ] || kill -KILL "${WATCHERS[@]}" 2>/dev/null || true
	kill_tcpwhy
	stop_terminal
	remove_netns
}

# ---- what is expected ----------------------------------------------------------------------------

causes() {
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run "$1" -n $N -p $PORT >/dev/null
}

# counters_are FILE LINE... : "verdict<TAB>how many", of the summary in the file
counters_are() {
	ERR=$1 run said_by_counters
	assert_equal "$output" "$(printf '%s\n' "${@:2}")"
	assert_equal "$(ERR=$1 lost) records lost" "0 records lost"
}

lines_are() {
	[ "$(wc -l <"$OUT")" -ge "$1" ]
}

UNREAD=("peer-aborted	$N" "unread-data	$N")
UNREAD_LINES="peer-aborted	why-client	$N
unread-data	why-server	$N"

# ---- stopped, killed -----------------------------------------------------------------------------

@test "stopped for ten seconds and continued: nothing is lost, and each death has its own time" {
	local began ended
	start_tcpwhy -P $PORT --utc
	pause "$WATCHER"
	began=$(date -u +%T)
	causes unread-data
	ended=$(date -u +%T)
	sleep 10 # that long, whatever happens: it is what is tested
	kill -CONT "$WATCHER"
	wait_for 10 lines_are $((2 * N))
	stop_tcpwhy
	assert_equal "$(said_by_lines)" "$UNREAD_LINES"
	counters_are "$ERR" "${UNREAD[@]}"
	run awk -v began="$began" -v ended="$ended" '{ time = substr($1, 1, 8) }
		began <= ended && (time < began || time > ended)' "$OUT"
	assert_output ""
}

# ids_of PID KIND : of the programs, maps or links that it holds
ids_of() {
	awk -v kind="$2_id:" '$1 == kind { print $2 }' "/proc/$1/fdinfo/"* | sort -nu
}

# in_kernel KIND ID... : those that are there
in_kernel() {
	local id
	for id in "${@:2}"; do
		! bpftool "$1" show id "$id" >/dev/null 2>&1 || echo "$1 $id"
	done
}

none_in_kernel() {
	[ -z "$(in_kernel prog $PROGRAMS)$(in_kernel map $MAPS)$(in_kernel link $LINKS)" ]
}

@test "killed: nothing of it stays in the kernel" {
	start_tcpwhy -P $PORT -e --children -p $$
	PROGRAMS=$(ids_of "$WATCHER" prog) MAPS=$(ids_of "$WATCHER" map) LINKS=$(ids_of "$WATCHER" link)
	# shellcheck disable=SC2086 # they are words
	assert [ "$(in_kernel prog $PROGRAMS | wc -l)" -gt 10 ]
	# shellcheck disable=SC2086
	assert [ "$(in_kernel map $MAPS | wc -l)" -gt 10 ]
	# shellcheck disable=SC2086
	assert [ "$(in_kernel link $LINKS | wc -l)" -gt 10 ]
	kill -KILL "$WATCHER"
	wait "$WATCHER" || true
	WATCHER=
	wait_for 10 none_in_kernel || {
		# shellcheck disable=SC2086
		assert_equal "$(in_kernel prog $PROGRAMS; in_kernel map $MAPS; in_kernel link $LINKS)" ""
	}
}

# ---- a terminal ----------------------------------------------------------------------------------

on_terminal() {
	tmux -L "tcpwhy-faults-$$" -f /dev/null "$@"
}

stop_terminal() {
	on_terminal kill-server 2>/dev/null || true
}

screen_has() {
	on_terminal capture-pane -p -S - | grep -q "$1"
}

@test "suspended by Ctrl-Z and continued by fg: what died meanwhile is told" {
	on_terminal new-session -d -x 200 -y 100 bash --norc -i
	on_terminal send-keys "'$TCPWHY' -P $PORT" Enter
	wait_for 10 screen_has watching
	on_terminal send-keys C-z
	wait_for 10 screen_has Stopped
	causes unread-data
	on_terminal send-keys fg Enter
	wait_for 10 screen_has unread-data
	on_terminal send-keys C-c
	wait_for 10 screen_has 'tcpwhy: in '
	on_terminal capture-pane -p -S - | sed 's/^^C//' >"$BATS_TEST_TMPDIR/screen"
	counters_are "$BATS_TEST_TMPDIR/screen" "${UNREAD[@]}"
	OUT=$BATS_TEST_TMPDIR/lines
	grep '127.0.0.1' "$BATS_TEST_TMPDIR/screen" >"$OUT"
	assert_equal "$(said_by_lines)" "$UNREAD_LINES"
}

# ---- want of resources ---------------------------------------------------------------------------

@test "the disk is full: it ends, and says so, with status 7" {
	local status=0
	mkdir "$BATS_TEST_TMPDIR/disk"
	unshare --mount sh -c 'mount -t tmpfs -o size=64k tmpfs "$1" && exec "$2" -P "$3" --limit 0 >"$1/out" 2>"$1/../err"' \
		sh "$BATS_TEST_TMPDIR/disk" "$TCPWHY" $PORT 3>&- &
	WATCHER=$!
	wait_for 30 has watching "$BATS_TEST_TMPDIR/err"
	start_pair one $((PORT - 1000)) # it is refused at PORT
	tell one refused 1000 # each has two lines, of a hundred bytes or so
	wait_for 20 gone "$WATCHER"
	wait "$WATCHER" || status=$?
	WATCHER=
	assert_equal "status $status" "status 7"
	assert_equal "$(tail -n 1 "$BATS_TEST_TMPDIR/err")" "tcpwhy: cannot write to stdout: No space left on device"
}

@test "out of memory: it goes on, and the counters are exact" {
	local size
	start_pair storm $((PORT - 1000))
	start_tcpwhy -P $PORT --listen 9438
	size=$(awk '/^VmSize/ { print $2 * 1024 }' "/proc/$WATCHER/status")
	prlimit --pid "$WATCHER" --as="$size"
	tell storm refused 7001
	causes unread-data
	wait_for 20 has unread-data "$OUT"
	stop_tcpwhy
	run said_by_counters
	assert_output "no-listener	7001
peer-aborted	$N
refused	7001
unread-data	$N"
}

# limit_memory BYTES : makes MEMORY_GROUP, a cgroup of either version with that limit
limit_memory() {
	local v1=/sys/fs/cgroup/memory v2
	v2=$(findmnt -fnt cgroup2 -o TARGET) || true
	if [ -n "$v2" ] && grep -qw memory "$v2/cgroup.controllers"; then
		echo +memory >"$v2/cgroup.subtree_control"
		MEMORY_GROUP=$v2/tcpwhy-$$ LIMIT=memory.max
	elif [ -w "$v1/memory.limit_in_bytes" ]; then
		MEMORY_GROUP=$v1/tcpwhy-$$ LIMIT=memory.limit_in_bytes
	else
		skip "no cgroup here can limit memory"
	fi
	mkdir "$MEMORY_GROUP"
	echo "$1" >"$MEMORY_GROUP/$LIMIT"
}

forget_memory_group() {
	kill_tcpwhy
	wait_for 10 rmdir "$MEMORY_GROUP"
}

# killed_for_memory : how often a process of the group was killed for want of memory
killed_for_memory() {
	sed -n 's/^oom_kill //p' "$MEMORY_GROUP"/memory.events "$MEMORY_GROUP"/memory.oom_control 2>/dev/null
}

@test "in a cgroup of 48 MB, its BPF maps included, a storm does not get it killed" {
	limit_memory $((48 << 20))
	start_pair storm $((PORT - 1000))
	cat >"$BATS_TEST_TMPDIR/limited" <<-END
		#!/bin/sh
		echo \$\$ >"$MEMORY_GROUP/cgroup.procs"
		exec "$TCPWHY" "\$@"
	END
	chmod 755 "$BATS_TEST_TMPDIR/limited"
	TCPWHY=$BATS_TEST_TMPDIR/limited start_tcpwhy -P $PORT --stack
	tell storm refused 20011
	causes unread-data
	wait_for 20 has unread-data "$OUT"
	stop_tcpwhy
	run said_by_counters
	assert_output "no-listener	20011
peer-aborted	$N
refused	20011
unread-data	$N"
	assert_equal "$(killed_for_memory) killed" "0 killed"
}

@test "too little memory to begin with: one message, and no signal" {
	local size
	for size in 4 8 12 16; do
		run --separate-stderr prlimit --as=$((size << 20)) "$TCPWHY" -d 0.1 -P $PORT
		assert [ "$status" -lt 128 ]
		[ "$status" -eq 0 ] || assert_equal "$size MB: $(wc -l <<<"$stderr") line" "$size MB: 1 line"
	done
}

CPU=/sys/devices/system/cpu/cpu1

@test "a CPU goes, and comes again: what died on it stays counted" {
	[ -w "$CPU/online" ] || skip "there is no second CPU, or it cannot be taken away here"
	start_tcpwhy -P $PORT
	causes unread-data
	echo 0 >"$CPU/online"
	causes unread-data
	echo 1 >"$CPU/online"
	causes unread-data
	wait_for 10 lines_are $((6 * N))
	stop_tcpwhy
	counters_are "$ERR" "peer-aborted	$((3 * N))" "unread-data	$((3 * N))"
	assert_equal "$(said_by_lines)" "peer-aborted	why-client	$((3 * N))
unread-data	why-server	$((3 * N))"
}

# ---- names and numbers that come again -----------------------------------------------------------

@test "a PID that comes again: the death is not its second owner's" {
	local pid status=0
	start_tcpwhy -a -P $PORT,$((PORT + 1))
	coproc REUSE { in_netns $PYTHON "$TOP/tests/faults/pid_reuse.py" $PORT 3>&-; }
	read -r -t 20 pid <&"${REUSE[0]}" || fail "the PID was not had again"
	wait_for 20 has orphan-timeout "$OUT"
	stop_tcpwhy
	run awk '$2 == "orphan-timeout" { print $3 }' "$OUT"
	assert_output "[$pid]"
	run awk '$2 == "closed-here" { print $3 }' "$OUT"
	assert_output "second[$pid]"
}

rss() {
	awk '/^VmRSS/ { print $2 }' "/proc/$WATCHER/status"
}

@test "two thousand network namespaces come and go: each death is counted, and memory stays flat" {
	local before many=2000
	start_pair storm $((PORT - 1000))
	start_tcpwhy -P $PORT --limit 0
	tell storm refused 5000 # fills what is remembered, which is bounded
	wait_for 20 lines_are 10000
	before=$(rss)
	in_netns $PYTHON "$TOP/tests/faults/namespaces.py" $PORT $many
	wait_for 20 lines_are $((10000 + 4 * many))
	assert [ "$(rss)" -lt $((before + 512)) ] # kB
	stop_tcpwhy
	counters_are "$ERR" "no-listener	$((5000 + many))" "peer-aborted	$many" "refused	$((5000 + many))" "unread-data	$many"
	assert_equal "$(said_by_lines | by_verdict)" "no-listener	$((5000 + many))
peer-aborted	$many
refused	$((5000 + many))
unread-data	$many"
}

@test "in a time namespace of its own the times are those of the day" {
	local now
	unshare --time --fork --monotonic 100000 true 2>/dev/null || skip "this kernel has no time namespaces"
	printf '#!/bin/sh\nexec unshare --time --fork --kill-child --monotonic 100000 "%s" "$@"\n' "$TCPWHY" >"$BATS_TEST_TMPDIR/elsewhen"
	chmod 755 "$BATS_TEST_TMPDIR/elsewhen"
	TCPWHY=$BATS_TEST_TMPDIR/elsewhen start_tcpwhy -j -P $PORT
	causes unread-data
	wait_for 10 lines_are $((2 * N + 1))
	now=$(date +%s)
	kill -KILL "$WATCHER"
	wait "$WATCHER" 2>/dev/null || true
	WATCHER=
	run jq -rn "[inputs | select(.type == \"death\") | .time[:19] + \"Z\" | fromdate | $now - . | . >= 0 and . < 60] | unique[]" "$OUT"
	assert_output true
}

# ---- over HTTP -----------------------------------------------------------------------------------

@test "who sends a byte now and then is cut off in time" {
	printf '#!/bin/sh\nexec nsenter --net=/run/netns/%s "%s" "$@"\n' "$NETNS" "$TCPWHY" >"$BATS_TEST_TMPDIR/tcpwhy-in-netns"
	chmod 755 "$BATS_TEST_TMPDIR/tcpwhy-in-netns"
	TCPWHY=$BATS_TEST_TMPDIR/tcpwhy-in-netns start_tcpwhy -P $PORT --listen 9436
	run in_netns $PYTHON "$TOP/tests/e2e/metrics.py" bounds 9436 time
	assert_output True
}

# ---- several of it -------------------------------------------------------------------------------

# instances N : N of them see the same deaths, and each tells all of them
instances() {
	local i
	for ((i = 1; i <= $1; i++)); do
		"$TCPWHY" -P $PORT >"$BATS_TEST_TMPDIR/out$i" 2>"$BATS_TEST_TMPDIR/err$i" 3>&- &
		WATCHERS+=($!)
	done
	for ((i = 1; i <= $1; i++)); do
		wait_for 60 has watching "$BATS_TEST_TMPDIR/err$i"
	done
	causes unread-data
	for ((i = 1; i <= $1; i++)); do
		OUT=$BATS_TEST_TMPDIR/out$i
		wait_for 10 lines_are $((2 * N))
		kill -INT "${WATCHERS[i - 1]}"
		wait "${WATCHERS[i - 1]}"
		counters_are "$BATS_TEST_TMPDIR/err$i" "${UNREAD[@]}"
		assert_equal "$i: $(said_by_lines)" "$i: $UNREAD_LINES"
	done
	WATCHERS=()
}

@test "two instances side by side count the same" {
	instances 2
}

@test "ten instances side by side count the same" {
	instances 10
}
