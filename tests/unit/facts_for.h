/* SPDX-License-Identifier: GPL-2.0-only */
/* Some facts for any verdict, as chance gives them. After expect.h. */
#ifndef TCPWHY_FACTS_FOR_H
#define TCPWHY_FACTS_FOR_H

#include "expect.h"

static inline __u32 one_of(const __u32 *numbers, size_t n, __u64 *seed)
{
	*seed = *seed * 6364136223846793005 + 1442695040888963407;
	return numbers[(*seed >> 33) % n];
}

#define ONE_OF(seed, ...)                                                                          \
	one_of((const __u32[]){ __VA_ARGS__ }, ARRAY_SIZE(((__u32[]){ __VA_ARGS__ })), seed)

/* The first that chance gives. */
static inline struct facts facts_for(enum verdict verdict)
{
	__u64 seed = 1;

	for (long tries = 0; tries < 50000000; tries++) {
		struct facts f = {
			.event = ONE_OF(&seed, 1, 1, 1, 2, 3, 4, 5, 6, 7),
			.socket = ONE_OF(&seed, 0, 1, 2, 3),
			.state = ONE_OF(&seed, 1, 2, 4, 5, 7, 8, 9, 10),
			.shutdown = ONE_OF(&seed, 0, 3),
			.err = ONE_OF(&seed, 0, ERR_PIPE, ERR_CONNABORTED, ERR_CONNRESET,
				      ERR_TIMEDOUT, ERR_CONNREFUSED, ERR_PROTO, ERR_NOTCONN, 113),
			.err_soft = ONE_OF(&seed, 0, 113),
			.flags = ONE_OF(&seed, 0, 0, 1u << 31, ~0u, ~0u) ^
				 1u << ONE_OF(&seed, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9) ^
				 1u << ONE_OF(&seed, 0, 2, 6, 7, 9, 10, 11, 16, 17, 20, 22, 23, 26),
			.unread = ONE_OF(&seed, 0, 45),
			.unacked = ONE_OF(&seed, 0, 45),
			.unsent = ONE_OF(&seed, 0, 45),
			.snd_wnd = ONE_OF(&seed, 0, 65536),
			.user_timeout_ms = ONE_OF(&seed, 0, 3000),
			.heard_ms = ONE_OF(&seed, 0, 2000),
			.segs_in = ONE_OF(&seed, 0, 1),
			.segs_out = ONE_OF(&seed, 0, 1),
			.probes_out = ONE_OF(&seed, 0, 1),
			.bytes_received = ONE_OF(&seed, 0, 45),
		};

		if (classify(&f) == verdict)
			return f;
	}
	fail_msg("%s: no facts found", verdict_text(verdict)->name);
	return (struct facts){};
}

#endif
