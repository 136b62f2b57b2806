/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the watch share: watch_open.c sets it up, watch.c is the loop, and watch_tell.c
 * what the loop does with records: from the source by way of settle.h to the sink.
 *
 * Where there is a `why`: 0, or -1 and *why.
 */
#ifndef TCPWHY_WATCH_PARTS_H
#define TCPWHY_WATCH_PARTS_H

#include <unistd.h>

#include "advised.h"
#include "call_stack.h"
#include "child.h"
#include "exporter.h"
#include "limit.h"
#include "metrics.h"
#include "options.h"
#include "rows.h"
#include "settle.h"
#include "sink.h"
#include "source.h"
#include "tally.h"
#include "trace_writer.h"
#include "watch.h"

#define SECOND 1000000000ULL

struct watch {
	const struct options *options;
	struct filter filter; /* that of the options; of a command, its process */
	struct child child;   /* the command */
	FILE *out;            /* for lines and counters: stdout, or stderr if a command has it */
	int out_fd;
	struct sink sink;
	struct source source;
	struct trace_writer *writer; /* NULL but for record */
	struct counts recorded;      /* of a recording: what has a record */
	struct settle *settle;
	struct call_stacks *stacks; /* NULL without --stack and --kstack */
	struct tally *tally;
	struct advised *advised;
	struct rows *rows;              /* NULL without an interval */
	struct limit *limit;            /* of lines; NULL with an interval */
	uint64_t thinned[VERDICTS_MAX]; /* of which limit knows */
	struct rows *metric_rows;       /* NULL without --listen, like what follows */
	struct metrics *metrics;
	struct exporter *exporter;
	int epoll, signals;     /* file descriptors */
	unsigned int processes; /* of -p, that have not ended */
	uint64_t started, ends; /* CLOCK_MONOTONIC, ns */
	uint64_t next_look;
	uint64_t next_write;
	uint64_t rests_until;
	uint64_t rows_shown;
	bool ended;       /* by a signal, the time, the count, or the process */
	bool reader_gone; /* stdout was closed: | head */
	int output_error; /* errno of a failed write to stdout */
};

static inline const char *output_name(const struct watch *w)
{
	return w->out_fd == STDERR_FILENO ? "stderr" : "stdout";
}

/* ---- watch_open.c ---- */

/* Everything but the source, which must have its operations already. */
int open_pipeline(struct watch *w, struct failure *why);

/* The kernel as the source, and all. From the return on everything is watched. */
int open_live(struct watch *w, struct failure *why);

/* A recording as the source; nothing else. */
void open_recording(struct watch *w, struct replay *r);

void close_watch(struct watch *w);

/* ---- watch_tell.c; ctx: struct watch ---- */

/* What the source hands out: struct capture_sink. */
void take_evidence(void *ctx, const struct evidence *e, const struct stack_trace *stacks);
void take_closer(void *ctx, uint64_t sock_id, const struct owner *owner);
void take_searched(void *ctx, uint64_t now, const struct wanted *found, size_t n);

/* What settle.h, limit.h and rows.h ask for and hand on. */
void find_holders(void *ctx, struct wanted *wanted, size_t n);
void show_evidence(void *ctx, const struct evidence *e, const struct evidence *other);
void show_withheld(void *ctx, uint64_t until, enum verdict verdict, uint64_t n,
		   const struct tally *tally);
void show_row(void *ctx, const struct row *row);
void publish_row(void *ctx, const struct row *row);

/* Serves the metrics as they are now. */
void publish(struct watch *w);

/* Notes the first error, and whether nobody reads any more. */
void flush_output(struct watch *w);

/* Whose connections are watched: "all processes, port 80". */
void describe(FILE *out, const struct watch *w);

/* Says on stderr what is watched, so that an idle host is not taken for a broken tool. */
void announce(const struct watch *w);

#endif
