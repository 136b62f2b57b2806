// SPDX-License-Identifier: GPL-2.0-only
/* tcpwhy top: what top.c keeps, on the screen of screen.c. It is drawn anew each interval, and when
 * a key was pressed. */
#include <signal.h>

#include "render_text.h"
#include "screen.h"
#include "sink.h"
#include "terminal.h"
#include "top.h"

/* On the screen colours are attributes, not bytes in the text. */
static void start(struct sink *sink)
{
	bool colors = terminal_has_colors(sink->out);

	sink->top->since = sink->since;
	terminal_set_colors(COLOR_NEVER);
	if (screen_open(colors))
		raise(SIGTERM); /* it was there a moment ago: ends with the summary */
	screen_draw(sink->top);
}

static void show_record(struct sink *sink, const struct record *r)
{
	top_record(sink->top, r);
}

static void show_row(struct sink *sink, const struct row *row)
{
	top_row(sink->top, row);
	screen_draw(sink->top);
}

static void show_not_withheld(struct sink *sink, const struct withheld *w)
{
	(void)sink;
	(void)w;
}

static void show_summary(struct sink *sink, const struct summary *s)
{
	screen_close();
	terminal_set_colors(sink->options->color);
	sink_summary_to_stderr(sink, s);
	text_rates(stderr, s->total, s->watched_ns);
}

static bool take_input(struct sink *sink)
{
	bool goes_on = true;
	int key;

	while (goes_on && (key = screen_key()) >= 0)
		goes_on = top_key(sink->top, key);
	screen_draw(sink->top);
	return goes_on;
}

const struct sink_ops top_sink = {
	.start = start,
	.record = show_record,
	.row = show_row,
	.withheld = show_not_withheld,
	.summary = show_summary,
	.input = take_input,
};
