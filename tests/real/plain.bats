#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The plain deaths (S5), with real servers and clients.

load lib

setup() {
	make_hosts client server
}

teardown() {
	kill_tcpwhy
	remove_hosts
}

@test "S5: curl to a closed port" {
	need curl
	watch
	start CURL client curl -sS "http://10.77.1.2:$PORT/"
	ended CURL
	assert_seen <<-END
		refused  curl[$CURL]  10.77.1.1:any -> 10.77.1.2:$PORT  RST to our SYN: nothing listens there
		& no-listener  -  10.77.1.2:$PORT -> 10.77.1.1:any  RST sent in answer to a SYN
	END
}

@test "S5: a firewall swallows the SYN, and curl has the kernel's patience" {
	need curl nginx
	start_nginx server ""
	rules server "tcp dport $PORT counter drop"
	on client sysctl -qw net.ipv4.tcp_syn_retries=1 net.ipv4.tcp_syn_linear_timeouts=0
	watch
	start CURL client curl -sS "http://10.77.1.2:$PORT/"
	ended CURL
	assert_equal "SYNs: $(counted server)" "SYNs: 2"
	assert_seen <<-END
		connect-timeout  curl[$CURL]  10.77.1.1:any -> 10.77.1.2:$PORT  2 SYNs sent, no answer (Connection timed out)
	END
}

@test "S5: a firewall swallows the SYN, and curl gives up first" {
	need curl nginx
	start_nginx server ""
	rules server "tcp dport $PORT drop"
	watch
	start CURL client curl -sS --connect-timeout 0.5 "http://10.77.1.2:$PORT/"
	ended CURL
	assert_seen <<-END
		connect-abandoned  curl[$CURL]  10.77.1.1:any -> 10.77.1.2:$PORT  1 SYN sent, not connected yet
	END
}

# The first ICMP comes while connect() still holds the socket, and is no more than a soft error; the second, to the SYN
# that is sent again after 1 s, is deadly.
@test "S5: a firewall rejects the SYN with ICMP, and bash waits" {
	need redis-server
	start_redis server
	rules server "tcp dport $PORT counter reject with icmp type host-prohibited"
	watch
	start CLIENT client bash -c "exec 3<>/dev/tcp/10.77.1.2/$PORT"
	ended CLIENT
	assert_equal "SYNs: $(counted server)" "SYNs: 2"
	assert_seen <<-END
		connect-unreachable  bash[$CLIENT]  10.77.1.1:any -> 10.77.1.2:$PORT  2 SYNs sent, no answer (No route to host)
	END
}

# With a socket that doesn't block, poll() reports the first ICMP at once: curl asks SO_ERROR, is told EHOSTUNREACH,
# and closes. The kernel has forgotten the soft error by then, because SO_ERROR was asked.
# On one host the ICMP comes while connect() holds the socket: it is a soft error then, and curl's
# getsockopt(SO_ERROR) takes it away before it closes. Nothing of it is left on the socket.
@test "S5: a firewall rejects the SYN with ICMP, and curl gives up at once" {
	need curl nginx
	start_nginx server ""
	rules server "tcp dport $PORT counter reject with icmp type host-prohibited"
	watch
	start CURL client curl -sS "http://10.77.1.2:$PORT/"
	ended CURL
	assert_equal "SYNs: $(counted server)" "SYNs: 1"
	assert_seen <<-END
		connect-abandoned  curl[$CURL]  10.77.1.1:any -> 10.77.1.2:$PORT  1 SYN sent, not connected yet
	END
}

# The first line is told at once, when there was no other end to name. What redis-cli meets 0.3 s later has its cause there.
@test "S5: redis' keepalive finds nobody, and then the client comes back" {
	need redis-server
	start_redis server --tcp-keepalive 3 # idle 3 s, interval 1 s, three probes
	start_fed CLIENT client redis-cli -h 10.77.1.2 -p "$PORT"
	feed CLIENT ping
	says CLIENT PONG
	watch
	rules client "tcp sport $PORT counter drop"
	wait_sockets 0 server established "( sport = :$PORT )"
	assert_equal "lost probes, and the RST: $(counted client)" "lost probes, and the RST: 4"
	rules client
	sleep 0.3
	feed CLIENT ping
	says CLIENT "Connection reset by peer"
	assert_seen <<-END
		keepalive-timeout  redis-server[$REDIS]  10.77.1.2:$PORT -> 10.77.1.1:any  3 of 3 probes unanswered (time 3.00 s, interval 1.00 s)
		server-restarted  redis-server[$REDIS]  10.77.1.2:$PORT -> 10.77.1.1:any  RST sent in answer to 14 bytes; other end: redis-cli[$CLIENT] peer-forgot
		peer-forgot  redis-cli[$CLIENT]  10.77.1.1:any -> 10.77.1.2:$PORT  RST by no living socket in ESTABLISHED after 6.# s of silence, 14 bytes unacknowledged; # bytes sent and acknowledged, # received; other end: redis-server[$REDIS] keepalive-timeout
	END
}

@test "S5: a download stalls at a full window, and then the client is gone" {
	need curl nginx
	start_nginx server ""
	on server sysctl -qw net.ipv4.tcp_retries2=2
	start CURL client curl -sS -o /dev/null --limit-rate 1k "http://10.77.1.2:$PORT/big"
	wait_sockets 1 server established "( sport = :$PORT )"
	pause "$CURL"
	wait_for 60 window_closed
	watch
	rules client "tcp sport $PORT drop"
	wait_sockets 0 server established "( sport = :$PORT )"
	assert_seen <<-END
		zero-window-timeout  nginx[$NGINX_WORKER]  10.77.1.2:$PORT -> 10.77.1.1:any  window closed, # probes; # bytes unacknowledged after * peer last heard #.# s ago, tcp_retries2 2
	END
}

window_closed() {
	on server ss -Htnoi state established "( sport = :$PORT )" | grep -q 'timer:(persist' # window probes are due
}

@test "S5: ss -K" {
	need redis-server
	start_redis server
	start_fed CLIENT client redis-cli -h 10.77.1.2 -p "$PORT"
	feed CLIENT ping
	says CLIENT PONG
	watch
	on server ss -Ktn state established "( sport = :$PORT )"
	wait_sockets 0 server established "( sport = :$PORT )"
	assert_seen <<-END
		destroyed  redis-server[$REDIS]  10.77.1.2:$PORT -> 10.77.1.1:any  in ESTABLISHED after @(# ms|#.# s) of silence; # bytes sent and acknowledged, # received
		& peer-aborted  redis-cli[$CLIENT]  10.77.1.1:any -> 10.77.1.2:$PORT  RST by a living socket in ESTABLISHED after @(# ms|#.# s) of silence; # bytes sent and acknowledged, # received
	END
}
