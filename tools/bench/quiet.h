/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long something takes when nobody disturbs. Other guests of a virtual machine's host take time
 * away, in bursts: so what is done again and again is timed in slices of some milliseconds, and the
 * fastest tenth of them tells.
 */
#ifndef QUIET_H
#define QUIET_H

#include <stddef.h>
#include <stdint.h>

#define SLICE      200  /* times */
#define SLICES_MAX 8192 /* what comes later is not timed */

struct quiet {
	uint64_t began; /* the present slice: CLOCK_MONOTONIC, ns */
	uint64_t done;  /* times in it */
	size_t n;
	uint64_t took[SLICES_MAX]; /* ns */
};

void quiet_begin(struct quiet *q);

/* After each time. */
void quiet_count(struct quiet *q);

/* At the end: µs for one time, at the border of the fastest tenth; 0 if there was no whole slice.
 */
double quiet_us(struct quiet *q);

#endif
