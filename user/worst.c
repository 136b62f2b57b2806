// SPDX-License-Identifier: GPL-2.0-only
#include "worst.h"

#include <stdio.h>
#include <string.h>

/* FNV-1a */
static uint32_t hash_name(const char *name)
{
	uint32_t hash = 2166136261u;

	while (*name)
		hash = (hash ^ (unsigned char)*name++) * 16777619u;
	return hash ^ hash >> 16;
}

static uint16_t *bucket_of(struct worst *w, const char *name)
{
	return &w->buckets[hash_name(name) % WORST_BUCKETS];
}

static struct worst_entry *find(struct worst *w, const char *name)
{
	uint16_t at = *bucket_of(w, name);

	while (at && strcmp(w->entries[at - 1].name, name))
		at = w->entries[at - 1].next;
	return at ? &w->entries[at - 1] : NULL;
}

static void unlink_entry(struct worst *w, size_t i)
{
	uint16_t *link = bucket_of(w, w->entries[i].name);

	while (*link != i + 1)
		link = &w->entries[*link - 1].next;
	*link = w->entries[i].next;
}

/* Of equal ones that which was looked at longest ago. */
static size_t find_least(struct worst *w)
{
	size_t least = w->hand;

	for (size_t i = 1; i < WORST_MAX; i++) {
		size_t at = (w->hand + i) % WORST_MAX;

		if (w->weights[at] < w->weights[least])
			least = at;
	}
	w->hand = (least + 1) % WORST_MAX;
	return least;
}

/* The weight stays for who comes. */
static size_t make_room(struct worst *w)
{
	size_t least;

	if (w->n < WORST_MAX)
		return w->n++;
	least = find_least(w);
	unlink_entry(w, least);
	w->others.running += w->entries[least].count.running;
	w->others.last += w->entries[least].count.last;
	w->others.total += w->entries[least].count.total;
	return least;
}

static struct worst_entry *insert(struct worst *w, const char *name)
{
	size_t i = make_room(w);
	uint16_t *bucket = bucket_of(w, name);
	struct worst_entry *entry = &w->entries[i];

	*entry = (struct worst_entry){ .next = *bucket };
	snprintf(entry->name, sizeof(entry->name), "%s", name);
	*bucket = i + 1;
	return entry;
}

struct worst_entry *worst_add(struct worst *w, const char *name, enum verdict verdict, uint64_t n)
{
	char cut[WORST_NAME];
	struct worst_entry *entry;

	snprintf(cut, sizeof(cut), "%s", name);
	entry = find(w, cut);
	if (!entry)
		entry = insert(w, cut);
	entry->count.running += n;
	entry->count.total += n;
	entry->verdicts[verdict] += n;
	w->weights[entry - w->entries] += n;
	return entry;
}

static void end_interval(struct worst_count *c)
{
	c->last = c->running;
	c->running = 0;
}

void worst_end_interval(struct worst *w)
{
	for (size_t i = 0; i < w->n; i++)
		end_interval(&w->entries[i].count);
	end_interval(&w->others);
}

enum verdict worst_verdict(const struct worst_entry *entry)
{
	int most = 0;

	for (int v = 1; v < VERDICT_COUNT; v++)
		if (entry->verdicts[v] > entry->verdicts[most])
			most = v;
	return most;
}
