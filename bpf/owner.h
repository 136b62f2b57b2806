/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who owned the socket?
 *
 * When a task holds the socket lock, the current task is the one. When it doesn't, because a
 * timer or a packet ended the connection, the current task is a stranger. Then, if a process had
 * closed the socket before, it is found among the recent closers (closers.h); else the process
 * still holds the descriptor, and user space has it searched for (holders.h), or is told when it is
 * closed.
 */
#ifndef TCPWHY_OWNER_H
#define TCPWHY_OWNER_H

#include "files.h"
#include "task.h"

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

/* ---- the closer is still to come ------------------------------------------------------------ */

/* Sockets that died with their owner unknown, until tcp_destroy_sock tells: sock_ids. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u8);
} ownerless SEC(".maps");

/* How many are in it: spares every healthy socket the look into the map. */
__s64 ownerless_waiting = 0;

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
