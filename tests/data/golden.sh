#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# golden.sh [SCENARIO...]: records each scenario of peers.py, or these, anew, into SCENARIO.trace, and what must be told of it
# into SCENARIO.txt. Look at what git says has changed there before it is committed. Takes root, and some minutes.

set -eu
cd "$(dirname "$0")"
top=$PWD/../..
netns=tcpwhy-golden-$$
recorder=
tmp=$(mktemp -d)
N=3

cleanup() {
	[ -z "$recorder" ] || kill "$recorder" 2>/dev/null || true
	ip netns del "$netns" 2>/dev/null || true
	rm -rf "$tmp"
}
trap cleanup EXIT

# In a directory and on a host without a name, since both are in a recording.
start_recorder() {
	rm -f "$tmp/said" # what the last one said
	(cd "$tmp" && exec unshare --uts sh -c 'hostname golden && exec "$@"' sh \
		"$top/tcpwhy" record -a -P 7000 "$1.trace") 2>"$tmp/said" &
	recorder=$!
	for _ in {1..500}; do
		! grep -q 'Ctrl-C ends' "$tmp/said" || return 0
		sleep 0.02
	done
	cat "$tmp/said" >&2
	return 1
}

# golden SCENARIO : 75: the machine was too busy
golden() {
	local status=0
	rm -f "$tmp/$1.trace"
	ip netns add "$netns"
	ip netns exec "$netns" ip link set lo up
	ip netns exec "$netns" sysctl -qw net.ipv4.tcp_orphan_retries=2
	start_recorder "$1"
	ip netns exec "$netns" /usr/bin/python3 "$top/tests/e2e/peers.py" run "$1" -n $N >/dev/null || status=$?
	sleep 0.15 # a look at the listeners
	kill -INT "$recorder"
	wait "$recorder"
	recorder=
	ip netns del "$netns"
	return $status
}

for name in "${@:-$("$top/tests/e2e/peers.py" list | cut -f1)}"; do
	for scenario in $name; do
		status=75
		for _ in 1 2 3 4 5; do
			[ $status -ne 75 ] || { status=0; golden "$scenario" || status=$?; }
		done
		[ $status -eq 0 ] || { echo "golden.sh: $scenario: status $status" >&2; exit 1; }
		mv "$tmp/$scenario.trace" .
		./told.sh "$scenario.trace" >"$scenario.txt"
		echo "$scenario: $(stat -c %s "$scenario.trace") bytes, $(grep -c . "$scenario.txt") lines"
	done
done
