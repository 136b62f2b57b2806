#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs the quick tests, in the order of the layers, and sums up: "N passed, N failed, N skipped".
# Arguments choose among: unit e2e (without any, these two), slow, faults, and real; or are bats files, also without their
# directory. With -f, only those tests of bats files whose names match. With SHELL_ON_FAILURE=1 in the environment, a test
# that fails gives a shell in its network namespace. TEST_BUILD is where the tested programs are, if not in build. Exit status 0 only if nothing failed.
#
#     SHELL_ON_FAILURE=1 tests/run.sh deaths.bats -f linger-zero

set -uo pipefail
cd "$(dirname "$0")/.." || exit

passed=0 failed=0 skipped=0 filter=()
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Counts TAP, as bats and cmocka write it.
count_tap() {
	skipped=$((skipped + $(grep -cE '^ok .*# (SKIP|skip)' "$log")))
	passed=$((passed + $(grep -E '^ok ' "$log" | grep -vcE '# (SKIP|skip)')))
	failed=$((failed + $(grep -c '^not ok ' "$log")))
}

# run_tap NAME COMMAND... : fails as a whole if the command fails without a failed test
run_tap() {
	local name=$1 before=$failed status=0 began=$SECONDS
	shift
	echo "== $name"
	"$@" 2>&1 | tee "$log"
	status=${PIPESTATUS[0]}
	count_tap
	if [ "$status" -ne 0 ] && [ "$failed" -eq "$before" ]; then
		echo "not ok $name: exit status $status"
		failed=$((failed + 1))
	fi
	echo "# $name took $((SECONDS - began)) s"
}

# cmocka says "not ok" of what it skips, and why on the line before.
run_cmocka() {
	CMOCKA_MESSAGE_OUTPUT=TAP "$1" 2>&1 | sed -E "s/^not ok ([0-9]+ # SKIP)/ok \1/"
	return "${PIPESTATUS[0]}"
}

# Python's unittest says "ok", "FAIL", "ERROR" or "skipped" behind each test.
run_unittest() {
	/usr/bin/python3 "$1" -v 2>&1 | sed -E \
		-e "s/^(.*) \.\.\. ok$/ok \1/" \
		-e "s/^(.*) \.\.\. (FAIL|ERROR)$/not ok \1/" \
		-e "s/^(.*) \.\.\. skipped (.*)$/ok \1 # SKIP \2/"
	return "${PIPESTATUS[0]}"
}

unit() {
	local test
	for test in "${TEST_BUILD:-build}"/tests/test_*; do
		[ -x "$test" ] && run_tap "${test##*/}" run_cmocka "$test"
	done
	for test in tests/unit/test_*.py; do
		run_tap "${test##*/}" run_unittest "$test"
	done
}

# run_bats FILE...
run_bats() {
	local test
	if [ "$(id -u)" != 0 ]; then
		echo "ok end-to-end tests # SKIP they need root" | tee "$log"
		count_tap
		return
	fi
	for test; do
		BATS_LIB_PATH=/usr/lib/bats run_tap "${test##*/}" bats --tap "${filter[@]}" "$test"
	done
}

e2e() {
	run_bats tests/e2e/*.bats
}

slow() {
	run_bats tests/slow/*.bats
}

faults() {
	run_bats tests/faults/*.bats
}

real() {
	run_bats tests/real/*.bats
}

usage() {
	echo 'usage: tests/run.sh [unit|e2e|slow|faults|real|FILE.bats]... [-f NAME]' >&2
	exit 2
}

# find_bats FILE : also of its name alone
find_bats() {
	local found=("$1")
	[ -e "$1" ] || found=(tests/*/"$1")
	[ -e "${found[0]}" ] || {
		echo "run.sh: there is no $1 in tests/*/" >&2
		exit 2
	}
	echo "${found[0]}"
}

suites=()
while [ $# -gt 0 ]; do
	case $1 in
	-f)
		[ $# -gt 1 ] || usage
		filter=(--filter "$2")
		shift
		;;
	unit | e2e | slow | faults | real) suites+=("$1") ;;
	*.bats) suites+=("$(find_bats "$1")") || exit 2 ;;
	*) usage ;;
	esac
	shift
done
[ ${#suites[@]} -gt 0 ] || suites=(unit e2e)

for suite in "${suites[@]}"; do
	case $suite in
	*.bats) run_bats "$suite" ;;
	*) "$suite" ;;
	esac
done

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
