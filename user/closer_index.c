// SPDX-License-Identifier: GPL-2.0-only
#include "closer_index.h"

#include <stdlib.h>

#define HASHES    32768 /* a power of two */
#define CHAIN_MAX 64    /* so many of a hash are looked at */

struct closers {
	const struct closer *table;
	const struct cpu_line *lines;
	__u32 per_ring;
	__u32 used;               /* rings */
	__u32 read[CLOSER_RINGS]; /* how many of each are in the index */
	__u16 newest[HASHES];     /* by the hash of the connection: numbers of closers, 0 = none */
	__u16 before[CLOSERS];    /* the one before it with this hash, 0 = none */
};

struct closers *closers_new(const struct closer *table, const struct cpu_line *lines, __u32 cpus)
{
	struct closers *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->table = table;
	c->lines = lines;
	c->per_ring = closer_ring_size(cpus);
	c->used = cpus < CLOSER_RINGS ? cpus : CLOSER_RINGS;
	return c;
}

void closers_free(struct closers *c)
{
	free(c);
}

static __u16 *newest_of(struct closers *c, __u64 key)
{
	return &c->newest[key >> 32 & (HASHES - 1)];
}

static __u64 key_at(const struct closers *c, __u32 number)
{
	return __atomic_load_n(&c->table[number].key, __ATOMIC_ACQUIRE);
}

static void index_closer(struct closers *c, __u32 number, __u64 key)
{
	__u16 *newest = newest_of(c, key);

	if (*newest == number)
		return; /* it was there, and has been overwritten by its like */
	c->before[number] = *newest;
	*newest = number;
}

/* Up to the newest, or one that is being written. */
static void read_ring(struct closers *c, __u32 ring)
{
	__u32 n = __atomic_load_n(&c->lines[ring].closers, __ATOMIC_ACQUIRE);

	if (n - c->read[ring] > c->per_ring)
		c->read[ring] = n - c->per_ring;
	for (; c->read[ring] != n; c->read[ring]++) {
		__u32 number = closer_number(ring, c->per_ring, c->read[ring]);
		__u64 key = key_at(c, number);

		if (!number) /* is never used */
			continue;
		if (!key)
			return;
		index_closer(c, number, key);
	}
}

int closers_find(struct closers *c, __u64 key, struct closer *found)
{
	__u32 number;

	for (__u32 ring = 0; ring < c->used; ring++)
		read_ring(c, ring);
	number = *newest_of(c, key);
	for (int i = 0; number && i < CHAIN_MAX; i++, number = c->before[number]) {
		if (key_at(c, number) != key)
			continue;
		*found = c->table[number];
		return key_at(c, number) == key; /* it was not overwritten meanwhile */
	}
	return 0;
}
