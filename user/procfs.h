/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What /proc tells, where the kernel has no iterators. It needs /proc of the initial PID namespace,
 * and is slower: a second for some 300,000 descriptors. To look at a descriptor holds its file for
 * a moment: if it is closed just then, that ends in our name.
 */
#ifndef TCPWHY_PROCFS_H
#define TCPWHY_PROCFS_H

#include <stddef.h>

#include "evidence.h"

/* Which processes hold these sockets now, by their inodes? Fills their owners, or leaves them. */
void procfs_find_holders(struct wanted *wanted, size_t n);

/* Called for a process and its parent. */
typedef void (*procfs_process_fn)(void *ctx, __u32 pid, __u32 parent);

void procfs_for_each_process(procfs_process_fn found, void *ctx);

#endif
