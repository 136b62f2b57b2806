// SPDX-License-Identifier: GPL-2.0-only
#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static enum color_when colors = COLOR_AUTO;

void terminal_set_colors(enum color_when when)
{
	colors = when;
}

static bool is_set(const char *name)
{
	const char *value = getenv(name);

	return value && *value;
}

static bool is_dumb(void)
{
	const char *term = getenv("TERM");

	return !term || !strcmp(term, "dumb");
}

bool terminal_has_colors(FILE *out)
{
	if (colors != COLOR_AUTO)
		return colors == COLOR_ALWAYS;
	return isatty(fileno(out)) && !is_set("NO_COLOR") && !is_dumb();
}

int terminal_width(FILE *out)
{
	struct winsize size;

	return ioctl(fileno(out), TIOCGWINSZ, &size) ? 0 : size.ws_col;
}

void terminal_wrap(FILE *out, const char *words, int column, int indent)
{
	terminal_wrap_to(out, words, column, indent, terminal_width(out));
}

void terminal_wrap_to(FILE *out, const char *words, int column, int indent, int width)
{
	while (*words) {
		int len = strcspn(words, " "), blanks = strspn(words + len, " ");

		fwrite(words, 1, len, out);
		column += len;
		words += len + blanks;
		if (!*words)
			return;
		if (width && column + blanks + (int)strcspn(words, " ") > width) {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
		} else {
			fprintf(out, "%*s", blanks, "");
			column += blanks;
		}
	}
}
