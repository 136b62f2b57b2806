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

#define CLOSERS 32768 /* a power of two: 500 closes a second, for the minute of TIME_WAIT */

/*
 * One slot a hash value; a newcomer overwrites. A slot is believed only if its key, hash and both
 * ports, is the socket's, so the table forgets but does not lie.
 */
struct closer {
	__u64 key;
	struct owner owner;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CLOSERS);
	__type(key, __u32);
	__type(value, struct closer);
} closers SEC(".maps");

/* Sockets that died with their owner unknown, until tcp_destroy_sock tells: sock_id → time. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u64);
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

static __always_inline struct closer *closer_slot(__u64 key)
{
	__u32 slot = key >> 32 & (CLOSERS - 1);

	return bpf_map_lookup_elem(&closers, &slot);
}

/* The process closed or shut down its end: the last time that it can be seen. */
static __always_inline void remember_closer(struct tcp_sock *tp)
{
	__u64 key = closer_key(as_sock(tp), local_port(tp));
	struct closer *closer = closer_slot(key);

	if (!closer)
		return;
	closer->key = 0;
	barrier();
	owner_of_current(&closer->owner);
	barrier();
	closer->key = key;
}

static __always_inline void recall_closer(struct owner *o, const struct sock *sk, __u16 lport)
{
	__u64 key = closer_key(sk, lport);
	struct closer *closer = closer_slot(key);

	if (!closer || closer->key != key)
		return;
	*o = closer->owner;
	o->source = OWNER_CLOSER;
}

static __always_inline bool closing_state(__u8 state)
{
	return state == BPF_TCP_FIN_WAIT1 || state == BPF_TCP_FIN_WAIT2 ||
	       state == BPF_TCP_CLOSING || state == BPF_TCP_LAST_ACK || state == BPF_TCP_CLOSE;
}

/*
 * A listener's children are closed by the task that closes the listener, which holds the lock of
 * the listener and not theirs; a child in SYN_RECV may instead meet its end in a softirq.
 */
static __always_inline bool closed_with_listener(const struct facts *f)
{
	return is_listener_closed(f) && f->state != ST_SYN_RECV;
}

/* Of a full socket that has died. ss -K holds the lock too, and is not the owner. */
static __always_inline void owner_of_death(struct owner *o, struct tcp_sock *tp,
					   const struct facts *f)
{
	if ((has(f, FACT_OWNED) && f->err != ERR_CONNABORTED) || closed_with_listener(f))
		owner_of_current(o);
	else if (closing_state(f->state))
		recall_closer(o, as_sock(tp), local_port(tp));
}

static __always_inline void await_owner(struct tcp_sock *tp)
{
	__u64 id = (__u64)tp, now = bpf_ktime_get_ns();

	if (!bpf_map_update_elem(&ownerless, &id, &now, BPF_NOEXIST))
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
