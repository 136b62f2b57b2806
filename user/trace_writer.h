/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes a recording. What it is told is put together in blocks, which are written when they are
 * full, and when they are flushed. After a failure it does nothing any more.
 *
 * now: CLOCK_MONOTONIC in ns, never less than before.
 */
#ifndef TCPWHY_TRACE_WRITER_H
#define TCPWHY_TRACE_WRITER_H

#include "capture.h"
#include "trace_file.h"

/* What is to be said of a session, beside what the host itself says. */
struct trace_about {
	const char *settings; /* the command line, without its first word */
	const char *watched;  /* in words */
	bool orderly, errors; /* -a, -e */
	uint32_t without;     /* --without */
};

struct trace_writer;

/* Opens the file. NULL and *why. */
struct trace_writer *trace_writer_open(const struct trace_place *place,
				       const struct trace_about *about, struct failure *why);
void trace_writer_close(struct trace_writer *w);

/* Begins a session, from which on all is counted; before anything else is written. */
void trace_writer_begin(struct trace_writer *w, uint64_t now);

/* With what is known of its cgroup now. */
void trace_write_evidence(struct trace_writer *w, uint64_t now, const struct evidence *e);
void trace_write_closer(struct trace_writer *w, uint64_t now, uint64_t sock_id,
			const struct owner *owner);

/* A search that began at `now`; those whose owner has a PID were found. */
void trace_write_search(struct trace_writer *w, uint64_t now, const struct wanted *wanted,
			size_t n);

/*
 * Writes what it has, with the counts as they are now; nothing if nothing has changed lately,
 * unless it is the last time. Begins a new file if the old one is full.
 */
void trace_writer_flush(struct trace_writer *w, uint64_t now, const struct capture_counts *counts,
			bool last);

/* Why it does nothing any more, or NULL. */
const struct failure *trace_writer_failure(const struct trace_writer *w);

#endif
