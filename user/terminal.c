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

/* Of a standard stream it is asked once: each line would ask three times. */
static bool is_terminal(FILE *out)
{
	static enum { UNKNOWN, NO, YES } known[3];
	int fd = fileno(out);

	if (fd < 0 || fd >= 3)
		return isatty(fd);
	if (known[fd] == UNKNOWN)
		known[fd] = isatty(fd) ? YES : NO;
	return known[fd] == YES;
}

bool terminal_has_colors(FILE *out)
{
	if (colors != COLOR_AUTO)
		return colors == COLOR_ALWAYS;
	return is_terminal(out) && !is_set("NO_COLOR") && !is_dumb();
}

int terminal_height(FILE *out)
{
	struct winsize size;

	return ioctl(fileno(out), TIOCGWINSZ, &size) ? 0 : size.ws_row;
}

int terminal_width(FILE *out)
{
	struct winsize size;

	if (!is_terminal(out) || ioctl(fileno(out), TIOCGWINSZ, &size))
		return 0;
	return size.ws_col;
}

int terminal_wrap(FILE *out, const char *words, int column, int indent)
{
	return terminal_wrap_to(out, words, column, indent, terminal_width(out));
}

int terminal_wrap_to(FILE *out, const char *words, int column, int indent, int width)
{
	int further = 0;

	if (!width) {
		fputs(words, out);
		return 0;
	}
	while (*words) {
		int len = strcspn(words, " "), blanks = strspn(words + len, " ");

		fwrite(words, 1, len, out);
		column += len;
		words += len + blanks;
		if (!*words)
			break;
		if (column + blanks + (int)strcspn(words, " ") > width) {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
			further++;
		} else {
			fprintf(out, "%*s", blanks, "");
			column += blanks;
		}
	}
	return further;
}
