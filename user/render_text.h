/* SPDX-License-Identifier: GPL-2.0-only */
/* Text for people and for grep: lines for deaths, rows of counters, the summary, the table. */
#ifndef TCPWHY_RENDER_TEXT_H
#define TCPWHY_RENDER_TEXT_H

#include <stdint.h>
#include <stdio.h>

#include "advised.h"
#include "capture.h"
#include "fields.h"
#include "tally.h"
#include "verdict.h"

/*
 * time, verdict, process, local -> remote, evidence in words; separated by two blanks or more. The
 * words end with the unit or container of the process, and, if other is not NULL, with the other
 * end's process, verdict, and unit or container.
 */
void text_evidence(FILE *out, const struct evidence *e, const struct evidence *other);

/* A line in these columns, of whatever made it: words are wrapped on a terminal. */
struct text_line {
	char when[TIME_SIZE], process[PROCESS_SIZE], tuple[128], words[2048];
	enum verdict verdict;
};

void text_line(FILE *out, const struct text_line *line);

/*
 * In the same columns, for what had no lines of its own: n of the verdict in the second until then
 * (CLOCK_MONOTONIC, ns), and the processes that had most of it.
 */
void text_withheld(FILE *out, uint64_t until, enum verdict verdict, uint64_t n,
		   const struct tally *tally);

/* The fields of the list, two blanks or more between them; "-" is unknown. */
void text_fields(FILE *out, const struct field_list *list, const struct record *r);

/* The numbers of a row, in their order. */
enum row_column {
	ROW_DEATHS,
	ROW_ORDERLY,
	ROW_UNHEALTHY,
	ROW_INCIDENTS,
	ROW_RETRANS,
	ROW_RESETS_SENT,
	ROW_RESETS_RECEIVED,
	ROW_LOST,
	ROW_COLUMNS,
};

#define ROW_ALL ((1u << ROW_COLUMNS) - 1)

/* Those in which something was counted, as a set: 1 << enum row_column; and that of the deaths. */
unsigned int text_interval_columns(const struct capture_counts *added);

/* The heads of these columns, for text_interval(). */
void text_interval_head(FILE *out, unsigned int columns);

/*
 * One row: of what was added in an interval until then (CLOCK_MONOTONIC, ns) these columns, then
 * each verdict that occurred: "name=count", and, if any process is known, " by " and those that had
 * most of it: "nginx[812]:18,php-fpm[9]:1,others:1". No name has a blank, '=', ',' or '[' in it.
 * Returns how many lines of the terminal it takes.
 */
int text_interval(FILE *out, unsigned int columns, uint64_t until,
		  const struct capture_counts *added, const struct tally *tally);

/* For scripts: all columns, and each verdict is one, always, in the order of the table. */
void text_stable_head(FILE *out);
void text_stable_row(FILE *out, uint64_t until, const struct capture_counts *added);

/*
 * What happened in all: each verdict with the processes that had most of it, and what to do: the
 * advice that there was, and the verdict's remedy for the rest.
 */
void text_summary(FILE *out, const struct capture_counts *total, const struct tally *tally,
		  const struct advised *advised, uint64_t watched_ns, int verbose);

/* On an average. */
void text_rates(FILE *out, const struct capture_counts *total, uint64_t watched_ns);

/* Every verdict with its meaning and remedy, by group. */
void text_verdicts(FILE *out);

#endif
