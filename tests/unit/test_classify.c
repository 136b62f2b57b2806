// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rules: each row of the table is reached by the facts that the kernel shows for it, and the
 * boundaries between neighbours are where they should be.
 *
 * The facts are built in two steps: a socket as it lives (client(), server(), connecting_client()),
 * then what ends it. A function with the name of a verdict gives typical facts for that verdict.
 */
#include "expect.h"

#include <stdio.h>

/* ---- sockets as they live ---------------------------------------------------------------- */

/* We connected, both sides have talked, and the last segment came from the peer's socket. */
static struct facts client(void)
{
	struct facts f = {
		.event = EVENT_DEATH,
		.socket = SOCKET_FULL,
		.state = ST_ESTABLISHED,
		.flags = FACT_ATTACHED | FACT_TSTAMP_OK | FACT_SAW_TSTAMP,
		.snd_wnd = 65536,
		.heard_ms = 5000,
		.sent_ms = 5000,
		.srtt_us = 2000,
		.tick_us = 4000,
		.segs_in = 12,
		.segs_out = 13,
		.bytes_acked = 301, /* our SYN counts 1 */
		.bytes_received = 4096,
	};

	return f;
}

static struct facts server(void)
{
	struct facts f = client();

	f.flags |= FACT_PASSIVE;
	f.bytes_acked = 300;
	return f;
}

/* After one SYN, nothing heard: rcv_tstamp is still 0, so the peer was last heard at boot. */
static struct facts connecting_client(void)
{
	struct facts f = {
		.event = EVENT_DEATH,
		.socket = SOCKET_FULL,
		.state = ST_SYN_SENT,
		.flags = FACT_ATTACHED,
		.unacked = 1,
		.heard_ms = 86400000,
		.sent_ms = 86400000,
		.tick_us = 4000,
		.segs_out = 1,
	};

	return f;
}

/* ---- what happens to them ---------------------------------------------------------------- */

/* __tcp_close(), before the socket is orphaned: the process still has it, and holds the lock. */
static void close_begins(struct facts *f)
{
	f->flags |= FACT_OWNED;
	f->shutdown = SHUT_BOTH;
}

/* After close(): sock_orphan(). What comes now comes from softirq. */
static void orphan(struct facts *f, __u8 state)
{
	f->flags &= ~(FACT_ATTACHED | FACT_OWNED);
	f->flags |= FACT_DEAD;
	f->shutdown = SHUT_BOTH;
	f->state = state;
}

/* tcp_fin() */
static void peer_sends_fin(struct facts *f)
{
	f->flags |= FACT_PEER_FIN;
	f->shutdown |= 1;
	f->state = ST_CLOSE_WAIT;
}

/* tcp_reset(), by an RST that the peer's socket built. */
static void living_socket_resets(struct facts *f)
{
	f->err = f->state == ST_CLOSE_WAIT ? ERR_PIPE : ERR_CONNRESET;
}

/* tcp_reset(), by an RST of a host (or firewall) that has no such socket. */
static void stateless_reset(struct facts *f)
{
	living_socket_resets(f);
	f->flags &= ~FACT_SAW_TSTAMP;
}

/* Data on its way, sent just now. */
static void send_data(struct facts *f, __u32 bytes)
{
	f->unacked += bytes;
	f->sent_ms = 0;
}

/* ---- typical facts, by verdict ----------------------------------------------------------- */

static struct facts closed_by_peer(void)
{
	struct facts f = server();

	peer_sends_fin(&f);
	orphan(&f, ST_LAST_ACK);
	f.heard_ms = 0;
	return f;
}

static struct facts closed_here(void)
{
	struct facts f = client();

	orphan(&f, ST_FIN_WAIT2);
	f.heard_ms = 0;
	return f;
}

static struct facts unread_data(void)
{
	struct facts f = server();

	close_begins(&f);
	f.unread = 45;
	return f;
}

static struct facts linger_zero(void)
{
	struct facts f = server();

	close_begins(&f);
	f.flags |= FACT_LINGER_ZERO;
	return f;
}

/* tcp_reset() had no RST to look at: what it leaves is ECONNRESET and TCP_CLOSE. */
static struct facts late_data(void)
{
	struct facts f = server();

	orphan(&f, ST_CLOSE);
	f.event = EVENT_RESET;
	f.err = ERR_CONNRESET;
	return f;
}

/* tcp_abort() takes the lock of the socket, so `ss` is the owner. */
static struct facts destroyed(void)
{
	struct facts f = client();

	f.flags |= FACT_OWNED;
	f.err = ERR_CONNABORTED;
	return f;
}

/* A child that waits for accept(): it has no struct socket yet. */
static struct facts listener_closed(void)
{
	struct facts f = server();

	f.flags &= ~FACT_ATTACHED;
	f.bytes_acked = 0;
	f.bytes_received = 0;
	return f;
}

static struct facts disconnected(void)
{
	struct facts f = client();

	f.flags |= FACT_OWNED;
	return f;
}

static struct facts keepalive_timeout(void)
{
	struct facts f = client();

	f.flags |= FACT_KEEPALIVE;
	f.err = ERR_TIMEDOUT;
	f.probes_out = 5;
	f.heard_ms = 18000;
	f.sent_ms = 20000;
	return f;
}

static struct facts keepalive_user_timeout(void)
{
	struct facts f = keepalive_timeout();

	f.user_timeout_ms = 2000;
	f.probes_out = 1;
	f.heard_ms = 6000;
	return f;
}

static struct facts connect_failed(void)
{
	struct facts f = connecting_client();

	f.flags |= FACT_OWNED;
	f.unacked = 0;
	f.segs_out = 0;
	return f;
}

static struct facts refused(void)
{
	struct facts f = connecting_client();

	f.err = ERR_CONNREFUSED;
	f.segs_in = 1;
	return f;
}

static struct facts close_race(void)
{
	struct facts f = client();

	peer_sends_fin(&f);
	send_data(&f, 120);
	stateless_reset(&f);
	f.heard_ms = 4;
	return f;
}

static struct facts keepalive_reset(void)
{
	struct facts f = client();

	f.flags |= FACT_KEEPALIVE;
	f.probes_out = 1;
	stateless_reset(&f);
	return f;
}

static struct facts half_closed_reuse(void)
{
	struct facts f = close_race();

	f.heard_ms = 2600;
	return f;
}

static struct facts reset_after_close(void)
{
	struct facts f = server();

	orphan(&f, ST_FIN_WAIT1);
	living_socket_resets(&f);
	f.unacked = 1 + 5000;
	return f;
}

/* The server's queue was full: it answers our first bytes as if it had never heard of us. */
static struct facts backlog_reset(void)
{
	struct facts f = client();

	f.bytes_acked = 1;
	f.bytes_received = 0;
	f.heard_ms = 0;
	stateless_reset(&f);
	return f;
}

static struct facts peer_forgot(void)
{
	struct facts f = client();

	f.heard_ms = 61000;
	send_data(&f, 120);
	stateless_reset(&f);
	return f;
}

static struct facts peer_aborted(void)
{
	struct facts f = client();

	living_socket_resets(&f);
	return f;
}

static struct facts connect_timeout(void)
{
	struct facts f = connecting_client();

	f.err = ERR_TIMEDOUT;
	f.segs_out = 7;
	f.retransmits = 6;
	return f;
}

static struct facts connect_unreachable(void)
{
	struct facts f = connecting_client();

	f.err = 113; /* EHOSTUNREACH */
	return f;
}

static struct facts connect_abandoned(void)
{
	struct facts f = connecting_client();

	close_begins(&f);
	f.segs_out = 3;
	return f;
}

static struct facts retransmit_timeout(void)
{
	struct facts f = client();

	f.err = ERR_TIMEDOUT;
	f.unacked = 120;
	f.retransmits = 15;
	f.heard_ms = 924000;
	return f;
}

static struct facts orphan_timeout(void)
{
	struct facts f = retransmit_timeout();

	orphan(&f, ST_FIN_WAIT1);
	return f;
}

static struct facts zero_window_timeout(void)
{
	struct facts f = client();

	f.err = ERR_TIMEDOUT;
	f.unsent = 5000;
	f.snd_wnd = 0;
	f.probes_out = 15;
	return f;
}

static struct facts egress_blocked(void)
{
	struct facts f = zero_window_timeout();

	f.snd_wnd = 65536;
	return f;
}

static struct facts unreachable(void)
{
	struct facts f = retransmit_timeout();

	f.err_soft = f.err = 113;
	return f;
}

static struct facts user_timeout(void)
{
	struct facts f = retransmit_timeout();

	f.user_timeout_ms = 3000;
	f.heard_ms = 3200;
	return f;
}

static struct facts answered(enum socket_kind kind, __u32 flags)
{
	struct facts f = { .event = EVENT_RESET, .socket = kind, .flags = flags };

	return f;
}

static struct facts no_listener(void)
{
	return answered(SOCKET_NONE, FACT_SEG_SYN);
}

static struct facts late_data_time_wait(void)
{
	struct facts f = answered(SOCKET_TIME_WAIT, FACT_SEG_ACK);

	f.state = ST_TIME_WAIT;
	return f;
}

static struct facts late_segment(void)
{
	return answered(SOCKET_NONE, FACT_SEG_ACK | FACT_ON_ITS_WAY);
}

static struct facts stray_segment(void)
{
	return answered(SOCKET_NONE, FACT_SEG_ACK);
}

static struct facts accept_overflow_reset(void)
{
	struct facts f = answered(SOCKET_LISTEN, FACT_SEG_ACK | FACT_EMBRYONIC | FACT_QUEUE_FULL |
							 FACT_ABORT_OVERFLOW);

	f.state = ST_LISTEN;
	return f;
}

static struct facts server_restarted(void)
{
	struct facts f = answered(SOCKET_LISTEN, FACT_SEG_ACK);

	f.state = ST_LISTEN;
	return f;
}

static struct facts syn_dropped(void)
{
	struct facts f = {
		.event = EVENT_SYN_DROP,
		.socket = SOCKET_LISTEN,
		.state = ST_LISTEN,
	};

	return f;
}

static struct facts accept_overflow(void)
{
	struct facts f = syn_dropped();

	f.flags = FACT_QUEUE_FULL;
	return f;
}

/* An error that no function of the kernel's TCP sets. */
static struct facts unknown(void)
{
	struct facts f = client();

	f.err = 12345;
	return f;
}

/* close() under TCP_REPAIR: the process takes the connection elsewhere, nothing is sent. */
static struct facts checkpointed(void)
{
	struct facts f = client();

	close_begins(&f);
	f.flags |= FACT_REPAIR;
	return f;
}

/* Of an orphan whose data is on its way, and that the kernel drops without an error. */
static struct facts out_of_memory(void)
{
	struct facts f = server();

	orphan(&f, ST_FIN_WAIT1);
	f.unacked = 46;
	return f;
}

static struct facts namespace_gone(void)
{
	struct facts f = out_of_memory();

	f.flags |= FACT_NETNS_GONE;
	return f;
}

static struct facts protocol_error(void)
{
	struct facts f = client();

	f.err = ERR_BADMSG;
	return f;
}

static struct facts of_listener(enum event event, __u32 flags)
{
	return (struct facts){
		.event = event, .socket = SOCKET_LISTEN, .state = ST_LISTEN, .flags = flags
	};
}

static struct facts syn_queue_overflow(void)
{
	return of_listener(EVENT_SYN_DROP, FACT_SYN_QUEUE_FULL);
}

static struct facts syn_cookies(void)
{
	return of_listener(EVENT_COOKIES, 0);
}

static struct facts failed_call(__u16 err)
{
	struct facts f = client();

	f.event = EVENT_CALL;
	f.state = ST_CLOSE;
	f.err = err;
	return f;
}

static struct facts write_after_close(void)
{
	return failed_call(ERR_PIPE);
}

static struct facts not_connected(void)
{
	return failed_call(ERR_NOTCONN);
}

static struct facts call_failed(void)
{
	return failed_call(ERR_CONNRESET);
}

static struct facts bad_descriptor(void)
{
	return (struct facts){ .event = EVENT_BAD_FD, .err = 9 };
}

/* ---- every row is reached ---------------------------------------------------------------- */

static const struct row {
	enum verdict verdict;
	struct facts (*facts)(void);
} rows[] = {
	{ VERDICT_closed_by_peer, closed_by_peer },
	{ VERDICT_closed_here, closed_here },
	{ VERDICT_unread_data, unread_data },
	{ VERDICT_linger_zero, linger_zero },
	{ VERDICT_late_data, late_data },
	{ VERDICT_destroyed, destroyed },
	{ VERDICT_listener_closed, listener_closed },
	{ VERDICT_disconnected, disconnected },
	{ VERDICT_keepalive_user_timeout, keepalive_user_timeout },
	{ VERDICT_keepalive_timeout, keepalive_timeout },
	{ VERDICT_connect_failed, connect_failed },
	{ VERDICT_refused, refused },
	{ VERDICT_close_race, close_race },
	{ VERDICT_keepalive_reset, keepalive_reset },
	{ VERDICT_half_closed_reuse, half_closed_reuse },
	{ VERDICT_reset_after_close, reset_after_close },
	{ VERDICT_backlog_reset, backlog_reset },
	{ VERDICT_peer_forgot, peer_forgot },
	{ VERDICT_peer_aborted, peer_aborted },
	{ VERDICT_connect_timeout, connect_timeout },
	{ VERDICT_connect_unreachable, connect_unreachable },
	{ VERDICT_connect_abandoned, connect_abandoned },
	{ VERDICT_orphan_timeout, orphan_timeout },
	{ VERDICT_zero_window_timeout, zero_window_timeout },
	{ VERDICT_egress_blocked, egress_blocked },
	{ VERDICT_unreachable, unreachable },
	{ VERDICT_user_timeout, user_timeout },
	{ VERDICT_retransmit_timeout, retransmit_timeout },
	{ VERDICT_no_listener, no_listener },
	{ VERDICT_late_data_time_wait, late_data_time_wait },
	{ VERDICT_late_segment, late_segment },
	{ VERDICT_stray_segment, stray_segment },
	{ VERDICT_accept_overflow_reset, accept_overflow_reset },
	{ VERDICT_server_restarted, server_restarted },
	{ VERDICT_accept_overflow, accept_overflow },
	{ VERDICT_syn_dropped, syn_dropped },
	{ VERDICT_namespace_gone, namespace_gone },
	{ VERDICT_out_of_memory, out_of_memory },
	{ VERDICT_protocol_error, protocol_error },
	{ VERDICT_syn_queue_overflow, syn_queue_overflow },
	{ VERDICT_syn_cookies, syn_cookies },
	{ VERDICT_write_after_close, write_after_close },
	{ VERDICT_not_connected, not_connected },
	{ VERDICT_call_failed, call_failed },
	{ VERDICT_bad_descriptor, bad_descriptor },
	{ VERDICT_checkpointed, checkpointed },
	{ VERDICT_unknown, unknown },
};

static void typical_facts_reach_their_verdict(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct facts f = rows[i].facts();

		expect_verdict(&f, rows[i].verdict);
	}
}

static void every_row_of_the_table_is_tested(void **state)
{
	int tested[VERDICT_COUNT] = {};
	int missing = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		tested[rows[i].verdict]++;
	for (int v = 0; v < VERDICT_COUNT; v++) {
		if (tested[v] == 1)
			continue;
		print_error("%s: facts seen for it: %d, expected: 1\n", verdict_text(v)->name,
			    tested[v]);
		missing++;
	}
	expect_number(missing, 0);
}

/* Same socket, other role: which side of the connection we are decides little. */
static void client_and_server_die_alike(void **state)
{
	static const enum verdict only_clients[] = { VERDICT_backlog_reset };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct facts f = rows[i].facts();

		if (rows[i].verdict == only_clients[0] || connecting(&f))
			continue;
		f.flags ^= FACT_PASSIVE;
		expect_verdict(&f, rows[i].verdict);
	}
}

/* ---- orderly ends ------------------------------------------------------------------------ */

static void closed_here_is_also_a_simultaneous_close(void **state)
{
	struct facts f = closed_here();

	(void)state;
	f.state = ST_CLOSING;
	f.flags |= FACT_PEER_FIN;
	expect_verdict(&f, VERDICT_closed_here);
}

/* shutdown(SHUT_WR), then the peer's FIN while the process still has the socket. */
static void closed_here_needs_no_close(void **state)
{
	struct facts f = client();

	(void)state;
	f.state = ST_FIN_WAIT2;
	f.shutdown = SHUT_BOTH;
	f.flags |= FACT_PEER_FIN;
	expect_verdict(&f, VERDICT_closed_here);
	f.unread = 10; /* to be read later: nothing is lost */
	expect_verdict(&f, VERDICT_closed_here);
}

/* The namespace or memory ends, not the peer's ACK of our FIN. */
static void last_ack_with_bytes_on_their_way_is_not_orderly(void **state)
{
	struct facts f = closed_by_peer();

	(void)state;
	f.unacked = 1;
	expect_verdict(&f, VERDICT_out_of_memory);
	f = closed_by_peer();
	f.unsent = 1;
	expect_verdict(&f, VERDICT_out_of_memory);
}

static void last_ack_with_an_error_is_not_orderly(void **state)
{
	struct facts f = closed_by_peer();

	(void)state;
	f.unacked = 1;
	f.err = ERR_TIMEDOUT;
	expect_verdict(&f, VERDICT_orphan_timeout);
}

/* The option alone aborts nothing: it acts in close(), and both FINs had gone by then. */
static void linger_zero_option_leaves_an_orderly_end_orderly(void **state)
{
	struct facts f = closed_by_peer();

	(void)state;
	f.flags |= FACT_LINGER_ZERO | FACT_ATTACHED;
	f.flags &= ~FACT_DEAD;
	expect_verdict(&f, VERDICT_closed_by_peer);
	f = closed_here();
	f.flags |= FACT_LINGER_ZERO | FACT_ATTACHED | FACT_PEER_FIN;
	f.flags &= ~FACT_DEAD;
	expect_verdict(&f, VERDICT_closed_here);
}

/* ---- aborted by our process -------------------------------------------------------------- */

static void unread_data_wins_over_linger_zero(void **state)
{
	struct facts f = linger_zero();

	(void)state;
	f.unread = 1;
	expect_verdict(&f, VERDICT_unread_data);
	f.unread = 0;
	expect_verdict(&f, VERDICT_linger_zero);
}

static void unread_data_after_the_peers_fin(void **state)
{
	struct facts f = unread_data();

	(void)state;
	peer_sends_fin(&f);
	close_begins(&f);
	expect_verdict(&f, VERDICT_unread_data);
}

/* An abort in FIN_WAIT2 takes the same change of state as the hand-over to TIME_WAIT. */
static void abort_in_fin_wait2_is_no_hand_over(void **state)
{
	struct facts f = linger_zero();

	(void)state;
	f.state = ST_FIN_WAIT2;
	expect_verdict(&f, VERDICT_linger_zero);
	f.unread = 45;
	expect_verdict(&f, VERDICT_unread_data);
}

static void hand_over_in_fin_wait2_is_no_abort(void **state)
{
	struct facts f = linger_zero();

	(void)state;
	f.state = ST_FIN_WAIT2;
	f.flags |= FACT_PEER_FIN;
	expect_verdict(&f, VERDICT_closed_here);
	f = linger_zero();
	orphan(&f, ST_FIN_WAIT2);
	expect_verdict(&f, VERDICT_closed_here);
}

static void negative_linger2_cuts_fin_wait2_short(void **state)
{
	struct facts f = closed_here();

	(void)state;
	f.flags |= FACT_LINGER2_OFF;
	expect_verdict(&f, VERDICT_linger_zero);
}

/* The peer's FIN was there before linger2 was looked at. */
static void negative_linger2_leaves_a_finished_connection_alone(void **state)
{
	struct facts f = closed_here();

	(void)state;
	f.flags |= FACT_LINGER2_OFF | FACT_PEER_FIN;
	expect_verdict(&f, VERDICT_closed_here);
	f.state = ST_CLOSING;
	expect_verdict(&f, VERDICT_closed_here);
	f = closed_by_peer();
	f.flags |= FACT_LINGER2_OFF;
	expect_verdict(&f, VERDICT_closed_by_peer);
}

/* __tcp_close() looks at repair mode first, and is silent. */
static void close_in_repair_mode_is_silent(void **state)
{
	struct facts f = unread_data();

	(void)state;
	f.flags |= FACT_REPAIR;
	expect_verdict(&f, VERDICT_checkpointed);
	f = linger_zero();
	f.flags |= FACT_REPAIR;
	expect_verdict(&f, VERDICT_checkpointed);
	f = disconnected();
	f.flags |= FACT_REPAIR;
	expect_verdict(&f, VERDICT_checkpointed);
}

static void close_while_connecting_is_no_abort(void **state)
{
	struct facts f = connect_abandoned();

	(void)state;
	f.flags |= FACT_LINGER_ZERO;
	expect_verdict(&f, VERDICT_connect_abandoned);
}

/* SO_LINGER is inherited from the listener, and acts in close() only. */
static void linger_zero_needs_a_close(void **state)
{
	struct facts f = listener_closed();

	(void)state;
	f.flags |= FACT_LINGER_ZERO;
	expect_verdict(&f, VERDICT_listener_closed);
	f = disconnected();
	f.flags |= FACT_LINGER_ZERO;
	expect_verdict(&f, VERDICT_disconnected);
}

/* tcp_check_oom() at the end of __tcp_close(): orphaned already, but the lock is still held. */
static void out_of_memory_in_close_is_no_abort(void **state)
{
	struct facts f = server();

	(void)state;
	orphan(&f, ST_FIN_WAIT1);
	f.flags |= FACT_OWNED | FACT_LINGER_ZERO | FACT_LINGER2_OFF;
	f.unread = 45;
	f.unacked = 1;
	expect_verdict(&f, VERDICT_out_of_memory);
}

/* shutdown(SHUT_RDWR) leaves the socket with the process: nobody has aborted it. */
static void end_of_a_socket_shut_down_both_ways_is_unknown(void **state)
{
	struct facts f = client();

	(void)state;
	f.shutdown = SHUT_BOTH;
	f.state = ST_FIN_WAIT2;
	f.flags |= FACT_LINGER2_OFF;
	f.unread = 45;
	expect_verdict(&f, VERDICT_unknown);
}

/* Who holds what tells listener, connect(AF_UNSPEC) and a dying namespace apart. */
static void listener_closed_disconnected_or_unknown(void **state)
{
	struct facts f = listener_closed();

	(void)state;
	f.unread = 45; /* the request that nobody accepted */
	expect_verdict(&f, VERDICT_listener_closed);
	f.flags |= FACT_ATTACHED | FACT_OWNED;
	expect_verdict(&f, VERDICT_disconnected);
	f.flags &= ~FACT_OWNED;
	expect_verdict(&f, VERDICT_unknown);
	f = listener_closed();
	f.flags |= FACT_DEAD;
	expect_verdict(&f, VERDICT_out_of_memory);
}

static void listener_closed_after_the_peer_gave_up(void **state)
{
	struct facts f = listener_closed();

	(void)state;
	peer_sends_fin(&f);
	expect_verdict(&f, VERDICT_listener_closed);
}

static void disconnected_after_the_peers_fin(void **state)
{
	struct facts f = disconnected();

	(void)state;
	peer_sends_fin(&f);
	expect_verdict(&f, VERDICT_disconnected);
}

static void destroyed_in_any_state(void **state)
{
	static const __u8 states[] = { ST_ESTABLISHED, ST_SYN_SENT, ST_CLOSE_WAIT, ST_FIN_WAIT1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		struct facts f = destroyed();

		f.state = states[i];
		f.unread = 45;
		f.unacked = 120;
		expect_verdict(&f, VERDICT_destroyed);
	}
}

/* tcp_rcv_state_process() resets in the name of the peer; the reply tells that it was us. */
static void late_data_shows_in_the_reply_only(void **state)
{
	struct facts f = late_data();

	(void)state;
	f.event = EVENT_DEATH;
	f.state = ST_FIN_WAIT1;
	expect_verdict(&f, VERDICT_reset_after_close);
	f.state = ST_FIN_WAIT2;
	f.err = 0;
	expect_verdict(&f, VERDICT_closed_here);
}

static void reply_of_another_socket_is_not_late_data(void **state)
{
	struct facts f = late_data();

	(void)state;
	f.state = ST_SYN_SENT;
	expect_verdict(&f, VERDICT_unknown);
	f = late_data();
	f.shutdown = 1;
	expect_verdict(&f, VERDICT_unknown);
	f = late_data();
	f.socket = SOCKET_TIME_WAIT;
	expect_verdict(&f, VERDICT_late_data_time_wait);
}

/* ---- keepalive --------------------------------------------------------------------------- */

static void user_timeout_takes_keepalive_over(void **state)
{
	struct facts f = keepalive_timeout();

	(void)state;
	f.user_timeout_ms = 1;
	expect_verdict(&f, VERDICT_keepalive_user_timeout);
	f.user_timeout_ms = 0;
	expect_verdict(&f, VERDICT_keepalive_timeout);
}

/* tcp_write_err() prefers what ICMP said. */
static void keepalive_may_end_with_a_soft_error(void **state)
{
	struct facts f = keepalive_timeout();

	(void)state;
	f.err = f.err_soft = 113;
	expect_verdict(&f, VERDICT_keepalive_timeout);
	f = keepalive_user_timeout();
	f.err = f.err_soft = ERR_CONNREFUSED;
	expect_verdict(&f, VERDICT_keepalive_user_timeout);
}

static void keepalive_also_ends_half_closed_connections(void **state)
{
	struct facts f = keepalive_timeout();

	(void)state;
	peer_sends_fin(&f);
	expect_verdict(&f, VERDICT_keepalive_timeout);
	f = keepalive_timeout();
	f.state = ST_FIN_WAIT2;
	f.shutdown = 2;
	expect_verdict(&f, VERDICT_keepalive_timeout);
}

/* Silence and an RST are different answers to the same probe. */
static void keepalive_timeout_or_reset_by_the_error(void **state)
{
	struct facts f = keepalive_reset();

	(void)state;
	f.err = ERR_TIMEDOUT;
	expect_verdict(&f, VERDICT_keepalive_timeout);
	f.err = ERR_CONNRESET;
	f.user_timeout_ms = 2000; /* decides nothing when an answer comes */
	expect_verdict(&f, VERDICT_keepalive_reset);
}

static void keepalive_reset_needs_a_probe_on_its_way(void **state)
{
	struct facts f = keepalive_reset();

	(void)state;
	f.probes_out = 0;
	expect_verdict(&f, VERDICT_peer_forgot);
	f = keepalive_reset();
	f.flags &= ~FACT_KEEPALIVE;
	expect_verdict(&f, VERDICT_peer_forgot);
	f = keepalive_reset();
	send_data(&f, 120);
	expect_verdict(&f, VERDICT_peer_forgot);
	f = keepalive_reset();
	f.unsent = 120; /* then it was a window probe */
	expect_verdict(&f, VERDICT_peer_forgot);
}

static void living_peer_that_aborts_between_probes(void **state)
{
	struct facts f = keepalive_reset();

	(void)state;
	f.flags |= FACT_SAW_TSTAMP;
	expect_verdict(&f, VERDICT_peer_aborted);
}

static void keepalive_reset_of_a_half_closed_connection(void **state)
{
	struct facts f = keepalive_reset();

	(void)state;
	peer_sends_fin(&f);
	stateless_reset(&f);
	expect_verdict(&f, VERDICT_keepalive_reset);
}

/* With keepalive on, a timer's death is keepalive's only if nothing was to be sent. */
static void keepalive_has_no_part_in_it_while_data_waits(void **state)
{
	struct facts f = keepalive_timeout();

	(void)state;
	f.unacked = 120;
	expect_verdict(&f, VERDICT_retransmit_timeout);
	f.unsent = 5000;
	f.snd_wnd = 0;
	expect_verdict(&f, VERDICT_zero_window_timeout);
	f.unacked = 0;
	expect_verdict(&f, VERDICT_zero_window_timeout);
	f.snd_wnd = 1;
	expect_verdict(&f, VERDICT_egress_blocked);
	f.unsent = 0;
	expect_verdict(&f, VERDICT_keepalive_timeout);
}

/* Only keepalive ends a connection that has nothing to send. */
static void timeout_without_anything_to_send_needs_keepalive(void **state)
{
	struct facts f = keepalive_timeout();

	(void)state;
	f.flags &= ~FACT_KEEPALIVE;
	expect_verdict(&f, VERDICT_unknown);
	f = keepalive_timeout();
	f.probes_out = 0;
	expect_verdict(&f, VERDICT_unknown);
}

/* ---- resets ------------------------------------------------------------------------------ */

/* One round trip and one tick of the clock, rounded up to whole milliseconds. */
static void close_race_ends_after_one_round_trip_and_one_tick(void **state)
{
	struct facts f = close_race();

	(void)state;
	f.sent_ms = 100;
	f.heard_ms = f.sent_ms + 6; /* 2000 us + 4000 us */
	expect_verdict(&f, VERDICT_close_race);
	f.heard_ms++;
	expect_verdict(&f, VERDICT_half_closed_reuse);
	f.srtt_us++;
	expect_verdict(&f, VERDICT_close_race);
	f.heard_ms++;
	expect_verdict(&f, VERDICT_half_closed_reuse);
}

static void close_race_on_a_path_without_a_measured_time(void **state)
{
	struct facts f = close_race();

	(void)state;
	f.srtt_us = 0;
	f.heard_ms = 4;
	expect_verdict(&f, VERDICT_close_race);
	f.heard_ms = 5;
	expect_verdict(&f, VERDICT_half_closed_reuse);
}

/* Data was on its way already when the FIN came. */
static void close_race_if_the_data_left_before_the_fin_came(void **state)
{
	struct facts f = close_race();

	(void)state;
	f.sent_ms = 3000;
	f.heard_ms = 0;
	expect_verdict(&f, VERDICT_close_race);
}

/* The peer had only shut down its sending side, and then aborted. */
static void half_closed_reuse_is_not_answered_by_a_living_socket(void **state)
{
	struct facts f = half_closed_reuse();

	(void)state;
	f.flags |= FACT_SAW_TSTAMP;
	expect_verdict(&f, VERDICT_peer_aborted);
	f = close_race();
	f.flags |= FACT_SAW_TSTAMP;
	expect_verdict(&f, VERDICT_peer_aborted);
}

static void half_closed_but_nothing_written(void **state)
{
	struct facts f = half_closed_reuse();

	(void)state;
	f.unacked = 0;
	expect_verdict(&f, VERDICT_peer_forgot);
	f.flags |= FACT_SAW_TSTAMP;
	expect_verdict(&f, VERDICT_peer_aborted);
}

/* Written and closed at once: the FIN takes one number, and is no data. */
static void last_ack_resets_by_what_was_on_its_way(void **state)
{
	struct facts f = half_closed_reuse();

	(void)state;
	orphan(&f, ST_LAST_ACK);
	f.err = ERR_CONNRESET;
	f.unacked = 1;
	expect_verdict(&f, VERDICT_reset_after_close);
	f.unacked = 2;
	expect_verdict(&f, VERDICT_half_closed_reuse);
	f.heard_ms = 6;
	expect_verdict(&f, VERDICT_close_race);
	f.flags |= FACT_SAW_TSTAMP;
	expect_verdict(&f, VERDICT_reset_after_close);
}

static void reset_after_close_in_each_closing_state(void **state)
{
	static const __u8 states[] = { ST_FIN_WAIT1, ST_FIN_WAIT2, ST_CLOSING };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		struct facts f = reset_after_close();

		f.state = states[i];
		expect_verdict(&f, VERDICT_reset_after_close);
		f.flags &= ~FACT_SAW_TSTAMP;
		expect_verdict(&f, VERDICT_reset_after_close);
	}
}

/* shutdown(SHUT_WR) only: the process still waits for the answer, so it lost something. */
static void reset_after_shutdown_is_not_after_close(void **state)
{
	struct facts f = client();

	(void)state;
	f.state = ST_FIN_WAIT2;
	f.shutdown = 2;
	living_socket_resets(&f);
	expect_verdict(&f, VERDICT_peer_aborted);
	f.flags &= ~FACT_SAW_TSTAMP;
	expect_verdict(&f, VERDICT_peer_forgot);
}

static void backlog_reset_ends_with_the_first_byte(void **state)
{
	struct facts f = backlog_reset();

	(void)state;
	f.bytes_acked = 2;
	expect_verdict(&f, VERDICT_peer_forgot);
	f = backlog_reset();
	f.bytes_received = 1;
	expect_verdict(&f, VERDICT_peer_forgot);
	f = backlog_reset();
	send_data(&f, 120);
	expect_verdict(&f, VERDICT_backlog_reset);
}

/* A server has no backlog before it; nor has a peer that was there to abort. */
static void backlog_reset_is_for_clients_and_stateless(void **state)
{
	struct facts f = backlog_reset();

	(void)state;
	f.flags |= FACT_PASSIVE;
	expect_verdict(&f, VERDICT_peer_forgot);
	f = backlog_reset();
	f.flags |= FACT_SAW_TSTAMP;
	expect_verdict(&f, VERDICT_peer_aborted);
}

/* A FIN came, so the server had accepted us, in the kernel at least. */
static void backlog_reset_is_over_with_the_peers_fin(void **state)
{
	struct facts f = backlog_reset();

	(void)state;
	peer_sends_fin(&f);
	stateless_reset(&f);
	expect_verdict(&f, VERDICT_peer_forgot);
}

static struct facts reset_without_timestamps(void)
{
	struct facts f = peer_forgot();

	f.flags &= ~FACT_TSTAMP_OK;
	f.heard_ms = 1000;
	return f;
}

/* A stateless RST answers something, and forgetting takes time. */
static void without_timestamps_the_origin_is_inferred(void **state)
{
	struct facts f = reset_without_timestamps();

	(void)state;
	expect_verdict(&f, VERDICT_peer_forgot);
	f.heard_ms = 999;
	expect_verdict(&f, VERDICT_peer_aborted);
	f = reset_without_timestamps();
	f.unacked = 0;
	expect_verdict(&f, VERDICT_peer_aborted);
	f.probes_out = 1;
	expect_verdict(&f, VERDICT_peer_forgot);
}

static void without_timestamps_a_half_closed_write_is_still_one(void **state)
{
	struct facts f = half_closed_reuse();

	(void)state;
	f.flags &= ~FACT_TSTAMP_OK;
	expect_verdict(&f, VERDICT_half_closed_reuse);
	f.heard_ms = 6;
	expect_verdict(&f, VERDICT_close_race);
}

/* ---- how sure ---------------------------------------------------------------------------- */

static void expect_likely(const struct facts *f, int likely)
{
	enum verdict verdict = classify(f);

	if (is_likely(f, verdict) == likely)
		return;
	fail_msg("%s is shown as %s, expected: %s", verdict_text(verdict)->name,
		 likely ? "read" : "likely", likely ? "likely" : "read");
}

static void what_an_older_kernel_does_not_say_is_likely(void **state)
{
	struct facts f = { .event = EVENT_SYN_DROP, .flags = FACT_QUEUE_FULL };

	(void)state;
	expect_likely(&f, 0);
	f.flags |= FACT_INFERRED;
	expect_verdict(&f, VERDICT_accept_overflow);
	expect_likely(&f, 1);
}

static void only_resets_and_exclusion_are_likely(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct facts f = rows[i].facts();

		if (rows[i].verdict == VERDICT_out_of_memory)
			continue; /* found by exclusion, see out_of_memory_is_likely() */
		expect_likely(&f, rows[i].verdict == VERDICT_backlog_reset);
		f.flags &= ~(FACT_TSTAMP_OK | FACT_SAW_TSTAMP);
		if (!was_reset(&f))
			expect_likely(&f, 0);
	}
}

static void origin_of_a_reset_without_timestamps_is_likely(void **state)
{
	struct facts f = reset_without_timestamps();

	(void)state;
	expect_likely(&f, 1);
	f.heard_ms = 999;
	expect_likely(&f, 1);
	f = half_closed_reuse();
	f.flags &= ~FACT_TSTAMP_OK;
	expect_likely(&f, 1);
}

/* ---- connecting -------------------------------------------------------------------------- */

/* ICMP port unreachable gives the same error as an RST, but no TCP segment came. */
static void refused_needs_a_segment(void **state)
{
	struct facts f = refused();

	(void)state;
	f.segs_in = 0;
	expect_verdict(&f, VERDICT_connect_unreachable);
	f.segs_in = 1;
	f.err = 113;
	expect_verdict(&f, VERDICT_connect_unreachable);
}

static void connect_timeout_after_icmp_is_unreachable(void **state)
{
	struct facts f = connect_timeout();

	(void)state;
	f.err = f.err_soft = 101; /* ENETUNREACH */
	expect_verdict(&f, VERDICT_connect_unreachable);
}

/* The user timeout and a full queue are not told apart from here: nobody answered. */
static void connect_timeout_whatever_limited_it(void **state)
{
	struct facts f = connect_timeout();

	(void)state;
	f.user_timeout_ms = 2000;
	f.flags |= FACT_KEEPALIVE;
	f.probes_out = 1;
	expect_verdict(&f, VERDICT_connect_timeout);
}

static void connect_abandoned_or_failed_by_the_first_syn(void **state)
{
	struct facts f = connect_failed();

	(void)state;
	f.segs_out = 1;
	expect_verdict(&f, VERDICT_connect_abandoned);
	f = connect_failed();
	f.err = ERR_TIMEDOUT;
	expect_verdict(&f, VERDICT_connect_timeout);
}

/* Whatever happens before the handshake is judged by the rules for connecting. */
static int is_for_connecting(enum verdict verdict)
{
	return verdict == VERDICT_connect_failed || verdict == VERDICT_connect_timeout ||
	       verdict == VERDICT_connect_unreachable || verdict == VERDICT_connect_abandoned ||
	       verdict == VERDICT_refused || verdict == VERDICT_destroyed;
}

static void no_other_verdict_while_connecting(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct facts f = rows[i].facts();

		f.event = EVENT_DEATH;
		f.state = ST_SYN_SENT;
		for (f.err = 0; f.err < 200; f.err++)
			if (!is_for_connecting(classify(&f)))
				fail_msg("%s with error %u, seen: %s, expected: one for connecting",
					 verdict_text(rows[i].verdict)->name, f.err,
					 verdict_text(classify(&f))->name);
	}
}

/* ECONNREFUSED from ICMP, in the middle of a connection; and one restored under TCP_REPAIR. */
static void connected_is_not_connecting(void **state)
{
	struct facts f = unreachable();

	(void)state;
	f.err = f.err_soft = ERR_CONNREFUSED;
	expect_verdict(&f, VERDICT_unreachable);
	f = checkpointed();
	f.segs_out = 0;
	expect_verdict(&f, VERDICT_checkpointed);
}

/* ---- silence ----------------------------------------------------------------------------- */

static void timeouts_by_what_was_unacknowledged(void **state)
{
	struct facts f = retransmit_timeout();

	(void)state;
	f.unsent = 5000;
	expect_verdict(&f, VERDICT_retransmit_timeout);
	f.snd_wnd = 0; /* tcp_retransmit_timer() with a closed window */
	expect_verdict(&f, VERDICT_zero_window_timeout);
	f.unsent = 0;
	expect_verdict(&f, VERDICT_zero_window_timeout);
	f.snd_wnd = 1;
	f.unacked = 0;
	f.unsent = 1;
	expect_verdict(&f, VERDICT_egress_blocked);
	f.unsent = 0;
	expect_verdict(&f, VERDICT_unknown);
}

/* No timer of the retransmissions runs then. */
static void timeout_with_nothing_unacknowledged_is_unknown(void **state)
{
	struct facts (*const timeouts[])(void) = {
		retransmit_timeout,
		user_timeout,
		unreachable,
		zero_window_timeout,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(timeouts); i++) {
		struct facts f = timeouts[i]();

		f.unacked = 0;
		f.unsent = 0;
		expect_verdict(&f, VERDICT_unknown);
	}
}

static void user_timeout_or_retransmit_timeout_or_unreachable(void **state)
{
	struct facts f = user_timeout();

	(void)state;
	f.user_timeout_ms = 0;
	expect_verdict(&f, VERDICT_retransmit_timeout);
	f = user_timeout();
	f.err = f.err_soft = 113;
	expect_verdict(&f, VERDICT_unreachable);
	f.err = ERR_TIMEDOUT; /* a soft error that did not end it */
	expect_verdict(&f, VERDICT_user_timeout);
}

static void error_that_no_timer_gives_is_unknown(void **state)
{
	struct facts f = retransmit_timeout();

	(void)state;
	f.err = 113;
	f.err_soft = 0;
	expect_verdict(&f, VERDICT_unknown);
	f.err_soft = 101;
	expect_verdict(&f, VERDICT_unknown);
}

static void any_timeout_of_an_orphan_is_the_orphans(void **state)
{
	struct facts (*const timeouts[])(void) = {
		retransmit_timeout, user_timeout, unreachable, zero_window_timeout, egress_blocked,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(timeouts); i++) {
		struct facts f = timeouts[i]();

		orphan(&f, ST_FIN_WAIT1);
		expect_verdict(&f, VERDICT_orphan_timeout);
	}
}

/* ---- incidents --------------------------------------------------------------------------- */

static void reset_without_a_socket_by_the_segment(void **state)
{
	static const struct {
		__u32 flags;
		enum verdict verdict;
	} segments[] = {
		{ FACT_SEG_SYN, VERDICT_no_listener },
		{ FACT_SEG_SYN | FACT_SEG_ACK, VERDICT_stray_segment },
		{ FACT_SEG_ACK, VERDICT_stray_segment },
		{ FACT_SEG_FIN | FACT_SEG_ACK, VERDICT_stray_segment },
		{ 0, VERDICT_stray_segment },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(segments); i++) {
		struct facts f = answered(SOCKET_NONE, segments[i].flags);

		expect_verdict(&f, segments[i].verdict);
	}
}

/* Whoever answers for its socket, which is gone; but a SYN, and a handshake that is given up, are
 * of a new connection. */
static void segment_that_was_on_its_way(void **state)
{
	static const struct {
		enum socket_kind kind;
		__u32 flags;
		enum verdict verdict;
	} segments[] = {
		{ SOCKET_NONE, FACT_SEG_ACK, VERDICT_late_segment },
		{ SOCKET_NONE, FACT_SEG_FIN | FACT_SEG_ACK, VERDICT_late_segment },
		{ SOCKET_NONE, FACT_SEG_SYN, VERDICT_no_listener },
		{ SOCKET_NONE, FACT_SEG_SYN | FACT_SEG_ACK, VERDICT_stray_segment },
		{ SOCKET_LISTEN, FACT_SEG_ACK, VERDICT_late_segment },
		{ SOCKET_LISTEN, FACT_SEG_ACK | FACT_EMBRYONIC, VERDICT_stray_segment },
		{ SOCKET_LISTEN, FACT_SEG_ACK | FACT_EMBRYONIC | FACT_ABORT_OVERFLOW,
		  VERDICT_accept_overflow_reset },
		{ SOCKET_TIME_WAIT, FACT_SEG_ACK, VERDICT_late_data_time_wait },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(segments); i++) {
		struct facts f = answered(segments[i].kind, segments[i].flags | FACT_ON_ITS_WAY);

		expect_verdict(&f, segments[i].verdict);
	}
}

/* The RST of the peer's own socket is its last segment; any other end may be followed by more. */
static void ends_that_may_be_followed_by_segments(void **state)
{
	struct facts f = unread_data();

	(void)state;
	assert_true(leaves_segments_on_their_way(&f));
	f = retransmit_timeout();
	assert_true(leaves_segments_on_their_way(&f));
	f = refused();
	assert_false(leaves_segments_on_their_way(&f));

	f = client();
	living_socket_resets(&f);
	assert_false(leaves_segments_on_their_way(&f));
	f = client();
	stateless_reset(&f); /* of a firewall, for all that is known */
	assert_true(leaves_segments_on_their_way(&f));
	f.flags &= ~FACT_TSTAMP_OK; /* whose it was cannot be known */
	assert_true(leaves_segments_on_their_way(&f));
}

/* What is shown without -a. */
static void orderly_ends_and_late_segments_are_no_news(void **state)
{
	(void)state;
	for (int v = 0; v < VERDICT_COUNT; v++)
		assert_int_equal(is_news(v), v != VERDICT_closed_by_peer &&
						     v != VERDICT_closed_here &&
						     v != VERDICT_late_segment);
}

static void reset_by_time_wait_whatever_came(void **state)
{
	static const __u32 segments[] = { 0, FACT_SEG_ACK, FACT_SEG_FIN | FACT_SEG_ACK,
					  FACT_SEG_SYN };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(segments); i++) {
		struct facts f = answered(SOCKET_TIME_WAIT, segments[i]);

		expect_verdict(&f, VERDICT_late_data_time_wait);
	}
}

/* A full queue is no proof: an old segment may reach a busy listener. */
static void full_queue_alone_is_no_overflow_reset(void **state)
{
	struct facts f = accept_overflow_reset();

	(void)state;
	f.flags &= ~FACT_EMBRYONIC;
	expect_verdict(&f, VERDICT_server_restarted);
}

/* tcp_abort_on_overflow acts on the last ACK only, and only where it is on. */
static void embryonic_reset_is_not_always_an_overflow(void **state)
{
	struct facts f = accept_overflow_reset();

	(void)state;
	f.flags &= ~FACT_ABORT_OVERFLOW;
	expect_other_verdict(&f, VERDICT_accept_overflow_reset);
	f = accept_overflow_reset();
	f.flags |= FACT_SEG_SYN;
	expect_other_verdict(&f, VERDICT_accept_overflow_reset);
	f.flags &= ~FACT_SEG_ACK;
	expect_other_verdict(&f, VERDICT_accept_overflow_reset);
	f.flags &= ~FACT_SEG_SYN;
	expect_other_verdict(&f, VERDICT_accept_overflow_reset);
}

static void server_restarted_whatever_the_old_segment(void **state)
{
	struct facts f = server_restarted();

	(void)state;
	f.flags |= FACT_SEG_FIN;
	expect_verdict(&f, VERDICT_server_restarted);
	f.flags |= FACT_ABORT_OVERFLOW;
	expect_verdict(&f, VERDICT_server_restarted);
}

static void dropped_syn_by_the_queue(void **state)
{
	struct facts f = accept_overflow();

	(void)state;
	f.flags &= ~FACT_QUEUE_FULL;
	expect_verdict(&f, VERDICT_syn_dropped);
}

/* The kernel gave the reason itself; the queue may have room again when we look. */
static void dropped_ack_needs_no_full_queue(void **state)
{
	struct facts f = accept_overflow();

	(void)state;
	f.event = EVENT_ACK_DROP;
	f.flags = FACT_SEG_ACK;
	expect_verdict(&f, VERDICT_accept_overflow);
}

/* ---- facts that the kernel does not show ------------------------------------------------- */

static void nothing_is_known_of_nothing(void **state)
{
	struct facts f = {};

	(void)state;
	expect_verdict(&f, VERDICT_unknown);
	f.event = EVENT_DEATH; /* of a socket without process, state or error */
	expect_other_verdict(&f, VERDICT_closed_here);
	expect_other_verdict(&f, VERDICT_closed_by_peer);
}

/* An event from a newer BPF program must not be taken for one that is known. */
static void other_events_are_unknown(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct facts f = rows[i].facts();

		f.event = 0;
		expect_verdict(&f, VERDICT_unknown);
		f.event = EVENT_BAD_FD + 1;
		expect_verdict(&f, VERDICT_unknown);
		f.event = 255;
		expect_verdict(&f, VERDICT_unknown);
	}
}

/* What must hold of any facts at all. */
static void expect_sane(const struct facts *f)
{
	enum verdict verdict = classify(f);
	enum verdict_group group;

	if ((unsigned int)verdict >= VERDICT_COUNT)
		fail_msg("verdict seen: %d, expected: below %d", verdict, VERDICT_COUNT);
	expect_verdict(f, verdict); /* again, the same */
	if (verdict == VERDICT_unknown)
		return;
	group = verdict_group(verdict);
	if (verdict == VERDICT_late_data)
		expect_number(f->event, EVENT_RESET);
	else if (group != GROUP_INCIDENT)
		expect_number(f->event, EVENT_DEATH);
	else if (f->event < EVENT_RESET || f->event > EVENT_BAD_FD)
		fail_msg("%s is an incident; event seen: %u, expected: %d to %d",
			 verdict_text(verdict)->name, f->event, EVENT_RESET, EVENT_BAD_FD);
}

static void all_flags_at_once(void **state)
{
	struct facts f;

	(void)state;
	for (int event = 0; event <= EVENT_BAD_FD; event++)
		for (int tcp_state = 0; tcp_state <= ST_CLOSING; tcp_state++)
			for (int err = 0; err <= ERR_CONNREFUSED; err++) {
				memset(&f, 0, sizeof(f));
				f.flags = ~0u;
				f.event = event;
				f.socket = SOCKET_FULL;
				f.state = tcp_state;
				f.err = err;
				expect_sane(&f);
			}
	memset(&f, 0xff, sizeof(f));
	expect_sane(&f);
	f.event = EVENT_DEATH;
	expect_sane(&f);
}

/* xorshift64: the same numbers on every machine. */
static uint64_t random_number(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* The rules compare mostly with 0 and 1, so small numbers must be frequent. */
static __u32 random_amount(uint64_t *seed)
{
	uint64_t r = random_number(seed);

	switch (r >> 60) {
	case 0:
		return r;
	case 1:
	case 2:
	case 3:
		return r % 2000;
	default:
		return r % 3;
	}
}

static __u16 random_error(uint64_t *seed)
{
	static const __u16 errors[] = { 0,   0,   0,   32,  71,  74,  101, 103,
					104, 104, 107, 110, 110, 111, 113 };
	uint64_t r = random_number(seed);

	return r >> 60 ? errors[(r >> 8) % ARRAY_SIZE(errors)] : (__u16)r;
}

static void random_facts(struct facts *f, uint64_t *seed)
{
	memset(f, 0, sizeof(*f));
	f->event = random_number(seed) % 3 ? EVENT_DEATH : random_number(seed) % 9;
	f->socket = random_number(seed) % 5;
	f->state = random_number(seed) % 13;
	f->shutdown = random_number(seed) % 4;
	f->err = random_error(seed);
	f->err_soft = random_number(seed) % 2 ? f->err : random_error(seed);
	f->flags = random_number(seed);
	f->unread = random_amount(seed);
	f->unacked = random_amount(seed);
	f->unsent = random_amount(seed);
	f->snd_wnd = random_amount(seed);
	f->user_timeout_ms = random_amount(seed);
	f->heard_ms = random_amount(seed);
	f->sent_ms = random_amount(seed);
	f->srtt_us = random_amount(seed);
	f->tick_us = random_amount(seed);
	f->segs_in = random_amount(seed);
	f->segs_out = random_amount(seed);
	f->probes_out = random_amount(seed);
	f->retransmits = random_amount(seed);
	f->bytes_acked = random_amount(seed);
	f->bytes_received = random_amount(seed);
}

static void any_facts_get_one_verdict_of_the_right_group(void **state)
{
	uint64_t first_seed = 0x7463707768790001, seed = first_seed;
	int reached[VERDICT_COUNT] = {};
	int distinct = 0;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		struct facts f;

		random_facts(&f, &seed);
		expect_sane(&f);
		distinct += !reached[classify(&f)]++;
	}
	print_message("# seed %#llx: %d of %d verdicts reached\n", (unsigned long long)first_seed,
		      distinct, VERDICT_COUNT);
}

/* Of all that is in the facts, an orderly end is told from these alone; the rest may be anything.
 */
static struct facts as_an_orderly_end_is_read(const struct facts *f)
{
	return (struct facts){
		.event = f->event,
		.state = f->state,
		.err = f->err,
		.unacked = f->unacked,
		.unsent = f->unsent,
		.flags = f->flags & ORDERLY_FLAGS,
	};
}

static int is_orderly_end(enum verdict verdict)
{
	return verdict == VERDICT_closed_by_peer || verdict == VERDICT_closed_here;
}

static void orderly_ends_are_known_by_little(void **state)
{
	uint64_t seed = 0x7463707768790002;
	struct facts f, few;
	enum verdict verdict;
	int orderly = 0;

	(void)state;
	for (int i = 0; i < 300000; i++) {
		random_facts(&f, &seed);
		if (random_number(&seed) % 2)
			f.err = f.unacked = f.unsent = 0;
		few = as_an_orderly_end_is_read(&f);
		verdict = classify(&f);
		expect_number(classify_orderly(&f),
			      is_orderly_end(verdict) ? verdict : VERDICT_unknown);
		expect_number(classify_orderly(&few), classify_orderly(&f));
		orderly += is_orderly_end(verdict);
	}
	print_message("# %d orderly ends\n", orderly);
	assert_true(orderly > 1000);
}

/* Likewise an attempt to connect: judge_attempt() in bpf/emit.h is given no more. */
static struct facts as_an_attempt_is_read(const struct facts *f)
{
	return (struct facts){
		.event = f->event,
		.socket = f->socket,
		.state = f->state,
		.shutdown = f->shutdown,
		.err = f->err,
		.segs_in = f->segs_in,
		.segs_out = f->segs_out,
	};
}

static void failed_attempts_are_known_by_little(void **state)
{
	uint64_t seed = 0x7463707768790003;
	int reached[VERDICT_COUNT] = {};
	struct facts f, few;
	int distinct = 0;

	(void)state;
	for (int i = 0; i < 300000; i++) {
		random_facts(&f, &seed);
		f.event = EVENT_DEATH;
		f.state = ST_SYN_SENT;
		if (random_number(&seed) % 2)
			f.err = random_number(&seed) % 2 ? 0 : ERR_CONNREFUSED;
		few = as_an_attempt_is_read(&f);
		expect_verdict(&few, classify(&f));
		distinct += !reached[classify(&f)]++;
	}
	/* destroyed, connect-failed, refused, connect-timeout, -unreachable, -abandoned */
	expect_number(distinct, 6);
}

/* ---- orphans, listeners and calls ------------------------------------------------------------ */

/* Only an orphan is dropped without a word; only a dying namespace explains it fully. */
static void namespace_gone_out_of_memory_or_unknown(void **state)
{
	struct facts f = namespace_gone();

	(void)state;
	expect_verdict(&f, VERDICT_namespace_gone);
	f.flags &= ~FACT_NETNS_GONE;
	expect_verdict(&f, VERDICT_out_of_memory);
	f.flags &= ~FACT_DEAD;
	f.flags |= FACT_ATTACHED;
	expect_verdict(&f, VERDICT_unknown);
	f = namespace_gone();
	f.state = ST_SYN_RECV; /* a child that could not be made */
	expect_verdict(&f, VERDICT_unknown);
	f = namespace_gone();
	f.state = ST_FIN_WAIT2; /* handed over as ever */
	f.unacked = 0;
	expect_verdict(&f, VERDICT_closed_here);
}

static void out_of_memory_is_likely(void **state)
{
	struct facts f = out_of_memory();

	(void)state;
	expect_number(is_likely(&f, classify(&f)), 1);
	f = namespace_gone();
	expect_number(is_likely(&f, classify(&f)), 0);
}

static void protocol_errors_by_number(void **state)
{
	struct facts f = protocol_error();

	(void)state;
	f.err = ERR_PROTO;
	expect_verdict(&f, VERDICT_protocol_error);
	f.err = ERR_PROTO + 1;
	expect_verdict(&f, VERDICT_unknown);
	f.err = f.err_soft = ERR_PROTO; /* ICMP said so, and a timer gave up */
	f.state = ST_SYN_SENT;
	expect_verdict(&f, VERDICT_connect_unreachable);
}

/* tcp_conn_request() looks at the SYN queue first. */
static void syn_queue_before_accept_queue(void **state)
{
	struct facts f = of_listener(EVENT_SYN_DROP, FACT_SYN_QUEUE_FULL | FACT_QUEUE_FULL);

	(void)state;
	expect_verdict(&f, VERDICT_syn_queue_overflow);
	f.flags = FACT_QUEUE_FULL;
	expect_verdict(&f, VERDICT_accept_overflow);
	f.flags = 0;
	expect_verdict(&f, VERDICT_syn_dropped);
	f = of_listener(EVENT_ACK_DROP, FACT_SYN_QUEUE_FULL);
	expect_verdict(&f, VERDICT_accept_overflow);
}

static void calls_by_their_error(void **state)
{
	struct facts f = failed_call(ERR_TIMEDOUT);

	(void)state;
	expect_verdict(&f, VERDICT_call_failed);
	f.flags |= FACT_SENDING;
	f.err = ERR_PIPE;
	expect_verdict(&f, VERDICT_write_after_close);
	f.socket = SOCKET_LISTEN;
	f.err = ERR_NOTCONN;
	expect_verdict(&f, VERDICT_not_connected);
}

/* tcp_check_req() keeps the options of an RST to a child of Fast Open to itself. */
static void reset_in_syn_recv_is_likely_the_peers(void **state)
{
	struct facts f = peer_aborted();

	(void)state;
	f.state = ST_SYN_RECV;
	for (int saw = 0; saw < 2; saw++) {
		f.flags ^= FACT_SAW_TSTAMP;
		expect_verdict(&f, VERDICT_peer_aborted);
		expect_number(is_likely(&f, classify(&f)), 1);
	}
}

/* The SYN-ACK of a child of Fast Open is no data. */
static void syn_ack_never_acknowledged_is_a_retransmit_timeout(void **state)
{
	struct facts f = server();

	(void)state;
	f.state = ST_SYN_RECV;
	f.err = ERR_TIMEDOUT;
	expect_verdict(&f, VERDICT_retransmit_timeout);
}

/* MPTCP closes its subflows with their lock held, though they have no struct socket. */
static void subflow_is_not_closed_with_a_listener(void **state)
{
	struct facts f = listener_closed();

	(void)state;
	f.flags |= FACT_OWNED;
	expect_verdict(&f, VERDICT_unknown);
	f.shutdown = SHUT_BOTH;
	f.flags |= FACT_LINGER_ZERO;
	expect_verdict(&f, VERDICT_linger_zero);
	f.unread = 45;
	expect_verdict(&f, VERDICT_unread_data);
}

/* ---- rare states, as the kernel's sources have them ----------------------------------------- */

/*
 * tcp_rcv_state_process() hands CLOSING over only when all is acknowledged. Before that, close()
 * aborts as in any other state, and tcp_out_of_resources() ends orphans without an error.
 */
static void abort_in_closing_is_not_orderly(void **state)
{
	struct facts f = linger_zero();

	(void)state;
	f.state = ST_CLOSING;
	f.flags |= FACT_PEER_FIN;
	f.unacked = 1;
	expect_verdict(&f, VERDICT_linger_zero);
	f.unread = 45;
	expect_verdict(&f, VERDICT_unread_data);
	f = closed_here();
	f.state = ST_CLOSING;
	f.flags |= FACT_PEER_FIN;
	f.unacked = 5001;
	expect_verdict(&f, VERDICT_out_of_memory);
}

/*
 * An orphan in FIN_WAIT1 with TCP_LINGER2 < 0 gets the bare ACK of its FIN: tcp_done() (counted as
 * linger-zero), and then the ACK is answered by RST. No data came, and the death must not be
 * counted and shown a second time.
 */
static void negative_linger2_is_not_late_data(void **state)
{
	struct facts f = late_data();

	(void)state;
	f.err = 0;
	f.flags |= FACT_LINGER2_OFF;
	expect_other_verdict(&f, VERDICT_late_data);
}

/*
 * INVALID_SYN comes from tcp_check_req() only, which had found a request of this very listener: no
 * segment of an old connection. For an ACK it comes only with tcp_abort_on_overflow on, when the
 * child could not be made; accept() may have made room before the queue was looked at.
 */
static void embryonic_reset_does_not_come_from_a_restart(void **state)
{
	struct facts f = accept_overflow_reset();

	(void)state;
	f.flags &= ~FACT_QUEUE_FULL;
	expect_other_verdict(&f, VERDICT_server_restarted);
	f = accept_overflow_reset();
	f.flags &= ~FACT_SEG_ACK;
	f.flags |= FACT_SEG_SYN;
	expect_other_verdict(&f, VERDICT_server_restarted);
}

/* Deferred by TCP_FASTOPEN_CONNECT, the SYN waits for the first write; close() came first. */
static void close_before_a_deferred_syn_is_abandoned(void **state)
{
	struct facts f = connect_failed();

	(void)state;
	close_begins(&f);
	expect_verdict(&f, VERDICT_connect_abandoned);
}

/* The state of our own socket says it, whoever sent the RST: read, not inferred. */
static void reset_after_close_is_read_without_timestamps(void **state)
{
	struct facts f = reset_after_close();

	(void)state;
	f.flags &= ~(FACT_TSTAMP_OK | FACT_SAW_TSTAMP);
	expect_likely(&f, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(typical_facts_reach_their_verdict),
		cmocka_unit_test(client_and_server_die_alike),
		cmocka_unit_test(closed_here_is_also_a_simultaneous_close),
		cmocka_unit_test(closed_here_needs_no_close),
		cmocka_unit_test(last_ack_with_bytes_on_their_way_is_not_orderly),
		cmocka_unit_test(last_ack_with_an_error_is_not_orderly),
		cmocka_unit_test(linger_zero_option_leaves_an_orderly_end_orderly),
		cmocka_unit_test(unread_data_wins_over_linger_zero),
		cmocka_unit_test(unread_data_after_the_peers_fin),
		cmocka_unit_test(abort_in_fin_wait2_is_no_hand_over),
		cmocka_unit_test(hand_over_in_fin_wait2_is_no_abort),
		cmocka_unit_test(negative_linger2_cuts_fin_wait2_short),
		cmocka_unit_test(negative_linger2_leaves_a_finished_connection_alone),
		cmocka_unit_test(close_in_repair_mode_is_silent),
		cmocka_unit_test(close_while_connecting_is_no_abort),
		cmocka_unit_test(linger_zero_needs_a_close),
		cmocka_unit_test(out_of_memory_in_close_is_no_abort),
		cmocka_unit_test(end_of_a_socket_shut_down_both_ways_is_unknown),
		cmocka_unit_test(listener_closed_disconnected_or_unknown),
		cmocka_unit_test(listener_closed_after_the_peer_gave_up),
		cmocka_unit_test(disconnected_after_the_peers_fin),
		cmocka_unit_test(destroyed_in_any_state),
		cmocka_unit_test(late_data_shows_in_the_reply_only),
		cmocka_unit_test(reply_of_another_socket_is_not_late_data),
		cmocka_unit_test(user_timeout_takes_keepalive_over),
		cmocka_unit_test(keepalive_may_end_with_a_soft_error),
		cmocka_unit_test(keepalive_also_ends_half_closed_connections),
		cmocka_unit_test(keepalive_timeout_or_reset_by_the_error),
		cmocka_unit_test(keepalive_reset_needs_a_probe_on_its_way),
		cmocka_unit_test(living_peer_that_aborts_between_probes),
		cmocka_unit_test(keepalive_reset_of_a_half_closed_connection),
		cmocka_unit_test(keepalive_has_no_part_in_it_while_data_waits),
		cmocka_unit_test(timeout_without_anything_to_send_needs_keepalive),
		cmocka_unit_test(close_race_ends_after_one_round_trip_and_one_tick),
		cmocka_unit_test(close_race_on_a_path_without_a_measured_time),
		cmocka_unit_test(close_race_if_the_data_left_before_the_fin_came),
		cmocka_unit_test(half_closed_reuse_is_not_answered_by_a_living_socket),
		cmocka_unit_test(half_closed_but_nothing_written),
		cmocka_unit_test(last_ack_resets_by_what_was_on_its_way),
		cmocka_unit_test(reset_after_close_in_each_closing_state),
		cmocka_unit_test(reset_after_shutdown_is_not_after_close),
		cmocka_unit_test(backlog_reset_ends_with_the_first_byte),
		cmocka_unit_test(backlog_reset_is_for_clients_and_stateless),
		cmocka_unit_test(backlog_reset_is_over_with_the_peers_fin),
		cmocka_unit_test(without_timestamps_the_origin_is_inferred),
		cmocka_unit_test(without_timestamps_a_half_closed_write_is_still_one),
		cmocka_unit_test(only_resets_and_exclusion_are_likely),
		cmocka_unit_test(what_an_older_kernel_does_not_say_is_likely),
		cmocka_unit_test(origin_of_a_reset_without_timestamps_is_likely),
		cmocka_unit_test(refused_needs_a_segment),
		cmocka_unit_test(connect_timeout_after_icmp_is_unreachable),
		cmocka_unit_test(connect_timeout_whatever_limited_it),
		cmocka_unit_test(connect_abandoned_or_failed_by_the_first_syn),
		cmocka_unit_test(no_other_verdict_while_connecting),
		cmocka_unit_test(connected_is_not_connecting),
		cmocka_unit_test(timeouts_by_what_was_unacknowledged),
		cmocka_unit_test(timeout_with_nothing_unacknowledged_is_unknown),
		cmocka_unit_test(user_timeout_or_retransmit_timeout_or_unreachable),
		cmocka_unit_test(error_that_no_timer_gives_is_unknown),
		cmocka_unit_test(any_timeout_of_an_orphan_is_the_orphans),
		cmocka_unit_test(reset_without_a_socket_by_the_segment),
		cmocka_unit_test(segment_that_was_on_its_way),
		cmocka_unit_test(ends_that_may_be_followed_by_segments),
		cmocka_unit_test(orderly_ends_and_late_segments_are_no_news),
		cmocka_unit_test(reset_by_time_wait_whatever_came),
		cmocka_unit_test(full_queue_alone_is_no_overflow_reset),
		cmocka_unit_test(embryonic_reset_is_not_always_an_overflow),
		cmocka_unit_test(server_restarted_whatever_the_old_segment),
		cmocka_unit_test(dropped_syn_by_the_queue),
		cmocka_unit_test(dropped_ack_needs_no_full_queue),
		cmocka_unit_test(nothing_is_known_of_nothing),
		cmocka_unit_test(other_events_are_unknown),
		cmocka_unit_test(all_flags_at_once),
		cmocka_unit_test(any_facts_get_one_verdict_of_the_right_group),
		cmocka_unit_test(namespace_gone_out_of_memory_or_unknown),
		cmocka_unit_test(out_of_memory_is_likely),
		cmocka_unit_test(protocol_errors_by_number),
		cmocka_unit_test(syn_queue_before_accept_queue),
		cmocka_unit_test(calls_by_their_error),
		cmocka_unit_test(reset_in_syn_recv_is_likely_the_peers),
		cmocka_unit_test(syn_ack_never_acknowledged_is_a_retransmit_timeout),
		cmocka_unit_test(subflow_is_not_closed_with_a_listener),
		cmocka_unit_test(abort_in_closing_is_not_orderly),
		cmocka_unit_test(negative_linger2_is_not_late_data),
		cmocka_unit_test(embryonic_reset_does_not_come_from_a_restart),
		cmocka_unit_test(close_before_a_deferred_syn_is_abandoned),
		cmocka_unit_test(reset_after_close_is_read_without_timestamps),
		cmocka_unit_test(orderly_ends_are_known_by_little),
		cmocka_unit_test(failed_attempts_are_known_by_little),
		cmocka_unit_test(every_row_of_the_table_is_tested),
	};

	return cmocka_run_group_tests_name("classify", tests, NULL, NULL);
}
