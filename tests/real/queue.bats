#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# S3d: nginx does not accept, and its queue is full. S5: SYN floods.

load lib

setup() {
	need nginx curl
	make_hosts client server
	on client sysctl -qw net.ipv4.tcp_syn_retries=1 net.ipv4.tcp_syn_linear_timeouts=0
	start_nginx server 'backlog=2'
}

teardown() {
	kill_tcpwhy
	remove_hosts
}

# Three clients that nginx does not accept: full is what is longer than the backlog.
fill_queue() {
	pause "$NGINX_WORKER"
	start FILLER1 client curl -sS "http://10.77.1.2:$PORT/"
	start FILLER2 client curl -sS "http://10.77.1.2:$PORT/"
	start FILLER3 client curl -sS "http://10.77.1.2:$PORT/"
	wait_for 30 queue_is 3
}

queue_is() {
	[ "$(on server ss -Htnl "( sport = :$PORT )" | awk '{ print $2 }')" = "$1" ]
}

# Ends the fillers orderly: nginx accepts and answers them.
resume() {
	kill -CONT "$NGINX_WORKER"
	ended FILLER1
	ended FILLER2
	ended FILLER3
}

@test "S3d: the queue is full, and a client has the kernel's patience" {
	watch
	fill_queue
	start CURL client curl -sS "http://10.77.1.2:$PORT/"
	ended CURL
	resume
	assert_seen <<-END
		connect-timeout  curl[$CURL]  10.77.1.1:any -> 10.77.1.2:$PORT  2 SYNs sent, no answer (Connection timed out)
		accept-overflow  nginx[$NGINX]  0.0.0.0:$PORT -> *  1 SYN dropped; accept queue 3 of limit 2 from listen(), full for @(# ms|#.# s), nothing accepted for @(# ms|#.# s)
		accept-overflow  nginx[$NGINX]  0.0.0.0:$PORT -> *  1 SYN dropped; accept queue 3 of limit 2 from listen(), full for @(# ms|#.# s), nothing accepted for @(# ms|#.# s)
	END
}

@test "S3d: the queue is full, and a client gives up first" {
	watch
	fill_queue
	start CURL client curl -sS --connect-timeout 0.5 "http://10.77.1.2:$PORT/"
	ended CURL
	resume
	assert_seen <<-END
		connect-abandoned  curl[$CURL]  10.77.1.1:any -> 10.77.1.2:$PORT  1 SYN sent, not connected yet
		accept-overflow  nginx[$NGINX]  0.0.0.0:$PORT -> *  1 SYN dropped; accept queue 3 of limit 2 from listen(), full for @(# ms|#.# s), nothing accepted for @(# ms|#.# s)
	END
}

# A client that believes to be connected, since all it sent after its SYN was lost until the queue was full.
late_handshake() {
	pause "$NGINX_WORKER"
	rules server "tcp dport $PORT tcp sport 19999 tcp flags & syn == 0 drop"
	start LATE client curl -sS --local-port 19999 "http://10.77.1.2:$PORT/"
	wait_sockets 1 client established "( sport = :19999 )"
	fill_queue
	rules server
}

@test "S3d: the queue is full when a handshake completes; tcp_abort_on_overflow is 0" {
	watch
	late_handshake
	sleep 1.5
	resume
	ended LATE
	assert_seen <<-END
		+accept-overflow  nginx[$NGINX]  10.77.1.2:$PORT -> 10.77.1.1:any  last ACK of a handshake dropped; accept queue 3 of limit 2 from listen(), full for @(# ms|#.# s), nothing accepted for @(# ms|#.# s)
	END
}

@test "S3d: the queue is full when a handshake completes; tcp_abort_on_overflow is 1" {
	on server sysctl -qw net.ipv4.tcp_abort_on_overflow=1
	watch
	late_handshake
	ended LATE
	resume
	assert_seen <<-END
		accept-overflow-reset  nginx[$NGINX]  10.77.1.2:$PORT -> 10.77.1.1:any  last ACK of a handshake answered by RST; accept queue 3 of limit 2 from listen(), full for @(# ms|#.# s), nothing accepted for @(# ms|#.# s)
		& backlog-reset  curl[$LATE]  10.77.1.1:any -> 10.77.1.2:$PORT  likely: RST by no living socket in ESTABLISHED after @(# ms|#.# s) of silence, # bytes unacknowledged; 0 bytes sent and acknowledged, 0 received
	END
}

# flood : 200 SYNs whose answers nobody sees; the requests stay in the SYN queue for more than 30 s
flood() {
	need hping3
	rules client "tcp sport $PORT tcp dport 10000-10999 drop"
	on client hping3 -q -S -c 200 -i u1000 -s 10000 -p "$PORT" 10.77.1.2 >"$BATS_TEST_TMPDIR/hping.log" 2>&1 || true
}

# The kernel's own counter, of the server's network namespace.
kernel_counted() {
	on server nstat -asz "$1" | awk -v name="$1" '$1 == name { print $2 }'
}

@test "S5: a SYN flood without cookies fills the SYN queue" {
	on server sysctl -qw net.ipv4.tcp_syncookies=0
	watch
	flood
	start CURL client curl -sS --connect-timeout 0.5 "http://10.77.1.2:$PORT/"
	ended CURL
	assert_seen <<-END
		+syn-queue-overflow  nginx[$NGINX]  0.0.0.0:$PORT -> *  # SYN@(|s) dropped; 3 handshakes under way, limit 2
		connect-abandoned  curl[$CURL]  10.77.1.1:any -> 10.77.1.2:$PORT  1 SYN sent, not connected yet
	END
	[ "$(kernel_counted TcpExtTCPReqQFullDrop)" -gt 100 ]
	assert_equal "$(said_by_counters | grep syn-queue)" "syn-queue-overflow	$(kernel_counted TcpExtTCPReqQFullDrop)"
}

# Nobody is harmed: curl too gets a cookie, and its answer.
@test "S5: a SYN flood with cookies" {
	on server sysctl -qw net.ipv4.tcp_syncookies=1
	watch
	flood
	start CURL client curl -sS --connect-timeout 0.5 "http://10.77.1.2:$PORT/"
	ended CURL
	says CURL hello
	assert_seen <<-END
		+syn-cookies  nginx[$NGINX]  0.0.0.0:$PORT -> *  SYN cookies sent; 3 handshakes under way, limit 2
	END
	[ "$(kernel_counted TcpExtSyncookiesSent)" -gt 100 ]
	assert_equal "$(said_by_counters | grep -v syn-cookies)" "closed-by-peer	1
closed-here	1"
}
