// SPDX-License-Identifier: GPL-2.0-only
#include "story_choice.h"

#include "terminal.h"

#define SECOND 1000000000ULL

static bool has_room(FILE *out)
{
	return terminal_width(out) >= STORY_COLUMNS && terminal_height(out) >= STORY_LINES;
}

/* Has the oldest of the last stories been there for a second? Records may come out of order. */
static bool has_time(const struct story_choice *c, uint64_t now)
{
	uint64_t oldest = c->times[c->next];

	return !oldest || now >= oldest + SECOND;
}

static bool is_due(const struct story_choice *c, enum story_when when, FILE *out,
		   const struct record *r)
{
	if (when != STORY_AUTO)
		return when == STORY_ALWAYS;
	return is_news(r->verdict) && has_time(c, r->e->time_ns) && has_room(out);
}

static bool was_told(const struct story_choice *c, const struct evidence *e)
{
	for (unsigned int i = 0; i < STORIES_KNOWN; i++)
		if (c->told[i].time_ns == e->time_ns && c->told[i].sock_id == e->sock_id)
			return true;
	return false;
}

static void remember(struct story_choice *c, const struct record *r)
{
	c->times[c->next] = r->e->time_ns;
	c->next = (c->next + 1) % STORIES_SECOND;
	if (!r->other)
		return;
	c->told[c->next_told].time_ns = r->other->time_ns;
	c->told[c->next_told].sock_id = r->other->sock_id;
	c->next_told = (c->next_told + 1) % STORIES_KNOWN;
}

enum story_kind story_choose(struct story_choice *c, enum story_when when, FILE *out,
			     const struct record *r)
{
	if (when != STORY_NEVER && was_told(c, r->e))
		return STORY_FIX;
	if (!is_due(c, when, out, r))
		return STORY_NONE;
	remember(c, r);
	return STORY_FULL;
}
