/* SPDX-License-Identifier: GPL-2.0-only */
/* Sums of the kernel's counters, as every output has them. */
#ifndef TCPWHY_COUNTS_H
#define TCPWHY_COUNTS_H

#include "capture.h"

struct totals {
	uint64_t orderly, unhealthy; /* deaths */
	uint64_t incidents;
};

struct totals counts_add_up(const struct counts *counts);

/* Events that had no record because there were too many of their verdict: records_per_slice. */
uint64_t counts_thinned(const struct counts *counts);

/* Records that were lost or refused, and events that the kernel did not report. */
uint64_t counts_lost(const struct capture_counts *c);

#endif
