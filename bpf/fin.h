/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long a connection had been silent when its peer closed it.
 *
 * The next write hides it, and it is what both ends' idle timeouts must be measured against. Only
 * connections that were idle for a second or more are remembered: no busy host has many.
 */
#ifndef TCPWHY_FIN_H
#define TCPWHY_FIN_H

#include "filter.h"

#define WORTH_REMEMBERING_US 1000000

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u32); /* milliseconds */
} fin_silences SEC(".maps");

/* The same where there is no socket storage: by address, until the socket is freed. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u32);
} fin_silence_addresses SEC(".maps");

static __always_inline __u32 *silence_of(struct tcp_sock *tp, bool add)
{
	__u64 address = (__u64)tp;
	__u32 none = 0;

	if (offers(socket_storage))
		return bpf_sk_storage_get(&fin_silences, tp, NULL,
					  add ? BPF_SK_STORAGE_GET_F_CREATE : 0);
	if (add)
		bpf_map_update_elem(&fin_silence_addresses, &address, &none, BPF_ANY);
	return bpf_map_lookup_elem(&fin_silence_addresses, &address);
}

static __always_inline bool is_long(__u32 jiffies)
{
	return (__u64)jiffies * tick_us >= WORTH_REMEMBERING_US;
}

static __noinline int remember_silence(struct tcp_sock *tp)
{
	__u32 *silence, jiffies = silent_jiffies(tp);

	if (!is_long(jiffies) || !pass_sock(tp))
		return 0;
	silence = silence_of(tp, true);
	if (silence)
		*silence = jiffies_to_ms(jiffies);
	return 0;
}

/*
 * The peer's FIN came, and it is the first. Most have received data a moment ago: then nothing
 * else is looked at.
 */
static __always_inline void remember_fin(struct tcp_sock *tp)
{
	if (unlikely(is_long((__u32)bpf_jiffies64() - READ(tp, inet_conn.icsk_ack.lrcvtime))))
		remember_silence(tp);
}

static __always_inline void recall_fin(struct evidence *e, struct tcp_sock *tp)
{
	__u32 *silence = silence_of(tp, false);

	if (silence)
		e->fin_silence_ms = *silence;
}

/* It has been freed, and its address will be another's. */
static __always_inline void forget_fin(const struct sock *sk)
{
	__u64 address = (__u64)sk;

	if (!offers(socket_storage))
		bpf_map_delete_elem(&fin_silence_addresses, &address);
}

#endif
