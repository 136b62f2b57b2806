/* SPDX-License-Identifier: GPL-2.0-only */
/* Whose they were: for each verdict, how many of each process. Made of the records, not in the
 * kernel. Memory is bounded: of each verdict, the first 256 processes are told apart. */
#ifndef TCPWHY_TALLY_H
#define TCPWHY_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "verdict.h"

struct share {
	struct owner owner;
	uint64_t n;
};

struct tally;

/* NULL: out of memory. */
struct tally *tally_new(void);
void tally_free(struct tally *tally);

/* As new; keeps its memory. */
void tally_reset(struct tally *tally);

/* n more of the verdict; nothing if the process is unknown. */
void tally_add(struct tally *tally, enum verdict verdict, const struct owner *owner, uint64_t n);

/*
 * The processes with most of the verdict, at most max, from 1, the first the greatest; of equal
 * ones, who came first. Returns how many were filled in; *others is the sum of all the others.
 */
size_t tally_top(const struct tally *tally, enum verdict verdict, struct share *top, size_t max,
		 uint64_t *others);

/*
 * The same, with count in all at most, and none with 0: the count is the kernel's, which what comes
 * of the records must not exceed.
 */
size_t tally_top_of(const struct tally *tally, enum verdict verdict, uint64_t count,
		    struct share *top, size_t max, uint64_t *others);

#endif
