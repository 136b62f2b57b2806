// SPDX-License-Identifier: GPL-2.0-only
#include "sink.h"

void sink_open(struct sink *sink, const struct options *options, FILE *out)
{
	static const struct sink_ops *const all[] = {
		[FORMAT_TEXT] = &text_sink,
		[FORMAT_JSON] = &json_sink,
	};

	*sink = (struct sink){ .ops = all[options->format], .options = options, .out = out };
}
