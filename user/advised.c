// SPDX-License-Identifier: GPL-2.0-only
#include "advised.h"

#include <stdlib.h>

struct of_verdict {
	struct advised_row rows[ADVISED_MAX];
	size_t n;
	uint64_t without;
};

struct advised {
	struct of_verdict *of[VERDICT_COUNT]; /* NULL until the first */
};

struct advised *advised_new(void)
{
	return calloc(1, sizeof(struct advised));
}

void advised_free(struct advised *advised)
{
	if (!advised)
		return;
	for (int v = 0; v < VERDICT_COUNT; v++)
		free(advised->of[v]);
	free(advised);
}

static void add_row(struct of_verdict *of, const struct advice *advice)
{
	size_t i = 0;

	while (i < of->n && of->rows[i].advice.row != advice->row)
		i++;
	if (i == ADVISED_MAX)
		return;
	if (i == of->n)
		of->n++;
	of->rows[i].advice = *advice;
	of->rows[i].n++;
}

void advised_add(struct advised *advised, const struct record *r)
{
	struct of_verdict **of = &advised->of[r->verdict];
	struct advice advice[ADVICE_MAX];
	size_t n = advise(advice, r->e, r->verdict, r->other);

	if (!*of)
		*of = calloc(1, sizeof(**of));
	if (!*of)
		return;
	if (!n)
		(*of)->without += r->e->count;
	for (size_t i = 0; i < n; i++)
		add_row(*of, &advice[i]);
}

size_t advised_rows(const struct advised *advised, enum verdict verdict,
		    const struct advised_row **rows, uint64_t *without)
{
	const struct of_verdict *of = advised->of[verdict];

	*without = of ? of->without : 0;
	*rows = of ? of->rows : NULL;
	return of ? of->n : 0;
}
