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
#include "emit.h"
#include "filter.h"
#include "fin.h"
#include "iterators.h"
#include "listeners.h"
#include "owner.h"
#include "sock.h"
#include "ttl.h"

#define EAGAIN       11
#define ENOMEM       12
#define EBUSY        16
#define EHOSTUNREACH 113

char LICENSE[] SEC("license") = "GPL";

/* ---- deaths ---------------------------------------------------------------------------------- */

/* e may be NULL: then no record is due. */
static __always_inline void send_death(struct evidence *e, struct tcp_sock *tp, __u32 seg_len)
{
	if (!e)
		return;
	details_of_sock(e, tp);
	e->seg_len = seg_len;
	if (watch_ttl)
		recall_ttls(e, tp);
	recall_fin(e, tp);
	owner_of_death(e, tp);
	if (!e->owner.pid && e->inode)
		await_owner(tp);
	send(e);
}

static __always_inline void on_death(struct tcp_sock *tp, int state)
{
	struct facts facts = {};

	if (!pass_sock(tp))
		return;
	facts.event = EVENT_DEATH;
	facts_of_sock(&facts, tp, state);
	send_death(report(&facts, 1), tp, 0);
	if (watch_ttl)
		forget_ttls(tp);
}

/*
 * Data reached a socket that its process had closed. The kernel first ends the connection as if an
 * RST had come (or as an orderly end, where the data came with the ACK of our FIN), then sends the
 * RST and comes here. So the verdict that was counted a moment ago is taken back.
 */
static __always_inline void on_late_data(struct tcp_sock *tp, struct sk_buff *skb)
{
	struct facts facts = {}, death;
	int judgement, taken_back;
	struct segment seg;

	facts.event = EVENT_RESET;
	facts_of_sock(&facts, tp, as_sock(tp)->__sk_common.skc_state);
	judgement = judge(&facts);
	if ((judgement & ~WORTH_A_RECORD) != VERDICT_late_data)
		return;
	death = facts;
	death.event = EVENT_DEATH;
	death.state = facts.err ? ST_FIN_WAIT1 : ST_FIN_WAIT2;
	taken_back = judge(&death);
	count_verdict(taken_back, -1);
	count_verdict(judgement, 1);
	if (facts.err)
		count(COUNT_RESETS_RECEIVED, -1);
	if (!((judgement | taken_back) & WORTH_A_RECORD))
		return;
	read_segment(&seg, skb);
	send_death(reserve_evidence(&facts), tp, seg.len);
}

/* ---- listeners ------------------------------------------------------------------------------- */

static __always_inline void on_listen(struct tcp_sock *tp)
{
	struct listener *l = add_listener(tp);

	if (l)
		owner_of_current(&l->owner);
	if (current_is_watched())
		watch_sock(tp);
}

static __always_inline void on_listen_end(struct tcp_sock *tp)
{
	struct listener *l = find_listener(tp);

	if (l && pass_sock(tp))
		look_at_listener(tp, l, true);
}

/* The process closes or shuts down its end: from now on the socket is known to be its own. */
static __always_inline void on_close(struct tcp_sock *tp, int new)
{
	if (!pass_ends(tp))
		return;
	if (current_is_watched() && as_sock(tp)->sk_lock.owned)
		watch_sock(tp);
	remember_closer(tp, new == BPF_TCP_FIN_WAIT1, pass_owner(tp));
}

/* ---- the choke point ------------------------------------------------------------------------- */

/* Most changes of state decide nothing: they leave at once. */
static __always_inline bool decisive(int new)
{
	return !(new == BPF_TCP_ESTABLISHED || new == BPF_TCP_FIN_WAIT2 || new == BPF_TCP_CLOSING);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_set_state, struct sock *sk, int old, int new)
{
	struct tcp_sock *tp;

	if (!decisive(new) || old == new)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk); /* NULL for MPTCP's message socket and for SCTP */
	if (!tp)
		return 0;
	switch (new) {
	case BPF_TCP_CLOSE:
		if (old == BPF_TCP_LISTEN)
			on_listen_end(tp);
		else
			on_death(tp, old);
		break;
	case BPF_TCP_FIN_WAIT1:
	case BPF_TCP_LAST_ACK:
		on_close(tp, new);
		break;
	case BPF_TCP_CLOSE_WAIT:
		remember_fin(tp);
		break;
	case BPF_TCP_SYN_RECV:
		if (old == BPF_TCP_LISTEN) /* else it has connected to itself */
			note_queue(tp);
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

/* ---- resets ---------------------------------------------------------------------------------- */

static __always_inline void on_reset_without_socket(struct sk_buff *skb)
{
	struct facts facts = {};
	struct segment seg;
	struct evidence *e;
	__u32 netns;

	if (filter_owners())
		return;
	read_segment(&seg, skb);
	netns = BPF_CORE_READ(skb, dev, nd_net.net, ns.inum);
	if (!pass_tuple(&seg.tuple) || (filter_netns && netns != filter_netns))
		return;
	count(COUNT_RESETS_SENT, 1);
	facts.event = EVENT_RESET;
	facts.socket = SOCKET_NONE;
	facts.flags = seg.flags;
	e = report(&facts, 1);
	if (!e)
		return;
	details_of_segment(e, &seg);
	e->netns = netns;
	send(e);
}

static __always_inline void on_reset_by_time_wait(struct sock *sk, struct sk_buff *skb)
{
	struct inet_timewait_sock *tw = (struct inet_timewait_sock *)sk;
	__u16 lport = bpf_ntohs(BPF_CORE_READ(tw, tw_sport));
	struct facts facts = {};
	struct closer *closer;
	struct segment seg;
	struct evidence *e;

	read_segment(&seg, skb);
	if (!pass_tuple(&seg.tuple) || !pass_netns(sk))
		return;
	closer = find_closer(sk, lport);
	if (filter_owners() && !(closer && closer->passes))
		return;
	count(COUNT_RESETS_SENT, 1);
	facts.event = EVENT_RESET;
	facts.socket = SOCKET_TIME_WAIT;
	facts.state = BPF_TCP_TIME_WAIT;
	facts.flags = seg.flags;
	e = report(&facts, 1);
	if (!e)
		return;
	e->sock_id = (__u64)sk;
	e->netns = netns_of_sock(sk);
	owner_from_closer(e, closer);
	details_of_segment(e, &seg);
	send(e);
}

static __always_inline void on_reset_by_listener(struct tcp_sock *tp, struct sk_buff *skb,
						 int reason)
{
	struct facts facts = {};
	struct segment seg;

	read_segment(&seg, skb);
	if (!pass_at_listener(tp, &seg.tuple))
		return;
	count(COUNT_RESETS_SENT, 1);
	facts_of_listener(&facts, tp, EVENT_RESET);
	facts.flags |= seg.flags;
	if (reason == reset_reason_invalid_syn())
		facts.flags |= FACT_EMBRYONIC;
	report_listener(tp, find_listener(tp), &facts, &seg, 1);
}

static __always_inline void on_reset_by_sock(struct tcp_sock *tp, struct sk_buff *skb)
{
	if (!pass_sock(tp))
		return;
	count(COUNT_RESETS_SENT, 1);
	if (skb)
		on_late_data(tp, skb);
}

/* skb is the segment that is answered; NULL if the socket resets of its own accord. */
SEC("tp_btf/tcp_send_reset")
int BPF_PROG(on_send_reset, struct sock *sk, struct sk_buff *skb, int reason)
{
	struct tcp_sock *tp;

	switch (sock_kind(sk)) {
	case SOCKET_NONE:
		if (skb)
			on_reset_without_socket(skb);
		break;
	case SOCKET_TIME_WAIT:
		if (sk && skb)
			on_reset_by_time_wait(sk, skb);
		break;
	case SOCKET_LISTEN:
		tp = sk ? bpf_skc_to_tcp_sock(sk) : NULL;
		if (tp && skb)
			on_reset_by_listener(tp, skb, reason);
		break;
	case SOCKET_FULL:
		tp = sk ? bpf_skc_to_tcp_sock(sk) : NULL;
		if (tp)
			on_reset_by_sock(tp, skb);
		break;
	}
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(on_receive_reset, struct sock *sk)
{
	if (passing_sock(sk))
		count(COUNT_RESETS_RECEIVED, 1);
	return 0;
}

/* ---- retransmissions ------------------------------------------------------------------------- */

static __always_inline void on_retransmit(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_skb_cb *cb = (struct tcp_skb_cb *)&skb->cb[0]; /* TCP_SKB_CB() */

	if (passing_sock(sk))
		count(COUNT_RETRANS, BPF_CORE_READ(cb, tcp_gso_segs));
}

/* To 6.16: only what was sent. One of the two is loaded, by the number of arguments in BTF. */
SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(on_retransmit_skb, struct sock *sk, struct sk_buff *skb)
{
	on_retransmit(sk, skb);
	return 0;
}

/* From 6.17 also what could not be sent; these errors come before __tcp_retransmit_skb() counts. */
SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(on_retransmit_skb_err, struct sock *sk, struct sk_buff *skb, int err)
{
	if (err != -EBUSY && err != -EAGAIN && err != -ENOMEM && err != -EHOSTUNREACH)
		on_retransmit(sk, skb);
	return 0;
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(on_retransmit_synack, struct sock *listener, struct request_sock *req)
{
	const struct sock *handshake = (const struct sock *)req;
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(listener);
	struct tuple tuple = {};

	tuple_of_sock(&tuple, handshake, handshake->__sk_common.skc_num);
	if (tp && pass_at_listener(tp, &tuple))
		count(COUNT_RETRANS, 1);
	return 0;
}

/* ---- segments that a listener dropped -------------------------------------------------------- */

/*
 * How much sk_drops has grown for a segment that was freed with the listener as its socket, by
 * 1 in tcp_v4_rcv() (discard_and_relse) and, if a child could not be made, by another one in
 * tcp_v4_syn_recv_sock(). A cookie's ACK is freed in cookie_v4_check(), after that one alone.
 * What tcp_rcv_state_process() discards is not counted: it gives TCP_FLAGS.
 */
static __always_inline __u32 drops_of(int reason, bool queue_full)
{
	if (reason == drop_reason_listen_overflow())
		return 2;
	if (reason == drop_reason_no_socket())
		return queue_full;
	return reason != drop_reason_tcp_flags();
}

static __always_inline bool drops_handshake(int reason, bool queue_full)
{
	return reason == drop_reason_listen_overflow() ||
	       (reason == drop_reason_no_socket() && queue_full);
}

/* By a socket filter, IPsec, a minimal TTL...; a SYN that came again gives no reason. */
static __always_inline void on_filtered_syn(struct tcp_sock *tp, struct sk_buff *skb,
					    const struct listener *l, int reason)
{
	struct facts facts = { .event = EVENT_SYN_DROP, .socket = SOCKET_LISTEN };
	struct segment seg;

	if (reason == drop_reason_not_specified() || reason == drop_reason_tcp_flags())
		return;
	read_segment(&seg, skb);
	if ((seg.flags & (FACT_SEG_SYN | FACT_SEG_ACK)) != FACT_SEG_SYN ||
	    !pass_at_listener(tp, &seg.tuple))
		return;
	facts.state = BPF_TCP_LISTEN;
	facts.flags = seg.flags;
	report_listener(tp, l, &facts, &seg, 1);
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(on_kfree_skb, struct sk_buff *skb, void *location, int reason, struct sock *listener)
{
	struct facts facts = {};
	struct tcp_sock *tp;
	struct segment seg;
	struct listener *l;
	bool full;

	if (!listener || sock_kind(listener) != SOCKET_LISTEN)
		return 0;
	tp = bpf_skc_to_tcp_sock(listener);
	if (!tp)
		return 0;
	full = queue_is_full(as_sock(tp));
	l = find_listener(tp);
	if (l)
		__sync_fetch_and_add(&l->accounted, drops_of(reason, full));
	if (!drops_handshake(reason, full)) {
		on_filtered_syn(tp, skb, l, reason);
		return 0;
	}
	facts_of_listener(&facts, tp, EVENT_ACK_DROP);
	if (facts.flags & FACT_ABORT_OVERFLOW && reason == drop_reason_listen_overflow())
		return 0; /* answered by an RST, and seen there */
	read_segment(&seg, skb);
	facts.flags |= seg.flags;
	if (pass_at_listener(tp, &seg.tuple))
		report_listener(tp, l, &facts, &seg, 1);
	return 0;
}

/* ---- what the application does; only under -p and --errors ----------------------------------- */

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send_length, struct sock *sk, int ret)
{
	on_use(sk);
	on_call(sk, ret, FACT_SENDING);
	return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_recv_length, struct sock *sk, int ret)
{
	on_use(sk);
	on_call(sk, ret, 0);
	return 0;
}

/* ---- only under --errors --------------------------------------------------------------------- */

SEC("tp_btf/tcp_probe")
int BPF_PROG(on_probe, struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = passing_sock(sk);

	if (tp)
		note_ttl(tp, skb);
	return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_sys_enter, struct pt_regs *regs, long nr)
{
	if (nr == SYSCALL_CLOSE && current_is_watched())
		on_close_fd(SYSCALL_ARG1(regs));
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_sys_exit, struct pt_regs *regs, long ret)
{
	if (ret == -ERR_BADF && current_is_watched())
		on_bad_fd(SYSCALL_ARG1(regs), SYSCALL_NR(regs));
	return 0;
}

/* ---- the end of a socket --------------------------------------------------------------------- */

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(on_destroy_sock, struct sock *sk)
{
	struct closer_record *record;
	struct owner owner = {};

	count(COUNT_DESTROYED, 1);
	if (!owner_awaited(sk) || !sk->sk_lock.owned)
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
SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	if (child->tgid != parent->tgid && is_watched(parent->tgid))
		watch_process(child->tgid);
	return 0;
}

/* sched_process_exit would be too early: a process's sockets are closed after it. */
SEC("tp_btf/sched_process_free")
int BPF_PROG(on_process_free, struct task_struct *task)
{
	__u32 tgid = task->tgid;

	if (task->pid == task->tgid)
		bpf_map_delete_elem(&processes, &tgid);
	return 0;
}
