// SPDX-License-Identifier: GPL-2.0-only
#include "escape.h"

#include <stdio.h>

void escape_text(char *out, size_t size, const char *s, size_t n)
{
	size_t used = 0;

	for (size_t i = 0; i < n && s[i] && used + 5 <= size; i++) {
		unsigned char c = s[i];

		if (c > ' ' && c < 0x7f && c != '\\')
			out[used++] = c;
		else
			used += snprintf(out + used, size - used, "\\x%02x", c);
	}
	out[used] = '\0';
}
