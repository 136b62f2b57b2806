/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who closed a socket before it died: looked for in the table that the BPF programs write, see
 * struct closer. Closers that have come since the last look are put in an index first: so a healthy
 * host costs nothing, and a storm no more than its own closers.
 */
#ifndef TCPWHY_CLOSER_INDEX_H
#define TCPWHY_CLOSER_INDEX_H

#include "evidence.h"

struct closers;

/*
 * table: CLOSERS of them, lines: CLOSER_RINGS; both are written meanwhile. cpus: how many there
 * are. NULL: out of memory.
 */
struct closers *closers_new(const struct closer *table, const struct cpu_line *lines, __u32 cpus);
void closers_free(struct closers *c);

/* The newest closer with the key in *found, and 1; or 0: there is none any more. */
int closers_find(struct closers *c, __u64 key, struct closer *found);

#endif
