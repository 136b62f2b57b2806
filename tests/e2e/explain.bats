#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# tcpwhy explain: by whom and for what it can be asked, how it looks, and whether what the pages say is so.

load lib

setup() {
	trace_tests_only
	unset NO_COLOR
	export TERM=xterm
}

teardown() {
	remove_netns
}

verdicts() {
	"$TCPWHY" --verdicts | awk '/^  [a-z]/ { print $1 }'
}

# The words, whatever the lines.
words() {
	tr -s ' \n' ' '
}

# ---- by whom, for what ---------------------------------------------------------------------------

@test "it takes neither privileges nor BTF" {
	cp "$TCPWHY" "$BATS_TEST_TMPDIR/tcpwhy"
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/test "$BATS_TEST_TMPDIR/tcpwhy"
	# shellcheck disable=SC2016
	run --separate-stderr unshare --mount sh -c 'mount -t tmpfs none /sys/kernel/btf &&
		exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"' sh "$BATS_TEST_TMPDIR/tcpwhy" explain refused
	assert_success
	assert_equal "$stderr" ""
	assert_line --regexp '^refused \(reset by the other side\): RST to our SYN: nothing listens there$'
	assert_line 'How to fix'
}

@test "without an argument it lists every verdict and every error message" {
	run --separate-stderr "$TCPWHY" explain
	assert_success
	for name in $(verdicts); do
		assert_line --regexp "^  $name +[a-zA-Z]"
	done
	while read -r title; do
		assert_line "  $title"
	done < <(sed -n 's/^## //p' "$TOP/docs/errors.md")
}

@test "each verdict has its page" {
	for name in $(verdicts); do
		run "$TCPWHY" explain "$name"
		assert_success
		assert_line --index 0 --regexp "^$name \\("
		assert_equal "$(grep -cxE 'What happened|What the applications see|How to confirm|How to fix|How to tell .*' <<<"$output")" 5
	done
}

@test "an error message leads to its verdicts, the likeliest first; quoted or not" {
	run "$TCPWHY" explain "read tcp 10.0.0.5:59722->10.0.0.9:3306: read: connection reset by peer"
	assert_success
	assert_line --index 0 'connection reset by peer'
	assert_equal "$(sed -nE 's/^  - ([a-z-]+):.*/\1/p' <<<"$output" | head -2 | words)" "peer-aborted peer-forgot "
	run "$TCPWHY" explain write: broken pipe
	assert_line --index 0 'broken pipe'
}

@test "a line of tcpwhy leads to its verdict" {
	run "$TCPWHY" explain "10:31:07.412  half-closed-reuse  a[1]  10.0.0.5:1 -> 10.0.0.9:2  ...; other end: b[2] late-data"
	assert_line --index 0 --partial 'half-closed-reuse (reset by the other side)'
}

@test "what it does not know is an error that names the nearest verdict and all messages" {
	run --separate-stderr "$TCPWHY" explain unread-dta
	assert_failure 2
	assert_output ""
	assert_equal "$(wc -l <<<"$stderr")" 1
	[[ $stderr == "tcpwhy: knows neither a verdict nor an error message 'unread-dta'; the nearest verdict is unread-data "* ]] ||
		fail "$stderr"
	while read -r title; do
		[[ $stderr == *"$title"* ]] || fail "'$title' is not in: $stderr"
	done < <(sed -n 's/^## //p' "$TOP/docs/errors.md")
}

@test "options that are about what is watched are refused, with status 2" {
	run --separate-stderr "$TCPWHY" explain refused -P 80
	assert_failure 2
	assert_equal "$output$stderr" "tcpwhy: -P is not for explain: nothing is watched"
}

@test "a full disk is said, with status 7" {
	run --separate-stderr bash -c "'$TCPWHY' explain refused >/dev/full"
	assert_failure 7
	assert_equal "$stderr" "tcpwhy: cannot write to stdout: No space left on device"
}

# ---- how it looks --------------------------------------------------------------------------------

# longest LINES : commands are not broken, and stand four columns in
longest() {
	grep -v '^    ' <<<"$1" | awk '{ if (length($0) > n) n = length($0) } END { print n }'
}

@test "it is wrapped to the terminal's width, at most 100, elsewhere 80, and loses nothing" {
	local columns said all
	for topic in unread-data "broken pipe" ""; do
		said=$("$TCPWHY" explain "$topic")
		all=$(words <<<"$said")
		assert [ "$(longest "$said")" -le 80 ]
		for columns in 60 100 200; do
			run $PYTHON "$TOP/tests/e2e/terminal.py" $columns "$TCPWHY" explain --color=never "$topic"
			assert_success
			assert [ "$(longest "$output")" -le $((columns < 100 ? columns : 100)) ]
			assert_equal "$(words <<<"$output")" "$all"
		done
		assert [ "$(longest "$output")" -gt 80 ]
	done
}

@test "headings are bold on a terminal, and nowhere else" {
	run $PYTHON "$TOP/tests/e2e/terminal.py" 80 "$TCPWHY" explain refused
	assert_line $'\033[1mHow to fix\033[0m'
	run env NO_COLOR=1 $PYTHON "$TOP/tests/e2e/terminal.py" 80 "$TCPWHY" explain refused
	assert_line 'How to fix'
	run "$TCPWHY" explain refused
	refute_output --partial $'\033'
	run "$TCPWHY" explain refused --color
	assert_line $'\033[1mHow to fix\033[0m'
}

# ---- whether it is so ----------------------------------------------------------------------------

# quoted NAME : what a page quotes as said by applications
quoted() {
	sed -n '/^## What the applications see/,/^## How to confirm/p' "$TOP/docs/verdicts/$1.md" |
		sed -E 's/\[`[^]]*\]\([^)]*\)//g' | tr '\n' ' ' | grep -oE '`[^`]+`' | tr -d '`'
}

# leads_back NAME TEXT : to the verdict, or to one that its page names
leads_back() {
	local page said dash candidate rest
	page=$(<"$TOP/docs/verdicts/$1.md")
	said=$("$TCPWHY" explain "$2") || fail "$1: '$2' is not known"
	while read -r dash candidate rest; do
		[[ $dash == - && ($candidate == "$1:" || $page == *"(${candidate%:}.md)"*) ]] && return
	done <<<"$said"
	fail "$1: '$2' leads to: ${said%%$'\n'*}"
}

all_quotes_lead_back() {
	local name text
	for name in $(verdicts); do
		while read -r text; do
			[[ -z $text || $text == *'()' ]] || leads_back "$name" "$text"
		done < <(quoted "$name")
	done
}

@test "what a page quotes leads back to its verdict, or to one that the page names" {
	all_quotes_lead_back
}

@test "what Python, and so the C library, says of a death is on its page" {
	make_netns
	assert_said_on_pages $PYTHON "$TOP/tests/e2e/says_client.py"
}

# commands FIRST : the commands of all pages that begin so, one a line, with something in place of PORT, PID and PEER
commands() {
	cat "$TOP"/docs/verdicts/*.md | sed -nE '/^```$/,/^```$/p' | sed -E 's/ {2,}\(.*\)$//; s/; /\n/g' | sed -E 's/ \| .*//' |
		sed -n "s/PORT/7000/g; s/PID/$$/g; s/PEER/127.0.0.1/g; /^$1 /p" | sort -u
}

@test "the counters and sysctls on the pages exist, and ss takes its filters" {
	make_netns
	local command name all
	all=$(in_netns nstat -az)
	has_mptcp || all+=$'\nMPTcpExt' # a kernel without it has none of its counters: nothing is asked of it
	for name in $(commands nstat | grep -oE '[A-Z][A-Za-z0-9]+'); do
		[[ $all == *$'\n'"$name"* ]] || fail "this kernel has no counter $name"
	done
	while read -r command; do
		# shellcheck disable=SC2086
		run $command
		assert_success
	done < <(commands sysctl)
	while read -r command; do
		run in_netns sh -c "$command"
		assert_success
	done < <(commands ss)
}

# The duration is looked at last.
@test "the commands of tcpwhy on the pages are understood" {
	local command n=0
	while read -r command; do
		[[ $command != *check* ]] || continue
		# shellcheck disable=SC2086
		run "$TCPWHY" ${command#tcpwhy } -d x
		assert_output "tcpwhy: bad duration 'x': give seconds, from 0.01, for instance 10 or 0.5"
		n=$((n + 1))
	done < <(commands tcpwhy)
	assert [ $n -ge 30 ]
}
