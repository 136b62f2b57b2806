/* SPDX-License-Identifier: GPL-2.0-only */
/* Is there a terminal, and does terminfo know how to draw on it? */
#ifndef TCPWHY_TERMINFO_H
#define TCPWHY_TERMINFO_H

#include "failure.h"

/*
 * Of stdin and stdout, and TERM. Nothing is written. Where the entry is missing, TERM and TERMINFO
 * may be set to one that is built in. 0, or -1 and *why.
 */
int terminfo_check(struct failure *why);

#endif
