/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Connections that have just ended here with an RST, or otherwise too early.
 *
 * What the peer sent before it heard of that is still on its way. No socket is left that knows it,
 * so each such segment is answered by RST again, as that of a stranger would be: they are told
 * apart here. A segment that comes later than the peer's timer would have sent it again is a
 * stranger's.
 *
 * An RST that the peer's own socket has built is the last of its segments, and is taken in order
 * only (RFC 5961, 3.2): nothing is on its way then.
 *
 * There is room for some thousand, the latest. So in a storm some are forgotten too early, and what
 * comes for them is called what it is without this.
 */
#ifndef TCPWHY_ENDED_H
#define TCPWHY_ENDED_H

#include "sock.h"

#define ENDED_BUCKETS 2048 /* a power of two */
#define ENDED_WAYS    5    /* ends in a bucket */

/* RFC 6298, 2.1: of a timer as long as no round trip was measured. */
#define RTO_INITIAL_MS 1000

struct ended {
	__u32 key;     /* of the connection; 0 = none */
	__u32 jiffies; /* when it ended */
	__u32 rto_ms;  /* for so long segments may come that were on their way */
};

/* In one cache line, which most of what an end costs here goes for. */
struct ended_bucket {
	struct ended ways[ENDED_WAYS];
	__u32 next; /* the oldest of the ways: to be taken next */
};

_Static_assert(sizeof(struct ended_bucket) == 64, "a bucket is one cache line");

static struct ended_bucket ended[ENDED_BUCKETS] __attribute__((aligned(64)));

static __always_inline __u64 mix(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15; /* 2^64 / golden ratio */
	return hash ^ hash >> 32;
}

/* The same for IPv4 and IPv4-mapped addresses: a listener of IPv6 may have both. */
static __always_inline __u64 mix_address(__u64 hash, const __u8 *address, __u16 family)
{
	const __u32 *words = (const __u32 *)address;
	__u64 first = 0, second = (__u64)words[0] << 32 | bpf_htonl(0xffff);

	if (family == AF_INET6) {
		first = (__u64)words[1] << 32 | words[0];
		second = (__u64)words[3] << 32 | words[2];
	}
	return mix(mix(hash, first), second);
}

/* Where it is looked for, in the lower half, and what it is known by, in the upper one. */
static __always_inline __u64 hash_of_end(const struct tuple *t, __u32 netns)
{
	__u64 hash = mix(0, (__u64)netns << 32 | (__u32)t->lport << 16 | t->rport);

	hash = mix_address(hash, t->laddr, t->family);
	return mix_address(hash, t->raddr, t->family);
}

static __always_inline struct ended_bucket *bucket_of_end(__u64 hash)
{
	return &ended[hash & (ENDED_BUCKETS - 1)];
}

/* Two connections have the same one, and the same bucket, as seldom as 42 bits are guessed. */
static __always_inline __u32 key_of_end(__u64 hash)
{
	return hash >> 32 | 1;
}

/* The oldest way, since they are taken by turns. */
static __always_inline struct ended *take_way(struct ended_bucket *bucket)
{
	__u32 way = bucket->next;

	if (way >= ENDED_WAYS)
		way = 0;
	bucket->next = way + 1;
	return &bucket->ways[way];
}

/* Functions of their own, which the verifier walks through once. Both return 0 or 1. */

__noinline int remember_end(const struct tuple *t, __u32 netns, __u32 rto_ms)
{
	struct ended *end;
	__u64 hash;

	if (!t)
		return 0;
	hash = hash_of_end(t, netns);
	end = take_way(bucket_of_end(hash));
	end->key = key_of_end(hash);
	end->jiffies = bpf_jiffies64();
	end->rto_ms = rto_ms;
	return 1;
}

/* Was the segment on its way when its connection ended here? Then when that was is noted, too. */
__noinline int was_on_its_way(struct segment *seg, __u32 netns)
{
	const struct ended_bucket *bucket;
	__u64 hash;

	if (!seg)
		return false;
	hash = hash_of_end(&seg->tuple, netns);
	bucket = bucket_of_end(hash);
	for (int i = 0; i < ENDED_WAYS; i++) {
		const struct ended *end = &bucket->ways[i];
		__u32 age = ms_since(end->jiffies);

		if (end->key != key_of_end(hash) || age > end->rto_ms)
			continue;
		seg->ended_ms = age;
		return true;
	}
	return false;
}

static __noinline int remember_end_of_sock(const struct tcp_sock *tp)
{
	struct tuple tuple = {};

	tuple_of_tcp_sock(&tuple, tp);
	return remember_end(&tuple, netns_of_tcp_sock(tp), rto_ms(tp));
}

#endif
