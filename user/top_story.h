/* SPDX-License-Identifier: GPL-2.0-only */
/* A death whole, as text for a screen. */
#ifndef TCPWHY_TOP_STORY_H
#define TCPWHY_TOP_STORY_H

#include "top.h"

/* Its line, what it means, what to do about it, and all that is known; wrapped to the columns.
 * Lines end in '\n'. The caller frees it. NULL: out of memory. */
char *top_story(const struct top_death *death, uint64_t since, int columns);

#endif
