#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs the quick tests, in the order of the layers, and sums up: "N passed, N failed, N skipped".
# Arguments choose among: unit e2e (without any, these two), slow, and real; or are bats files. Exit
# status 0 only if nothing failed.

set -uo pipefail
cd "$(dirname "$0")/.." || exit

passed=0 failed=0 skipped=0
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
	local name=$1 before=$failed status=0
	shift
	echo "== $name"
	"$@" 2>&1 | tee "$log"
	status=${PIPESTATUS[0]}
	count_tap
	if [ "$status" -ne 0 ] && [ "$failed" -eq "$before" ]; then
		echo "not ok $name: exit status $status"
		failed=$((failed + 1))
	fi
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
	for test in build/tests/test_*; do
		[ -x "$test" ] && CMOCKA_MESSAGE_OUTPUT=TAP run_tap "${test##*/}" "$test"
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
		BATS_LIB_PATH=/usr/lib/bats run_tap "${test##*/}" bats --tap "$test"
	done
}

e2e() {
	run_bats tests/e2e/*.bats
}

slow() {
	run_bats tests/slow/*.bats
}

real() {
	run_bats tests/real/*.bats
}

for suite in "${@:-unit e2e}"; do
	for one in $suite; do
		case $one in
		*.bats) run_bats "$one" ;;
		*) "$one" ;;
		esac
	done
done

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
