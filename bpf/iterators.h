/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What no hook tells: the sockets and processes that were there before us, the holders of sockets
 * that have died, and the listeners that drop SYNs. User space runs these iterators, the first
 * ones once, when the hooks are attached already: so nothing falls between.
 */
#ifndef TCPWHY_ITERATORS_H
#define TCPWHY_ITERATORS_H

#include "holders.h"
#include "listeners.h"

/*
 * Iterators come with pointers that the verifier trusts, but what a file leads to is trusted only
 * with bpf_sock_from_file(). Without it, sockets are looked up a second time, see find_subflows.
 */

/* ---- sockets --------------------------------------------------------------------------------- */

struct held_sock {
	struct owner owner;
	__u8 holder; /* enum holder */
	__u8 pad[7];
};

/*
 * Sockets that descriptors lead to, by address, and by whom they are held: those of MPTCP, whose
 * subflows are found by it; and those of TCP that must be found again.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u64); /* struct sock */
	__type(value, struct held_sock);
} held_socks SEC(".maps");

/* Where they are: the inodes of network namespaces, and for each a process by which to get there.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u32);
} held_namespaces SEC(".maps");

static __always_inline void find_again(const struct sock *sk, const struct owner *owner)
{
	bool listening = BPF_CORE_READ(sk, __sk_common.skc_state) == BPF_TCP_LISTEN;
	struct held_sock found = { .owner = *owner }, *known;
	__u32 netns = netns_of_sock(sk);
	__u64 key = (__u64)sk;

	found.holder = holder_by(owner->pid, listening);
	if (!listening && !found.holder)
		return;
	known = bpf_map_lookup_elem(&held_socks, &key);
	if (known) {
		found.holder |= known->holder;
		found.owner = known->owner;
	}
	bpf_map_update_elem(&held_socks, &key, &found, BPF_ANY);
	bpf_map_update_elem(&held_namespaces, &netns, &owner->pid, BPF_ANY);
}

static __always_inline void found_listener(struct tcp_sock *tp, const struct owner *owner,
					   __u8 holder)
{
	struct listener *l = add_listener(as_sock(tp));

	if (l)
		l->owner = *owner;
	else
		l = find_listener(as_sock(tp));
	note_listener_holder(tp, l, holder);
}

static __always_inline void found_socket(struct tcp_sock *tp, const struct owner *owner,
					 __u8 holder)
{
	if (is_listening(tp))
		found_listener(tp, owner, holder);
	else if (holder & HELD)
		watch_sock(tp);
}

/* All descriptors of all processes: the listeners and, under -p, the sockets of the process. */
SEC("iter/task_file")
int find_sockets(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct owner owner = {};
	struct socket *socket;
	struct tcp_sock *tp;

	note_let_go();
	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket || !socket->sk)
		return 0;
	owner_of_task(&owner, task);
	tp = bpf_skc_to_tcp_sock(socket->sk);
	if (tp) {
		note_held(task, file, ctx->fd, (__u64)as_sock(tp));
		found_socket(tp, &owner, holder_by(owner.pid, is_listening(tp)));
	} else if (is_message_sock(socket->sk)) {
		find_again(socket->sk, &owner);
	}
	return 0;
}

/* The same without bpf_sock_from_file(). */
SEC("iter/task_file")
int find_sockets_again(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct owner owner = {};
	struct sock *sk;

	note_let_go();
	if (!task || !file)
		return 0;
	sk = stream_of_file(file);
	if (!sk)
		return 0;
	owner_of_task(&owner, task);
	note_held(task, file, ctx->fd, (__u64)sk);
	find_again(sk, &owner);
	return 0;
}

/*
 * The sockets that must be found again, and the subflows of MPTCP, in the network namespace of
 * whoever reads this.
 */
SEC("iter/tcp")
int find_subflows(struct bpf_iter__tcp *ctx)
{
	struct sock_common *common = ctx->sk_common;
	const struct held_sock *found;
	struct tcp_sock *tp;
	__u64 key;

	tp = common ? bpf_skc_to_tcp_sock(common) : NULL;
	if (!tp)
		return 0;
	key = (__u64)message_sock(tp);
	if (!key)
		key = (__u64)tp;
	found = bpf_map_lookup_elem(&held_socks, &key);
	if (found)
		found_socket(tp, &found->owner, found->holder);
	return 0;
}

/* ---- processes and cgroups ------------------------------------------------------------------- */

__u32 children_found = 0; /* by find_children; user space sets it to 0 */

/* The children that were there before us; their children may need another pass. */
SEC("iter/task")
int find_children(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task || is_watched(task->tgid) || !is_watched(task->real_parent->tgid))
		return 0;
	watch_process(task->tgid);
	children_found++;
	return 0;
}

/* Of the one cgroup of --cgroup: where it is. */
SEC("iter/cgroup")
int find_cgroup(struct bpf_iter__cgroup *ctx)
{
	struct cgroup *cgroup = ctx->cgroup;

	if (!cgroup)
		return 0;
	cgroup_level = cgroup->level;
	cgroup_address = (__u64)cgroup;
	return 0;
}

/* ---- while we watch ---------------------------------------------------------------------------
 */

/* Who holds the sockets that are wanted? */
SEC("iter/task")
int find_holders(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (task)
		search_task(task, ctx->meta->seq_num);
	return 0;
}

/* The same without bpf_loop(). */
SEC("iter/task_file")
int find_holders_by_file(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;

	note_let_go();
	if (task && file && wanted_left && is_socket(file))
		search_held_file(task, file, ctx->fd);
	return 0;
}

bool last_look = false; /* user space ends: report everything now */

static __always_inline void look_at(const struct sock *sk)
{
	struct listener *l = find_listener(sk);

	/* If its end was missed, the memory may be another's. */
	if (!l || sock_kind(sk, false) != SOCKET_LISTEN || local_port_of(sk) != l->lport ||
	    !pass_listener(sk, l))
		return;
	look_at_listener(sk, l, last_look);
	if (queue_is_full(sk) || syn_queue_is_full(sk))
		listeners_full++;
}

SEC("iter/bpf_map_elem")
int look_at_listeners(struct bpf_iter__bpf_map_elem *ctx)
{
	const __u64 *address = ctx->key;

	if (address)
		look_at((const struct sock *)*address);
	return 0;
}

/* The same without iterators: user space runs it for each listener, with its address. */
SEC("raw_tp")
int BPF_PROG(look_at_one, const struct sock *sk)
{
#ifdef PROBES_ONLY
	look_at(sk);
#endif
	return 0;
}

#endif
