#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# JSON Lines (-j): whatever is caused, each line is what user/record.schema.json says, and says what happened.

load lib

setup() {
	make_netns
}

teardown() {
	kill_tcpwhy
	remove_netns
}

records() {
	$PYTHON "$TOP/tests/e2e/records.py" "$1" "$OUT" "${@:2}"
}

# said COMMAND EXPECTED [EXPRESSION] : of records.py
said() {
	run records "$1" "${@:3}"
	# shellcheck disable=SC2154 # output and status are set by run
	assert_equal "exit status $status: $output" "exit status 0: $2"
}

# intervals_are N : or more
intervals_are() {
	[ "$(grep -c '"type":"interval"' "$OUT")" -ge "$1" ]
}

# dies SCENARIO : 23 times, on a port of its own, each line and counter as expected
dies() {
	local try port expected
	for try in 1 2 3 4 5; do
		port=$((port_of_last = ${port_of_last:-7100} + 1))
		start_tcpwhy -j -a -P $port
		start_referee
		run --separate-stderr in_netns $PYTHON "$TOP/tests/e2e/peers.py" run "$1" -n $N -p $port
		[ "$status" -eq 75 ] || break
		stop_tcpwhy
	done
	[ "$status" -ne 75 ] || skip "$stderr, $try times of $try"
	assert_equal "$1: $status $stderr" "$1: 0 "
	sleep 0.15 # what must not come needs time not to come, as in deaths.bats
	stop_tcpwhy
	expected=$(peers_expect "$1")
	said lines "$expected"
	said counters "$(by_verdict <<<"$expected")"
}

@test "deaths that our process causes" {
	dies unread-data
	said ask "$(yes 45 | head -n $N)" 'o["bytes_unread"] if o.get("verdict") == "unread-data" else None'
	said ask "$(yes "unread-data 45" | head -n $N)" \
		'o.get("verdict") == "peer-aborted" and "{verdict} {bytes_unread}".format(**o["other_end"])'
	dies process-killed
	said ask "$(yes 9 | head -n $N)" 'o.get("exit_signal")'
	dies orderly-server-closes
}

@test "deaths by the other side, and by nobody" {
	dies half-closed-reuse
	dies late-data
	dies peer-forgot
	dies server-restarted
	dies connect-abandoned
	said ask "" '"heard_ms" in o'
}

@test "deaths by timers" {
	dies keepalive-user-timeout
	said ask "$(yes "(1000, 1000, 5, 1500)" | head -n $N)" 'o.get("verdict") == "keepalive-user-timeout" and
		tuple(o[of] for of in ("keepalive_time_ms", "keepalive_intvl_ms", "keepalive_probes", "user_timeout_ms"))'
	dies unreachable
	said ask "$(yes EHOSTUNREACH | head -n $N)" 'o.get("verdict") == "unreachable" and o.get("soft_error")'
}

@test "full queues of listeners" {
	dies accept-overflow-syn
	said ask "(1, 2)" '(o["accept_queue_max"], o["accept_queue"]) if o.get("verdict") == "accept-overflow" else None'
	dies accept-overflow-reset
	said ask "$(yes "inferred accept-overflow-reset" | head -n $N)" \
		'o.get("verdict") == "backlog-reset" and o["sure"] + " " + o["other_end"]["verdict"]'
}

@test "what the process saw: calls and descriptors" {
	start_pair one 7200
	start_tcpwhy -j -e -P 7200 -p "$PAIR_one_PID"
	tell one listen
	tell one broken-pipe 2
	tell one not-connected 2
	tell one bad-descriptor 3
	stop_tcpwhy
	said ask "$(yes EBADF | head -n 3)" 'o.get("event") == "bad-fd" and o["fd"] > 2 and o["error"]'
	said ask "$(yes "send EPIPE" | head -n 2)" 'o.get("verdict") == "write-after-close" and o["call"] + " " + o["error"]'
}

# ---- names ---------------------------------------------------------------------------------------

@test "forged names are valid JSON, act on no terminal, and tell their bytes" {
	start_tcpwhy -j -P 7201
	in_netns $PYTHON - 7201 >"$BATS_TEST_TMPDIR/names" <<-'END'
		import socket, sys
		names = [b'a"b\\c', b"new\nline\rtab\t", b"\x1b[31mred", b"\xff\xfe\x80", b"\xe2\x80\xa8\xe2\x80\xa9\xc2\x85",
		         b"\xe2\x80\xaeverdict", b"\\xff\\", b"n\xc3\xa4rrisch \xe6\xbc\xa2", b'"}\n{"type":"x', b"cut at 15 byte\xc3\xa4",
		         b"\xed\xa0\x80\xf4\x90\x80\x80\xc0\xaf", b"\x01\x7f", b"'; drop"]
		for name in names:
		    with open("/proc/self/comm", "wb") as file:
		        file.write(name)
		    assert socket.socket().connect_ex(("127.0.0.1", int(sys.argv[1])))
		print("\n".join(sorted({name[:15].hex() for name in names})))
	END
	stop_tcpwhy
	said names "$(cat "$BATS_TEST_TMPDIR/names")"
	run grep -c $'[\x01-\x1f\x7f]' "$OUT"
	assert_output 0
}

# ---- counters ------------------------------------------------------------------------------------

@test "with an INTERVAL: an object each, which add up to the summary, and say whose they were" {
	start_tcpwhy -j -P 7202 0.1
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run unread-data -n $N -p 7202
	# what happened after the last interval is in none; and up to two had ended before, and were not shown yet
	wait_for 20 intervals_are $(($(grep -c '"type":"interval"' "$OUT") + 3))
	stop_tcpwhy
	said rows "peer-aborted	$N
unread-data	$N"
	said counters "peer-aborted	$N
unread-data	$N"
	said ask "[('why-server', $N)]" 'o["type"] == "summary" and
		[(of["comm"], of["count"]) for of in o["verdicts"]["unread-data"]["processes"]]'
	said ask "" 'o["type"] == "interval" and o["deaths"] != sum(of["count"] for of in o["verdicts"].values()) and o'
	# each begins where the one before it ended
	run jq -sc '[.[] | select(.type == "interval")] | [range(1; length) as $i |
		.[$i].monotonic_ns - .[$i - 1].monotonic_ns - .[$i].duration_ns] | unique' "$OUT"
	assert_output "[0]"
}

@test "what is lost is in the summary" {
	start_pair storm 6203
	start_tcpwhy -j -P 7203 --limit 0
	pause "$WATCHER"
	tell storm refused 7001
	kill -CONT "$WATCHER"
	stop_tcpwhy
	said counters "no-listener	7001
refused	7001"
	run records ask 'o["type"] == "summary" and o["records_lost"]'
	assert [ "$output" -gt 0 ]
	assert_equal $(($(grep -cE '"type":"(death|incident)"' "$OUT") + output)) 14002
}

# ---- output --------------------------------------------------------------------------------------

@test "a reader that goes away ends it quietly" {
	local status=0
	ERR=$BATS_TEST_TMPDIR/err
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	head -n 2 <"$BATS_TEST_TMPDIR/pipe" >"$BATS_TEST_TMPDIR/first" &
	"$TCPWHY" -j -P 7204 >"$BATS_TEST_TMPDIR/pipe" 2>"$ERR" 3>&- &
	WATCHER=$!
	wait_for 30 has watching "$ERR"
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run refused -n $N -p 7204
	wait_for 20 gone "$WATCHER"
	wait "$WATCHER" || status=$?
	WATCHER=
	assert_equal "status $status" "status 0"
	assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/first")" 2
	assert_equal "$(grep -vc watching "$ERR")" 0
}

@test "a full disk is said, with status 7" {
	run --separate-stderr bash -c "'$TCPWHY' -j -P 7205 0.1 2 >/dev/full"
	assert_failure 7
	assert_regex "$stderr" "tcpwhy: cannot write to stdout: No space left on device"
}

@test "with a command: on stderr, whole lines" {
	run --separate-stderr in_netns "$TCPWHY" -j -- $PYTHON -c 'import socket; socket.socket().connect_ex(("127.0.0.1", 7206))'
	assert_success
	assert_output ""
	OUT=$BATS_TEST_TMPDIR/out
	grep -v '^tcpwhy: ' <<<"$stderr" >"$OUT"
	said lines "refused	python3	1"
}

# ---- what is written -----------------------------------------------------------------------------

# schema EXPRESSION : of the schema, s
schema() {
	$PYTHON -c 'import json, sys; s = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' \
		"$TOP/user/record.schema.json" "$1"
}

@test "the schema has exactly the program's verdicts, in its order" {
	assert_equal "$(schema '"\n".join(s["definitions"]["verdict"]["enum"])')" \
		"$("$TCPWHY" --verdicts | awk '/^  [a-z]/ { print $1 }')"
}

@test "the schema has exactly the program's fields, in its order, each with what it means" {
	run --separate-stderr "$TCPWHY" --fields nonsense
	assert_failure 2
	# timeline is what -w adds, host what tcpwhy join does: there is no --fields for them
	assert_equal "$(schema '", ".join(s["definitions"]["record"]["properties"])')" "${stderr#*with commas: }, timeline, host"
	assert_equal "$(schema '[name for name, of in s["definitions"].items() if name in
		s["definitions"]["record"]["properties"] and not of.get("description")]')" "[]"
}

@test "the README's examples for jq do what they say" {
	local example
	dies half-closed-reuse
	sed -n "s/^tcpwhy -j .*| jq -r '\(.*\)'.*/\1/p" "$TOP/README.md" >"$BATS_TEST_TMPDIR/examples"
	assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/examples")" 3
	while read -r example; do
		run jq -r "$example" "$OUT"
		assert_success
		echo "$output" >>"$BATS_TEST_TMPDIR/shown"
	done <"$BATS_TEST_TMPDIR/examples"
	run cat "$BATS_TEST_TMPDIR/shown"
	assert_line --regexp "^half-closed-reuse	why-client	127.0.0.1:$port_of_last$"
	assert_line --regexp "^[0-9TZ:.-]+ why-client: closed by why-server, [0-9]+ ms before$"
	assert_line --regexp "^23	half-closed-reuse	why-client\[[0-9]+\]$"
}

# ---- --fields ------------------------------------------------------------------------------------

@test "--fields chooses what an object has, in that order" {
	start_tcpwhy -j --fields verdict,comm,remote,local_port,time -P 7207
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run refused -n 1 -p 7207
	stop_tcpwhy
	run grep '"verdict":"refused"' "$OUT"
	assert_output --regexp '^\{"verdict":"refused","comm":"why-client","remote":"127.0.0.1:7207","local_port":[0-9]+,"time":"[^"]*Z"\}$'
	run grep '"verdict":"no-listener"' "$OUT"
	assert_output --regexp '^\{"verdict":"no-listener","remote":"127.0.0.1:[0-9]+","local_port":7207,"time":"[^"]*Z"\}$'
}

@test "--fields chooses the columns of a line, in that order; what is unknown is a dash" {
	start_tcpwhy --fields verdict,process,bytes_unread,words -P 7208
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run refused -n 1 -p 7208
	stop_tcpwhy
	run sort "$OUT"
	assert_line --index 0 --regexp '^no-listener  +-  +-  +RST sent in answer to a SYN$'
	assert_line --index 1 --regexp '^refused  +why-client\[[0-9]+\]  +0  +RST to our SYN: nothing listens there$'
}
