/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Connections that have just ended here with an RST, or otherwise too early.
 *
 * What the peer sent before it heard of that is still on its way. No socket is left that knows it,
 * so each such segment is answered by RST again, as that of a stranger would be: they are told
 * apart here. A segment that comes later than the peer's timer would have sent it again is a
 * stranger's.
 *
 * There is room for some thousand, the latest. So in a storm some are forgotten too early, and what
 * comes for them is called what it is without this.
 */
#ifndef TCPWHY_ENDED_H
#define TCPWHY_ENDED_H

#include "sock.h"

#define ENDED_BUCKETS 2048 /* a power of two */
#define ENDED_WAYS    4    /* ends in a bucket */

/* RFC 6298, 2.1: of a timer as long as no round trip was measured. */
#define RTO_INITIAL_MS 1000

struct ended {
	__u64 key;     /* of the connection; 0 = none */
	__u32 jiffies; /* when it ended */
	__u32 rto_ms;  /* for so long segments may come that were on their way */
};

struct ended_bucket {
	struct ended ways[ENDED_WAYS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ENDED_BUCKETS);
	__type(key, __u32);
	__type(value, struct ended_bucket);
} ended SEC(".maps");

static __always_inline __u64 mix(__u64 hash, __u32 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15; /* 2^64 / golden ratio */
	return hash ^ hash >> 32;
}

/* The same for IPv4 and IPv4-mapped addresses: a listener of IPv6 may have both. */
static __always_inline __u64 mix_address(__u64 hash, const __u8 *address, __u16 family)
{
	__u32 words[4] = { 0, 0, bpf_htonl(0xffff) };

	if (family == AF_INET6)
		__builtin_memcpy(words, address, sizeof(words));
	else
		__builtin_memcpy(&words[3], address, sizeof(words[3]));
	for (int i = 0; i < 4; i++)
		hash = mix(hash, words[i]);
	return hash;
}

/* Two connections have the same one as seldom as 64 bits are guessed. Never 0. */
static __always_inline __u64 key_of_end(const struct tuple *t, __u32 netns)
{
	__u64 hash = mix(netns, (__u32)t->lport << 16 | t->rport);

	hash = mix_address(hash, t->laddr, t->family);
	hash = mix_address(hash, t->raddr, t->family);
	return hash | 1ULL << 63;
}

static __always_inline struct ended_bucket *bucket_of_end(__u64 key)
{
	__u32 number = key & (ENDED_BUCKETS - 1);

	return bpf_map_lookup_elem(&ended, &number);
}

/* That of the connection, or an empty one, or the oldest. */
static __always_inline struct ended *slot_of_end(struct ended_bucket *bucket, __u64 key)
{
	struct ended *slot = &bucket->ways[0];

	for (int i = 0; i < ENDED_WAYS; i++) {
		struct ended *way = &bucket->ways[i];

		if (way->key == key || !way->key)
			return way;
		if ((__s32)(way->jiffies - slot->jiffies) < 0)
			slot = way;
	}
	return slot;
}

static __always_inline const struct ended *find_end(__u64 key)
{
	const struct ended_bucket *bucket = bucket_of_end(key);

	if (!bucket)
		return NULL;
	for (int i = 0; i < ENDED_WAYS; i++)
		if (bucket->ways[i].key == key)
			return &bucket->ways[i];
	return NULL;
}

/* Functions of their own, which the verifier walks through once. Both return 0 or 1. */

__noinline int remember_end(const struct tuple *t, __u32 netns, __u32 rto_ms)
{
	struct ended_bucket *bucket;
	struct ended *end;
	__u64 key;

	if (!t)
		return 0;
	key = key_of_end(t, netns);
	bucket = bucket_of_end(key);
	if (!bucket)
		return 0;
	end = slot_of_end(bucket, key);
	end->key = key;
	end->jiffies = bpf_jiffies64();
	end->rto_ms = rto_ms;
	return 1;
}

/* Was the segment on its way when its connection ended here? Then when that was is noted, too. */
__noinline int was_on_its_way(struct segment *seg, __u32 netns)
{
	const struct ended *end;
	__u32 age;

	if (!seg)
		return false;
	end = find_end(key_of_end(&seg->tuple, netns));
	if (!end)
		return false;
	age = ms_since(end->jiffies);
	if (age > end->rto_ms)
		return false;
	seg->ended_ms = age;
	return true;
}

static __noinline int remember_end_of_sock(const struct tcp_sock *tp)
{
	const struct sock *sk = &tp->inet_conn.icsk_inet.sk;
	struct tuple tuple = {
		.lport = local_port(tp),
		.rport = remote_port(tp),
		.family = READ(sk, __sk_common.skc_family),
	};

	if (tuple.family == AF_INET6) {
		BPF_CORE_READ_INTO(&tuple.laddr, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&tuple.raddr, sk, __sk_common.skc_v6_daddr);
	} else {
		*(__u32 *)tuple.laddr = READ(sk, __sk_common.skc_rcv_saddr);
		*(__u32 *)tuple.raddr = READ(sk, __sk_common.skc_daddr);
	}
	return remember_end(&tuple, netns_of_sock(sk), rto_ms(tp));
}

#endif
