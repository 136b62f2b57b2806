/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A limit to the lines of each verdict within a second. What is beyond it is withheld, and said in
 * sum when the second is over: so a storm can be read, and costs little. A second begins with the
 * first line after the one before.
 */
#ifndef TCPWHY_LIMIT_H
#define TCPWHY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "tally.h"
#include "verdict.h"

struct limit;

/*
 * Called for each verdict of which something was withheld in the second up to `until`: n of it, and
 * whose they were, as far as that is known.
 */
typedef void (*withheld_fn)(void *ctx, uint64_t until, enum verdict verdict, uint64_t n,
			    const struct tally *tally);

/* Lines of a verdict in a second; 0 = no limit. NULL: out of memory. */
struct limit *limit_new(uint64_t lines, withheld_fn withheld, void *ctx);
void limit_free(struct limit *limit);

/*
 * Something that is worth a line has happened, n times at once, at `time` (CLOCK_MONOTONIC, ns, as
 * all here). May it have one? If not, it is withheld. Says of the second before what it has to, if
 * that is over.
 */
bool limit_allows(struct limit *limit, uint64_t time, enum verdict verdict,
		  const struct owner *owner, uint64_t n);

/* So many more have happened, of which nothing else is known: they are withheld. */
void limit_add(struct limit *limit, uint64_t time, enum verdict verdict, uint64_t n);

/* Says what was withheld, if the second is over. */
void limit_end_second(struct limit *limit, uint64_t now);

/* When limit_end_second() has something to say; UINT64_MAX if nothing was withheld. */
uint64_t limit_due(const struct limit *limit);

#endif
