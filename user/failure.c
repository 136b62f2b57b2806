// SPDX-License-Identifier: GPL-2.0-only
#include "failure.h"

#include <stdarg.h>
#include <stdio.h>

/* What was asked for is told again, whatever it is: it must not act on a terminal. C0, C1, DEL. */
static void make_harmless(char *text)
{
	unsigned char before = 0, c;

	for (; *text; before = *text++) {
		c = *text;
		if (c < ' ' || c == 0x7f ||
		    (c >= 0x80 && c < 0xa0 && (before < 0x80 || before == 0xc2)))
			*text = '?';
	}
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
