/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who has most: how many deaths and incidents each of some named things had. Memory is bounded:
 * when the table is full, one gives way and is counted with the others, so the sum is exact. Which
 * one, is decided by the Space-Saving algorithm (Metwally, Agrawal, El Abbadi 2005): who had more
 * than one in WORST_MAX of all is in the table, whenever it came, and what it had since it came is
 * exact.
 */
#ifndef TCPWHY_WORST_H
#define TCPWHY_WORST_H

#include <stddef.h>
#include <stdint.h>

#include "verdict.h"

#define WORST_MAX  256 /* names that are told apart */
#define WORST_NAME 96  /* bytes, with the NUL; a longer name is cut */

struct worst_count {
	uint64_t running; /* in the interval that is not over */
	uint64_t last;    /* in the one before it */
	uint64_t total;   /* in all */
};

/* Of a listener's queue, when it was full last. */
struct worst_queue {
	uint32_t used, limit;
	int is_syn; /* the queue of handshakes; else that of accept() */
};

struct worst_entry {
	char name[WORST_NAME];
	struct worst_count count;
	uint32_t verdicts[VERDICT_COUNT]; /* the total, by verdict */
	struct worst_queue queue;         /* of listeners, filled by the caller; else 0 */
	uint16_t next;                    /* 1 + the index of the next one in its bucket; 0: last */
};

#define WORST_BUCKETS 512 /* a power of two */

/* No pointers: it can be copied as it is. All 0 is an empty one. */
struct worst {
	struct worst_entry entries[WORST_MAX];
	uint64_t weights[WORST_MAX];     /* its total, and the weight of who gave way for it */
	uint16_t buckets[WORST_BUCKETS]; /* 1 + the index of the first; 0: none */
	size_t n;
	size_t hand;               /* where the search for the least goes on */
	struct worst_count others; /* of those that gave way */
};

/* n more of the verdict for this name. Returns its entry, which is valid until the next call. */
struct worst_entry *worst_add(struct worst *w, const char *name, enum verdict verdict, uint64_t n);

/* What was running is now the last. */
void worst_end_interval(struct worst *w);

/* The verdict that the entry has most of. */
enum verdict worst_verdict(const struct worst_entry *entry);

#endif
