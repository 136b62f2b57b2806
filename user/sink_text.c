// SPDX-License-Identifier: GPL-2.0-only
/* Text for people and for grep: what each is like is in render_text.c. */
#include <inttypes.h>
#include <unistd.h>

#include "render_text.h"
#include "sink.h"

#define ROWS_PER_HEAD 20

/* watch.c has said it on stderr. */
static void start(struct sink *sink)
{
	(void)sink;
}

static void show_record(struct sink *sink, const struct record *r)
{
	if (sink->options->fields.n)
		text_fields(sink->out, &sink->options->fields, r);
	else
		text_evidence(sink->out, r->e, r->other);
}

static void show_row(struct sink *sink, const struct row *row)
{
	if (sink->rows % ROWS_PER_HEAD == 0 && (sink->rows == 0 || isatty(fileno(sink->out))))
		text_interval_head(sink->out);
	text_interval(sink->out, row->until, row->added, row->tally);
	sink->rows++;
}

static void show_withheld(struct sink *sink, uint64_t until, enum verdict verdict, uint64_t n)
{
	text_withheld(sink->out, until, verdict, n);
}

const struct sink_ops text_sink = {
	.start = start,
	.record = show_record,
	.row = show_row,
	.withheld = show_withheld,
	.summary = sink_summary_to_stderr,
};
