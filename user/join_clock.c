// SPDX-License-Identifier: GPL-2.0-only
#include "join_clock.h"

#include <stdlib.h>

#define SAME 1000000 /* ns: of less it cannot be told whether it is the clocks or the way */

/* By how much the second file's time of a connection is later than the first's. */
struct sample {
	unsigned int first, second; /* files */
	int64_t later_ns;
};

/* All samples of two files: how far the second's clock is ahead of the first's. */
struct link {
	unsigned int first, second;
	int64_t ahead_ns;
	uint64_t samples;
};

static bool is_death(const struct join_record *r)
{
	return r->e.facts.event == EVENT_DEATH;
}

/* It was over when both sockets had seen the other's FIN; in FIN_WAIT2 one had not. */
static bool is_orderly_end(const struct join_record *r)
{
	return is_death(r) && verdict_text(r->verdict)->group == GROUP_ORDERLY &&
	       r->e.facts.state != ST_FIN_WAIT2;
}

/*
 * Did both ends see the same segment? Where one is the death by an RST and the other the moment at
 * which that was sent, or both had come to their ends in order. Of other deaths one may be long
 * before the other.
 */
/* NOLINTNEXTLINE(misc-no-recursion): once, the other way round */
static bool is_simultaneous(const struct join_record *a, const struct join_record *b)
{
	if (is_death(a) && is_death(b))
		return a->verdict == VERDICT_peer_aborted || b->verdict == VERDICT_peer_aborted ||
		       (is_orderly_end(a) && is_orderly_end(b));
	if (is_death(b))
		return is_simultaneous(b, a);
	return b->e.facts.event == EVENT_RESET && verdict_text(a->verdict)->group == GROUP_RESET;
}

/* When what ended it was sent: an RST from the other side took half a round trip to come here. */
static uint64_t time_of(const struct join_record *r)
{
	if (!is_death(r) || verdict_text(r->verdict)->group != GROUP_RESET)
		return r->e.time_ns;
	return r->e.time_ns - r->e.facts.srtt_us * 500ULL;
}

static int compare_samples(const void *a, const void *b)
{
	const struct sample *one = a, *other = b;

	if (one->first != other->first)
		return one->first < other->first ? -1 : 1;
	if (one->second != other->second)
		return one->second < other->second ? -1 : 1;
	return one->later_ns < other->later_ns ? -1 : one->later_ns > other->later_ns;
}

/* Both of a connection point at each other: the first's sample is enough, and the same. */
static size_t take_samples(const struct join *join, struct sample *samples)
{
	size_t n = 0;

	for (size_t i = 0; i < join->record_count; i++) {
		const struct join_record *r = &join->records[i], *other = r->other;

		if (!other || r->file == other->file || !is_simultaneous(r, other) ||
		    (other->other == r && r->file > other->file))
			continue;
		if (r->file > other->file) {
			other = r;
			r = r->other;
		}
		samples[n++] = (struct sample){ r->file, other->file, time_of(other) - time_of(r) };
	}
	qsort(samples, n, sizeof(*samples), compare_samples);
	return n;
}

/* The median of each two files' samples, which are sorted. There are no more links than samples. */
static size_t make_links(const struct sample *samples, size_t n, struct link *links)
{
	size_t count = 0;

	for (size_t i = 0, end; i < n; i = end) {
		for (end = i; end < n && samples[end].first == samples[i].first &&
			      samples[end].second == samples[i].second;)
			end++;
		links[count++] = (struct link){ samples[i].first, samples[i].second,
						samples[i + (end - i) / 2].later_ns, end - i };
	}
	return count;
}

/* The link with most samples that leads from a file which is known to one which is not, or NULL. */
static const struct link *best_link(const struct join *join, const struct link *links, size_t n)
{
	const struct link *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (join->files[links[i].first].clock_known !=
			    join->files[links[i].second].clock_known &&
		    (!best || links[i].samples > best->samples))
			best = &links[i];
	return best;
}

static void follow_links(struct join *join, const struct link *links, size_t n)
{
	const struct link *link;

	join->files[0].clock_known = true;
	while ((link = best_link(join, links, n))) {
		struct join_file *first = &join->files[link->first];
		struct join_file *second = &join->files[link->second];

		if (first->clock_known) {
			second->clock_ahead_ns = first->clock_ahead_ns + link->ahead_ns;
			second->clock_samples = link->samples;
		} else {
			first->clock_ahead_ns = second->clock_ahead_ns - link->ahead_ns;
			first->clock_samples = link->samples;
		}
		first->clock_known = second->clock_known = true;
	}
}

static void forget_small_differences(struct join *join)
{
	for (unsigned int i = 0; i < join->file_count; i++)
		if (llabs(join->files[i].clock_ahead_ns) < SAME)
			join->files[i].clock_ahead_ns = 0;
}

int join_clocks(struct join *join)
{
	struct sample *samples = malloc((join->record_count + 1) * sizeof(*samples));
	struct link *links = malloc((join->record_count + 1) * sizeof(*links));

	if (samples && links)
		follow_links(join, links, make_links(samples, take_samples(join, samples), links));
	forget_small_differences(join);
	free(samples);
	free(links);
	return samples && links ? 0 : -1;
}
