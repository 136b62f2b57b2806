// SPDX-License-Identifier: GPL-2.0-only
#include "settle.h"

#include <stdlib.h>
#include <string.h>

#include "classify.h"
#include "clock.h"
#include "pair.h"

#define ROOM           4096 /* entries waiting and remembered, a power of two */
#define BUCKETS        4096 /* of the table that finds the other end, a power of two */
#define CHAIN          64   /* of them, so many at most are looked at: nobody must make us slow */
#define PATIENCE       10000000 /* ns: longer than the other end's evidence takes */
#define LATE_PATIENCE  50000000 /* ns: longer than late data takes, on a CPU that pauses */
#define OWNER_PATIENCE 50000000 /* ns: from the first search for an owner until it is given up */
#define SEARCH_AGAIN   10000000 /* ns: meanwhile; it may be on its way to another process */
#define SEARCH_REST    3        /* after a search, rest so many times as long as it took */
#define NEVER          UINT64_MAX

/* Entries are numbered from 1 in the order in which they came; 0 is none. */
typedef uint64_t entry_number;

struct entry {
	struct evidence e;
	uint64_t since;
	entry_number other; /* the other end */
	entry_number next;  /* older, in the same bucket */
	uint64_t search_at; /* not before */
	uint64_t give_up;   /* when to wait for the owner no longer: NEVER before a search */
	bool wants_owner;   /* and may get it */
	bool amendable;     /* late data may replace it */
	bool replaced;      /* late data has replaced it */
};

struct settle {
	settled_fn settled;
	find_holders_fn find_holders;
	void *ctx;
	uint64_t search_at;   /* the earliest of the entries; NEVER: nobody is to be found */
	uint64_t rests_until; /* no search before */
	entry_number head;    /* the oldest that waits */
	entry_number tail;    /* one past the newest */
	entry_number buckets[BUCKETS];
	struct entry entries[ROOM];
};

struct settle *settle_new(settled_fn settled, find_holders_fn find_holders, void *ctx)
{
	struct settle *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->settled = settled;
	s->find_holders = find_holders;
	s->ctx = ctx;
	s->search_at = NEVER;
	s->head = s->tail = 1;
	return s;
}

void settle_free(struct settle *s)
{
	free(s);
}

static struct entry *entry_at(struct settle *s, entry_number i)
{
	return &s->entries[i % ROOM];
}

/* Remembered or waiting: not yet overwritten. */
static bool is_known(const struct settle *s, entry_number i)
{
	return i && i < s->tail && s->tail - i <= ROOM;
}

bool settle_may_replace(const struct evidence *e, enum verdict verdict)
{
	return verdict == VERDICT_late_data || may_be_replaced(&e->facts, verdict);
}

/* The newest amendable death of the same socket; it was the moment before. */
static void replace(struct settle *s, const struct evidence *by)
{
	for (entry_number i = s->tail; i != s->head; i--) {
		struct entry *entry = entry_at(s, i - 1);

		if (entry->amendable && entry->e.sock_id == by->sock_id) {
			entry->replaced = true;
			return;
		}
	}
}

/* ---- the other end ----------------------------------------------------------------------- */

static struct entry *other_end(struct settle *s, const struct entry *entry)
{
	struct entry *other = entry_at(s, entry->other);

	return is_known(s, entry->other) && !other->replaced ? other : NULL;
}

/*
 * How much it says about its other end's death: most if a connection died unhealthily there, less
 * if a segment was answered, least if all seemed to be well before that.
 */
static int weight(const struct entry *entry)
{
	if (entry->e.facts.socket != SOCKET_FULL)
		return 1;
	return verdict_group(classify(&entry->e.facts)) == GROUP_ORDERLY ? 0 : 2;
}

/* The first that comes is taken, and gives way to one that says more. */
static void offer(struct settle *s, struct entry *entry, entry_number candidate)
{
	const struct entry *known = other_end(s, entry);

	if (!known || weight(entry_at(s, candidate)) > weight(known))
		entry->other = candidate;
}

/* Joins the newest entry to what is known of its other end, the newest first. */
static void join_other_end(struct settle *s, entry_number newest)
{
	struct entry *entry = entry_at(s, newest);
	entry_number *bucket = &s->buckets[pair_hash(&entry->e.tuple) % BUCKETS];
	entry_number i = *bucket;

	for (int steps = 0; is_known(s, i) && steps < CHAIN; steps++, i = entry_at(s, i)->next) {
		struct entry *match = entry_at(s, i);

		if (match->replaced || !pair_matches(&entry->e, &match->e))
			continue;
		offer(s, match, newest);
		offer(s, entry, i);
	}
	entry->next = *bucket;
	*bucket = newest;
}

/* ---- in and out -------------------------------------------------------------------------- */

static void hand_over_oldest(struct settle *s)
{
	struct entry *entry = entry_at(s, s->head++);
	struct entry *other = other_end(s, entry);

	entry->wants_owner = entry->amendable = false;
	if (!entry->replaced)
		s->settled(s->ctx, &entry->e, other ? &other->e : NULL);
}

static void want_owner(struct settle *s, struct entry *entry, uint64_t now)
{
	entry->wants_owner = true;
	entry->search_at = now;
	entry->give_up = NEVER;
	if (now < s->search_at)
		s->search_at = now;
}

void settle_add(struct settle *s, const struct evidence *e, uint64_t now)
{
	enum verdict verdict = classify(&e->facts);
	struct entry *entry;

	if (verdict == VERDICT_late_data)
		replace(s, e);
	if (s->tail - s->head == ROOM)
		hand_over_oldest(s);
	entry = entry_at(s, s->tail++);
	memset(entry, 0, sizeof(*entry));
	entry->e = *e;
	entry->since = now;
	entry->amendable = may_be_replaced(&e->facts, verdict);
	if (!e->owner.pid && e->inode && e->facts.event == EVENT_DEATH)
		want_owner(s, entry, now);
	join_other_end(s, s->tail - 1);
}

void settle_closer(struct settle *s, uint64_t sock_id, const struct owner *owner)
{
	for (entry_number i = s->head; i != s->tail; i++) {
		struct entry *entry = entry_at(s, i);

		if (!entry->wants_owner || entry->e.sock_id != sock_id)
			continue;
		entry->e.owner = *owner;
		entry->e.owner.source = OWNER_CLOSER;
		/* It ended after the connection, perhaps because of it. */
		entry->e.owner.exiting = 0;
		entry->e.owner.exit_code = 0;
		entry->wants_owner = false;
	}
}

/* ---- searching ----------------------------------------------------------------------------- */

static void note_search(struct entry *entry, uint64_t now)
{
	entry->search_at = now + SEARCH_AGAIN;
	if (entry->give_up == NEVER)
		entry->give_up = now + OWNER_PATIENCE;
}

/* The next entries whose turn it is. Returns how many; notes when it is the turn of the others. */
static size_t next_wanting(struct settle *s, struct entry *wanting[WANTED_MAX], uint64_t now)
{
	size_t n = 0;

	s->search_at = NEVER;
	for (entry_number i = s->head; i != s->tail; i++) {
		struct entry *entry = entry_at(s, i);

		if (!entry->wants_owner)
			continue;
		if (n < WANTED_MAX && entry->search_at <= now) {
			wanting[n++] = entry;
			note_search(entry, now);
		}
		if (entry->search_at < s->search_at)
			s->search_at = entry->search_at;
	}
	return n;
}

/* Returns how many were looked for. */
static size_t search(struct settle *s, uint64_t now)
{
	struct wanted wanted[WANTED_MAX] = {};
	struct entry *wanting[WANTED_MAX];
	size_t n = next_wanting(s, wanting, now);

	for (size_t i = 0; i < n; i++) {
		wanted[i].socket = wanting[i]->e.socket;
		wanted[i].inode = wanting[i]->e.inode;
	}
	if (n)
		s->find_holders(s->ctx, wanted, n);
	for (size_t i = 0; i < n; i++) {
		if (!wanted[i].owner.pid)
			continue;
		wanting[i]->e.owner = wanted[i].owner;
		wanting[i]->wants_owner = false;
	}
	return n;
}

static void take_found(struct entry *entry, const struct wanted *found, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (found[i].socket != entry->e.socket || found[i].inode != entry->e.inode)
			continue;
		entry->e.owner = found[i].owner;
		entry->wants_owner = false;
	}
}

void settle_searched(struct settle *s, uint64_t now, const struct wanted *found, size_t n)
{
	struct entry *wanting[WANTED_MAX];
	size_t n_wanting = next_wanting(s, wanting, now);

	for (size_t i = 0; i < n_wanting; i++)
		take_found(wanting[i], found, n);
}

static uint64_t next_search(const struct settle *s)
{
	if (!s->find_holders)
		return NEVER;
	return s->search_at > s->rests_until ? s->search_at : s->rests_until;
}

void settle_find_owners(struct settle *s, uint64_t now, int all)
{
	uint64_t ended;

	if (!s->find_holders)
		return;
	if (all) {
		while (search(s, now))
			;
	} else if (now >= next_search(s) && search(s, now)) {
		ended = monotonic_ns();
		s->rests_until = ended + SEARCH_REST * (ended - now);
	}
}

/* ---- handing over -------------------------------------------------------------------------- */

/* When nothing more will be learnt about it. */
static uint64_t complete_at(const struct entry *entry)
{
	if (entry->wants_owner)
		return entry->give_up;
	return entry->amendable ? entry->since + LATE_PATIENCE : 0;
}

/* What the other end waits for is waited for here too, since it is shown. */
static uint64_t entry_due(struct settle *s, const struct entry *entry)
{
	const struct entry *other = other_end(s, entry);
	uint64_t here = complete_at(entry), there;

	if (entry->replaced)
		return 0;
	if (other)
		there = complete_at(other);
	else
		there = pair_possible(&entry->e) ? entry->since + PATIENCE : 0;
	return here > there ? here : there;
}

void settle_hand_over(struct settle *s, uint64_t now, int all)
{
	while (s->head != s->tail && (all || now >= entry_due(s, entry_at(s, s->head))))
		hand_over_oldest(s);
}

uint64_t settle_oldest(struct settle *s)
{
	return s->head == s->tail ? NEVER : entry_at(s, s->head)->e.time_ns;
}

uint64_t settle_due(struct settle *s)
{
	uint64_t due, search_due;

	if (s->head == s->tail)
		return NEVER;
	due = entry_due(s, entry_at(s, s->head));
	search_due = next_search(s);
	return due < search_due ? due : search_due;
}
