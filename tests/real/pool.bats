#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# S4: pools of HTTP connections that outlive the server's keepalive_timeout.

load lib

setup_file() {
	build_client
}

setup() {
	need nginx
	make_hosts client server
	start_nginx server '' 'keepalive_timeout 2s;'
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
	wait_for 5 has_two_answers
	kill -TERM "$SERVICE"
	ended SERVICE
	wait_sockets 0 server established "( sport = :$PORT )"
	assert_seen </dev/null
	assert_equal "$(said_by_counters)" "closed-by-peer	2
closed-here	2"
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
	wait_for 5 has_two_answers
	assert_seen <<-END
		half-closed-reuse  go-client[$SERVICE]  10.77.1.1:any -> 10.77.1.2:$PORT  peer had closed; wrote 96 bytes after @([6-9]?? ms|1.?? s) of silence, answered by RST
		& late-data-time-wait  nginx[$NGINX_WORKER]  10.77.1.2:$PORT -> 10.77.1.1:any  RST sent in answer to 96 bytes; closed @(# ms|#.# s) before
	END
}

has_two_answers() {
	[ "$(grep -c 'ok: 200' "$BATS_TEST_TMPDIR/SERVICE.log")" = 2 ]
}

@test "S4: a client that does not look asks again after 2.6 s" {
	watch
	start SERVICE client "$PYTHON" "$TOP/tests/real/reuse.py" 10.77.1.2 "$PORT" 2.6
	ended SERVICE
	says SERVICE RemoteDisconnected
	assert_seen <<-END
		half-closed-reuse  python3[$SERVICE]  10.77.1.1:any -> 10.77.1.2:$PORT  peer had closed; wrote 68 bytes after @([5-9]?? ms|[12].?? s) of silence, answered by RST
		& late-data-time-wait  nginx[$NGINX_WORKER]  10.77.1.2:$PORT -> 10.77.1.1:any  RST sent in answer to 68 bytes; closed @(# ms|#.# s) before
	END
}

# Some come in time, some cross the FIN, some come a few ms later; on a busy machine nginx may be late for all. A request
# that reaches nginx between its decision to close and close() is unread data.
@test "S4: connections are used again after 1.985 s to 2.045 s" {
	local failed
	watch
	for _ in 1 2 3; do
		start SERVICE client "$PYTHON" "$TOP/tests/real/reuse.py" 10.77.1.2 "$PORT" 1.985 2.045 128
		ended SERVICE
		cat "$BATS_TEST_TMPDIR/SERVICE.log" >>"$BATS_TEST_TMPDIR/outcomes"
		! wait_for 1 grep -q close-race "$OUT" || break
	done
	stop_tcpwhy
	failed=$(grep -vc ' ok$' "$BATS_TEST_TMPDIR/outcomes") || true
	[ "$(count close-race python3)" -gt 0 ] || fail "none crossed: $(sort "$BATS_TEST_TMPDIR/outcomes")"
	assert_equal "the client's requests that failed: $((
		$(count close-race python3) + $(count half-closed-reuse python3) + $(count peer-aborted python3)))" \
		"the client's requests that failed: $failed"
	assert_equal "nginx' answers: $((
		$(count late-data nginx) + $(count late-data-time-wait nginx) + $(count unread-data nginx)))" \
		"nginx' answers: $failed"
	assert_equal "nothing else: $(wc -l <"$OUT")" "nothing else: $((2 * failed))"
	assert_equal "aborted: $(count peer-aborted python3)" "aborted: $(count unread-data nginx)"
	assert_equal "crossed by a tick and a round trip: $(grep -cE 'close-race .* after [0-9] ms' "$OUT")" \
		"crossed by a tick and a round trip: $(count close-race python3)"
	assert_equal "$(lost) lost" "0 lost"
}

# count VERDICT PROCESS : lines
count() {
	grep -cE "^[^ ]+ +$1 +$2\[" "$OUT" || true
}
