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
	for status in 0 1 2 3 4 5 6 7; do
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
	for status in 0 1 2 3 4 5 6 7; do
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
	assert_equal "${subcommand-}" check
	for field in $("$TCPWHY" check --json | sed -nE 's/^  "([a-z_]+)":.*/\1/p'); do
		[[ $field == version ]] || grep -q "_${field}_" "$TOP/user/tcpwhy.8.scd" || fail "the man page lacks $field"
	done
	run grep -c '"const": 1$' "$TOP/user/check.schema.json"
	assert_output 1
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
