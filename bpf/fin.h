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

/* The peer's FIN came, and it is the first. */
static __always_inline void remember_fin(struct tcp_sock *tp)
{
	__u32 jiffies = silent_jiffies(tp);
	__u32 *silence;

	if ((__u64)jiffies * tick_us < WORTH_REMEMBERING_US || !offers(socket_storage) ||
	    !pass_sock(tp))
		return;
	silence = bpf_sk_storage_get(&fin_silences, tp, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (silence)
		*silence = jiffies_to_ms(jiffies);
}

static __always_inline void recall_fin(struct evidence *e, struct tcp_sock *tp)
{
	__u32 *silence;

	if (!offers(socket_storage))
		return;
	silence = bpf_sk_storage_get(&fin_silences, tp, NULL, 0);
	if (silence)
		e->fin_silence_ms = *silence;
}

#endif
