#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Sockets out of the ordinary: every scenario of special.py, and io_uring. Exactly 23 of each
# verdict that it must cause, at the right process, and nothing else; in the lines and in the
# counters.

load ../e2e/lib
load special

# likely VERDICT... : of these all N lines begin with "likely:", and no others
likely() {
	local expected
	expected=$([ $# -eq 0 ] || printf "%s $N\n" "$@" | sort)
	assert_equal "likely: $(awk -F '  +' '$5 ~ /^likely: / { n[$2]++ }
		END { for (key in n) print key, n[key] }' "$OUT" | sort)" "likely: $expected"
}

# other_ends EXPECTED : which "verdict verdict-at-the-other-end" occur
other_ends() {
	assert_equal "$(sed -nE 's/^[^ ]+ +([a-z-]+) .*; other end: .* ([a-z-]+)$/\1 \2/p' "$OUT" |
		sort -u)" "$1"
}

# ---- timers of the passive side ------------------------------------------------------------------

@test "server-keepalive-timeout: the server's two keepalive probes of two are lost" {
	special server-keepalive-timeout 4 6
}

@test "server-keepalive-user-timeout: the server's TCP_USER_TIMEOUT ends it at the first lost probe of five" {
	special server-keepalive-user-timeout 4 6
	assert_equal "$(grep -c '1 of 5 probes unanswered.*so one lost probe is enough' "$OUT")" "$N"
}

@test "server-user-timeout: the server's data is lost for longer than its TCP_USER_TIMEOUT" {
	special server-user-timeout 4 6
}

@test "server-retransmit-timeout: the server's data is lost again and again" {
	special server-retransmit-timeout 4 6
}

# ---- half-closed connections ---------------------------------------------------------------------

@test "close-wait-keepalive-timeout: the server is in CLOSE_WAIT, and its keepalive probes are lost" {
	special close-wait-keepalive-timeout 4 6
}

@test "close-wait-keepalive-reset: the server is in CLOSE_WAIT, and its keepalive probe is answered by RST" {
	special close-wait-keepalive-reset 4 6
}

@test "closing: both close at once, and the FINs cross: CLOSING at both ends" {
	special closing 4
}

@test "closing over IPv6" {
	special closing 6
}

@test "closing-timeout: both close at once; the last ACKs are lost for ever" {
	special closing-timeout 4
	assert_equal "tcp_retries2 does not end orphans: $(grep -c 'orphan-timeout.*tcp_retries2' "$OUT")" \
		"tcp_retries2 does not end orphans: 0"
}

@test "shutdown-late-data: the server shuts down both directions and keeps the descriptor; then data comes" {
	special shutdown-late-data 4 6
}

@test "shutdown-orderly: both shut down both directions, and close later" {
	special shutdown-orderly 4 6
}

# The peer's FIN takes a sequence number, and is no byte that was received.
@test "what was sent at one end was received at the other, to the byte" {
	special shutdown-orderly 4
	assert_equal "$(sed -nE 's/.* ([0-9]+ bytes sent and acknowledged, [0-9]+ received).*/\1/p' "$OUT" |
		sort | uniq -c)" "     $N 5 bytes sent and acknowledged, 7 received
     $N 7 bytes sent and acknowledged, 5 received"
}

@test "fin-wait1-retransmit-timeout: the client shuts down writing, keeps the descriptor, and its FIN is lost" {
	special fin-wait1-retransmit-timeout 4 6
}

@test "fin-wait2-keepalive-timeout: the client has shut down writing and waits; its keepalive probes are lost" {
	special fin-wait2-keepalive-timeout 4
}

@test "fin-wait2-unread: the client has shut down writing, and closes with the answer unread" {
	special fin-wait2-unread 4 6
}

@test "last-ack-timeout: both close; the second FIN is lost for ever" {
	special last-ack-timeout 4 6
}

@test "last-ack-reset: both close; the second FIN is answered by RST" {
	special last-ack-reset 4 6
}

@test "late-segment-after-time-wait: TIME_WAIT answers the client's data with RST, which is lost; the data comes again" {
	special late-segment-after-time-wait 4 6
}

@test "late-segment-after-overflow: a full queue answers the client's data with RST, which is lost; the data comes again" {
	special late-segment-after-overflow 4 6
}

@test "shutdown-read: the server shuts down reading; data still comes, and it closes" {
	special shutdown-read 4 6
}

@test "half-closed-then-reset: the client has shut down writing and waits; the server closes with that unread" {
	special half-closed-then-reset 4 6
}

@test "half-closed-then-linger: the client has shut down writing and waits; the server aborts, all read" {
	special half-closed-then-linger 4 6
}

@test "half-closed-then-forgotten: the client shuts down writing; that reaches a server that is gone" {
	special half-closed-then-forgotten 4 6
}

@test "fin-wait2-late-data: tcp_fin_timeout 70: FIN_WAIT2 stays a full socket, and data comes to it" {
	special fin-wait2-late-data 4 6
}

@test "fin-wait2-orderly: tcp_fin_timeout 70: the peer's FIN comes to the full socket in FIN_WAIT2" {
	special fin-wait2-orderly 4 6
}

@test "fin-wait2-reset: tcp_fin_timeout 70: the peer's RST comes to the full socket in FIN_WAIT2" {
	special fin-wait2-reset 4 6
}

@test "fin-wait2-expiry: tcp_fin_timeout 62: after 2 s the timer hands the full socket over to TIME_WAIT" {
	special fin-wait2-expiry 4 6
}

@test "linger2-at-close: TCP_LINGER2 < 0, close() in FIN_WAIT2: RST at once" {
	special linger2-at-close 4 6
}

@test "linger2-at-ack: TCP_LINGER2 < 0, close() in ESTABLISHED: RST in answer to the ACK of the FIN" {
	special linger2-at-ack 4 6
}

# ---- without timestamps --------------------------------------------------------------------------

@test "no-timestamps-refused: nothing to infer" {
	special no-timestamps-refused 4 6
	likely
}

@test "no-timestamps-unread-data: that the peer's socket was alive is inferred" {
	special no-timestamps-unread-data 4 6
	likely peer-aborted
}

@test "no-timestamps-linger-zero: that the peer's socket was alive is inferred" {
	special no-timestamps-linger-zero 4 6
	likely peer-aborted
}

@test "no-timestamps-half-closed-reuse: that the RST answered the write is inferred" {
	special no-timestamps-half-closed-reuse 4 6
	likely half-closed-reuse
}

@test "no-timestamps-peer-forgot: that the peer forgot is inferred of a silence" {
	special no-timestamps-peer-forgot 4 6
	likely peer-forgot
}

@test "no-timestamps-keepalive-reset: that the RST answered a probe is inferred" {
	special no-timestamps-keepalive-reset 4 6
	likely keepalive-reset
}

@test "no-timestamps-late-data: the silence is too short to infer that no socket sent the RST" {
	special no-timestamps-late-data 4 6
	likely peer-aborted
}

@test "no-timestamps-reset-after-close: we had closed, whoever sent the RST" {
	special no-timestamps-reset-after-close 4 6
	likely
}

# ---- ends that are one, or of two families -------------------------------------------------------

@test "self-connect: sockets that are connected to themselves are closed" {
	special self-connect 4 6
	other_ends ""
}

@test "self-connect-aborted: sockets that are connected to themselves are aborted with SO_LINGER 0" {
	special self-connect-aborted 4 6
	other_ends ""
}

@test "self-connect-unread: sockets that are connected to themselves are closed with data unread" {
	special self-connect-unread 4 6
	other_ends ""
}

@test "same-process: a process connects to its own listener; it aborts one end" {
	special same-process 4 6
	other_ends "linger-zero peer-aborted
peer-aborted linger-zero"
}

@test "mixed-orderly-client-closes: IPv4 at one end, IPv4-mapped IPv6 at the other" {
	special mixed-orderly-client-closes 4to6 6to4
}

@test "mixed-unread-data: IPv4 at one end, IPv4-mapped IPv6 at the other" {
	special mixed-unread-data 4to6 6to4
	other_ends "peer-aborted unread-data
unread-data peer-aborted"
}

@test "mixed-half-closed-reuse: IPv4 at one end, IPv4-mapped IPv6 at the other" {
	special mixed-half-closed-reuse 4to6 6to4
}

@test "mixed-refused: IPv4-mapped IPv6, and nothing listens" {
	special mixed-refused 4to6 6to4
}

@test "mixed-listener-closed: IPv4 at one end, IPv4-mapped IPv6 at the other" {
	special mixed-listener-closed 4to6 6to4
}

@test "mixed-late-data: IPv4 at one end, IPv4-mapped IPv6 at the other" {
	special mixed-late-data 4to6 6to4
}

# ---- SO_REUSEPORT, filters -----------------------------------------------------------------------

@test "reuseport: two processes listen on one port, and both close with data unread" {
	special reuseport 4 6
}

@test "reuseport-listener-closed: two processes listen on one port; one closes its listener, not accepted" {
	special reuseport-listener-closed 4 6
}

@test "reuseport-migrated: the same with tcp_migrate_req: the other listener inherits what was not accepted" {
	special reuseport-migrated 4 6
}

@test "reuseport-overflow: of two listeners on one port exactly one overflows" {
	special reuseport-overflow 4 6
}

# A self-connection passes SYN_RECV too, and no listener's queue was filled by it.
@test "filtered-self-connect: the same, while sockets connect themselves to themselves on that port of another address" {
	special filtered-self-connect 4
}

# ---- descriptors that change hands ---------------------------------------------------------------

@test "passed-closed: the server passes its connections on; the receiver closes them with data unread" {
	special passed-closed 4 6
}

@test "passed-reset: the server passes its connections on; then the client aborts" {
	special passed-reset 4 6
}

@test "passed-in-flight-reset: the server passes its connections on; the client aborts before they are received" {
	special passed-in-flight-reset 4
}

@test "passed-in-flight-closed: the server passes its connections on; the receiver closes without receiving them" {
	special passed-in-flight-closed 4
}

@test "forked-closed: the server's child inherits; the server closes, then the child, with data unread" {
	special forked-closed 4 6
}

@test "forked-killed: the server's child inherits; the server closes, then the child is killed, data unread" {
	special forked-killed 4
}

@test "forked-parent-closes: the server's child inherits and dies; then the server closes with data unread" {
	special forked-parent-closes 4
}

@test "forked-reset: the server's child inherits; the server closes, then the client aborts" {
	special forked-reset 4 6
}

@test "leaderless-reset: a thread holds the connections, its process's first thread is gone; the client aborts" {
	special leaderless-reset 4
}

# iouring HOW WHERE VERDICT COMM : what the server does, and what is said of it
iouring() {
	watch_it 7290 "$TOP/build/tests/slow-iouring" "$1" "$2" $N 7290
	compare "io_uring $1 $2" "$(printf '%s\n' "peer-aborted	why-client	$N" "$3	$4	$N" | sort)"
}

@test "io_uring closes with data unread, in the submitting call" {
	iouring unread inline unread-data why-server
}

@test "io_uring closes with data unread, in a worker" {
	iouring unread worker unread-data why-server
}

@test "io_uring closes with SO_LINGER 0, in the submitting call" {
	iouring linger inline linger-zero why-server
}

@test "io_uring closes with SO_LINGER 0, in a worker" {
	iouring linger worker linger-zero why-server
}

@test "io_uring closes with data unread, in the kernel's polling thread" {
	iouring unread poller unread-data why-server
}

# Nobody is left to be named: a kernel thread tears the ring down.
@test "a killed process's ring takes the descriptors registered in it along, data unread" {
	iouring killed-ring inline unread-data -
}

# ---- the same four-tuple -------------------------------------------------------------------------

@test "again: the same four-tuple dies 23 times in a row, in five ways by turns" {
	special again 4 6
	other_ends "closed-by-peer closed-here
closed-here closed-by-peer
half-closed-reuse late-data-time-wait
late-data-time-wait half-closed-reuse
linger-zero peer-aborted
peer-aborted linger-zero
peer-aborted unread-data
unread-data peer-aborted"
}

@test "twin-networks: two pairs of namespaces with the same addresses and ports at once; each pair dies otherwise" {
	special twin-networks 4 6
	assert_equal "joined across: $(grep -cE 'why-.*other end: two-|two-.*other end: why-' "$OUT")" \
		"joined across: 0"
}

@test "veth-deleted: the wire is taken away with its addresses; the server's data cannot leave" {
	special veth-deleted 4
}

@test "namespace-gone-orphans: a namespace's last process dies; its orphans still wait for an acknowledgement" {
	special namespace-gone-orphans 4 6
}

# ---- TCP Fast Open -------------------------------------------------------------------------------

@test "fast-open-orderly: data comes with the SYN; FIN both ways" {
	special fast-open-orderly 4 6
}

@test "fast-open-cookie: tcp_fastopen 3: the first asks for the cookie, the others use it" {
	special fast-open-cookie 4 6
}

@test "fast-open-refused: data goes with the SYN to a port where nothing listens" {
	special fast-open-refused 4 6
}

@test "fast-open-unread: data came with the SYN; the server closes without having read it" {
	special fast-open-unread 4 6
}

@test "fast-open-listener-closed: data came with the SYN; the server closes its listener without accept()" {
	special fast-open-listener-closed 4 6
}

@test "fast-open-unwritten: TCP_FASTOPEN_CONNECT, and closed before the first write: no SYN was sent" {
	special fast-open-unwritten 4 6
	assert_equal "$(grep -c '  0 SYNs sent' "$OUT")" "$N"
}

@test "fast-open-written: TCP_FASTOPEN_CONNECT, and the first write makes the SYN" {
	special fast-open-written 4 6
}

@test "fast-open-connect-refused: TCP_FASTOPEN_CONNECT; the first write's SYN is answered by RST" {
	special fast-open-connect-refused 4 6
}

@test "fast-open-unread-syn-recv: unread data, before the handshake is complete: the child is in SYN_RECV" {
	special fast-open-unread-syn-recv 4 6
}

@test "fast-open-closed-syn-recv: the server reads the data and closes before the handshake is complete" {
	special fast-open-closed-syn-recv 4 6
}

# The child's own record of timestamps is not written in SYN_RECV: it says nothing of the RST.
@test "fast-open-reset-syn-recv: the client aborts before the handshake is complete for the server" {
	special fast-open-reset-syn-recv 4 6
}

@test "fast-open-timeout-syn-recv: the handshake is never completed: the server's SYN-ACKs are lost, not its data" {
	special fast-open-timeout-syn-recv 4
}

@test "fast-open-listener-closed-syn-recv: the listener is closed before the handshake is complete" {
	special fast-open-listener-closed-syn-recv 4 6
}

# ---- Multipath TCP -------------------------------------------------------------------------------

# The message socket itself is no TCP connection and must not be seen; its subflow is one.

@test "mptcp-orderly: orderly close, the client first" {
	special mptcp-orderly 4 6
}

@test "mptcp-refused: nothing listens there" {
	special mptcp-refused 4 6
}

@test "mptcp-unread: the server closes with data unread" {
	special mptcp-unread 4 6
}

@test "mptcp-killed: the client is killed with data unread" {
	special mptcp-killed 4 6
}

@test "mptcp-linger-zero: the server aborts with SO_LINGER 0" {
	special mptcp-linger-zero 4 6
}

@test "mptcp-disconnected: the client calls connect(AF_UNSPEC)" {
	special mptcp-disconnected 4 6
}

@test "mptcp-listener-closed: the server closes its listener with connections not yet accepted" {
	special mptcp-listener-closed 4 6
}

@test "mptcp-listener-unread: an MPTCP listener (as Go opens them), a TCP client; the server closes, data unread" {
	special mptcp-listener-unread 4 6
}

@test "mptcp-listener-orderly: an MPTCP listener (as Go opens them), a TCP client; orderly close" {
	special mptcp-listener-orderly 4 6
}

@test "mptcp-listener-overflow: an MPTCP listener (as Go opens them), TCP clients; its accept queue is full" {
	special mptcp-listener-overflow 4 6
}

@test "mptcp-client-unread: an MPTCP client falls back to TCP, and closes with data unread: FIN all the same" {
	special mptcp-client-unread 4 6
}

@test "mptcp-client-reset: an MPTCP client falls back to TCP, and the server closes with data unread" {
	special mptcp-client-reset 4 6
}

@test "mptcp-two-subflows: two subflows a connection; the server closes with data unread" {
	special mptcp-two-subflows 4
}

@test "mptcp-two-subflows-orderly: two subflows a connection; orderly close" {
	special mptcp-two-subflows-orderly 4
}

@test "mptcp-destroyed: ss -K kills the client's subflows" {
	special mptcp-destroyed 4 6
}

@test "every scenario of special.py is tested here, or in rare.bats" {
	local missing
	missing=$($PYTHON "$SPECIAL" list | cut -f1 | while read -r name; do
		cat "$BATS_TEST_FILENAME" "$TOP/tests/e2e/rare.bats" | grep -q "special $name [46]" || echo "$name"
	done)
	assert_equal "$missing" ""
}
