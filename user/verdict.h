/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of verdicts as user space sees it: names and texts, expanded from verdicts.def. */
#ifndef TCPWHY_VERDICT_H
#define TCPWHY_VERDICT_H

#include "classify.h"

struct verdict_text {
	const char *name; /* as in output and options, for instance "unread-data" */
	enum verdict_group group;
	const char *meaning; /* one sentence, without a full stop */
	const char *remedy;  /* what to do, "" if there is nothing to do */
};

/* The row of the table; verdict must be below VERDICT_COUNT. */
const struct verdict_text *verdict_text(enum verdict verdict);

/* The verdict of that name; VERDICT_COUNT: none. */
enum verdict verdict_named(const char *name);

/* A heading for the group, such as "orderly". */
const char *verdict_group_name(enum verdict_group group);

#endif
