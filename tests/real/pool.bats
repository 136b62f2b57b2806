#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# S4: pools of HTTP connections that outlive the server's keepalive_timeout.

load lib

setup_file() {
	build_client
}

setup() {
	local idle=2s
	need nginx
	make_hosts client server
	# To a host that is gone, FINs would be sent again and again, also while the books are made up.
	[[ $BATS_TEST_DESCRIPTION != *"a host that is gone" ]] || idle=60s
	start_nginx server '' "keepalive_timeout $idle;"
	URL=http://10.77.1.2:$PORT/
}

teardown() {
	kill_tcpwhy
	remove_hosts
}

start_service() {
	start_fed SERVICE client env GOMAXPROCS=1 "$CLIENT" http "$URL"
	feed SERVICE GET
	says SERVICE 'ok: 200'
}

# The pool has a goroutine that reads: it saw the FIN, closed, and the second request went over another connection.
@test "S4: Go's pool asks again after 2.6 s" {
	need go
	start_service
	watch
	feed SERVICE 'sleep 2.6s' GET
	wait_for 30 has_two_answers
	kill -TERM "$SERVICE"
	ended SERVICE
	wait_sockets 0 server established "( sport = :$PORT )"
	assert_seen </dev/null
	assert_equal "$(said_by_counters)" "closed-by-peer	2
closed-here	2"
}

# Of Go's poller and its timer either may be first when it goes on. If the poller is, the pool throws the connection away, and
# the kernel has sent no RST in the namespace: not what the test is of.
try_again_if_go_saw_the_fin() {
	[ "$(on server awk '/^Tcp: [0-9]/ { print $15 }' /proc/net/snmp)" = 0 ] || return 0
	echo "# Go's poller came before its timer: if this fails, it is tried again" >&3
	# shellcheck disable=SC2034 # bats reads it
	BATS_TEST_RETRIES=4
}

# Stopped for want of CPU (as a quota does) it cannot see the FIN, and its timer comes first. It asks again by itself,
# since it was a GET.
@test "S4: Go's pool asks again after 2.6 s, and could not run in between" {
	need go
	start_service
	watch
	feed SERVICE 'sleep 2.6s' GET
	sleep 1
	pause "$SERVICE"
	sleep 1.7
	kill -CONT "$SERVICE"
	wait_for 30 has_two_answers
	try_again_if_go_saw_the_fin
	assert_seen <<-END
		half-closed-reuse  go-client[$SERVICE]  10.77.1.1:any -> 10.77.1.2:$PORT  peer closed after 2.0? s of silence; wrote 96 bytes @([6-9]?? ms|1.?? s) later, answered by RST
		& late-data-time-wait  nginx[$NGINX_WORKER]  10.77.1.2:$PORT -> 10.77.1.1:any  RST sent in answer to 96 bytes; closed @(# ms|#.# s) before, after 2.0? s of silence
	END
}

has_two_answers() {
	[ "$(grep -c 'ok: 200' "$BATS_TEST_TMPDIR/SERVICE.log")" = 2 ]
}

# one_reused_too_late : what is said of a request 2.6 s after the one before
one_reused_too_late() {
	watch
	start SERVICE client "$PYTHON" "$TOP/tests/real/reuse.py" 10.77.1.2 "$PORT" 2.6
	ended SERVICE
	says SERVICE RemoteDisconnected
	assert_seen <<-END
		half-closed-reuse  python3[$SERVICE]  10.77.1.1:any -> 10.77.1.2:$PORT  peer closed after 2.0? s of silence; wrote 68 bytes @([5-9]?? ms|[12].?? s) later, answered by RST
		& late-data-time-wait  nginx[$NGINX_WORKER]  10.77.1.2:$PORT -> 10.77.1.1:any  RST sent in answer to 68 bytes; closed @(# ms|#.# s) before, after 2.0? s of silence
	END
	assert_regex "$(remedy half-closed-reuse)" 'closes after 2\.0. s without a request: aiohttp: TCPConnector\(keepalive_timeout=1\)'
	assert_regex "$(remedy half-closed-reuse)" 'nginx: keepalive_timeout [4-9]s or more \(now about 2\.0. s; default 75s\)'
	assert_regex "$(remedy late-data-time-wait)" 'nginx closed it after 2\.0. s without a request \(keepalive_timeout\)'
}

@test "S4: a client that does not look asks again after 2.6 s" {
	one_reused_too_late
}

# What is tuned in despair. The same lines come of it, which name both idle times and none of these.
@test "S4b: fourteen sysctls are tuned on both hosts, and nothing is different" {
	local host
	for host in client server; do
		on "$host" sysctl -qw net.ipv4.tcp_syncookies=1 net.ipv4.tcp_tw_reuse=1 net.ipv4.tcp_fin_timeout=30 \
			net.ipv4.tcp_keepalive_time=600 net.ipv4.tcp_keepalive_intvl=15 net.ipv4.tcp_keepalive_probes=5 \
			net.ipv4.tcp_max_syn_backlog=8192 net.ipv4.tcp_max_tw_buckets=6000 net.core.somaxconn=65535 \
			net.ipv4.ip_local_port_range="1024 65000" net.ipv4.tcp_syn_retries=2 net.ipv4.tcp_synack_retries=2 \
			net.ipv4.tcp_retries2=5 net.ipv4.tcp_slow_start_after_idle=0
	done
	one_reused_too_late
}

# The one that the evidence implicates is named, with its present value, and no other.
@test "S4b: of the fourteen, tcp_retries2 is what ended a connection to a host that is gone" {
	on client sysctl -qw net.ipv4.tcp_retries2=1 net.ipv4.tcp_fin_timeout=30 net.ipv4.tcp_keepalive_time=600 \
		net.ipv4.tcp_keepalive_intvl=15 net.ipv4.tcp_keepalive_probes=5
	watch
	start SERVICE client "$PYTHON" "$TOP/tests/real/reuse.py" 10.77.1.2 "$PORT" 1.5
	wait_sockets 1 client established "( dport = :$PORT )"
	sleep 0.5
	rules server drop
	rules client drop
	ended SERVICE
	assert_seen <<-END
		retransmit-timeout  python3[$SERVICE]  10.77.1.1:any -> 10.77.1.2:$PORT  68 bytes unacknowledged after # retransmissions, peer last heard #.# s ago, written after about 2 s of silence, tcp_retries2 1
	END
}

# Some come in time, some cross the FIN, some come a few ms later; on a busy machine nginx may be late for all. A request
# that reaches nginx between its decision to close and close() is unread data. What the client sent in the same moment, its
# ACK of nginx' FIN or a FIN of its own, may find that nginx' socket is gone: late-segment, beside the answer to the request.
@test "S4: connections are used again after 1.985 s to 2.045 s" {
	local failed
	watch
	for _ in 1 2 3; do
		start SERVICE client "$PYTHON" "$TOP/tests/real/reuse.py" 10.77.1.2 "$PORT" 1.985 2.045 128
		ended SERVICE
		cat "$BATS_TEST_TMPDIR/SERVICE.log" >>"$BATS_TEST_TMPDIR/outcomes"
		! wait_for 1 grep -q close-race "$OUT" || break
	done
	counters after
	stop_tcpwhy
	failed=$(grep -vc ' ok$' "$BATS_TEST_TMPDIR/outcomes") || true
	[ "$(count close-race python3)" -gt 0 ] || fail "none crossed: $(sort "$BATS_TEST_TMPDIR/outcomes")"
	assert_equal "the client's requests that failed: $((
		$(count close-race python3) + $(count half-closed-reuse python3) + $(count peer-aborted python3)))" \
		"the client's requests that failed: $failed"
	assert_equal "nginx' answers: $((
		$(count late-data nginx) + $(count late-data-time-wait nginx) + $(count unread-data nginx)))" \
		"nginx' answers: $failed"
	[ "$(seen | grep -vc '^late-segment ')" -eq $((2 * failed)) ] || fail "nothing else: $((2 * failed)) lines expected, seen: $(seen)"
	assert_equal "aborted: $(count peer-aborted python3)" "aborted: $(count unread-data nginx)"
	# a request that was written before the FIN came ended the silence
	assert_equal "$(grep ' close-race ' "$OUT" |
		grep -vE 'peer (closed after [0-9.]+ s of silence; wrote 68 bytes [0-9]+|had closed; wrote 68 bytes 0) ms later')" ""
	assert_equal "$(crossed_otherwise)" ""
	assert_equal "$(lost) lost" "0 lost"
	assert_books
}

# Of each that crossed its port, the silence before the FIN and the time from it to the request, in ms.
crossed() {
	sed -nE 's/.* close-race +python3.*:([0-9]+) -> .*peer closed after ([0-9]+)\.([0-9]+) s of silence; wrote 68 bytes ([0-9]+) ms later.*/\1 \2\30 \4/p' "$OUT"
}

# Those of which the client knows better: together it is the time between its requests. The silence is told to 10 ms, and both
# are read off clocks that may have ticked once in 10 ms (HZ is 100 or more). Nginx itself may be late on a busy machine, or
# early, since it counts from when it last looked at the clock.
crossed_otherwise() {
	crossed | while read -r port silence later; do
		awk -v port="$port" -v silence="$silence" -v later="$later" '$2 == port {
			told = silence + later
			if (told < $3 - 30 || told > $4 + 20)
				print port ": " silence " + " later " ms told, " $3 " to " $4 " ms passed"
		}' "$BATS_TEST_TMPDIR/outcomes"
	done
}

# count VERDICT PROCESS : lines
count() {
	grep -cE "^[^ ]+ +$1 +$2\[" "$OUT" || true
}
