/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A task's descriptors, read with probes. No reference to a file is taken: whoever closes it
 * meanwhile closes it, and not we. So what is read may be gone already, and proves nothing before
 * it has been compared with what is known from elsewhere.
 */
#ifndef TCPWHY_FILES_H
#define TCPWHY_FILES_H

#include "sock.h"

#define S_IFMT   0170000
#define S_IFSOCK 0140000

static __always_inline struct files_struct *files_of(const struct task_struct *task)
{
	return BPF_CORE_READ(task, files);
}

/* NULL if the descriptor is not open. */
static __always_inline struct file *open_file(const struct task_struct *task, __u32 fd)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd), *file = NULL;

	if (fd < BPF_CORE_READ(table, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), files + fd);
	return file;
}

static __always_inline bool is_socket(const struct file *file)
{
	return (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) == S_IFSOCK;
}

/* The socket of the internet families in a file, or NULL. */
static __always_inline struct sock *inet_of_file(const struct file *file)
{
	struct socket *socket;
	struct sock *sk;
	__u16 family;

	if (!is_socket(file))
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(socket, sk);
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	return family == AF_INET || family == AF_INET6 ? sk : NULL;
}

/* That of TCP, or NULL. */
static __always_inline struct sock *tcp_of_file(const struct file *file)
{
	struct sock *sk = inet_of_file(file);

	return sk && BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP ? sk : NULL;
}

/* That of TCP or MPTCP, or NULL. */
static __always_inline struct sock *stream_of_file(const struct file *file)
{
	struct sock *sk = inet_of_file(file);
	__u16 protocol = sk ? BPF_CORE_READ(sk, sk_protocol) : 0;

	return protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP ? sk : NULL;
}

#endif
