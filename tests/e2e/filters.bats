#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Two processes do the same, on neighbouring ports, addresses, or in two places; exactly one is seen.

load lib

setup() {
	make_netns
	start_pair one 7100
	start_pair two 7101
}

teardown() {
	kill_tcpwhy
	remove_netns
	[ -z "${OTHER_NETNS-}" ] || NETNS=$OTHER_NETNS remove_netns
	remove_cgroups
}

both() {
	tell one "$@"
	tell two "$@"
}

# Lines and counters: "verdict<TAB>comm<TAB>how many" on standard input.
assert_seen() {
	local expected
	sleep 0.15
	stop_tcpwhy
	expected=$(sort)
	assert_equal "$(said_by_lines)" "$expected"
	assert_equal "counters: $(said_by_counters)" "counters: $(by_verdict <<<"$expected")"
}

UNREAD="peer-aborted	one	$N
unread-data	one	$N"
STALE="closed-here	one	$N
half-closed-reuse	one	$N
late-data-time-wait	one	$N"

@test "-P sees the port at either end, and not its neighbour" {
	start_tcpwhy -P 7100
	both listen
	both open $N
	both unread
	assert_seen <<<"$UNREAD"
}

@test "the summary says whose they were" {
	start_tcpwhy
	both listen
	both open $N
	both unread
	sleep 0.15
	stop_tcpwhy
	run cat "$ERR"
	assert_line --regexp "^ +by: .*\bone\[$PAIR_one_PID\] $N\b"
	assert_line --regexp "^ +by: .*\btwo\[$PAIR_two_PID\] $N\b"
}

@test "-P sees incidents without a socket on its port only" {
	start_tcpwhy -P 8100
	both refused $N
	assert_seen <<<"no-listener	-	$N
refused	one	$N"
}

@test "-P sees the overflow of its listener only" {
	start_tcpwhy -P 7100
	both fill $N
	assert_seen <<<"accept-overflow	one	$N
connect-abandoned	one	$N"
}

@test "-P sees the overflow of a listener that was full before tcpwhy started" {
	both fill $N
	start_tcpwhy -P 7100
	in_netns $PYTHON - <<-END
		import socket
		with socket.socket() as s:
		    s.setblocking(False)
		    s.connect_ex(("127.0.0.1", 7100))
	END
	assert_seen <<<"accept-overflow	one	1
connect-abandoned	python3	1"
}

@test "-P takes several ports" {
	start_pair three 7102
	start_tcpwhy -P 7100,7102
	for pair in one two three; do
		tell $pair listen
		tell $pair open $N
		tell $pair unread
	done
	assert_seen <<<"$UNREAD
peer-aborted	three	$N
unread-data	three	$N"
}

@test "-L sees the end on this host only, -D the other one" {
	both listen
	both open $N
	start_tcpwhy -L 7100
	both unread
	assert_seen <<<"unread-data	one	$N"
	both open $N
	start_tcpwhy -D 7100
	both unread
	assert_seen <<<"peer-aborted	one	$N"
}

@test "-L and -D see incidents without a socket, and in TIME_WAIT, at their end only" {
	start_tcpwhy -a -L 8100,7100
	both refused $N
	both listen
	both open $N
	both stale
	assert_seen <<<"closed-here	one	$N
late-data-time-wait	one	$N
no-listener	-	$N"
	start_tcpwhy -D 8100,7100
	both refused $N
	both open $N
	both stale
	assert_seen <<<"half-closed-reuse	one	$N
refused	one	$N"
}

@test "-L sees the overflow of its listener; -D does not, since the SYNs have no peer any more" {
	start_tcpwhy -L 7100
	both fill $N
	assert_seen <<<"accept-overflow	one	$N"
	start_pair three 7102
	start_tcpwhy -D 7102
	tell three fill $N
	assert_seen <<<"connect-abandoned	three	$N"
}

@test "-L and -D together must both hold" {
	both listen
	both open $N
	start_tcpwhy -L 7100 -D 7100
	both unread
	assert_seen <<<""
}

# ---- addresses -----------------------------------------------------------------------------------

# On one port each: IPv4, IPv6, and IPv4 on an IPv6 socket.
open_families() {
	start_pair four 7110
	start_pair six 7111 ::1
	start_pair mapped 7112 ::ffff:127.0.0.3
	for pair in four six mapped; do
		tell $pair listen
		tell $pair open $N
	done
}

die_in_families() {
	for pair in four six mapped; do
		tell $pair unread
		tell $pair refused $N
	done
}

# What has died of these
died() {
	local comm
	for comm in "$@"; do
		printf '%s\t%s\t%s\n' peer-aborted "$comm" $N unread-data "$comm" $N refused "$comm" $N
	done
	printf '%s\t%s\t%s\n' no-listener - $((N * $#))
}

@test "-4 sees IPv4 as it is shown, also on an IPv6 socket, and -6 the rest" {
	open_families
	start_tcpwhy -4
	die_in_families
	assert_seen < <(died four mapped)
	for pair in four six mapped; do tell $pair open $N; done
	start_tcpwhy -6
	die_in_families
	assert_seen < <(died six)
}

@test "--peer sees an address, a network, or both families" {
	start_pair near 7120 127.0.0.2
	start_pair next 7121 127.0.0.4
	open_families
	tell near listen
	tell next listen
	for peers in "127.0.0.2 near" "127.0.0.2/31 near mapped" "127.0.0.4/30,::1 next six" \
		"::ffff:127.0.0.4/126 next" "::/0 six" "0.0.0.0/0 four near next mapped"; do
		# shellcheck disable=SC2086
		set -- $peers
		tell near open $N
		tell next open $N
		start_tcpwhy --peer "$1"
		die_in_families
		for pair in near next; do
			tell $pair unread
			tell $pair refused $N
		done
		shift
		assert_seen < <(died "$@")
		for pair in four six mapped; do tell $pair open $N; done
	done
}

@test "--peer sees resets in TIME_WAIT, and no SYNs that a listener has dropped" {
	start_pair near 7120 127.0.0.2
	start_tcpwhy -a --peer 127.0.0.2
	for pair in one near; do
		tell $pair listen
		tell $pair open $N
		tell $pair stale
	done
	assert_seen <<<"${STALE//one/near}"
	start_pair full 7121 127.0.0.2
	start_tcpwhy --peer 127.0.0.2
	tell two fill $N
	tell full fill $N
	assert_seen <<<"connect-abandoned	full	$N"
}

# ---- places --------------------------------------------------------------------------------------

# "one" and "two" on the same port in two namespaces
start_pair_elsewhere() {
	OTHER_NETNS=$NETNS-other
	ip netns add "$OTHER_NETNS"
	ip netns exec "$OTHER_NETNS" ip link set lo up
	NETNS=$OTHER_NETNS start_pair elsewhere 7100
}

# In its namespace all kinds are seen: sockets, minisocks, listeners, none.
assert_netns_seen() {
	start_tcpwhy -a --netns "$1"
	for pair in one elsewhere; do
		tell $pair listen
		tell $pair open $N
		tell $pair stale
		tell $pair refused $N
	done
	assert_seen <<<"$STALE
no-listener	-	$N
refused	one	$N"
}

@test "--netns by name" {
	start_pair_elsewhere
	assert_netns_seen "$NETNS"
}

@test "--netns by path" {
	start_pair_elsewhere
	assert_netns_seen "/proc/$PAIR_one_PID/ns/net"
}

@test "--netns by inode, and listeners" {
	start_pair_elsewhere
	start_tcpwhy --netns "$(stat -Lc %i "/proc/$PAIR_one_PID/ns/net")"
	tell one fill $N
	tell elsewhere fill $N
	assert_seen <<<"accept-overflow	one	$N
connect-abandoned	one	$N"
}

# in_cgroup PAIR PATH : a cgroup below the test's own
in_cgroup() {
	local -n pid=PAIR_$1_PID
	mkdir -p "$CGROUP/$2"
	echo "$pid" >"$CGROUP/$2/cgroup.procs"
}

make_cgroups() {
	CGROUP_ROOT=$BATS_TEST_TMPDIR/cgroup
	CGROUP=$CGROUP_ROOT/tcpwhy-test-$$
	mkdir "$CGROUP_ROOT"
	mount -t cgroup2 none "$CGROUP_ROOT"
	mkdir "$CGROUP"
}

remove_cgroups() {
	[ -n "${CGROUP-}" ] || return 0
	wait_for 20 eval '! grep -q . "$CGROUP"/*/cgroup.procs "$CGROUP"/*/*/cgroup.procs'
	rmdir "$CGROUP"/*/* "$CGROUP"/* "$CGROUP" 2>/dev/null || true
	umount "$CGROUP_ROOT"
}

@test "--cgroup sees the sockets of its processes, and of those in cgroups below it" {
	start_pair below 7102
	make_cgroups
	in_cgroup one seen
	in_cgroup below seen/below
	in_cgroup two unseen
	start_tcpwhy -a --cgroup "$CGROUP/seen"
	for pair in one two below; do
		tell $pair listen
		tell $pair open $N
		tell $pair stale
		tell $pair refused $N
	done
	assert_seen <<<"$STALE
refused	one	$N
${STALE//one/below}
refused	below	$N"
}

@test "--cgroup takes the path that /proc/PID/cgroup shows, and sees listeners" {
	make_cgroups
	in_cgroup one seen
	in_cgroup two seen-too
	start_tcpwhy --cgroup "$(sed -n 's/^0:://p' "/proc/$PAIR_one_PID/cgroup")"
	both fill $N
	assert_seen <<<"accept-overflow	one	$N
connect-abandoned	one	$N"
}

# ---- verdicts ------------------------------------------------------------------------------------

@test "--verdict sees these verdicts only, in lines and counters" {
	both listen
	both open $N
	start_tcpwhy -P 7100,8100 --verdict unread-data,refused
	both unread
	both refused $N
	assert_seen <<<"refused	one	$N
unread-data	one	$N"
}

@test "--verdict sees an orderly end without -a" {
	both listen
	both open $N
	start_tcpwhy -P 7100 --verdict closed-here
	both stale
	assert_seen <<<"closed-here	one	$N"
}

@test "--verdict does not show what late data has turned into another verdict" {
	for verdict in reset-after-close late-data; do
		start_tcpwhy -P 7130 --verdict $verdict
		in_netns $PYTHON "$TOP/tests/e2e/peers.py" run late-data -n $N -p 7130
		assert_seen < <(peers_expect late-data | grep "^$verdict	" || true)
	done
}

# ---- processes -----------------------------------------------------------------------------------

@test "-p sees connections made after it started" {
	start_tcpwhy -p "$PAIR_one_PID"
	both listen
	both open $N
	both unread
	assert_seen <<<"$UNREAD"
}

@test "-p sees listeners and connections that were there before it started" {
	both listen
	both open $N
	start_tcpwhy -p "$PAIR_one_PID"
	both unread
	assert_seen <<<"$UNREAD"
}

# None is forgotten between the snapshot and the hooks, and none is found by both and told twice.
@test "-p sees all that are made while it starts, once" {
	tell one listen
	tell one open-slowly 450
	start_tcpwhy -p "$PAIR_one_PID"
	sleep 0.1
	kill_tcpwhy
	start_tcpwhy -p "$PAIR_one_PID" --limit 0
	tell one opened
	tell one unread
	assert_seen <<<"unread-data	one	450
peer-aborted	one	450"
}

@test "-p sees connections accepted from a listener that was there before" {
	both listen
	start_tcpwhy -p "$PAIR_one_PID"
	both open $N
	both unread
	assert_seen <<<"$UNREAD"
}

@test "-p sees deaths by packets, and resets sent in TIME_WAIT" {
	both listen
	both open $N
	start_tcpwhy -a -p "$PAIR_one_PID"
	both stale
	assert_seen <<<"$STALE"
}

@test "-p takes several processes, and ends with the last" {
	start_pair three 7102
	start_tcpwhy -p "$PAIR_one_PID,$PAIR_three_PID"
	for pair in one two three; do tell $pair refused $N; done
	echo quit >&"$PAIR_one_IN"
	wait_for 20 gone "$PAIR_one_PID"
	tell three refused $N
	echo quit >&"$PAIR_three_IN"
	wait_for 20 grep -q '^tcpwhy: in ' "$ERR"
	wait "$WATCHER"
	assert_equal "$(said_by_lines)" "refused	one	$N
refused	three	$((2 * N))"
	assert_equal "$(said_by_counters)" "refused	$((3 * N))"
}

@test "-p does not see what children do" {
	start_tcpwhy -p "$PAIR_one_PID"
	both fork
	both refused $N
	assert_seen <<<""
}

@test "--children sees children and grandchildren that are born later" {
	start_tcpwhy -p "$PAIR_one_PID" --children
	both fork
	both refused $N
	both fork
	both listen
	both open $N
	both unread
	assert_seen <<<"$UNREAD
refused	one	$N"
}

@test "--children sees children and grandchildren that were there before, and their sockets" {
	both fork
	echo 300 >/proc/sys/kernel/ns_last_pid # the grandchildren come before their parents
	both fork
	both listen
	both open $N
	start_tcpwhy -p "$PAIR_one_PID" --children
	both unread
	both fork
	both refused $N
	assert_seen <<<"$UNREAD
refused	one	$N"
}

# start_pair_as PID PORT : "reuser" with that PID; others may be faster, so more than once
start_pair_as() {
	local tries
	for ((tries = 0; tries < 50; tries++)); do
		rm -rf "$BATS_TEST_TMPDIR/pair-reuser"
		echo $(($1 - 3)) >/proc/sys/kernel/ns_last_pid # mkdir, mkfifo, the pair
		start_pair reuser "$2"
		# shellcheck disable=SC2154
		[ "$PAIR_reuser_PID" != "$1" ] || return 0
		echo quit >&"$PAIR_reuser_IN"
	done
	fail "no process got PID $1"
}

@test "--keep goes on when the process has ended: for its children, and not for a reused PID" {
	local pid=$PAIR_one_PID
	start_tcpwhy -p "$pid" --children --keep
	both orphan
	wait_for 20 gone "$pid"
	both refused $N
	start_pair_as "$pid" 7104
	tell reuser refused $N
	assert_seen <<<"refused	one	$N"
}

@test "without --keep it ends with the process, whatever its children do" {
	start_tcpwhy -p "$PAIR_one_PID" --children
	both orphan
	wait_for 20 grep -q '^tcpwhy: in ' "$ERR"
	wait "$WATCHER"
	WATCHER=
}

# ---- accepted by another process -----------------------------------------------------------------

# use_and_abort OWNER PEER : the owner uses its accepted ends, then the peer resets them
use_and_abort() {
	tell "$2" send
	tell "$1" echo
	tell "$2" abort
}

@test "-p sees a worker's own connections, although the master made the listener" {
	tell one listen
	tell one fork
	local worker
	worker=$(pgrep -P "$PAIR_one_PID")
	start_tcpwhy -p "$worker"
	tell two connect $N 7100
	tell one accept $N
	use_and_abort one two
	assert_seen <<<"peer-aborted	one	$N"
}

@test "-p does not see what another worker accepts from the same listener" {
	tell one listen
	tell one fork
	start_tcpwhy -p "$PAIR_one_PID"
	tell two connect $N 7100
	tell one accept $N
	use_and_abort one two
	assert_seen <<<""
}

@test "-p sees the connections whose descriptors were passed to it" {
	tell one listen
	tell two mailbox "$BATS_TEST_TMPDIR/box"
	start_tcpwhy -p "$PAIR_two_PID"
	tell one open $N
	tell one give "$BATS_TEST_TMPDIR/box"
	tell two take $N
	tell one send
	tell two echo
	tell one abort
	tell one open $N
	tell one unread
	assert_seen <<<"peer-aborted	two	$N"
}

# two_mptcp_servers : "one" and "two" have the same listener, and "three" connects
two_mptcp_servers() {
	start_pair three 7102
	tell three speak-mptcp
	tell one listen 128 mptcp
	tell two mailbox "$BATS_TEST_TMPDIR/box"
	tell one share "$BATS_TEST_TMPDIR/box"
	tell two join
}

# accept_by SERVER... : N connections each
accept_by() {
	local server
	for server; do
		tell three connect $N 7100
		tell "$server" accept $N
	done
}

use_both_and_abort() {
	tell three send
	both echo
	tell three abort
	both drop
}

# Before Linux 6.3 the calls on MPTCP sockets are not seen, and so not who uses them.
need_mptcp_calls() {
	local weaker
	need_mptcp
	weaker=$("$TCPWHY" check --json ${TEST_WITHOUT:+--without "$TEST_WITHOUT"} | jq -r '.hooks[] | select(.name == "calls") | .weaker')
	[[ $weaker != *"nor are calls on MPTCP sockets"* ]] || skip "$weaker"
}

@test "-p sees of MPTCP what the process accepts from a shared listener, and not what another one does" {
	need_mptcp_calls
	two_mptcp_servers
	start_tcpwhy -p "$PAIR_two_PID"
	accept_by two one
	use_both_and_abort
	assert_seen <<<"peer-aborted	two	$N"
}

@test "-p does not see MPTCP connections that come to be where the process's own ones were" {
	need_mptcp_calls
	two_mptcp_servers
	start_tcpwhy -p "$PAIR_two_PID"
	for server in two one one one; do
		accept_by $server
		use_both_and_abort
		sleep 0.1 # an RCU grace period: their memory can be used again
	done
	assert_seen <<<"peer-aborted	two	$N"
}

@test "-p sees of MPTCP the connections whose descriptors were passed to it" {
	need_mptcp_calls
	two_mptcp_servers
	start_tcpwhy -p "$PAIR_two_PID"
	accept_by one
	tell one give "$BATS_TEST_TMPDIR/box"
	tell two take $N
	accept_by one
	use_both_and_abort
	assert_seen <<<"peer-aborted	two	$N"
}

@test "-p sees of MPTCP what the process closes, although the kernel closes the subflow later" {
	need_mptcp
	two_mptcp_servers
	start_tcpwhy -p "$PAIR_two_PID"
	accept_by two one
	tell three send
	both echo
	tell three send
	both drop
	assert_seen <<<"unread-data	two	$N"
}

@test "-p sees what all threads of the process do" {
	start_tcpwhy -p "$PAIR_one_PID"
	both refused-threads $N
	assert_seen <<<"refused	one	$N"
}

@test "-p sees the overflow of the process's listener only" {
	start_tcpwhy -p "$PAIR_one_PID"
	both fill $N
	assert_seen <<<"accept-overflow	one	$N
connect-abandoned	one	$N"
}

@test "-p and -P together must both hold" {
	start_tcpwhy -p "$PAIR_one_PID" -P 7101
	both listen
	both open $N
	both unread
	assert_seen <<<""
}

@test "-p ends with a summary when the process ends" {
	start_tcpwhy -p "$PAIR_one_PID"
	tell one refused $N
	echo quit >&"$PAIR_one_IN"
	wait_for 20 grep -q '^tcpwhy: in ' "$ERR"
	wait "$WATCHER"
	assert_equal "$(said_by_counters)" "refused	$N"
}

@test "without a filter the other namespace's connections are seen too" {
	start_tcpwhy
	both listen
	both open $N
	both unread
	sleep 0.15
	stop_tcpwhy
	assert_equal "$(said_by_lines | grep -P '\t(one|two)\t')" "peer-aborted	one	$N
peer-aborted	two	$N
unread-data	one	$N
unread-data	two	$N"
}

# ---- a command -----------------------------------------------------------------------------------

# watch_command ARGS... : in the namespace, to its end; its status in $status
watch_command() {
	OUT=$BATS_TEST_TMPDIR/out ERR=$BATS_TEST_TMPDIR/err
	status=0
	in_netns "$TCPWHY" "$@" >"$OUT" 2>"$ERR" 3>&- || status=$?
	try_again_if_missed
}

# What was said on stderr, as said_by_lines
said_on_stderr() {
	grep -E '^[0-9:.]{12}  ' "$ERR" >"$BATS_TEST_TMPDIR/lines" || true
	OUT=$BATS_TEST_TMPDIR/lines said_by_lines
}

@test "-- watches the command from its first connection on, and its descendants, and nobody else" {
	local die=$BATS_TEST_TMPDIR/die
	cat >"$die" <<-END
		#!$PYTHON
		import socket
		for _ in range($N):
		    socket.socket().connect_ex(("127.0.0.1", 8107))
	END
	chmod 755 "$die"
	while :; do tell two refused 1; done &
	local noise=$!
	watch_command -- bash -c "$die; bash -c '$die & wait'"
	kill $noise
	wait $noise 2>/dev/null || true
	assert_equal "$status" 0
	assert_equal "$(said_on_stderr)" "refused	die	$((2 * N))"
	assert_equal "$(said_by_counters)" "refused	$((2 * N))"
}

@test "-- leaves stdin and stdout to the command, and counts to stderr" {
	local row='^[0-9:]* .* -$'
	# shellcheck disable=SC2016 # the command waits for two rows
	echo "to the command" | in_netns "$TCPWHY" 0.1 -- sh -c 'cat
		until [ "$(grep -c "$2" "$1")" -ge 2 ] || [ "$((tries += 1))" -gt 1000 ]; do sleep 0.01; done
		echo "to stderr" >&2' sh "$BATS_TEST_TMPDIR/err" "$row" \
		>"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	assert_equal "$(cat "$BATS_TEST_TMPDIR/out")" "to the command"
	assert_equal "$(grep -c '^to stderr$' "$BATS_TEST_TMPDIR/err")" 1
	assert [ "$(grep -c "$row" "$BATS_TEST_TMPDIR/err")" -ge 2 ]
}

@test "-- ends with the status of the command" {
	watch_command -- sh -c 'exit 7'
	assert_equal "$status" 7
	watch_command -- sh -c 'kill -TERM $$'
	assert_equal "$status" 143
	watch_command -- /no/such/command
	assert_equal "$status: $(tail -n 1 "$ERR")" \
		"127: tcpwhy: cannot execute '/no/such/command': No such file or directory"
	watch_command -- /etc/passwd
	assert_equal "$status: $(tail -n 1 "$ERR")" \
		"126: tcpwhy: cannot execute '/etc/passwd': Permission denied"
}

@test "-- does not start the command if it cannot watch" {
	run in_netns setpriv --reuid=65534 --clear-groups --regid=65534 "$TCPWHY" -- \
		touch "$BATS_TEST_TMPDIR/started"
	assert_failure 3
	run pgrep -f "$BATS_TEST_TMPDIR/started"
	assert_failure
	assert [ ! -e "$BATS_TEST_TMPDIR/started" ]
}

@test "-- passes signals on to the command, and ends after it with its summary" {
	# shellcheck disable=SC2016
	start_tcpwhy -- bash -c 'trap "sleep 0.2; exit 5" TERM; : >"$1"; while :; do sleep 0.01; done' \
		bash "$BATS_TEST_TMPDIR/ready"
	wait_for 20 test -e "$BATS_TEST_TMPDIR/ready"
	kill -TERM "$WATCHER"
	wait_for 20 gone "$WATCHER"
	local status=0
	wait "$WATCHER" || status=$?
	WATCHER=
	assert_equal "$status" 5
	assert_equal "$(grep -c '^tcpwhy: in ' "$ERR")" 1
}

@test "-- : Ctrl-C on the terminal reaches the command once, and tcpwhy ends after it" {
	in_netns $PYTHON - "$TCPWHY" "$BATS_TEST_TMPDIR/err" <<-'END'
		import os, pty, sys, time
		pid, terminal = pty.fork()
		if not pid:
		    os.dup2(os.open(sys.argv[2], os.O_CREAT | os.O_WRONLY), 2)
		    os.execv(sys.argv[1], [sys.argv[1], "--", sys.executable, "-c", """if True:
		        import signal
		        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
		        print("ready", flush=True)
		        signal.sigwait([signal.SIGINT])
		        exit(41 if signal.sigtimedwait([signal.SIGINT], 0.5) is None else 42)"""])
		seen = b""
		while b"ready" not in seen:
		    seen += os.read(terminal, 100)
		time.sleep(0.1)
		os.write(terminal, b"\x03")
		_, status = os.waitpid(pid, 0)
		assert os.waitstatus_to_exitcode(status) == 41, status
	END
	assert_equal "$(grep -c '^tcpwhy: in ' "$BATS_TEST_TMPDIR/err")" 1
}
