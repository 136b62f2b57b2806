// SPDX-License-Identifier: GPL-2.0-only
#include "screen.h"

/* wattrset() as a function brings many others: user/static/unused.c */
#define NCURSES_WATTR_MACROS 1
#include <curses.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "array.h"
#include "top_layout.h"

static SCREEN *screen; /* NULL: not taken */
static bool utf8;      /* the terminal's encoding */

/* ---- taking it --------------------------------------------------------------------------- */

/* Only whether it is UTF-8 matters, which needs no file of the locale. */
static void choose_encoding(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	const char *locale = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(names) && (!locale || !*locale); i++)
		locale = getenv(names[i]);
	utf8 = locale && (strcasestr(locale, "UTF-8") || strcasestr(locale, "UTF8")) &&
	       setlocale(LC_CTYPE, "C.UTF-8");
}

/* In the order of enum verdict_group, as in render_text.c. */
static void start_colors(void)
{
	static const short colors[] = {
		[GROUP_ORDERLY] = COLOR_GREEN, [GROUP_HERE] = COLOR_YELLOW,
		[GROUP_RESET] = COLOR_RED,     [GROUP_SILENCE] = COLOR_MAGENTA,
		[GROUP_INCIDENT] = COLOR_CYAN, [GROUP_UNKNOWN] = COLOR_RED,
	};

	if (!has_colors() || start_color() != OK)
		return;
	use_default_colors();
	for (size_t group = 0; group < ARRAY_SIZE(colors); group++)
		init_pair(1 + group, colors[group], -1);
}

int screen_open(bool colors)
{
	choose_encoding();
	set_escdelay(25); /* ms: longer than the rest of an arrow key takes to come */
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return -1;
	cbreak();
	noecho();
	nonl();
	curs_set(0);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	if (colors)
		start_colors();
	return 0;
}

void screen_close(void)
{
	if (!screen)
		return;
	endwin();
	delscreen(screen);
	screen = NULL;
}

/* ---- drawing ----------------------------------------------------------------------------- */

static attr_t attributes(int style)
{
	switch (style) {
	case STYLE_HEAD:
		return A_BOLD | A_UNDERLINE;
	case STYLE_SELECTED:
		return A_REVERSE;
	case STYLE_STRONG:
		return A_BOLD;
	case STYLE_VERDICT + GROUP_UNKNOWN:
		return A_BOLD | COLOR_PAIR(1 + GROUP_UNKNOWN);
	default:
		return style < STYLE_VERDICT ? A_NORMAL : COLOR_PAIR(1 + style - STYLE_VERDICT);
	}
}

/* Names are escaped where they come from; what would act on the terminal all the same, does not. */
static void draw_text(void *ctx, int row, int column, int style, const char *text)
{
	(void)ctx;
	attrset(attributes(style));
	move(row, column);
	for (; *text; text++)
		addch((unsigned char)(*text >= ' ' && *text < 0x7f ? *text : '?'));
}

static void draw_bar(void *ctx, int row, int column, int level)
{
	static const char *const blocks[BAR_LEVELS + 1] = {
		" ", "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588",
	};
	static const char *const ascii[BAR_LEVELS + 1] = { " ", ".", ".", ":", ":",
							   "+", "*", "#", "#" };

	(void)ctx;
	attrset(A_NORMAL);
	mvaddstr(row, column, (utf8 ? blocks : ascii)[level]);
}

/* The size may have changed since the last time. */
static void follow_size(void)
{
	struct winsize size;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col &&
	    (size.ws_row != LINES || size.ws_col != COLS))
		resizeterm(size.ws_row, size.ws_col);
}

void screen_draw(struct top *t)
{
	struct canvas canvas = { .text = draw_text, .bar = draw_bar };

	if (!screen)
		return;
	follow_size();
	canvas.rows = LINES;
	canvas.columns = COLS;
	erase();
	top_draw(t, &canvas);
	refresh();
}

/* ---- keys -------------------------------------------------------------------------------- */

static int key_of(int code)
{
	static const struct {
		int code;
		enum top_key key;
	} keys[] = {
		{ KEY_UP, TOP_KEY_UP },
		{ KEY_DOWN, TOP_KEY_DOWN },
		{ KEY_PPAGE, TOP_KEY_PAGE_UP },
		{ KEY_NPAGE, TOP_KEY_PAGE_DOWN },
		{ KEY_HOME, TOP_KEY_HOME },
		{ KEY_END, TOP_KEY_END },
		{ KEY_ENTER, TOP_KEY_ENTER },
		{ '\r', TOP_KEY_ENTER },
		{ '\n', TOP_KEY_ENTER },
		{ '\033', TOP_KEY_ESCAPE },
		{ KEY_BACKSPACE, TOP_KEY_BACKSPACE },
		{ '\b', TOP_KEY_BACKSPACE },
		{ 0x7f, TOP_KEY_BACKSPACE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].code == code)
			return keys[i].key;
	return code >= ' ' && code < 0x7f ? code : TOP_KEY_NONE;
}

int screen_key(void)
{
	int code = screen ? getch() : ERR;

	return code == ERR ? -1 : key_of(code);
}
