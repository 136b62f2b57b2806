/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Listeners: whose they are, and which SYNs they dropped.
 *
 * A SYN that meets a full accept queue is dropped without a trace: no tracepoint, no kfree_skb.
 * Only the listener's sk_drops grows. It grows for other segments too, but these are freed in
 * tcp_v4_rcv() and seen by kfree_skb: so the rest are SYNs. User space looks at the listeners
 * (look_at_listeners) often while a queue is full, and once a second otherwise. Where kfree_skb
 * doesn't say at which socket a segment was dropped, SYNs are seen as they come: on_syn().
 *
 * Two queues can be full: the accept queue, of connections that wait for accept(), and the SYN
 * queue, of handshakes under way. A full SYN queue drops SYNs too, or answers them with cookies;
 * then the listener's ts_recent_stamp moves, once a second at most: tcp_synq_overflow().
 */
#ifndef TCPWHY_LISTENERS_H
#define TCPWHY_LISTENERS_H

#include "emit.h"
#include "filter.h"

#define EEXIST 17

const volatile bool hook_syns = false; /* on_syn() is called; else sk_drops tells */

/* For want of room in which queue a SYN was dropped. */
enum queue { ACCEPT_QUEUE, SYN_QUEUE, QUEUES };

struct listener {
	struct owner owner;
	__u64 looked_ns;      /* time of the last look */
	__u64 full_ns;        /* since when the accept queue is full, 0 = it is not */
	__u32 base;           /* sk_drops when we first saw it */
	__u32 accounted;      /* of sk_drops since: those that other hooks have shown */
	__u32 seen;           /* SYNs dropped, as of the last look */
	__u32 reported;       /* of these */
	__u32 hooked[QUEUES]; /* SYNs that on_syn() saw dropped */
	__u32 hooked_reported[QUEUES];
	__u32 doubtful; /* SYNs that on_syn() saw and may have been dropped: settle_doubts() */
	__u32 settled;  /* of these: it is known, or no longer asked */
	__u32 left;     /* and those that the last look left */
	__u32 cookies;  /* ts_recent_stamp at the last look */
	__u16 lport;
	__u8 syn_full; /* the SYN queue was full at the last look */
	__u8 holder;   /* enum holder */
};

/* By the address of the socket; the entry goes when it stops to listen. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct listener);
} listeners SEC(".maps");

__u32 listeners_unseen = 0; /* those for which there was no room */

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

static __always_inline struct listener *find_listener(const struct sock *sk)
{
	__u64 address = (__u64)sk;

	return bpf_map_lookup_elem(&listeners, &address);
}

static __always_inline void forget_listener(const struct sock *sk)
{
	__u64 address = (__u64)sk;

	bpf_map_delete_elem(&listeners, &address);
}

static __always_inline struct queue_history *find_queue(const struct sock *sk)
{
	__u64 key = port_key(sk);

	return bpf_map_lookup_elem(&queues, &key);
}

/* NULL if it is not there and not to be added, or cannot be. */
static __always_inline struct queue_history *find_or_add_queue(const struct sock *sk, bool add)
{
	struct queue_history *queue = find_queue(sk), fresh = {};
	__u64 key = port_key(sk);

	if (queue || !add)
		return queue;
	bpf_map_update_elem(&queues, &key, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&queues, &key);
}

static __always_inline __u64 filled_at(const struct sock *sk)
{
	const struct queue_history *queue = find_queue(sk);

	return queue ? queue->filled_ns : 0;
}

static __always_inline struct sock_reuseport *reuseport_group(const struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_reuseport_cb);
}

/* Listeners that share a port grow several queues: of one of them nothing is known. */
static __always_inline __u32 ms_since_accept(const struct sock *sk, __u64 now)
{
	const struct queue_history *queue = find_queue(sk);

	if (!queue || !queue->run_ns || reuseport_group(sk))
		return 0;
	return (now - queue->run_ns) / 1000000;
}

/* How full the queues are, seen before sk_drops is read: what is dropped later, the next look
 * counts. */
struct fullness {
	__u64 seen_ns;
	__u8 accept_queue;
	__u8 syn_queue;
};

static __always_inline struct fullness fullness_of(const struct sock *sk)
{
	return (struct fullness){
		.seen_ns = bpf_ktime_get_ns(),
		.accept_queue = queue_is_full(sk),
		.syn_queue = syn_queue_is_full(sk),
	};
}

/*
 * A queue that was filled since the last look counts as full until the next, even if it has room: a
 * child tells of it just before it joins, and a SYN that met the full queue may not be in sk_drops
 * yet.
 */
static __always_inline void note_queues(const struct sock *sk, struct listener *l,
					const struct fullness *now)
{
	__u64 filled = filled_at(sk) > l->looked_ns ? filled_at(sk) : 0;

	if (!now->accept_queue)
		l->full_ns = filled;
	else if (!l->full_ns)
		l->full_ns = filled ? filled : now->seen_ns;
	l->syn_full = now->syn_queue;
	l->looked_ns = now->seen_ns;
}

/* Before the first look at the full queue, the child that filled it tells. */
static __always_inline __u32 ms_since_full(const struct sock *sk, const struct listener *l,
					   __u64 now)
{
	__u64 since = l->full_ns ? l->full_ns : filled_at(sk);

	return since ? (now - since) / 1000000 : 0;
}

/* tcp_synq_overflow(): the time stamp is the listener's, or that of its SO_REUSEPORT group. */
static __always_inline __u32 cookie_stamp(const struct sock *sk)
{
	struct sock_reuseport *group = reuseport_group(sk);

	if (group)
		return BPF_CORE_READ(group, synq_overflow_ts);
	return BPF_CORE_READ((const struct tcp_sock *)sk, rx_opt.ts_recent_stamp);
}

/* NULL if it is not to be watched, or is watched already. */
static __always_inline struct listener *add_listener(const struct sock *sk)
{
	static const struct listener fresh; /* not on the stack, of which there is little */
	__u64 address = (__u64)sk;
	struct listener *l;
	long err;

	if (!pass_netns(sk))
		return NULL;
	err = bpf_map_update_elem(&listeners, &address, &fresh, BPF_NOEXIST);
	if (err && err != -EEXIST)
		__sync_fetch_and_add(&listeners_unseen, 1);
	if (err)
		return NULL;
	l = find_listener(sk);
	if (l) {
		struct fullness now = fullness_of(sk);

		note_queues(sk, l, &now);
		if (!now.accept_queue)
			l->full_ns = 0; /* it was another's, on the same port */
		l->lport = local_port_of(sk);
		l->base = BPF_CORE_READ(sk, sk_drops.counter);
		l->cookies = cookie_stamp(sk);
	}
	return l;
}

/* Without iterators, one that was there before us is known from its first incident on. */
#ifdef PROBES_ONLY
static __noinline struct listener *meet_listener(const struct sock *sk)
{
	struct listener *l = find_listener(sk);

	return l ? l : add_listener(sk);
}
#else
#define meet_listener find_listener
#endif

/* Processes listen on it, or hold a descriptor of it: holder_by(). l may be NULL. */
static __always_inline void note_listener_holder(struct tcp_sock *tp, struct listener *l,
						 __u8 holder)
{
	if (!holder)
		return;
	if (l)
		l->holder |= holder;
	hand_on(tp, holder);
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

/* Where all children find the queue empty, as in good times, none leaves a note. */
static __always_inline bool is_noteworthy_queue(const struct sock *child)
{
	return READ(child, sk_ack_backlog) || noted_lately();
}

/*
 * A new child is a copy of its listener from just before it joins the queue; the listener itself
 * cannot be reached from here. If each finds one more than the one before, nothing has been
 * accepted in between.
 */
static __always_inline void note_queue(struct tcp_sock *child)
{
	__u32 backlog = READ(as_sock(child), sk_ack_backlog);
	struct queue_history *queue;
	__u64 now;

	if (!is_noteworthy_queue(as_sock(child)))
		return;
	if (!pass_netns(as_sock(child)))
		return;
	queue = find_or_add_queue(as_sock(child), backlog > 0);
	if (!queue)
		return;
	now = bpf_ktime_get_ns();
	if (!queue->run_ns || backlog != queue->backlog + 1 || now - queue->noted_ns > NOTED_FOR_NS)
		queue->run_ns = now;
	queue->backlog = backlog;
	queue->noted_ns = now;
	if (backlog)
		queues_noted = bpf_jiffies64();
	if (backlog >= READ(as_sock(child), sk_max_ack_backlog)) {
		queue->filled_ns = now;
		ask_for_look(now);
	}
}

static __always_inline bool aborts_on_overflow(const struct sock *sk)
{
	const struct net *net = BPF_CORE_READ(sk, __sk_common.skc_net.net);

	return BPF_CORE_READ(net, ipv4.sysctl_tcp_abort_on_overflow);
}

static __always_inline void facts_of_listener(struct facts *f, const struct sock *sk,
					      enum event event)
{
	f->event = event;
	f->socket = SOCKET_LISTEN;
	f->state = BPF_TCP_LISTEN;
	if (queue_is_full(sk))
		f->flags |= FACT_QUEUE_FULL;
	if (aborts_on_overflow(sk))
		f->flags |= FACT_ABORT_OVERFLOW;
}

/* May what a segment did to the listener pass? l may be NULL: it is not known. */
static __always_inline bool pass_at_listener(const struct sock *sk, const struct listener *l,
					     const struct tuple *segment)
{
	if (filter_processes && !(l && l->holder & HELD))
		return false;
	return pass_netns(sk) && pass_tuple(segment) && pass_cgroup(sk);
}

/* What no segment has shown: there is no other end. */
static __always_inline bool pass_listener(const struct sock *sk, const struct listener *l)
{
	struct tuple t = {};

	tuple_of_sock(&t, sk, local_port_of(sk));
	return pass_at_listener(sk, l, &t);
}

/* An incident at a listener; seg is the segment that caused it, if there is one. */
static __noinline void report_listener(const struct sock *sk, const struct listener *l,
				       const struct facts *facts, const struct segment *seg,
				       __u32 n)
{
	struct evidence *e = report(facts, n);

	if (!e)
		return;
	details_of_listener(e, sk);
	if (seg)
		details_of_segment(e, seg);
	if (l) {
		e->owner = l->owner;
		e->owner.source = OWNER_LISTENER;
		if (e->facts.flags & FACT_QUEUE_FULL) {
			e->full_ms = ms_since_full(sk, l, e->time_ns);
			e->unaccepted_ms = ms_since_accept(sk, e->time_ns);
		}
	}
	send(e);
}

/* Of a SO_REUSEPORT group all see the same stamp, and the first one reports it. */
static __always_inline bool group_has_reported(const struct sock *sk, __u32 stamp)
{
	struct queue_history *queue;
	bool reported;

	if (!reuseport_group(sk))
		return false;
	queue = find_or_add_queue(sk, true);
	if (!queue)
		return false;
	reported = queue->cookies == stamp;
	queue->cookies = stamp;
	return reported;
}

static __always_inline void look_for_cookies(const struct sock *sk, struct listener *l)
{
	__u32 stamp = cookie_stamp(sk);
	struct facts facts = {};

	if (stamp == l->cookies)
		return;
	l->cookies = stamp;
	if (group_has_reported(sk, stamp))
		return;
	facts_of_listener(&facts, sk, EVENT_COOKIES);
	report_listener(sk, l, &facts, NULL, 1);
}

/* Does kfree_skb tell enough to know which of sk_drops were SYNs? Else that is inferred. */
static __always_inline bool drops_are_told(void)
{
	return offers(drop_socket) && offers(overflow_reason);
}

/* What else sk_drops may count where kfree_skb doesn't tell: RSTs that end handshakes, for one. */
static __always_inline bool drops_are_syns(const struct facts *f)
{
	return offers(drop_socket) || f->flags & (FACT_QUEUE_FULL | FACT_SYN_QUEUE_FULL);
}

/*
 * Report the SYNs dropped since the last look. The two parts of the sum, sk_drops and accounted,
 * grow one shortly after the other: so what was not there at the last look is left to the next,
 * but for the last look of all.
 */
static __always_inline void look_at_drops(const struct sock *sk, struct listener *l, bool last)
{
	__s32 syns = BPF_CORE_READ(sk, sk_drops.counter) - l->base - l->accounted;
	__s32 sure = last || syns < (__s32)l->seen ? syns : (__s32)l->seen;
	struct facts facts = {};

	l->seen = syns > 0 ? syns : 0;
	if (sure <= (__s32)l->reported)
		return;
	facts_of_listener(&facts, sk, EVENT_SYN_DROP);
	facts.flags |= FLAG_IF(!drops_are_told(), FACT_INFERRED);
	if (l->full_ns || filled_at(sk) >= l->looked_ns)
		facts.flags |= FACT_QUEUE_FULL;
	if (l->syn_full || syn_queue_is_full(sk))
		facts.flags |= FACT_SYN_QUEUE_FULL;
	if (drops_are_syns(&facts))
		report_listener(sk, l, &facts, NULL, sure - l->reported);
	l->reported = sure;
}

static __always_inline void report_hooked(const struct sock *sk, struct listener *l,
					  enum queue queue)
{
	__u32 n = l->hooked[queue] - l->hooked_reported[queue];
	struct facts facts = {};

	if (!n)
		return;
	facts_of_listener(&facts, sk, EVENT_SYN_DROP);
	facts.flags |= queue == SYN_QUEUE ? FACT_SYN_QUEUE_FULL : FACT_QUEUE_FULL;
	report_listener(sk, l, &facts, NULL, n);
	l->hooked_reported[queue] += n;
}

/*
 * SYNs that found just as many handshakes under way as the limit: before 6.14 they are dropped,
 * since then, and in stable kernels that took this over, let in. Which kernel this is, sk_drops
 * tells: where it has grown without another reason, they were dropped. It grows after on_syn(), so
 * those of which it does not tell are left to the next look, once.
 */
static __always_inline void settle_doubts(const struct sock *sk, struct listener *l)
{
	__u32 drops = BPF_CORE_READ(sk, sk_drops.counter) - l->base;
	__u32 hooked = l->hooked[ACCEPT_QUEUE] + l->hooked[SYN_QUEUE];
	__u32 reported = l->hooked_reported[ACCEPT_QUEUE] + l->hooked_reported[SYN_QUEUE];
	__u32 doubts = l->doubtful - l->settled, dropped, given_up;
	__s32 unexplained = drops - hooked;

	if (!doubts) {
		if (unexplained > 0 || hooked == reported) /* other segments, and none under way */
			l->base += unexplained;
		return;
	}
	dropped = unexplained < 0 ? 0 : (__u32)unexplained < doubts ? (__u32)unexplained : doubts;
	given_up = l->left < dropped ? 0 : l->left - dropped;
	__sync_fetch_and_add(&l->hooked[SYN_QUEUE], dropped);
	l->settled += dropped + given_up;
	l->left = doubts - dropped - given_up;
}

/* tests/slow/looks.bats: what if the look's CPU is taken away, as a host does with a guest's? */
#ifndef INTERRUPT_LOOK
#define INTERRUPT_LOOK()
#endif

static __always_inline void look_at_listener(const struct sock *sk, struct listener *l, bool last)
{
	struct fullness now = fullness_of(sk);

	if (hook_syns) {
		settle_doubts(sk, l);
		report_hooked(sk, l, ACCEPT_QUEUE);
		report_hooked(sk, l, SYN_QUEUE);
	} else {
		look_at_drops(sk, l, last);
	}
	INTERRUPT_LOOK();
	if (l->seen == l->reported)
		note_queues(sk, l, &now);
	look_for_cookies(sk, l);
}

/* ---- where kfree_skb does not tell enough -----------------------------------------------------
 */

/* tcp_conn_request() will look at the SYN queue, unless the SYN comes from TIME_WAIT. */
static __always_inline bool looks_at_syn_queue(const struct sk_buff *skb)
{
	struct tcp_skb_cb___6_9 *cb = (void *)&skb->cb[0]; /* TCP_SKB_CB() */

	return !bpf_core_field_exists(cb->tcp_tw_isn) || !BPF_CORE_READ(cb, tcp_tw_isn);
}

/* tcp_conn_request() has been called with a SYN, and drops it for want of room. */
static __always_inline void on_syn(const struct sock *sk, const struct sk_buff *skb)
{
	bool no_room = looks_at_syn_queue(skb) && syn_queue_is_full(sk);
	struct listener *l;

	if (!no_room && !queue_is_full(sk))
		return;
	l = meet_listener(sk);
	if (!l)
		return;
	/* Both are tested there in this order, but for the last quarter of the SYN queue. */
	if (no_room && !queue_is_full(sk) && requests_are_as_many(sk))
		__sync_fetch_and_add(&l->doubtful, 1);
	else if (no_room && (requests_are_many(sk) || !queue_is_full(sk)))
		__sync_fetch_and_add(&l->hooked[SYN_QUEUE], 1);
	else
		__sync_fetch_and_add(&l->hooked[ACCEPT_QUEUE], 1);
	ask_for_look(bpf_ktime_get_ns());
}

/*
 * tcp_v4_syn_recv_sock() or tcp_v6_syn_recv_sock() is to make a child of a handshake's last ACK:
 * it makes none if the accept queue is full. request: NULL for that of a cookie.
 */
static __noinline void on_last_ack(const struct sock *sk, const struct sk_buff *skb,
				   const struct request_sock *request)
{
	struct facts facts = {};
	struct listener *l;
	struct segment seg;

	if (!queue_is_full(sk))
		return;
	facts_of_listener(&facts, sk, EVENT_ACK_DROP);
	if (request && facts.flags & FACT_ABORT_OVERFLOW)
		return; /* answered by an RST, and seen there */
	read_segment(&seg, skb, false);
	if (seg.flags & FACT_SEG_SYN) /* Fast Open: it goes on without a child */
		return;
	facts.flags |= seg.flags;
	l = meet_listener(sk);
	if (pass_at_listener(sk, l, &seg.tuple))
		report_listener(sk, l, &facts, &seg, 1);
}

#endif
