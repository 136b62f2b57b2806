#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# A short test, for slow guests: some deaths, one of each, and what must be said of them with processes and addresses. And
# what of tcpwhy depends on the architecture: the registers of system calls.

load ../e2e/lib

setup() {
	make_netns
}

teardown() {
	kill_tcpwhy
	remove_netns
}

# The lines without the time and the evidence; the peers' PIDs, and the client's port, by name.
said_of_peers() {
	local port
	port=$(sed -n 's/.* 127\.0\.0\.1:7000 -> 127\.0\.0\.1:\([0-9]*\) .*/\1/p' "$OUT" | head -n 1)
	sed -E -e "s/\[$1\]/[server]/g; s/\[$2\]/[client]/g; s/127\.0\.0\.1:(7000|$port)\>/\1/g; s/\<$port\>/port/g" \
		-e 's/^[^ ]+ +([^ ]+) +([^ ]+) +([^ ]+ -> [^ ]+) +.*; other end: (.*)$/\1: \2 \3, other end: \4/' "$OUT" | sort
}

# dies SCENARIO LINES
dies() {
	local pids
	start_tcpwhy -P 7000
	run --separate-stderr in_netns $PYTHON "$TOP/tests/e2e/peers.py" run "$1" -n 1 -p 7000
	# shellcheck disable=SC2154 # stderr is set by run
	assert_equal "$status $stderr" "0 "
	# shellcheck disable=SC2154
	read -ra pids < <(sed -E 's/.*"server_pid": ([0-9]+), "client_pid": ([0-9]+).*/\1 \2/' <<<"$output")
	wait_for 5 lines_are "$(wc -l <<<"$2")" || true
	stop_tcpwhy
	assert_equal "$(said_of_peers "${pids[@]}")" "$2"
	assert_equal "$(lost)" 0
}

lines_are() {
	[ "$(wc -l <"$OUT")" -ge "$1" ]
}

@test "refused" {
	dies refused "no-listener: - 7000 -> port, other end: why-client[client] refused
refused: why-client[client] port -> 7000, other end: - no-listener"
}

@test "unread-data" {
	dies unread-data "peer-aborted: why-client[client] port -> 7000, other end: why-server[server] unread-data
unread-data: why-server[server] 7000 -> port, other end: why-client[client] peer-aborted"
}

@test "linger-zero" {
	dies linger-zero "linger-zero: why-server[server] 7000 -> port, other end: why-client[client] peer-aborted
peer-aborted: why-client[client] port -> 7000, other end: why-server[server] linger-zero"
}

@test "half-closed-reuse" {
	dies half-closed-reuse "half-closed-reuse: why-client[client] port -> 7000, other end: why-server[server] late-data-time-wait
late-data-time-wait: why-server[server] 7000 -> port, other end: why-client[client] half-closed-reuse"
}

@test "bad-descriptor: a system call's name and descriptor" {
	in_netns "$TCPWHY" -e --verdict bad-descriptor -- $PYTHON -c '
import os, socket
listener = socket.create_server(("127.0.0.1", 7000))
client = socket.create_connection(("127.0.0.1", 7000))
os.dup2(client.fileno(), 77)
client.detach()
os.close(77)
try:
    os.write(77, b"x")
except OSError:
    pass
' 2>"$BATS_TEST_TMPDIR/err"
	run cat "$BATS_TEST_TMPDIR/err"
	assert_line --regexp '  bad-descriptor  +python3\[[0-9]+\]  .* -> 127\.0\.0\.1:7000  +write\(\) on descriptor 77 gave EBADF: it was this socket, closed '
}
