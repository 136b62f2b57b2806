// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the top: a title, the sums, the verdicts, the listeners, peers beside processes, the last
 * deaths, the keys. A list that has more than its rows ends in the sum of the others.
 */
#include "top_layout.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "format.h"
#include "top_story.h"

#define TEXT_MAX    1024 /* no screen is wider */
#define NAME_WIDTH  22   /* of a verdict */
#define LINES_FIXED 7    /* title, sums, four heads, keys */

/* ---- writing on the canvas --------------------------------------------------------------- */

/* Cut at the right edge. */
__attribute__((format(printf, 5, 6))) static void put(const struct canvas *c, int row, int column,
						      int style, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list args;

	if (row >= c->rows || column >= c->columns)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (c->columns - column < (int)sizeof(text))
		text[c->columns - column] = '\0';
	c->text(c->ctx, row, column, style, text);
}

/* A part of the canvas, in which a list is. */
struct box {
	int row, column;
	int rows, columns;
};

/* The whole width, in one style. */
static void put_head(const struct canvas *c, const struct box *b, const char *text)
{
	put(c, b->row, b->column, STYLE_HEAD, "%-*.*s", b->columns, b->columns, text);
}

#define RATE_SIZE 16

static void format_rate(char out[RATE_SIZE], uint64_t n, uint64_t duration_ns)
{
	double rate = duration_ns ? n * 1e9 / duration_ns : 0;

	snprintf(out, RATE_SIZE, n && rate < 99.95 ? "%.1f" : "%.0f", rate);
}

/* ---- one line on top, one with the sums -------------------------------------------------- */

static void draw_title(const struct top *t, const struct canvas *c)
{
	const struct top_data *d = top_shown(t);
	char when[TIME_SIZE] = "", lost[32] = "", thinned[32] = "";
	char text[TEXT_MAX];

	if (d->intervals)
		format_seconds(when, d->until);
	if (d->lost)
		snprintf(lost, sizeof(lost), "  LOST %" PRIu64, d->lost);
	if (d->thinned)
		snprintf(thinned, sizeof(thinned), "  UNLISTED %" PRIu64, d->thinned);
	snprintf(text, sizeof(text), "tcpwhy top  %s  sorted by %s%s%s%s%s%s", when,
		 top_sort_name(t->sort), *t->filter ? "  filter: " : "", t->filter,
		 t->frozen ? "  PAUSED" : "", lost, thinned);
	put(c, 0, 0, STYLE_STRONG, "%s", text);
}

static void draw_sums(const struct top *t, const struct canvas *c)
{
	const struct top_data *d = top_shown(t);
	const struct counts *n = &d->last.counts;
	const struct totals sum = counts_add_up(n);
	const uint64_t numbers[] = {
		sum.orderly + sum.unhealthy,
		sum.orderly,
		sum.incidents,
		n->other[COUNT_RETRANS],
		n->other[COUNT_RESETS_SENT],
		n->other[COUNT_RESETS_RECEIVED],
	};
	char rates[ARRAY_SIZE(numbers)][RATE_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		format_rate(rates[i], numbers[i], d->duration_ns);
	put(c, 1, 0, STYLE_PLAIN,
	    "/s: deaths %s (orderly %s)  incidents %s  retrans %s  rst out %s in %s", rates[0],
	    rates[1], rates[2], rates[3], rates[4], rates[5]);
}

/* ---- verdicts with their bars ------------------------------------------------------------ */

#define BARS_COLUMN (NAME_WIDTH + 2 + 9 + 1 + 11 + 2)

/* The newest at the right; the highest one is full. */
static void draw_bars(const struct top_data *d, const struct canvas *c, int row, enum verdict v)
{
	const uint32_t *history = d->verdicts[v].history;
	uint64_t n = c->columns - BARS_COLUMN, most = 0;

	if (n > TOP_HISTORY)
		n = TOP_HISTORY;
	if (n > d->intervals)
		n = d->intervals;
	for (uint64_t i = 1; i <= n; i++) {
		uint32_t count = history[(d->intervals - i) % TOP_HISTORY];

		most = count > most ? count : most;
	}
	for (uint64_t i = 1; i <= n; i++) {
		uint64_t count = history[(d->intervals - i) % TOP_HISTORY];

		c->bar(c->ctx, row, c->columns - i,
		       most ? (int)((count * BAR_LEVELS + most - 1) / most) : 0);
	}
}

static void draw_verdict(const struct top_data *d, const struct canvas *c, int row, enum verdict v)
{
	const struct verdict_text *text = verdict_text(v);
	char rate[RATE_SIZE];

	format_rate(rate, d->verdicts[v].last, d->duration_ns);
	put(c, row, 0, STYLE_VERDICT + text->group, "%s", text->name);
	put(c, row, NAME_WIDTH + 2, STYLE_PLAIN, "%9s %11" PRIu64, rate, d->verdicts[v].total);
	draw_bars(d, c, row, v);
}

/* Where the sum of those stands that have no row, if there are some. */
static size_t rows_of_list(size_t n, uint64_t beyond, int rows)
{
	return n > (size_t)rows || beyond ? (size_t)rows - 1 : n;
}

static void draw_verdicts(const struct top *t, const struct canvas *c, const struct box *b)
{
	const struct top_data *d = top_shown(t);
	enum verdict list[VERDICT_COUNT];
	size_t n = top_list_verdicts(t, list), shown = rows_of_list(n, 0, b->rows - 1);
	uint64_t last = 0, total = 0;
	char text[TEXT_MAX], rate[RATE_SIZE];

	snprintf(text, sizeof(text), "%-*s  %9s %11s  history, now at the right", NAME_WIDTH,
		 "VERDICT", "/s", "total");
	put_head(c, b, text);
	for (size_t i = 0; i < shown; i++)
		draw_verdict(d, c, b->row + 1 + i, list[i]);
	for (size_t i = shown; i < n; i++) {
		last += d->verdicts[list[i]].last;
		total += d->verdicts[list[i]].total;
	}
	if (shown == n)
		return;
	format_rate(rate, last, d->duration_ns);
	snprintf(text, sizeof(text), "%zu others", n - shown);
	put(c, b->row + b->rows - 1, 0, STYLE_PLAIN, "%-*s  %9s %11" PRIu64, NAME_WIDTH, text, rate,
	    total);
}

/* ---- who has most ------------------------------------------------------------------------ */

/* "129/128": what is in it of what may be. */
static void format_queue(char *out, size_t size, const struct worst_queue *q)
{
	snprintf(out, size, "%u/%u", q->used, q->limit);
}

#define NUMBERS_WIDTH     18 /* of the rate and the total at the end of a row, and the blank before */
#define QUEUE_WIDTH       11
#define QUEUE_COLUMN(box) ((box)->columns - NUMBERS_WIDTH - NAME_WIDTH - 1 - QUEUE_WIDTH - 1)

/* Queue and verdict, between the name and the numbers. Returns how much room the name has. */
static int draw_queue(const struct canvas *c, const struct box *b, int row,
		      const struct worst_entry *entry)
{
	int column = QUEUE_COLUMN(b);
	enum verdict v = worst_verdict(entry);
	char queue[48];

	format_queue(queue, sizeof(queue), &entry->queue);
	put(c, row, column, STYLE_PLAIN, "%-*s", QUEUE_WIDTH, queue);
	put(c, row, column + QUEUE_WIDTH + 1, STYLE_VERDICT + verdict_text(v)->group, "%s",
	    verdict_text(v)->name);
	return column - 1;
}

static void draw_entry(const struct top *t, const struct canvas *c, const struct box *b, int row,
		       const struct worst_entry *entry, bool is_listener)
{
	int name = is_listener ? draw_queue(c, b, row, entry) : b->columns - NUMBERS_WIDTH;
	char rate[RATE_SIZE];

	format_rate(rate, entry->count.last, top_shown(t)->duration_ns);
	put(c, row, b->column, STYLE_PLAIN, "%-*.*s", name, name, entry->name);
	put(c, row, b->column + b->columns - NUMBERS_WIDTH + 1, STYLE_PLAIN, "%7s %9" PRIu64, rate,
	    entry->count.total);
}

static void draw_others(const struct top *t, const struct canvas *c, const struct box *b,
			const struct worst *w, const struct worst_entry *const *rest, size_t n)
{
	struct worst_count sum = {};
	char rate[RATE_SIZE];

	if (!*t->filter)
		sum = w->others;
	for (size_t i = 0; i < n; i++) {
		sum.last += rest[i]->count.last;
		sum.total += rest[i]->count.total;
	}
	format_rate(rate, sum.last, top_shown(t)->duration_ns);
	put(c, b->row + b->rows - 1, b->column, STYLE_PLAIN, "%-*s %7s %9" PRIu64,
	    b->columns - NUMBERS_WIDTH, "others", rate, sum.total);
}

/* Those that gave way passed no filter: their names are forgotten. */
static void draw_worst(const struct top *t, const struct canvas *c, const struct box *b,
		       const struct worst *w, const char *head, bool is_listener)
{
	const struct worst_entry *list[WORST_MAX];
	size_t n = top_list_worst(t, w, list);
	uint64_t beyond = *t->filter ? 0 : w->others.total;
	size_t shown = rows_of_list(n, beyond, b->rows - 1);
	char text[TEXT_MAX];

	snprintf(text, sizeof(text), "%-*s %7s %9s", b->columns - NUMBERS_WIDTH, head, "/s",
		 "total");
	put_head(c, b, text);
	for (size_t i = 0; i < shown; i++)
		draw_entry(t, c, b, b->row + 1 + i, list[i], is_listener);
	if (shown < n || beyond)
		draw_others(t, c, b, w, list + shown, n - shown);
}

/* ---- the last deaths --------------------------------------------------------------------- */

/* Is there room for it beside the remote end? */
static bool has_local(const struct canvas *c)
{
	return c->columns >= 100;
}

static void draw_death(const struct canvas *c, int row, const struct top_death *d, bool selected)
{
	char when[TIME_SIZE], process[PROCESS_SIZE], local[ENDPOINT_SIZE], remote[ENDPOINT_SIZE];
	const struct verdict_text *verdict = verdict_text(d->verdict);
	char text[TEXT_MAX];

	format_time(when, d->e.time_ns);
	format_process(process, &d->e.owner);
	format_local(local, &d->e.tuple);
	format_remote(remote, &d->e.tuple);
	snprintf(text, sizeof(text), "%-12s  %-*s  %-18s %s%s%s", when, NAME_WIDTH, verdict->name,
		 process, has_local(c) ? local : "", has_local(c) ? " -> " : "", remote);
	if (selected) {
		put(c, row, 0, STYLE_SELECTED, "%-*s", c->columns, text);
		return;
	}
	put(c, row, 0, STYLE_PLAIN, "%s", text);
	put(c, row, strlen(when) > 12 ? strlen(when) + 2 : 14, STYLE_VERDICT + verdict->group, "%s",
	    verdict->name);
}

/* As far down that the selected one is seen. */
static void draw_deaths(const struct top *t, const struct canvas *c, const struct box *b)
{
	const struct top_death *list[TOP_DEATHS];
	int n = top_list_deaths(t, list), rows = b->rows - 1;
	int selected = top_selected(t, list, n);
	int first = selected < rows ? 0 : selected - rows + 1;
	char head[TEXT_MAX];

	snprintf(head, sizeof(head), "%-12s  %-*s  %-18s %s", "LAST DEATHS", NAME_WIDTH, "verdict",
		 "process", has_local(c) ? "local -> remote" : "remote");
	put_head(c, b, head);
	for (int i = 0; i < rows && first + i < n; i++)
		draw_death(c, b->row + 1 + i, list[first + i], first + i == selected);
	if (!n)
		put(c, b->row + 1, 0, STYLE_PLAIN, "%s",
		    *t->filter ? "none passes the filter" : "none yet");
}

/* ---- all of it --------------------------------------------------------------------------- */

static void draw_keys(const struct top *t, const struct canvas *c)
{
	int row = c->rows - 1;

	if (t->typing)
		put(c, row, 0, STYLE_STRONG, "filter (verdict, process, address; Enter, Esc): %s_",
		    t->typed);
	else if (t->in_story)
		put(c, row, 0, STYLE_STRONG, "Up Down scroll   Esc back   Ctrl-C quit");
	else
		put(c, row, 0, STYLE_STRONG,
		    "q quit  / filter  s sort  p %s  Up Down select  Enter story",
		    t->frozen ? "go on" : "pause");
}

static void draw_lists(const struct top *t, const struct canvas *c)
{
	const struct top_data *d = top_shown(t);
	int rows = c->rows - LINES_FIXED, left = c->columns / 2 - 1;
	struct box verdicts = { 2, 0, 1 + rows * 5 / 17, c->columns };
	struct box listeners = { verdicts.row + verdicts.rows, 0, 1 + rows * 3 / 17, c->columns };
	struct box peers = { listeners.row + listeners.rows, 0, 1 + rows * 4 / 17, left };
	struct box processes = { peers.row, left + 2, peers.rows, c->columns - left - 2 };
	struct box deaths = { peers.row + peers.rows, 0, c->rows - 1 - peers.row - peers.rows,
			      c->columns };
	char head[TEXT_MAX];

	snprintf(head, sizeof(head), "%-*s %-*s %s", QUEUE_COLUMN(&listeners) - 1, "LISTENER",
		 QUEUE_WIDTH, "queue/limit", "full");
	draw_verdicts(t, c, &verdicts);
	draw_worst(t, c, &listeners, &d->listeners, head, true);
	draw_worst(t, c, &peers, &d->peers, "PEER", false);
	draw_worst(t, c, &processes, &d->processes, "PROCESS", false);
	draw_deaths(t, c, &deaths);
}

/* The length of the line that begins here; one that is too wide is broken. Returns the next one. */
static const char *next_line(const char *line, int columns, int *len)
{
	*len = strcspn(line, "\n");
	if (*len > columns) {
		*len = columns;
		return line + columns;
	}
	return line + *len + (line[*len] == '\n');
}

static int count_lines(const char *text, int columns)
{
	int n = 0, len;

	for (; *text; n++)
		text = next_line(text, columns, &len);
	return n;
}

static void draw_story(struct top *t, const struct canvas *c)
{
	const struct box box = { 0, 0, c->rows - 1, c->columns };
	char *text = top_story(&t->story, t->since, c->columns);
	const char *line = text;
	int rows = box.rows - 1, most, len;

	put_head(c, &box, verdict_text(t->story.verdict)->name);
	if (!text)
		return;
	most = count_lines(text, c->columns) - rows;
	if (t->scroll > most)
		t->scroll = most > 0 ? most : 0;
	for (int i = 0; *line && i < t->scroll + rows; i++) {
		const char *next = next_line(line, c->columns, &len);

		if (i >= t->scroll)
			put(c, 1 + i - t->scroll, 0, STYLE_PLAIN, "%.*s", len, line);
		line = next;
	}
	free(text);
}

void top_draw(struct top *t, const struct canvas *c)
{
	if (c->rows < TOP_ROWS_MIN || c->columns < TOP_COLUMNS_MIN) {
		put(c, 0, 0, STYLE_PLAIN, "too small: %dx%d, needs %dx%d", c->columns, c->rows,
		    TOP_COLUMNS_MIN, TOP_ROWS_MIN);
		return;
	}
	if (t->in_story) {
		draw_story(t, c);
	} else {
		draw_title(t, c);
		draw_sums(t, c);
		draw_lists(t, c);
	}
	draw_keys(t, c);
}
