/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the application saw: system calls on sockets that failed. These hooks cost something for
 * each call, so they are loaded only under --errors, for one process or one port.
 */
#ifndef TCPWHY_CALLS_H
#define TCPWHY_CALLS_H

#include "emit.h"
#include "files.h"
#include "filter.h"
#include "owner.h"

/* ---- send and receive ------------------------------------------------------------------------ */

static __always_inline bool tells_of_death(int err)
{
	return err == ERR_PIPE || err == ERR_NOTCONN || err == ERR_CONNRESET || err == ERR_TIMEDOUT;
}

/* ret: what sendmsg() or recvmsg() returned to the process */
static __always_inline void on_call(struct sock *sk, int ret, __u32 sending)
{
	struct tcp_sock *tp;
	struct facts facts = {};
	struct evidence *e;

	if (ret >= 0 || !tells_of_death(-ret) || (filter_pid && !current_is_watched()))
		return;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp || !pass_ports_of(tp))
		return;
	facts_of_sock(&facts, tp, as_sock(tp)->__sk_common.skc_state);
	facts.event = EVENT_CALL;
	facts.err = -ret;
	facts.flags |= sending;
	count_verdict(judge(&facts), 1);
	e = reserve_evidence(&facts);
	if (!e)
		return;
	details_of_sock(e, tp);
	owner_of_current(&e->owner);
	send(e);
}

/* ---- descriptors that were sockets ----------------------------------------------------------- */

struct closed_fd {
	struct tuple tuple;
	__u64 closed_ns;
	__u32 netns;
	__u32 pad;
};

/* Of the process of -p: by descriptor, the socket that it was when it was closed. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct closed_fd);
} closed_fds SEC(".maps");

static __always_inline void tuple_by_probe(struct tuple *t, const struct sock *sk)
{
	const struct inet_sock *inet = (const struct inet_sock *)sk;
	const struct sock_common *common = &sk->__sk_common;

	t->family = BPF_CORE_READ(common, skc_family);
	t->lport = bpf_ntohs(BPF_CORE_READ(inet, inet_sport));
	t->rport = bpf_ntohs(BPF_CORE_READ(common, skc_dport));
	if (t->family == AF_INET6) {
		BPF_CORE_READ_INTO(&t->laddr, common, skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&t->raddr, common, skc_v6_daddr);
	} else {
		*(__u32 *)t->laddr = BPF_CORE_READ(common, skc_rcv_saddr);
		*(__u32 *)t->raddr = BPF_CORE_READ(common, skc_daddr);
	}
}

/* Before close(): remember the descriptor as a socket's, or forget that it once was one. */
static __always_inline void on_close_fd(__u32 fd)
{
	struct file *file = open_file(bpf_get_current_task_btf(), fd);
	struct closed_fd closed = {};
	struct sock *sk;

	if (!file)
		return;
	sk = tcp_of_file(file);
	if (!sk) {
		bpf_map_delete_elem(&closed_fds, &fd);
		return;
	}
	tuple_by_probe(&closed.tuple, sk);
	closed.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	closed.closed_ns = bpf_ktime_get_ns();
	bpf_map_update_elem(&closed_fds, &fd, &closed, BPF_ANY);
}

/* A call gave EBADF. */
static __always_inline void on_bad_fd(__u32 fd, __u32 nr)
{
	struct closed_fd *closed = bpf_map_lookup_elem(&closed_fds, &fd);
	struct facts facts = {};
	struct evidence *e;

	if (!closed || !pass_ports(closed->tuple.lport, closed->tuple.rport))
		return;
	facts.event = EVENT_BAD_FD;
	facts.err = ERR_BADF;
	count_verdict(judge(&facts), 1);
	e = reserve_evidence(&facts);
	if (!e)
		return;
	e->tuple = closed->tuple;
	e->netns = closed->netns;
	e->closed_ms = (e->time_ns - closed->closed_ns) / 1000000;
	e->call_fd = fd;
	e->call_nr = nr;
	owner_of_current(&e->owner);
	send(e);
}

#endif
