/* SPDX-License-Identifier: GPL-2.0-only */
/* What was joined: lines as the watch's, or JSON Lines as record.schema.json has them. */
#ifndef TCPWHY_JOIN_SHOW_H
#define TCPWHY_JOIN_SHOW_H

#include "join_read.h"

/* What came of it, in all. */
struct join_totals {
	uint64_t joined;      /* records that have their other end, through NAT too */
	uint64_t through_nat; /* of them */
	uint64_t was_joined;  /* records that had it before */
	uint64_t doubtful;    /* that have a candidate which may be a stranger */
};

/* A record with its other end. Its time is by the clock of the first file. */
void join_show_text(FILE *out, const struct join *join, const struct join_record *r);

/* The same as JSON: its own line, with other_end and host added. Times stay what they were. */
void join_show_json(FILE *out, const struct join *join, const struct join_record *r);

/* The object before all records: what the files are, and how far their clocks are apart. */
void join_show_head(FILE *out, const struct join *join, const struct join_totals *totals);

#endif
