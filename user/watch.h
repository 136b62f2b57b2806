/* SPDX-License-Identifier: GPL-2.0-only */
/* The live loop: capture -> settle -> lines, or counters each interval. */
#ifndef TCPWHY_WATCH_H
#define TCPWHY_WATCH_H

#include "options.h"

/* Runs until it is to end. EXIT_OK or the status of the command, or -1 and *why. */
int watch(const struct options *options, struct failure *why);

#endif
