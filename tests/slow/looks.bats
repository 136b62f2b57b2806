#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What looks at listeners tell, where much happens between two things that one look reads.

load ../e2e/lib

TCPWHY=$TOP/build/interrupted/tcpwhy # make test-slow builds it with interrupt.h

setup() {
	make_netns
}

teardown() {
	kill_tcpwhy
	remove_netns
}

@test "a SYN that met a full queue is accept-overflow, also if the queue has room before the look is over" {
	local dropped
	start_tcpwhy -P "$(seq -s , 7000 7008)" --limit 0
	dropped=$(in_netns $PYTHON "$TOP/tests/slow/looks.py" 7000 8 20)
	[ "$dropped" -gt 100 ]
	sleep 2.5
	stop_tcpwhy
	assert_equal "$(said_by_counters | grep -E '^(accept-overflow|syn-dropped)')" "$(printf 'accept-overflow\t%s' "$dropped")"
}
