#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Half an hour of deaths, or SOAK_MINUTES: the books are equal each minute, and what tcpwhy takes of the host stays the same.

load ../e2e/lib

SOAK_MINUTES=${SOAK_MINUTES:-30}

setup() {
	make_netns
}

teardown() {
	remove_netns
}

@test "the books are equal each minute, and memory, descriptors and BPF memory stay the same" {
	# as it comes, for those who watch
	in_netns "$TOP/tests/soak/soak.py" -m "$SOAK_MINUTES" | tee "$BATS_TEST_TMPDIR/said" | sed 's/^/# /' >&3
	assert_equal "${PIPESTATUS[0]} $(grep '^wrong:' "$BATS_TEST_TMPDIR/said")" "0 "
}
