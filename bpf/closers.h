/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who has lately closed a socket, or shut it down: the last time that its process can be seen.
 *
 * Every healthy connection is remembered here, at both ends: this is the dearest part of the hot
 * path, and what is dear in it are cache misses. So closers are written one after the other, into
 * lines that are there already, and user space looks for those that are needed
 * (user/closer_index.c). Of a process, what costs more to find out is found out once: as long as
 * its name and cgroup are what they were, it is known.
 */
#ifndef TCPWHY_CLOSERS_H
#define TCPWHY_CLOSERS_H

#include "emit.h"
#include "filter.h"
#include "owner.h"

/* ---- processes ------------------------------------------------------------------------------- */

struct closing_process closing_processes[CLOSING_PROCESSES] = {};

static __always_inline struct closing_process *process_slot(__u32 pid)
{
	return &closing_processes[pid & (CLOSING_PROCESSES - 1)];
}

/* As it was learnt: the same process, of the same name, in the same cgroup. */
static __always_inline bool is_known(const struct closing_process *p,
				     const struct task_struct *task)
{
	const __u64 *name = (const void *)&task->group_leader->comm;
	const __u64 *known = (const void *)p->owner.comm;

	return p->owner.pid == (__u32)task->tgid && p->css_set == (__u64)task->cgroups &&
	       known[0] == name[0] && known[1] == name[1];
}

/* ---- sockets --------------------------------------------------------------------------------- */

const volatile __u32 closers_per_ring = CLOSERS / CLOSER_RINGS; /* a power of two */

struct closer closers[CLOSERS] = {};

/* TIME_WAIT minisocks have the hash and the ports of the socket that they stand for. */
static __always_inline __u64 closer_key(__u32 hash, __u16 rport, __u16 lport)
{
	return (__u64)hash << 32 | (__u32)rport << 16 | lport;
}

static __always_inline __u64 closer_key_of_sock(struct tcp_sock *tp)
{
	return closer_key(READ(as_sock(tp), __sk_common.skc_hash), remote_port(tp), local_port(tp));
}

static __always_inline struct closer *closer_at(__u32 number)
{
	return &closers[number & (CLOSERS - 1)];
}

/* The number of the next one, in the ring of this CPU; not 0, which stands for none. */
static __always_inline __u32 next_closer(void)
{
	__u32 i = closer_ring_of(bpf_get_smp_processor_id());
	struct cpu_line *line = &cpu_lines[i];
	__u32 number = closer_number(i, closers_per_ring, line->closers++);

	return likely(number) ? number : closer_number(i, closers_per_ring, line->closers++);
}

/* ---- where a filter must know the closer at once: under -p and --cgroup ---------------------- */

#define CLOSER_HASHES 32768 /* a power of two */
#define CLOSERS_CHAIN 16    /* so many of a hash are looked at */

static __u16 newest_closers[CLOSER_HASHES]; /* by the hash of the connection, 0 = none */

static __always_inline __u16 *newest_closer(__u64 key)
{
	return &newest_closers[key >> 32 & (CLOSER_HASHES - 1)];
}

/*
 * A closer is believed only if its key is the one that is wanted: so this may forget but does not
 * lie, whatever is overwritten meanwhile.
 */
static __always_inline bool closer_passes(__u64 key)
{
	__u32 number = *newest_closer(key);
	const struct closer *closer;

	for (int i = 0; number && i < CLOSERS_CHAIN; i++) {
		closer = closer_at(number);
		if (closer->key == key)
			return closer->passes;
		number = closer->before;
	}
	return false;
}

static __always_inline void note_newest(struct closer *closer, __u64 key, __u32 number)
{
	__u16 *newest = newest_closer(key);

	if (!filter_owners())
		return;
	closer->before = *newest;
	*newest = number;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* It is not known yet, or has changed: all of it is found out. */
static __noinline int learn_process(struct closer *closer, __u64 sock_id, __u64 css_set)
{
	struct owner owner = {};
	struct closing_process *p;

	close_owner(&owner, &sock_id);
	closer->pid = owner.pid;
	closer->exiting = owner.exiting;
	closer->exit_code = owner.exit_code;
	p = process_slot(owner.pid);
	p->owner.pid = 0;
	barrier();
	p->owner = owner;
	p->css_set = css_set;
	p->started = BPF_CORE_READ((const struct task_struct *)bpf_get_current_task(), group_leader,
				   start_time);
	return 0;
}

static __always_inline void closer_is_current(struct closer *closer, __u64 sock_id)
{
	const struct task_struct *task;
	const struct closing_process *p;

	if (unlikely(!offers(task_pointer))) {
		learn_process(closer, sock_id, 0);
		return;
	}
	task = bpf_get_current_task_btf();
	closer->pid = task->tgid;
	p = process_slot(closer->pid);
	if (likely(is_known(p, task) && closer->pid != snapshot_pid && !(task->flags & PF_EXITING)))
		return;
	learn_process(closer, sock_id, (__u64)task->cgroups);
}

/*
 * The process closed or shut down its end. Those that the filter does not let pass are remembered
 * too, or an older one would be taken for them.
 */
static __always_inline void remember_closer(struct tcp_sock *tp, bool first_fin, bool passes)
{
	__u64 key = closer_key_of_sock(tp);
	__u32 number = next_closer();
	struct closer *closer = closer_at(number), next = {};

	closer->key = 0;
	barrier();
	next.jiffies = bpf_jiffies64();
	next.passes = passes;
	if (first_fin)
		next.silence = silent_jiffies(tp);
	closer_is_current(&next, (__u64)tp);
	note_newest(&next, key, number);
	*closer = next;
	barrier();
	closer->key = key;
}

/* ---- whose death it is ----------------------------------------------------------------------- */

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
		e->closer_key = closer_key_of_sock(tp);
}

#endif
