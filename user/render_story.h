/* SPDX-License-Identifier: GPL-2.0-only */
/* The story of a death as lines beneath its own: a timeline with arrows, and what to do. */
#ifndef TCPWHY_RENDER_STORY_H
#define TCPWHY_RENDER_STORY_H

#include <stdint.h>
#include <stdio.h>

#include "fields.h"

/*
 * A line for each step: seconds since the first one whose time is known, an arrow for what was sent
 * or received, what that was, and words. since: when the watch began, CLOCK_MONOTONIC in ns; 0:
 * not known. Lines are wrapped at so many columns; 0: not.
 */
void text_timeline(FILE *out, const struct record *r, uint64_t since, int columns);

/* "fix: " and the advice for it, or else the verdict's remedy; nothing if there is none. */
void text_fix(FILE *out, const struct record *r, int columns);

#endif
