/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What to change, chosen by the verdict and its evidence: rows of advice.def, with the values of
 * this very connection. Where the evidence has no reason for any row there is none, and the
 * verdict's general remedy is all that can be said.
 */
#ifndef TCPWHY_ADVICE_H
#define TCPWHY_ADVICE_H

#include <stddef.h>

#include "verdict.h"

#define ADVICE_SIZE 512

struct advice {
	unsigned int row; /* of advice.def, from 0 */
	char text[ADVICE_SIZE];
};

#define ADVICE_MAX 2 /* for a death: for this end, and for the other one */

/* Fills advice for e, whose other end may be known or NULL. Returns how many there are. */
size_t advise(struct advice advice[ADVICE_MAX], const struct evidence *e, enum verdict verdict,
	      const struct evidence *other);

/* The rows there are, and their names, which are for tests. */
unsigned int advice_rows(void);
const char *advice_name(unsigned int row);

#endif
