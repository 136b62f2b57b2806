// SPDX-License-Identifier: GPL-2.0-only
#include "counts.h"

#include "verdict.h"

struct totals counts_add_up(const struct counts *counts)
{
	struct totals t = {};

	for (int v = 0; v < VERDICT_COUNT; v++) {
		enum verdict_group group = verdict_text(v)->group;

		if (group == GROUP_ORDERLY)
			t.orderly += counts->verdict[v];
		else if (group == GROUP_INCIDENT)
			t.incidents += counts->verdict[v];
		else
			t.unhealthy += counts->verdict[v];
	}
	return t;
}

uint64_t counts_thinned(const struct counts *counts)
{
	uint64_t thinned = 0;

	for (int v = 0; v < VERDICT_COUNT; v++)
		thinned += counts->thinned[v];
	return thinned;
}

uint64_t counts_lost(const struct capture_counts *c)
{
	return c->counts.other[COUNT_LOST] + c->missed + c->rejected;
}
