/* SPDX-License-Identifier: GPL-2.0-only */
/* Where everything goes that is told: the one interface of all outputs. The loop knows no format.
 */
#ifndef TCPWHY_SINK_H
#define TCPWHY_SINK_H

#include <stdint.h>
#include <stdio.h>

#include "advised.h"
#include "capture.h"
#include "fields.h"
#include "options.h"
#include "rows.h"
#include "story_choice.h"
#include "tally.h"
#include "top.h"

/* What was counted in all. */
struct summary {
	uint64_t watched_ns;
	const struct capture_counts *total;
	const struct tally *tally;
	const struct advised *advised;
};

/* What was not told one by one, to spare the reader: limit.h. */
struct withheld {
	uint64_t until; /* the end of the second in which it was, CLOCK_MONOTONIC, ns */
	enum verdict verdict;
	uint64_t n;
	const struct tally *tally; /* whose they were, as far as that is known */
};

struct sink {
	const struct sink_ops *ops;
	const struct options *options;
	FILE *out;
	uint64_t since; /* when the watch began, CLOCK_MONOTONIC, ns; 0: not known */
	struct story_choice stories;
	int lines;               /* that it has shown since the last head; 0: none yet */
	unsigned int columns;    /* of its rows, as text: text_interval_columns() */
	struct metrics *metrics; /* of OpenMetrics; else NULL */
	struct top *top;         /* of top_sink; else NULL */
};

/* Each writes whole lines, and leaves it to the caller to flush and to look for errors. */
struct sink_ops {
	/* The watch has begun. */
	void (*start)(struct sink *sink);
	void (*record)(struct sink *sink, const struct record *record);
	void (*row)(struct sink *sink, const struct row *row);
	void (*withheld)(struct sink *sink, const struct withheld *withheld);
	void (*summary)(struct sink *sink, const struct summary *summary);
	/*
	 * Somebody works with it: keys wait on stdin, or the terminal has another size. Returns
	 * false if the watch is to end. Such a sink gets records as well as rows. Of the others it
	 * is NULL.
	 */
	bool (*input)(struct sink *sink);
};

extern const struct sink_ops text_sink;        /* its summary goes to stderr */
extern const struct sink_ops json_sink;        /* record.schema.json */
extern const struct sink_ops openmetrics_sink; /* likewise, as text */
extern const struct sink_ops top_sink;         /* the screen of `tcpwhy top` */
extern const struct sink_ops quiet_sink;       /* likewise, and nothing else */

/* The summary of those whose own format has none. */
void sink_summary_to_stderr(struct sink *sink, const struct summary *summary);

/* The one that the options ask for. 0, or -1: out of memory. */
int sink_open(struct sink *sink, const struct options *options, FILE *out);
void sink_close(struct sink *sink);

#endif
