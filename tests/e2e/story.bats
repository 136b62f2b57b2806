#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What is told beneath a line: how it came about, and what to change; and when it is told.

load lib

setup() {
	make_netns
	TMUX_NAME=tcpwhy-test-$$-$BATS_TEST_NUMBER
}

teardown() {
	kill_tcpwhy
	tmux -L "$TMUX_NAME" kill-server 2>/dev/null || true
	remove_netns
}

# story_of VERDICT : the lines beneath its line, blanks once
story_of() {
	awk -v verdict="$1" '/^[0-9]/ { told = $2 == verdict; next } told' "$OUT" | tr -s ' '
}

# assert_near SECONDS LINE : it has such a time, or up to a second more on a busy machine
assert_near() {
	awk -v expected="$1" -v line="$2" 'BEGIN {
		seen = line
		sub(/^ \+/, "", seen)
		if (line !~ /^ \+[0-9]+\.[0-9]+s / || seen + 0 < expected - 0.01 || seen + 0 > expected + '"${TEST_SLOWDOWN:-1}"') {
			print "seen: " line ", expected at: " expected
			exit 1
		}
	}'
}

@test "a half-closed connection is used again: both ends are one story" {
	start_tcpwhy -w -P 7044
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run half-closed-reuse -n 1 -p 7044
	wait_for 20 has ' half-closed-reuse ' "$OUT"
	stop_tcpwhy
	run story_of late-data-time-wait
	assert_line --index 0 ' the peer connected; when is not known'
	assert_line --index 1 ' <- data 7 bytes received; when is not known'
	assert_line --index 2 ' +0.000s -> data the last of 5 bytes sent and acknowledged'
	assert_line --index 3 --regexp '^ \+[0-9.]+s -> FIN we closed( after [0-9]+ ms of silence)?$'
	assert_line --index 4 --regexp '^ \+[0-9.]+s <- 45 B too late$'
	assert_line --index 5 --regexp '^ \+[0-9.]+s -> RST$'
	assert_line --index 6 --regexp '^ fix: the peer reuses connections that we close'
	assert_equal "${#lines[@]}" 7
	assert_near 0.5 "${lines[4]}"
	assert_equal "${lines[5]%%s ->*}" "${lines[4]%%s <-*}"
	# it has been told: what is left is what to do
	run story_of half-closed-reuse
	assert_output --regexp '^ fix: close idle connections before the peer does[^+]*$'
	assert_equal "${#lines[@]}" 1
}

@test "TCP_USER_TIMEOUT: the first probe is inferred, and the values are those of the connection" {
	start_tcpwhy -w -P 7044
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run keepalive-user-timeout -n 1 -p 7044
	wait_for 20 has ' keepalive-user-timeout ' "$OUT"
	stop_tcpwhy
	run story_of keepalive-user-timeout
	assert_line --regexp '^ \+1\.0[0-9]+s -> ACK likely: 1 keepalive probe without an answer$'
	assert_line --regexp '^ \+[0-9.]+s 1 of 5 probes unanswered, time 1.00 s, interval 1.00 s, TCP_USER_TIMEOUT 1.50 s, in ESTABLISHED$'
	assert_line --regexp '^ \+[0-9.]+s -> RST$'
	assert_line --regexp '^ \+[0-9.]+s our process gets ETIMEDOUT \(Connection timed out\)$'
	assert_line ' fix: set TCP_USER_TIMEOUT (now 1.50 s) to 0, or to more than 6.00 s: time 1.00 s + 5 probes x 1.00 s'
	run cat "$ERR"
	assert_line --regexp '^ +fix: set TCP_USER_TIMEOUT \(now 1.50 s\) to 0, or to more than 6.00 s'
}

@test "a connection that is older than tcpwhy, and one whose birth can still be seen" {
	start_pair ends 7044
	tell ends listen
	tell ends open 1
	tell ends send
	tell ends echo
	start_tcpwhy -w -P 7044
	tell ends unread
	tell ends open 1
	tell ends abort
	wait_for 20 has ' linger-zero ' "$OUT"
	stop_tcpwhy
	run story_of unread-data
	assert_line --index 0 ' the peer connected; when is not known, it is older than tcpwhy'
	assert_line --regexp '^ \+0.000s -> data the last of 45 bytes sent and acknowledged$'
	assert_line --regexp '^ \+[0-9.]+s closed with 45 bytes unread, in ESTABLISHED$'
	# no data has hidden the time of the handshake
	run story_of linger-zero
	assert_line --index 0 ' +0.000s we connected'
	refute_output --partial 'is not known'
}

@test "JSON has the steps with -w, and advice without" {
	start_tcpwhy -w -j -P 7044
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run keepalive-user-timeout -n 1 -p 7044
	wait_for 20 has '"keepalive-user-timeout"' "$OUT"
	stop_tcpwhy
	run $PYTHON "$TOP/tests/e2e/records.py" ask "$OUT" \
		'o.get("verdict") == "keepalive-user-timeout" and [(s["step"], s.get("way"), s.get("bytes")) for s in o["timeline"]][:6]'
	assert_output "[('connected', None, None), ('data', 'out', 7), ('data', 'in', 5), ('keepalive-probe', 'out', None), ('end', None, None), ('rst', 'out', None)]"
	run $PYTHON "$TOP/tests/e2e/records.py" ask "$OUT" 'o.get("verdict") == "keepalive-user-timeout" and
		[s["monotonic_ns"] - o["monotonic_ns"] for s in o["timeline"] if s["step"] in ("end", "rst")][:2]'
	assert_output '[0, 0]'
	start_tcpwhy -j -P 7044
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run keepalive-user-timeout -n 1 -p 7044
	wait_for 20 has '"keepalive-user-timeout"' "$OUT"
	stop_tcpwhy
	run $PYTHON "$TOP/tests/e2e/records.py" ask "$OUT" \
		'o.get("verdict") == "keepalive-user-timeout" and ("timeline" in o, [a[:36] for a in o["advice"]])'
	assert_output "(False, ['set TCP_USER_TIMEOUT (now 1.50 s) to'])"
}

# on_screen COLUMNS LINES ARGS... : tcpwhy in a terminal, while three connections are refused, and then 23 at once;
# its lines in SCREEN
on_screen() {
	local pipe=$BATS_TEST_TMPDIR/screen-$1-$2
	tmux -L "$TMUX_NAME" -f /dev/null new-session -d -x "$1" -y "$2" \
		"$TCPWHY --color=never --netns $NETNS ${*:3} 2>$BATS_TEST_TMPDIR/err; sleep 60" 3>&-
	tmux -L "$TMUX_NAME" pipe-pane "cat >$pipe"
	wait_for 30 has watching "$BATS_TEST_TMPDIR/err"
	start_pair "screen$2" 7044
	tell "screen$2" refused 1
	wait_for 20 has 'refused' "$pipe"
	sleep 1.1 # a second has room for three stories: it must be over
	tell "screen$2" refused 23
	wait_for 20 eval '[ "$(grep -c " refused " '"$pipe"')" = 24 ]'
	tmux -L "$TMUX_NAME" kill-session
	rm "$BATS_TEST_TMPDIR/err"
	SCREEN=$(tr -d '\r' <"$pipe")
}

@test "in a terminal with room there are stories, three in a second; in a small one, or if not wanted, none" {
	on_screen 120 40
	assert_equal "$(grep -c 'SYN' <<<"$(grep '^ *+0.000s' <<<"$SCREEN")")" 4
	assert_equal "$(grep -c '^ *fix: ' <<<"$SCREEN")" 8
	on_screen 79 41
	refute [ "$(grep -c '^ *fix: ' <<<"$SCREEN")" -gt 0 ]
	on_screen 120 42 --story=never
	refute [ "$(grep -c '^ *fix: ' <<<"$SCREEN")" -gt 0 ]
	# what is no terminal has lines only
	start_tcpwhy -P 7044
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run half-closed-reuse -n 1 -p 7044
	wait_for 20 has ' half-closed-reuse ' "$OUT"
	stop_tcpwhy
	assert_equal "$(grep -vc '^[0-9]' "$OUT")" 0
}
