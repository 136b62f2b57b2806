// SPDX-License-Identifier: GPL-2.0-only
#include "services.h"

#include <stdlib.h>
#include <string.h>

struct services *services_new(void)
{
	return calloc(1, sizeof(struct services));
}

static void reset(struct series_table *t)
{
	t->n = 0;
	memset(t->other, 0, sizeof(t->other));
	t->unattributed = 0;
}

void services_reset(struct services *s)
{
	for (int v = 0; v < VERDICT_COUNT; v++)
		reset(&s->verdicts[v]);
	for (int q = 0; q < QUEUES; q++)
		reset(&s->overflows[q]);
}

/* A socket of a connection knows who connected; who got a SYN is the server. */
static enum side side_of(const struct facts *f)
{
	if (f->socket == SOCKET_LISTEN || f->state == ST_LISTEN)
		return SIDE_SERVER;
	if (f->socket == SOCKET_FULL)
		return f->flags & FACT_PASSIVE ? SIDE_SERVER : SIDE_CLIENT;
	return has(f, FACT_SEG_SYN) && !has(f, FACT_SEG_ACK) ? SIDE_SERVER : SIDE_UNKNOWN;
}

static uint16_t port_of(enum side side, const struct tuple *t)
{
	if (side == SIDE_SERVER)
		return t->lport;
	if (side == SIDE_CLIENT)
		return t->rport;
	return t->lport < t->rport ? t->lport : t->rport;
}

static bool is_same(const struct series *a, const struct series *b)
{
	return a->side == b->side && a->port == b->port &&
	       !strncmp(a->comm, b->comm, sizeof(a->comm));
}

static void add(struct series_table *t, const struct series *series, uint64_t n)
{
	size_t i = 0;

	while (i < t->n && !is_same(&t->series[i], series))
		i++;
	if (i == SERIES_MAX) {
		t->other[series->side] += n;
		return;
	}
	if (i == t->n) {
		t->series[t->n++] = *series;
		t->series[i].n = 0;
	}
	t->series[i].n += n;
}

static bool is_overflow(enum verdict verdict, enum queue *queue)
{
	*queue = verdict == VERDICT_syn_queue_overflow ? QUEUE_SYN : QUEUE_ACCEPT;
	return verdict == VERDICT_syn_queue_overflow || verdict == VERDICT_accept_overflow ||
	       verdict == VERDICT_accept_overflow_reset;
}

void services_add(struct services *s, const struct record *r)
{
	struct series series = { .side = side_of(&r->e->facts) };
	enum queue queue;

	series.port = port_of(series.side, &r->e->tuple);
	add(&s->verdicts[r->verdict], &series, r->e->count);
	if (!is_overflow(r->verdict, &queue))
		return;
	memcpy(series.comm, r->e->owner.comm, sizeof(series.comm));
	add(&s->overflows[queue], &series, r->e->count);
}

static uint64_t take(uint64_t *from, uint64_t n)
{
	if (n > *from)
		n = *from;
	*from -= n;
	return n;
}

static void merge(struct series_table *total, const struct series_table *added, uint64_t count)
{
	for (size_t i = 0; i < added->n; i++)
		add(total, &added->series[i], take(&count, added->series[i].n));
	for (int side = 0; side < SIDES; side++)
		total->other[side] += take(&count, added->other[side]);
	total->unattributed += count;
}

void services_merge(struct services *total, const struct services *added,
		    const struct counts *counts)
{
	uint64_t overflows[QUEUES] = {};
	enum queue queue;

	for (int v = 0; v < VERDICT_COUNT; v++) {
		merge(&total->verdicts[v], &added->verdicts[v], counts->verdict[v]);
		if (is_overflow(v, &queue))
			overflows[queue] += counts->verdict[v];
	}
	for (int q = 0; q < QUEUES; q++)
		merge(&total->overflows[q], &added->overflows[q], overflows[q]);
}
