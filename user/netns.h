/* SPDX-License-Identifier: GPL-2.0-only */
/* Visits to other network namespaces. */
#ifndef TCPWHY_NETNS_H
#define TCPWHY_NETNS_H

#include <linux/types.h>

/* The inode of our own network namespace, 0 if it can't be told. */
__u32 netns_own(void);

/*
 * netns_visit(): calls visit(ctx) in the network namespace of the process, setns(2). Needs
 * CAP_SYS_ADMIN. Returns what visit() returns, or a negative errno if we could not get there.
 */
int netns_visit(__u32 pid, int (*visit)(void *ctx), void *ctx);

#endif
