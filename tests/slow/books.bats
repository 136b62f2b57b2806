#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The books balance: what tcpwhy counted, against what the kernel counted, to the unit. The table of
# what must be equal, and why, is in books.py. BOOKS_SEED repeats the acts of an earlier run.

load ../e2e/lib

setup() {
	make_netns
}

teardown() {
	kill_tcpwhy
	remove_netns
}

books() {
	in_netns "$PYTHON" "$TOP/tests/slow/books.py" "$@"
}

@test "the books balance: counters and lines equal the kernel's own counters" {
	start_tcpwhy -a --limit 0 -P 7977
	start_referee
	# shellcheck disable=SC2086 # two words or none
	run books traffic -p 7977 ${BOOKS_SEED:+-s $BOOKS_SEED}
	echo "$output"
	assert_success
	sleep 0.15 # longer than a look at the listeners takes
	stop_tcpwhy
	run books balance "$OUT" "$ERR"
	echo "$output"
	assert_success
}
