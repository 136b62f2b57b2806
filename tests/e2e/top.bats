#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# tcpwhy top on a terminal, which is tmux: what a person sees there, and what the keys do.

load lib

setup() {
	make_netns
}

teardown() {
	on_tmux kill-server 2>/dev/null || true
	remove_netns
}

on_tmux() {
	tmux -S "$BATS_TEST_TMPDIR/tmux${TERMINALS-}" -f /dev/null "$@"
}

# start_top COLUMNS ROWS ARGS... : a shell on a terminal runs it, and says what became of it
start_top() {
	ERR=$BATS_TEST_TMPDIR/err
	TERMINALS=$((${TERMINALS-0} + 1)) # a server that is told to end may still answer
	cat >"$BATS_TEST_TMPDIR/run" <<-END
		trap : INT # Ctrl-C is not for it
		stty -a >'$BATS_TEST_TMPDIR/before'
		echo before
		'$TCPWHY' ${TEST_WITHOUT:+--without $TEST_WITHOUT} ${TEST_BTF:+--btf $TEST_BTF} top ${*:3} 2>'$ERR'
		echo "status \$?"
		stty -a >'$BATS_TEST_TMPDIR/after'
		read -r _
	END
	LC_ALL=${LOCALE-C.UTF-8} on_tmux new-session -d -x "$1" -y "$2" "sh '$BATS_TEST_TMPDIR/run'" 3>&-
	sees '^tcpwhy top '
}

screen() {
	on_tmux capture-pane -p
}

is_seen() {
	screen | grep -qE -- "$1"
}

is_not_seen() {
	! is_seen "$1"
}

# sees REGEX : within some seconds
sees() {
	wait_for 10 is_seen "$1" || fail "not on the screen: $1
$(screen)
$(cat "$ERR" 2>/dev/null)"
}

sees_no() {
	wait_for 10 is_not_seen "$1" || fail "still on the screen: $1
$(screen)"
}

press() {
	on_tmux send-keys "$@"
}

# Deaths of two verdicts, N of each, both by the process "one".
unread() {
	tell one listen
	tell one open $N
	tell one unread
}

@test "top shows verdicts, processes, peers and deaths; q gives the terminal back, and the summary" {
	start_pair one 7100
	start_top 80 24 -P 7100
	unread
	sees "^unread-data +[0-9.]+ +$N "
	sees "^peer-aborted +[0-9.]+ +$N .*█"
	sees "^127.0.0.1 +[0-9.]+ +$((2 * N))  one\[$PAIR_one_PID\] +[0-9.]+ +$((2 * N))$"
	sees "^[0-9:.]{12}  peer-aborted +one\[$PAIR_one_PID\] +127.0.0.1:7100$"
	assert_equal "$(screen | wc -l)" 24
	press q
	sees '^status 0$'
	screen | head -n 1 | grep -qx before || fail "expected the screen as it was before, seen: $(screen)"
	assert_equal "$(cat "$BATS_TEST_TMPDIR/after")" "$(cat "$BATS_TEST_TMPDIR/before")"
	assert_equal "$(said_by_counters)" "peer-aborted	$N
unread-data	$N"
	run cat "$ERR"
	assert_line --regexp "^ +by: one\[$PAIR_one_PID\] $N$"
	assert_line --regexp '^tcpwhy: per second: '
}

@test "keys filter, sort, pause, and open the story of a death; Ctrl-C ends with the summary" {
	start_pair one 7100
	start_top 80 24 -P 7100 0.2
	unread
	sees "^peer-aborted +0 +$N\b"
	press /UNR
	sees '^filter .*: UNR_$'
	press Enter
	sees 'filter: UNR$'
	sees "^unread-data +0 +$N\b"
	assert is_not_seen '^peer-aborted'
	assert is_not_seen '^[0-9:.]{12}  peer-aborted'
	press Down Down Enter
	sees '^unread-data$'
	sees 'closed with 45'
	sees 'fix: read until end of file before close'
	press End
	sees "^  other_end +one\[$PAIR_one_PID\] peer-aborted$"
	press Escape
	sees '^LAST DEATHS'
	press Escape
	press Escape
	sees "^peer-aborted +0 +$N\b"
	press s s
	sees 'sorted by name'
	press p
	sees 'PAUSED'
	tell one open 3
	tell one abort
	sleep 0.6 # three intervals
	assert is_not_seen linger-zero
	press p
	sees "^linger-zero +[0-9.]+ +3 "
	assert is_not_seen PAUSED
	press C-c
	sees '^status 0$'
	assert_equal "$(said_by_counters)" "linger-zero	3
peer-aborted	$((N + 3))
unread-data	$N"
}

@test "a listener with its queue and limit; other sizes of the terminal" {
	start_top 80 24 -P 7000
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run accept-overflow-syn >/dev/null
	sees "^:7000 why-server\[[0-9]+\] +2/1 +accept-overflow +[0-9.]+ +$N$"
	assert_equal "$(screen | tail -n 1)" "q quit  / filter  s sort  p pause  Up Down select  Enter story"
	on_tmux resize-window -x 120 -y 40
	sees '127.0.0.1:[0-9]+ -> 127.0.0.1:7000$'
	assert_equal "$(screen | tail -n 1 | cut -c 1-6)" "q quit"
	assert_equal "$(screen | wc -l)" 40
	on_tmux resize-window -x 60 -y 10
	sees '^too small: 60x10, needs 72x20$'
	on_tmux resize-window -x 80 -y 24
	sees '^:7000 why-server'
	press q
	sees '^status 0$'
}

@test "a name that would act on the terminal does not" {
	start_top 80 24 -P 7100
	in_netns $PYTHON -c '
import socket
with open("/proc/self/comm", "wb") as comm:
    comm.write(b"\033[2J\033]0;p\a\x9b\xe2\x80")
print(socket.socket().connect_ex(("127.0.0.1", 7100)))' >/dev/null
	sees '^[0-9:.]{12}  refused +\\x1b\[2J\\x1b\]0;p\\x07\\x9b\\xe2\\x80\[[0-9]+\]'
	is_seen '^tcpwhy top' || fail "the name has cleared the screen: $(screen)"
	press Down Enter
	sees '^  comm +.*x1b\[2J'
	refute [ "$(on_tmux display-message -p '#{pane_title}')" = p ]
}

@test "filters, COUNT and -d hold, and the bars can do without UTF-8" {
	start_pair one 7100
	LOCALE=C start_top 80 24 -P 7100 --verdict unread-data 0.5 8
	unread
	sees "^unread-data +[0-9.]+ +$N .*#"
	assert is_not_seen peer-aborted
	sees '^status 0$'
	assert_equal "$(said_by_counters)" "unread-data	$N"
	assert_regex "$(cat "$ERR")" 'tcpwhy: in 4\.[0-9] s'
	on_tmux kill-server
	start_top 80 24 -d 2.5 1000 # seconds: a key, and another size, do not wait for the interval
	press s
	sees 'sorted by total'
	on_tmux resize-window -x 60 -y 10
	sees '^too small'
	sees '^status 0$'
	assert_regex "$(cat "$ERR")" 'tcpwhy: in 2\.[5-9] s'
}

# refused COMMAND... : it has said so before it asks for anything that takes capabilities
refused() {
	run --separate-stderr "$@" setpriv --reuid 65534 --clear-groups --bounding-set -all ./tcpwhy top
	assert_equal "status $status: $stderr$output" "status 2: $stderr$output"
	assert_equal "$(wc -l <<<"$stderr$output")" 1
}

@test "without a terminal, or where it is not known how to draw on it: one line, exit status 2" {
	local term
	cp "$TCPWHY" "$BATS_TEST_TMPDIR/tcpwhy"
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/tcpwhy"
	cd "$BATS_TEST_TMPDIR"
	refused env
	assert_equal "$stderr" "tcpwhy: top needs a terminal, and stdout is none; 'tcpwhy 1' writes counters to pipes and files"
	for term in "" dumb nonsense $'\033[2J'; do
		TERM=$term refused $PYTHON "$TOP/tests/e2e/terminal.py" 80
		assert_regex "$output" '^tcpwhy: top: .*TERM'
	done
	assert_regex "$output" 'TERM=\\x1b\[2J'
}

@test "where there is no terminfo, terminals like xterm are known" {
	unshare --mount sh -c '
		for dir in /etc/terminfo /lib/terminfo /usr/share/terminfo; do
			mkdir -p $dir && mount -t tmpfs none $dir
		done
		TERM=tmux-256color exec "$@"' sh $PYTHON "$TOP/tests/e2e/terminal.py" 80 "$TCPWHY" top -d 0.3 >"$BATS_TEST_TMPDIR/screen"
	grep -q 'VERDICT' "$BATS_TEST_TMPDIR/screen" || fail "$(cat "$BATS_TEST_TMPDIR/screen")"
}
