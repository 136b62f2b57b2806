/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Do the types that a file tells fit this kernel? Where the kernel has BTF of its own, it sees to
 * that. Where it has none, user space makes a socket of which it knows all, and has it read.
 */
#ifndef TCPWHY_FITS_H
#define TCPWHY_FITS_H

#include "files.h"
#include "fits_socket.h"

static __always_inline bool task_fits(const struct task_struct *task)
{
	char comm[TASK_NAME_LEN] = {}, known[TASK_NAME_LEN] = {};

	bpf_get_current_comm(known, sizeof(known));
	BPF_CORE_READ_INTO(&comm, task, comm);
	for (int i = 0; i < TASK_NAME_LEN; i++) {
		if (comm[i] != known[i])
			return false;
		if (!comm[i]) /* what an older name has left may follow */
			break;
	}
	return (__u32)BPF_CORE_READ(task, tgid) == bpf_get_current_pid_tgid() >> 32;
}

static __always_inline bool socket_fits(const struct file *file, __u16 port)
{
	const struct tcp_sock *tp = (const void *)tcp_of_file(file);

	return tp && local_port(tp) == port &&
	       READ(as_sock((void *)tp), __sk_common.skc_state) == BPF_TCP_LISTEN &&
	       READ(as_sock((void *)tp), sk_max_ack_backlog) == FITS_BACKLOG &&
	       READ(tp, inet_conn.icsk_user_timeout) == FITS_USER_TIMEOUT_MS &&
	       READ(tp, keepalive_probes) == FITS_KEEPALIVE_PROBES;
}

/* Run by user space, whose descriptor the socket is: 1 if all is where it should be. */
SEC("raw_tp")
int BPF_PROG(types_fit, int fd, __u16 port)
{
#ifdef PROBES_ONLY
	const struct task_struct *task = (const void *)bpf_get_current_task();
	const struct file *file = open_file(task, fd);

	return task_fits(task) && file && socket_fits(file, port);
#else
	return 1;
#endif
}

#endif
