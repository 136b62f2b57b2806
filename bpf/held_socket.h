/* SPDX-License-Identifier: GPL-2.0-only */
/* A socket as snapshot.bpf.c found it and user/snapshot.c reads it. Shared by both sides. */
#ifndef TCPWHY_HELD_SOCKET_H
#define TCPWHY_HELD_SOCKET_H

#include "evidence.h"

/* A TCP socket that a process holds a descriptor of: a connection or a listener. */
struct held_socket {
	struct tuple tuple;
	struct owner owner;    /* of those that hold it, the first one that was found */
	__u64 keepalive_ms;    /* effective TCP_KEEPIDLE, or net.ipv4.tcp_keepalive_time */
	__u64 intvl_ms;        /* effective TCP_KEEPINTVL, or net.ipv4.tcp_keepalive_intvl */
	__u64 silent_ms;       /* since data went or came, or an acknowledgement came */
	__u64 probed_ms;       /* since the peer's last keepalive probe; UINT64_MAX: none came */
	__u64 waiting_ms;      /* of a listener: for how long the first in its queue has waited */
	__u32 user_timeout_ms; /* TCP_USER_TIMEOUT, 0 = none */
	__u32 unread;          /* bytes received and never read */
	__u32 backlog;         /* of a listener: connections waiting in accept() */
	__u32 backlog_max;     /* of a listener: min(listen() backlog, somaxconn) */
	__u32 somaxconn;       /* net.core.somaxconn of its namespace */
	__u32 netns;           /* inode of its network namespace */
	__u8 state;            /* TCP state */
	__u8 keepalive;        /* SO_KEEPALIVE is on */
	__u8 pad[6];
};

_Static_assert(sizeof(struct held_socket) == 152, "held_socket is a wire format");

#endif
