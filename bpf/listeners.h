/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Listeners: whose they are, and which SYNs they dropped.
 *
 * A SYN that meets a full accept queue is dropped without a trace: no tracepoint, no kfree_skb.
 * Only the listener's sk_drops grows. It grows for other segments too, but these are freed in
 * tcp_v4_rcv() and seen by kfree_skb: so the rest are SYNs. User space looks at the listeners (the
 * iterator below) often while a queue is full, and once a second otherwise.
 *
 * Two queues can be full: the accept queue, of connections that wait for accept(), and the SYN
 * queue, of handshakes under way. A full SYN queue drops SYNs too, or answers them with cookies;
 * then the listener's ts_recent_stamp moves, once a second at most: tcp_synq_overflow().
 */
#ifndef TCPWHY_LISTENERS_H
#define TCPWHY_LISTENERS_H

#include "emit.h"
#include "filter.h"

struct listener {
	struct owner owner;
	__u32 base;      /* sk_drops when we first saw it */
	__u32 accounted; /* of sk_drops since: those that other hooks have shown */
	__u32 seen;      /* SYNs dropped, as of the last look */
	__u32 reported;  /* SYNs dropped and reported */
	__u64 looked_ns; /* time of the last look */
	__u64 full_ns;   /* since when the accept queue is full, 0 = it is not */
	__u32 cookies;   /* ts_recent_stamp at the last look */
	__u8 syn_full;   /* the SYN queue was full at the last look */
	__u8 pad[3];
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct listener);
} listeners SEC(".maps");

/* When a child last filled the queue of a listener in this namespace, on this port. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u64);
} filled SEC(".maps");

#define LOOK_AGAIN_NS 5000000 /* wake user space for a filled queue no more often than this */

__u64 woken_ns = 0;       /* when user space was last woken for a filled queue */
__u32 listeners_full = 0; /* queues that the looks found full; user space sets it to 0 */

static __always_inline __u64 port_key(struct tcp_sock *tp)
{
	return (__u64)netns_of_sock(as_sock(tp)) << 16 | local_port(tp);
}

static __always_inline struct listener *find_listener(struct tcp_sock *tp)
{
	return bpf_sk_storage_get(&listeners, tp, NULL, 0);
}

static __always_inline __u64 filled_at(struct tcp_sock *tp)
{
	__u64 key = port_key(tp);
	__u64 *when = bpf_map_lookup_elem(&filled, &key);

	return when ? *when : 0;
}

/* How full the queues are at a look. */
static __always_inline void note_queues(struct tcp_sock *tp, struct listener *l, __u64 now)
{
	if (!queue_is_full(as_sock(tp)))
		l->full_ns = 0;
	else if (!l->full_ns)
		l->full_ns = filled_at(tp) > l->looked_ns ? filled_at(tp) : now;
	l->syn_full = syn_queue_is_full(tp);
	l->looked_ns = now;
}

/* Before the first look at the full queue, the child that filled it tells. */
static __always_inline __u32 ms_since_full(struct tcp_sock *tp, const struct listener *l, __u64 now)
{
	__u64 since = l->full_ns ? l->full_ns : filled_at(tp);

	return since ? (now - since) / 1000000 : 0;
}

/* NULL if it is not to be watched, or is watched already. */
static __always_inline struct listener *add_listener(struct tcp_sock *tp)
{
	struct listener *l;

	if (!pass_ports_of(tp) || find_listener(tp))
		return NULL;
	l = bpf_sk_storage_get(&listeners, tp, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (l) {
		l->base = as_sock(tp)->sk_drops.counter;
		l->cookies = tp->rx_opt.ts_recent_stamp;
		note_queues(tp, l, bpf_ktime_get_ns());
	}
	return l;
}

/*
 * A new child is a copy of its listener from just before it joins the queue: now the queue gets
 * full. The listener itself cannot be reached from here.
 */
static __always_inline void note_filled_queue(struct tcp_sock *child)
{
	const struct sock *sk = as_sock(child);
	struct record_head *record;
	__u64 now, key;

	if (sk->sk_ack_backlog < sk->sk_max_ack_backlog || !pass_ports_of(child))
		return;
	now = bpf_ktime_get_ns();
	key = port_key(child);
	bpf_map_update_elem(&filled, &key, &now, BPF_ANY);
	if (now - woken_ns < LOOK_AGAIN_NS)
		return;
	woken_ns = now;
	record = reserve_record(RECORD_QUEUE_FULL, sizeof(*record));
	if (record)
		send(record);
}

static __always_inline void facts_of_listener(struct facts *f, struct tcp_sock *tp,
					      enum event event)
{
	const struct sock *sk = as_sock(tp);

	f->event = event;
	f->socket = SOCKET_LISTEN;
	f->state = BPF_TCP_LISTEN;
	if (queue_is_full(sk))
		f->flags |= FACT_QUEUE_FULL;
	if (sk->__sk_common.skc_net.net->ipv4.sysctl_tcp_abort_on_overflow)
		f->flags |= FACT_ABORT_OVERFLOW;
}

/* An incident at a listener; seg is the segment that caused it, if there is one. */
static __always_inline void report_listener(struct tcp_sock *tp, const struct listener *l,
					    const struct facts *facts, const struct segment *seg,
					    __u32 n)
{
	struct evidence *e;

	count_verdict(judge(facts), n);
	e = reserve_evidence(facts);
	if (!e)
		return;
	details_of_listener(e, tp);
	if (seg)
		details_of_segment(e, seg);
	if (l) {
		e->owner = l->owner;
		e->owner.source = OWNER_LISTENER;
		if (e->facts.flags & FACT_QUEUE_FULL)
			e->full_ms = ms_since_full(tp, l, e->time_ns);
	}
	e->count = n;
	send(e);
}

static __always_inline void look_for_cookies(struct tcp_sock *tp, struct listener *l)
{
	__u32 stamp = tp->rx_opt.ts_recent_stamp;
	struct facts facts = {};

	if (stamp == l->cookies)
		return;
	l->cookies = stamp;
	facts_of_listener(&facts, tp, EVENT_COOKIES);
	report_listener(tp, l, &facts, NULL, 1);
}

/*
 * Report the SYNs dropped since the last look. The two parts of the sum, sk_drops and accounted,
 * grow one shortly after the other: so what was not there at the last look is left to the next,
 * but for the last look of all.
 */
static __always_inline void look_at_listener(struct tcp_sock *tp, struct listener *l, bool last)
{
	const struct sock *sk = as_sock(tp);
	__s32 syns = sk->sk_drops.counter - l->base - l->accounted;
	__s32 sure = last || syns < (__s32)l->seen ? syns : (__s32)l->seen;
	__u64 now = bpf_ktime_get_ns();
	struct facts facts = {};

	l->seen = syns > 0 ? syns : 0;
	if (sure > (__s32)l->reported) {
		facts_of_listener(&facts, tp, EVENT_SYN_DROP);
		if (l->full_ns || filled_at(tp) >= l->looked_ns)
			facts.flags |= FACT_QUEUE_FULL;
		if (l->syn_full || syn_queue_is_full(tp))
			facts.flags |= FACT_SYN_QUEUE_FULL;
		report_listener(tp, l, &facts, NULL, sure - l->reported);
		l->reported = sure;
	}
	if (l->seen == l->reported)
		note_queues(tp, l, now);
	look_for_cookies(tp, l);
}

#endif
