/* SPDX-License-Identifier: GPL-2.0-only */
/* Tells a recording as if it happened now, session by session: judged by the rules of today. */
#ifndef TCPWHY_REPLAY_H
#define TCPWHY_REPLAY_H

#include <stdio.h>

#include "options.h"
#include "source.h"

/* The command. EXIT_OK, or -1 and *why, after all that can be read has been told. */
int replay(const struct options *options, struct failure *why);

/* The session whose turn it is as a source of records. */
void replay_open_source(struct source *s, struct replay *r, const struct capture_sink *sink);

/* When it began. */
uint64_t replay_started(const struct replay *r);

/* Says what was recorded, where and when. */
void replay_announce(FILE *out, const struct replay *r);

#endif
