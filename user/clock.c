// SPDX-License-Identifier: GPL-2.0-only
#include "clock.h"

#define NOTICED 50000 /* ns: less is no setting of the clock, but its rate being adjusted */

uint64_t wall_ns(uint64_t when)
{
	static int64_t
		ahead; /* of CLOCK_MONOTONIC; the clock may be set, so it is asked each time */
	uint64_t before = monotonic_ns(), wall = clock_ns(CLOCK_REALTIME), after = monotonic_ns();
	int64_t unsure = after - before + NOTICED; /* we may have been interrupted in between */
	int64_t now_ahead = wall - before;

	if (now_ahead > ahead + unsure || now_ahead < ahead - unsure)
		ahead = now_ahead;
	return when + ahead;
}
