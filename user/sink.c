// SPDX-License-Identifier: GPL-2.0-only
#include "sink.h"

#include "metrics.h"
#include "render_text.h"
#include "screen.h"

static int open_top(struct sink *sink)
{
	sink->ops = &top_sink;
	sink->top = top_new();
	return sink->top ? 0 : -1;
}

int sink_open(struct sink *sink, const struct options *options, FILE *out)
{
	static const struct sink_ops *const all[] = {
		[FORMAT_TEXT] = &text_sink,
		[FORMAT_JSON] = &json_sink,
		[FORMAT_OPENMETRICS] = &openmetrics_sink,
	};

	*sink = (struct sink){ .ops = all[options->format], .options = options, .out = out };
	if (options->command == COMMAND_TOP)
		return open_top(sink);
	if (options->command == COMMAND_RECORD)
		sink->ops = &quiet_sink;
	if (options->format != FORMAT_OPENMETRICS)
		return 0;
	sink->metrics = metrics_new();
	return sink->metrics ? 0 : -1;
}

void sink_close(struct sink *sink)
{
	screen_close();
	top_free(sink->top);
	metrics_free(sink->metrics);
}

void sink_summary_to_stderr(struct sink *sink, const struct summary *s)
{
	text_summary(stderr, s->total, s->tally, s->advised, s->watched_ns, sink->options->verbose);
}
