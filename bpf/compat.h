/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel drift, and only that: what differs between kernels is decided here, by what the running
 * kernel's BTF has, never by its version.
 */
#ifndef TCPWHY_COMPAT_H
#define TCPWHY_COMPAT_H

#include "kernel_features.h"

/* Bits by enum feature. */
const volatile __u32 features = 0;

#define offers(feature) (features >> FEATURE_##feature & 1)

/* The inode of the socket's file. sk_ino came in 6.17; before, it is beside the struct socket. */
static __always_inline __u64 sock_inode(const struct sock *sk)
{
	struct socket *socket = BPF_CORE_READ(sk, sk_socket);

	if (!socket)
		return 0;
	if (bpf_core_field_exists(sk->sk_ino))
		return BPF_CORE_READ(sk, sk_ino);
	return BPF_CORE_READ((struct socket_alloc *)socket, vfs_inode.i_ino);
}

/* Up to 5.10 the count was in struct net; then ns_common.count, renamed __ns_ref in 6.18. */
struct net___5_10 {
	refcount_t count;
} __attribute__((preserve_access_index));

struct ns_common___5_11 {
	refcount_t count;
} __attribute__((preserve_access_index));

/* Is the namespace being deleted? !check_net() */
static __always_inline bool netns_is_gone(const struct net *net)
{
	const struct ns_common___5_11 *older = (const void *)&net->ns;
	const struct net___5_10 *oldest = (const void *)net;

	if (bpf_core_field_exists(net->ns.__ns_ref))
		return BPF_CORE_READ(net, ns.__ns_ref.refs.counter) == 0;
	if (bpf_core_field_exists(older->count))
		return BPF_CORE_READ(older, count.refs.counter) == 0;
	if (bpf_core_field_exists(oldest->count))
		return BPF_CORE_READ(oldest, count.refs.counter) == 0;
	return false;
}

/* The cgroup of a socket (v2). Before 5.15 it shared its place with classid and prioid, bit 0. */
struct sock_cgroup_data___5_10 {
	__u64 val;
} __attribute__((preserve_access_index));

static __always_inline struct cgroup *cgroup_of_sock(const struct sock *sk)
{
	const struct sock_cgroup_data___5_10 *older = (const void *)&sk->sk_cgrp_data;
	__u64 value;

	if (!bpf_core_field_exists(older->val))
		return BPF_CORE_READ(sk, sk_cgrp_data.cgroup);
	value = BPF_CORE_READ(older, val);
	return value & 1 ? NULL : (struct cgroup *)(value & ~3ULL);
}

/* Before 6.1 a cgroup knew the numbers of its ancestors, not their addresses. */
struct cgroup___6_0 {
	int level;
	__u64 ancestor_ids[];
} __attribute__((preserve_access_index));

#define CGROUP_LEVELS_MAX 16

static __always_inline __u64 ancestor_id(const struct cgroup *cgroup, __u32 level)
{
	const struct cgroup___6_0 *older = (const void *)cgroup;
	struct cgroup *const *ancestors = &cgroup->ancestors[0], *ancestor = NULL;
	__u64 id = 0;

	if (bpf_core_field_exists(older->ancestor_ids)) {
		const __u64 *ids = &older->ancestor_ids[0];

		bpf_probe_read_kernel(&id, sizeof(id), &ids[level]);
		return id;
	}
	bpf_probe_read_kernel(&ancestor, sizeof(ancestor), &ancestors[level]);
	return BPF_CORE_READ(ancestor, kn, id);
}

/* Is it the cgroup of this number, or below it? For up to CGROUP_LEVELS_MAX levels. */
static __always_inline bool cgroup_is_below(const struct cgroup *cgroup, __u64 id)
{
	__u32 level = BPF_CORE_READ(cgroup, level);

	for (__u32 i = 0; i < CGROUP_LEVELS_MAX; i++) {
		if (i > level)
			return false;
		if (ancestor_id(cgroup, i) == id)
			return true;
	}
	return false;
}

/* To 6.10 a message socket of MPTCP does not count what its process has read; its queues tell what
 * it has not. */
struct sk_buff_head___ends {
	struct sk_buff *next, *prev;
	__u32 qlen;
} __attribute__((preserve_access_index));

struct sock___queue {
	struct sk_buff_head___ends sk_receive_queue;
} __attribute__((preserve_access_index));

struct mptcp_sock___6_10 {
	struct sk_buff_head___ends receive_queue;
} __attribute__((preserve_access_index));

struct mptcp_skb_cb___6_10 {
	__u64 map_seq, end_seq;
} __attribute__((preserve_access_index));

/* What came is in the socket's own queue, and behind what has been taken over for reading:
 * mptcp_inq_hint(). */
static __always_inline __u32 unread_by_queues(const struct mptcp_sock *msk)
{
	const struct sk_buff *first = NULL, *last = NULL;
	const struct mptcp_sock___6_10 *taken = (const void *)msk;
	const struct sock___queue *own = (const void *)msk;
	const struct mptcp_skb_cb___6_10 *begin, *end;

	if (!bpf_core_field_exists(taken->receive_queue))
		return 0;
	if (BPF_CORE_READ(own, sk_receive_queue.qlen)) {
		first = BPF_CORE_READ(own, sk_receive_queue.next);
		last = BPF_CORE_READ(own, sk_receive_queue.prev);
	}
	if (BPF_CORE_READ(taken, receive_queue.qlen)) {
		first = BPF_CORE_READ(taken, receive_queue.next);
		if (!last)
			last = BPF_CORE_READ(taken, receive_queue.prev);
	}
	if (!first)
		return 0;
	begin = (const void *)&first->cb[0]; /* MPTCP_SKB_CB() */
	end = (const void *)&last->cb[0];
	return BPF_CORE_READ(end, end_seq) - BPF_CORE_READ(begin, map_seq);
}

/* Bytes that a message socket of MPTCP has got, and its process has not read. */
static __always_inline __u32 unread_of_message_sock(const struct mptcp_sock *msk)
{
	if (bpf_core_field_exists(msk->bytes_consumed) &&
	    bpf_core_field_exists(msk->bytes_received))
		return BPF_CORE_READ(msk, bytes_received) - BPF_CORE_READ(msk, bytes_consumed);
	return unread_by_queues(msk);
}

/* To 6.9: what a SYN found in TIME_WAIT. */
struct tcp_skb_cb___6_9 {
	__u32 tcp_tw_isn;
} __attribute__((preserve_access_index));

/* System calls as a task's saved registers show them. */
#if defined(__TARGET_ARCH_x86)
#define SYSCALL_CLOSE      3
#define SYSCALL_NR(regs)   BPF_CORE_READ(regs, orig_ax)
#define SYSCALL_ARG1(regs) BPF_CORE_READ(regs, di)
#define USER_PC(regs)      BPF_CORE_READ(regs, ip)
#define USER_SP(regs)      BPF_CORE_READ(regs, sp)
#define USER_FP(regs)      BPF_CORE_READ(regs, bp)
#define USER_LR(regs)      0
#elif defined(__TARGET_ARCH_arm64)
/* vmlinux.h is of an x86. This is the context of kprobes, as libbpf names it: part of the ABI. */
struct user_pt_regs {
	__u64 regs[31];
	__u64 sp;
	__u64 pc;
	__u64 pstate;
};
/* regs[0], the first argument of a system call, is its result at the end; orig_x0 is not. */
struct pt_regs___saved {
	__u64 orig_x0;
	__s32 syscallno;
} __attribute__((preserve_access_index));
#define SAVED(regs)        ((const struct pt_regs___saved *)(regs))
#define SYSCALL_CLOSE      57
#define SYSCALL_NR(regs)   BPF_CORE_READ(SAVED(regs), syscallno)
#define SYSCALL_ARG1(regs) BPF_CORE_READ(SAVED(regs), orig_x0)
/* struct pt_regs begins with it */
#define AT_USER(regs)      ((const struct user_pt_regs *)(regs))
#define USER_PC(regs)      read_u64(&AT_USER(regs)->pc)
#define USER_SP(regs)      read_u64(&AT_USER(regs)->sp)
#define USER_FP(regs)      read_u64(&AT_USER(regs)->regs[29])
#define USER_LR(regs)      read_u64(&AT_USER(regs)->regs[30])

static __always_inline __u64 read_u64(const void *from)
{
	__u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), from);
	return value;
}
#else
#error "the registers of system calls are not known on this architecture"
#endif

/* Enumerators move between kernels: -1 where the running one does not have it. */
#define ENUM_OR_NONE(type, name)                                                                   \
	(bpf_core_enum_value_exists(type, name) ? (int)bpf_core_enum_value(type, name) : -1)

static __always_inline int drop_reason_listen_overflow(void)
{
	return ENUM_OR_NONE(enum skb_drop_reason, SKB_DROP_REASON_TCP_LISTEN_OVERFLOW);
}

static __always_inline int drop_reason_no_socket(void)
{
	return ENUM_OR_NONE(enum skb_drop_reason, SKB_DROP_REASON_NO_SOCKET);
}

static __always_inline int drop_reason_not_specified(void)
{
	return ENUM_OR_NONE(enum skb_drop_reason, SKB_DROP_REASON_NOT_SPECIFIED);
}

static __always_inline int drop_reason_tcp_flags(void)
{
	return ENUM_OR_NONE(enum skb_drop_reason, SKB_DROP_REASON_TCP_FLAGS);
}

static __always_inline int reset_reason_invalid_syn(void)
{
	return ENUM_OR_NONE(enum sk_rst_reason, SK_RST_REASON_INVALID_SYN);
}

#endif
