/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Evidence waits here, in order and for some milliseconds at most, until it is complete:
 *
 * - Both ends of the connection may be on this host: then the other end's evidence comes within
 *   microseconds, and each line can name the other end.
 * - A connection that a packet or a timer ended has no known owner. If a process still holds the
 *   descriptor, a search tells which; if it has closed it already, the kernel tells.
 * - A reset after close may turn out to be late data: a second record then replaces the first.
 *
 * What has been handed over is remembered for a while, for the other ends that die later.
 */
#ifndef TCPWHY_SETTLE_H
#define TCPWHY_SETTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "verdict.h"

struct settle;

/*
 * Called for each piece of evidence when nothing more can be learnt about it; other is the other
 * end's evidence or NULL.
 */
typedef void (*settled_fn)(void *ctx, const struct evidence *e, const struct evidence *other);

/*
 * Called to search for the holders of sockets, WANTED_MAX at most: fills their owners, or leaves
 * them alone. May take its time, and gets rests accordingly.
 */
typedef void (*find_holders_fn)(void *ctx, struct wanted *wanted, size_t n);

/* find_holders may be NULL: then searches are made elsewhere, settle_searched(). NULL: out of
 * memory. */
struct settle *settle_new(settled_fn settled, find_holders_fn find_holders, void *ctx);
void settle_free(struct settle *s);

/*
 * Is it late data, which replaces what was added before it, or may late data replace it? Then it
 * must be added, whether it is to be shown or not.
 */
bool settle_may_replace(const struct evidence *e, enum verdict verdict);

/* Times are CLOCK_MONOTONIC in ns. */
void settle_add(struct settle *s, const struct evidence *e, uint64_t now);
void settle_closer(struct settle *s, uint64_t sock_id, const struct owner *owner);

/*
 * Searches for the owners that are missing: some of them, and not too often; with `all` for all
 * of them at once. Drain the capture once more after it.
 */
void settle_find_owners(struct settle *s, uint64_t now, int all);

/* Somebody else has searched, from `now` on, for all whose turn it was, and found these. */
void settle_searched(struct settle *s, uint64_t now, const struct wanted *found, size_t n);

/* Hands over what is complete or has waited long enough; everything with `all`. */
void settle_hand_over(struct settle *s, uint64_t now, int all);

/* The time of the first evidence that waits, UINT64_MAX if none does: what came before is handed
 * over. */
uint64_t settle_oldest(struct settle *s);

/* When a search, or to hand over, is due next; UINT64_MAX if nothing waits. */
uint64_t settle_due(struct settle *s);

#endif
