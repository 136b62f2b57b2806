/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the watch has its records from: the kernel, now (capture.h), or a recording (replay.h). Of
 * a recording the clock (clock.h) is that of its records, and goes as fast as they can be told.
 */
#ifndef TCPWHY_SOURCE_H
#define TCPWHY_SOURCE_H

#include "capture.h"

struct source {
	const struct source_ops *ops;
	struct capture *capture; /* of a live one */
	struct replay *replay;   /* of a recording */
};

struct source_ops {
	/*
	 * Of a recording nothing is filtered but by the recorder's own options, what has a record
	 * is not in the counts, and searches come as records.
	 */
	bool recorded;

	/* Becomes readable when there are records; -1: it does not, wait() is enough. */
	int (*fd)(const struct source *s);

	/*
	 * How many ms may be waited for its descriptor, if something else is due then (NEVER_DUE:
	 * nothing is). The clock of a recording is set: to that time or to that of its next record.
	 */
	int (*wait_ms)(struct source *s, uint64_t due);

	/* Hands all that has come to the sink. Returns how many. */
	int (*drain)(struct source *s);

	/* As those of capture.h. */
	int (*look_at_listeners)(struct source *s, bool last);
	bool (*queue_filled)(const struct source *s);
	void (*find_holders)(struct source *s, struct wanted *wanted, size_t n);
	int (*read_counts)(const struct source *s, struct capture_counts *counts);
	int (*read_thinned)(const struct source *s, uint64_t thinned[VERDICTS_MAX]);

	/* Nothing more will come. */
	bool (*has_ended)(const struct source *s);
	void (*close)(struct source *s);
};

#define NEVER_DUE UINT64_MAX

extern const struct source_ops live_source;

/* 0, or -1 and *why: capture_open(). */
int source_open_live(struct source *s, const struct capture_settings *settings,
		     const struct capture_sink *sink, struct failure *why);

#endif
