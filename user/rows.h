/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rows of counters, one for each interval. The kernel's counters are read when an interval ends; a
 * row waits some milliseconds more, until the records of its interval are settled, so that it can
 * say whose they were.
 */
#ifndef TCPWHY_ROWS_H
#define TCPWHY_ROWS_H

#include <stdint.h>

#include "capture.h"
#include "fields.h"
#include "services.h"
#include "tally.h"
#include "verdict.h"

/* What was counted in an interval. */
struct row {
	uint64_t until;       /* its end, CLOCK_MONOTONIC, ns */
	uint64_t duration_ns; /* since the end of the one before it, or the start */
	const struct capture_counts *added;
	const struct tally *tally;       /* whose it was */
	const struct services *services; /* and at which services */
};

struct rows;

typedef void (*row_fn)(void *ctx, const struct row *row);

/* show is called for each row. NULL: out of memory. */
struct rows *rows_new(row_fn show, void *ctx);
void rows_free(struct rows *rows);

/* The first interval begins; each is to last so long. */
void rows_start(struct rows *rows, uint64_t now, uint64_t interval_ns);

/* When the interval ends. */
uint64_t rows_next_end(const struct rows *rows);

/*
 * A record that is settled, in the order of their times (CLOCK_MONOTONIC, ns, as all here). One
 * whose row has been shown already is left out.
 */
void rows_record(struct rows *rows, const struct record *r);

/*
 * The record is to be counted too, since it is not in the total of rows_end_interval(): of a
 * recording. If its row has been shown already, in the next one.
 */
void rows_count(struct rows *rows, const struct record *r);

/*
 * An interval ends. total: the counters, read after `until`: so they have all that is recorded up
 * to it. A row that still waits is shown before.
 */
void rows_end_interval(struct rows *rows, uint64_t until, const struct capture_counts *total);

/* Shows the row that waits if all records up to its end are settled, or it has waited long enough.
 */
void rows_settled(struct rows *rows, uint64_t oldest_unsettled, uint64_t now);

/* Shows the row that waits, if one does. */
void rows_show(struct rows *rows);

/* Until when a row waits at most; UINT64_MAX if none does. */
uint64_t rows_due(const struct rows *rows);

#endif
