#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Under valgrind, while connections die in many ways: no memory is read that is not there or that nobody has written, and at
# the end all has been freed. So nothing is left that could grow: neither what is lost nor what can still be reached.
# SOAK_MINUTES are for all four ways to tell that watch. What the test needs, make test-valgrind builds.

load ../e2e/lib

SOAK_MINUTES=${SOAK_MINUTES:-4}
WAYS=4
PORT=7978
export TEST_SLOWDOWN=${TEST_SLOWDOWN:-10} # as valgrind is

setup() {
	make_netns
	SAID=$BATS_TEST_TMPDIR/valgrind
	TCPWHY=$BATS_TEST_TMPDIR/under-valgrind
	cat >"$TCPWHY" <<-END
		#!/bin/sh
		exec valgrind --leak-check=full --show-leak-kinds=all --errors-for-leak-kinds=all --error-exitcode=99 \\
			--suppressions='$TOP/tests/soak/valgrind.supp' --log-file='$SAID' '$TOP/build/valgrind/tcpwhy' "\$@"
	END
	chmod 755 "$TCPWHY"
}

teardown() {
	kill_tcpwhy
	remove_netns
}

# The mixture of books.py, in this way's share of the time
traffic() {
	in_netns $PYTHON - "$TOP" $PORT $((SOAK_MINUTES * 60 / WAYS)) <<-'END'
		import sys
		top, port, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
		sys.path[:0] = [f"{top}/tests/slow", f"{top}/tests/e2e"]
		import books
		books.prepare()
		books.forward()
		books.mixture(0, port, seconds)
	END
}

# Ends it; valgrind has seen nothing.
assert_clean() {
	kill -INT "$WATCHER"
	wait "$WATCHER" || true # what valgrind has found says more
	WATCHER=
	assert_all_freed
}

deaths() {
	sed -n 's/^tcpwhy: in .* s: \([0-9]*\) deaths .*/\1/p' "$ERR"
}

assert_all_freed() {
	grep '^==' "$SAID" | grep -v 'invalid file descriptor' # not what valgrind itself does not know of the kernel
	assert_equal "$(grep -c 'All heap blocks were freed -- no leaks are possible' "$SAID")" 1
	assert_regex "$(tail -n 1 "$SAID")" "ERROR SUMMARY: 0 errors from 0 contexts"
}

@test "lines, with failed calls, stacks and a story of each" {
	start_tcpwhy -P $PORT -a -e -w --stack --kstack
	traffic
	assert_clean
	assert [ "$(deaths)" -ge 100 ]
}

@test "JSON" {
	start_tcpwhy -P $PORT -a -j
	traffic
	assert_clean
	assert [ "$(tail -n 1 "$OUT" | jq .deaths)" -ge 100 ]
}

@test "counters, and metrics over HTTP" {
	local scraper
	start_tcpwhy 1 --listen 127.0.0.1:9441
	while sleep 0.2; do
		curl --noproxy '*' -s -m 10 -o "$BATS_TEST_TMPDIR/next" http://127.0.0.1:9441/metrics &&
			mv "$BATS_TEST_TMPDIR/next" "$BATS_TEST_TMPDIR/metrics" || true
	done 3>&- &
	scraper=$!
	disown
	traffic
	kill $scraper
	run grep -c '^tcpwhy_deaths_total{.*} [1-9]' "$BATS_TEST_TMPDIR/metrics"
	assert [ "$output" -ge 1 ]
	assert_clean
	assert [ "$(deaths)" -ge 100 ]
}

@test "a recording, and its replay" {
	start_tcpwhy record "$BATS_TEST_TMPDIR/recording" -P $PORT -a
	traffic
	assert_clean
	assert [ "$(deaths)" -ge 100 ]
	"$TCPWHY" replay "$BATS_TEST_TMPDIR/recording" -w >/dev/null
	assert_all_freed
}

@test "the commands that watch nothing" {
	local arguments
	for arguments in check "check --json" --verdicts "join $TOP/tests/data/mixed.trace $TOP/tests/data/refused.trace"; do
		# shellcheck disable=SC2086 # words
		run "$TCPWHY" $arguments
		assert [ "$status" -ne 99 ]
		assert_all_freed
	done
}
