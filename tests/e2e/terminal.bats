#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Colours and width: on a terminal, and nowhere else.

load lib

setup() {
	trace_tests_only
	unset NO_COLOR
	export TERM=xterm
}

teardown() {
	kill_tcpwhy
	remove_netns
}

# on_terminal COLUMNS COMMAND...
on_terminal() {
	$PYTHON "$TOP/tests/e2e/terminal.py" "$@"
}

escapes() {
	grep -c $'\033' || true
}

longest() {
	sed 's/\x1b\[[0-9;]*m//g' | awk '{ if (length($0) > n) n = length($0) } END { print n }'
}

@test "a terminal gets colours" {
	assert [ "$(on_terminal 200 "$TCPWHY" --verdicts | escapes)" -ge 46 ]
}

@test "a pipe gets none" {
	assert_equal "$("$TCPWHY" --verdicts | escapes)" 0
}

@test "NO_COLOR is honoured if it is not empty, a dumb terminal gets no colours" {
	assert_equal "$(NO_COLOR=1 on_terminal 200 "$TCPWHY" --verdicts | escapes)" 0
	assert [ "$(NO_COLOR='' on_terminal 200 "$TCPWHY" --verdicts | escapes)" -ge 46 ]
	assert_equal "$(TERM=dumb on_terminal 200 "$TCPWHY" --verdicts | escapes)" 0
	assert_equal "$(env -u TERM $PYTHON "$TOP/tests/e2e/terminal.py" 200 "$TCPWHY" --verdicts | escapes)" 0
}

@test "--color decides against all of that" {
	assert [ "$("$TCPWHY" --color --verdicts | escapes)" -ge 46 ]
	assert [ "$(NO_COLOR=1 "$TCPWHY" --color=always --verdicts | escapes)" -ge 46 ]
	assert_equal "$(on_terminal 200 "$TCPWHY" --color=never --verdicts | escapes)" 0
}

@test "the words are wrapped to the width of the terminal, and lose nothing" {
	local columns words
	words=$("$TCPWHY" --verdicts | tr -s ' \n' ' ')
	for columns in 64 80 120; do
		run on_terminal $columns "$TCPWHY" --color=never --verdicts
		assert [ "$(longest <<<"$output")" -le $columns ]
		assert_equal "$(tr -s ' \n' ' ' <<<"$output")" "$words"
	done
	assert [ "$("$TCPWHY" --verdicts | longest)" -gt 120 ]
}

@test "the head of the counters comes again on each screen, and in pipes once" {
	run --separate-stderr on_terminal 100 "$TCPWHY" --color=never -P 7044 0.02 50
	assert_success
	# a screen of 24 lines has the head, 22 rows, and the line where the next head will be
	assert_equal "$(grep -v '^tcpwhy' <<<"$output" | grep -n '^time ' | cut -d: -f1 | tr '\n' ' ')" "1 24 47 "
	run --separate-stderr "$TCPWHY" -P 7044 0.02 50
	assert_equal "$(grep -c '^time ' <<<"$output") $(wc -l <<<"$output")" "1 51"
}

# one_death COLUMNS [INTERVAL] : what is said of it there, and what comes before and after
one_death() {
	local screen=$BATS_TEST_TMPDIR/screen
	make_netns
	# not in the background for bash, which would have SIGINT ignored there
	(trap - INT && exec $PYTHON "$TOP/tests/e2e/terminal.py" "$1" "$TCPWHY" -P 7044 "${@:2}") >"$screen" 3>&- &
	WATCHER=$!
	wait_for 30 has watching "$screen"
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run half-closed-reuse -n 1 -p 7044
	wait_for 20 has 'half-closed-reuse' "$screen"
	kill -INT "$WATCHER"
	wait "$WATCHER"
	WATCHER=
}

@test "a death on 80 columns: the words are beneath, within the width, and lose nothing" {
	one_death 80
	run cat "$BATS_TEST_TMPDIR/screen"
	assert_line --regexp $'^[0-9:.]{12}  \033\\[31mhalf-closed-reuse\033\\[0m  why-client\\[[0-9]+\\]$'
	assert_line --regexp '^              127.0.0.1:[0-9]+ -> 127.0.0.1:7044$'
	assert_line --regexp '^              peer had closed; wrote 45 bytes [0-9]+ ms later, answered by RST;$'
	assert_line --regexp '^              other end: why-server\[[0-9]+\] late-data-time-wait$'
	assert [ "$(grep -v 'watching\|tcpwhy: in' "$BATS_TEST_TMPDIR/screen" | longest)" -le 80 ]
}

@test "a death on 250 columns: one line" {
	one_death 250
	run cat "$BATS_TEST_TMPDIR/screen"
	assert_line --regexp 'half-closed-reuse.*  why-client\[[0-9]+\] +127.0.0.1:[0-9]+ -> 127.0.0.1:7044 +peer had closed; wrote 45 bytes [0-9]+ ms later, answered by RST; other end: why-server\[[0-9]+\] late-data-time-wait$'
}

@test "a row of counters on 80 columns: the verdicts are beneath" {
	one_death 80 1
	run cat "$BATS_TEST_TMPDIR/screen"
	assert_line --regexp '^ {14}half-closed-reuse=1 by why-client\[[0-9]+\]:1 late-data-time-wait=1( by)?$'
	assert_line --regexp '^ {14}(by )?why-server\[[0-9]+\]:1$'
}
