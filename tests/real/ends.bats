#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# S3a, S3b: a process dies or gives up, and the other end sends. S3e: it uses a descriptor that is not connected, or closed.

load lib

setup() {
	make_hosts client server
}

teardown() {
	kill_tcpwhy
	remove_hosts
}

# unread BYTES HOST : of the service's only connection there
unread() {
	[ "$(on "$2" ss -Htn state established "( sport = :$PORT )" | awk '{ print $1 }')" = "$1" ]
}

# More than a client has read that reads all: nginx sends as much as fits.
window_is_full() {
	on "$1" ss -Htn state established "( dport = :$PORT )" | awk '{ full = $1 > 1000000 } END { exit !full }'
}

# A redis, and a redis-cli that is idle after one PING.
start_redis_and_client() {
	need redis-server
	start_redis server
	start_fed CLIENT client redis-cli -h 10.77.1.2 -p "$PORT"
	feed CLIENT ping
	says CLIENT PONG
	wait_sockets 1 server established "( sport = :$PORT )"
}

@test "S3a: redis is killed, and the client sends" {
	start_redis_and_client
	watch
	kill -KILL "$REDIS"
	ended REDIS
	sleep 0.5
	feed CLIENT ping
	says CLIENT Error
	assert_seen <<-END
		half-closed-reuse  redis-cli[$CLIENT]  10.77.1.1:any -> 10.77.1.2:$PORT  peer @(had closed|closed after #.# s of silence); wrote 14 bytes @([5-9]?? ms|[12].?? s) later, answered by RST
		& late-data-time-wait  redis-server[$REDIS]  10.77.1.2:$PORT -> 10.77.1.1:any  RST sent in answer to 14 bytes; closed @(# ms|#.# s) before@(|, after #.# s of silence); the process was killed by signal 9 (Killed)
	END
}

@test "S3a: redis exits, and the client sends" {
	start_redis_and_client
	watch
	kill -TERM "$REDIS"
	ended REDIS
	sleep 0.5
	feed CLIENT ping
	says CLIENT Error
	assert_seen <<-END
		half-closed-reuse  redis-cli[$CLIENT]  10.77.1.1:any -> 10.77.1.2:$PORT  peer @(had closed|closed after #.# s of silence); wrote 14 bytes @([5-9]?? ms|[12].?? s) later, answered by RST
		& late-data-time-wait  redis-server[$REDIS]  10.77.1.2:$PORT -> 10.77.1.1:any  RST sent in answer to 14 bytes; closed @(# ms|#.# s) before@(|, after #.# s of silence); the process exited with status 0
	END
}

@test "S3a: redis has a segmentation fault, and the client sends" {
	start_redis_and_client
	watch
	on server redis-cli -p "$PORT" debug segfault || true
	ended REDIS
	sleep 0.5
	feed CLIENT ping
	says CLIENT Error
	assert_seen <<-END
		half-closed-reuse  redis-cli[$CLIENT]  10.77.1.1:any -> 10.77.1.2:$PORT  peer @(had closed|closed after #.# s of silence); wrote 14 bytes @([5-9]?? ms|[12].?? s) later, answered by RST
		& late-data-time-wait  redis-server[$REDIS]  10.77.1.2:$PORT -> 10.77.1.1:any  RST sent in answer to 14 bytes; closed @(# ms|#.# s) before@(|, after #.# s of silence); the process was killed by signal 11 (Segmentation fault)
	END
}

@test "S3a: redis is killed with a request unread" {
	start_redis_and_client
	watch
	pause "$REDIS"
	feed CLIENT ping
	wait_for 30 unread 14 server
	kill -KILL "$REDIS"
	ended REDIS
	says CLIENT Error
	assert_seen <<-END
		unread-data  redis-server[$REDIS]  10.77.1.2:$PORT -> 10.77.1.1:any  closed with 14 bytes unread, so RST was sent; the process was killed by signal 9 (Killed)
		& peer-aborted  redis-cli[$CLIENT]  10.77.1.1:any -> 10.77.1.2:$PORT  RST by a living socket in ESTABLISHED after @(# ms|#.# s) of silence@(|, 14 bytes unacknowledged); # bytes sent and acknowledged, # received
	END
}

@test "S3a: nginx' worker has a segmentation fault with a request unread" {
	need nginx
	start_nginx server ''
	start_fed CLIENT client bash
	feed CLIENT "exec 3<>/dev/tcp/10.77.1.2/$PORT" "printf 'GET / HTTP/1.1\r\nHost: nginx\r\n\r\n' >&3" \
		'read -r line <&3' 'echo "$line"'
	says CLIENT '200 OK'
	watch
	pause "$NGINX_WORKER"
	feed CLIENT "printf 'GET / HTTP/1.1\r\nHost: nginx\r\n\r\n' >&3"
	wait_for 30 unread 31 server
	kill -SEGV "$NGINX_WORKER"
	kill -CONT "$NGINX_WORKER" # it has one thread and no handler: the signal comes before the request
	says NGINX 'exited on signal 11'
	assert_seen <<-END
		unread-data  nginx[$NGINX_WORKER]  10.77.1.2:$PORT -> 10.77.1.1:any  closed with 31 bytes unread, so RST was sent; the process was killed by signal 11 (Segmentation fault)
		& peer-aborted  bash[$CLIENT]  10.77.1.1:any -> 10.77.1.2:$PORT  RST by a living socket in ESTABLISHED after @(# ms|#.# s) of silence@(|, 31 bytes unacknowledged); # bytes sent and acknowledged, # received
	END
}

@test "S3a: MariaDB has a segmentation fault, and the client sends" {
	need mariadbd mariadb
	start_mariadb server
	start_fed CLIENT client mariadb --no-defaults -N -n --skip-reconnect -u root -h 10.77.1.2 -P "$PORT"
	feed CLIENT 'SELECT "first";'
	says CLIENT first
	watch
	kill -SEGV "$MARIADB"
	ended MARIADB
	sleep 0.5
	feed CLIENT 'SELECT "second";'
	says CLIENT ERROR
	assert_seen <<-END
		half-closed-reuse  mariadb[$CLIENT]  10.77.1.1:any -> 10.77.1.2:$PORT  peer @(had closed|closed after #.# s of silence); wrote 20 bytes @([5-9]?? ms|[12].?? s) later, answered by RST
		& late-data-time-wait  mariadbd[$MARIADB]  10.77.1.2:$PORT -> 10.77.1.1:any  RST sent in answer to 20 bytes; closed @(# ms|#.# s) before@(|, after #.# s of silence); the process was killed by signal 11 (Segmentation fault)
	END
}

@test "S3a: a shell script exits with redis' answer unread" {
	need redis-server
	start_redis server
	watch
	start CLIENT client bash -c "exec 3<>/dev/tcp/10.77.1.2/$PORT; printf 'PING\r\n' >&3; sleep 0.5; exit 3"
	ended CLIENT
	assert_seen <<-END
		unread-data  bash[$CLIENT]  10.77.1.1:any -> 10.77.1.2:$PORT  closed with 7 bytes unread, so RST was sent; the process exited with status 3
		& peer-aborted  redis-server[$REDIS]  10.77.1.2:$PORT -> 10.77.1.1:any  RST by a living socket in ESTABLISHED after @([5-9]?? ms|[12].?? s) of silence; 7 bytes sent and acknowledged, 6 received
	END
}

# curl had read all there was: a FIN. nginx waits for its limit, sees the FIN and closes before it sends more.
@test "S3b: curl is interrupted while nginx waits for its limit_rate" {
	need nginx curl
	start_nginx server '' 'limit_rate 100k;'
	watch
	start CURL client curl -sS -o /dev/null "http://10.77.1.2:$PORT/big"
	wait_sockets 1 server established "( sport = :$PORT )"
	sleep 0.5
	kill -INT "$CURL" # ignored: a background process of a shell
	kill -TERM "$CURL"
	ended CURL
	wait_sockets 0 server established "( sport = :$PORT )"
	wait_sockets 0 server close-wait "( sport = :$PORT )"
	assert_seen </dev/null
	assert_equal "$(said_by_counters)" "closed-by-peer	1
closed-here	1"
}

@test "S3b: curl is interrupted, and had not read all that nginx had sent" {
	need nginx curl
	start_nginx server ''
	watch
	start CURL client curl -sS -o /dev/null --limit-rate 100k "http://10.77.1.2:$PORT/big"
	wait_for 30 window_is_full client
	kill -TERM "$CURL"
	ended CURL
	wait_sockets 0 server established "( sport = :$PORT )"
	assert_seen <<-END
		unread-data  curl[$CURL]  10.77.1.1:any -> 10.77.1.2:$PORT  closed with # bytes unread, so RST was sent; the process was killed by signal 15 (Terminated)
		& peer-aborted  nginx[$NGINX_WORKER]  10.77.1.2:$PORT -> 10.77.1.1:any  RST by a living socket in ESTABLISHED after @(# ms|#.# s) of silence, # bytes unacknowledged; # bytes sent and acknowledged, # received
	END
}

@test "S3b: redis-cli is killed while it waits, and redis answers" {
	need redis-server
	start_redis server
	start_fed CLIENT client redis-cli -h 10.77.1.2 -p "$PORT"
	feed CLIENT ping
	says CLIENT PONG
	watch
	feed CLIENT 'debug sleep 1'
	sleep 0.3
	kill -KILL "$CLIENT"
	wait_sockets 0 server established "( sport = :$PORT )"
	wait_sockets 0 server close-wait "( sport = :$PORT )"
	assert_seen <<-END
		half-closed-reuse  redis-server[$REDIS]  10.77.1.2:$PORT -> 10.77.1.1:any  peer @(had closed|closed after #.# s of silence); wrote 5 bytes @([5-9]?? ms|[12].?? s) later, answered by RST
		& late-data-time-wait  redis-cli[$CLIENT]  10.77.1.1:any -> 10.77.1.2:$PORT  RST sent in answer to 5 bytes; closed @(# ms|#.# s) before@(|, after #.# s of silence); the process was killed by signal 9 (Killed)
	END
}

# A program whose lines come as they are fed; what is raised is said.
start_python() {
	start_fed CLIENT client "$PYTHON" -uc "if True:
		import os, socket, sys
		for line in sys.stdin:
			try:
				exec(line)
			except OSError as error:
				print(error)
			else:
				print('done:', line)"
}

@test "S3e: recv() on a listening descriptor: Transport endpoint is not connected" {
	start_python
	feed CLIENT "listener = socket.create_server(('10.77.1.1', $PORT))"
	says CLIENT 'done: listener'
	watch -e -p "$CLIENT"
	feed CLIENT 'listener.recv(1)'
	says CLIENT 'Transport endpoint is not connected'
	assert_seen <<-END
		not-connected  python3[$CLIENT]  10.77.1.1:$PORT -> *  receive gave ENOTCONN in LISTEN
	END
}

@test "S3e: send() on a descriptor that was closed: Bad file descriptor" {
	need redis-server
	start_redis server
	start_python
	feed CLIENT "sock = socket.create_connection(('10.77.1.2', $PORT)); fd = sock.fileno(); print('fd', fd)"
	says CLIENT 'done: sock'
	watch -e -p "$CLIENT"
	feed CLIENT 'os.close(fd)'
	says CLIENT 'done: os.close'
	sleep 0.5
	feed CLIENT "sock.send(b'PING')"
	says CLIENT 'Bad file descriptor'
	assert_seen <<-END
		bad-descriptor  python3[$CLIENT]  10.77.1.1:any -> 10.77.1.2:$PORT  send() on descriptor $(sed -n 's/^fd //p' "$BATS_TEST_TMPDIR/CLIENT.log") gave EBADF: it was this socket, closed @([5-9]?? ms|[12].?? s) before
	END
}
