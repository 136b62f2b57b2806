#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# tcpwhy check: which of the sysctls are implicated, in situations that are brought about; and none where all is well.

load lib

setup() {
	make_netns
	start_pair one 7100
}

teardown() {
	remove_netns
}

# "NAME implication" of those that are not well, behind the number of all. What all namespaces share is left out: it is this
# machine's; and so is what older kernels have in the first namespace alone, if it is said not to be known.
judged() {
	in_netns $PYTHON - 3< <(in_netns "$TCPWHY" check --json) <<-END
		import json, os
		shared = "net.core.netdev_max_backlog", "fs.file-max", "net.ipv4.tcp_max_orphans"
		sysctls = json.load(open(3))["sysctls"]
		def is_well(name, implication):
		    if name in ("net.core.rmem_max", "net.core.wmem_max") and not os.path.exists("/proc/sys/" + name.replace(".", "/")):
		        return implication == "not_known"
		    return implication == "not_implicated" or name in shared
		print(len(sysctls), *(f"{one['name']} {one['implication']}" for one in sysctls
		                      if not is_well(one["name"], one["implication"])), sep="\n")
	END
}

# expect_judged EXPECTED...
expect_judged() {
	assert_equal "$(judged)" "$(printf '%s\n' 20 "$@")"
}

# said NAME : the line of it
said() {
	in_netns "$TCPWHY" check -v | grep "^  $1 = "
}

@test "a healthy host implicates none" {
	tell one listen 128
	tell one open $N
	expect_judged
	# without -v those that are to be left alone share a line, with their values
	in_netns "$TCPWHY" check | grep -q "^  not implicated .*net.core.somaxconn = 4096, .*net.ipv4.tcp_fin_timeout = 60, " ||
		fail "what is not implicated is not said"
	assert_regex "$(said net.ipv4.ip_local_port_range)" \
		"at most $N of 28232, 0 of them in TIME_WAIT, towards 127.0.0.1:7100; leave it\$"
}

@test "a full accept queue that somaxconn limits implicates somaxconn" {
	in_netns sysctl -qw net.core.somaxconn=1
	tell one fill $N
	expect_judged "net.core.somaxconn implicated"
	assert_regex "$(said net.core.somaxconn)" "ListenOverflows: $N; the listener on port 7100, whose limit of 1 is this one, has dropped $N;"
	in_netns "$TCPWHY" check | grep -qx "net.core.somaxconn is implicated, see above" || fail "it is not said at the end"
}

@test "one that listen() limits does not" {
	tell one fill $N
	expect_judged
	assert_regex "$(said net.core.somaxconn)" "ListenOverflows: $N; the listener on port 7100, whose own limit is 1, has dropped $N;"
}

@test "a full SYN queue implicates tcp_syncookies where they are off" {
	in_netns sysctl -qw net.ipv4.tcp_syncookies=0
	lose_syn_acks
	tell one listen 8
	tell one syns $((8 + N))
	expect_judged "net.ipv4.tcp_syncookies implicated"
}

@test "and none where they are on" {
	lose_syn_acks
	tell one listen 8
	tell one syns $((8 + N))
	expect_judged
	assert_regex "$(said net.ipv4.tcp_syncookies)" "cookies sent instead: [1-9]"
}

@test "TIME_WAIT that found no room implicates tcp_max_tw_buckets" {
	in_netns sysctl -qw net.ipv4.tcp_max_tw_buckets=2
	tell one listen
	tell one open $N
	tell one drop
	expect_judged "net.ipv4.tcp_max_tw_buckets implicated"
}

@test "ports towards one peer implicate ip_local_port_range, near its end and at it" {
	in_netns sysctl -qw net.ipv4.ip_local_port_range="40000 40009"
	tell one listen
	tell one open 7
	expect_judged
	tell one open 1
	expect_judged "net.ipv4.ip_local_port_range near_its_limit"
	tell one open 2
	expect_judged "net.ipv4.ip_local_port_range implicated"
	assert_regex "$(said net.ipv4.ip_local_port_range)" "at most 10 of 10, 0 of them in TIME_WAIT, towards 127.0.0.1:7100;"
}

@test "reserved ports do not count as part of the range" {
	in_netns sysctl -qw net.ipv4.ip_local_port_range="40000 40009" net.ipv4.ip_local_reserved_ports="39990-40004,40009,50000"
	tell one listen
	tell one open 4
	assert_regex "$(said net.ipv4.ip_local_port_range)" "at most 4 of 4,"
}

@test "overflows that are answered by RST implicate tcp_abort_on_overflow" {
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run accept-overflow-reset -n $N
	in_netns sysctl -qw net.ipv4.tcp_abort_on_overflow=1
	# the listener is gone, so it cannot be known whose limit it was
	expect_judged "net.core.somaxconn not_known" "net.ipv4.tcp_abort_on_overflow implicated"
}

@test "receive buffers that were full when data came implicate tcp_rmem" {
	tell one listen
	tell one open $N
	tell one squeeze
	expect_judged "net.ipv4.tcp_rmem implicated"
	assert_regex "$(said net.ipv4.tcp_rmem)" "\(RcvPruned\): [1-9]"
}
