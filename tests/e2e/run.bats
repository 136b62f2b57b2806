#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# tests/run.sh itself: what a contributor uses of it.

load lib

# A file of two tests, of which one fails, with tcpwhy watching.
setup() {
	FILE=$BATS_TEST_TMPDIR/two.bats
	# bats takes all that begins so for tests of this file
	sed 's/^%/@/' >"$FILE" <<-END
		load $TOP/tests/e2e/lib
		setup() {
			make_netns
		}
		teardown() {
			kill_tcpwhy
			remove_netns
		}
		%test "good" {
			true
		}
		%test "bad" {
			start_tcpwhy -P 7000
			assert_equal seen expected
		}
	END
}

# run_run COMMANDS ARGS... : tests/run.sh ARGS, at a terminal where COMMANDS are typed
run_run() {
	run timeout $((60 * ${TEST_SLOWDOWN:-1})) script -qec "env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=$HOME TERM=dumb SHELL_ON_FAILURE=${SHELL_ON_FAILURE-} $TOP/tests/run.sh ${*:2}" /dev/null <<<"$1"
}

@test "with SHELL_ON_FAILURE=1 a test that fails says why and gives a shell in its namespace, where tcpwhy still runs" {
	# shellcheck disable=SC2016 # that shell is to expand it
	SHELL_ON_FAILURE=1 run_run 'echo "in $(ip netns identify $$)"; pgrep -c -x tcpwhy; cat err; exit' "$FILE"
	assert_failure
	assert_line --partial "---- failed: bad"
	assert_line --partial "expected : expected"
	assert_line --regexp '^in tcpwhy-test-[0-9]+-2'
	assert_line --partial "tcpwhy: watching TCP connections of all processes, port 7000"
	assert_line --partial "1 passed, 1 failed, 0 skipped"
	assert_equal "$(grep -c -e '---- a shell in its network namespace' <<<"$output") shells" "1 shells"
}

@test "-f runs the tests whose names match; without SHELL_ON_FAILURE there is no shell" {
	run_run exit "$FILE" -f good
	assert_success
	assert_line --partial "1 passed, 0 failed, 0 skipped"
	run_run exit "$FILE"
	assert_failure
	refute_line --partial "---- a shell"
}

@test "a file that there is not, and what is no suite, are refused" {
	run "$TOP/tests/run.sh" nothing.bats
	assert_failure 2
	assert_output "run.sh: there is no nothing.bats in tests/*/"
	run "$TOP/tests/run.sh" nothing
	assert_failure 2
	assert_output --partial "usage: tests/run.sh"
}
