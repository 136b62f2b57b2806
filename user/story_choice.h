/* SPDX-License-Identifier: GPL-2.0-only */
/* Which lines get their story beneath them: always, never, or where there is room and time to read
 * it. */
#ifndef TCPWHY_STORY_CHOICE_H
#define TCPWHY_STORY_CHOICE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "fields.h"

enum story_when {
	STORY_AUTO, /* on terminals that are large enough, of what is unhealthy, and not too many */
	STORY_ALWAYS,
	STORY_NEVER,
};

#define STORY_COLUMNS  80 /* of a terminal that is large enough */
#define STORY_LINES    24
#define STORIES_SECOND 3 /* in any second, with STORY_AUTO */
#define STORIES_KNOWN                                                                              \
	16 /* so many are remembered, that the other end's line need not repeat them */

/* An event that a story has told of. */
struct story_told {
	uint64_t time_ns, sock_id;
};

struct story_choice {
	uint64_t times[STORIES_SECOND]; /* of the last stories, CLOCK_MONOTONIC, ns */
	unsigned int next;
	struct story_told told[STORIES_KNOWN]; /* from the other end's line */
	unsigned int next_told;
};

enum story_kind {
	STORY_NONE,
	STORY_FULL,
	STORY_FIX, /* the other end's line, not long ago, had the story: what to do is left */
};

/* What goes beneath the line of this record on out; remembers it. */
enum story_kind story_choose(struct story_choice *choice, enum story_when when, FILE *out,
			     const struct record *r);

#endif
