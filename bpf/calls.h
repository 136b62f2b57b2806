/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the application does with its sockets, and what it sees of them: system calls that failed.
 * These hooks cost something for each call of any process, so they are loaded only under -p and
 * --errors.
 */
#ifndef TCPWHY_CALLS_H
#define TCPWHY_CALLS_H

#include "emit.h"
#include "files.h"
#include "filter.h"
#include "owner.h"
#include "take_stack.h"

const volatile bool watch_errors = false; /* --errors */
const volatile __u32 recvmsg_args = 5;    /* of tcp_recvmsg() */

/* ---- send and receive ------------------------------------------------------------------------ */

/*
 * Under -p: whoever sends or receives has the connection, although another process may have made
 * its listener (prefork) or accepted it (and passed the descriptor). Of MPTCP the message socket
 * comes here.
 */
static __always_inline void on_use(struct sock *sk)
{
	struct tcp_sock *tp;

	if (!current_is_watched())
		return;
	tp = tcp_of_sock(sk);
	if (tp && !is_listening(tp))
		watch_sock(tp);
	else if (is_message_sock(sk))
		watch_message_sock((const void *)sk);
}

static __always_inline bool tells_of_death(int err)
{
	return err == ERR_PIPE || err == ERR_NOTCONN || err == ERR_CONNRESET || err == ERR_TIMEDOUT;
}

/* ret: what sendmsg() or recvmsg() returned to the process */
static __noinline void on_call(void *ctx, struct sock *sk, int ret, __u32 sending)
{
	struct tcp_sock *tp;
	struct facts facts = {};
	struct evidence *e;

	if (!watch_errors || ret >= 0 || !tells_of_death(-ret))
		return;
	if (filter_processes && !current_is_watched())
		return;
	tp = tcp_of_sock(sk);
	if (!tp || !pass_ends(tp) || !pass_cgroup(sk))
		return;
	facts_of_sock(&facts, tp, READ(as_sock(tp), __sk_common.skc_state));
	facts.event = EVENT_CALL;
	facts.err = -ret;
	facts.flags |= sending;
	e = report(&facts, 1);
	if (!e)
		return;
	details_of_sock(e, tp);
	owner_of_current(&e->owner);
	take_stack_of_caller(ctx, e);
	take_kernel_stack(ctx, e);
	send(e);
}

/* ---- descriptors that were sockets ----------------------------------------------------------- */

struct closed_fd {
	struct tuple tuple;
	__u64 closed_ns;
	__u32 netns;
	__u32 pad;
};

/* Of the processes of -p: by descriptor, the socket that it was when it was closed. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64); /* fd_key() */
	__type(value, struct closed_fd);
} closed_fds SEC(".maps");

static __always_inline __u64 fd_key(__u32 fd)
{
	return bpf_get_current_pid_tgid() >> 32 << 32 | fd;
}

/* Before close(): remember the descriptor as a socket's, or forget that it once was one. */
static __always_inline void on_close_fd(__u32 fd)
{
	struct file *file = open_file((const void *)bpf_get_current_task(), fd);
	struct closed_fd closed = {};
	__u64 key = fd_key(fd);
	struct sock *sk;

	if (!file)
		return;
	sk = tcp_of_file(file);
	if (sk)
		tuple_of_sock(&closed.tuple, sk, local_port_of(sk));
	if (!sk || !pass_tuple(&closed.tuple) || !pass_netns(sk) || !pass_cgroup(sk)) {
		bpf_map_delete_elem(&closed_fds, &key);
		return;
	}
	closed.netns = netns_of_sock(sk);
	closed.closed_ns = bpf_ktime_get_ns();
	bpf_map_update_elem(&closed_fds, &key, &closed, BPF_ANY);
}

/* A call gave EBADF. */
static __always_inline void on_bad_fd(__u32 fd, __u32 nr)
{
	__u64 key = fd_key(fd);
	struct closed_fd *closed = bpf_map_lookup_elem(&closed_fds, &key);
	struct facts facts = {};
	struct evidence *e;

	if (!closed)
		return;
	facts.event = EVENT_BAD_FD;
	facts.err = ERR_BADF;
	e = report(&facts, 1);
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
