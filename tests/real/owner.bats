#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# nginx with four workers: the master listens, a worker accepts, and the worker is the one to name.

load lib

setup() {
	need nginx
	make_hosts server
}

teardown() {
	kill_tcpwhy
	remove_hosts
}

# talk COUNT : connections that ask nginx for the PID of the worker; these, reset then, as "port pid"
talk() {
	on server $PYTHON - "$1" $PORT <<-END
		import re, socket, struct, sys, time
		conns = []
		for _ in range(int(sys.argv[1])):
		    conn = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
		    conn.sendall(b"GET /pid HTTP/1.1\r\nHost: x\r\n\r\n")
		    answer = b""
		    while not (pid := re.search(rb"worker (\d+)\.", answer)):
		        answer += conn.recv(4096)
		    print(conn.getsockname()[1], int(pid[1]))
		    conns.append(conn)
		for conn in conns:
		    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
		    conn.close()
	END
}

# named : of nginx's ends, as "port pid"
named() {
	sed -nE "s/^[^ ]+ +peer-aborted +nginx\[([0-9]+)\] +127\.0\.0\.1:$PORT -> 127\.0\.0\.1:([0-9]+) .*/\2 \1/p" "$OUT" |
		sort
}

# four_workers LISTEN-OPTIONS
four_workers() {
	NGINX_WORKERS=4 start_nginx server "$1" 'location /pid { return 200 "worker $pid."; }'
	watch
	talk 1000 >"$BATS_TEST_TMPDIR/right"
	sleep 0.3
	stop_tcpwhy
	assert_equal "$(lost) lost" "0 lost"
	assert [ "$(cut -d' ' -f2 "$BATS_TEST_TMPDIR/right" | sort -u | wc -l)" -gt 1 ]
	diff <(sort "$BATS_TEST_TMPDIR/right") <(named) >"$BATS_TEST_TMPDIR/diff" ||
		fail "right and named differ: $(wc -l <"$BATS_TEST_TMPDIR/diff") lines, first $(head -n 4 "$BATS_TEST_TMPDIR/diff")"
}

@test "nginx's four workers, on the master's listener" {
	four_workers ""
}

@test "nginx's four workers, with a listener each" {
	four_workers "reuseport"
}

# The master made the listener, and four workers accept: -p is for the one.
@test "nginx's four workers, and -p sees the connections of one of them" {
	local worker
	NGINX_WORKERS=4 start_nginx server '' 'location /pid { return 200 "worker $pid."; }'
	worker=$(pgrep -P "$NGINX" | head -n 1)
	watch -p "$worker"
	talk 200 >"$BATS_TEST_TMPDIR/right"
	sleep 0.3
	stop_tcpwhy
	grep " $worker$" "$BATS_TEST_TMPDIR/right" | sort >"$BATS_TEST_TMPDIR/own"
	assert [ -s "$BATS_TEST_TMPDIR/own" ]
	assert_equal "$(named)" "$(cat "$BATS_TEST_TMPDIR/own")"
	assert_equal "$(seen | wc -l) lines, $(lost) lost" "$(wc -l <"$BATS_TEST_TMPDIR/own") lines, 0 lost"
}
