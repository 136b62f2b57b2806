#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Full queues: which one, whose, what limits it, since when.

load lib

setup() {
	make_netns
}

teardown() {
	kill_tcpwhy
	remove_netns
}

kernel_counter() {
	in_netns nstat -asz "$1" | awk -v name="$1" '$1 == name { print $2 }'
}

said_by_counter() {
	said_by_counters | awk -v name="$1" '$1 == name { n = $2 } END { print n + 0 }'
}

@test "a full SYN queue without cookies is syn-queue-overflow, as often as the kernel counts" {
	start_pair server 7100
	start_pair flood 7100
	in_netns sysctl -qw net.ipv4.tcp_syncookies=0
	lose_syn_acks
	start_tcpwhy -P 7100
	tell server listen 8
	tell flood syns $((8 + N))
	sleep 2.2
	stop_tcpwhy
	local dropped
	dropped=$(kernel_counter TcpExtTCPReqQFullDrop)
	assert [ "$dropped" -ge $((N - 2)) ]
	assert_equal "$(said_by_counter syn-queue-overflow)" "$dropped"
	assert_equal "$(said_by_counter accept-overflow) $(said_by_counter syn-dropped)" "0 0"
	run grep -c 'syn-queue-overflow  *server.* 127.0.0.1:7100 -> \* .*SYNs\? dropped; [0-9]* handshakes under way, limit 8' "$OUT"
	assert [ "$output" -ge 1 ]
}

@test "a full SYN queue with cookies is syn-cookies, and nothing is dropped" {
	start_pair server 7100
	start_pair flood 7100
	in_netns sysctl -qw net.ipv4.tcp_syncookies=1
	lose_syn_acks
	start_tcpwhy -P 7100
	tell server listen 8
	tell flood syns $((8 + N))
	sleep 2.2
	stop_tcpwhy
	assert [ "$(kernel_counter TcpExtTCPReqQFullDoCookies)" -ge $((N - 2)) ]
	assert [ "$(said_by_counter syn-cookies)" -ge 1 ]
	assert_equal "$(said_by_counter syn-queue-overflow) $(said_by_counter accept-overflow)" "0 0"
	run grep -c 'syn-cookies .* server.* 127.0.0.1:7100 -> \* .*SYN cookies sent; [0-9]* handshakes under way, limit 8' "$OUT"
	assert [ "$output" -ge 1 ]
}

# Which of them answered with cookies is not known: they share the time stamp.
@test "listeners that share a port by SO_REUSEPORT say together that cookies were sent" {
	start_pair server 7100
	start_pair flood 7100
	in_netns sysctl -qw net.ipv4.tcp_syncookies=1
	local began seconds
	lose_syn_acks
	tell server listen 8 together
	start_tcpwhy -P 7100
	began=$(now_ms)
	tell flood syns $((4 * 8 + N))
	seconds=$((($(now_ms) - began) / 1000))
	sleep 1.2
	stop_tcpwhy
	assert [ "$(kernel_counter TcpExtTCPReqQFullDoCookies)" -ge 1 ]
	# the stamp is set once a second, and so once if the flood was as short as that
	run said_by_counter syn-cookies
	assert [ "$output" -ge 1 ]
	assert [ "$output" -le $((1 + seconds)) ]
}

now_ms() {
	echo $((${EPOCHREALTIME/./} / 1000))
}

# overflows N : so many lines at least
overflows() {
	[ "$(grep -c accept-overflow "$OUT")" -ge "$1" ]
}

# assert_said LINE WHAT LEAST MOST : the accept-overflow of that number says for how many ms it was WHAT, or for how many
# hundredths of a second
assert_said() {
	local ms
	ms=$(awk -v nth="$1" -v what="$2 for " '/accept-overflow/ && ++n == nth && (at = index($0, what)) {
		split(substr($0, at + length(what)), is, " ")
		print is[2] ~ /^ms/ ? is[1] : is[1] * 1000
	}' "$OUT")
	echo "$2 for $ms ms: at least $3, at most $4"
	assert [ "$ms" -ge $(($3 - 11)) ]
	assert [ "$ms" -le $(($4 + 1)) ]
}

# overflow BACKLOG SOMAXCONN : what is said of the limit
overflow() {
	local filling full dropping told what
	in_netns sysctl -qw net.core.somaxconn="$2"
	start_pair server 7100
	start_pair client 7100
	start_tcpwhy -P 7100
	tell server listen "$1"
	filling=$(now_ms)
	tell client connect 2 # fill the queue of limit 1
	wait_for 20 queue_is 2
	full=$(now_ms)
	sleep 0.8
	dropping=$(now_ms)
	tell client syns 1
	wait_for 20 overflows 1
	told=$(now_ms)
	stop_tcpwhy
	for what in full "nothing accepted"; do
		assert_said 1 "$what" $((dropping - full)) $((told - filling))
	done
	run grep 'accept-overflow' "$OUT"
}

@test "a limit that listen() asked for is said to come from listen()" {
	overflow 1 4096
	assert_output --regexp "accept-overflow  +server.*1 SYN dropped; accept queue 2 of limit 1 from listen\(\), full for [0-9.]+ m?s, nothing accepted for [0-9.]+ m?s"
}

@test "a limit cut by somaxconn is said to come from there" {
	overflow 128 1
	assert_output --regexp "accept-overflow  +server.*1 SYN dropped; accept queue 2 of limit 1 from net.core.somaxconn, full for [0-9.]+ m?s, nothing accepted for [0-9.]+ m?s"
}

# queue_is N : waiting in accept()
queue_is() {
	[ "$(in_netns ss -Htnl "( sport = :7100 )" | awk '{ print $2 }')" = "$1" ]
}

@test "how long nothing was accepted begins with the connections that wait, and anew when one is accepted" {
	local t=() # before and after each step
	start_pair server 7100
	start_pair client 7100
	start_tcpwhy -P 7100
	tell server listen 3
	t+=("$(now_ms)")
	tell client connect 2
	wait_for 20 queue_is 2
	t+=("$(now_ms)")
	sleep 0.5
	t+=("$(now_ms)")
	tell client connect 2 # full is what is longer than the backlog
	wait_for 20 queue_is 4
	t+=("$(now_ms)")
	tell client syns 1
	wait_for 20 overflows 1
	t+=("$(now_ms)")
	tell server accept 1
	t+=("$(now_ms)")
	tell client connect 1
	wait_for 20 queue_is 4
	t+=("$(now_ms)")
	tell client syns 1
	wait_for 20 overflows 2
	t+=("$(now_ms)")
	stop_tcpwhy
	run grep -o 'accept queue .*' "$OUT"
	assert_line -n 0 --regexp '^accept queue 4 of limit 3 from listen\(\), full for [0-9.]+ m?s, nothing accepted for [0-9.]+ m?s$'
	assert_line -n 1 --regexp '^accept queue 4 of limit 3 from listen\(\), full for [0-9.]+ m?s, nothing accepted for [0-9.]+ m?s$'
	assert_said 1 full 0 $((t[4] - t[2]))
	assert_said 1 "nothing accepted" $((t[3] - t[1])) $((t[4] - t[0]))
	assert_said 2 full 0 $((t[7] - t[2])) # that it was not full for a moment need not be seen
	assert_said 2 "nothing accepted" 0 $((t[7] - t[5]))
}

@test "MPTCP listeners that were open before tcpwhy are watched, in all namespaces" {
	need_mptcp
	start_pair server 7100
	start_pair client 7100
	tell server listen 1 mptcp
	start_tcpwhy -P 7100
	tell client connect 2
	wait_for 20 queue_is 2
	tell client syns $N
	sleep 0.2
	stop_tcpwhy
	assert_equal "$(said_by_lines)" "accept-overflow	server	$N
connect-abandoned	client	$N"
}

# Listens on so many addresses until its stdin ends.
listen_on_many() {
	in_netns $PYTHON -c '
import resource, socket, sys
n = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (n + 64, n + 64))
sockets = [socket.create_server((f"127.{1 + i // 65025}.{1 + i // 255 % 255}.{i % 255}", 7100)) for i in range(n)]
print("listening", flush=True)
sys.stdin.read()' "$1"
}

@test "listeners for which there is no room are said" {
	coproc MANY { listen_on_many 16385 3>&-; }
	local answer
	read -r -t $((60 * ${TEST_SLOWDOWN:-1})) answer <&"${MANY[0]}"
	assert_equal "$answer" listening
	start_tcpwhy -P 7100
	wait_for 5 grep -q '^tcpwhy: more than 16384 sockets listen' "$ERR"
	stop_tcpwhy
}
