// SPDX-License-Identifier: GPL-2.0-only
/* OpenMetrics: all counters, once an interval. What they are is in metrics.c. */
#include "metrics.h"
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

static void show_row(struct sink *sink, const struct row *row)
{
	metrics_add(sink->metrics, row);
	metrics_write(sink->out, sink->metrics);
}

static void show_not_withheld(struct sink *sink, const struct withheld *w)
{
	(void)sink;
	(void)w;
}

const struct sink_ops openmetrics_sink = {
	.start = show_nothing,
	.record = show_no_record,
	.row = show_row,
	.withheld = show_not_withheld,
	.summary = sink_summary_to_stderr,
};
