/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The TCP sockets that processes hold now, in all network namespaces: one look, by a BPF iterator
 * of its own (bpf/snapshot.bpf.c), which is loaded and let go again. Nothing is watched.
 */
#ifndef TCPWHY_SNAPSHOT_H
#define TCPWHY_SNAPSHOT_H

#include "failure.h"
#include "held_socket.h"
#include "kernel.h"

/*
 * Called once for each socket, which is valid during the call only. Those of a process come one
 * after the other. Closed ones, MPTCP's, TIME_WAIT and what no process holds do not come.
 */
typedef void snapshot_fn(void *ctx, const struct held_socket *s);

/* 0, or -1 and *why: not all of them came. */
int snapshot_take(const struct kernel *k, snapshot_fn *found, void *ctx, struct failure *why);

#endif
