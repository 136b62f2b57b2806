/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rules: from the facts to the verdict.
 *
 * Pure functions without libc, libbpf or kernel types, compiled twice: into the BPF program,
 * where the verdict is counted, and into user space, where it is told. One predicate a verdict,
 * in the order of verdicts.def; the first that holds wins. How each death looks was read in the
 * kernel's sources; the function that leaves the trace is named at each rule.
 */
#ifndef TCPWHY_CLASSIFY_H
#define TCPWHY_CLASSIFY_H

#include "evidence.h"

enum verdict {
#define VERDICT(id, name, group, meaning, remedy) VERDICT_##id,
#include "verdicts.def"
#undef VERDICT
	VERDICT_COUNT
};

_Static_assert(VERDICT_COUNT <= VERDICTS_MAX, "the counters' map has no room for all verdicts");

enum verdict_group {
	GROUP_ORDERLY,  /* FIN both ways */
	GROUP_HERE,     /* our end ended it */
	GROUP_RESET,    /* an RST from the other side ended it */
	GROUP_SILENCE,  /* nobody answered */
	GROUP_INCIDENT, /* no connection died: counted beside the deaths */
	GROUP_UNKNOWN,
};

/* States and errors by their numbers: this file knows neither kernel nor libc. */
enum {
	ST_ESTABLISHED = 1,
	ST_SYN_SENT,
	ST_SYN_RECV,
	ST_FIN_WAIT1,
	ST_FIN_WAIT2,
	ST_TIME_WAIT,
	ST_CLOSE,
	ST_CLOSE_WAIT,
	ST_LAST_ACK,
	ST_LISTEN,
	ST_CLOSING,
};

enum {
	ERR_BADF = 9,
	ERR_PIPE = 32,
	ERR_PROTO = 71,
	ERR_BADMSG = 74,
	ERR_CONNABORTED = 103,
	ERR_CONNRESET = 104,
	ERR_NOTCONN = 107,
	ERR_TIMEDOUT = 110,
	ERR_CONNREFUSED = 111,
};

enum { SHUT_BOTH = 3 };

#define RULE static inline __attribute__((always_inline)) _Bool

/* What the rules are made of. */

RULE has(const struct facts *f, __u32 flags)
{
	return (f->flags & flags) == flags;
}

RULE died(const struct facts *f)
{
	return f->event == EVENT_DEATH;
}

/* Nobody reported an error: the end came from our own process, or was orderly. */
RULE died_without_error(const struct facts *f)
{
	return died(f) && f->err == 0;
}

/* close() was called: __tcp_close() marks both directions before anything else. */
RULE fully_closed(const struct facts *f)
{
	return f->shutdown == SHUT_BOTH;
}

RULE connecting(const struct facts *f)
{
	return f->state == ST_SYN_SENT;
}

/* An RST was received, by an established connection: tcp_reset() is the only one to set these. */
RULE was_reset(const struct facts *f)
{
	return died(f) && !connecting(f) && (f->err == ERR_CONNRESET || f->err == ERR_PIPE);
}

/*
 * The RST carried timestamps, so a living socket built it: tcp_send_active_reset(). In SYN_RECV (a
 * child of Fast Open) nothing is known: tcp_check_req() keeps what it parsed to itself.
 */
RULE reset_by_living_socket(const struct facts *f)
{
	return has(f, FACT_TSTAMP_OK | FACT_SAW_TSTAMP) && f->state != ST_SYN_RECV;
}

/* May more come of what the peer sent before it heard of the end? See bpf/ended.h. */
RULE leaves_segments_on_their_way(const struct facts *f)
{
	return !connecting(f) && !(was_reset(f) && reset_by_living_socket(f));
}

/*
 * Without timestamps the origin of an RST can only be inferred. A stateless RST answers a segment
 * of ours: with nothing outstanding there was none to answer; and a peer that was heard of a
 * moment ago has hardly forgotten us.
 */
RULE reset_looks_stateless(const struct facts *f)
{
	if (f->state == ST_SYN_RECV)
		return 0;
	if (has(f, FACT_TSTAMP_OK))
		return !has(f, FACT_SAW_TSTAMP);
	return (f->unacked > 0 || f->probes_out > 0) && f->heard_ms >= 1000;
}

/* Our last data left after the peer's FIN, by no more than one round trip and one clock tick. */
RULE write_crossed_fin(const struct facts *f)
{
	__u32 silence_ms = f->heard_ms > f->sent_ms ? f->heard_ms - f->sent_ms : 0;

	return silence_ms <= (f->srtt_us + f->tick_us + 999) / 1000;
}

/* Data of ours (not only our FIN) was on its way when the RST came, and the peer had sent FIN. */
RULE wrote_into_half_closed(const struct facts *f)
{
	if (!was_reset(f) || reset_by_living_socket(f))
		return 0;
	if (f->state == ST_CLOSE_WAIT)
		return f->unacked > 0;
	return f->state == ST_LAST_ACK && f->unacked > 1;
}

/* A timer gave up: tcp_write_err() sets sk_err_soft or ETIMEDOUT. */
RULE timed_out(const struct facts *f)
{
	if (!died(f) || connecting(f) || f->err == 0)
		return 0;
	return f->err == ERR_TIMEDOUT || f->err == f->err_soft;
}

/* tcp_keepalive_timer() gives up only on a connection with nothing to send. */
RULE keepalive_gave_up(const struct facts *f)
{
	return timed_out(f) && has(f, FACT_KEEPALIVE) && f->probes_out > 0 && f->unacked == 0 &&
	       f->unsent == 0;
}

RULE replied_with_reset(const struct facts *f, enum socket_kind kind)
{
	return f->event == EVENT_RESET && f->socket == kind;
}

/* The rules, in the order of the table. */

/* tcp_rcv_state_process(), TCP_LAST_ACK: the peer acknowledged our FIN, the second one. */
RULE is_closed_by_peer(const struct facts *f)
{
	return died_without_error(f) && f->state == ST_LAST_ACK && !(f->unacked | f->unsent);
}

/*
 * The hand-over to TIME_WAIT, tcp_time_wait(): after the peer's FIN, or of an orphan in FIN_WAIT2.
 * A process that aborts in FIN_WAIT2 still holds its socket and has not got the peer's FIN.
 */
RULE is_closed_here(const struct facts *f)
{
	if (!died_without_error(f))
		return 0;
	if (f->state == ST_CLOSING)
		return !(f->unacked | f->unsent);
	return f->state == ST_FIN_WAIT2 &&
	       (has(f, FACT_PEER_FIN) || (has(f, FACT_DEAD) && !has(f, FACT_LINGER2_OFF)));
}

/*
 * The rules of orderly ends come first, and look at little: event, state, err, unacked, unsent, and
 * the flags ORDERLY_FLAGS. So a healthy connection needs no other facts. VERDICT_unknown: it is
 * none.
 */
#define ORDERLY_FLAGS (FACT_PEER_FIN | FACT_DEAD | FACT_LINGER2_OFF)

static inline __attribute__((always_inline)) enum verdict classify_orderly(const struct facts *f)
{
	if (is_closed_by_peer(f))
		return VERDICT_closed_by_peer;
	return is_closed_here(f) ? VERDICT_closed_here : VERDICT_unknown;
}

/* __tcp_close() looks at unread data first, before linger. RFC 2525, section 2.17. */
RULE is_unread_data(const struct facts *f)
{
	return died_without_error(f) && !connecting(f) && has(f, FACT_OWNED) && fully_closed(f) &&
	       f->unread > 0 && !has(f, FACT_DEAD) && !has(f, FACT_REPAIR);
}

/* __tcp_close() calls tcp_disconnect(); or, with TCP_LINGER2 < 0, cuts FIN_WAIT2 short. */
RULE is_linger_zero(const struct facts *f)
{
	if (!died_without_error(f) || connecting(f) || !fully_closed(f) || has(f, FACT_REPAIR))
		return 0;
	if (f->state == ST_FIN_WAIT2 && has(f, FACT_DEAD | FACT_LINGER2_OFF))
		return 1;
	return has(f, FACT_LINGER_ZERO) && !has(f, FACT_DEAD) &&
	       (has(f, FACT_ATTACHED) || has(f, FACT_OWNED));
}

/*
 * tcp_rcv_state_process() answers data to a socket that was shut down for reading. The death has
 * been seen just before, as an RST that never came or as an orderly end, and is judged again here.
 * With TCP_LINGER2 < 0 the ACK of our FIN alone is answered so, and linger-zero was right.
 */
RULE is_late_data(const struct facts *f)
{
	return replied_with_reset(f, SOCKET_FULL) && f->state == ST_CLOSE && fully_closed(f) &&
	       !(f->err == 0 && has(f, FACT_LINGER2_OFF));
}

/*
 * Both deaths from which tcp_rcv_state_process() may come to answer late data: then another verdict
 * takes the place of this one.
 */
static inline __attribute__((always_inline)) int may_be_replaced(const struct facts *f,
								 enum verdict verdict)
{
	return verdict == VERDICT_reset_after_close ||
	       (verdict == VERDICT_closed_here && f->state == ST_FIN_WAIT2);
}

/* tcp_abort(), from tcp_diag_destroy() */
RULE is_destroyed(const struct facts *f)
{
	return died(f) && f->err == ERR_CONNABORTED;
}

/* __tcp_close() and connect(AF_UNSPEC) dissolve a socket in repair mode without a segment. */
RULE is_checkpointed(const struct facts *f)
{
	return died_without_error(f) && !connecting(f) && has(f, FACT_REPAIR);
}

/*
 * inet_csk_listen_stop() disconnects children that no accept() has given a struct socket. MPTCP's
 * subflows have none either, but are closed with their lock held.
 */
RULE is_listener_closed(const struct facts *f)
{
	return died_without_error(f) && !connecting(f) && !has(f, FACT_ATTACHED) &&
	       !has(f, FACT_DEAD) && !has(f, FACT_OWNED);
}

/* inet_stream_connect() with AF_UNSPEC calls tcp_disconnect() on an open socket. */
RULE is_disconnected(const struct facts *f)
{
	return died_without_error(f) && !connecting(f) && has(f, FACT_OWNED | FACT_ATTACHED) &&
	       !fully_closed(f);
}

/* An orphan that ends without an error, and not in the orderly way. */
RULE orphan_dropped(const struct facts *f)
{
	return died_without_error(f) && !connecting(f) && has(f, FACT_DEAD) &&
	       f->state != ST_SYN_RECV;
}

/* tcp_out_of_resources() and __tcp_close() cannot send any more: check_net() */
RULE is_namespace_gone(const struct facts *f)
{
	return orphan_dropped(f) && has(f, FACT_NETNS_GONE);
}

/* tcp_out_of_resources(), tcp_check_oom(); found by exclusion, so it is likely only. */
RULE is_out_of_memory(const struct facts *f)
{
	return orphan_dropped(f);
}

/* tcp_keepalive_timer() ignores the probe count when there is a user timeout. */
RULE is_keepalive_user_timeout(const struct facts *f)
{
	return keepalive_gave_up(f) && f->user_timeout_ms > 0;
}

RULE is_keepalive_timeout(const struct facts *f)
{
	return keepalive_gave_up(f);
}

/* tcp_v4_connect(), tcp_v6_connect(): the state is undone when no port or no route is found. */
RULE is_connect_failed(const struct facts *f)
{
	return died_without_error(f) && connecting(f) && f->segs_out == 0 && !fully_closed(f);
}

/* mptcp_subflow_reset() and others set sk_err themselves. */
RULE is_protocol_error(const struct facts *f)
{
	return died(f) && !connecting(f) && (f->err == ERR_PROTO || f->err == ERR_BADMSG);
}

/* tcp_rcv_synsent_state_process(): a segment came; an ICMP error leaves segs_in at 0. */
RULE is_refused(const struct facts *f)
{
	return died(f) && connecting(f) && f->err == ERR_CONNREFUSED && f->segs_in > 0;
}

RULE is_close_race(const struct facts *f)
{
	return wrote_into_half_closed(f) && write_crossed_fin(f);
}

/* tcp_send_active_keepalive was answered by an RST that no socket built. */
RULE is_keepalive_reset(const struct facts *f)
{
	return was_reset(f) && !reset_by_living_socket(f) && has(f, FACT_KEEPALIVE) &&
	       f->probes_out > 0 && f->unacked == 0 && f->unsent == 0;
}

RULE is_half_closed_reuse(const struct facts *f)
{
	return wrote_into_half_closed(f);
}

RULE is_reset_after_close(const struct facts *f)
{
	if (!was_reset(f) || !fully_closed(f))
		return 0;
	return f->state == ST_FIN_WAIT1 || f->state == ST_FIN_WAIT2 || f->state == ST_CLOSING ||
	       f->state == ST_LAST_ACK;
}

/* Nothing of ours was ever acknowledged but the SYN: we were connected only in our own opinion. */
RULE is_backlog_reset(const struct facts *f)
{
	return was_reset(f) && f->state == ST_ESTABLISHED && !has(f, FACT_PASSIVE) &&
	       reset_looks_stateless(f) && f->bytes_received == 0 && f->bytes_acked <= 1;
}

RULE is_peer_forgot(const struct facts *f)
{
	return was_reset(f) && reset_looks_stateless(f);
}

RULE is_peer_aborted(const struct facts *f)
{
	return was_reset(f);
}

/* tcp_write_timeout(), TCP_SYN_SENT */
RULE is_connect_timeout(const struct facts *f)
{
	return died(f) && connecting(f) && f->err == ERR_TIMEDOUT;
}

/* tcp_v4_err(), tcp_v6_err() */
RULE is_connect_unreachable(const struct facts *f)
{
	return died(f) && connecting(f) && f->err != 0;
}

RULE is_connect_abandoned(const struct facts *f)
{
	return died(f) && connecting(f);
}

/* tcp_write_timeout() and tcp_orphan_retries() */
RULE is_orphan_timeout(const struct facts *f)
{
	return timed_out(f) && has(f, FACT_DEAD);
}

/* tcp_probe_timer(), or tcp_retransmit_timer() with a closed window */
RULE is_zero_window_timeout(const struct facts *f)
{
	return timed_out(f) && f->snd_wnd == 0 && (f->unacked > 0 || f->unsent > 0);
}

/* tcp_write_xmit() could not give the segment to the network: it stays unsent. */
RULE is_egress_blocked(const struct facts *f)
{
	return timed_out(f) && f->unacked == 0 && f->unsent > 0;
}

RULE is_unreachable(const struct facts *f)
{
	return timed_out(f) && f->unacked > 0 && f->err != ERR_TIMEDOUT;
}

/* retransmits_timed_out(): the user timeout replaces tcp_retries2. */
RULE is_user_timeout(const struct facts *f)
{
	return timed_out(f) && f->unacked > 0 && f->user_timeout_ms > 0;
}

/* Or the SYN-ACK of a child of Fast Open, which snd_nxt does not count. */
RULE is_retransmit_timeout(const struct facts *f)
{
	return timed_out(f) && (f->unacked > 0 || f->state == ST_SYN_RECV);
}

/* tcp_v4_rcv(), no_tcp_socket */
RULE is_no_listener(const struct facts *f)
{
	return replied_with_reset(f, SOCKET_NONE) && has(f, FACT_SEG_SYN) && !has(f, FACT_SEG_ACK);
}

/* tcp_timewait_state_process() returns TCP_TW_RST only while it waits for the peer's FIN. */
RULE is_late_data_time_wait(const struct facts *f)
{
	return replied_with_reset(f, SOCKET_TIME_WAIT);
}

/*
 * tcp_check_req(), listen_overflow: tcp_v4_syn_recv_sock() made no child, which is mostly for want
 * of room in the queue, though the process may have accepted one since.
 */
RULE is_accept_overflow_reset(const struct facts *f)
{
	return replied_with_reset(f, SOCKET_LISTEN) &&
	       has(f, FACT_EMBRYONIC | FACT_SEG_ACK | FACT_ABORT_OVERFLOW) && !has(f, FACT_SEG_SYN);
}

/* Its socket is gone: no socket, or the listener, answers for it. A SYN begins another one. */
RULE is_late_segment(const struct facts *f)
{
	return (replied_with_reset(f, SOCKET_NONE) || replied_with_reset(f, SOCKET_LISTEN)) &&
	       has(f, FACT_ON_ITS_WAY) && !has(f, FACT_SEG_SYN) && !has(f, FACT_EMBRYONIC);
}

/* No socket; or tcp_check_req() gave up a handshake at a segment that does not belong there. */
RULE is_stray_segment(const struct facts *f)
{
	return replied_with_reset(f, SOCKET_NONE) ||
	       (replied_with_reset(f, SOCKET_LISTEN) && has(f, FACT_EMBRYONIC));
}

/* tcp_rcv_state_process(), TCP_LISTEN: a listener answers any ACK with RST. */
RULE is_server_restarted(const struct facts *f)
{
	return replied_with_reset(f, SOCKET_LISTEN);
}

/* tcp_conn_request() looks at the SYN queue before it looks at the accept queue. */
RULE is_syn_queue_overflow(const struct facts *f)
{
	return f->event == EVENT_SYN_DROP && has(f, FACT_SYN_QUEUE_FULL);
}

/* sk_acceptq_is_full(): tcp_v4_syn_recv_sock() drops the ACK, tcp_conn_request() the SYN. */
RULE is_accept_overflow(const struct facts *f)
{
	return f->event == EVENT_ACK_DROP ||
	       (f->event == EVENT_SYN_DROP && has(f, FACT_QUEUE_FULL));
}

/* tcp_synq_overflow() */
RULE is_syn_cookies(const struct facts *f)
{
	return f->event == EVENT_COOKIES;
}

/* sk_stream_error() turns every write after the end into EPIPE. */
RULE is_write_after_close(const struct facts *f)
{
	return f->event == EVENT_CALL && f->err == ERR_PIPE;
}

RULE is_not_connected(const struct facts *f)
{
	return f->event == EVENT_CALL && f->err == ERR_NOTCONN;
}

RULE is_call_failed(const struct facts *f)
{
	return f->event == EVENT_CALL;
}

RULE is_bad_descriptor(const struct facts *f)
{
	return f->event == EVENT_BAD_FD;
}

/* tcp_conn_request() and tcp_v4_rcv() drop SYNs for other reasons too: tcp_listendrop(). */
RULE is_syn_dropped(const struct facts *f)
{
	return f->event == EVENT_SYN_DROP;
}

RULE is_unknown(const struct facts *f)
{
	(void)f;
	return 1;
}

/* classify(): the verdict. Pure: the same facts always give the same verdict. */
static inline __attribute__((always_inline)) enum verdict classify(const struct facts *f)
{
#define VERDICT(id, name, group, meaning, remedy)                                                  \
	if (is_##id(f))                                                                            \
		return VERDICT_##id;
#include "verdicts.def"
#undef VERDICT
	return VERDICT_unknown;
}

/* Is the verdict inferred rather than read? Then it is shown as likely. */
static inline __attribute__((always_inline)) _Bool is_likely(const struct facts *f,
							     enum verdict verdict)
{
	if (verdict == VERDICT_backlog_reset || verdict == VERDICT_out_of_memory)
		return 1;
	if (has(f, FACT_INFERRED))
		return 1;
	return was_reset(f) && verdict != VERDICT_reset_after_close &&
	       (!has(f, FACT_TSTAMP_OK) || f->state == ST_SYN_RECV);
}

/* Does the verdict say that a connection died (else it is an incident)? */
static inline __attribute__((always_inline)) enum verdict_group verdict_group(enum verdict verdict)
{
	switch (verdict) {
#define VERDICT(id, name, group, meaning, remedy)                                                  \
	case VERDICT_##id:                                                                         \
		return GROUP_##group;
#include "verdicts.def"
#undef VERDICT
	default:
		return GROUP_UNKNOWN;
	}
}

/* Is there a line without -a? An orderly end is no news, nor is what follows from another one. */
static inline __attribute__((always_inline)) _Bool is_news(enum verdict verdict)
{
	return verdict_group(verdict) != GROUP_ORDERLY && verdict != VERDICT_late_segment;
}

#endif
