// SPDX-License-Identifier: GPL-2.0-only
#include "json.h"

static void put(struct json *j, const char *text)
{
	fputs_unlocked(text, j->out);
}

static void begin(struct json *j, const char *name)
{
	if (j->follows)
		putc_unlocked(',', j->out);
	j->follows = true;
	if (!name)
		return;
	putc_unlocked('"', j->out);
	put(j, name);
	put(j, "\":");
}

void json_open(struct json *j, const char *name, char bracket)
{
	begin(j, name);
	putc_unlocked(bracket, j->out);
	j->follows = false;
}

void json_close(struct json *j, char bracket)
{
	putc_unlocked(bracket, j->out);
	j->follows = true;
}

void json_number(struct json *j, const char *name, uint64_t number)
{
	char digits[sizeof("18446744073709551615")];
	char *first = digits + sizeof(digits) - 1;

	*first = '\0';
	do {
		*--first = '0' + number % 10;
		number /= 10;
	} while (number);
	begin(j, name);
	put(j, first);
}

/* RFC 8259, section 7 */
void json_string(struct json *j, const char *name, const char *text)
{
	begin(j, name);
	putc_unlocked('"', j->out);
	for (; *text; text++) {
		unsigned char c = *text;

		if (c < ' ') {
			fprintf(j->out, "\\u%04x", c);
			continue;
		}
		if (c == '"' || c == '\\')
			putc_unlocked('\\', j->out);
		putc_unlocked(c, j->out);
	}
	putc_unlocked('"', j->out);
}
