/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers as a person writes them: digits only, no sign, no blank, nothing behind them. */
#ifndef TCPWHY_NUMBER_H
#define TCPWHY_NUMBER_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* 0, or -1 if it is no number or beyond the limits. */
static inline int parse_whole(uint64_t *value, const char *text, uint64_t min, uint64_t max)
{
	char *end;

	if (!*text || strspn(text, "0123456789") != strlen(text))
		return -1;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno || *end || *value < min || *value > max ? -1 : 0;
}

static inline int parse_seconds(uint64_t *ns, const char *text)
{
	double seconds;
	char *end;

	if (!*text || strspn(text, "0123456789.") != strlen(text))
		return -1;
	seconds = strtod(text, &end);
	if (*end || seconds < 0.01 || seconds > 1e9)
		return -1;
	*ns = seconds * 1e9;
	return 0;
}

#endif
