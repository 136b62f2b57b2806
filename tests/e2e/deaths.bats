#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Every scenario of peers.py, over IPv4, IPv6 and IPv4-mapped addresses: exactly 23 of each verdict
# that it must cause, at the right process, and nothing else; in the lines and in the counters. And
# the lines of two ends name each other.

load lib

setup() {
	make_netns
}

teardown() {
	kill_tcpwhy
	remove_netns
}

# Verdicts of a scenario none of whose lines may be alone, since both ends die within microseconds.
# Elsewhere one end may outlive the other; or there is no other end.
together() {
	case $1 in
	unread-data) echo unread-data peer-aborted ;;
	linger-zero) echo linger-zero peer-aborted ;;
	refused) echo refused no-listener ;;
	half-closed-reuse) echo half-closed-reuse late-data-time-wait ;;
	close-race) echo close-race late-data-time-wait closed-here ;;
	late-data) echo late-data peer-forgot ;;
	late-data-acked) echo late-data close-race ;;
	destroyed) echo destroyed peer-aborted ;;
	disconnected) echo disconnected peer-aborted ;;
	listener-closed) echo listener-closed peer-aborted ;;
	process-killed) echo unread-data peer-aborted ;;
	accept-overflow-reset) echo accept-overflow-reset backlog-reset listener-closed peer-aborted ;;
	peer-forgot) echo peer-forgot stray-segment ;;
	server-restarted) echo peer-forgot server-restarted ;;
	late-segment | late-segment-at-client) echo late-segment peer-forgot ;;
	keepalive-reset) echo keepalive-reset stray-segment ;;
	reset-after-close) echo unread-data reset-after-close ;;
	esac
}

# compare_ends SCENARIO WHAT : no other end is invented, and none is missed
compare_ends() {
	# shellcheck disable=SC2046 # verdicts have no blanks
	run $PYTHON "$TOP/tests/e2e/joined.py" "$OUT" $(together "$1")
	# shellcheck disable=SC2154 # output is set by run
	assert_equal "$2: exit status $status: $output" "$2: exit status 0: ${lines[0]}"
}

# Lines and counters must both be what the scenario expects.
compare() {
	local expected
	expected=$(peers_expect "$1")
	assert_equal "$2: $(said_by_lines)" "$2: $expected"
	assert_equal "$2 counters: $(said_by_counters)" "$2 counters: $(by_verdict <<<"$expected")"
	assert_equal "$2: $(lost) lost" "$2: 0 lost"
	compare_ends "$1" "$2"
}

# families : all three, but with TEST_QUICK one for each test, by turns
families() {
	local all=(4 6 mapped)
	if [ -n "${TEST_QUICK-}" ]; then
		echo "${all[BATS_TEST_NUMBER % 3]}"
	else
		echo "${all[@]}"
	fi
}

# deaths SCENARIO
deaths() {
	local port=7000 family
	for family in $(families); do
		die "$1" $family
		compare "$1" "$1 over $family"
	done
}

# die SCENARIO FAMILY : watched, on the next port. Where the machine was too busy for it, on the one after that; if it
# always is, nothing is known.
die() {
	local status try
	for try in 1 2 3 4 5; do
		port=$((port + 1))
		start_tcpwhy -a -P $port
		start_referee
		run --separate-stderr in_netns $PYTHON "$TOP/tests/e2e/peers.py" run "$1" -n $N -f "$2" -p $port
		# shellcheck disable=SC2154 # stderr is set by run
		[ "$status" -eq 75 ] || break
		stop_tcpwhy
	done
	[ "$status" -ne 75 ] || skip "$stderr, $try times of $try"
	[ "$status" -ne 77 ] || skip "$stderr"
	assert_equal "$1 over $2: $status $stderr" "$1 over $2: 0 "
	settle
	stop_tcpwhy
}

# What must not come needs time not to come: longer than a look at the listeners takes.
settle() {
	sleep 0.15
}

@test "orderly-client-closes: FIN both ways, the client's first" {
	deaths orderly-client-closes
}

@test "orderly-server-closes: FIN both ways, the server's first" {
	deaths orderly-server-closes
}

@test "unread-data: the server closes without having read what the client sent" {
	deaths unread-data
}

@test "linger-zero: the server closes with SO_LINGER 0, everything read" {
	deaths linger-zero
}

@test "late-data: the server's FIN is lost, then data reaches its closed socket (FIN_WAIT1)" {
	deaths late-data
}

@test "late-data-acked: data and the acknowledgement of the server's FIN come in one segment" {
	deaths late-data-acked
}

@test "close-race: the client writes at once when the FIN comes; the server's socket is a minisock already" {
	deaths close-race
}

@test "half-closed-reuse: the client writes half a second after the server's FIN" {
	deaths half-closed-reuse
}

@test "refused: the client connects to a port where nothing listens" {
	deaths refused
}

@test "peer-forgot: the client writes to a server that is gone without a trace" {
	deaths peer-forgot
}

@test "server-restarted: the client writes to a server that is gone; a new one listens there" {
	deaths server-restarted
}

@test "keepalive-timeout: two keepalive probes of two are lost" {
	deaths keepalive-timeout
}

@test "late-segment: the server closes with unread data, and more is on its way; the listener gets it" {
	deaths late-segment
}

@test "late-segment-at-client: the client closes with unread data, and more is on its way; no socket gets it" {
	deaths late-segment-at-client
}

@test "keepalive-user-timeout: TCP_USER_TIMEOUT ends the connection at the first lost probe of five" {
	deaths keepalive-user-timeout
}

@test "keepalive-reset: a keepalive probe reaches a server that is gone without a trace" {
	deaths keepalive-reset
}

@test "retransmit-timeout: the client's data is lost again and again" {
	deaths retransmit-timeout
}

@test "user-timeout: the client's data is lost for longer than its TCP_USER_TIMEOUT" {
	deaths user-timeout
}

@test "zero-window-timeout: the server does not read, and then does not answer window probes either" {
	deaths zero-window-timeout
}

@test "egress-blocked: the client's own host does not let its data out" {
	deaths egress-blocked
}

@test "unreachable: the client's data is answered with ICMP host unreachable" {
	deaths unreachable
}

@test "connect-timeout: every SYN is lost" {
	deaths connect-timeout
}

@test "connect-unreachable: the SYN is answered with ICMP port unreachable" {
	deaths connect-unreachable
}

@test "connect-abandoned: the client gives up before its SYN is answered" {
	deaths connect-abandoned
}

@test "connect-failed: connect() finds no free local port" {
	deaths connect-failed
}

@test "reset-after-close: the client closes with data still to be sent; the server then closes without reading" {
	deaths reset-after-close
}

@test "listener-closed: the server closes its listener with connections not yet accepted" {
	deaths listener-closed
}

@test "destroyed: ss -K kills the client's sockets" {
	deaths destroyed
}

@test "disconnected: the client calls connect(AF_UNSPEC)" {
	deaths disconnected
}

@test "orphan-timeout: the client closes with data unacknowledged, and it stays so" {
	deaths orphan-timeout
}

@test "accept-overflow-syn: the server's accept queue is full: SYNs are dropped" {
	deaths accept-overflow-syn
}

@test "accept-overflow-ack: the server's accept queue is full: the last ACK of the handshake is dropped" {
	deaths accept-overflow-ack
}

@test "accept-overflow-reset: the same with tcp_abort_on_overflow: the server answers with RST" {
	deaths accept-overflow-reset
}

@test "process-killed: the client is killed with SIGKILL, data unread" {
	deaths process-killed
}

@test "every scenario of peers.py is tested here" {
	[ -z "${TEST_QUICK-}" ] || skip "it is the same on every kernel"
	local missing
	missing=$(peers list | cut -f1 | grep -vx mixed | while read -r name; do
		grep -q "deaths $name\$" "$BATS_TEST_FILENAME" || echo "$name"
	done)
	assert_equal "$missing" ""
}

# Verdicts that need more than peers.py, and where they are caused. Two cannot be: unknown
# is what is left, and orphans seem to keep their namespace until they have ended otherwise.
elsewhere() {
	cat <<-END
		errors.bats bad-descriptor call-failed not-connected write-after-close
		listeners.bats syn-cookies syn-queue-overflow
		memory.bats out-of-memory
		rare.bats checkpointed protocol-error syn-dropped
	END
}

@test "every verdict of the table is caused by some test" {
	[ -z "${TEST_QUICK-}" ] || skip "it is the same on every kernel"
	local file verdicts verdict all
	all=$(
		peers list | cut -f1 | while read -r name; do peers expect "$name"; done | cut -f1
		elsewhere | while read -r file verdicts; do
			for verdict in $verdicts; do
				grep -qw -- "$verdict" "$TOP/tests/e2e/$file" && echo "$verdict"
			done
		done
		printf 'namespace-gone\nunknown\n'
	)
	assert_equal "$(sort -u <<<"$all")" \
		"$("$TCPWHY" --verdicts | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p' | sort -u)"
}
