// SPDX-License-Identifier: GPL-2.0-only
#include "object_cache.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOM        64
#define KEPT        24           /* of these, between two stacks */
#define MEMORY_KEPT (256U << 20) /* bytes that they may take together */

struct slot {
	struct object *object; /* NULL in a slot that is used: what is no object */
	struct stat file;      /* which it is, and as it was */
	uint64_t used;         /* when, as a number; 0: the slot is free */
};

struct object_cache {
	struct slot slots[ROOM];
	uint64_t uses;
};

struct object_cache *object_cache_new(void)
{
	return calloc(1, sizeof(struct object_cache));
}

static void empty(struct slot *slot)
{
	object_close(slot->object);
	memset(slot, 0, sizeof(*slot));
}

void object_cache_free(struct object_cache *cache)
{
	for (int i = 0; cache && i < ROOM; i++)
		empty(&cache->slots[i]);
	free(cache);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* NULL: all are in use. */
static struct slot *free_slot(struct object_cache *cache)
{
	for (int i = 0; i < ROOM; i++)
		if (!cache->slots[i].used)
			return &cache->slots[i];
	return NULL;
}

static struct object *use(struct object_cache *cache, struct slot *slot)
{
	slot->used = ++cache->uses;
	return slot->object;
}

struct object *object_cache_get(struct object_cache *cache, int fd, const char *path)
{
	struct slot *slot = free_slot(cache);
	struct stat file;
	bool known = !fstat(fd, &file);

	for (int i = 0; known && i < ROOM; i++) {
		if (!cache->slots[i].used || !is_same(&cache->slots[i].file, &file))
			continue;
		close(fd);
		return use(cache, &cache->slots[i]);
	}
	if (!known || !slot) {
		close(fd);
		return NULL;
	}
	slot->file = file;
	slot->object = object_open(fd, path);
	return use(cache, slot);
}

struct object *object_cache_find(struct object_cache *cache, const uint8_t *build_id)
{
	for (int i = 0; i < ROOM; i++) {
		struct slot *slot = &cache->slots[i];

		if (slot->object && !memcmp(object_build_id(slot->object), build_id, BUILD_ID_MAX))
			return use(cache, slot);
	}
	return NULL;
}

/* The one that was used longest ago; how many there are, and what they take. */
static struct slot *oldest(struct object_cache *cache, size_t *n, size_t *memory)
{
	struct slot *found = NULL;

	*n = *memory = 0;
	for (int i = 0; i < ROOM; i++) {
		struct slot *slot = &cache->slots[i];

		if (!slot->used)
			continue;
		*n += 1;
		*memory += slot->object ? object_memory(slot->object) : 0;
		if (!found || slot->used < found->used)
			found = slot;
	}
	return found;
}

void object_cache_trim(struct object_cache *cache)
{
	size_t n, memory;
	struct slot *slot = oldest(cache, &n, &memory);

	while (n > KEPT || (n > 1 && memory > MEMORY_KEPT)) {
		empty(slot);
		slot = oldest(cache, &n, &memory);
	}
}
