/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sysctls that are tuned blindly when connections die: what each is set to, whether what this
 * host has counted since boot implicates it, and what to do, or why to leave it alone. A sysctl is
 * implicated only by what it causes itself.
 */
#ifndef TCPWHY_CHECK_SYSCTL_H
#define TCPWHY_CHECK_SYSCTL_H

#include <stdbool.h>
#include <stdint.h>

#define SYSCTLS(X)                                                                                 \
	X(netdev_max_backlog, "net.core.netdev_max_backlog")                                       \
	X(somaxconn, "net.core.somaxconn")                                                         \
	X(max_orphans, "net.ipv4.tcp_max_orphans")                                                 \
	X(max_syn_backlog, "net.ipv4.tcp_max_syn_backlog")                                         \
	X(synack_retries, "net.ipv4.tcp_synack_retries")                                           \
	X(syn_retries, "net.ipv4.tcp_syn_retries")                                                 \
	X(abort_on_overflow, "net.ipv4.tcp_abort_on_overflow")                                     \
	X(syncookies, "net.ipv4.tcp_syncookies")                                                   \
	X(local_port_range, "net.ipv4.ip_local_port_range")                                        \
	X(tw_reuse, "net.ipv4.tcp_tw_reuse")                                                       \
	X(rmem_max, "net.core.rmem_max")                                                           \
	X(wmem_max, "net.core.wmem_max")                                                           \
	X(tcp_rmem, "net.ipv4.tcp_rmem")                                                           \
	X(tcp_wmem, "net.ipv4.tcp_wmem")                                                           \
	X(fin_timeout, "net.ipv4.tcp_fin_timeout")                                                 \
	X(max_tw_buckets, "net.ipv4.tcp_max_tw_buckets")                                           \
	X(keepalive_time, "net.ipv4.tcp_keepalive_time")                                           \
	X(keepalive_intvl, "net.ipv4.tcp_keepalive_intvl")                                         \
	X(keepalive_probes, "net.ipv4.tcp_keepalive_probes")                                       \
	X(file_max, "fs.file-max")

enum sysctl {
#define SYSCTL(id, name) SYSCTL_##id,
	SYSCTLS(SYSCTL) SYSCTL_COUNT
#undef SYSCTL
};

/* TcpExt of /proc/net/netstat, of this network namespace. */
#define HOST_COUNTERS(X)                                                                           \
	X(ListenOverflows)                                                                         \
	X(ListenDrops)                                                                             \
	X(TCPReqQFullDrop)                                                                         \
	X(SyncookiesSent)                                                                          \
	X(EmbryonicRsts)                                                                           \
	X(TCPTimeWaitOverflow)                                                                     \
	X(TCPAbortOnMemory)                                                                        \
	X(TCPMemoryPressures)                                                                      \
	X(RcvPruned)                                                                               \
	X(TCPWqueueTooBig)

enum host_counter {
#define HOST_COUNTER(name) HOST_##name,
	HOST_COUNTERS(HOST_COUNTER) HOST_COUNTER_COUNT
#undef HOST_COUNTER
};

#define NOT_COUNTED         UINT64_MAX /* it could not be read, or this kernel has none */
#define VALUE_SIZE          48
#define SOCKET_ADDRESS_SIZE 64

/* A listener that is open now, and how many segments it has dropped; port 0: none. */
struct listener_use {
	uint16_t port;
	uint32_t limit; /* of its accept queue: min(listen() backlog, somaxconn) */
	uint64_t drops; /* sk_drops */
};

/* Local ports in use from one address of ours towards one address and port; used 0: none. */
struct port_use {
	char peer[SOCKET_ADDRESS_SIZE]; /* "10.0.0.9:3306" */
	uint32_t used; /* connections with a port of the range, TIME_WAIT among them */
	uint32_t time_wait;
};

/* What is looked at. */
struct host {
	char value[SYSCTL_COUNT][VALUE_SIZE]; /* as /proc/sys has it; "": not to be seen here */
	uint64_t counter[HOST_COUNTER_COUNT]; /* or NOT_COUNTED, like those that follow */
	uint64_t softnet_dropped;    /* /proc/net/softnet_stat, less those of the flow limit */
	uint64_t orphans, time_wait; /* /proc/net/sockstat, now */
	uint64_t files;              /* /proc/sys/fs/file-nr: open now */
	uint64_t conntrack_s;    /* nf_conntrack_tcp_timeout_established; 0: nothing is tracked */
	uint32_t reserved_ports; /* of the range: ip_local_reserved_ports */
	bool sockets_seen;       /* sock_diag answered: the three that follow are known */
	struct listener_use at_somaxconn; /* whose limit is somaxconn, with the most drops */
	struct listener_use elsewhere;    /* whose limit is another one, likewise */
	struct port_use ports;            /* towards the peer with the most */
};

enum implication {
	NOT_IMPLICATED,
	NEAR_ITS_LIMIT, /* nothing has happened yet: 80 % of what it allows are in use */
	IMPLICATED,
	NOT_KNOWN,
};

#define FINDING_SIZE 256

struct finding {
	enum implication implication;
	char why[FINDING_SIZE]; /* what was counted, with numbers */
	const char *advice;     /* what to do, or why to leave it alone */
};

/* Something is to be done: it is implicated, or near its limit. */
static inline bool sysctl_is_found(const struct finding *f)
{
	return f->implication == IMPLICATED || f->implication == NEAR_ITS_LIMIT;
}

/* "net.core.somaxconn" */
const char *sysctl_name(enum sysctl sysctl);

/* Judges one sysctl. Pure: the same host always gives the same finding. */
void sysctl_judge(struct finding *f, const struct host *h, enum sysctl sysctl);

/* The first number of its value; 0 if it cannot be seen. */
uint64_t host_limit(const struct host *h, enum sysctl sysctl);

/* How many ports connect() has to choose from; 0 if that is not known. */
uint32_t host_local_ports(const struct host *h);

/* Are 80 % of it in use? */
bool host_is_near(uint64_t used, uint64_t limit);

/* Reads all of it, of the own network namespace. What cannot be read is left unknown. */
void host_collect(struct host *h);

#endif
