/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The time in nanoseconds. CLOCK_MONOTONIC is also the time of the records, bpf_ktime_get_ns():
 * that of the host, also where we are in a time namespace of our own.
 */
#ifndef TCPWHY_CLOCK_H
#define TCPWHY_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* What our time namespace adds to the host's CLOCK_MONOTONIC; 0 until it is asked for. */
extern uint64_t clock_offset_ns;

/* Before the first of the times that are compared with those of records. */
void clock_find_offset(void);

/* Of the host, or of a recording. */
uint64_t monotonic_ns(void);

/* The time of day, ns since 1970, of a time by CLOCK_MONOTONIC; the same for the same time, unless
 * the clock is set. */
uint64_t wall_ns(uint64_t when);

/*
 * From now on both clocks are those of a recording: it is `now` there, until the next call, and
 * CLOCK_REALTIME is so much ahead.
 */
void clock_set_recorded(uint64_t now, int64_t wall_ahead_ns);

#endif
