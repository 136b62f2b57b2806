// SPDX-License-Identifier: GPL-2.0-only
#include "rows.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "services.h"

#define PATIENCE 100000000 /* ns: for the owners of what happened; most are known at once */
#define NEVER    UINT64_MAX

struct rows {
	row_fn show;
	void *ctx;
	struct capture_counts shown; /* up to the last row */
	struct capture_counts added; /* of the row that waits */
	struct counts recorded;      /* by rows_count(), like the tally */
	struct tally *tally;         /* of the row that waits; if none does, of the next one */
	struct services *services;   /* likewise */
	uint64_t until;              /* the end of the last interval */
	uint64_t since;              /* when the next interval begins */
	uint64_t duration_ns;        /* of the last interval */
	uint64_t interval_ns, next;
	bool waits;
};

struct rows *rows_new(row_fn show, void *ctx)
{
	struct rows *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->show = show;
	r->ctx = ctx;
	r->tally = tally_new();
	r->services = services_new();
	if (r->tally && r->services)
		return r;
	rows_free(r);
	return NULL;
}

void rows_free(struct rows *r)
{
	if (!r)
		return;
	tally_free(r->tally);
	free(r->services);
	free(r);
}

void rows_start(struct rows *r, uint64_t now, uint64_t interval_ns)
{
	r->since = now;
	r->interval_ns = interval_ns;
	r->next = now + interval_ns;
}

uint64_t rows_next_end(const struct rows *r)
{
	return r->next;
}

void rows_count(struct rows *r, const struct record *record)
{
	const struct evidence *e = record->e;

	if (e->time_ns > r->until)
		rows_show(r);
	r->recorded.verdict[record->verdict] += e->count;
}

void rows_record(struct rows *r, const struct record *record)
{
	const struct evidence *e = record->e;

	if (e->time_ns > r->until)
		rows_show(r); /* nothing more will come for it */
	if (e->time_ns <= r->until && !r->waits)
		return;
	tally_add(r->tally, record->verdict, &e->owner, e->count);
	services_add(r->services, record);
}

/*
 * What was added since the last row. Late data takes a verdict back that may have been shown, so a
 * counter can fall; the row then says 0, and the next ones make up for it.
 */
static uint64_t added_since(uint64_t total, __u64 *shown)
{
	uint64_t added = total > *shown ? total - *shown : 0;

	*shown += added;
	return added;
}

static void subtract_shown(struct capture_counts *c, struct capture_counts *shown)
{
	for (int i = 0; i < VERDICTS_MAX; i++) {
		c->counts.verdict[i] = added_since(c->counts.verdict[i], &shown->counts.verdict[i]);
		c->counts.thinned[i] = added_since(c->counts.thinned[i], &shown->counts.thinned[i]);
	}
	for (int i = 0; i < COUNTER_MAX; i++)
		c->counts.other[i] = added_since(c->counts.other[i], &shown->counts.other[i]);
	c->missed = added_since(c->missed, &shown->missed);
	c->rejected = added_since(c->rejected, &shown->rejected);
}

void rows_end_interval(struct rows *r, uint64_t until, const struct capture_counts *total)
{
	rows_show(r);
	r->added = *total;
	subtract_shown(&r->added, &r->shown);
	r->duration_ns = until - r->since;
	r->since = until;
	r->until = until;
	r->waits = true;
	r->next += r->interval_ns;
	if (r->next <= until)
		r->next = until + r->interval_ns;
}

void rows_settled(struct rows *r, uint64_t oldest_unsettled, uint64_t now)
{
	if (oldest_unsettled > r->until || now >= rows_due(r))
		rows_show(r);
}

void rows_show(struct rows *r)
{
	const struct row row = {
		.until = r->until,
		.duration_ns = r->duration_ns,
		.added = &r->added,
		.tally = r->tally,
		.services = r->services,
	};

	if (!r->waits)
		return;
	r->waits = false;
	for (int v = 0; v < VERDICTS_MAX; v++)
		r->added.counts.verdict[v] += r->recorded.verdict[v];
	memset(&r->recorded, 0, sizeof(r->recorded));
	r->show(r->ctx, &row);
	tally_reset(r->tally);
	services_reset(r->services);
}

uint64_t rows_due(const struct rows *r)
{
	return r->waits ? r->until + PATIENCE : NEVER;
}
