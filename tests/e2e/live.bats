#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Real software, and real time.

load lib

setup() {
	make_netns
}

teardown() {
	kill_tcpwhy
	remove_netns
}

@test "redis --timeout 1, and clients that write too late" {
	ip netns exec "$NETNS" redis-server --port 6400 --bind 127.0.0.1 --timeout 1 --save '' \
		--dir "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/redis.log" 3>&- &
	disown
	wait_for 60 in_netns redis-cli -p 6400 ping
	start_tcpwhy -P 6400
	in_netns $PYTHON - $N >"$BATS_TEST_TMPDIR/silence" <<-END
		import socket, sys, time
		clients = [socket.create_connection(("127.0.0.1", 6400)) for _ in range(int(sys.argv[1]))]
		began = time.monotonic()
		for c in clients:
		    c.sendall(b"PING\r\n")
		    assert c.recv(100) == b"+PONG\r\n"
		CLOSE_WAIT, CLOSE = 8, 7
		def wait_state(state):
		    end = time.monotonic() + 60
		    while any(c.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != state for c in clients):
		        assert time.monotonic() < end, "redis does not close"
		        time.sleep(0.02)
		wait_state(CLOSE_WAIT)
		print(time.monotonic() - began)
		time.sleep(0.3)
		for c in clients:
		    c.sendall(b"GET too-late\r\n")
		wait_state(CLOSE)
	END
	stop_tcpwhy
	assert_equal "$(said_by_lines)" "half-closed-reuse	python3	$N
late-data-time-wait	redis-server	$N"
	assert_equal "$(said_by_counters)" "closed-here	$N
half-closed-reuse	$N
late-data-time-wait	$N"
	run sed -nE 's/.* half-closed-reuse .* -> 127.0.0.1:6400 +peer closed after ([0-9]+|[0-9.]+) s of silence; wrote 14 bytes [0-9.]+ m?s later, answered by RST.*/\1/p' "$OUT"
	assert_equal "${#lines[@]}" $N
	# redis waits for a second at least, and the client knows how long at most
	assert_equal "$(awk -v most="$(cat "$BATS_TEST_TMPDIR/silence")" '$1 < 1 || $1 > most { print "not from 1 to " most ": " $1 }' <<<"$output")" ""
	# Whose settings these are is known by the names of the processes, and what to set by the silence. Redis counts whole
	# seconds, and looks at each client once in a while: it closes after more than one, and less than three.
	run cat "$ERR"
	assert_line --regexp '^ +fix: redis closes after [12]\.[0-9]+ s without a command \(timeout\): Go \(go-redis\): ConnMaxIdleTime: [0-9]+\*time.(Millis|S)econd; '
	assert_line --regexp '^ +fix: or at the server: timeout [2-9] or more \(now about [12]\.[0-9]+ s; 0: never\)$'
	assert_line --regexp "^ +fix: redis closed it after [12]\.[0-9]+ s .* the client's idle timeout to [0-9.]+ m?s or less, or timeout [2-9] or more \(0: never\)$"
}

@test "each death is named within 100 ms" {
	run --separate-stderr in_netns $PYTHON "$TOP/tests/e2e/latency.py" "$TCPWHY" $N
	assert_success
	assert_equal "$(cut -f1 <<<"$output")" "refused
unread-data
half-closed-reuse
accept-overflow"
	assert_equal "later than 100 ms: $(awk -v most=$((100 * ${TEST_SLOWDOWN:-1})) '$3 > most' <<<"$output")" "later than 100 ms: "
}
