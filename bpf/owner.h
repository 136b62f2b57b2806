/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who owned the socket?
 *
 * When a task holds the socket lock, the current task is the one. When it doesn't, because a
 * timer or a packet ended the connection, the current task is a stranger. Then, if a process had
 * closed the socket before, it is found in a table of recent closers; else the process still
 * holds the descriptor, and user space has it searched for (holders.h), or is told when it is
 * closed.
 */
#ifndef TCPWHY_OWNER_H
#define TCPWHY_OWNER_H

#include "files.h"
#include "sock.h"

/* Powers of two; their product is 500 closes a second, for the minute of TIME_WAIT. */
#define CLOSER_SETS 8192
#define CLOSER_WAYS 4

/*
 * A cache of sets: in its set, a newcomer takes the place of the oldest. A way is believed only if
 * its key, hash and both ports, is the socket's, so the table forgets but does not lie. The keys
 * are side by side: most of a set need not be looked at.
 */
struct closer {
	struct owner owner;
	__u32 jiffies; /* when it closed */
	__u32 silence; /* jiffies before our FIN, if it was the first */
	__u8 passes;   /* its process and cgroup pass the filter */
	__u8 pad[7];
};

struct closer_set {
	__u64 keys[CLOSER_WAYS]; /* 0 = none, or being written */
	__u32 next;              /* the way that was written first */
	__u32 pad;
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

/* Kernel threads own nothing. */
static __always_inline void owner_of_task(struct owner *o, const struct task_struct *task)
{
	if (task->flags & PF_KTHREAD)
		return;
	o->pid = task->tgid;
	o->cgroup = task->cgroups->dfl_cgrp->kn->id;
	bpf_probe_read_kernel(o->comm, sizeof(o->comm), &task->group_leader->comm);
}

/* Of a task that the verifier does not trust. */
static __always_inline void owner_of_probed_task(struct owner *o, const struct task_struct *task)
{
	if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return;
	o->pid = BPF_CORE_READ(task, tgid);
	o->cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	BPF_CORE_READ_INTO(&o->comm, task, group_leader, comm);
}

static __always_inline void owner_of_current(struct owner *o)
{
	const struct task_struct *task;
	__u32 flags, exit_code;

	if (offers(task_pointer)) {
		task = bpf_get_current_task_btf();
		owner_of_task(o, task);
		flags = task->flags;
		exit_code = task->exit_code;
	} else {
		task = (const void *)bpf_get_current_task();
		owner_of_probed_task(o, task);
		flags = BPF_CORE_READ(task, flags);
		exit_code = BPF_CORE_READ(task, exit_code);
	}
	o->source = OWNER_CURRENT;
	o->exiting = !!(flags & PF_EXITING);
	o->exit_code = o->exiting ? exit_code : 0;
}

/* ---- closes during the snapshot -------------------------------------------------------------- */

/*
 * The snapshot of descriptors (find_sockets) holds each file for a moment. If its process closes
 * it in this moment, the last hold is ours: when the snapshot is over, the kernel closes the
 * socket in our name. So the snapshot keeps in mind whose file it has just let go of, and notes
 * the owners of those that were closed meanwhile.
 */
struct held_file {
	const struct task_struct *task; /* only to be read with probes: it may be gone */
	const struct file *file;
	__u64 sock_id; /* 0: no TCP socket */
	__u32 fd;
	struct owner owner;
};

static struct held_file held;
static __u32 snapshot_pid; /* our own PID, as the kernel sees it */

/* By sock_id. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct owner);
} closed_while_held SEC(".maps");

/* close() first takes the file out of the descriptor: if it is still there, we were not the last.
 */
static __always_inline void note_let_go(void)
{
	__u64 id = held.sock_id;

	if (id && open_file(held.task, held.fd) != held.file)
		bpf_map_update_elem(&closed_while_held, &id, &held.owner, BPF_ANY);
	held.sock_id = 0;
}

static __always_inline void note_held(const struct task_struct *task, const struct file *file,
				      __u32 fd, __u64 sock_id)
{
	snapshot_pid = bpf_get_current_pid_tgid() >> 32;
	held.task = task;
	held.file = file;
	held.fd = fd;
	held.sock_id = sock_id;
	owner_of_task(&held.owner, task);
	held.owner.source = OWNER_FD;
}

/*
 * The task that closes a socket or shuts it down: the current one, unless that is us. A function of
 * its own, which the verifier walks through once. Returns nothing of use.
 */
__noinline int close_owner(struct owner *o, const __u64 *sock_id)
{
	struct owner *owner;
	__u64 key;

	if (!o || !sock_id)
		return 0;
	if (!snapshot_pid || bpf_get_current_pid_tgid() >> 32 != snapshot_pid) {
		owner_of_current(o);
		return 0;
	}
	key = *sock_id; /* some verifiers want keys on the stack */
	owner = bpf_map_lookup_elem(&closed_while_held, &key);
	if (owner)
		*o = *owner;
	return 0;
}

static __always_inline void owner_of_close(struct owner *o, struct sock *sk)
{
	__u64 id = (__u64)sk;

	close_owner(o, &id);
}

/* ---- recent closers -------------------------------------------------------------------------- */

/* TIME_WAIT minisocks have the hash and the ports of the socket that they stand for. */
static __always_inline __u64 closer_key(__u32 hash, __u16 rport, __u16 lport)
{
	return (__u64)hash << 32 | (__u32)rport << 16 | lport;
}

static __always_inline __u64 closer_key_of_sock(struct tcp_sock *tp)
{
	return closer_key(READ(as_sock(tp), __sk_common.skc_hash), remote_port(tp), local_port(tp));
}

static __always_inline struct closer_set *closer_set(__u64 key)
{
	__u32 set = key >> 32 & (CLOSER_SETS - 1);

	return bpf_map_lookup_elem(&closers, &set);
}

static __always_inline __u32 closer_way(const struct closer_set *set, __u64 key)
{
	for (__u32 i = 0; i < CLOSER_WAYS; i++)
		if (set->keys[i] == key)
			return i;
	return CLOSER_WAYS;
}

/*
 * The process closed or shut down its end: the last time that it can be seen. Those that the
 * filter does not let pass are remembered too, or an older one would be taken for them.
 */
static __always_inline void remember_closer(struct tcp_sock *tp, bool first_fin, bool passes)
{
	__u64 key = closer_key_of_sock(tp);
	struct closer_set *set = closer_set(key);
	struct closer *closer;
	__u32 way;

	if (!set)
		return;
	way = closer_way(set, key);
	if (way == CLOSER_WAYS)
		way = set->next++;
	way &= CLOSER_WAYS - 1;
	closer = &set->ways[way];
	set->keys[way] = 0;
	barrier();
	__builtin_memset(&closer->owner, 0, sizeof(closer->owner));
	owner_of_close(&closer->owner, as_sock(tp));
	closer->jiffies = bpf_jiffies64();
	closer->silence = first_fin ? silent_jiffies(tp) : 0;
	closer->passes = passes;
	barrier();
	set->keys[way] = key;
}

static __always_inline struct closer *find_closer(__u64 key)
{
	struct closer_set *set = closer_set(key);
	__u32 way = set ? closer_way(set, key) : CLOSER_WAYS;

	return way < CLOSER_WAYS ? &set->ways[way] : NULL;
}

static __always_inline void owner_from_closer(struct evidence *e, const struct closer *closer)
{
	if (!closer)
		return;
	e->owner = closer->owner;
	e->owner.source = OWNER_CLOSER;
	e->closed_ms = ms_since(closer->jiffies);
	if (closer->silence)
		e->fin_silence_ms = jiffies_to_ms(closer->silence);
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
	return is_listener_closed(f) && (f->state != ST_SYN_RECV || READ(tp, fastopen_rsk));
}

/* Of a full socket that has died. ss -K holds the lock too, and is not the owner. */
static __always_inline void owner_of_death(struct evidence *e, struct tcp_sock *tp)
{
	const struct facts *f = &e->facts;

	if ((has(f, FACT_OWNED) && f->err != ERR_CONNABORTED) || closed_with_listener(f, tp))
		owner_of_close(&e->owner, as_sock(tp));
	else if (closing_state(f->state))
		owner_from_closer(e, find_closer(closer_key_of_sock(tp)));
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
