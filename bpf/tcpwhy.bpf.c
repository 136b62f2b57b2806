// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hooks, a few lines each: from the kernel's tracepoints to the evidence.
 *
 * Every full TCP socket passes inet_sock_set_state(sk, old, TCP_CLOSE) once in its life. There
 * nearly all that a verdict needs is still on the socket, so no state is kept for healthy
 * connections. The other hooks add what no socket shows: resets without a connection, overflowing
 * listeners, retransmissions.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#include "calls.h"
#include "closers.h"
#include "emit.h"
#include "ended.h"
#include "filter.h"
#include "fin.h"
#include "fits.h"
#include "hook.h"
#include "iterators.h"
#include "listeners.h"
#include "owner.h"
#include "sock.h"
#include "stack.h"
#include "take_stack.h"
#include "ttl.h"

#define EAGAIN       11
#define ENOMEM       12
#define EBUSY        16
#define EHOSTUNREACH 113

#define SKB_DST_PTRMASK (~1UL)     /* include/linux/skbuff.h */
#define RTN_LOCAL       2          /* include/uapi/linux/rtnetlink.h */
#define RTF_LOCAL       0x80000000 /* include/uapi/linux/ipv6_route.h */

char LICENSE[] SEC("license") = "GPL";

/* ---- deaths ---------------------------------------------------------------------------------- */

static __always_inline void tell_of_death(struct evidence *e, struct tcp_sock *tp, __u32 seg_len)
{
	details_of_sock(e, tp);
	e->seg_len = seg_len;
	if (watch_ttl)
		recall_ttls(e, tp);
	recall_fin(e, tp);
	owner_of_death(e, tp);
	if (!e->owner.pid && !e->closer_key && e->inode)
		await_owner(tp);
}

/* What is not to be met in the hot path is a function of its own, here and below. */

/* An attempt to connect has failed, of which no record is due: then the rest of it is not read. */
static __noinline int is_only_counted(const struct tcp_sock *tp)
{
	int judgement = judge_attempt(shutdown_of(tp, message_sock(tp)),
				      READ(tp, inet_conn.icsk_inet.sk.sk_err), READ(tp, segs_in),
				      READ(tp, segs_out));

	if (judgement & WORTH_A_RECORD && !is_thinned_already(judgement & ~WORTH_A_RECORD, 1))
		return false;
	count_verdict(judgement, 1);
	return true;
}

static __noinline void on_unhealthy_death(void *ctx, struct tcp_sock *tp, int state)
{
	struct facts facts = {};
	struct evidence *e;

	if (state == BPF_TCP_SYN_SENT && is_only_counted(tp))
		return;
	facts.event = EVENT_DEATH;
	facts_of_sock(&facts, tp, state);
	if (leaves_segments_on_their_way(&facts))
		remember_end_of_sock(tp);
	e = report(&facts, 1);
	if (!e)
		return;
	tell_of_death(e, tp, 0);
	take_stacks_of_death(ctx, e, tp);
	send(e);
}

/* An orderly end is counted, and that is all, unless a record is wanted. */
static __always_inline void on_death(void *ctx, struct tcp_sock *tp, int state)
{
	enum verdict orderly;
	struct facts facts;

	if (!pass_sock(tp))
		return;
	facts_of_orderly_end(&facts, tp, state);
	orderly = classify_orderly(&facts);
	if (likely(orderly != VERDICT_unknown && !is_worth_a_record(orderly)))
		count_orderly(orderly);
	else if (state != BPF_TCP_CLOSE) /* else it was dead already */
		on_unhealthy_death(ctx, tp, state);
	if (watch_ttl)
		forget_ttls(tp);
}

/*
 * Data reached a socket that its process had closed. The kernel first ends the connection as if an
 * RST had come (or as an orderly end, where the data came with the ACK of our FIN), then sends the
 * RST and comes here. So the verdict that was counted a moment ago is taken back.
 * Returns whether it was late data.
 */
static __noinline int on_late_data(void *ctx, struct tcp_sock *tp, struct sk_buff *skb)
{
	int judgement, taken_back;
	struct facts facts = {};
	struct evidence *e;
	struct segment seg;

	facts.event = EVENT_RESET;
	facts_of_sock(&facts, tp, READ(as_sock(tp), __sk_common.skc_state));
	judgement = judge(&facts);
	if ((judgement & ~WORTH_A_RECORD) != VERDICT_late_data)
		return false;
	/* as it was judged then; no second struct facts, the stack is too small */
	facts.event = EVENT_DEATH;
	facts.state = facts.err ? ST_FIN_WAIT1 : ST_FIN_WAIT2;
	taken_back = judge(&facts);
	facts.event = EVENT_RESET;
	facts.state = ST_CLOSE;
	count_verdict(taken_back, -1);
	count_verdict(judgement, 1);
	if (facts.err)
		count(COUNT_RESETS_RECEIVED, -1);
	if (!((judgement | taken_back) & WORTH_A_RECORD))
		return true;
	e = reserve_evidence(&facts);
	if (!e)
		return true;
	read_segment(&seg, skb, true);
	tell_of_death(e, tp, seg.len);
	take_stacks_of_orphan(ctx, e, tp);
	send(e);
	return true;
}

/* ---- listeners ------------------------------------------------------------------------------- */

static __always_inline void on_listen(struct tcp_sock *tp)
{
	struct listener *l;

	forget_listener(as_sock(tp)); /* the end of an earlier one may have been missed */
	l = add_listener(as_sock(tp));
	if (l)
		owner_of_current(&l->owner);
	/* With socket storage a listener hands nothing on if nothing is known of it. */
	note_listener_holder(tp, l,
			     holder_by(bpf_get_current_pid_tgid() >> 32, !offers(socket_storage)));
}

static __always_inline void on_listen_end(struct tcp_sock *tp)
{
	const struct sock *sk = as_sock(tp);
	struct listener *l = find_listener(sk);

	if (l && pass_listener(sk, l))
		look_at_listener(sk, l, true);
	forget_listener(sk);
}

/* Does it pass? The process that closes or shuts down its end has the socket. */
static __noinline int pass_closing(struct tcp_sock *tp)
{
	if (current_is_watched() && READ(as_sock(tp), sk_lock.owned))
		watch_sock(tp);
	return pass_owner(tp);
}

/* The process closes or shuts down its end: from now on the socket is known to be its own. */
static __always_inline void on_close(struct tcp_sock *tp, int new)
{
	bool passes = true;

	if (unlikely(filters)) {
		if (!pass_ends(tp))
			return;
		passes = pass_closing(tp);
	}
	remember_closer(tp, new == BPF_TCP_FIN_WAIT1, passes);
}

/* ---- the choke point ------------------------------------------------------------------------- */

#define STATE(name) (1U << BPF_TCP_##name)

/* Most changes of state decide nothing: they leave at once. */
static __always_inline bool is_idle(int new)
{
	__u32 idle = STATE(ESTABLISHED) | STATE(FIN_WAIT2) | STATE(CLOSING);

	if (!filter_processes)
		idle |= STATE(SYN_SENT);
	return idle >> new & 1;
}

/* The process sends its FIN. */
static __always_inline bool is_close(int new)
{
	return (STATE(FIN_WAIT1) | STATE(LAST_ACK)) >> new & 1;
}

static __always_inline bool is_death(int old, int new)
{
	return old != BPF_TCP_LISTEN && new == BPF_TCP_CLOSE;
}

static __noinline int on_rare_change(struct tcp_sock *tp, int old, int new)
{
	if (old == new)
		return 0;
	switch (new) {
	case BPF_TCP_CLOSE:
		on_listen_end(tp);
		break;
	case BPF_TCP_SYN_RECV:
		if (old != BPF_TCP_LISTEN) /* it has connected to itself */
			break;
		note_queue(tp);
		inherit_holder(tp);
		break;
	case BPF_TCP_SYN_SENT:
		if (current_is_watched())
			watch_sock(tp);
		break;
	case BPF_TCP_LISTEN:
		on_listen(tp);
		break;
	}
	return 0;
}

TRACEPOINT("inet_sock_set_state")
int HOOK(on_set_state, struct sock *sk, int old, int new)
{
	struct tcp_sock *tp;

	if (is_idle(new) || !may_pass_ports(sk))
		return 0;
	if (new == BPF_TCP_SYN_RECV && likely(!filter_processes && !is_noteworthy_queue(sk)))
		return 0;
	tp = tcp_of_sock(sk);
	if (unlikely(!tp))
		return 0;
	if (is_close(new))
		on_close(tp, new);
	else if (new == BPF_TCP_CLOSE_WAIT)
		remember_fin(tp);
	else if (likely(is_death(old, new)))
		on_death(ctx, tp, old);
	else
		on_rare_change(tp, old, new);
	return 0;
}

/* ---- resets ---------------------------------------------------------------------------------- */

static __always_inline __u32 netns_of_segment(const struct sk_buff *skb)
{
	return BPF_CORE_READ(skb, dev, nd_net.net, ns.inum);
}

/* on_stray_reset() comes from the tracepoint, or from elsewhere: kprobes, which have no types. */
static __always_inline bool stray_resets_are_typed(void)
{
	return offers(stray_resets);
}

static __always_inline void on_reset_without_socket(const struct sk_buff *skb)
{
	struct facts facts = {};
	struct segment seg;
	struct evidence *e;

	if (filter_owners())
		return;
	read_segment(&seg, skb, stray_resets_are_typed());
	if (!pass_tuple(&seg.tuple) || (filter_netns && netns_of_segment(skb) != filter_netns))
		return;
	count(COUNT_RESETS_SENT, 1);
	facts.event = EVENT_RESET;
	facts.socket = SOCKET_NONE;
	facts.flags = seg.flags;
	if (!(seg.flags & FACT_SEG_SYN)) /* a flood of these is not to be looked up */
		facts.flags |=
			FLAG_IF(was_on_its_way(&seg, netns_of_segment(skb)), FACT_ON_ITS_WAY);
	e = report_judged(&facts, judge_inline(&facts), 1);
	if (!e)
		return;
	details_of_segment(e, &seg);
	e->netns = netns_of_segment(skb);
	send(e);
}

static __always_inline __u64 closer_key_of_time_wait(const struct sock *sk)
{
	const struct inet_timewait_sock *tw = (const struct inet_timewait_sock *)sk;

	return closer_key(BPF_CORE_READ(sk, __sk_common.skc_hash),
			  bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport)),
			  bpf_ntohs(BPF_CORE_READ(tw, tw_sport)));
}

static __always_inline void on_reset_by_time_wait(const struct sock *sk, const struct sk_buff *skb)
{
	__u64 key = closer_key_of_time_wait(sk);
	struct facts facts = {};
	struct segment seg;
	struct evidence *e;

	read_segment(&seg, skb, stray_resets_are_typed());
	if (!pass_tuple(&seg.tuple) || !pass_netns(sk))
		return;
	if (filter_owners() && !closer_passes(key))
		return;
	count(COUNT_RESETS_SENT, 1);
	facts.event = EVENT_RESET;
	facts.socket = SOCKET_TIME_WAIT;
	facts.state = BPF_TCP_TIME_WAIT;
	facts.flags = seg.flags;
	remember_end(&seg.tuple, netns_of_sock(sk), RTO_INITIAL_MS);
	e = report(&facts, 1);
	if (!e)
		return;
	e->sock_id = (__u64)sk;
	e->netns = netns_of_sock(sk);
	e->closer_key = key;
	details_of_segment(e, &seg);
	send(e);
}

/*
 * How much sk_drops has grown, or is about to, for a handshake that tcp_check_req() gives up: by 1
 * in tcp_v4_rcv(), and by another one if it was for want of room.
 */
static __always_inline __u32 drops_of_given_up(const struct facts *f)
{
	return f->flags & FACT_QUEUE_FULL && !(f->flags & FACT_SEG_SYN) ? 2 : 1;
}

static __noinline void on_reset_by_listener(const struct sock *sk, const struct sk_buff *skb,
					    bool embryonic)
{
	struct listener *l = meet_listener(sk);
	__u32 netns = netns_of_sock(sk);
	struct facts facts = {};
	struct segment seg;

	read_segment(&seg, skb, true);
	if (!pass_at_listener(sk, l, &seg.tuple))
		return;
	count(COUNT_RESETS_SENT, 1);
	facts_of_listener(&facts, sk, EVENT_RESET);
	facts.flags |= seg.flags | FLAG_IF(embryonic, FACT_EMBRYONIC);
	facts.flags |= FLAG_IF(!offers(reset_reason) && !offers(symbols), FACT_INFERRED);
	if (embryonic)
		remember_end(&seg.tuple, netns, RTO_INITIAL_MS);
	else
		facts.flags |= FLAG_IF(was_on_its_way(&seg, netns), FACT_ON_ITS_WAY);
	if (l && embryonic && !offers(drop_socket))
		__sync_fetch_and_add(&l->accounted, drops_of_given_up(&facts));
	report_listener(sk, l, &facts, &seg, 1);
}

static __always_inline void on_reset_by_sock(void *ctx, struct tcp_sock *tp, struct sk_buff *skb)
{
	if (!pass_sock(tp))
		return;
	count(COUNT_RESETS_SENT, 1);
	if (is_segment(skb) && on_late_data(ctx, tp, skb))
		remember_end_of_sock(tp);
}

static __noinline void on_stray_reset(const struct sock *sk, const struct sk_buff *skb)
{
	switch (sock_kind(sk, stray_resets_are_typed())) {
	case SOCKET_NONE:
		on_reset_without_socket(skb);
		break;
	case SOCKET_TIME_WAIT:
		on_reset_by_time_wait(sk, skb);
		break;
	default: /* tcp_send_reset tells, on any kernel */
		break;
	}
}

/*
 * Was it tcp_check_req() that gave up a handshake? The reason says so; or else who has called us;
 * or else what it would do.
 */
static __always_inline bool is_embryonic(unsigned long long *ctx, const struct sock *listener)
{
	if (offers(reset_reason))
		return (int)ctx[2] == reset_reason_invalid_syn();
	if (offers(symbols))
		return called_by(ctx, check_req_start, check_req_end);
	return queue_is_full(listener) && aborts_on_overflow(listener);
}

/*
 * skb is the segment that is answered; NULL if the socket resets of its own accord. Up to 6.9 only
 * full sockets come here, and there is no third argument, the reason.
 */
TRACEPOINT("tcp_send_reset")
int HOOK(on_send_reset, struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp;

	switch (sock_kind(sk, true)) {
	case SOCKET_LISTEN:
		if (is_segment(skb))
			on_reset_by_listener(sk, skb, is_embryonic(ctx, sk));
		break;
	case SOCKET_FULL:
		tp = sk ? tcp_of_sock(sk) : NULL;
		if (tp)
			on_reset_by_sock(ctx, tp, skb);
		break;
	default:
		if (offers(stray_resets) && skb) /* never NULL without a full socket */
			on_stray_reset(sk, skb);
		break;
	}
	return 0;
}

/* ---- resets without a full socket, where tcp_send_reset does not tell of them ------------------
 */

/* tcp_v4_send_reset() answers no RST, and only what was sent to an address of this host. */
static __always_inline bool is_answered_v4(const struct sock *sk, const struct sk_buff *skb)
{
	const struct rtable *route =
		(const void *)(BPF_CORE_READ(skb, _skb_refdst) & SKB_DST_PTRMASK);

	if (segment_is_rst(skb))
		return false;
	return sk || BPF_CORE_READ(route, rt_type) == RTN_LOCAL;
}

/* tcp_v6_send_reset() likewise: ipv6_unicast_destination() */
static __always_inline bool is_answered_v6(const struct sock *sk, const struct sk_buff *skb)
{
	const struct rt6_info *route =
		(const void *)(BPF_CORE_READ(skb, _skb_refdst) & SKB_DST_PTRMASK);

	if (segment_is_rst(skb))
		return false;
	return sk || BPF_CORE_READ(route, rt6i_flags) & RTF_LOCAL;
}

SEC("fentry/tcp_v4_send_reset")
int BPF_PROG(on_send_reset_v4, struct sock *sk, struct sk_buff *skb)
{
	if (is_answered_v4(sk, skb))
		on_stray_reset(sk, skb);
	return 0;
}

SEC("fentry/tcp_v6_send_reset")
int BPF_PROG(on_send_reset_v6, struct sock *sk, struct sk_buff *skb)
{
	if (is_answered_v6(sk, skb))
		on_stray_reset(sk, skb);
	return 0;
}

SEC("kprobe/tcp_v4_send_reset")
int BPF_KPROBE(probe_send_reset_v4, struct sock *sk, struct sk_buff *skb)
{
	if (is_answered_v4(sk, skb))
		on_stray_reset(sk, skb);
	return 0;
}

SEC("kprobe/tcp_v6_send_reset")
int BPF_KPROBE(probe_send_reset_v6, struct sock *sk, struct sk_buff *skb)
{
	if (is_answered_v6(sk, skb))
		on_stray_reset(sk, skb);
	return 0;
}

TRACEPOINT("tcp_receive_reset")
int HOOK(on_receive_reset, struct sock *sk)
{
	if (passes(sk))
		count(COUNT_RESETS_RECEIVED, 1);
	return 0;
}

/* ---- retransmissions ------------------------------------------------------------------------- */

/* From 6.17 also what could not be sent; these errors come before __tcp_retransmit_skb() counts. */
static __always_inline bool was_not_sent(unsigned long long *ctx)
{
	int err = offers(retransmit_error) ? ctx[2] : 0;

	return err == -EBUSY || err == -EAGAIN || err == -ENOMEM || err == -EHOSTUNREACH;
}

TRACEPOINT("tcp_retransmit_skb")
int HOOK(on_retransmit_skb, struct sock *sk, struct sk_buff *skb)
{
	struct tcp_skb_cb *cb = (struct tcp_skb_cb *)&skb->cb[0]; /* TCP_SKB_CB() */

	if (!was_not_sent(ctx) && passes(sk))
		count(COUNT_RETRANS, BPF_CORE_READ(cb, tcp_gso_segs));
	return 0;
}

TRACEPOINT("tcp_retransmit_synack")
int HOOK(on_retransmit_synack, struct sock *listener, struct request_sock *req)
{
	const struct sock *handshake = (const struct sock *)req;
	struct tuple tuple = {};

	tuple_of_sock(&tuple, handshake, BPF_CORE_READ(handshake, __sk_common.skc_num));
	if (pass_at_listener(listener, meet_listener(listener), &tuple))
		count(COUNT_RETRANS, 1);
	return 0;
}

/* ---- segments that a listener dropped -------------------------------------------------------- */

/*
 * The ACK that ends a handshake met a full accept queue. Where no reason says so, an ACK that was
 * dropped while the queue was full may also have been one that was not expected.
 */
static __always_inline bool is_overflow(int reason, bool queue_full, const struct segment *seg)
{
	__u32 flags = FACT_SEG_SYN | FACT_SEG_ACK | FACT_SEG_RST | FACT_SEG_FIN;

	if (offers(overflow_reason))
		return reason == drop_reason_listen_overflow();
	return queue_full && reason != drop_reason_no_socket() &&
	       reason != drop_reason_tcp_flags() && (seg->flags & flags) == FACT_SEG_ACK;
}

/*
 * How much sk_drops has grown for a segment that was freed with the listener as its socket, by
 * 1 in tcp_v4_rcv() (discard_and_relse) and, if a child could not be made, by another one in
 * tcp_v4_syn_recv_sock(). A cookie's ACK is freed in cookie_v4_check(), after that one alone.
 * What tcp_rcv_state_process() discards is not counted: it gives TCP_FLAGS.
 */
static __always_inline __u32 drops_of(int reason, bool queue_full, bool overflow)
{
	if (overflow)
		return 2;
	if (reason == drop_reason_no_socket())
		return queue_full;
	return reason != drop_reason_tcp_flags();
}

/* By a socket filter, IPsec, a minimal TTL...; a SYN that came again gives no reason. */
static __always_inline void on_filtered_syn(const struct sock *sk, const struct listener *l,
					    const struct segment *seg, int reason)
{
	struct facts facts = { .event = EVENT_SYN_DROP, .socket = SOCKET_LISTEN };

	if (reason == drop_reason_not_specified() || reason == drop_reason_tcp_flags())
		return;
	if ((seg->flags & (FACT_SEG_SYN | FACT_SEG_ACK)) != FACT_SEG_SYN ||
	    !pass_at_listener(sk, l, &seg->tuple))
		return;
	facts.state = BPF_TCP_LISTEN;
	facts.flags = seg->flags;
	report_listener(sk, l, &facts, seg, 1);
}

/* listener: the socket of the segment, a listener that is known or not. */
static __always_inline void on_drop(const struct sk_buff *skb, int reason, const struct sock *sk)
{
	struct listener *l = meet_listener(sk);
	struct facts facts = {};
	struct segment seg;
	bool full, overflow;

	if (!l)
		return;
	read_segment(&seg, skb, true);
	full = queue_is_full(sk);
	overflow = is_overflow(reason, full, &seg);
	__sync_fetch_and_add(&l->accounted, drops_of(reason, full, overflow));
	if (!overflow && !(reason == drop_reason_no_socket() && full)) {
		on_filtered_syn(sk, l, &seg, reason);
		return;
	}
	facts_of_listener(&facts, sk, EVENT_ACK_DROP);
	if (facts.flags & FACT_ABORT_OVERFLOW && overflow)
		return; /* answered by an RST, and seen there */
	facts.flags |= seg.flags | FLAG_IF(!drops_are_told(), FACT_INFERRED);
	if (pass_at_listener(sk, l, &seg.tuple))
		report_listener(sk, l, &facts, &seg, 1);
}

TRACEPOINT("kfree_skb")
int HOOK(on_kfree_skb, struct sk_buff *skb, void *location, int reason, struct sock *listener)
{
	if (sock_kind(listener, true) == SOCKET_LISTEN)
		on_drop(skb, reason, listener);
	return 0;
}

/* The same where kfree_skb doesn't tell: before the kernel looks at the queues, we do. */

SEC("fentry/tcp_conn_request")
int BPF_PROG(on_conn_request, void *ops, void *af_ops, struct sock *sk, struct sk_buff *skb)
{
	on_syn(sk, skb);
	return 0;
}

SEC("fentry/tcp_v4_syn_recv_sock")
int BPF_PROG(on_syn_recv_v4, struct sock *sk, struct sk_buff *skb, struct request_sock *req,
	     void *dst, struct request_sock *unhash)
{
	on_last_ack(sk, skb, unhash);
	return 0;
}

/* It calls the one above for mapped addresses. */
SEC("fentry/tcp_v6_syn_recv_sock")
int BPF_PROG(on_syn_recv_v6, struct sock *sk, struct sk_buff *skb, struct request_sock *req,
	     void *dst, struct request_sock *unhash)
{
	if (!is_ipv4(skb))
		on_last_ack(sk, skb, unhash);
	return 0;
}

SEC("kprobe/tcp_conn_request")
int BPF_KPROBE(probe_conn_request, void *ops, void *af_ops, struct sock *sk, struct sk_buff *skb)
{
	on_syn(sk, skb);
	return 0;
}

SEC("kprobe/tcp_v4_syn_recv_sock")
int BPF_KPROBE(probe_syn_recv_v4, struct sock *sk, struct sk_buff *skb, struct request_sock *req,
	       void *dst, struct request_sock *unhash)
{
	on_last_ack(sk, skb, unhash);
	return 0;
}

SEC("kprobe/tcp_v6_syn_recv_sock")
int BPF_KPROBE(probe_syn_recv_v6, struct sock *sk, struct sk_buff *skb, struct request_sock *req,
	       void *dst, struct request_sock *unhash)
{
	if (!is_ipv4(skb))
		on_last_ack(sk, skb, unhash);
	return 0;
}

/* ---- what the application does; only under -p and --errors ----------------------------------- */

TRACEPOINT("sock_send_length")
int HOOK(on_send_length, struct sock *sk, int ret)
{
	on_use(sk);
	on_call(ctx, sk, ret, FACT_SENDING);
	return 0;
}

TRACEPOINT("sock_recv_length")
int HOOK(on_recv_length, struct sock *sk, int ret)
{
	on_use(sk);
	on_call(ctx, sk, ret, 0);
	return 0;
}

/* The same before 6.3. */

SEC("fexit/tcp_sendmsg")
int BPF_PROG(on_sendmsg, struct sock *sk, void *msg, unsigned long size, int ret)
{
	on_use(sk);
	on_call(ctx, sk, ret, FACT_SENDING);
	return 0;
}

/* Before 5.19 there was one argument more, nonblock. The barriers keep the two loads apart. */
static __always_inline int recvmsg_result(unsigned long long *ctx)
{
	int ret;

	if (recvmsg_args == 6) {
		ret = ctx[6];
		barrier_var(ret);
	} else {
		ret = ctx[5];
		barrier_var(ret);
	}
	return ret;
}

SEC("fexit/tcp_recvmsg")
int BPF_PROG(on_recvmsg, struct sock *sk)
{
	on_use(sk);
	on_call(ctx, sk, recvmsg_result(ctx), 0);
	return 0;
}

/* ---- only under --stack ---------------------------------------------------------------------- */

TRACEPOINT("sock_send_length")
int HOOK(note_send, struct sock *sk, int ret)
{
	if (ret > 0)
		remember_send(ctx, sk);
	return 0;
}

/* The same before 6.3. */
SEC("fexit/tcp_sendmsg")
int BPF_PROG(note_sendmsg, struct sock *sk, void *msg, unsigned long size, int ret)
{
	if (ret > 0)
		remember_send(ctx, sk);
	return 0;
}

/* ---- only under --errors --------------------------------------------------------------------- */

TRACEPOINT("tcp_probe")
int HOOK(on_probe, struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = passing_sock(sk);

	if (tp)
		note_ttl(tp, skb);
	return 0;
}

TRACEPOINT("sys_enter")
int HOOK(on_sys_enter, struct pt_regs *regs, long nr)
{
	if (nr == SYSCALL_CLOSE && current_is_watched())
		on_close_fd(SYSCALL_ARG1(regs));
	return 0;
}

TRACEPOINT("sys_exit")
int HOOK(on_sys_exit, struct pt_regs *regs, long ret)
{
	if (ret == -ERR_BADF && current_is_watched())
		on_bad_fd(SYSCALL_ARG1(regs), SYSCALL_NR(regs));
	return 0;
}

/* ---- the end of a socket --------------------------------------------------------------------- */

TRACEPOINT("tcp_destroy_sock")
int HOOK(on_destroy_sock, struct sock *sk)
{
	struct closer_record *record;
	struct owner owner = {};

	__sync_fetch_and_add(&this_cpu_line()->destroyed, 1);
	forget_holder(sk);
	forget_fin(sk);
	if (!owner_awaited(sk) || !READ(sk, sk_lock.owned))
		return 0;
	owner_of_close(&owner, sk);
	if (!owner.pid) /* a kernel thread, as of MPTCP */
		return 0;
	record = reserve_record(RECORD_CLOSER, sizeof(*record));
	if (!record)
		return 0;
	record->sock_id = (__u64)sk;
	record->owner = owner;
	send(record);
	return 0;
}

/* ---- processes; only under -p ---------------------------------------------------------------- */

/* Only under --children. */
TRACEPOINT("sched_process_fork")
int HOOK(on_fork, struct task_struct *parent, struct task_struct *child)
{
	if (READ(child, tgid) != READ(parent, tgid) && is_watched(READ(parent, tgid)))
		watch_process(READ(child, tgid));
	return 0;
}

/* sched_process_exit would be too early: a process's sockets are closed after it. */
TRACEPOINT("sched_process_free")
int HOOK(on_process_free, struct task_struct *task)
{
	__u32 tgid = READ(task, tgid);

	if (READ(task, pid) == READ(task, tgid))
		bpf_map_delete_elem(&processes, &tgid);
	return 0;
}
