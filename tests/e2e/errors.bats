#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# -e: what the application saw. Each error 23 times, of one process or one port; and nothing of it
# without the option.

load lib

setup() {
	make_netns
	start_pair one 7100
	start_pair two 7101
	tell one listen
	tell two listen
}

teardown() {
	kill_tcpwhy
	remove_netns
}

# Only the incidents of -e: the deaths have their own tests.
said_of_calls() {
	said_by_lines | grep -E '^(write-after-close|not-connected|call-failed|bad-descriptor)' || true
}

# errors_of COMMAND EXPECTED ARGS... : both processes do it, tcpwhy ARGS sees one of them
errors_of() {
	start_tcpwhy -e "${@:3}"
	tell one "$1" $N
	tell two "$1" $N
	sleep 0.1
	stop_tcpwhy
	assert_equal "$1: $(said_of_calls)" "$1: $2"
	assert_equal "$(lost)" 0
}

@test "EPIPE is write-after-close, after the ECONNRESET that came first" {
	for filter in "-p $PAIR_one_PID" "-P 7100"; do
		# shellcheck disable=SC2086
		errors_of broken-pipe "call-failed	one	$N
write-after-close	one	$N" $filter
		assert_equal "$(grep -c 'write-after-close .*send gave EPIPE in CLOSE$' "$OUT")" $N
	done
}

@test "ECONNRESET is call-failed" {
	errors_of reset "call-failed	one	$N" -p "$PAIR_one_PID"
	assert_equal "$(grep -c 'call-failed .*receive gave ECONNRESET in CLOSE$' "$OUT")" $N
}

@test "ENOTCONN on a listening socket is not-connected" {
	errors_of not-connected "not-connected	one	$N" -P 7100
	assert_equal "$(grep -c 'not-connected .* 127.0.0.1:7100 -> \* .*receive gave ENOTCONN in LISTEN$' "$OUT")" $N
}

@test "EBADF on a descriptor that was a socket is bad-descriptor" {
	errors_of bad-descriptor "bad-descriptor	one	$N" -p "$PAIR_one_PID"
	assert_equal "$(grep -c 'bad-descriptor .* -> 127.0.0.1:7100 .*write() on descriptor [0-9]* gave EBADF: it was this socket, closed [0-9.]* m\?s before$' "$OUT")" $N
}

@test "a socket closed twice is bad-descriptor" {
	errors_of double-close "bad-descriptor	one	$N" -p "$PAIR_one_PID"
	assert_equal "$(grep -c 'bad-descriptor .*close() on descriptor' "$OUT")" $N
}

@test "EBADF on a descriptor that was a file is not reported" {
	errors_of bad-file "" -p "$PAIR_one_PID"
}

@test "without -e nothing of it is seen" {
	start_tcpwhy -p "$PAIR_one_PID"
	for command in broken-pipe reset not-connected bad-descriptor double-close; do
		tell one $command $N
	done
	sleep 0.1
	stop_tcpwhy
	assert_equal "$(said_of_calls)" ""
}

@test "-e needs a filter" {
	run --separate-stderr "$TCPWHY" -e -d 1
	assert_failure 2
	assert_output ""
	# shellcheck disable=SC2154
	assert_equal "$stderr" "tcpwhy: -e (--errors) needs a filter, such as -p or -P: it costs something for each call and segment"
}
