// SPDX-License-Identifier: GPL-2.0-only
/*
 * For tcpwhy check: the TCP sockets that the processes of this host hold, in all network
 * namespaces, each written once to whoever reads the iterator. Nothing is attached to any hook.
 *
 * Descriptors are walked through, not the tables of sockets: so a socket comes with its process,
 * and no namespace must be entered. What a file leads to is read with probes on every kernel.
 */
#define PROBES_ONLY
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#include "files.h"
#include "held_socket.h"
#include "task.h"

char LICENSE[] SEC("license") = "GPL";

/*
 * Those that were written: a socket may have many descriptors. If there are more, some that are
 * shared are written twice.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 131072);
	__type(key, __u64); /* struct sock */
	__type(value, __u8);
} written SEC(".maps");

static __always_inline __u64 ms_of(__u32 jiffies)
{
	return (__u64)jiffies * tick_us / 1000;
}

static __always_inline __u32 jiffies_since(__u32 then)
{
	return (__u32)bpf_jiffies64() - then;
}

static __always_inline void times_of_connection(struct held_socket *s, const struct tcp_sock *tp)
{
	__u32 silent = silent_jiffies(tp), heard = jiffies_since(READ(tp, rcv_tstamp));
	__u32 probed = READ(tp, last_oow_ack_time); /* the answer to a probe: old, and no data */

	s->silent_ms = ms_of(silent < heard ? silent : heard);
	s->probed_ms = probed ? ms_of(jiffies_since(probed)) : ~0ULL;
}

/* What is 0 in the socket is that of its namespace. */
static __always_inline void settings_of_connection(struct held_socket *s, const struct tcp_sock *tp)
{
	const struct net *net = READ(tp, inet_conn.icsk_inet.sk.__sk_common.skc_net.net);
	__u32 time = READ(tp, keepalive_time), intvl = READ(tp, keepalive_intvl);

	s->keepalive_ms = ms_of(time ? time : (__u32)READ(net, ipv4.sysctl_tcp_keepalive_time));
	s->intvl_ms = ms_of(intvl ? intvl : (__u32)READ(net, ipv4.sysctl_tcp_keepalive_intvl));
	s->user_timeout_ms = READ(tp, inet_conn.icsk_user_timeout);
}

/*
 * The accept queue is first in, first out: if its first connection has waited for so long, nothing
 * was accepted since. A connection that is not accepted has sent no data, so this is its birth.
 */
static __always_inline __u64 waiting_ms(const struct tcp_sock *tp)
{
	const struct request_sock *first = READ(tp, inet_conn.icsk_accept_queue.rskq_accept_head);
	const struct tcp_sock *child = (const void *)BPF_CORE_READ(first, sk);

	if (!first || !child || local_port(child) != local_port(tp))
		return 0; /* or it was accepted just now, and its memory is another's */
	return ms_of(jiffies_since(READ(child, lsndtime)));
}

static __always_inline void describe(struct held_socket *s, const struct sock *sk)
{
	const struct tcp_sock *tp = (const void *)sk;
	__u64 bits = READ(sk, __sk_common.skc_flags);
	bool done = bits >> SOCK_DONE & 1;

	s->state = READ(sk, __sk_common.skc_state);
	s->keepalive = bits >> SOCK_KEEPOPEN & 1;
	s->netns = netns_of_sock(sk);
	s->somaxconn = BPF_CORE_READ(sk, __sk_common.skc_net.net, core.sysctl_somaxconn);
	tuple_of_sock(&s->tuple, sk, local_port_of(sk));
	if (s->state == BPF_TCP_LISTEN) {
		s->backlog = READ(sk, sk_ack_backlog);
		s->backlog_max = READ(sk, sk_max_ack_backlog);
		s->waiting_ms = s->backlog ? waiting_ms(tp) : 0;
		return;
	}
	s->unread = unread_bytes(tp, done ? FACT_PEER_FIN : 0);
	times_of_connection(s, tp);
	settings_of_connection(s, tp);
}

/* If it does not fit, the kernel calls us again for the same file. */
SEC("iter/task_file")
int find_held(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct held_socket found = {};
	const struct sock *sk;
	__u8 yes = 1;
	__u64 key;

	if (!task || !file)
		return 0;
	sk = tcp_of_file(file);
	key = (__u64)sk;
	if (!sk || READ(sk, __sk_common.skc_state) == BPF_TCP_CLOSE ||
	    bpf_map_lookup_elem(&written, &key))
		return 0;
	owner_of_task(&found.owner, task);
	describe(&found, sk);
	if (!bpf_seq_write(ctx->meta->seq, &found, sizeof(found)))
		bpf_map_update_elem(&written, &key, &yes, BPF_ANY);
	return 0;
}
