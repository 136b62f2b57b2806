// SPDX-License-Identifier: GPL-2.0-only
#include "escape.h"

#include <stdio.h>
#include <string.h>

static void escape(char *out, size_t size, const char *s, size_t n, const char *special)
{
	size_t used = 0;

	for (size_t i = 0; i < n && s[i] && used + 5 <= size; i++) {
		unsigned char c = s[i];

		if (c > ' ' && c < 0x7f && !strchr(special, c))
			out[used++] = c;
		else
			used += snprintf(out + used, size - used, "\\x%02x", c);
	}
	out[used] = '\0';
}

void escape_text(char *out, size_t size, const char *s, size_t n)
{
	escape(out, size, s, n, "\\");
}

void escape_item(char *out, size_t size, const char *s, size_t n)
{
	escape(out, size, s, n, "\\=,[");
}
