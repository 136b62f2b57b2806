/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Are two pieces of evidence about the two ends of one connection?
 *
 * Addresses and ports are not enough: ports are used again, and namespaces may have equal
 * addresses. So the sequence numbers must agree too: what one end expects next lies in what the
 * other has sent and not seen acknowledged. For strangers that is as likely as guessing both.
 */
#ifndef TCPWHY_PAIR_H
#define TCPWHY_PAIR_H

#include <stdbool.h>

#include "evidence.h"

/* The same for both ends of a connection, IPv4 and IPv4-mapped alike. */
__u32 pair_hash(const struct tuple *t);

/* Can there be evidence of another end: is it about a connection, or about one segment of one? */
bool pair_possible(const struct evidence *e);

/* At least one of them must be a death; then both ends are, or one end and an incident at the
 * other. */
bool pair_matches(const struct evidence *a, const struct evidence *b);

/* The same by sequence numbers alone, where NAT may have changed addresses and ports. */
bool pair_numbers_match(const struct evidence *a, const struct evidence *b);

/* Do both have the same address and port of one of the two ends, so that NAT changed one at most?
 */
bool pair_shares_end(const struct tuple *a, const struct tuple *b);

/* Of one end: the same for IPv4 and IPv4-mapped addresses. */
__u32 pair_hash_local(const struct tuple *t);
__u32 pair_hash_remote(const struct tuple *t);

#endif
