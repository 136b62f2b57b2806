#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel drops orphans for want of room. net.ipv4.tcp_max_orphans is the whole host's, so it is
# lowered for some milliseconds only.

load lib

ORPHANS=/proc/sys/net/ipv4/tcp_max_orphans

setup() {
	make_netns
	OLD=$(cat $ORPHANS)
}

teardown() {
	echo "$OLD" >$ORPHANS
	kill_tcpwhy
	remove_netns
}

# The whole host's.
has_orphan() {
	awk '/^TCP:/ { exit $5 == 0 }' /proc/net/sockstat
}

# tcp_too_many_orphans() knows their number from a timer, each 100 ms, that does not wake an idle CPU (TIMER_DEFERRABLE).
let_the_kernel_count_orphans() {
	local cpu spinning=()
	for cpu in $(lscpu -bp=cpu | grep -v '#'); do
		timeout 0.6 taskset -c "$cpu" sh -c 'while :; do :; done' &
		spinning+=($!)
	done
	wait "${spinning[@]}" || true # timeout's own status
}

@test "orphans for which there is no room are out-of-memory" {
	in_netns sysctl -qw net.ipv4.tcp_fin_timeout=120 # more than 60: the first one lives on, in FIN_WAIT2
	start_pair one 7100
	start_tcpwhy -P 7100
	tell one listen
	tell one open $((N + 1))
	# the kernel refuses an orphan only if there is one already
	tell one leave 1
	wait_for 20 has_orphan
	in_netns nft -f - <<-END
		table inet lose {
			chain input {
				type filter hook input priority 0
				tcp dport 7100 drop
			}
		}
	END
	let_the_kernel_count_orphans
	echo 0 >$ORPHANS
	tell one leave $N
	echo "$OLD" >$ORPHANS
	stop_tcpwhy
	assert_equal "$(in_netns nstat -asz TcpExtTCPAbortOnMemory | awk '/Memory/ { print $2 }')" $N
	assert_equal "$(said_by_lines)" "out-of-memory	one	$N"
	assert_equal "$(said_by_counters)" "out-of-memory	$N"
	assert_equal "$(grep -c 'out-of-memory .*likely: in FIN_WAIT1' "$OUT")" $N
}
