// SPDX-License-Identifier: GPL-2.0-only
/* Nothing but the summary: what happens is recorded, trace_writer.c. */
#include "sink.h"

static void show_nothing(struct sink *sink)
{
	(void)sink;
}

static void show_no_record(struct sink *sink, const struct record *r)
{
	(void)sink;
	(void)r;
}

static void show_no_row(struct sink *sink, const struct row *row)
{
	(void)sink;
	(void)row;
}

static void show_not_withheld(struct sink *sink, const struct withheld *w)
{
	(void)sink;
	(void)w;
}

const struct sink_ops quiet_sink = {
	.start = show_nothing,
	.record = show_no_record,
	.row = show_no_row,
	.withheld = show_not_withheld,
	.summary = sink_summary_to_stderr,
};
