#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The verdicts that take a socket out of the ordinary, so that each kernel is seen to have them.
# slow/special.bats plays the rest of special.py.

load lib
load ../slow/special

# reach VERDICT : what tcpwhy check says of it
reach() {
	"$TCPWHY" check --json | $PYTHON -c '
import json, sys
print(*(one["reach"] for one in json.load(sys.stdin)["verdicts"] if one["name"] == sys.argv[1]))' "$1"
}

@test "repair: what the server closes in repair mode, as CRIU does, sends nothing and is checkpointed" {
	special repair 4 6
}

@test "filtered: SYNs that a listener's socket filter drops, its accept queue empty, are syn-dropped" {
	[ "$(reach syn-dropped)" != out_of_reach ] || skip "tcpwhy check says that it is out of reach here"
	special filtered 4 6
}

@test "mptcp-checksum: subflows whose data is changed on its way, so that MPTCP's checksum is wrong, are protocol-error" {
	special mptcp-checksum 4
}
