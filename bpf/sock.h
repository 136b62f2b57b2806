/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a socket, or a segment, to the evidence.
 *
 * What kind of socket it is must be known before anything is read: a TIME_WAIT minisock and a
 * request are much shorter than a struct sock. The callers tell them apart by sock_kind().
 *
 * A struct tcp_sock is always a pointer that the verifier trusts, if it trusts any: see read.h. A
 * struct sock or sk_buff may be any, also that of a kprobe: it is read with probes.
 */
#ifndef TCPWHY_SOCK_H
#define TCPWHY_SOCK_H

#include "classify.h"
#include "compat.h"
#include "read.h"

#define AF_INET       2
#define AF_INET6      10
#define ETH_P_IP      0x0800
#define IPPROTO_TCP   6
#define IPPROTO_MPTCP 262

#define PF_EXITING 0x00000004 /* include/linux/sched.h */
#define PF_KTHREAD 0x00200000

/* enum sock_flags, the same from 5.10 to 7.2 */
#define SOCK_DEAD     0
#define SOCK_DONE     1
#define SOCK_KEEPOPEN 3
#define SOCK_LINGER   4

/* One jiffy in microseconds: user space reads it from the coarse clock. */
const volatile __u32 tick_us = 4000;

static __always_inline __u32 jiffies_to_ms(__u32 jiffies)
{
	return (__u64)jiffies * tick_us / 1000;
}

static __always_inline __u32 ms_since(__u32 jiffies)
{
	return jiffies_to_ms((__u32)bpf_jiffies64() - jiffies);
}

/*
 * Arguments of tracepoints that may be NULL. From Linux 6.5 to 6.12 the verifier holds that none
 * is: it drops the comparison with NULL, and a direct read of NULL would be a fault that nothing
 * catches. So they are probed before they are read: of NULL that gives 0, which is neither a family
 * nor an address. The segment of a reset without a full socket is never NULL: it is what is
 * answered.
 */
static __always_inline bool is_sock(const struct sock *sk)
{
	return sk && BPF_CORE_READ(sk, __sk_common.skc_family);
}

static __always_inline bool is_segment(const struct sk_buff *skb)
{
	return skb && BPF_CORE_READ(skb, head);
}

/* A request socket answers with the listener that it belongs to, so it never comes here. */
static __always_inline enum socket_kind sock_kind(const struct sock *sk, bool trusted)
{
	if (!is_sock(sk))
		return SOCKET_NONE;
	switch (READ_AS(trusted, sk, __sk_common.skc_state)) {
	case BPF_TCP_TIME_WAIT:
		return SOCKET_TIME_WAIT;
	case BPF_TCP_LISTEN:
		return SOCKET_LISTEN;
	case BPF_TCP_NEW_SYN_RECV:
		return SOCKET_NONE;
	default:
		return SOCKET_FULL;
	}
}

static __always_inline struct sock *as_sock(struct tcp_sock *tp)
{
	return &tp->inet_conn.icsk_inet.sk;
}

/* NULL for what is no full socket of TCP: a minisock, MPTCP's message socket, SCTP's. */
static __always_inline struct tcp_sock *tcp_of_sock(struct sock *sk)
{
#ifdef PROBES_ONLY /* bpf_skc_to_tcp_sock() is for pointers that the verifier trusts */
	enum socket_kind kind = sock_kind(sk, false);

	if (kind != SOCKET_FULL && kind != SOCKET_LISTEN)
		return NULL;
	return BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP ? (struct tcp_sock *)sk : NULL;
#else
	return bpf_skc_to_tcp_sock(sk);
#endif
}

/* skc_num is 0 in a socket that has died; inet_sport stays. */
static __always_inline __u16 local_port(const struct tcp_sock *tp)
{
	return bpf_ntohs(READ(tp, inet_conn.icsk_inet.inet_sport));
}

static __always_inline __u16 remote_port(const struct tcp_sock *tp)
{
	return bpf_ntohs(READ(tp, inet_conn.icsk_inet.sk.__sk_common.skc_dport));
}

static __always_inline __u16 local_port_of(const struct sock *sk)
{
	return bpf_ntohs(BPF_CORE_READ((const struct inet_sock *)sk, inet_sport));
}

/*
 * Born from a listener? Such a socket keeps the TTL (or hop limit) of the handshake where others
 * have the default for multicast, 1: tcp_v4_syn_recv_sock(), tcp_v6_syn_recv_sock().
 */
static __always_inline bool is_passive(const struct tcp_sock *tp)
{
	const struct inet_sock *inet = &tp->inet_conn.icsk_inet;
	__u64 v6 = READ(inet, sk.__sk_common.skc_family) == AF_INET6;
	__u64 v6_hops = 1;

	if (v6) {
		const struct ipv6_pinfo *pinet6 = READ(inet, pinet6);

		v6_hops = BPF_CORE_READ_BITFIELD_PROBED(pinet6, mcast_hops);
	}
	return (READ(inet, mc_ttl) != 1) | (v6_hops > 1);
}

/*
 * The flag if the condition holds; without a branch, since each branch doubles what the verifier
 * has to walk through.
 */
#define FLAG_IF(condition, flag) (((__u32) !!(condition)) * (flag))

static __always_inline __u32 sock_flags(const struct tcp_sock *tp)
{
	const struct sock *sk = &tp->inet_conn.icsk_inet.sk;
	__u64 bits = READ(sk, __sk_common.skc_flags);
	__u64 linger = bits >> SOCK_LINGER & 1;
	__u32 flags;

	flags = (bits >> SOCK_DEAD & 1) * FACT_DEAD;
	flags |= (bits >> SOCK_DONE & 1) * FACT_PEER_FIN;
	flags |= (bits >> SOCK_KEEPOPEN & 1) * FACT_KEEPALIVE;
	flags |= FLAG_IF(linger & (READ(sk, sk_lingertime) == 0), FACT_LINGER_ZERO);
	flags |= FLAG_IF(READ(tp, linger2) < 0, FACT_LINGER2_OFF);
	flags |= FLAG_IF(READ(sk, sk_lock.owned), FACT_OWNED);
	flags |= FLAG_IF(READ(sk, sk_socket), FACT_ATTACHED);
	flags |= FLAG_IF(READ_BITFIELD(tp, rx_opt.tstamp_ok), FACT_TSTAMP_OK);
	flags |= FLAG_IF(READ_BITFIELD(tp, rx_opt.saw_tstamp), FACT_SAW_TSTAMP);
	flags |= FLAG_IF(is_passive(tp), FACT_PASSIVE);
	flags |= FLAG_IF(READ_BITFIELD(tp, repair), FACT_REPAIR);
	if (flags & FACT_DEAD && READ(sk, __sk_common.skc_state) != BPF_TCP_FIN_WAIT2)
		flags |= FLAG_IF(netns_is_gone(READ(sk, __sk_common.skc_net.net)), FACT_NETNS_GONE);
	return flags;
}

/* What classify_orderly() looks at. */
static __always_inline void facts_of_orderly_end(struct facts *f, const struct tcp_sock *tp,
						 __u8 state)
{
	const struct sock *sk = &tp->inet_conn.icsk_inet.sk;
	__u64 bits = READ(sk, __sk_common.skc_flags);
	__u32 snd_nxt = READ(tp, snd_nxt);

	f->event = EVENT_DEATH;
	f->state = state;
	f->err = READ(sk, sk_err);
	f->flags = (bits >> SOCK_DEAD & 1) * FACT_DEAD;
	f->flags |= (bits >> SOCK_DONE & 1) * FACT_PEER_FIN;
	if (!(f->flags & FACT_PEER_FIN)) /* the rules do not ask then, and it is far away */
		f->flags |= FLAG_IF(READ(tp, linger2) < 0, FACT_LINGER2_OFF);
	f->unacked = snd_nxt - READ(tp, snd_una);
	f->unsent = READ(tp, write_seq) - snd_nxt;
}

/* The FIN takes one number of the sequence space, and nobody reads it. */
static __always_inline __u32 unread_bytes(const struct tcp_sock *tp, __u32 flags)
{
	__s32 unread = READ(tp, rcv_nxt) - READ(tp, copied_seq) - !!(flags & FACT_PEER_FIN);

	return unread > 0 ? unread : 0;
}

/* The message socket of an MPTCP subflow, which is what the process has; else NULL. */
static __always_inline const struct mptcp_sock *message_sock(const struct tcp_sock *tp)
{
	struct mptcp_subflow_context *subflow;

	if (!bpf_core_field_exists(tp->is_mptcp) || !READ(tp, is_mptcp))
		return NULL;
	subflow = READ(tp, inet_conn.icsk_ulp_data);
	return (const void *)BPF_CORE_READ(subflow, conn);
}

static __always_inline bool is_message_sock(const struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_protocol) == IPPROTO_MPTCP;
}

/* Tells it from a successor at the same address: random; 0 = not connected yet, or no MPTCP here.
 */
static __always_inline __u64 message_key(const struct mptcp_sock *msk)
{
	if (!bpf_core_field_exists(msk->local_key))
		return 0;
	return BPF_CORE_READ(msk, local_key);
}

/* What the process did, it did to the message socket. */
static __always_inline void facts_of_message_sock(struct facts *f, const struct mptcp_sock *msk)
{
	const struct sock *sk = (const void *)msk;
	__u64 bits = BPF_CORE_READ(sk, __sk_common.skc_flags);
	__u64 linger = bits >> SOCK_LINGER & 1;

	f->flags &= ~(FACT_LINGER_ZERO | FACT_ATTACHED);
	f->flags |= FLAG_IF(linger & (BPF_CORE_READ(sk, sk_lingertime) == 0), FACT_LINGER_ZERO);
	f->flags |= FLAG_IF(BPF_CORE_READ(sk, sk_socket), FACT_ATTACHED);
	f->unread += unread_of_message_sock(msk);
}

/* By the process: MPTCP's message socket is the one that it has. */
static __always_inline __u8 shutdown_of(const struct tcp_sock *tp, const struct mptcp_sock *msk)
{
	__u8 shutdown = msk ? BPF_CORE_READ((const struct sock *)msk, sk_shutdown)
			    : READ(tp, inet_conn.icsk_inet.sk.sk_shutdown);

	return shutdown & SHUT_BOTH;
}

/* The facts of a full socket that has just died, or is about to. */
static __always_inline void facts_of_sock(struct facts *f, const struct tcp_sock *tp, __u8 state)
{
	const struct inet_connection_sock *icsk = &tp->inet_conn;
	const struct mptcp_sock *msk = message_sock(tp);
	const struct sock *sk = &icsk->icsk_inet.sk;

	f->socket = SOCKET_FULL;
	f->state = state;
	f->shutdown = shutdown_of(tp, msk);
	f->err = READ(sk, sk_err);
	f->err_soft = READ(sk, sk_err_soft);
	f->flags = sock_flags(tp);
	f->unread = unread_bytes(tp, f->flags);
	f->unacked = READ(tp, snd_nxt) - READ(tp, snd_una);
	f->unsent = READ(tp, write_seq) - READ(tp, snd_nxt);
	f->snd_wnd = READ(tp, snd_wnd);
	f->user_timeout_ms = READ(icsk, icsk_user_timeout);
	f->heard_ms = ms_since(READ(tp, rcv_tstamp));
	f->sent_ms = ms_since(READ(tp, lsndtime));
	f->received_ms = ms_since(READ(icsk, icsk_ack.lrcvtime));
	f->srtt_us = READ(tp, srtt_us) >> 3;
	f->tick_us = tick_us;
	f->segs_in = READ(tp, segs_in);
	f->segs_out = READ(tp, segs_out);
	f->probes_out = READ(icsk, icsk_probes_out);
	f->retransmits = READ(icsk, icsk_retransmits);
	f->bytes_acked = READ(tp, bytes_acked);
	f->bytes_received = READ(tp, bytes_received);
	if (msk)
		facts_of_message_sock(f, msk);
}

/* Works for minisocks too: only struct sock_common is read. */
static __always_inline void tuple_of_any(struct tuple *t, const struct sock *sk, __u16 lport,
					 bool trusted)
{
	const struct sock_common *common = &sk->__sk_common;
	__u32 *laddr = (__u32 *)t->laddr, *raddr = (__u32 *)t->raddr;

	t->lport = lport;
	t->rport = bpf_ntohs(READ_AS(trusted, common, skc_dport));
	t->family = READ_AS(trusted, common, skc_family);
	if (t->family != AF_INET6) {
		*laddr = READ_AS(trusted, common, skc_rcv_saddr);
		*raddr = READ_AS(trusted, common, skc_daddr);
	} else if (trusted) {
		for (int i = 0; i < 4; i++) {
			laddr[i] = READ(common, skc_v6_rcv_saddr.in6_u.u6_addr32[i]);
			raddr[i] = READ(common, skc_v6_daddr.in6_u.u6_addr32[i]);
		}
	} else {
		BPF_CORE_READ_INTO(&t->laddr, common, skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&t->raddr, common, skc_v6_daddr);
	}
}

static __always_inline void tuple_of_sock(struct tuple *t, const struct sock *sk, __u16 lport)
{
	tuple_of_any(t, sk, lport, false);
}

static __always_inline void tuple_of_tcp_sock(struct tuple *t, const struct tcp_sock *tp)
{
	tuple_of_any(t, &tp->inet_conn.icsk_inet.sk, local_port(tp), true);
}

static __always_inline __u32 netns_of_sock(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

static __always_inline __u32 netns_of_tcp_sock(const struct tcp_sock *tp)
{
	const struct net *net = READ(tp, inet_conn.icsk_inet.sk.__sk_common.skc_net.net);

	return READ(net, ns.inum);
}

static __always_inline bool queue_is_full(const struct sock *sk)
{
	/* sk_acceptq_is_full() */
	return BPF_CORE_READ(sk, sk_ack_backlog) > BPF_CORE_READ(sk, sk_max_ack_backlog);
}

/* inet_csk_reqsk_queue_len() */
static __always_inline __u32 requests_under_way(const struct sock *sk)
{
	const struct inet_connection_sock *icsk = (const struct inet_connection_sock *)sk;

	return BPF_CORE_READ(icsk, icsk_accept_queue.qlen.counter);
}

/* inet_csk_reqsk_queue_is_full() before 6.14 */
static __always_inline bool requests_are_many(const struct sock *sk)
{
	return requests_under_way(sk) >= BPF_CORE_READ(sk, sk_max_ack_backlog);
}

/* Since then, and in stable kernels, these are not too many: settle_doubts(). */
static __always_inline bool requests_are_as_many(const struct sock *sk)
{
	return requests_under_way(sk) == BPF_CORE_READ(sk, sk_max_ack_backlog);
}

/*
 * Does tcp_conn_request() drop SYNs for want of room in the SYN queue? With cookies it never does.
 * Without, the limit is the backlog, and strangers are kept out of the last quarter of
 * net.ipv4.tcp_max_syn_backlog.
 */
static __always_inline bool syn_queue_is_full(const struct sock *sk)
{
	const struct net *net = BPF_CORE_READ(sk, __sk_common.skc_net.net);
	__u32 max = BPF_CORE_READ(net, ipv4.sysctl_max_syn_backlog);

	if (BPF_CORE_READ(net, ipv4.sysctl_tcp_syncookies))
		return false;
	return requests_are_many(sk) || requests_under_way(sk) > max - (max >> 2);
}

/* Jiffies since data went or came; a FIN or an ACK alone is none. */
static __always_inline __u32 silent_jiffies(const struct tcp_sock *tp)
{
	__u32 now = bpf_jiffies64();
	__u32 sent = now - READ(tp, lsndtime),
	      received = now - READ(tp, inet_conn.icsk_ack.lrcvtime);

	return sent < received ? sent : received;
}

/* Of a retransmission the first time: tcp_set_rto(). */
static __always_inline __u32 rto_ms(const struct tcp_sock *tp)
{
	__u32 ms = ((READ(tp, srtt_us) >> 3) + READ(tp, rttvar_us)) / 1000;

	return ms > RTO_MIN_MS ? ms : RTO_MIN_MS;
}

/*
 * Since the write that was never acknowledged: a retransmission's timer before the first time
 * that it was sent again, retrans_stamp. A loss probe, of which no trace is left, may have come
 * before: so it may be some 200 ms more.
 */
static __always_inline __u32 ms_since_write(const struct tcp_sock *tp)
{
	__u64 unit_ns = 1000000;
	__u32 age;

	if (!READ(tp, retrans_stamp))
		return 0;
	if (bpf_core_field_exists(tp->tcp_usec_ts) && READ_BITFIELD(tp, tcp_usec_ts))
		unit_ns = 1000;
	age = (__u32)(bpf_ktime_get_ns() / unit_ns) - READ(tp, retrans_stamp);
	return age * unit_ns / 1000000 + rto_ms(tp);
}

/* The settings that a socket leaves at 0 are those of its namespace. */
static __always_inline void timers_of_sock(struct evidence *e, const struct tcp_sock *tp)
{
	const struct net *net = READ(tp, inet_conn.icsk_inet.sk.__sk_common.skc_net.net);
	__u32 time = READ(tp, keepalive_time), intvl = READ(tp, keepalive_intvl);
	__u8 probes = READ(tp, keepalive_probes);

	e->keepalive_time_ms =
		jiffies_to_ms(time ? time : (__u32)READ(net, ipv4.sysctl_tcp_keepalive_time));
	e->keepalive_intvl_ms =
		jiffies_to_ms(intvl ? intvl : (__u32)READ(net, ipv4.sysctl_tcp_keepalive_intvl));
	e->keepalive_probes = probes ? probes : READ(net, ipv4.sysctl_tcp_keepalive_probes);
	e->retries = e->facts.flags & FACT_DEAD ? READ(net, ipv4.sysctl_tcp_orphan_retries)
						: READ(net, ipv4.sysctl_tcp_retries2);
	e->written_ms = ms_since_write(tp);
}

/* Which socket it is, of a connection or a listener. */
static __always_inline void socket_of_sock(struct evidence *e, const struct sock *sk)
{
	e->sock_id = (__u64)sk;
	e->socket = (__u64)BPF_CORE_READ(sk, sk_socket);
	e->inode = sock_inode(sk);
}

/* What the words need beside the facts. */
static __always_inline void details_of_sock(struct evidence *e, struct tcp_sock *tp)
{
	socket_of_sock(e, as_sock(tp));
	e->netns = netns_of_tcp_sock(tp);
	tuple_of_tcp_sock(&e->tuple, tp);
	e->total_retrans = READ(tp, total_retrans);
	e->snd_una = READ(tp, snd_una);
	e->snd_nxt = READ(tp, snd_nxt);
	e->rcv_nxt = READ(tp, rcv_nxt);
	timers_of_sock(e, tp);
}

static __always_inline void details_of_listener(struct evidence *e, const struct sock *sk)
{
	socket_of_sock(e, sk);
	e->netns = netns_of_sock(sk);
	tuple_of_sock(&e->tuple, sk, local_port_of(sk));
	e->backlog = BPF_CORE_READ(sk, sk_ack_backlog);
	e->backlog_max = BPF_CORE_READ(sk, sk_max_ack_backlog);
	e->syn_queue = requests_under_way(sk);
	e->somaxconn = BPF_CORE_READ(sk, __sk_common.skc_net.net, core.sysctl_somaxconn);
}

/* A segment's headers, copied out of the skb. */
struct segment {
	struct tuple tuple; /* local = its destination */
	__u32 flags;        /* FACT_SEG_* */
	__u32 len;          /* payload bytes */
	__u32 seq;          /* sequence number */
	__u32 ended_ms;     /* since its connection ended here: was_on_its_way() */
};

static __always_inline void details_of_segment(struct evidence *e, const struct segment *seg)
{
	e->tuple = seg->tuple;
	e->seg_len = seg->len;
	e->seg_seq = seg->seq;
	e->closed_ms = seg->ended_ms;
}

static __always_inline bool segment_is_rst(const struct sk_buff *skb)
{
	const void *tcp = BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, transport_header);
	__u8 flags = 0;

	bpf_probe_read_kernel(&flags, 1, tcp + 13); /* RFC 9293, 3.1 */
	return flags & 4;
}

static __always_inline bool is_ipv4(const struct sk_buff *skb)
{
	return BPF_CORE_READ(skb, protocol) == bpf_htons(ETH_P_IP);
}

/* What one probe reads: both headers of IPv4 without options, or that of IPv6. */
#define HEADER_BYTES 40

struct headers {
	union {
		__u8 version; /* in the upper half */
		struct iphdr ip;
		struct ipv6hdr ip6;
		__u8 bytes[HEADER_BYTES];
	};
	struct tcphdr tcp;
};

static __always_inline void read_headers(struct headers *h, const void *network, __u32 length)
{
	bpf_probe_read_kernel(h->bytes, sizeof(h->bytes), network);
	if (length + sizeof(h->tcp) == sizeof(h->bytes))
		__builtin_memcpy(&h->tcp, h->bytes + sizeof(h->ip), sizeof(h->tcp));
	else
		bpf_probe_read_kernel(&h->tcp, sizeof(h->tcp), network + length);
}

static __always_inline void segment_addresses(struct tuple *t, const struct headers *h)
{
	if (h->version >> 4 == 6) {
		t->family = AF_INET6;
		__builtin_memcpy(t->laddr, &h->ip6.daddr, 16);
		__builtin_memcpy(t->raddr, &h->ip6.saddr, 16);
	} else {
		t->family = AF_INET;
		__builtin_memcpy(t->laddr, &h->ip.daddr, 4);
		__builtin_memcpy(t->raddr, &h->ip.saddr, 4);
	}
}

/* Where a segment's headers are. */
struct header_places {
	const void *network;
	__u32 length; /* of the network header, with what follows it up to the TCP header */
	__u32 len;    /* from the TCP header on */
};

/* A function of its own, which the verifier walks through once. Returns nothing of use. */
__noinline int parse_segment(struct segment *seg, const struct header_places *at)
{
	struct headers h = {};

	if (!seg || !at)
		return 0;
	read_headers(&h, at->network, at->length);
	*seg = (struct segment){};
	segment_addresses(&seg->tuple, &h);
	seg->tuple.lport = bpf_ntohs(h.tcp.dest);
	seg->tuple.rport = bpf_ntohs(h.tcp.source);
	seg->seq = bpf_ntohl(h.tcp.seq);
	seg->flags = FLAG_IF(h.tcp.syn, FACT_SEG_SYN) | FLAG_IF(h.tcp.ack, FACT_SEG_ACK) |
		     FLAG_IF(h.tcp.rst, FACT_SEG_RST) | FLAG_IF(h.tcp.fin, FACT_SEG_FIN);
	if (at->len > h.tcp.doff * 4u)
		seg->len = at->len - h.tcp.doff * 4u;
	return 0;
}

/* Of a received skb whose data begins at its TCP header, as in tcp_v4_rcv(). */
static __always_inline void read_segment(struct segment *seg, const struct sk_buff *skb,
					 bool trusted)
{
	const void *head = READ_AS(trusted, skb, head);
	__u32 network = READ_AS(trusted, skb, network_header);
	const struct header_places at = {
		.network = head + network,
		.length = READ_AS(trusted, skb, transport_header) - network,
		.len = READ_AS(trusted, skb, len),
	};

	parse_segment(seg, &at);
}

#endif
