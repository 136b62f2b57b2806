/* SPDX-License-Identifier: GPL-2.0-only */
/* What code a process has in its memory, and of which files: /proc/PID/maps. */
#ifndef TCPWHY_MAPS_H
#define TCPWHY_MAPS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct object;

/* A part of a file that is executable. Whoever has it may note the file here. */
struct mapping {
	uint64_t start, end; /* addresses in the process, the end is behind the last */
	uint64_t offset;     /* of the start, in the file */
	uint64_t inode;
	char *path; /* as the process sees it, perhaps " (deleted)"; "[vdso]"; "" = of no file */
	struct object *object;
	int tried; /* to open it */
};

#define MAPPINGS_MAX 4096 /* of a process; the others are not known */

struct maps {
	struct mapping *mappings;
	size_t n;
};

/* Reads what is executable. What is no line of such a file is passed over. 0, or -1: no memory. */
int maps_read(struct maps *maps, FILE *in);
void maps_free(struct maps *maps);

/* One more; takes over the path, which was allocated. 0, or -1: no memory, or too many. */
int maps_add(struct maps *maps, const struct mapping *mapping);

/* NULL: there is no file behind this address. */
struct mapping *maps_find(const struct maps *maps, uint64_t address);

#endif
