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

/* What the children of a listener, of its namespace and port, tell of its accept queue. */
struct queue_history {
	__u64 filled_ns; /* when a child last filled it, 0 = never */
	__u64 run_ns;    /* since when it has only grown: nothing was accepted */
	__u64 noted_ns;  /* when the newest child was noted */
	__u32 backlog;   /* as it has found it */
	__u32 cookies;   /* of a SO_REUSEPORT group: the last stamp that was reported */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct queue_history);
} queues SEC(".maps");

#define LOOK_AGAIN_NS 5000000 /* wake user space for a filled queue no more often than this */

#define NOTED_FOR_NS 60000000000ULL /* a child is compared with one before it that is not older */

__u32 queues_noted = 0;   /* jiffies, when a child last found a queue that was not empty */
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

static __always_inline struct queue_history *find_queue(struct tcp_sock *tp)
{
	__u64 key = port_key(tp);

	return bpf_map_lookup_elem(&queues, &key);
}

/* NULL if it is not there and not to be added, or cannot be. */
static __always_inline struct queue_history *find_or_add_queue(struct tcp_sock *tp, bool add)
{
	struct queue_history *queue = find_queue(tp), fresh = {};
	__u64 key = port_key(tp);

	if (queue || !add)
		return queue;
	bpf_map_update_elem(&queues, &key, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&queues, &key);
}

static __always_inline __u64 filled_at(struct tcp_sock *tp)
{
	const struct queue_history *queue = find_queue(tp);

	return queue ? queue->filled_ns : 0;
}

/* Listeners that share a port grow several queues: of one of them nothing is known. */
static __always_inline __u32 ms_since_accept(struct tcp_sock *tp, __u64 now)
{
	const struct queue_history *queue = find_queue(tp);

	if (!queue || !queue->run_ns || as_sock(tp)->sk_reuseport_cb)
		return 0;
	return (now - queue->run_ns) / 1000000;
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

/* tcp_synq_overflow(): the time stamp is the listener's, or that of its SO_REUSEPORT group. */
static __always_inline __u32 cookie_stamp(struct tcp_sock *tp)
{
	struct sock_reuseport *group = as_sock(tp)->sk_reuseport_cb;

	return group ? BPF_CORE_READ(group, synq_overflow_ts) : tp->rx_opt.ts_recent_stamp;
}

/* NULL if it is not to be watched, or is watched already. */
static __always_inline struct listener *add_listener(struct tcp_sock *tp)
{
	struct listener *l;

	if (!pass_netns(as_sock(tp)) || find_listener(tp))
		return NULL;
	l = bpf_sk_storage_get(&listeners, tp, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (l) {
		l->base = as_sock(tp)->sk_drops.counter;
		l->cookies = cookie_stamp(tp);
		note_queues(tp, l, bpf_ktime_get_ns());
	}
	return l;
}

static __always_inline void ask_for_look(__u64 now)
{
	struct record_head *record;

	if (now - woken_ns < LOOK_AGAIN_NS)
		return;
	woken_ns = now;
	record = reserve_record(RECORD_QUEUE_FULL, sizeof(*record));
	if (record)
		send(record);
}

/* Asked for each connection that is accepted. */
static __always_inline bool noted_lately(void)
{
	__u32 jiffies = (__u32)bpf_jiffies64() - queues_noted;

	return (__u64)jiffies * tick_us * 1000 < NOTED_FOR_NS;
}

/*
 * A new child is a copy of its listener from just before it joins the queue; the listener itself
 * cannot be reached from here. If each finds one more than the one before, nothing has been
 * accepted in between. Where all find the queue empty, as in good times, none leaves a note.
 */
static __always_inline void note_queue(struct tcp_sock *child)
{
	__u32 backlog = as_sock(child)->sk_ack_backlog;
	struct queue_history *queue;
	__u64 now;

	if (!backlog && !noted_lately())
		return;
	if (!pass_netns(as_sock(child)))
		return;
	queue = find_or_add_queue(child, backlog > 0);
	if (!queue)
		return;
	now = bpf_ktime_get_ns();
	if (backlog != queue->backlog + 1 || now - queue->noted_ns > NOTED_FOR_NS)
		queue->run_ns = now;
	queue->backlog = backlog;
	queue->noted_ns = now;
	if (backlog)
		queues_noted = bpf_jiffies64();
	if (backlog >= as_sock(child)->sk_max_ack_backlog) {
		queue->filled_ns = now;
		ask_for_look(now);
	}
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
	struct evidence *e = report(facts, n);

	if (!e)
		return;
	details_of_listener(e, tp);
	if (seg)
		details_of_segment(e, seg);
	if (l) {
		e->owner = l->owner;
		e->owner.source = OWNER_LISTENER;
		if (e->facts.flags & FACT_QUEUE_FULL) {
			e->full_ms = ms_since_full(tp, l, e->time_ns);
			e->unaccepted_ms = ms_since_accept(tp, e->time_ns);
		}
	}
	send(e);
}

/* Of a SO_REUSEPORT group all see the same stamp, and the first one reports it. */
static __always_inline bool group_has_reported(struct tcp_sock *tp, __u32 stamp)
{
	struct queue_history *queue;
	bool reported;

	if (!as_sock(tp)->sk_reuseport_cb)
		return false;
	queue = find_or_add_queue(tp, true);
	if (!queue)
		return false;
	reported = queue->cookies == stamp;
	queue->cookies = stamp;
	return reported;
}

static __always_inline void look_for_cookies(struct tcp_sock *tp, struct listener *l)
{
	__u32 stamp = cookie_stamp(tp);
	struct facts facts = {};

	if (stamp == l->cookies)
		return;
	l->cookies = stamp;
	if (group_has_reported(tp, stamp))
		return;
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
