/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * May it pass? Decided before any record is made and anything is counted.
 *
 * Filters of different kinds must all hold. What cannot be known does not pass: a segment without
 * a socket has no owner, and SYNs that a listener has dropped have no peer. Which verdicts are
 * wanted is decided with the verdict, in emit.h.
 *
 * The constants are known when the programs are loaded, so the verifier drops the filters that
 * were not asked for: without any, nothing of this file is left.
 */
#ifndef TCPWHY_FILTER_H
#define TCPWHY_FILTER_H

#include "compat.h"
#include "filter_settings.h"
#include "sock.h"

const volatile bool filters = false;          /* is there any? */
const volatile __u32 filter_ports = 0;        /* the kinds of enum port_flag that must hold */
const volatile __u32 filter_family = 0;       /* -4, -6: AF_INET, AF_INET6; 0 = both */
const volatile bool filter_peers = false;     /* --peer */
const volatile __u32 filter_netns = 0;        /* --netns: inode, 0 = all */
const volatile bool filter_cgroup = false;    /* --cgroup */
const volatile bool filter_processes = false; /* -p */

/* ---- between which ends: ports, addresses, network namespace --------------------------------- */

__u8 port_flags[PORTS] = {}; /* enum port_flag, by port */

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1); /* user space knows how many */
	__type(key, struct network);
	__type(value, __u8);
} peers SEC(".maps");

const volatile struct port_rule few_ports[FEW_PORTS] = {};
const volatile bool ports_are_few = false; /* all are in few_ports */

/* Older verifiers do not know that what ntohs() returns has 16 bits. */
static __always_inline __u32 flags_of_port(__u32 port)
{
	__u32 flags = 0;

	if (ports_are_few) {
		for (int i = 0; i < FEW_PORTS; i++)
			if (few_ports[i].flags && port == few_ports[i].port)
				flags |= few_ports[i].flags;
		return flags;
	}
	barrier_var(port);
	return port_flags[port & (PORTS - 1)];
}

static __always_inline bool pass_ports(__u16 lport, __u16 rport)
{
	__u32 local = flags_of_port(lport), remote = flags_of_port(rport);
	__u32 held =
		((local | remote) & PORT_EITHER) | (local & PORT_LOCAL) | (remote & PORT_REMOTE);

	return !(filter_ports & ~held);
}

/* The same early: a socket that has died has no local port any more, and a listener has no peer. */
static __always_inline bool may_pass_ports(const struct sock *sk)
{
	__u16 lport, rport;

	if (likely(!filter_ports))
		return true;
	lport = READ(sk, __sk_common.skc_num);
	rport = bpf_ntohs(READ(sk, __sk_common.skc_dport));
	return !lport || !rport || pass_ports(lport, rport);
}

static __always_inline bool is_mapped(const __u8 *address)
{
	const __u32 *words = (const __u32 *)address;

	return !words[0] && !words[1] && words[2] == bpf_htonl(0xffff);
}

/* As the addresses are shown. A function of its own, which the verifier walks through once. */
__noinline int pass_addresses(const struct tuple *t)
{
	struct network peer = { .family = AF_INET6 };
	bool mapped;

	if (!t)
		return false;
	mapped = t->family == AF_INET6 && (is_mapped(t->laddr) || is_mapped(t->raddr));
	if (mapped || t->family == AF_INET)
		peer.family = AF_INET;
	if (filter_family && filter_family != peer.family)
		return false;
	if (!filter_peers)
		return true;
	peer.bits = FAMILY_BITS + (peer.family == AF_INET ? 32 : 128);
	__builtin_memcpy(peer.address, t->raddr, 16);
	if (mapped)
		__builtin_memcpy(peer.address, t->raddr + 12, 4);
	return t->rport && bpf_map_lookup_elem(&peers, &peer);
}

static __always_inline bool pass_tuple(const struct tuple *t)
{
	if (filter_ports && !pass_ports(t->lport, t->rport))
		return false;
	return !(filter_family || filter_peers) || pass_addresses(t);
}

/* Any socket, minisocks too. */
static __always_inline bool pass_netns(const struct sock *sk)
{
	return !filter_netns || netns_of_sock(sk) == filter_netns;
}

static __always_inline bool pass_ends(struct tcp_sock *tp)
{
	struct tuple t = {};

	if (filter_ports && !pass_ports(local_port(tp), remote_port(tp)))
		return false;
	if (!pass_netns(as_sock(tp)))
		return false;
	if (!(filter_family || filter_peers))
		return true;
	tuple_of_sock(&t, as_sock(tp), local_port(tp));
	return pass_addresses(&t);
}

/* ---- whose: cgroup and process --------------------------------------------------------------- */

__u64 cgroup_address = 0; /* --cgroup: struct cgroup, which user space holds; 0 = not known yet */
__u32 cgroup_level = 0;   /* how far below the root it is */
__u64 cgroup_id = 0;      /* the inode of its directory, where no iterator finds it */

/* A full socket or a listener: that of the process which made it, or its listener. */
static __always_inline bool pass_cgroup(const struct sock *sk)
{
	struct cgroup *cgroup, **ancestors;
	__u64 ancestor = 0;

	if (!filter_cgroup)
		return true;
	cgroup = cgroup_of_sock(sk);
	if (!offers(cgroup_iterator))
		return cgroup_is_below(cgroup, cgroup_id);
	if (BPF_CORE_READ(cgroup, level) < (int)cgroup_level)
		return false;
	ancestors = &cgroup->ancestors[0];
	bpf_probe_read_kernel(&ancestor, sizeof(ancestor), &ancestors[cgroup_level]);
	return ancestor == cgroup_address;
}

/*
 * Under -p only: the processes, by thread group id. A process leaves when its last thread is
 * freed: later than its sockets are closed, and before its PID can be another's.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1); /* user space knows how many there can be */
	__type(key, __u32);
	__type(value, __u8);
} processes SEC(".maps");

enum holder {
	HELD = 1 << 0,   /* by a watched process */
	SHARED = 1 << 1, /* of a listener: by another one, too */
};

/*
 * Under -p only: the sockets of the watched processes, as enum holder. Listeners hand it on to the
 * connections that they accept (BPF_F_CLONE); those of a shared listener are nobody's at first.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, __u8);
} watched SEC(".maps");

/* The same where there is no socket storage: by address, until the socket is freed. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, __u8);
} watched_addresses SEC(".maps");

/* And what their listeners hand on, by port_key(). */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, __u8);
} watched_ports SEC(".maps");

static __always_inline bool is_watched(__u32 tgid)
{
	return filter_processes && bpf_map_lookup_elem(&processes, &tgid);
}

static __always_inline bool current_is_watched(void)
{
	return filter_processes && is_watched(bpf_get_current_pid_tgid() >> 32);
}

static __always_inline void watch_process(__u32 tgid)
{
	__u8 yes = 1;

	bpf_map_update_elem(&processes, &tgid, &yes, BPF_ANY);
}

static __always_inline bool is_listening(struct tcp_sock *tp)
{
	return READ(as_sock(tp), __sk_common.skc_state) == BPF_TCP_LISTEN;
}

/* Listeners of a network namespace and port. */
static __always_inline __u64 port_key(const struct sock *sk)
{
	return (__u64)netns_of_sock(sk) << 16 | local_port_of(sk);
}

static __always_inline __u8 *value_by_key(void *map, __u64 key, bool add)
{
	__u8 none = 0;

	if (add)
		bpf_map_update_elem(map, &key, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(map, &key);
}

/* As enum holder; NULL: nothing is known of it. */
static __always_inline __u8 *holder_of(struct tcp_sock *tp, bool add)
{
	if (offers(socket_storage))
		return bpf_sk_storage_get(&watched, tp, NULL,
					  add ? BPF_SK_STORAGE_GET_F_CREATE : 0);
	return value_by_key(&watched_addresses, (__u64)tp, add);
}

/* A watched process connects it, uses it, or closes it. */
static __always_inline void watch_sock(struct tcp_sock *tp)
{
	__u8 *holder = holder_of(tp, true);

	if (holder && *holder != HELD)
		*holder = HELD;
}

/*
 * Under -p only: the message sockets of MPTCP that watched processes use, by their addresses. There
 * is no way from a subflow to its message socket that the verifier trusts, so no socket storage.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1); /* user space knows how many */
	__type(key, __u64);     /* struct mptcp_sock */
	__type(value, __u64);   /* message_key() */
} used_message_socks SEC(".maps");

static __always_inline void watch_message_sock(const struct mptcp_sock *msk)
{
	__u64 address = (__u64)msk, key = message_key(msk), *known;

	known = bpf_map_lookup_elem(&used_message_socks, &address);
	if (key && (!known || *known != key))
		bpf_map_update_elem(&used_message_socks, &address, &key, BPF_ANY);
}

/* A subflow, which keeps its message socket from being freed. */
static __always_inline bool is_of_used_message_sock(const struct tcp_sock *tp)
{
	const struct mptcp_sock *msk = message_sock(tp);
	__u64 address = (__u64)msk, *known;

	if (!msk)
		return false;
	known = bpf_map_lookup_elem(&used_message_socks, &address);
	return known && *known == message_key(msk);
}

/* What it means that the process holds a descriptor of a socket. */
static __always_inline __u8 holder_by(__u32 tgid, bool listening)
{
	if (!filter_processes)
		return 0;
	return is_watched(tgid) ? HELD : listening ? SHARED : 0;
}

/* A listener's children get what it has; without socket storage, what those of its port have. */
static __always_inline void hand_on(struct tcp_sock *listener, __u8 holder)
{
	__u8 *handed_on = offers(socket_storage)
				  ? holder_of(listener, true)
				  : value_by_key(&watched_ports, port_key(as_sock(listener)), true);

	if (handed_on)
		*handed_on |= holder;
}

static __always_inline void inherit_holder(struct tcp_sock *child)
{
	__u8 *inherited, *holder;

	if (!filter_processes || offers(socket_storage))
		return;
	inherited = value_by_key(&watched_ports, port_key(as_sock(child)), false);
	if (!inherited)
		return;
	holder = holder_of(child, true);
	if (holder)
		*holder = *inherited;
}

/* It has been freed, and its address will be another's. */
static __always_inline void forget_holder(const struct sock *sk)
{
	__u64 address = (__u64)sk;

	if (filter_processes && !offers(socket_storage))
		bpf_map_delete_elem(&watched_addresses, &address);
}

/* A connection: a watched process's, or in its hands right now. */
static __always_inline bool pass_process(struct tcp_sock *tp)
{
	const __u8 *holder;

	if (!filter_processes)
		return true;
	holder = holder_of(tp, false);
	if (holder && *holder == HELD)
		return true;
	if (READ(as_sock(tp), sk_lock.owned) && current_is_watched())
		return true;
	return is_of_used_message_sock(tp);
}

static __always_inline bool filter_owners(void)
{
	return filter_cgroup || filter_processes;
}

static __always_inline bool pass_owner(struct tcp_sock *tp)
{
	return pass_cgroup(as_sock(tp)) && pass_process(tp);
}

/* ---- both ------------------------------------------------------------------------------------ */

/* A function of its own: out of the way of those who have no filter. */
static __noinline int pass_filters(struct tcp_sock *tp)
{
	return pass_ends(tp) && pass_owner(tp);
}

static __always_inline bool pass_sock(struct tcp_sock *tp)
{
	if (likely(!filters))
		return true;
	if (filter_ports && !pass_ports(local_port(tp), remote_port(tp)))
		return false;
	return pass_filters(tp);
}

/* The TCP socket, a connection's or a listener's, if it may pass; else NULL. */
static __always_inline struct tcp_sock *passing_sock(struct sock *sk)
{
	struct tcp_sock *tp = tcp_of_sock(sk);

	return tp && pass_sock(tp) ? tp : NULL;
}

/* The same of what is a TCP socket for sure, where only that is asked. */
static __always_inline bool passes(struct sock *sk)
{
	return !filters || passing_sock(sk);
}

#endif
