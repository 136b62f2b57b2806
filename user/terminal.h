/* SPDX-License-Identifier: GPL-2.0-only */
/* What a stream is written to: a terminal with colours and a width, or something that has neither.
 */
#ifndef TCPWHY_TERMINAL_H
#define TCPWHY_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

enum color_when {
	COLOR_AUTO, /* on terminals, unless NO_COLOR is set (no-color.org) or TERM is "dumb" */
	COLOR_ALWAYS,
	COLOR_NEVER,
};

/* What terminal_has_colors() goes by from now on; COLOR_AUTO before. */
void terminal_set_colors(enum color_when when);

bool terminal_has_colors(FILE *out);

/* Lines, at this moment; 0 if it is no terminal. */
int terminal_height(FILE *out);

/* Columns, at this moment; 0 if it is no terminal: then nothing is wrapped. */
int terminal_width(FILE *out);

/*
 * Writes words that begin in the given column (from 0), wrapped between words where the terminal
 * ends; further lines are indented. Without a terminal it writes them as they are.
 * Returns how many further lines there are.
 */
int terminal_wrap(FILE *out, const char *words, int column, int indent);

/* The same to a width of columns, whatever is written to; 0: as they are. */
int terminal_wrap_to(FILE *out, const char *words, int column, int indent, int width);

#endif
