// SPDX-License-Identifier: GPL-2.0-only
#include "failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "escape.h"

/* What was asked for is told again, whatever it is: it must not act on a terminal. */
static void make_harmless(char *text)
{
	size_t n = strlen(text), i = 0;

	while ((i += find_control(text + i, n - i)) < n)
		text[i] = '?';
}

int failed(struct failure *why, enum exit_status status, const char *format, ...)
{
	va_list args;

	why->status = status;
	va_start(args, format);
	vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	make_harmless(why->text);
	return -1;
}
