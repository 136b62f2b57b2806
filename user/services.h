/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * At which services: of each verdict how many at each port of a server, and of the overflows of
 * listeners how many at each. Memory and the number of series are bounded, and what is beyond is
 * counted too: the sums are those of the kernel's counters.
 */
#ifndef TCPWHY_SERVICES_H
#define TCPWHY_SERVICES_H

#include <stddef.h>

#include "capture.h"
#include "fields.h"

#define SERIES_MAX 100 /* of a verdict; what comes later is other */

/* Which end this host's is. If that is not known, the port is the smaller one. */
enum side {
	SIDE_SERVER,
	SIDE_CLIENT,
	SIDE_UNKNOWN,
	SIDES,
};

/* Which queue of a listener was full. */
enum queue {
	QUEUE_ACCEPT,
	QUEUE_SYN,
	QUEUES,
};

struct series {
	enum side side;
	uint16_t port;            /* of the server; 0: there is none */
	char comm[TASK_NAME_LEN]; /* of overflows: whose listener it is; "" = unknown */
	uint64_t n;
};

struct series_table {
	struct series series[SERIES_MAX];
	size_t n;
	uint64_t other[SIDES]; /* beyond SERIES_MAX */
	uint64_t unattributed; /* counted by the kernel without a record: what was lost or withheld,
				  and orderly ends */
};

struct services {
	struct series_table verdicts[VERDICT_COUNT];
	struct series_table overflows[QUEUES];
};

/* NULL: out of memory. free() frees it. */
struct services *services_new(void);
void services_reset(struct services *services);

/* What a record says. */
void services_add(struct services *services, const struct record *r);

/* What an interval has added: the kernel's counters, and of the records no more than that. */
void services_merge(struct services *total, const struct services *added,
		    const struct counts *counts);

#endif
