#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Two processes on neighbouring ports do the same; exactly one is seen.

load lib

setup() {
	make_netns
	start_pair one 7100
	start_pair two 7101
}

teardown() {
	kill_tcpwhy
	remove_netns
}

both() {
	tell one "$@"
	tell two "$@"
}

# Lines and counters: "verdict<TAB>comm<TAB>how many" on standard input.
assert_seen() {
	local expected
	sleep 0.15
	stop_tcpwhy
	expected=$(sort)
	assert_equal "$(said_by_lines)" "$expected"
	assert_equal "counters: $(said_by_counters)" "counters: $(by_verdict <<<"$expected")"
}

UNREAD="peer-aborted	one	$N
unread-data	one	$N"
STALE="closed-here	one	$N
half-closed-reuse	one	$N
late-data-time-wait	one	$N"

@test "-P sees the port at either end, and not its neighbour" {
	start_tcpwhy -P 7100
	both listen
	both open $N
	both unread
	assert_seen <<<"$UNREAD"
}

@test "-P sees incidents without a socket on its port only" {
	start_tcpwhy -P 8100
	both refused $N
	assert_seen <<<"no-listener	-	$N
refused	one	$N"
}

@test "-P sees the overflow of its listener only" {
	start_tcpwhy -P 7100
	both fill $N
	assert_seen <<<"accept-overflow	one	$N
connect-abandoned	one	$N"
}

@test "-P sees the overflow of a listener that was full before tcpwhy started" {
	both fill $N
	start_tcpwhy -P 7100
	in_netns $PYTHON - <<-END
		import socket
		s = socket.socket()
		s.settimeout(0.3)
		s.connect_ex(("127.0.0.1", 7100))
	END
	assert_seen <<<"accept-overflow	one	1
connect-abandoned	python3	1"
}

@test "-p sees connections made after it started" {
	start_tcpwhy -p "$PAIR_one_PID"
	both listen
	both open $N
	both unread
	assert_seen <<<"$UNREAD"
}

@test "-p sees listeners and connections that were there before it started" {
	both listen
	both open $N
	start_tcpwhy -p "$PAIR_one_PID"
	both unread
	assert_seen <<<"$UNREAD"
}

@test "-p sees connections accepted from a listener that was there before" {
	both listen
	start_tcpwhy -p "$PAIR_one_PID"
	both open $N
	both unread
	assert_seen <<<"$UNREAD"
}

@test "-p sees deaths by packets, and resets sent in TIME_WAIT" {
	both listen
	both open $N
	start_tcpwhy -a -p "$PAIR_one_PID"
	both stale
	assert_seen <<<"$STALE"
}

@test "-p sees what all threads of the process do" {
	start_tcpwhy -p "$PAIR_one_PID"
	both refused-threads $N
	assert_seen <<<"refused	one	$N"
}


@test "-p sees the overflow of the process's listener only" {
	start_tcpwhy -p "$PAIR_one_PID"
	both fill $N
	assert_seen <<<"accept-overflow	one	$N
connect-abandoned	one	$N"
}

@test "-p and -P together must both hold" {
	start_tcpwhy -p "$PAIR_one_PID" -P 7101
	both listen
	both open $N
	both unread
	assert_seen <<<""
}

@test "-p ends with a summary when the process ends" {
	start_tcpwhy -p "$PAIR_one_PID"
	tell one refused $N
	echo quit >&"$PAIR_one_IN"
	wait_for 2 grep -q '^tcpwhy: in ' "$ERR"
	wait "$WATCHER"
	assert_equal "$(said_by_counters)" "refused	$N"
}

@test "without a filter the other namespace's connections are seen too" {
	start_tcpwhy
	both listen
	both open $N
	both unread
	sleep 0.15
	stop_tcpwhy
	assert_equal "$(said_by_lines | grep -P '\t(one|two)\t')" "peer-aborted	one	$N
peer-aborted	two	$N
unread-data	one	$N
unread-data	two	$N"
}
