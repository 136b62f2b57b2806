#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Who owned the socket? A thousand deaths at each kind of server, half of them where the process
# that was interrupted is a stranger; the table is printed.

load ../e2e/lib

setup() {
	make_netns
}

teardown() {
	remove_netns
}

# owner ARGS... : all were named rightly; the table is shown, whatever comes of it
owner() {
	run in_netns $PYTHON "$TOP/tests/slow/owner.py" "$@"
	# shellcheck disable=SC2154 # output is set by run
	sed 's/^/# /' <<<"$output" >&3
	# shellcheck disable=SC2034 # bats reads it: whom the kernel did not show cannot be named
	[[ $output != *"events missed"* ]] || BATS_TEST_RETRIES=4
	assert_success
}

@test "the right process is named at each kind of server, in each way to die" {
	owner count "$TCPWHY"
}

@test "whoever closes while tcpwhy takes its snapshot is named, and not tcpwhy" {
	owner -n 30 snapshot "$TCPWHY"
}
