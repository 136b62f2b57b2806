#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The clock is set while tcpwhy runs. Only in a guest of tools/vm: make test-vm KERNEL=6.1 TESTS=tests/faults/clock.bats. No
# namespace has a time of day of its own (time namespaces have other clocks: faults.bats).

load ../e2e/lib

PORT=7750

setup() {
	[ -d /run/vm ] || skip "it would set the clock of this host; see tests/README.md"
	make_netns
}

teardown() {
	kill_tcpwhy
	remove_netns
}

# step SECONDS
step() {
	date -s "@$(($(date +%s) + $1))" >/dev/null
}

causes() {
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run unread-data -n $N -p $PORT >/dev/null
}

lines_are() {
	[ "$(wc -l <"$OUT")" -ge "$1" ]
}

rows_are() {
	[ "$(grep -c '^[0-9]' "$OUT")" -ge "$1" ]
}

# are_now FIRST LAST : the lines have the time of day that it is now, within a minute or two
are_now() {
	local now=$((10#$(date -u +%H) * 60 + 10#$(date -u +%M)))
	run awk -v first="$1" -v last="$2" -v now=$now 'NR >= first && NR <= last {
			late = (now - substr($1, 1, 2) * 60 - substr($1, 4, 2) + 1440) % 1440
			if (late > 3) print
		}' "$OUT"
	assert_output ""
}

@test "the clock is set an hour ahead and back: lines have the time of day that it was then, and none is lost" {
	start_tcpwhy -P $PORT --utc
	causes
	wait_for 20 lines_are $((2 * N))
	are_now 1 $((2 * N))
	step 3600
	causes
	wait_for 20 lines_are $((4 * N))
	are_now $((2 * N + 1)) $((4 * N))
	step -3600
	causes
	wait_for 20 lines_are $((6 * N))
	are_now $((4 * N + 1)) $((6 * N))
	stop_tcpwhy
	assert_equal "$(said_by_counters)" "peer-aborted	$((3 * N))
unread-data	$((3 * N))"
	assert_equal "$(awk '/^tcpwhy: in / { print ($3 < 600) }' "$ERR")" 1
}

@test "the clock is set an hour ahead and back: rows come on, each interval" {
	start_tcpwhy -P $PORT 0.5
	wait_for 20 rows_are 2
	step -3600
	wait_for 20 rows_are 4
	step 3600
	causes
	wait_for 20 rows_are $(($(grep -c '^[0-9]' "$OUT") + 3))
	stop_tcpwhy
	run awk 'NR > 1 { deaths += $2 } END { print deaths }' "$OUT"
	assert_output $((2 * N))
}
