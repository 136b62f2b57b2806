#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# S1: a proxy with keepalive and a short user timeout, between a client and a MariaDB; one keepalive probe is lost. tcpwhy
# check warns of it before.

load lib

setup() {
	need haproxy mariadbd mariadb
	make_hosts client proxy server
	start_mariadb server
}

teardown() {
	kill_tcpwhy
	remove_hosts
}

# start_proxy KEEPALIVE USER-TIMEOUT : the first in seconds, for idle time and interval; both sides have both
start_proxy() {
	local ut=${2:+tcp-ut $2}
	cat >"$BATS_TEST_TMPDIR/haproxy.cfg" <<-END
		defaults
			mode tcp
			timeout connect 5s
			timeout client 60s
			timeout server 60s
			option clitcpka
			clitcpka-idle $1s
			clitcpka-intvl $1s
			clitcpka-cnt 5
			option srvtcpka
			srvtcpka-idle $1s
			srvtcpka-intvl $1s
			srvtcpka-cnt 5
		listen db
			bind 10.77.1.2:$PORT $ut
			server mariadb 10.77.2.2:$PORT $ut
	END
	start PROXY proxy haproxy -db -f "$BATS_TEST_TMPDIR/haproxy.cfg"
	wait_for 30 sockets_are 1 proxy listening "( sport = :$PORT )"
}

# start_client : with a session through the proxy, idle
start_client() {
	start_fed CLIENT client mariadb --no-defaults -N -n --skip-reconnect -u root -h 10.77.1.2 -P "$PORT"
	feed CLIENT 'SELECT "first";'
	says CLIENT first
	wait_sockets 1 proxy established "( sport = :$PORT )"
	wait_sockets 1 proxy established "( dport = :$PORT )"
}

# lose_one_probe HOST : the next bare segment that comes from the proxy, when what was said is acknowledged (TCP_DELACK_MAX, 200 ms)
lose_one_probe() {
	local from="ip saddr 10.77.1.2 tcp sport $PORT"
	sleep 0.3
	[ "$1" = client ] || from="ip saddr 10.77.2.1 tcp dport $PORT"
	rules "$1" "$from ip length < 60 limit rate 1/day burst 1 packets counter drop"
}

# warned : what tcpwhy check warns of on the proxy's host, behind its exit status, before anything dies
warned() {
	local status=0
	on proxy "$TCPWHY" check --json --netns "$(netns proxy)" >"$BATS_TEST_TMPDIR/check" || status=$?
	$PYTHON - "$BATS_TEST_TMPDIR/check" "$status" <<-END
		import json, sys
		said = json.load(open(sys.argv[1]))
		for one in said["accidents"]:
		    if one["found"]:
		        worst = one["worst"][0]
		        print(sys.argv[2], one["name"], f"{worst['comm']}[{worst['pid']}]", one["count"], worst["why"])
	END
}

# haproxy's own RST reaches the client, since one packet only is lost; towards the server it aborts with SO_LINGER 0.
@test "S1: the client's host loses one probe of the proxy" {
	start_proxy 3 2s
	start_client
	assert_equal "$(warned)" "9 one-lost-probe haproxy[$PROXY] 2 TCP_USER_TIMEOUT 2.00 s <= keepalive time 3.00 s + interval 3.00 s"
	lose_one_probe client
	watch
	wait_sockets 0 proxy established "( sport = :$PORT )"
	assert_equal "probes lost: $(counted client)" "probes lost: 1"
	sleep 0.5
	feed CLIENT 'SELECT "again";'
	says CLIENT 'ERROR'
	assert_seen <<-END
		keepalive-user-timeout  haproxy[$PROXY]  10.77.1.2:$PORT -> 10.77.1.1:any  1 of 5 probes unanswered (time 3.00 s, interval 3.00 s), TCP_USER_TIMEOUT 2.00 s <= time + interval, so one lost probe is enough
		& peer-aborted  mariadb[$CLIENT]  10.77.1.1:any -> 10.77.1.2:$PORT  RST by a living socket in ESTABLISHED after 6.?? s of silence; # bytes sent and acknowledged, # received
		linger-zero  haproxy[$PROXY]  10.77.2.1:any -> 10.77.2.2:$PORT  aborted with SO_LINGER 0 after @(# ms|#.# s) of silence
		& peer-aborted  mariadbd[$MARIADB]  10.77.2.2:$PORT -> 10.77.2.1:any  RST by a living socket in ESTABLISHED after 6.?? s of silence; # bytes sent and acknowledged, # received
	END
	assert_equal "$(remedy keepalive-user-timeout)" \
		'haproxy: remove tcp-ut from the bind line (now 2.00 s), or make it more than 18 s: time 3.00 s + 5 probes x 3.00 s'
}

# Here haproxy closes its client's connection orderly, and the client finds out when it writes.
@test "S1: the server's host loses one probe of the proxy" {
	start_proxy 3 2s
	start_client
	lose_one_probe server
	watch
	wait_sockets 0 proxy established "( dport = :$PORT )"
	assert_equal "probes lost: $(counted server)" "probes lost: 1"
	sleep 0.5
	feed CLIENT 'SELECT "again";'
	says CLIENT 'ERROR'
	assert_seen <<-END
		keepalive-user-timeout  haproxy[$PROXY]  10.77.2.1:any -> 10.77.2.2:$PORT  1 of 5 probes unanswered (time 3.00 s, interval 3.00 s), TCP_USER_TIMEOUT 2.00 s <= time + interval, so one lost probe is enough
		& peer-aborted  mariadbd[$MARIADB]  10.77.2.2:$PORT -> 10.77.2.1:any  RST by a living socket in ESTABLISHED after 6.?? s of silence; # bytes sent and acknowledged, # received
		half-closed-reuse  mariadb[$CLIENT]  10.77.1.1:any -> 10.77.1.2:$PORT  peer closed after 6.?? s of silence; wrote 19 bytes @([5-9]?? ms|[12].?? s) later, answered by RST
		& late-data-time-wait  haproxy[$PROXY]  10.77.1.2:$PORT -> 10.77.1.1:any  RST sent in answer to 19 bytes; closed @(# ms|#.# s) before, after 6.?? s of silence
	END
	assert_equal "$(remedy keepalive-user-timeout)" \
		'haproxy: remove tcp-ut from the server line (now 2.00 s), or make it more than 18 s: time 3.00 s + 5 probes x 3.00 s'
}

@test "S1b: with 5 s, 5 s, 5 probes and no user timeout, a lost probe on either side does no harm" {
	start_proxy 5 ''
	start_client
	assert_equal "$(warned)" ""
	lose_one_probe client
	lose_one_probe server
	watch
	sleep 11
	assert_equal "probes lost: $(counted client) $(counted server)" "probes lost: 1 1"
	feed CLIENT 'SELECT "again";'
	says CLIENT again
	feed CLIENT quit
	ended CLIENT
	wait_sockets 0 proxy established "( dport = :$PORT )"
	assert_seen </dev/null
	assert_equal "$(said_by_counters)" "closed-by-peer	2
closed-here	2" # of both connections, both ends
}
