#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What is recorded is what a live watch tells; and what becomes of a recording when its recorder, or its disk, comes to an end.
# What is told of recordings is in replay.bats.

load lib

setup() {
	make_netns
	REC=$BATS_TEST_TMPDIR/recording
}

teardown() {
	kill_tcpwhy
	stop_pulse
	[ -z "${LIVE-}" ] || kill -KILL "$LIVE" 2>/dev/null || true
	! mountpoint -q "$BATS_TEST_TMPDIR/disk" || umount "$BATS_TEST_TMPDIR/disk"
	remove_netns
}

scenario() {
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run "$@" >/dev/null
}

shown() {
	"$TCPWHY" replay "$@" 2>/dev/null
}

# Two watches see the same event some microseconds apart, which may be two milliseconds or a tick, and look at the listeners at
# different times.
but_for_times() {
	sed -E -e 's/^[^ ]+//' -e 's/[0-9]+ ms/N ms/g'
}

# apart FILE FILE : the lines of two files of which a time, or a duration, differs by more than 5 ms, but for those of looks
apart() {
	paste -d '\n' "$1" "$2" | awk '
		function times(line, ms,  n, t) {
			split(line, t, /[:. ]/)
			ms[n = 1] = ((t[1] * 60 + t[2]) * 60 + t[3]) * 1000 + t[4]
			while (match(line, /[0-9]+ ms/)) {
				ms[++n] = substr(line, RSTART, RLENGTH - 3)
				line = substr(line, RSTART + RLENGTH)
			}
			return n
		}
		/  accept-overflow  / { next }
		NR % 2 { n = times($0, first); line = $0; next }
		{
			far = times($0, second) != n
			for (i = 1; i <= n; i++)
				far += first[i] - second[i] > 5 || second[i] - first[i] > 5
			if (far)
				print line "\n" $0
		}'
}

recorded() {
	[ "$(shown "$REC" | wc -l)" -ge "$1" ]
}

@test "a recording tells the same lines and counters as a live watch did, and record itself only the summary" {
	start_pulse # how long an end waits for the other depends on when each of the two runs
	start_tcpwhy -a -P 7000
	LIVE=$WATCHER
	cp "$ERR" "$BATS_TEST_TMPDIR/said" # start_tcpwhy removes it
	exec {live}<"$OUT" {said}<"$ERR"
	start_tcpwhy record -a -P 7000 "$REC"
	scenario mixed -p 7000
	sleep 0.3 # what must not come needs time not to come
	kill -INT "$LIVE"
	wait "$LIVE"
	stop_tcpwhy
	assert_equal "$(cat "$OUT")" ""
	assert_equal "$(stat -c %a "$REC")" 600
	cat <&$live >"$BATS_TEST_TMPDIR/live"
	shown -a "$REC" >"$BATS_TEST_TMPDIR/shown"
	assert_equal "$(but_for_times <"$BATS_TEST_TMPDIR/shown")" "$(but_for_times <"$BATS_TEST_TMPDIR/live")"
	assert_equal "$(apart "$BATS_TEST_TMPDIR/shown" "$BATS_TEST_TMPDIR/live")" ""
	"$TCPWHY" replay -a "$REC" 2>"$BATS_TEST_TMPDIR/replayed" >/dev/null
	# times are those of two watches; whose and how many is the same
	assert_equal "$(tail -n +3 "$BATS_TEST_TMPDIR/replayed")" "$(cat <&$said | tail -n +3)"
	assert_equal "$(tail -n +3 "$BATS_TEST_TMPDIR/replayed")" "$(tail -n +3 "$ERR")"
}

@test "orderly ends without -a are counted in a recording, and -a is refused then" {
	start_tcpwhy record -P 7000 "$REC"
	scenario orderly-client-closes -n $N -p 7000
	stop_tcpwhy
	assert_equal "$(shown "$REC")" ""
	assert_equal "$("$TCPWHY" replay "$REC" 2>&1 >/dev/null | awk '/^ +[0-9]+  [a-z]/ { print $2, $1 }' | LC_ALL=C sort)" \
		"closed-by-peer $N
closed-here $N"
	run --separate-stderr "$TCPWHY" replay -a "$REC"
	assert_equal "$status: $output" "2: "
}

@test "what a killed recorder had written can be read, and the next one goes on behind it" {
	start_tcpwhy record -P 7000 "$REC"
	scenario unread-data -n $N -p 7000
	wait_for 20 recorded $((2 * N)) # written each second
	kill -KILL "$WATCHER"
	wait "$WATCHER" || true
	printf '\x89tcpwhy\n\1' >>"$REC" # and a block that it had begun
	run --separate-stderr "$TCPWHY" replay "$REC"
	assert_equal "status $status: ${#lines[@]} lines" "status 8: $((2 * N)) lines"
	start_tcpwhy record -P 7001 "$REC"
	scenario linger-zero -n $N -p 7001
	stop_tcpwhy
	assert_equal "$(grep -c 'cut off the last 9 bytes' "$ERR")" 1
	run --separate-stderr "$TCPWHY" replay "$REC"
	assert_equal "status $status: ${#lines[@]} lines" "status 0: $((4 * N)) lines"
}

@test "a full disk is said, with status 7, and what was recorded before can be read" {
	mkdir "$BATS_TEST_TMPDIR/disk"
	mount -t tmpfs -o size=8k tmpfs "$BATS_TEST_TMPDIR/disk"
	REC=$BATS_TEST_TMPDIR/disk/recording
	start_tcpwhy record -P 7000 "$REC"
	scenario unread-data -n 3 -p 7000
	wait_for 20 recorded 6
	dd if=/dev/zero of="$BATS_TEST_TMPDIR/disk/rest" bs=4k status=none 2>/dev/null || true
	scenario unread-data -n 200 -p 7001 &
	scenario unread-data -n 200 -p 7000
	wait_for 20 gone "$WATCHER"
	run wait "$WATCHER"
	assert_equal "$(tail -n 1 "$ERR")" \
		"tcpwhy: cannot write to $REC: No space left on device; what was recorded before can be replayed"
	run --separate-stderr "$TCPWHY" replay "$REC"
	assert_success
	[ "${#lines[@]}" -ge 6 ]
}

@test "a recording is rotated by size: each file is one, and no record is missing" {
	start_tcpwhy record -P 7000 --rotate-size 1K --rotate-keep 20 "$REC"
	for _ in 1 2 3; do
		scenario unread-data -n $N -p 7000
		sleep 1.1 # it is written each second
	done
	stop_tcpwhy
	[ -e "$REC.2" ]
	# shellcheck disable=SC2012 # names have no blanks
	assert_equal "$(for file in $(ls -r "$REC".[0-9]* "$REC"); do shown "$file"; done | wc -l)" $((6 * N))
	for file in "$REC"*; do "$TCPWHY" replay "$file" 2>&1 >/dev/null; done | awk '/^ +[0-9]+  unread-data/ { n += $1 } END { print n }' >"$BATS_TEST_TMPDIR/sum"
	assert_equal "$(cat "$BATS_TEST_TMPDIR/sum")" $((3 * N))
}

@test "record -- COMMAND records it, and ends with its exit status" {
	run --separate-stderr in_netns "$TCPWHY" record "$REC" -- $PYTHON -c '
import socket
try:
    socket.create_connection(("127.0.0.1", 7009))
except ConnectionRefusedError:
    raise SystemExit(42)'
	assert_equal "status $status" "status 42"
	assert_equal "$(shown "$REC" --fields verdict,comm,remote | awk '{ print $1, $2, $3 }')" "refused python3 127.0.0.1:7009"
}
