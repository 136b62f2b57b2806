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

/* Enumerators move between kernels: -1 where the running one does not have it. */
static __always_inline int drop_reason_listen_overflow(void)
{
	if (!bpf_core_enum_value_exists(enum skb_drop_reason, SKB_DROP_REASON_TCP_LISTEN_OVERFLOW))
		return -1;
	return bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_TCP_LISTEN_OVERFLOW);
}

static __always_inline int reset_reason_invalid_syn(void)
{
	if (!bpf_core_enum_value_exists(enum sk_rst_reason, SK_RST_REASON_INVALID_SYN))
		return -1;
	return bpf_core_enum_value(enum sk_rst_reason, SK_RST_REASON_INVALID_SYN);
}

#endif
