/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Listeners: whose they are, and which SYNs they dropped.
 *
 * A SYN that meets a full accept queue is dropped without a trace: no tracepoint, no kfree_skb.
 * Only the listener's sk_drops grows, by 1 for a SYN and by 2 for the last ACK of a handshake.
 * The ACKs are seen by kfree_skb, so the rest are SYNs. User space looks at the listeners (the
 * iterator below) often while a queue is full, and once a second otherwise.
 */
#ifndef TCPWHY_LISTENERS_H
#define TCPWHY_LISTENERS_H

#include "emit.h"
#include "filter.h"

struct listener {
	struct owner owner;
	__u32 base;      /* sk_drops when we first saw it */
	__u32 ack_drops; /* final ACKs dropped since */
	__u32 seen;      /* SYNs dropped, as of the last look */
	__u32 reported;  /* SYNs dropped and reported */
	__u64 looked_ns; /* time of the last look */
	__u8 was_full;   /* at the last look */
	__u8 pad[7];
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

/* NULL if it is not to be watched, or is watched already. */
static __always_inline struct listener *add_listener(struct tcp_sock *tp)
{
	struct listener *l;

	if (!pass_ports_of(tp) || find_listener(tp))
		return NULL;
	l = bpf_sk_storage_get(&listeners, tp, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (l) {
		l->base = as_sock(tp)->sk_drops.counter;
		l->was_full = queue_is_full(as_sock(tp));
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

static __always_inline bool filled_since(struct tcp_sock *tp, __u64 since)
{
	__u64 key = port_key(tp);
	__u64 *when = bpf_map_lookup_elem(&filled, &key);

	return when && *when >= since;
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
	}
	e->count = n;
	send(e);
}

/*
 * Report the SYNs dropped since the last look. The two parts of the sum, sk_drops and ack_drops,
 * grow one shortly after the other: so what was not there at the last look is left to the next,
 * but for the last look of all.
 */
static __always_inline void look_at_listener(struct tcp_sock *tp, struct listener *l, bool last)
{
	const struct sock *sk = as_sock(tp);
	__s32 syns = sk->sk_drops.counter - l->base - 2 * l->ack_drops;
	__s32 sure = last || syns < (__s32)l->seen ? syns : (__s32)l->seen;
	__u64 now = bpf_ktime_get_ns();
	struct facts facts = {};

	l->seen = syns > 0 ? syns : 0;
	if (sure > (__s32)l->reported) {
		facts_of_listener(&facts, tp, EVENT_SYN_DROP);
		if (l->was_full || filled_since(tp, l->looked_ns))
			facts.flags |= FACT_QUEUE_FULL;
		report_listener(tp, l, &facts, NULL, sure - l->reported);
		l->reported = sure;
	}
	if (l->seen == l->reported) {
		l->was_full = queue_is_full(sk);
		l->looked_ns = now;
	}
}

#endif
