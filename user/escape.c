// SPDX-License-Identifier: GPL-2.0-only
#include "escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "array.h"

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

size_t find_control(const char *s, size_t n)
{
	unsigned char before = 0, c;
	size_t i;

	for (i = 0; i < n; i++, before = c) {
		c = s[i];
		if (c < ' ' || c == 0x7f ||
		    (c >= 0x80 && c < 0xa0 && (before < 0x80 || before == 0xc2)))
			break;
	}
	return i;
}

/* The length of the character that s begins with, and the character; 0 if it is not valid UTF-8.
 * RFC 3629 */
static size_t read_utf8(const unsigned char *s, size_t n, uint32_t *c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = s[0] < 0x80       ? 1
		     : s[0] >> 5 == 6  ? 2
		     : s[0] >> 4 == 14 ? 3
		     : s[0] >> 3 == 30 ? 4
				       : 0;

	if (!len || len > n)
		return 0;
	*c = len == 1 ? s[0] : s[0] & (0x7f >> len);
	for (size_t i = 1; i < len; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		*c = *c << 6 | (s[i] & 0x3f);
	}
	if (*c < least[len] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000))
		return 0;
	return len;
}

/* Does it act on a terminal, end a line, or turn or hide what stands beside it? */
static bool is_unseen(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} unseen[] = {
		{ 0, 0x1f },        { 0x7f, 0x9f },       { 0xad, 0xad },     { 0x61c, 0x61c },
		{ 0x200b, 0x200f }, { 0x2028, 0x202e },   { 0x2060, 0x206f }, { 0xfeff, 0xfeff },
		{ 0xfff9, 0xfffb }, { 0xe0000, 0xe0fff },
	};

	for (size_t i = 0; i < ARRAY_SIZE(unseen); i++)
		if (c >= unseen[i].first && c <= unseen[i].last)
			return true;
	return false;
}

void escape_utf8(char *out, size_t size, const char *s, size_t n)
{
	const unsigned char *bytes = (const unsigned char *)s;
	size_t used = 0, len;
	uint32_t c;

	for (size_t i = 0; i < n && s[i] && used + 5 <= size; i += len) {
		len = read_utf8(bytes + i, n - i, &c);
		if (len && c != '\\' && !is_unseen(c)) {
			memcpy(out + used, s + i, len);
			used += len;
			continue;
		}
		len = 1;
		used += snprintf(out + used, size - used, "\\x%02x", bytes[i]);
	}
	out[used] = '\0';
}
