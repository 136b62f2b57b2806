// SPDX-License-Identifier: GPL-2.0-only
#include "tally.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "classify.h"

#define PROCESSES_MAX 256 /* of a verdict; later ones are others */

struct verdict_tally {
	struct share shares[PROCESSES_MAX];
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

static bool same_process(const struct owner *a, const struct owner *b)
{
	return a->pid == b->pid && !memcmp(a->comm, b->comm, sizeof(a->comm));
}

void tally_add(struct tally *tally, enum verdict verdict, const struct owner *owner, uint64_t n)
{
	struct verdict_tally *t = tally->of[verdict];
	size_t i = 0;

	if (!owner->pid)
		return;
	if (!t)
		t = tally->of[verdict] = calloc(1, sizeof(*t));
	if (!t)
		return;
	while (i < t->n && !same_process(&t->shares[i].owner, owner))
		i++;
	if (i == PROCESSES_MAX) {
		t->others += n;
		return;
	}
	if (i == t->n)
		t->shares[t->n++] = (struct share){ .owner = *owner };
	t->shares[i].n += n;
}

static int by_number(const void *a, const void *b)
{
	uint64_t one = ((const struct share *)a)->n, other = ((const struct share *)b)->n;

	return one < other ? 1 : one > other ? -1 : 0;
}

size_t tally_top(const struct tally *tally, enum verdict verdict, struct share *top, size_t max,
		 uint64_t *others)
{
	struct verdict_tally *t = tally->of[verdict];
	size_t n;

	*others = 0;
	if (!t)
		return 0;
	qsort(t->shares, t->n, sizeof(t->shares[0]), by_number);
	n = t->n < max ? t->n : max;
	memcpy(top, t->shares, n * sizeof(*top));
	*others = t->others;
	for (size_t i = n; i < t->n; i++)
		*others += t->shares[i].n;
	return n;
}
