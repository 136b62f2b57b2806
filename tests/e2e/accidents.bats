#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# tcpwhy check: accidents that wait to happen, each brought about, and none where all is well. Only in this test's network
# namespace, where the exit status says whether anything was found.

load lib

PORT=7100

setup() {
	make_netns
	start_pair one $PORT
}

teardown() {
	remove_netns
	[ -z "${CGROUP-}" ] || wait_for 10 rmdir "$CGROUP"
}

# check ARGS... : its JSON in $JSON, its exit status in $STATUS
check() {
	STATUS=0
	JSON=$(in_netns "$TCPWHY" check --json --netns "$NETNS" "$@") || STATUS=$?
}

# ask EXPRESSION : of the JSON
ask() {
	$PYTHON -c 'import json, sys
said = json.load(sys.stdin)
accident = {one["name"]: one for one in said["accidents"]}
# What all namespaces share is what this machine is, and no concern of this test.
shared = "net.core.netdev_max_backlog", "fs.file-max", "net.ipv4.tcp_max_orphans"
sysctls = [one["name"] for one in said["sysctls"] if one["implication"] in ("implicated", "near_its_limit")]
found = [one["name"] for one in said["accidents"] if one["found"] and one["name"] != "orphans-near-limit"]
print(eval(sys.argv[1]))' "$1" <<<"$JSON"
}

# expect_found NAME... : these and nothing else, and the exit status says so
expect_found() {
	assert_equal "$(ask '" ".join(found)')" "$*"
	[ $# -gt 0 ] && assert_equal "$STATUS" 9
	[ $# -gt 0 ] || [ -n "$(ask '"".join(set(sysctls) & set(shared))')" ] || assert_equal "$STATUS" 0
}

# expect_worst NAME COUNT COMM LOCAL REMOTE WHY : the process with the most; the last three as patterns
expect_worst() {
	local worst="accident['$1']['worst'][0]"
	assert_equal "$(ask "accident['$1']['count'], accident['$1']['processes']")" "($2, 1)"
	assert_equal "$(ask "$worst['count'], $worst['comm'], $worst['pid']")" "($2, '$3', $(pid_of "$3"))"
	assert_regex "$(ask "$worst['local']")" "^$4\$"
	assert_regex "$(ask "$worst['remote']")" "^$5\$"
	assert_regex "$(ask "$worst['why']")" "^$6\$"
}

pid_of() {
	ip netns pids "$NETNS" | while read -r found; do
		[ "$(cat "/proc/$found/comm")" != "$1" ] || echo "$found"
	done
}

# N connections between two addresses, of which none is a loopback's
start_far_and_near() {
	in_netns ip addr add 10.77.9.1/32 dev lo
	in_netns ip addr add 10.77.9.2/32 dev lo
	start_pair near 7200 10.77.9.1
	start_pair far 7200 10.77.9.2
	tell far listen
	tell near connect $N 7200 10.77.9.2
	tell far accept $N
}

has_found() {
	check
	[ "$(ask 'len(found)')" -gt 0 ]
}

# A FIN's ACK may be delayed.
are_in_time_wait() {
	[ "$(in_netns awk '/^TCP:/ { print $7 }' /proc/net/sockstat)" -eq $N ]
}

# Twice each, so the last data is two seconds old.
are_probed() {
	[ "$(in_netns nstat -asz TcpExtTCPKeepAlive | awk '/KeepAlive/ { print $2 }')" -ge $((2 * N)) ]
}

@test "none where all is well: connections in use, with keepalive, half closed just now, listeners with room" {
	tell one listen 128
	tell one open $N
	tell one keepalive 60 10 90000
	tell one send
	tell one echo
	check --stuck 3600
	expect_found
	assert_equal "$(ask 'said["sockets"]["seen"]')" $((2 * N + 1))
	tell one drop
	check --stuck 3600
	expect_found
	assert_equal "$(ask 'len(sysctls) == len(set(sysctls) & set(shared))')" True
}

@test "TCP_USER_TIMEOUT not above keepalive time and interval, of the socket or of the namespace" {
	in_netns sysctl -qw net.ipv4.tcp_keepalive_time=60 net.ipv4.tcp_keepalive_intvl=30
	tell one listen
	tell one open $N
	tell one keepalive 0 0 90000
	check
	expect_found one-lost-probe
	expect_worst one-lost-probe $N one "127.0.0.1:[0-9]+" "127.0.0.1:$PORT" \
		"TCP_USER_TIMEOUT 90.00 s <= keepalive time 60.00 s \+ interval 30.00 s"
	assert_equal "$(ask 'accident["one-lost-probe"]["verdict"]')" keepalive-user-timeout
	tell one keepalive 50 30 90000
	check
	expect_found
	tell one keepalive 60 31 90000
	check
	expect_found one-lost-probe
}

@test "connections that are idle for longer than a middlebox remembers, unless the peer's keepalive is seen" {
	start_far_and_near
	check
	expect_found
	check --idle 0.05
	expect_found idle-unprotected
	assert_equal "$(ask 'accident["idle-unprotected"]["count"]')" $((2 * N)) # both ends are here
	assert_equal "$(ask 'sorted(one["comm"] for one in accident["idle-unprotected"]["worst"])')" "['far', 'near']"
	assert_regex "$(ask 'accident["idle-unprotected"]["worst"][0]["why"]')" \
		"^idle for [0-9.]+ s, SO_KEEPALIVE is off; forgotten by then: what --idle is about \(0.05 s\)\$"
	tell near keepalive 1 1
	wait_for 10 are_probed
	check --idle 1.2
	expect_found
}

@test "connections that are idle for longer than this host's conntrack remembers" {
	[ -e /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established ] || skip "no conntrack in this kernel"
	in_netns nft -f - <<-END
		table inet track {
			chain in {
				type filter hook input priority 0
				ct state new counter
			}
		}
	END
	start_far_and_near
	check
	expect_found
	in_netns sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_established=1
	wait_for 10 has_found
	expect_found idle-unprotected
	assert_equal "$(ask 'accident["idle-unprotected"]["count"]')" $((2 * N))
	assert_regex "$(ask 'accident["idle-unprotected"]["worst"][0]["why"]')" \
		"^idle for [0-9.]+ s, SO_KEEPALIVE is off; forgotten by then: conntrack of this host \(1 s\)\$"
}

@test "sockets stuck in CLOSE_WAIT, with their process and age" {
	tell one listen
	tell one open $N
	tell one send
	tell one echo
	tell one drop
	check --stuck 3600
	expect_found
	check --stuck 0.05
	expect_found close-wait
	expect_worst close-wait $N one "127.0.0.1:[0-9]+" "127.0.0.1:$PORT" "in CLOSE_WAIT for [0-9.]+ s at least, 45 bytes unread"
}

@test "an accept queue near its limit, and a process that does not accept" {
	tell one listen 4
	tell one connect 3
	check --stuck 3600
	expect_found
	check --stuck 0.05
	expect_found not-accepting
	expect_worst not-accepting 1 one "127.0.0.1:$PORT" None "nothing accepted for [0-9.]+ s, accept queue 3 of limit 4"
	tell one connect 1
	check --stuck 3600
	expect_found queue-near-limit
	expect_worst queue-near-limit 1 one "127.0.0.1:$PORT" None "accept queue 4 of limit 4 from listen\(\)"
	tell one accept 4
	check --stuck 0.05
	expect_found
}

@test "a backlog that a low somaxconn has cut, likely; a process that shares the listener is not counted twice" {
	in_netns sysctl -qw net.core.somaxconn=16
	tell one listen 128
	tell one fork
	check
	expect_found backlog-cut
	assert_equal "$(ask 'accident["backlog-cut"]["count"], accident["backlog-cut"]["likely"]')" "(1, True)"
	run in_netns "$TCPWHY" check --netns "$NETNS"
	assert_line "an accident waits to happen: backlog-cut, 1 listener, see above"
	assert_equal "$(ask 'accident["backlog-cut"]["worst"][0]["why"]')" "its limit is net.core.somaxconn = 16"
}

@test "TIME_WAIT near its limit" {
	in_netns sysctl -qw net.ipv4.tcp_max_tw_buckets=$((N + 5))
	tell one listen
	tell one open $N
	check --stuck 3600
	expect_found
	tell one drop
	tell one close
	wait_for 10 are_in_time_wait
	check --stuck 3600
	expect_found time-wait-near-limit
	assert_equal "$(ask 'accident["time-wait-near-limit"]["why"]')" "$N of $((N + 5))"
	assert_equal "$(ask '"net.ipv4.tcp_max_tw_buckets" in sysctls')" True
}

@test "ports towards one peer near their end" {
	in_netns sysctl -qw net.ipv4.ip_local_port_range="40000 40009"
	tell one listen
	tell one open 7
	check
	expect_found
	tell one open 1
	check
	expect_found ports-near-limit
	assert_equal "$(ask 'accident["ports-near-limit"]["why"]')" "8 of 10 towards 127.0.0.1:$PORT, 0 of them in TIME_WAIT"
}

@test "as text: what was found, whose it is, and what to do; the container, and the namespace if it is another one" {
	local container=
	tell one listen
	if CGROUP=$(findmnt -fnt cgroup2 -o TARGET); then
		CGROUP+=/docker-3f2a9c1b7d4e8f60123456789abcdef0123456789abcdef0123456789abcdef0.scope
		mkdir "$CGROUP"
		pid_of one >"$CGROUP/cgroup.procs"
		container="; container 3f2a9c1b7d4e"
	fi
	tell one open $N
	tell one keepalive 3 3 2000
	run --separate-stderr "$TCPWHY" check --netns "$NETNS"
	assert_failure 9
	assert_line "  looked at: $((2 * N + 1)) sockets that processes hold, in one network namespace"
	assert_line --regexp "^  one-lost-probe: $N connections: TCP_USER_TIMEOUT is not above .*; leads to keepalive-user-timeout\$"
	assert_line --regexp "^    one\[$(pid_of one)\], $N, the worst: 127.0.0.1:[0-9]+ -> 127.0.0.1:$PORT  TCP_USER_TIMEOUT 2.00 s <= .* 3.00 s$container\$"
	assert_line --regexp "^    fix: set TCP_USER_TIMEOUT to 0 "
	assert_line "an accident waits to happen: one-lost-probe, $N connections, see above"
	run --separate-stderr "$TCPWHY" check
	assert_failure 9
	assert_line --regexp "one\[$(pid_of one)\].*$container; network namespace $(stat -Lc %i "/run/netns/$NETNS")\$"
}

@test "where sockets cannot be looked at, it says so" {
	tell one listen
	tell one open $N
	tell one keepalive 3 3 2000
	check --without kernel-btf
	assert_equal "$(ask 'accident["one-lost-probe"]["found"], said["sockets"]["seen"], accident["ports-near-limit"]["found"]')" "(None, None, False)"
	assert_regex "$(ask 'said["sockets"]["failure"]["text"]')" "this takes an iterator"
}
