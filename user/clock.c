// SPDX-License-Identifier: GPL-2.0-only
#include "clock.h"

#define NOTICED                                                                                    \
	50000 /* ns: by less the two clocks only seem to part, as one is read after the other */

uint64_t wall_ns(uint64_t when)
{
	static int64_t
		ahead; /* of CLOCK_MONOTONIC; the clock may be set, so it is asked each time */
	int64_t now_ahead = clock_ns(CLOCK_REALTIME) - monotonic_ns();

	if (now_ahead > ahead + NOTICED || now_ahead < ahead - NOTICED)
		ahead = now_ahead;
	return when + ahead;
}
