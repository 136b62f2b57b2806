#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Lets some TCP connections die in a network namespace of its own, while tcpwhy watches and names
# the causes. Leaves nothing behind.

set -euo pipefail
cd "$(dirname "$0")/.."

port=7000
netns=tcpwhy-demo-$$
scenarios='refused unread-data half-closed-reuse peer-forgot accept-overflow-syn keepalive-user-timeout'
peers() { /usr/bin/python3 tests/e2e/peers.py "$@"; }

[ "$(id -u)" = 0 ] || {
	echo 'demo: needs root, for the network namespace and for tcpwhy' >&2
	exit 3
}

watcher=
dir=$(mktemp -d)
end() {
	[ -z "$watcher" ] || kill "$watcher" 2>/dev/null || :
	ip netns del "$netns" 2>/dev/null || :
	rm -rf "$dir"
}
trap end EXIT

ip netns add "$netns"
./tcpwhy -P $port 2>"$dir/err" &
watcher=$!
until grep -q watching "$dir/err"; do
	kill -0 $watcher 2>/dev/null || { cat "$dir/err"; exit 1; }
	sleep 0.05
done
cat "$dir/err"

about=$(peers list)
for scenario in $scenarios; do
	printf '\n# %s\n' "$(sed -n "s/^$scenario\t//p" <<<"$about")"
	ip netns exec "$netns" /usr/bin/python3 tests/e2e/peers.py run "$scenario" -n 1 -p $port >"$dir/json"
	sleep 0.1
done

kill -INT $watcher
wait $watcher || :
watcher=
echo
sed 1d "$dir/err"
