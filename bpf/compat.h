/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel drift, and only that: what differs between kernels is decided here, by what the running
 * kernel's BTF has, never by its version.
 */
#ifndef TCPWHY_COMPAT_H
#define TCPWHY_COMPAT_H

/* The inode of the socket's file. sk_ino came in 6.17; before, it is beside the struct socket. */
static __always_inline __u64 sock_inode(struct sock *sk)
{
	struct socket *socket = sk->sk_socket;

	if (!socket)
		return 0;
	if (bpf_core_field_exists(sk->sk_ino))
		return BPF_CORE_READ(sk, sk_ino);
	return BPF_CORE_READ((struct socket_alloc *)socket, vfs_inode.i_ino);
}

/* ns_common.count came in 5.11, and was renamed __ns_ref in 6.18. */
struct ns_common___5_11 {
	refcount_t count;
} __attribute__((preserve_access_index));

/* Is the namespace being deleted? !check_net() */
static __always_inline bool netns_is_gone(const struct net *net)
{
	const struct ns_common___5_11 *older = (const void *)&net->ns;

	if (bpf_core_field_exists(net->ns.__ns_ref))
		return BPF_CORE_READ(net, ns.__ns_ref.refs.counter) == 0;
	if (bpf_core_field_exists(older->count))
		return BPF_CORE_READ(older, count.refs.counter) == 0;
	return false;
}

/* System calls as a task's saved registers show them. */
#if defined(__TARGET_ARCH_x86)
#define SYSCALL_CLOSE      3
#define SYSCALL_NR(regs)   BPF_CORE_READ(regs, orig_ax)
#define SYSCALL_ARG1(regs) BPF_CORE_READ(regs, di)
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
