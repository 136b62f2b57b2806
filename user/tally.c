// SPDX-License-Identifier: GPL-2.0-only
/*
 * For each verdict an array of shares, and a table of slots by which a process's share is found: a
 * record costs the same however many processes there are.
 */
#include "tally.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "classify.h"

#define PROCESSES_MAX 256                 /* of a verdict; later ones are others */
#define SLOTS         (2 * PROCESSES_MAX) /* a power of two */

struct verdict_tally {
	struct share shares[PROCESSES_MAX];
	uint16_t slots[SLOTS]; /* 1 + the index of a share; 0 = free */
	size_t n;
	uint64_t others;
};

struct tally {
	struct verdict_tally *of[VERDICT_COUNT]; /* NULL until the first */
};

struct tally *tally_new(void)
{
	return calloc(1, sizeof(struct tally));
}

void tally_free(struct tally *tally)
{
	if (!tally)
		return;
	for (int v = 0; v < VERDICT_COUNT; v++)
		free(tally->of[v]);
	free(tally);
}

void tally_reset(struct tally *tally)
{
	for (int v = 0; v < VERDICT_COUNT; v++) {
		struct verdict_tally *t = tally->of[v];

		if (!t || !t->n)
			continue;
		memset(t->slots, 0, sizeof(t->slots));
		t->n = 0;
		t->others = 0;
	}
}

static bool same_process(const struct owner *a, const struct owner *b)
{
	return a->pid == b->pid && !memcmp(a->comm, b->comm, sizeof(a->comm));
}

/* FNV-1a; a PID alone would put its successor, with another name, beside it. */
static uint32_t hash_process(const struct owner *o)
{
	uint32_t hash = 2166136261u ^ o->pid;

	for (size_t i = 0; i < sizeof(o->comm); i++)
		hash = (hash ^ (unsigned char)o->comm[i]) * 16777619u;
	return hash ^ hash >> 16;
}

/* The process's slot, or the free one where it would go; there are always free ones. */
static uint16_t *find_slot(struct verdict_tally *t, const struct owner *owner)
{
	uint32_t i = hash_process(owner) % SLOTS;

	while (t->slots[i] && !same_process(&t->shares[t->slots[i] - 1].owner, owner))
		i = (i + 1) % SLOTS;
	return &t->slots[i];
}

void tally_add(struct tally *tally, enum verdict verdict, const struct owner *owner, uint64_t n)
{
	struct verdict_tally *t = tally->of[verdict];
	uint16_t *slot;

	if (!owner->pid)
		return;
	if (!t)
		t = tally->of[verdict] = calloc(1, sizeof(*t));
	if (!t)
		return;
	slot = find_slot(t, owner);
	if (!*slot && t->n == PROCESSES_MAX) {
		t->others += n;
		return;
	}
	if (!*slot) {
		t->shares[t->n++] = (struct share){ .owner = *owner };
		*slot = t->n;
	}
	t->shares[*slot - 1].n += n;
}

/* The last of the top gives way if the array is full. Returns how many there are now. */
static size_t insert(struct share *top, size_t n, size_t max, const struct share *share)
{
	size_t i = n < max ? n++ : max - 1;

	for (; i > 0 && top[i - 1].n < share->n; i--)
		top[i] = top[i - 1];
	top[i] = *share;
	return n;
}

size_t tally_top(const struct tally *tally, enum verdict verdict, struct share *top, size_t max,
		 uint64_t *others)
{
	const struct verdict_tally *t = tally->of[verdict];
	size_t n = 0;

	*others = 0;
	if (!t)
		return 0;
	*others = t->others;
	for (size_t i = 0; i < t->n; i++) {
		*others += t->shares[i].n;
		if (n < max || top[n - 1].n < t->shares[i].n)
			n = insert(top, n, max, &t->shares[i]);
	}
	for (size_t i = 0; i < n; i++)
		*others -= top[i].n;
	return n;
}

static uint64_t take(uint64_t *from, uint64_t n)
{
	if (n > *from)
		n = *from;
	*from -= n;
	return n;
}

size_t tally_top_of(const struct tally *tally, enum verdict verdict, uint64_t count,
		    struct share *top, size_t max, uint64_t *others)
{
	size_t n = tally_top(tally, verdict, top, max, others);

	for (size_t i = 0; i < n; i++) {
		top[i].n = take(&count, top[i].n);
		if (!top[i].n)
			n = i;
	}
	*others = take(&count, *others);
	return n;
}
