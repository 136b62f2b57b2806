// SPDX-License-Identifier: GPL-2.0-only
#include "clock.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

#define NOTICED 50000 /* ns: less is no setting of the clock, but its rate being adjusted */

uint64_t clock_offset_ns;

/* The file is about the namespace of our children, which need not be our own. */
static bool is_own_namespace(void)
{
	struct stat own, of_children;

	return !stat("/proc/self/ns/time", &own) &&
	       !stat("/proc/self/ns/time_for_children", &of_children) &&
	       own.st_ino == of_children.st_ino;
}

void clock_find_offset(void)
{
	FILE *file = fopen("/proc/self/timens_offsets", "re");
	int64_t seconds, ns;

	if (!file)
		return; /* there are no time namespaces */
	if (fscanf(file, "monotonic %" SCNd64 " %" SCNd64, &seconds, &ns) == 2 &&
	    is_own_namespace())
		clock_offset_ns = seconds * 1000000000 + ns;
	fclose(file);
}

static struct {
	bool used;
	uint64_t now;
	int64_t wall_ahead;
} recorded;

void clock_set_recorded(uint64_t now, int64_t wall_ahead_ns)
{
	recorded.used = true;
	recorded.now = now;
	recorded.wall_ahead = wall_ahead_ns;
}

uint64_t monotonic_ns(void)
{
	return recorded.used ? recorded.now : clock_ns(CLOCK_MONOTONIC) - clock_offset_ns;
}

uint64_t wall_ns(uint64_t when)
{
	static int64_t
		ahead; /* of CLOCK_MONOTONIC; the clock may be set, so it is asked each time */
	uint64_t before = monotonic_ns(), wall = clock_ns(CLOCK_REALTIME), after = monotonic_ns();
	int64_t unsure = after - before + NOTICED; /* we may have been interrupted in between */
	int64_t now_ahead = wall - before;

	if (recorded.used)
		return when + recorded.wall_ahead;
	if (now_ahead > ahead + unsure || now_ahead < ahead - unsure)
		ahead = now_ahead;
	return when + ahead;
}
