/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tcpwhy explain: what a verdict means, and to which verdicts an error message may lead. It takes
 * neither privileges nor BTF.
 */
#ifndef TCPWHY_EXPLAIN_H
#define TCPWHY_EXPLAIN_H

#include <stdio.h>

#include "options.h"
#include "pages.h"

/* All but explain() itself take it that pages_load() has been called. */

/*
 * The verdict that is meant: text is its name in small or capital letters, with '-' or '_'; or a
 * line of tcpwhy's, which names one with a '-'. VERDICT_COUNT: none.
 */
enum verdict explain_find_verdict(const char *text);

/* The error whose message occurs in text, the longest one if there are several. NULL: none. */
const struct error_page *explain_find_error(const char *text);

/* The verdict whose name is least different from text. */
enum verdict explain_nearest(const char *text);

/* The page of a verdict. */
void explain_verdict(FILE *out, enum verdict verdict);

/* An error: what it is, and its candidates. */
void explain_error(FILE *out, const struct error_page *error);

/* All verdicts, with one line each, and the errors that are known. */
void explain_all(FILE *out);

/* What options->topic asks for, to stdout: all of it without one. An exit status, or -1 and *why.
 */
int explain(const struct options *options, struct failure *why);

#endif
