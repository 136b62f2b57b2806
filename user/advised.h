/* SPDX-License-Identifier: GPL-2.0-only */
/* Which advice was given in all, for the summary: of each verdict, some rows and how often. */
#ifndef TCPWHY_ADVISED_H
#define TCPWHY_ADVISED_H

#include <stddef.h>
#include <stdint.h>

#include "advice.h"
#include "fields.h"

#define ADVISED_MAX 3 /* rows of a verdict; the first to come */

/* A row that was given for n deaths; its values are those of the last one. */
struct advised_row {
	struct advice advice;
	uint64_t n;
};

struct advised;

/* NULL: out of memory. */
struct advised *advised_new(void);
void advised_free(struct advised *advised);

void advised_add(struct advised *advised, const struct record *r);

/*
 * The rows of a verdict, in the order in which they came. Returns how many there are; *without is
 * for how many deaths there was no advice but the general remedy.
 */
size_t advised_rows(const struct advised *advised, enum verdict verdict,
		    const struct advised_row **rows, uint64_t *without);

#endif
