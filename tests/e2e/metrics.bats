#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# OpenMetrics, on stdout (--format=openmetrics) and over HTTP (--listen): what a parser of Prometheus reads is what
# happened, to the unit; and nobody who scrapes, however badly, is waited for.

load lib

PORT=9436
URL=http://127.0.0.1:$PORT/metrics

# tcpwhy itself is in the namespace too, where its port is free.
setup() {
	make_netns
	printf '#!/bin/sh\nexec nsenter --net=/run/netns/%s "%s" "$@"\n' "$NETNS" "$TCPWHY" >"$BATS_TEST_TMPDIR/tcpwhy-in-netns"
	chmod 755 "$BATS_TEST_TMPDIR/tcpwhy-in-netns"
	TCPWHY=$BATS_TEST_TMPDIR/tcpwhy-in-netns
}

teardown() {
	kill_tcpwhy
	remove_netns
}

metrics() {
	in_netns $PYTHON "$TOP/tests/e2e/metrics.py" "$@"
}

# are EXPECTED COMMAND ARGUMENTS... : what metrics.py says
are() {
	run metrics "${@:2}"
	# shellcheck disable=SC2154 # output and status are set by run
	assert_equal "exit status $status: $output" "exit status 0: $1"
}

# become EXPECTED COMMAND ARGUMENTS... : within the second, and some milliseconds, in which all is published
become() {
	wait_for 10 says "$@" || are "$@"
}

says() {
	[ "$(metrics "${@:2}")" = "$1" ]
}

causes() {
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run "$1" -n $N -p "$2"
}

# status ARGUMENTS... : of HTTP
status() {
	in_netns curl --noproxy '*' -s -m 10 -o /dev/null -w '%{http_code}' "$@" || true
}

# ---- what they say -------------------------------------------------------------------------------

@test "over HTTP: each verdict, side and port, and the sums are the summary's" {
	start_tcpwhy -P 7300,7301 --listen $PORT
	are "" sums $URL
	causes refused 7300
	causes half-closed-reuse 7301
	become "closed-here	$N
half-closed-reuse	$N
late-data-time-wait	$N
no-listener	$N
refused	$N" sums $URL
	are "client 7300 refused $N
client 7301 half-closed-reuse $N
server 7300 no-listener $N
unknown 7301 late-data-time-wait $N" ask $URL '"verdict" in l and "side" in l and "{side} {service_port} {verdict} ".format(**l) + str(v)'
	are "closed-here $N" ask $URL 'l.get("service_port") == "unattributed" and v > 0 and l["verdict"] + f" {v}"'
	are "0 events_missed
0 records_lost
0 records_rejected
0 segments_retransmitted
0 system_calls_missed
$((2 * N)) resets_received
$((2 * N)) resets_sent" ask $URL '"verdict" not in l and name.endswith("_total") and "queue" not in l and f"{v} {name[7:-6]}"'
	are "$("$TCPWHY" -V | sed 's/tcpwhy //') $(uname -r)" ask $URL 'name == "tcpwhy_build_info" and "{version} {kernel_release}".format(**l)'
	stop_tcpwhy
	assert_equal "$(wc -l <"$OUT")" $((4 * N)) # the lines are as ever
}

@test "every verdict is there from the beginning, so that its first rise is seen" {
	start_tcpwhy -P 7302 --listen $PORT
	are "$("$TCPWHY" --verdicts | awk '/^  [a-z]/ { print $1 }' | sort)" ask $URL 'v == 0 and l.get("verdict")'
}

@test "on stdout: an exposition each interval, of which no counter falls" {
	start_tcpwhy -P 7303 --format openmetrics 0.1
	causes unread-data 7303
	causes reset-after-close 7303 # of which some may be taken back, as late data
	wait_for 10 expositions_are $(($(grep -c '^# EOF' "$OUT") + 3))
	stop_tcpwhy
	are "$(said_by_counters)" sums "$OUT"
	assert_equal "$(grep -c '^# EOF' "$OUT")" "$(grep -c '^# TYPE tcpwhy_deaths counter' "$OUT")"
}

expositions_are() {
	[ "$(grep -c '^# EOF' "$OUT")" -ge "$1" ]
}

@test "with an INTERVAL of its own for rows, and as JSON, --listen does the same" {
	start_tcpwhy -j -P 7304 0.1 --listen "[::1]:$PORT"
	causes refused 7304
	become "no-listener	$N
refused	$N" sums "http://[::1]:$PORT/metrics"
	stop_tcpwhy
	assert_equal "$($PYTHON "$TOP/tests/e2e/records.py" rows "$OUT")" "no-listener	$N
refused	$N"
}

@test "what is lost is unattributed: the sums are exact all the same" {
	local many=7001
	start_pair storm 6305
	start_tcpwhy -P 7305 --listen $PORT
	pause "$WATCHER"
	tell storm refused $many
	kill -CONT "$WATCHER"
	become "no-listener	$many
refused	$many" sums $URL
	run metrics ask $URL 'name == "tcpwhy_records_lost_total" and v'
	assert [ "$output" -gt 0 ]
	local lost=$output
	run metrics ask $URL 'l.get("verdict") in ("refused", "no-listener") and "side" not in l and v'
	assert_equal "$(awk '{ n += $1 } END { print n }' <<<"$output")" "$lost"
}

@test "of a hundred ports and more, those beyond a hundred are other, and the sum is exact" {
	start_tcpwhy --peer 127.0.0.1 --verdict refused --listen $PORT --limit 0
	in_netns $PYTHON - <<-'END'
		import socket
		for port in range(20000, 20123):
		    for _ in range(2):
		        assert socket.socket().connect_ex(("127.0.0.1", port))
	END
	become "refused	246" sums $URL
	are "$(printf '%s\n' {20000..20099})" ask $URL 'l.get("side") == "client" and v == 2 and l["service_port"]'
	are "client 46" ask $URL 'l.get("service_port") == "other" and "{side} ".format(**l) + str(v)'
}

@test "overflows of listeners, with forged names" {
	start_tcpwhy -P 7306 --listen $PORT
	in_netns $PYTHON - 7306 <<-'END'
		import socket, sys, time
		with open("/proc/self/comm", "wb") as file:
		    file.write(b'a"b\\\n} \xff')
		listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=0)
		socks = [socket.create_connection(("127.0.0.1", int(sys.argv[1])))]
		for _ in range(3):
		    socks.append(socket.socket())
		    socks[-1].setblocking(False)
		    socks[-1].connect_ex(("127.0.0.1", int(sys.argv[1])))
		time.sleep(0.1)     # less than a SYN waits for until it is sent again
		for sock in socks[1:]:
		    sock.close()
	END
	become 'accept 7306 a"b\x5c\x0a} \xff 3' ask $URL '"queue" in l and v > 0 and "{queue} {service_port} {comm} ".format(**l) + str(v)'
}

# ---- who scrapes ---------------------------------------------------------------------------------

@test "GET /metrics and nothing else" {
	start_tcpwhy -P 7307 --listen $PORT
	assert_equal "$(status $URL)" 200
	for url in "http://127.0.0.1:$PORT/" "$URL/" "$URL/../etc/passwd" "http://127.0.0.1:$PORT/metric"; do
		assert_equal "$url $(status --path-as-is "$url")" "$url 404"
	done
	assert_equal "$(status -X POST -d x=y "$URL") $(status -I "$URL") $(status -X DELETE "$URL")" "404 404 404"
}

@test "loopback only, unless an address is given" {
	start_tcpwhy -P 7308 --listen $PORT
	assert_equal "$(in_netns ss -Hltn | awk '{ print $4 }')" "127.0.0.1:$PORT"
	stop_tcpwhy
	start_tcpwhy -P 7308 --listen "[::]:$PORT"
	assert_equal "$(in_netns ss -Hltn | awk '{ print $4 }')" "*:$PORT"
	are "" sums $URL
}

# accepted : how many connections it has taken
accepted() {
	in_netns ss -Htnp state established "sport = $PORT" | grep -c "pid=$WATCHER,"
}

has_accepted() {
	[ "$(accepted)" -ge "$1" ]
}

@test "no more is taken of a request than its head, of 8 KB at most, and no more than 32 connections at a time" {
	local attacker
	start_tcpwhy -P 7311 --listen $PORT
	are 431 bounds $PORT head
	are "404 True" bounds $PORT body
	in_netns $PYTHON "$TOP/tests/e2e/metrics.py" attack $PORT slow >/dev/null 3>&- &
	attacker=$!
	disown
	wait_for 10 has_accepted 32
	assert_equal "$(accepted) accepted" "32 accepted"
	kill -KILL $attacker
}

# attacked KIND : meanwhile nothing is lost, lines come in time, and whoever behaves is answered, sooner or later
attacked() {
	local attacker lines
	start_tcpwhy -P 7309 --listen $PORT
	in_netns $PYTHON "$TOP/tests/e2e/metrics.py" attack $PORT "$1" >"$BATS_TEST_TMPDIR/attack" 3>&- &
	attacker=$!
	disown
	wait_for 10 has ready "$BATS_TEST_TMPDIR/attack"
	wait_for 10 is_crowded "$1"
	causes refused 7309
	wait_for 2 lines_are $((2 * N))
	wait_for 30 says "no-listener	$N
refused	$N" sums $URL || are "no answer in 30 s" sums $URL
	sanitized || assert [ "$(awk '/^VmRSS/ { print $2 }' "/proc/$WATCHER/status")" -lt 10240 ] # kB
	kill -KILL $attacker
	# our own connections are not lines: they are on another port
	stop_tcpwhy
	assert_equal "$1: $(said_by_lines | by_verdict)" "$1: no-listener	$N
refused	$N"
}

lines_are() {
	[ "$(wc -l <"$OUT")" -ge "$1" ]
}

# Who is broken is cut off at once, and who does not read has its answer in its socket: they are never a crowd. The others
# fill all places that there are.
is_crowded() {
	[[ $1 != silent && $1 != slow ]] || [ "$(in_netns ss -Htn state established "sport = $PORT" | wc -l)" -ge 32 ]
}

@test "those who say nothing are cut off, and nobody waits for them" {
	attacked silent
}

@test "those who say little are cut off, and nobody waits for them" {
	attacked slow
}

@test "those who do not read are cut off, and nobody waits for them" {
	attacked deaf
}

@test "nonsense harms nobody" {
	attacked garbage
}

@test "headers without end harm nobody" {
	attacked endless
}

# ---- bad input -----------------------------------------------------------------------------------

# refuses STATUS MESSAGE ARGS...
refuses() {
	run --separate-stderr timeout 60 "$TCPWHY" "${@:3}"
	assert_failure "$1"
	assert_equal "${*:3}: $stderr" "${*:3}: tcpwhy: $2"
	assert_output ""
}

@test "bad addresses and formats are refused" {
	for address in "" x 0 65536 :9436 127.0.0.1 127.0.0.1: 300.0.0.1:9436 ::1:9436 "[::1]" "[::1:9436" localhost:9436 "[127.0.0.1]:80"; do
		refuses 2 "bad address '$address': give PORT, ADDRESS:PORT or [ADDRESS]:PORT, for instance 9436 or 10.0.0.5:9436" \
			--listen "$address"
	done
	refuses 2 "bad format 'xml': give text, json or openmetrics" --format xml
	refuses 2 "--format=openmetrics needs INTERVAL: how often all counters are written; to serve them, give --listen" \
		--format openmetrics
	refuses 2 "--format=openmetrics is not for check" check --format openmetrics
	refuses 2 "--listen is not for check: nothing is watched" check --listen 9436
}

@test "an address that cannot be had is said, with status 1" {
	start_tcpwhy -P 7310 --listen $PORT
	refuses 1 "cannot serve metrics at 127.0.0.1:$PORT: Address already in use" --listen $PORT
	refuses 1 "cannot serve metrics at 192.0.2.1:$PORT: Cannot assign requested address" --listen 192.0.2.1:$PORT
}
