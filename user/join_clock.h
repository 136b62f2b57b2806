/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How far the hosts' clocks are apart, by the connections that died at both of them at about the
 * same time: an RST, or the last FIN, takes no longer than the way. The median of what their times
 * differ by is how far one clock is ahead of the other, less what the way takes; below 1 ms they
 * are the same.
 */
#ifndef TCPWHY_JOIN_CLOCK_H
#define TCPWHY_JOIN_CLOCK_H

#include "join_read.h"

/*
 * After join_match(): sets clock_ahead_ns, clock_samples and clock_known of the files, against the
 * first one, or by way of others. What nothing connects with it is not known, and counts as 0.
 * 0, or -1: out of memory.
 */
int join_clocks(struct join *join);

#endif
