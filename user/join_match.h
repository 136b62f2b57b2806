/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who is whose other end, among records of many hosts.
 *
 * As on one host (pair.h): addresses and ports mirrored, and sequence numbers that agree; times
 * play no part, so clocks may differ as they like. Of what is left, sequence numbers alone, since
 * NAT changes addresses and ports, and leaves them. That a stranger has such numbers is a matter of
 * chance; so two records are joined through NAT only if that chance, over all that were compared,
 * is less than one in ten thousand, and if there is no second candidate for either.
 */
#ifndef TCPWHY_JOIN_MATCH_H
#define TCPWHY_JOIN_MATCH_H

#include "join_read.h"

/*
 * Sets other and through_nat of the records; those that were joined stay as they are. *doubtful:
 * how many records had a candidate through NAT which may be a stranger. 0, or -1: out of memory.
 */
int join_match(struct join *join, uint64_t *doubtful);

#endif
