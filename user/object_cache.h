/* SPDX-License-Identifier: GPL-2.0-only */
/* The ELF files that were needed last stay open: to read one anew may take longer than all else. */
#ifndef TCPWHY_OBJECT_CACHE_H
#define TCPWHY_OBJECT_CACHE_H

#include "object.h"

struct object_cache;

/* NULL: out of memory. */
struct object_cache *object_cache_new(void);
void object_cache_free(struct object_cache *cache);

/*
 * The object of a file; takes over the descriptor. NULL: it is none. Valid until
 * object_cache_trim(), which closes those that are too many, or take too much memory.
 */
struct object *object_cache_get(struct object_cache *cache, int fd, const char *path);
void object_cache_trim(struct object_cache *cache);

/* The one that was opened before and has this build id, or NULL. */
struct object *object_cache_find(struct object_cache *cache, const uint8_t *build_id);

#endif
