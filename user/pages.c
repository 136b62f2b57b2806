// SPDX-License-Identifier: GPL-2.0-only
#include "pages.h"

#include <string.h>

#include "packed.h"

#define ERRORS_MAX 64

static const char *pages[VERDICT_COUNT];
static struct error_page errors[ERRORS_MAX];
static size_t error_count;

/* Makes a string of the line. Returns the line that follows. */
static char *end_line(char *line)
{
	line += strcspn(line, "\n");
	*line = '\0';
	return line + 1;
}

/* Returns where its text begins. */
static char *start_page(char *name)
{
	char *text = end_line(name);

	for (int v = 0; v < VERDICT_COUNT; v++)
		if (!strcmp(verdict_text(v)->name, name))
			pages[v] = text;
	return text;
}

/* Likewise. */
static char *start_error(char *title)
{
	char *messages = end_line(title), *text = end_line(messages);

	if (error_count < ERRORS_MAX)
		errors[error_count++] = (struct error_page){ title, messages + 1, text };
	return text;
}

/* Each page is a string, which ends where the next one begins. */
static void split(char *text)
{
	for (char *line = text; *line;) {
		char kind = *line;

		if (kind == '@' || kind == '!')
			*line++ = '\0';
		if (kind == '@')
			line = start_page(line);
		else if (kind == '!')
			line = start_error(line);
		else
			line += strcspn(line, "\n") + 1;
	}
}

int pages_load(void)
{
	size_t size;
	char *text;

	if (error_count)
		return 0;
	text = unpack(PACKED_PAGES, &size); /* and kept */
	if (!text)
		return -1;
	split(text);
	return 0;
}

const char *page_of(enum verdict verdict)
{
	return pages[verdict];
}

const struct error_page *error_page(size_t i)
{
	return i < error_count ? &errors[i] : NULL;
}
