// SPDX-License-Identifier: GPL-2.0-only
#include "limit.h"

#include <stdlib.h>
#include <string.h>

#include "classify.h"

#define SECOND UINT64_C(1000000000)
#define NEVER  UINT64_MAX

struct limit {
	uint64_t lines;
	withheld_fn withheld;
	void *ctx;
	uint64_t until; /* the end of the second; 0: none has begun */
	bool any;       /* something was withheld in it */
	uint64_t shown[VERDICT_COUNT];
	uint64_t beyond[VERDICT_COUNT];
	struct tally *tally; /* whose what was withheld is */
};

struct limit *limit_new(uint64_t lines, withheld_fn withheld, void *ctx)
{
	struct limit *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->lines = lines;
	l->withheld = withheld;
	l->ctx = ctx;
	l->tally = tally_new();
	if (l->tally)
		return l;
	free(l);
	return NULL;
}

void limit_free(struct limit *l)
{
	if (!l)
		return;
	tally_free(l->tally);
	free(l);
}

void limit_end_second(struct limit *l, uint64_t now)
{
	if (now < l->until)
		return;
	for (int v = 0; l->any && v < VERDICT_COUNT; v++)
		if (l->beyond[v])
			l->withheld(l->ctx, l->until, v, l->beyond[v], l->tally);
	memset(l->shown, 0, sizeof(l->shown));
	memset(l->beyond, 0, sizeof(l->beyond));
	tally_reset(l->tally);
	l->any = false;
	l->until = 0;
}

static void begin_second(struct limit *l, uint64_t time)
{
	if (!l->until)
		l->until = time + SECOND;
}

void limit_add(struct limit *l, uint64_t time, enum verdict verdict, uint64_t n)
{
	begin_second(l, time);
	l->beyond[verdict] += n;
	l->any = true;
}

bool limit_allows(struct limit *l, uint64_t time, enum verdict verdict, const struct owner *owner,
		  uint64_t n)
{
	limit_end_second(l, time);
	begin_second(l, time);
	if (!l->lines || l->shown[verdict]++ < l->lines)
		return true;
	l->beyond[verdict] += n;
	tally_add(l->tally, verdict, owner, n);
	l->any = true;
	return false;
}

uint64_t limit_due(const struct limit *l)
{
	return l->any ? l->until : NEVER;
}
