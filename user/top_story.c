// SPDX-License-Identifier: GPL-2.0-only
#include "top_story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "render_story.h"
#include "render_text.h"
#include "terminal.h"

#define INDENT      2
#define FIELD_WIDTH 24 /* of the names */

static void write_paragraph(FILE *out, const char *head, const char *text, int columns)
{
	int column = fprintf(out, "%*s%s", INDENT, "", head);

	terminal_wrap_to(out, text, column, 2 * INDENT, columns);
	fputc('\n', out);
}

/* As a line of text tells it. */
static void write_line(FILE *out, const struct record *r, int columns)
{
	char *text = NULL;
	size_t len;
	FILE *line = open_memstream(&text, &len);

	if (!line)
		return;
	text_evidence(line, r->e, r->other);
	if (!fclose(line) && len)
		text[len - 1] = '\0'; /* the newline */
	write_paragraph(out, "", text, columns);
	free(text);
}

/* What stands above the fields already. */
static bool is_told(const char *field)
{
	return !strcmp(field, "words") || !strcmp(field, "remedy");
}

/* One field of the record; nothing if it is unknown. */
static void write_field(FILE *out, const struct record *r, unsigned int field, int columns)
{
	struct field_list list = { .fields = { field }, .n = 1 };
	char name[FIELD_WIDTH + INDENT + 64], *text = NULL;
	struct value value;
	size_t len;
	FILE *line;

	field_value(&value, field, r);
	line = value.kind == VALUE_NONE ? NULL : open_memstream(&text, &len);
	if (!line)
		return;
	text_fields(line, &list, r);
	if (!fclose(line) && len)
		text[len - 1] = '\0';
	snprintf(name, sizeof(name), "%-*s ", FIELD_WIDTH, field_name(field));
	write_paragraph(out, name, text, columns);
	free(text);
}

char *top_story(const struct top_death *death, uint64_t since, int columns)
{
	const struct verdict_text *verdict = verdict_text(death->verdict);
	const struct record r = {
		.e = &death->e,
		.other = death->has_other ? &death->other : NULL,
		.verdict = death->verdict,
	};
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	write_line(out, &r, columns);
	fputc('\n', out);
	text_timeline(out, &r, since, columns);
	fputc('\n', out);
	write_paragraph(out, "meaning: ", verdict->meaning, columns);
	text_fix(out, &r, columns);
	fprintf(out, "\n%*sevidence:\n", INDENT, "");
	for (unsigned int i = 0; i < field_count(); i++)
		if (!field_is_extra(i) && !is_told(field_name(i)))
			write_field(out, &r, i, columns);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
