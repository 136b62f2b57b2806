/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who owned the socket?
 *
 * When a task holds the socket lock, the current task is the one. When it doesn't, because a
 * timer or a packet ended the connection, the current task is a stranger. Then, if a process had
 * closed the socket before, it is found in a table of recent closers; else the process still
 * holds the descriptor, and user space finds it in /proc, or is told when it is closed.
 */
#ifndef TCPWHY_OWNER_H
#define TCPWHY_OWNER_H

#include "sock.h"

/* Powers of two; their product is 500 closes a second, for the minute of TIME_WAIT. */
#define CLOSER_SETS 8192
#define CLOSER_WAYS 4

/*
 * A cache of sets: in its set, a newcomer takes the place of the oldest. A way is believed only if
 * its key, hash and both ports, is the socket's, so the table forgets but does not lie.
 */
struct closer {
	__u64 key;
	struct owner owner;
	__u32 jiffies;    /* when it closed */
	__u32 silence_ms; /* before our FIN, if it was the first */
};

struct closer_set {
	struct closer ways[CLOSER_WAYS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CLOSER_SETS);
	__type(key, __u32);
	__type(value, struct closer_set);
} closers SEC(".maps");

/* Sockets that died with their owner unknown, until tcp_destroy_sock tells: sock_ids. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u8);
} ownerless SEC(".maps");

/* How many are in it: spares every healthy socket the look into the map. */
__s64 ownerless_waiting = 0;

static __always_inline void owner_of_task(struct owner *o, const struct task_struct *task)
{
	if (task->flags & PF_KTHREAD)
		return;
	o->pid = task->tgid;
	bpf_probe_read_kernel(o->comm, sizeof(o->comm), &task->group_leader->comm);
	o->exiting = !!(task->flags & PF_EXITING);
	o->exit_code = o->exiting ? task->exit_code : 0;
	o->source = OWNER_CURRENT;
}

static __always_inline void owner_of_current(struct owner *o)
{
	owner_of_task(o, bpf_get_current_task_btf());
}

/* TIME_WAIT minisocks have the hash and the ports of the socket that they stand for. */
static __always_inline __u64 closer_key(const struct sock *sk, __u16 lport)
{
	return (__u64)sk->__sk_common.skc_hash << 32 | (__u32)remote_port(sk) << 16 | lport;
}

static __always_inline struct closer_set *closer_set(__u64 key)
{
	__u32 set = key >> 32 & (CLOSER_SETS - 1);

	return bpf_map_lookup_elem(&closers, &set);
}

/* The way that has the key already, or else the oldest. */
static __always_inline struct closer *closer_place(struct closer_set *set, __u64 key, __u32 now)
{
	__u32 oldest = 0, age = 0;

	for (__u32 i = 0; i < CLOSER_WAYS; i++) {
		if (set->ways[i].key == key)
			return &set->ways[i];
		if (now - set->ways[i].jiffies > age) {
			age = now - set->ways[i].jiffies;
			oldest = i;
		}
	}
	return &set->ways[oldest & (CLOSER_WAYS - 1)];
}

/* The process closed or shut down its end: the last time that it can be seen. */
static __always_inline void remember_closer(struct tcp_sock *tp, bool first_fin)
{
	__u64 key = closer_key(as_sock(tp), local_port(tp));
	struct closer_set *set = closer_set(key);
	__u32 now = bpf_jiffies64();
	struct closer *closer;

	if (!set)
		return;
	closer = closer_place(set, key, now);
	closer->key = 0;
	barrier();
	owner_of_current(&closer->owner);
	closer->jiffies = now;
	closer->silence_ms = first_fin ? jiffies_to_ms(silent_jiffies(tp)) : 0;
	barrier();
	closer->key = key;
}

static __always_inline struct closer *find_closer(const struct sock *sk, __u16 lport)
{
	__u64 key = closer_key(sk, lport);
	struct closer_set *set = closer_set(key);

	if (!set)
		return NULL;
	for (__u32 i = 0; i < CLOSER_WAYS; i++)
		if (set->ways[i].key == key)
			return &set->ways[i];
	return NULL;
}

static __always_inline void owner_from_closer(struct evidence *e, const struct closer *closer)
{
	if (!closer)
		return;
	e->owner = closer->owner;
	e->owner.source = OWNER_CLOSER;
	e->closed_ms = ms_since(closer->jiffies);
	if (closer->silence_ms)
		e->fin_silence_ms = closer->silence_ms;
}

static __always_inline bool closing_state(__u8 state)
{
	return state == BPF_TCP_FIN_WAIT1 || state == BPF_TCP_FIN_WAIT2 ||
	       state == BPF_TCP_CLOSING || state == BPF_TCP_LAST_ACK || state == BPF_TCP_CLOSE;
}

/*
 * A listener's children are closed by the task that closes the listener, which holds the lock of
 * the listener and not theirs; a child in SYN_RECV may instead meet its end in a softirq, unless
 * it is one of Fast Open, which waits in the queue.
 */
static __always_inline bool closed_with_listener(const struct facts *f, struct tcp_sock *tp)
{
	return is_listener_closed(f) && (f->state != ST_SYN_RECV || tp->fastopen_rsk);
}

/* Of a full socket that has died. ss -K holds the lock too, and is not the owner. */
static __always_inline void owner_of_death(struct evidence *e, struct tcp_sock *tp)
{
	const struct facts *f = &e->facts;

	if ((has(f, FACT_OWNED) && f->err != ERR_CONNABORTED) || closed_with_listener(f, tp))
		owner_of_current(&e->owner);
	else if (closing_state(f->state))
		owner_from_closer(e, find_closer(as_sock(tp), local_port(tp)));
}

static __always_inline void await_owner(struct tcp_sock *tp)
{
	__u64 id = (__u64)tp;
	__u8 awaited = 1;

	if (!bpf_map_update_elem(&ownerless, &id, &awaited, BPF_NOEXIST))
		__sync_fetch_and_add(&ownerless_waiting, 1);
}

static __always_inline bool owner_awaited(struct sock *sk)
{
	__u64 id = (__u64)sk;

	if (!ownerless_waiting || bpf_map_delete_elem(&ownerless, &id))
		return false;
	__sync_fetch_and_add(&ownerless_waiting, -1);
	return true;
}

#endif
