#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What is written about the program is what the program says.

load lib

@test "the README's table of verdicts is the program's" {
	assert_equal "$(sed -n '/^<!-- verdicts -->$/,/^<!-- end -->$/ { /^<!--/!p }' "$TOP/README.md")" \
		"$("$TOP/tools/readme-table.sh")"
}

# options_of_help : "p|--pid|PID,..." for each, with nothing where there is no letter or no argument; "[WHEN]" need not be given
options_of_help() {
	"$TCPWHY" --help | sed -nE 's/^ +(-([^?]), |-., )? *(--[a-z0-9-]+)(\[?)=?([A-Z.,]*)(\]?).*/\2|\3|\4\5\6/p'
}

# exit_statuses : those of failure.h, a line each
exit_statuses() {
	sed -nE 's/^\tEXIT_[A-Z_]+ = ([0-9]+),.*/\1/p' "$TOP/user/failure.h"
}

# none_missing LINES : says them all, if there are any
none_missing() {
	[ -z "$1" ] || fail "$1"
}

@test "the README names every option and every exit status of --help" {
	local missing='' letter option status text
	while IFS='|' read -r letter option _; do
		[[ $option != --@(help|usage|version) ]] || continue
		[ -z "$letter" ] || option=-$letter
		grep -qE -- "(tcpwhy.*|; |-4, )$option\b" "$TOP/README.md" || missing+="README.md lacks $option"$'\n'
	done < <(options_of_help)
	for text in "README.md:$(tr '\n' ' ' <"$TOP/README.md")" "--help:$("$TCPWHY" --help | tr -s '\n ' ' ')"; do
		for status in $(exit_statuses); do
			[[ ${text#*:} =~ Exit\ status:.*[^0-9]$status\ [a-z] ]] ||
				missing+="${text%%:*} does not say what exit status $status is"$'\n'
		done
	done
	none_missing "$missing"
}

@test "the man page has every option of --help with its argument, every exit status, and no other option" {
	local missing='' letter option argument status headings
	headings=$(sed -nE 's/^(\*-.\*, )?(\*--[^+]*)(\+\+)?$/\2/p' "$TOP/user/tcpwhy.8.scd")
	[ "$(options_of_help | wc -l)" -gt 30 ] || fail "options of --help: $(options_of_help)"
	while IFS='|' read -r letter option argument; do
		case $argument in
		'') ;;
		\[*) argument="[=_${argument:1:-1}_]" ;;
		*,...) argument="=_${argument%,...}_,..." ;;
		*) argument="=_${argument}_" ;;
		esac
		[ -z "$letter" ] || grep -q -- "^\*-$letter\*, \*$option\*" "$TOP/user/tcpwhy.8.scd" ||
			missing+="tcpwhy.8.scd lacks *-$letter*, *$option*"$'\n'
		grep -qxF -- "*$option*$argument" <<<"$headings" ||
			missing+="tcpwhy.8.scd lacks *$option*$argument"$'\n'
	done < <(options_of_help)
	for option in $(sed -nE 's/^(\*-.\*, )?\*(--[a-z0-9-]+)\*.*/\2/p' "$TOP/user/tcpwhy.8.scd"); do
		options_of_help | grep -qF "|$option|" || missing+="tcpwhy.8.scd has $option, --help has not"$'\n'
	done
	for status in $(exit_statuses); do
		sed -n '/^# EXIT STATUS/,/^# [^E]/p' "$TOP/user/tcpwhy.8.scd" | tr '\n' ' ' | grep -qE " (\*$status\*|$status (and|if)) " ||
			missing+="EXIT STATUS of tcpwhy.8.scd lacks $status"$'\n'
	done
	none_missing "$missing"
}

@test "the man page can be made, has its sections, and its day is the release's" {
	run make -s --always-make -C "$TOP" BUILD="$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/tcpwhy.8"
	assert_success
	run cat "$BATS_TEST_TMPDIR/tcpwhy.8"
	assert_line --regexp "^\.TH \"tcpwhy\" \"8\" \"$(sed -nE 's/^## \[[0-9.]+\] - //p' "$TOP/CHANGELOG.md" | head -n 1)\"$"
	for section in NAME SYNOPSIS DESCRIPTION OPTIONS OVERHEAD "EXIT STATUS" EXAMPLES "SEE ALSO"; do
		assert_line ".SH $section"
	done
}

# Up to a command or a pipe. What stands before --help is looked at first.
@test "the program understands each example of the man page, of --help and of the README" {
	local line n=0
	while read -r line; do
		n=$((n + 1))
		line=${line%% | *} line=${line%% >*} line=${line%% -- *}
		line=${line%%   *} line=${line//-p 4121/-p 1} line=${line//,4122/} line=${line//blue/1} line=${line/system.slice\/*.service/\/}
		eval "set -- $line"
		run "$TCPWHY" "${@:2}" --help
		[ "$status" -eq 0 ] || fail "$line: $output"
	done < <(sed -n '/^# EXAMPLES/,/^# SEE/s/^\t\(tcpwhy\)/\1/p' "$TOP/user/tcpwhy.8.scd"
		"$TCPWHY" --help | sed -n '/^Examples:/,$s/^  tcpwhy/tcpwhy/p'
		sed -n '/^## Using it/,/^Filters of/s/^tcpwhy/tcpwhy/p' "$TOP/README.md")
	[ "$n" -gt 40 ] || fail "only $n examples seen"
}

@test "the version is the newest release of CHANGELOG.md, which has the form of Keep a Changelog" {
	run grep -E '^##* ' "$TOP/CHANGELOG.md"
	assert_line --index 0 "# Changelog"
	assert_line --index 1 "## [Unreleased]"
	assert_equal "$("$TCPWHY" --version)" "tcpwhy $(sed -nE 's/^## \[([0-9.]+)\] - .*/\1/p' "$TOP/CHANGELOG.md" | head -n 1)"
	for line in "${lines[@]:2}"; do
		[[ $line =~ ^'## ['[0-9]+\.[0-9]+\.[0-9]+'] - '[0-9]{4}-[0-9]{2}-[0-9]{2}$ || $line =~ ^'### '(Added|Changed|Deprecated|Removed|Fixed|Security)$ ]] ||
			fail "CHANGELOG.md: '$line' is no '## [VERSION] - DATE', and none of its '### ...'"
	done
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
	local missing='' title page=$BATS_TEST_TMPDIR/page
	awk -f "$TOP/tools/pages.awk" -v to=man "$TOP"/docs/verdicts/*.md "$TOP/docs/errors.md" |
		cat "$TOP/user/tcpwhy-verdicts.7.scd" - | scdoc >"$page"
	while read -r title; do
		grep -qxF ".SS $title" "$page" || missing+="tcpwhy-verdicts(7) lacks $title"$'\n'
	done < <("$TCPWHY" --verdicts | awk '/^  [a-z]/ { print $1 }'; sed -n 's/^## //p' "$TOP/docs/errors.md")
	none_missing "$missing"
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
	! sanitized || skip "a build with sanitizers is linked to those of the C library and of the sanitizers"
	run ldd "$TCPWHY"
	assert_output --partial "not a dynamic executable"
}

@test "make help lists every target that a user may call" {
	run make -s -C "$TOP" help
	for target in all run demo install uninstall tarball deb test test-pristine test-deb test-reproducible lint format vmlinux clean help; do
		assert_line --regexp "^  make $target +[a-z]"
	done
}

@test "the table of verdicts, ends and scenarios is that of peers.py" {
	assert_equal "$(sed -n '/^<!-- table -->$/,/^<!-- end -->$/ { /^<!--/!p }' "$TOP/tests/README.md")" \
		"$(peers table)"
}
