/* SPDX-License-Identifier: GPL-2.0-only */
/* The loop: a source of records -> settle -> lines, or counters each interval, or a recording. */
#ifndef TCPWHY_WATCH_H
#define TCPWHY_WATCH_H

#include "options.h"

/* Runs until it is to end. EXIT_OK or the status of the command, or -1 and *why. */
int watch(const struct options *options, struct failure *why);

struct replay;

/* The same of a session of a recording: replay.h. */
int watch_recording(const struct options *options, struct replay *r, struct failure *why);

#endif
