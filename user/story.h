/* SPDX-License-Identifier: GPL-2.0-only */
/* The evidence in words: what was seen that decided the verdict, never more than that. */
#ifndef TCPWHY_STORY_H
#define TCPWHY_STORY_H

#include <stddef.h>

#include "verdict.h"

/* Writes one line without a newline, cut to fit size. */
void story_words(char *out, size_t size, const struct evidence *e, enum verdict verdict);

/* The name of a TCP state, "?" if it has none. */
const char *state_name(__u8 state);

#endif
