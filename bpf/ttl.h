/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Did the peer itself send the RST? Each router on the way takes one off the TTL (or hop limit), so
 * an RST that a firewall in the middle made in the peer's name arrives with another TTL than the
 * peer's own segments. tcp_probe sees every segment of established connections, at a cost for
 * each: this is loaded under --errors only.
 */
#ifndef TCPWHY_TTL_H
#define TCPWHY_TTL_H

#include "filter.h"

const volatile bool watch_ttl = false; /* --errors: the hook is loaded */

struct ttls {
	__u8 usual; /* of the connection's other segments, 0 = none seen */
	__u8 rst;   /* of the RST, 0 = none seen */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct ttls);
} ttls SEC(".maps");

static __always_inline __u8 ttl_of_segment(const void *network_header)
{
	__u8 version = 0, ttl = 0;

	bpf_probe_read_kernel(&version, 1, network_header);
	if (version >> 4 == 6)
		bpf_probe_read_kernel(&ttl, 1, network_header + 7); /* RFC 8200: hop limit */
	else
		bpf_probe_read_kernel(&ttl, 1, network_header + 8); /* RFC 791: time to live */
	return ttl;
}

static __always_inline void note_ttl(struct tcp_sock *tp, const struct sk_buff *skb)
{
	__u64 id = (__u64)tp;
	struct ttls *known = bpf_map_lookup_elem(&ttls, &id), fresh = {};
	bool rst = segment_is_rst(skb);

	if (known && !rst)
		return;
	if (known)
		fresh = *known;
	if (rst)
		fresh.rst = ttl_of_segment(READ(skb, head) + READ(skb, network_header));
	else
		fresh.usual = ttl_of_segment(READ(skb, head) + READ(skb, network_header));
	bpf_map_update_elem(&ttls, &id, &fresh, BPF_ANY);
}

static __always_inline void recall_ttls(struct evidence *e, struct tcp_sock *tp)
{
	__u64 id = (__u64)tp;
	struct ttls *known = bpf_map_lookup_elem(&ttls, &id);

	if (!known)
		return;
	e->usual_ttl = known->usual;
	e->rst_ttl = known->rst;
}

/* The socket has died, and its address will be another's. */
static __always_inline void forget_ttls(struct tcp_sock *tp)
{
	__u64 id = (__u64)tp;

	bpf_map_delete_elem(&ttls, &id);
}

#endif
