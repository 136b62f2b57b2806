/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pages of docs/, which are in the binary: one for each verdict, one for each error message.
 *
 * A page is a text of lines, each of which begins with its kind: '#' a heading, ' ' a paragraph,
 * '-' an item, '>' a line of code. What decides between verdicts is an item "name: words".
 */
#ifndef TCPWHY_PAGES_H
#define TCPWHY_PAGES_H

#include <stddef.h>

#include "verdict.h"

/* An error as applications report it, and the verdicts that it may mean. */
struct error_page {
	const char *title;    /* "connection reset by peer" */
	const char *messages; /* texts that mean it, the title first, with '\t' between them */
	const char *text;     /* its items are verdicts, the most likely one first */
};

/* Unpacks them, before all that follows. 0, or -1: out of memory. */
int pages_load(void);

/* The page of the verdict, which must be below VERDICT_COUNT. */
const char *page_of(enum verdict verdict);

/* The pages of error messages, from 0; NULL after the last one. */
const struct error_page *error_page(size_t i);

#endif
