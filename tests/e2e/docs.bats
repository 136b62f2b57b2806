#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What is written about the program is what the program says.

load lib

@test "the README's table of verdicts is the program's" {
	assert_equal "$(sed -n '/^<!-- verdicts -->$/,/^<!-- end -->$/ { /^<!--/!p }' "$TOP/README.md")" \
		"$("$TOP/tools/readme-table.sh")"
}

@test "the README names every option and every exit status of --help" {
	local option
	for option in $("$TCPWHY" --help | sed -nE 's/^ +(-[^ ?V],)? *(--[a-z0-9-]+).*/\1 \2/p' |
		awk '$NF !~ /--(help|usage|version)/ { sub(",", "", $1); print $1 }'); do
		run grep -E -- "(tcpwhy.*|; |-4, )$option\b" "$TOP/README.md"
		assert_success
	done
	run "$TCPWHY" --help
	for status in 0 1 2 3 4 5 6 7 8 9; do
		assert_regex "$(tr '\n' ' ' <"$TOP/README.md")" "Exit status:[^.]*\b$status [a-z]"
		assert_regex "$(tr -s '\n ' ' ' <<<"$output")" "Exit status:[^.]*\b$status [a-z]"
	done
}

@test "the man page can be made, and has every option and exit status of --help" {
	local option
	run scdoc <"$TOP/user/tcpwhy.8.scd"
	assert_success
	for option in $("$TCPWHY" --help | sed -nE 's/^ +(-[^ ?V],)? *(--[a-z0-9-]+).*/\2/p'); do
		[[ $option =~ ^--(help|usage|version)$ ]] || assert_line --regexp "\\\\fB${option//-/\\\\?-}\\\\fR"
	done
	for status in 0 1 2 3 4 5 6 7 8 9; do
		assert_line --regexp "^\\\\fB$status\\\\fR$"
	done
	assert_line --partial OVERHEAD
}

@test "the README and the man page have every subcommand of --help, and what check.schema.json has" {
	local subcommand
	for subcommand in $("$TCPWHY" --help | sed -nE 's/^  or:  tcpwhy \[OPTION...\] ([a-z]+).*/\1/p'); do
		grep -q "^tcpwhy $subcommand " "$TOP/README.md" || fail "the README lacks $subcommand"
		grep -qF "*tcpwhy* *$subcommand*" "$TOP/user/tcpwhy.8.scd" || fail "the man page lacks $subcommand"
	done
	assert_equal "${subcommand-}" join
	for field in $("$TCPWHY" check --json | sed -nE 's/^  "([a-z_]+)":.*/\1/p'); do
		[[ $field == version ]] || grep -q "_${field}_" "$TOP/user/tcpwhy.8.scd" || fail "the man page lacks $field"
	done
	for name in $("$TCPWHY" check --json | sed -n '/^  "accidents":/,$ s/^      "name":"\(.*\)",$/\1/p'); do
		grep -q "^| \`$name\` " "$TOP/README.md" || fail "the README lacks the accident $name"
		grep -qF "*$name*" "$TOP/user/tcpwhy.8.scd" || fail "the man page lacks the accident $name"
	done
	assert_equal "${name-}" ports-near-limit
	run grep -c '"const": 1$' "$TOP/user/check.schema.json"
	assert_output 1
}

@test "the index of docs/ has the program's verdicts and every error message" {
	assert_equal "$(sed -n '/^<!-- index -->$/,/^<!-- end -->$/ { /^<!--/!p }' "$TOP/docs/README.md")" \
		"$("$TOP/tools/docs-index.sh")"
	assert_equal "$(cd "$TOP/docs/verdicts" && ls)" \
		"$("$TCPWHY" --verdicts | awk '/^  [a-z]/ { print $1 ".md" }' | LC_ALL=C sort)"
}

@test "tcpwhy-verdicts(7) can be made, and has every verdict and every error message" {
	awk -f "$TOP/tools/pages.awk" -v to=man "$TOP"/docs/verdicts/*.md "$TOP/docs/errors.md" |
		cat "$TOP/user/tcpwhy-verdicts.7.scd" - >"$BATS_TEST_TMPDIR/scd"
	run scdoc <"$BATS_TEST_TMPDIR/scd"
	assert_success
	for name in $("$TCPWHY" --verdicts | awk '/^  [a-z]/ { print $1 }'); do
		assert_line ".SS $name"
	done
	while read -r title; do
		assert_line ".SS $title"
	done < <(sed -n 's/^## //p' "$TOP/docs/errors.md")
}

# faulty FILE EXPRESSION SAID : with a page changed by sed no program is made, and it is said why, of line N
faulty() {
	cp -r "$TOP/docs" "$BATS_TEST_TMPDIR/docs"
	sed -i "$2" "$BATS_TEST_TMPDIR/docs/$1"
	cd "$BATS_TEST_TMPDIR"
	run --separate-stderr awk -f "$TOP/tools/pages.awk" -v to=text docs/verdicts/*.md docs/errors.md
	assert_failure 1
	assert_output ""
	assert_equal "$(head -1 <<<"$stderr" | sed -E 's/:[0-9]+:/:N:/')" "$3"
	rm -r docs
}

@test "a page with a fault is named" {
	faulty verdicts/refused.md '/^## How to fix/d' \
		"docs/verdicts/refused.md:N: section 'How to tell it from its neighbours' seen, 'How to fix' expected"
	faulty verdicts/refused.md '/^## How to tell/,$d' \
		"docs/verdicts/refused.md:end: no section 'How to tell it from its neighbours' in refused.md"
	faulty verdicts/refused.md '/^## How to fix/,/^## /{//!d}' \
		"docs/verdicts/refused.md:end: a section of refused.md is empty"
	faulty verdicts/refused.md 's/(backlog-reset.md)/(backlog.md)/' \
		"docs/verdicts/refused.md:N: the link to 'backlog.md' does not lead to a verdict 'backlog-reset'"
	faulty verdicts/unknown.md 's/^# unknown/# other/' \
		"docs/verdicts/unknown.md:N: '# unknown' expected"
	faulty errors.md '/^- .*verdicts.protocol-error.md/d' \
		"docs/errors.md:N: 'protocol error' leads to no verdict"
}

@test "the binary needs no shared object" {
	run ldd "$TCPWHY"
	assert_output --partial "not a dynamic executable"
}

@test "make help lists every target that a user may call" {
	run make -s -C "$TOP" help
	for target in all run demo test test-pristine install lint format vmlinux clean help; do
		assert_line --regexp "^  make $target +[a-z]"
	done
}

@test "the table of verdicts, ends and scenarios is that of peers.py" {
	assert_equal "$(sed -n '/^<!-- table -->$/,/^<!-- end -->$/ { /^<!--/!p }' "$TOP/tests/README.md")" \
		"$(peers table)"
}
