/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The files of a recording: opened so that nothing else is harmed, appended to, and rotated. FILE
 * is the one that is written; FILE.1 was before it, FILE.2 before that.
 */
#ifndef TCPWHY_TRACE_FILE_H
#define TCPWHY_TRACE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "failure.h"

struct trace_place {
	const char *path;
	uint64_t rotate_size; /* bytes, after which another file is begun; 0 = never */
	uint64_t rotate_keep; /* how many of those before it are kept */
};

struct trace_file;

/*
 * Opens it, or makes it with mode 0600. No symbolic link is followed; it must be empty or a
 * recording that nobody else writes, and so must those that rotation will take the place of. If the
 * last recorder was stopped while it wrote, its torn block is cut off, and that is said on stderr.
 * The place must remain. NULL and *why.
 */
struct trace_file *trace_file_open(const struct trace_place *place, struct failure *why);
void trace_file_close(struct trace_file *f);

/* All of it, or nothing: what a full disk took is cut off again. 0, or -1 and *why. */
int trace_file_append(struct trace_file *f, const void *bytes, size_t size, struct failure *why);

/* Is it as large as it may be? */
bool trace_file_is_full(const struct trace_file *f);

/* Begins a new one, and drops the oldest if there are too many. 0, or -1 and *why. */
int trace_file_rotate(struct trace_file *f, struct failure *why);

#endif
