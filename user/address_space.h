/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which file an address of a process is in, and where: by its maps, while it lives. When it is
 * gone, or runs something else by now, by what the kernel told with the stack: its executable, and
 * the build ids of files that are known from others.
 */
#ifndef TCPWHY_ADDRESS_SPACE_H
#define TCPWHY_ADDRESS_SPACE_H

#include <stdbool.h>

#include "maps.h"
#include "object_cache.h"
#include "stack_trace.h"

struct address_space {
	struct object_cache *cache;
	struct maps maps;
	uint32_t pid;
	int root; /* the directory that is the process's root; -1: it is gone */
};

/* The cache is not to be trimmed before address_space_close(). */
void address_space_open(struct address_space *space, const struct stack_trace *taken,
			struct object_cache *cache);
void address_space_close(struct address_space *space);

/* The mapping, and the offset in its file; NULL: unknown. Its object may be NULL all the same. */
struct mapping *address_space_find(struct address_space *space, uint64_t address, uint64_t *offset);

#endif
