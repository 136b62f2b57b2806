#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What bash, zsh and fish offer at a Tab, when they have read what --completions prints: interactive shells are asked.

load lib

setup_file() {
	local shell
	for shell in bash zsh fish; do
		"$TCPWHY" --completions "$shell" >"$BATS_FILE_TMPDIR/$shell"
	done
}

# Replaced by the words that bash inserts: all that it offers.
bash_offers() {
	printf '%s\n' ". $BATS_FILE_TMPDIR/bash" "tcpwhy() { printf '%s\n' \"\${@:$(wc -w <<<"$1x")-1}\" >offers; }" \
		'bind "\C-t":insert-completions' "$1"$'\x14' exit | timeout $((20 * ${TEST_SLOWDOWN:-1})) bash --norc --noprofile -i >log 2>&1
}

zsh_offers() {
	timeout $((20 * ${TEST_SLOWDOWN:-1})) zsh -f "$TOP/tests/e2e/complete.zsh" "$BATS_FILE_TMPDIR/zsh" "$1" offers >log 2>&1
}

fish_offers() {
	timeout $((20 * ${TEST_SLOWDOWN:-1})) fish --no-config -c "source $BATS_FILE_TMPDIR/fish; complete -C '$1'" 2>log | cut -f 1 >offers
}

# offers SHELL LINE : a word a line, without the option or the list before it, and without the = behind it
offers() {
	cd "$BATS_TEST_TMPDIR"
	: >offers
	"$1_offers" "$2" || fail "$1 does not complete '$2': $(cat log)"
	sed -E -e 's/^(--[a-z0-9-]+)=$/\1/' -e 's/^--[a-z-]*=//' -e '/^-/!s/^.*,//' -e 's/^ *//' -e '/^$/d' offers | LC_ALL=C sort -u
}

# must_offer LINE WORDS : all three, these words and no other; WORDS a line each
must_offer() {
	local shell expected offered missing unknown
	expected=$(LC_ALL=C sort -u <<<"$2")
	[ -n "$expected" ] || fail "nothing is expected of '$1'"
	for shell in bash zsh fish; do
		offered=$(offers "$shell" "$1")
		missing=$(LC_ALL=C comm -23 <(echo "$expected") <(echo "$offered"))
		unknown=$(LC_ALL=C comm -13 <(echo "$expected") <(echo "$offered"))
		[ -z "$missing$unknown" ] || fail "$shell, '$1': does not offer: ${missing//$'\n'/ }
offers what there is not: ${unknown//$'\n'/ }"
	done
}

verdicts() {
	"$TCPWHY" --verdicts | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p'
}

@test "they offer every long option of --help" {
	must_offer 'tcpwhy --' "$("$TCPWHY" --help | sed -nE 's/^ +(-., )?(--[a-z0-9-]+).*/\2/p')"
}

@test "they offer every subcommand, and what may follow it" {
	must_offer 'tcpwhy ' "$("$TCPWHY" --help | sed -nE 's/^  or:  tcpwhy \[OPTION...\] ([a-z]+).*/\1/p')"
	must_offer 'tcpwhy explain ' "$(verdicts)"
}

@test "they offer every verdict, field and feature, also behind others in a list" {
	must_offer 'tcpwhy --verdict ' "$(verdicts)"
	must_offer 'tcpwhy --verdict=refused,co' "$(verdicts | grep ^co)"
	must_offer 'tcpwhy --without ' "$("$TCPWHY" check --json | jq -r '.features[].name')"
	must_offer 'tcpwhy --fields time,bytes_' "$("$TCPWHY" --fields nonsense 2>&1 | tr ' ,' '\n' | grep ^bytes_)"
}

@test "they offer what else an option may have" {
	must_offer 'tcpwhy --format ' $'json\nopenmetrics\ntext'
	must_offer 'tcpwhy --color=' $'always\nauto\nnever'
	must_offer 'tcpwhy --completions ' $'bash\nfish\nzsh'
	must_offer "tcpwhy -p $$" "$$"
	touch "$BATS_TEST_TMPDIR/one-btf"
	must_offer 'tcpwhy --btf one-' one-btf
}

@test "behind -- they offer commands" {
	must_offer 'tcpwhy -- unsha' unshare
}

@test "a shell that is not known is refused" {
	run --separate-stderr "$TCPWHY" --completions csh
	assert_failure 2
	assert_output ""
	assert_equal "$stderr" "tcpwhy: no completions for 'csh': give bash, zsh or fish"
}
