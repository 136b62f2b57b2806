/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * May it pass? Decided before any record is made. Without -p this costs two comparisons.
 */
#ifndef TCPWHY_FILTER_H
#define TCPWHY_FILTER_H

#include "sock.h"

const volatile __u16 filter_port = 0; /* -P, host order, 0 = all */
const volatile __u32 filter_pid = 0;  /* -p, thread group id, 0 = all */

/*
 * Under -p only: the sockets of the watched process. Listeners hand the mark to the connections
 * that they accept (BPF_F_CLONE).
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, __u8);
} watched SEC(".maps");

static __always_inline bool pass_ports(__u16 lport, __u16 rport)
{
	return !filter_port || lport == filter_port || rport == filter_port;
}

static __always_inline bool pass_ports_of(struct tcp_sock *tp)
{
	return !filter_port || pass_ports(local_port(tp), remote_port(as_sock(tp)));
}

static __always_inline bool is_watched(__u32 pid)
{
	return filter_pid && pid == filter_pid;
}

static __always_inline bool current_is_watched(void)
{
	return filter_pid && is_watched(bpf_get_current_pid_tgid() >> 32);
}

static __always_inline void watch_sock(struct tcp_sock *tp)
{
	bpf_sk_storage_get(&watched, tp, NULL, BPF_SK_STORAGE_GET_F_CREATE);
}

/* A full socket or a listener: marked as the process's own, or in its hands right now. */
static __always_inline bool pass_pid(struct tcp_sock *tp)
{
	if (!filter_pid)
		return true;
	if (bpf_sk_storage_get(&watched, tp, NULL, 0))
		return true;
	return as_sock(tp)->sk_lock.owned && current_is_watched();
}

static __always_inline bool pass_sock(struct tcp_sock *tp)
{
	return pass_ports_of(tp) && pass_pid(tp);
}

/* The TCP socket, a connection's or a listener's, if it may pass; else NULL. */
static __always_inline struct tcp_sock *passing_sock(struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	return tp && pass_sock(tp) ? tp : NULL;
}

#endif
