// SPDX-License-Identifier: GPL-2.0-only
#include "terminfo.h"

#include <curses.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <term.h> /* macros with everyday names, lines and columns among them */
#include <unistd.h>

#include "array.h"
#include "escape.h"
#include "xterm_terminfo.h" /* made by the Makefile */

#define TERM_MAX 64 /* bytes of its name that are quoted */

static int unknown_terminal(const char *term, struct failure *why)
{
	char name[ESCAPED_SIZE(TERM_MAX)];

	if (!term || !*term)
		return failed(why, EXIT_USAGE,
			      "top: TERM is not set, so it is not known how to draw on this "
			      "terminal: set it, for instance TERM=xterm; or take 'tcpwhy 1'");
	escape_text(name, sizeof(name), term, strnlen(term, TERM_MAX));
	return failed(
		why, EXIT_USAGE,
		"top: there is no terminfo entry for TERM=%s that can draw (in /etc/terminfo, "
		"/lib/terminfo, /usr/share/terminfo): set TERM to another, for instance "
		"xterm; or take 'tcpwhy 1'",
		name);
}

static bool can_draw(const char *term)
{
	bool can;
	int result;

	if (!term || !*term || setupterm(term, STDOUT_FILENO, &result) != OK)
		return false;
	can = cursor_address && clear_screen;
	del_curterm(cur_term);
	return can;
}

/*
 * Where there is no database, as in small containers, or not this entry: these understand what
 * xterm does. ncurses takes an entry from the environment, too.
 */
static bool use_built_in(const char *term)
{
	static const char *const alike[] = { "xterm", "screen", "tmux",     "rxvt",
					     "linux", "foot",   "alacritty" };

	for (size_t i = 0; term && i < ARRAY_SIZE(alike); i++)
		if (!strncmp(term, alike[i], strlen(alike[i])))
			return !setenv("TERMINFO", XTERM_TERMINFO, 1) &&
			       !setenv("TERM", "xterm", 1) && can_draw("xterm");
	return false;
}

/*
 * TERMINFO may hold the description itself; ncurses takes any bytes there, and frees some of a
 * damaged one twice. Directories are as good as who may write them. LINES and COLUMNS it believes,
 * too, however large; the terminal knows better.
 */
static void forget_what_ncurses_believes(void)
{
	const char *value = getenv("TERMINFO");

	if (value && (!strncmp(value, "hex:", 4) || !strncmp(value, "b64:", 4)))
		unsetenv("TERMINFO");
	unsetenv("LINES");
	unsetenv("COLUMNS");
}

int terminfo_check(struct failure *why)
{
	const char *term = getenv("TERM");

	forget_what_ncurses_believes();
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return failed(why, EXIT_USAGE,
			      "top needs a terminal, and %s is none; 'tcpwhy 1' writes counters to "
			      "pipes and files",
			      isatty(STDOUT_FILENO) ? "stdin" : "stdout");
	if (!can_draw(term) && !use_built_in(term))
		return unknown_terminal(term, why);
	return 0;
}
