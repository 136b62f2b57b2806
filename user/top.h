/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What `tcpwhy top` shows, and what its keys do: sums, lists, the choice among them. It knows no
 * terminal (screen.h) and no layout (top_layout.h). Memory is bounded.
 */
#ifndef TCPWHY_TOP_H
#define TCPWHY_TOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "counts.h"
#include "fields.h"
#include "rows.h"
#include "worst.h"

#define TOP_HISTORY 240 /* intervals of which the counts of each verdict are kept */
#define TOP_DEATHS  500 /* deaths and incidents that can still be looked at */
#define TOP_FILTER  40  /* bytes of a filter, with the NUL */

struct top_verdict {
	uint64_t last, total;          /* in the last interval, and in all: the kernel's counters */
	uint32_t history[TOP_HISTORY]; /* interval i is at i % TOP_HISTORY */
};

/* A death or an incident, kept. */
struct top_death {
	struct evidence e, other; /* other: of the other end, if has_other */
	bool has_other;
	enum verdict verdict;
	uint64_t serial; /* from 1, in their order */
};

/* All that is counted. No pointers: it can be copied as it is. */
struct top_data {
	uint64_t intervals;   /* that are over */
	uint64_t until;       /* end of the last one, CLOCK_MONOTONIC, ns */
	uint64_t duration_ns; /* of the last one */
	struct capture_counts last;
	uint64_t lost;    /* in all: counts_lost() */
	uint64_t thinned; /* in all: counts_thinned(), in no list but that of the verdicts */
	struct top_verdict verdicts[VERDICT_COUNT];
	struct worst listeners, peers, processes; /* by records; orderly ends do not count */
	struct top_death deaths[TOP_DEATHS];      /* serial s is at s % TOP_DEATHS */
	uint64_t death_count;
};

enum top_sort {
	TOP_BY_RATE, /* in the last interval, then in all */
	TOP_BY_TOTAL,
	TOP_BY_NAME,
	TOP_SORTS,
};

struct top {
	struct top_data *live;
	struct top_data *frozen; /* while paused: what is shown; else NULL */
	enum top_sort sort;
	char filter[TOP_FILTER]; /* "": none */
	char typed[TOP_FILTER];  /* a filter that is being typed */
	bool typing;
	uint64_t selected;      /* the serial of a death; 0: none */
	uint64_t since;         /* when the watch began: CLOCK_MONOTONIC, ns */
	struct top_death story; /* the death that is shown whole, if in_story */
	bool in_story;
	int scroll; /* lines of the story that are above the screen; the layout corrects it */
};

/* Keys that are no characters. */
enum top_key {
	TOP_KEY_NONE = 0x100, /* means nothing */
	TOP_KEY_UP,
	TOP_KEY_DOWN,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_HOME,
	TOP_KEY_END,
	TOP_KEY_ENTER,
	TOP_KEY_ESCAPE,
	TOP_KEY_BACKSPACE,
};

/* NULL: out of memory. */
struct top *top_new(void);
void top_free(struct top *t);

void top_record(struct top *t, const struct record *r);

/* An interval is over. */
void top_row(struct top *t, const struct row *row);

/* A key was pressed: an ASCII character or an enum top_key. Returns false if it is to end. */
bool top_key(struct top *t, int key);

/* What is to be shown: as it is now, or as it was when it was paused. */
const struct top_data *top_shown(const struct top *t);

const char *top_sort_name(enum top_sort sort);

/* The verdicts that occurred and pass the filter, sorted. Returns how many. */
size_t top_list_verdicts(const struct top *t, enum verdict list[VERDICT_COUNT]);

/* The entries of one of the tables of top_shown() that pass the filter, sorted. Returns how many.
 */
size_t top_list_worst(const struct top *t, const struct worst *w,
		      const struct worst_entry *list[WORST_MAX]);

/* The deaths that pass the filter, the newest first. Returns how many. */
size_t top_list_deaths(const struct top *t, const struct top_death *list[TOP_DEATHS]);

/* Where the selected death is in the list, or the next older one that is left; -1: none is. */
int top_selected(const struct top *t, const struct top_death *const *list, size_t n);

#endif
