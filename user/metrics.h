/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters in the text format of OpenMetrics 1.0, which Prometheus and others read. They are made
 * of rows, so none ever falls, and the sum over the series of a verdict is the kernel's counter of
 * it.
 */
#ifndef TCPWHY_METRICS_H
#define TCPWHY_METRICS_H

#include <stdio.h>

#include "rows.h"

#define METRICS_CONTENT_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

struct metrics;

/* NULL: out of memory. */
struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

void metrics_add(struct metrics *metrics, const struct row *row);

/* All of them, to the line "# EOF". */
void metrics_write(FILE *out, const struct metrics *metrics);

#endif
