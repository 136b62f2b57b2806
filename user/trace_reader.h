/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads a recording, item by item. Nothing in it is trusted: what does not hold together ends it,
 * and all before that has been handed out.
 */
#ifndef TCPWHY_TRACE_READER_H
#define TCPWHY_TRACE_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "failure.h"
#include "trace_format.h"

struct trace_item {
	enum trace_type type;
	uint64_t now_ns; /* as in the file; of a session, when it began */
	union {
		struct trace_session session; /* texts end in a NUL */
		struct trace_counts counts;
		struct evidence evidence;
		struct closer_record closer;
		struct {
			struct wanted found[WANTED_MAX];
			size_t n;
		} search;
		struct trace_cgroup cgroup; /* its name ends in a NUL */
	};
};

struct trace_reader;

/* name: for messages. The file is the caller's, and read in one go. NULL: out of memory. */
struct trace_reader *trace_reader_new(FILE *file, const char *name);
void trace_reader_free(struct trace_reader *r);

/*
 * The next item that this reader knows; it is valid until the next call. The first one is a
 * session. NULL at the end, with why->status 0; or where the recording cannot be read any further,
 * with *why, then and ever after.
 */
const struct trace_item *trace_next(struct trace_reader *r, struct failure *why);

/* How many items were skipped up to now, since their type or a value in them is not known here. */
uint64_t trace_unknown(const struct trace_reader *r);

/* How many bytes are whole blocks, up to the end or the damage; after trace_next() gave NULL. */
uint64_t trace_whole_bytes(const struct trace_reader *r);

/* Did it end within a block, as if the recorder had been stopped while it wrote? */
bool trace_is_torn(const struct trace_reader *r);

#endif
