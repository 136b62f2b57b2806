// SPDX-License-Identifier: GPL-2.0-only
#include "join_match.h"

#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "pair.h"

#define CANDIDATES_MAX 4096 /* looked at for one record: nobody must make us slow */
#define CHANCE         1e-4 /* of a stranger among all that are compared; less is none */
#define NO_END         0    /* in place of a hash: whatever the addresses */

/* ---- the index --------------------------------------------------------------------------- */

/*
 * Each record under the sequence number that its other end must have sent: what it expects next, or
 * that of the segment which came. Before the number stands the hash of what else must agree.
 */
struct key {
	uint64_t key; /* hash << 32 | number */
	struct join_record *record;
};

struct index {
	struct key *keys;
	size_t n;
};

static bool is_death(const struct join_record *r)
{
	return r->e.facts.socket == SOCKET_FULL;
}

static void add_key(struct index *index, uint32_t hash, struct join_record *r)
{
	uint32_t number = is_death(r) ? r->e.rcv_nxt : r->e.seg_seq;

	index->keys[index->n++] = (struct key){ (uint64_t)hash << 32 | number, r };
}

static int compare_keys(const void *a, const void *b)
{
	const struct key *one = a, *other = b;

	if (one->key != other->key)
		return one->key < other->key ? -1 : 1;
	return one->record < other->record ? -1 : one->record > other->record;
}

static void sort_keys(struct index *index)
{
	if (index->n)
		qsort(index->keys, index->n, sizeof(*index->keys), compare_keys);
}

/* The first that is not less. */
static size_t lower_bound(const struct index *index, uint64_t key)
{
	size_t from = 0, to = index->n;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (index->keys[middle].key < key)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* How many have that hash. */
static size_t group_size(const struct index *index, uint32_t hash)
{
	uint64_t first = (uint64_t)hash << 32;

	return lower_bound(index, first | UINT32_MAX) - lower_bound(index, first) + 1;
}

struct search {
	struct join_record *of;
	void (*found)(const struct search *search, struct join_record *candidate);
	bool by_end;  /* they share one end, so a segment's number is enough */
	size_t among; /* so many */
};

static size_t search_range(const struct index *index, const struct search *s, uint64_t first,
			   uint64_t last, size_t steps)
{
	for (size_t i = lower_bound(index, first); i < index->n && steps; i++, steps--) {
		if (index->keys[i].key > last)
			break;
		if (index->keys[i].record != s->of)
			s->found(s, index->keys[i].record);
	}
	return steps;
}

/* All that were sent by a death, as pair_matches() has it; modulo 2^32, so there may be two ranges.
 */
static void search_sent(const struct index *index, const struct search *s, uint32_t hash)
{
	uint32_t from = s->of->e.snd_una - 1, to = s->of->e.snd_nxt;
	uint64_t group = (uint64_t)hash << 32;
	size_t steps = CANDIDATES_MAX;

	if (from <= to) {
		search_range(index, s, group | from, group | to, steps);
		return;
	}
	steps = search_range(index, s, group | from, group | UINT32_MAX, steps);
	search_range(index, s, group, group | to, steps);
}

/* ---- offers ------------------------------------------------------------------------------ */

/* As in settle.c: how much it says about its other end's death. */
static int weight(const struct join_record *r)
{
	if (!is_death(r))
		return 1;
	return verdict_text(r->verdict)->group == GROUP_ORDERLY ? 0 : 2;
}

static void offer(struct join_record *to, struct join_record *candidate, bool nat)
{
	if (to->other && weight(candidate) <= weight(to->other))
		return;
	to->other = candidate;
	to->through_nat = nat;
}

static bool is_free(const struct join_record *r)
{
	return !r->was_joined && !r->other && pair_possible(&r->e);
}

/* ---- addresses and numbers --------------------------------------------------------------- */

static void found_opposite(const struct search *s, struct join_record *candidate)
{
	if (!pair_matches(&s->of->e, &candidate->e))
		return;
	offer(s->of, candidate, false);
	offer(candidate, s->of, false);
}

static void match_opposite(struct join *join, struct index *index)
{
	for (size_t i = 0; i < join->record_count; i++)
		if (is_free(&join->records[i]))
			add_key(index, pair_hash(&join->records[i].e.tuple), &join->records[i]);
	sort_keys(index);
	for (size_t i = 0; i < join->record_count; i++) {
		struct join_record *r = &join->records[i];
		const struct search s = { .of = r, .found = found_opposite };

		if (!r->was_joined && pair_possible(&r->e) && is_death(r))
			search_sent(index, &s, pair_hash(&r->e.tuple));
	}
}

/* ---- numbers only ------------------------------------------------------------------------ */

/* A socket in SYN_SENT does not know what to expect, so only a segment can be its other end. */
static bool can_match(const struct join_record *a, const struct join_record *b)
{
	if (is_death(a) && is_death(b) &&
	    (a->e.facts.state == ST_SYN_SENT || b->e.facts.state == ST_SYN_SENT))
		return false;
	return pair_numbers_match(&a->e, &b->e);
}

/* That a number is one of those which it has sent, if it is any. */
static double chance_of(const struct join_record *death)
{
	return ((double)(death->e.snd_nxt - death->e.snd_una) + 2) / 4294967296.0;
}

/* How many strangers fit, on an average, if so many are compared with as many. */
static double strangers(const struct search *s, const struct join_record *candidate)
{
	double chance = chance_of(s->of) * (is_death(candidate) ? chance_of(candidate) : 1);

	return chance * s->among * s->among;
}

static bool is_through_nat(const struct search *s, const struct join_record *candidate)
{
	if (!can_match(s->of, candidate))
		return false;
	if (pair_shares_end(&s->of->e.tuple, &candidate->e.tuple))
		return s->by_end;
	return !s->by_end && is_death(candidate);
}

/* Several segments of one connection are no doubt. */
static bool same_connection(const struct join_record *a, const struct join_record *b)
{
	return !memcmp(&a->e.tuple, &b->e.tuple, sizeof(a->e.tuple));
}

static void note(struct join_record *r, struct join_record *candidate)
{
	if (r->candidate && !same_connection(r->candidate, candidate))
		r->ambiguous = true;
	else if (!r->candidate || weight(candidate) > weight(r->candidate))
		r->candidate = candidate;
}

static void found_through_nat(const struct search *s, struct join_record *candidate)
{
	if (!is_through_nat(s, candidate))
		return;
	if (strangers(s, candidate) > CHANCE) {
		s->of->doubtful = candidate->doubtful = true;
		return;
	}
	note(s->of, candidate);
	note(candidate, s->of);
}

static void add_free(struct join *join, struct index *index)
{
	index->n = 0;
	for (size_t i = 0; i < join->record_count; i++) {
		struct join_record *r = &join->records[i];

		if (!is_free(r))
			continue;
		add_key(index, pair_hash_local(&r->e.tuple), r);
		add_key(index, pair_hash_remote(&r->e.tuple), r);
		add_key(index, NO_END, r);
	}
	sort_keys(index);
}

/* NAT of the client leaves the server's end as it is, that of the server the client's; or neither.
 */
static void search_through_nat(const struct index *index, struct join_record *r)
{
	const struct tuple *t = &r->e.tuple;
	const uint32_t hashes[] = { pair_hash_remote(t), pair_hash_local(t), NO_END };
	struct search s = { .of = r, .found = found_through_nat };

	for (size_t i = 0; i < ARRAY_SIZE(hashes); i++) {
		s.by_end = hashes[i] != NO_END;
		s.among = group_size(index, hashes[i]);
		search_sent(index, &s, hashes[i]);
	}
}

/* Only now, when it is known who has a second candidate. */
static void decide(struct join_record *r, uint64_t *doubtful)
{
	if (r->candidate && !r->ambiguous && !r->candidate->ambiguous) {
		r->other = r->candidate;
		r->through_nat = true;
	} else if (r->candidate || r->doubtful) {
		++*doubtful;
	}
}

static void match_through_nat(struct join *join, struct index *index, uint64_t *doubtful)
{
	add_free(join, index);
	for (size_t i = 0; i < join->record_count; i++)
		if (is_free(&join->records[i]) && is_death(&join->records[i]))
			search_through_nat(index, &join->records[i]);
	for (size_t i = 0; i < join->record_count; i++)
		decide(&join->records[i], doubtful);
}

int join_match(struct join *join, uint64_t *doubtful)
{
	struct index index = { .keys = malloc((3 * join->record_count + 1) * sizeof(struct key)) };

	if (!index.keys)
		return -1;
	*doubtful = 0;
	match_opposite(join, &index);
	match_through_nat(join, &index, doubtful);
	free(index.keys);
	return 0;
}
