// SPDX-License-Identifier: GPL-2.0-only
#include "settle.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "classify.h"
#include "clock.h"
#include "owner.h"
#include "pair.h"

#define ROOM            8192 /* entries waiting and remembered, a power of two */
#define BUCKETS         4096 /* of the table that finds the other end, a power of two */
#define CHAIN           64   /* of them, so many at most are looked at: nobody must make us slow */
#define PATIENCE        10000000 /* ns: longer than the other end's evidence, or an amendment, takes */
#define SEARCH_PATIENCE 50000000 /* ns: how long an entry may wait for its search in /proc */
#define SEARCH_BATCH    256      /* sockets looked for in one pass over /proc */
#define SEARCH_REST     3        /* after a search, rest so many times as long as it took */

/* Entries are numbered from 1 in the order in which they came; 0 is none. */
typedef uint64_t entry_number;

struct entry {
	struct evidence e;
	uint64_t since;
	entry_number other; /* the other end */
	entry_number next;  /* older, in the same bucket */
	bool wants_owner;   /* and may get it */
	bool searched;      /* /proc has been asked */
	bool amendable;     /* late data may replace it */
	bool replaced;      /* late data has replaced it */
};

struct settle {
	settled_fn settled;
	void *ctx;
	uint64_t search_after; /* not before */
	entry_number head;     /* the oldest that waits */
	entry_number tail;     /* one past the newest */
	entry_number buckets[BUCKETS];
	struct entry entries[ROOM];
};

struct settle *settle_new(settled_fn settled, void *ctx)
{
	struct settle *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->settled = settled;
	s->ctx = ctx;
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

/* Both deaths from which tcp_rcv_state_process() may come to answer late data. */
static bool is_amendable(const struct evidence *e, enum verdict verdict)
{
	return verdict == VERDICT_reset_after_close ||
	       (verdict == VERDICT_closed_here && e->facts.state == ST_FIN_WAIT2);
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

/* The kernel may have closed the socket in our name, see owner.h; we have none of our own. */
static void replace_ourselves(struct evidence *e)
{
	if (e->owner.pid != (__u32)getpid())
		return;
	memset(&e->owner, 0, sizeof(e->owner));
	owner_looked_at(e->time_ns, &e->owner);
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
	replace_ourselves(&entry->e);
	entry->since = now;
	entry->amendable = is_amendable(e, verdict);
	entry->wants_owner = !entry->e.owner.pid && e->inode && e->facts.event == EVENT_DEATH;
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

/* One pass over /proc for the next entries that want it. Returns how many there were. */
static size_t search_batch(struct settle *s)
{
	struct owner owners[SEARCH_BATCH] = {};
	struct entry *wanting[SEARCH_BATCH];
	__u64 inodes[SEARCH_BATCH];
	size_t n = 0;

	for (entry_number i = s->head; i != s->tail && n < SEARCH_BATCH; i++) {
		struct entry *entry = entry_at(s, i);

		if (!entry->wants_owner || entry->searched)
			continue;
		entry->searched = true;
		inodes[n] = entry->e.inode;
		wanting[n++] = entry;
	}
	if (n)
		owner_find(inodes, owners, n);
	for (size_t i = 0; i < n; i++) {
		if (!owners[i].pid)
			continue;
		wanting[i]->e.owner = owners[i];
		wanting[i]->wants_owner = false;
	}
	return n;
}

void settle_find_owners(struct settle *s, uint64_t now, int all)
{
	if (all) {
		while (search_batch(s))
			;
	} else if (now >= s->search_after && search_batch(s)) {
		s->search_after = monotonic_ns();
		s->search_after += SEARCH_REST * (s->search_after - now);
	}
}

static bool may_change(const struct entry *entry)
{
	return entry && (entry->wants_owner || entry->amendable);
}

/* 0: complete. What the other end waits for is waited for here too, since it is shown. */
static uint64_t entry_due(struct settle *s, const struct entry *entry)
{
	const struct entry *other = other_end(s, entry);

	if (entry->replaced)
		return 0;
	if (entry->wants_owner && !entry->searched)
		return entry->since + SEARCH_PATIENCE;
	if (may_change(entry) || may_change(other))
		return entry->since + PATIENCE;
	return other || !pair_possible(&entry->e) ? 0 : entry->since + PATIENCE;
}

void settle_hand_over(struct settle *s, uint64_t now, int all)
{
	while (s->head != s->tail && (all || now >= entry_due(s, entry_at(s, s->head))))
		hand_over_oldest(s);
}

uint64_t settle_due(struct settle *s)
{
	const struct entry *oldest = entry_at(s, s->head);
	uint64_t due;

	if (s->head == s->tail)
		return UINT64_MAX;
	due = entry_due(s, oldest);
	if (oldest->wants_owner && !oldest->searched && s->search_after < due)
		due = s->search_after;
	return due;
}
