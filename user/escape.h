/* SPDX-License-Identifier: GPL-2.0-only */
/* A process chooses its own name: whatever is in it must not act on a terminal or split a column.
 */
#ifndef TCPWHY_ESCAPE_H
#define TCPWHY_ESCAPE_H

#include <stddef.h>

/* Every byte of s (up to n, or its NUL) costs at most four in out. */
#define ESCAPED_SIZE(n) (4 * (n) + 1)

/* Copies with everything but visible ASCII as \xHH, the backslash too; cut to fit size. */
void escape_text(char *out, size_t size, const char *s, size_t n);

/* The same, and what would make it look like more than an item of "key=NAME[...],NAME[...]". */
void escape_item(char *out, size_t size, const char *s, size_t n);

/* Where the first byte is that acts on a terminal (C0, DEL, and C1, in UTF-8 or not); n: none does.
 */
size_t find_control(const char *s, size_t n);

/*
 * For JSON: valid UTF-8 that can be seen is copied; each byte of anything else is \xHH, and so is
 * the backslash. So every \xHH stands for one byte, and what is copied for itself.
 */
void escape_utf8(char *out, size_t size, const char *s, size_t n);

#endif
