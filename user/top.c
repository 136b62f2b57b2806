// SPDX-License-Identifier: GPL-2.0-only
#include "top.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"

#define PAGE 10 /* deaths or lines that Page Up and Page Down pass over */

struct top *top_new(void)
{
	struct top *t = calloc(1, sizeof(*t));

	if (t)
		t->live = calloc(1, sizeof(*t->live));
	if (t && t->live)
		return t;
	free(t);
	return NULL;
}

void top_free(struct top *t)
{
	if (!t)
		return;
	free(t->live);
	free(t->frozen);
	free(t);
}

const struct top_data *top_shown(const struct top *t)
{
	return t->frozen ?: t->live;
}

/* ---- what is counted --------------------------------------------------------------------- */

/* Is it about a listener, and which queue? */
static bool is_listener(enum verdict verdict, bool *is_syn)
{
	*is_syn = verdict == VERDICT_syn_queue_overflow || verdict == VERDICT_syn_cookies;
	return *is_syn || verdict == VERDICT_accept_overflow ||
	       verdict == VERDICT_accept_overflow_reset || verdict == VERDICT_syn_dropped;
}

/* A listener is known by its port: what arrives for it names the address that was asked for. */
static void add_listener(struct worst *listeners, const struct record *r, bool is_syn)
{
	const struct evidence *e = r->e;
	char process[PROCESS_SIZE], name[WORST_NAME];
	struct worst_entry *entry;

	format_process(process, &e->owner);
	snprintf(name, sizeof(name), ":%u %s", e->tuple.lport, process);
	entry = worst_add(listeners, name, r->verdict, e->count);
	entry->queue = (struct worst_queue){
		.used = is_syn ? e->syn_queue : e->backlog,
		.limit = e->backlog_max,
		.is_syn = is_syn,
	};
}

static void add_worst(struct top_data *d, const struct record *r)
{
	char process[PROCESS_SIZE], peer[ADDRESS_SIZE];
	const struct evidence *e = r->e;
	bool is_syn;

	format_process(process, &e->owner);
	worst_add(&d->processes, process, r->verdict, e->count);
	if (e->tuple.rport) { /* else there is no one peer: format_remote() */
		format_address(peer, &e->tuple, e->tuple.raddr);
		worst_add(&d->peers, peer, r->verdict, e->count);
	}
	if (is_listener(r->verdict, &is_syn))
		add_listener(&d->listeners, r, is_syn);
}

void top_record(struct top *t, const struct record *r)
{
	struct top_data *d = t->live;
	struct top_death *death = &d->deaths[++d->death_count % TOP_DEATHS];

	death->e = *r->e;
	death->has_other = r->other != NULL;
	if (r->other)
		death->other = *r->other;
	death->verdict = r->verdict;
	death->serial = d->death_count;
	if (verdict_text(r->verdict)->group != GROUP_ORDERLY)
		add_worst(d, r);
}

void top_row(struct top *t, const struct row *row)
{
	struct top_data *d = t->live;

	d->until = row->until;
	d->duration_ns = row->duration_ns;
	d->last = *row->added;
	d->lost += counts_lost(row->added);
	d->thinned += counts_thinned(&row->added->counts);
	for (int v = 0; v < VERDICT_COUNT; v++) {
		uint64_t n = row->added->counts.verdict[v];

		d->verdicts[v].last = n;
		d->verdicts[v].total += n;
		d->verdicts[v].history[d->intervals % TOP_HISTORY] =
			n < UINT32_MAX ? n : UINT32_MAX;
	}
	d->intervals++;
	worst_end_interval(&d->listeners);
	worst_end_interval(&d->peers);
	worst_end_interval(&d->processes);
}

/* ---- what passes the filter -------------------------------------------------------------- */

static bool matches(const struct top *t, const char *text)
{
	return strcasestr(text, t->filter);
}

static bool process_matches(const struct top *t, const struct owner *owner)
{
	char text[PROCESS_SIZE];

	format_process(text, owner);
	return matches(t, text);
}

/* By anything that its line shows, but for the time and the words. */
static bool death_matches(const struct top *t, const struct top_death *d)
{
	char local[ENDPOINT_SIZE], remote[ENDPOINT_SIZE];

	if (!*t->filter || matches(t, verdict_text(d->verdict)->name) ||
	    process_matches(t, &d->e.owner))
		return true;
	format_local(local, &d->e.tuple);
	format_remote(remote, &d->e.tuple);
	return matches(t, local) || matches(t, remote) ||
	       (d->has_other && process_matches(t, &d->other.owner));
}

/* By its name, or by a verdict that it had. */
static bool entry_matches(const struct top *t, const struct worst_entry *entry)
{
	if (!*t->filter || matches(t, entry->name))
		return true;
	for (int v = 0; v < VERDICT_COUNT; v++)
		if (entry->verdicts[v] && matches(t, verdict_text(v)->name))
			return true;
	return false;
}

/* Has one whose name matches had the verdict? */
static bool had_by_match(const struct top *t, const struct worst *w, enum verdict verdict)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->entries[i].verdicts[verdict] && matches(t, w->entries[i].name))
			return true;
	return false;
}

static bool verdict_matches(const struct top *t, enum verdict verdict)
{
	const struct top_data *d = top_shown(t);

	return !*t->filter || matches(t, verdict_text(verdict)->name) ||
	       had_by_match(t, &d->processes, verdict) || had_by_match(t, &d->peers, verdict) ||
	       had_by_match(t, &d->listeners, verdict);
}

/* ---- sorted ------------------------------------------------------------------------------ */

static int more_first(uint64_t a, uint64_t b)
{
	return (a < b) - (a > b);
}

static int compare(enum top_sort sort, uint64_t last_a, uint64_t last_b, uint64_t total_a,
		   uint64_t total_b)
{
	int order = sort == TOP_BY_RATE ? more_first(last_a, last_b) : 0;

	return order || sort == TOP_BY_NAME ? order : more_first(total_a, total_b);
}

static int compare_verdicts(const void *a, const void *b, void *ctx)
{
	const enum verdict *va = a, *vb = b;
	const struct top *t = ctx;
	const struct top_verdict *all = top_shown(t)->verdicts;
	int order = compare(t->sort, all[*va].last, all[*vb].last, all[*va].total, all[*vb].total);

	return order ?: strcmp(verdict_text(*va)->name, verdict_text(*vb)->name);
}

size_t top_list_verdicts(const struct top *t, enum verdict list[VERDICT_COUNT])
{
	const struct top_data *d = top_shown(t);
	size_t n = 0;

	for (int v = 0; v < VERDICT_COUNT; v++)
		if (d->verdicts[v].total && verdict_matches(t, v))
			list[n++] = v;
	qsort_r(list, n, sizeof(*list), compare_verdicts, (void *)t);
	return n;
}

static int compare_entries(const void *a, const void *b, void *ctx)
{
	const struct worst_entry *const *ea = a, *const *eb = b;
	const struct worst_count *ca = &(*ea)->count, *cb = &(*eb)->count;
	const struct top *t = ctx;
	int order = compare(t->sort, ca->last, cb->last, ca->total, cb->total);

	return order ?: strcmp((*ea)->name, (*eb)->name);
}

size_t top_list_worst(const struct top *t, const struct worst *w,
		      const struct worst_entry *list[WORST_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		if (entry_matches(t, &w->entries[i]))
			list[n++] = &w->entries[i];
	qsort_r(list, n, sizeof(*list), compare_entries, (void *)t);
	return n;
}

size_t top_list_deaths(const struct top *t, const struct top_death *list[TOP_DEATHS])
{
	const struct top_data *d = top_shown(t);
	size_t n = 0;

	for (uint64_t s = d->death_count; s && d->death_count - s < TOP_DEATHS; s--)
		if (death_matches(t, &d->deaths[s % TOP_DEATHS]))
			list[n++] = &d->deaths[s % TOP_DEATHS];
	return n;
}

int top_selected(const struct top *t, const struct top_death *const *list, size_t n)
{
	if (!t->selected || !n)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (list[i]->serial <= t->selected)
			return i;
	return n - 1;
}

const char *top_sort_name(enum top_sort sort)
{
	static const char *const names[] = {
		[TOP_BY_RATE] = "rate",
		[TOP_BY_TOTAL] = "total",
		[TOP_BY_NAME] = "name",
	};

	return names[sort];
}

/* ---- keys -------------------------------------------------------------------------------- */

static void pause_or_go_on(struct top *t)
{
	if (t->frozen) {
		free(t->frozen);
		t->frozen = NULL;
		return;
	}
	t->frozen = malloc(sizeof(*t->frozen));
	if (t->frozen)
		*t->frozen = *t->live;
}

static int clamp(int i, int n)
{
	return i < 0 ? 0 : i < n ? i : n - 1;
}

/* The first key selects the newest, wherever it would lead. */
static void select_by(struct top *t, int step)
{
	const struct top_death *list[TOP_DEATHS];
	int n = top_list_deaths(t, list);
	int at = top_selected(t, list, n);

	if (!n)
		return;
	t->selected = list[at < 0 ? 0 : clamp(at + step, n)]->serial;
}

/* One thing at a time. */
static void take_back(struct top *t)
{
	if (t->selected)
		t->selected = 0;
	else
		*t->filter = '\0';
}

static void open_story(struct top *t)
{
	const struct top_death *list[TOP_DEATHS];
	size_t n = top_list_deaths(t, list);
	int at = top_selected(t, list, n);

	if (!n)
		return;
	t->story = *list[at < 0 ? 0 : at];
	t->selected = t->story.serial;
	t->in_story = true;
	t->scroll = 0;
}

static void type_filter(struct top *t, int key)
{
	size_t len = strlen(t->typed);

	if (key == TOP_KEY_ESCAPE) {
		t->typing = false;
	} else if (key == TOP_KEY_ENTER) {
		t->typing = false;
		memcpy(t->filter, t->typed, sizeof(t->filter));
	} else if (key == TOP_KEY_BACKSPACE && len) {
		t->typed[len - 1] = '\0';
	} else if (key >= ' ' && key < 0x7f && len + 1 < sizeof(t->typed)) {
		t->typed[len] = key;
		t->typed[len + 1] = '\0';
	}
}

/* By how much a key moves the selection or the story; 0: it does not. */
static int step_of(int key)
{
	switch (key) {
	case TOP_KEY_UP:
		return -1;
	case TOP_KEY_DOWN:
		return 1;
	case TOP_KEY_PAGE_UP:
		return -PAGE;
	case TOP_KEY_PAGE_DOWN:
		return PAGE;
	case TOP_KEY_HOME:
		return -2 * TOP_DEATHS;
	case TOP_KEY_END:
		return 2 * TOP_DEATHS;
	default:
		return 0;
	}
}

static void move_story(struct top *t, int key)
{
	t->scroll += step_of(key);
	if (t->scroll < 0)
		t->scroll = 0;
	if (key == 'q' || key == TOP_KEY_ESCAPE || key == TOP_KEY_ENTER)
		t->in_story = false;
}

static bool act(struct top *t, int key)
{
	if (key == 's')
		t->sort = (t->sort + 1) % TOP_SORTS;
	else if (key == 'p' || key == ' ')
		pause_or_go_on(t);
	else if (key == TOP_KEY_ENTER)
		open_story(t);
	else if (key == TOP_KEY_ESCAPE)
		take_back(t);
	else if (step_of(key))
		select_by(t, step_of(key));
	return key != 'q';
}

bool top_key(struct top *t, int key)
{
	if (t->typing) {
		type_filter(t, key);
	} else if (t->in_story) {
		move_story(t, key);
	} else if (key == '/') {
		t->typing = true;
		memcpy(t->typed, t->filter, sizeof(t->typed));
	} else {
		return act(t, key);
	}
	return true;
}
