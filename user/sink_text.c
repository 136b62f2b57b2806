// SPDX-License-Identifier: GPL-2.0-only
/* Text for people and for grep: what each is like is in render_text.c. */
#include "render_story.h"
#include "render_text.h"
#include "sink.h"
#include "terminal.h"
#include "text_stack.h"

/* watch.c has said it on stderr. */
static void start(struct sink *sink)
{
	(void)sink;
}

static void show_story(struct sink *sink, const struct record *r)
{
	enum story_kind kind = story_choose(&sink->stories, sink->options->story, sink->out, r);

	if (kind == STORY_FULL)
		text_timeline(sink->out, r, sink->since, terminal_width(sink->out));
	if (kind != STORY_NONE)
		text_fix(sink->out, r, terminal_width(sink->out));
}

static void show_record(struct sink *sink, const struct record *r)
{
	if (sink->options->fields.n) {
		text_fields(sink->out, &sink->options->fields, r);
		return;
	}
	text_evidence(sink->out, r->e, r->other);
	show_story(sink, r);
	if (r->stack)
		text_stacks(sink->out, r->stack);
}

/* Also where there is a column more; on a terminal before what would not be on one screen with the
 * last one. */
static bool head_is_due(const struct sink *sink, unsigned int columns)
{
	int height = terminal_height(sink->out);

	return !sink->lines || columns != sink->columns || (height && sink->lines + 1 >= height);
}

/* Columns come as something is counted in them, and stay. */
static void show_row(struct sink *sink, const struct row *row)
{
	unsigned int columns = sink->columns | text_interval_columns(row->added);

	if (head_is_due(sink, columns)) {
		text_interval_head(sink->out, columns);
		sink->lines = 1;
	}
	sink->columns = columns;
	sink->lines += text_interval(sink->out, columns, row->until, row->added, row->tally);
}

static void show_stable_row(struct sink *sink, const struct row *row)
{
	if (!sink->lines)
		text_stable_head(sink->out);
	sink->lines = 1;
	text_stable_row(sink->out, row->until, row->added);
}

static void show_any_row(struct sink *sink, const struct row *row)
{
	if (sink->options->stable)
		show_stable_row(sink, row);
	else
		show_row(sink, row);
}

static void show_summary(struct sink *sink, const struct summary *s)
{
	sink_summary_to_stderr(sink, s);
	if (sink->options->interval_ns)
		text_rates(stderr, s->total, s->watched_ns);
}

static void show_withheld(struct sink *sink, const struct withheld *w)
{
	text_withheld(sink->out, w->until, w->verdict, w->n, w->tally);
}

const struct sink_ops text_sink = {
	.start = start,
	.record = show_record,
	.row = show_any_row,
	.withheld = show_withheld,
	.summary = show_summary,
};
