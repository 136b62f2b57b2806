// SPDX-License-Identifier: GPL-2.0-only
#include "explain.h"

#include <string.h>

#include "terminal.h"

#define WIDTH_MAX  100 /* longer lines are hard to read */
#define WIDTH_ELSE 80  /* of what is no terminal: a pager, a file, a mail */
#define INDENT     2
#define NAME_WIDTH 22 /* of the longest verdict */

static int width_of(FILE *out)
{
	int width = terminal_width(out);

	if (!width)
		return WIDTH_ELSE;
	return width < WIDTH_MAX ? width : WIDTH_MAX;
}

static void bold(FILE *out, const char *words, int len)
{
	if (terminal_has_colors(out))
		fprintf(out, "\033[1m%.*s\033[0m", len, words);
	else
		fprintf(out, "%.*s", len, words);
}

static void heading(FILE *out, const char *words, int len)
{
	fputc('\n', out);
	bold(out, words, len);
	fputc('\n', out);
}

/* ---- pages ------------------------------------------------------------------------------- */

#define LINE_SIZE 4096 /* of a page: a paragraph */

static void wrapped(FILE *out, const char *words, int column, int indent)
{
	terminal_wrap_to(out, words, column, indent, width_of(out));
	fputc('\n', out);
}

/* The name of the verdict with which an item begins stands out. */
static void item(FILE *out, const char *words)
{
	int len = strcspn(words, ": ");

	fprintf(out, "%*s- ", INDENT, "");
	if (words[len] != ':')
		len = 0;
	bold(out, words, len);
	wrapped(out, words + len, INDENT + 2 + len, INDENT + 2);
}

/* One line of a page, of the kind before it; blocks of different kinds stand apart. */
static void line(FILE *out, const char *words, char before)
{
	bool first = before == '#' || before == '\n';

	if (!first && (*words != before || *words == ' ') && *words != '#')
		fputc('\n', out);
	switch (*words) {
	case '#':
		heading(out, words + 1, strlen(words + 1));
		break;
	case '-':
		item(out, words + 1);
		break;
	case '>':
		fprintf(out, "%*s%s\n", 2 * INDENT, "", words + 1);
		break;
	default:
		fprintf(out, "%*s", INDENT, "");
		wrapped(out, words + 1, INDENT, INDENT);
	}
}

static void page(FILE *out, const char *text)
{
	char words[LINE_SIZE], before = '\n';

	while (*text) {
		int len = strcspn(text, "\n");

		snprintf(words, sizeof(words), "%.*s", len, text);
		line(out, words, before);
		before = *words;
		text += len + 1;
	}
}

void explain_verdict(FILE *out, enum verdict verdict)
{
	const struct verdict_text *text = verdict_text(verdict);
	char words[512];

	bold(out, text->name, strlen(text->name));
	snprintf(words, sizeof(words), " (%s): %s", verdict_group_name(text->group), text->meaning);
	wrapped(out, words, strlen(text->name), INDENT);
	page(out, page_of(verdict));
}

/* ---- errors ------------------------------------------------------------------------------ */

void explain_error(FILE *out, const struct error_page *error)
{
	bold(out, error->title, strlen(error->title));
	fputc('\n', out);
	page(out, error->text);
	fputc('\n', out);
	wrapped(out,
		"tcpwhy -e -P PORT says which it is, when it happens again. tcpwhy explain VERDICT "
		"tells more of each.",
		0, 0);
}

/* ---- the list ---------------------------------------------------------------------------- */

static void list_verdicts(FILE *out)
{
	enum verdict_group group = GROUP_UNKNOWN;
	int column = INDENT + NAME_WIDTH + 2;

	for (int v = 0; v < VERDICT_COUNT; v++) {
		const struct verdict_text *text = verdict_text(v);
		const char *name = verdict_group_name(text->group);

		if (text->group != group || !v)
			heading(out, name, strlen(name));
		group = text->group;
		fprintf(out, "%*s%-*s  ", INDENT, "", NAME_WIDTH, text->name);
		wrapped(out, text->meaning, column, column);
	}
}

void explain_all(FILE *out)
{
	static const char errors[] = "error messages, also within a line of a log";
	const struct error_page *error;

	wrapped(out, "tcpwhy explain VERDICT or MESSAGE tells what is behind it:", 0, 0);
	list_verdicts(out);
	heading(out, errors, strlen(errors));
	for (size_t i = 0; (error = error_page(i)); i++)
		fprintf(out, "%*s%s\n", INDENT, "", error->title);
}
