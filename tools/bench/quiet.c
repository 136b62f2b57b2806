// SPDX-License-Identifier: GPL-2.0-only
#include "quiet.h"

#include <stdlib.h>
#include <time.h>

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void quiet_begin(struct quiet *q)
{
	q->done = q->n = 0;
	q->began = now_ns();
}

void quiet_count(struct quiet *q)
{
	uint64_t now;

	if (++q->done < SLICE)
		return;
	now = now_ns();
	if (q->n < SLICES_MAX)
		q->took[q->n++] = now - q->began;
	q->done = 0;
	q->began = now;
}

static int by_size(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

double quiet_us(struct quiet *q)
{
	size_t border = q->n / 10;

	if (!q->n)
		return 0;
	qsort(q->took, q->n, sizeof(q->took[0]), by_size);
	return (double)q->took[border] / SLICE / 1e3;
}
