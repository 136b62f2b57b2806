// SPDX-License-Identifier: GPL-2.0-only
#include "render_story.h"

#include <inttypes.h>
#include <string.h>

#include "advice.h"
#include "terminal.h"
#include "timeline.h"

#define TIME_WIDTH 12 /* as wide as a time of day */
#define WHAT_WIDTH 7
#define WORDS_AT   (TIME_WIDTH + 4 + WHAT_WIDTH + 1)
#define FIX_INDENT 14 /* as the words of a line that are beneath it */
#define WORDS_SIZE 1024
#define NS_PER_MS  1000000

static uint64_t first_time(const struct step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (steps[i].dated)
			return steps[i].time_ns;
	return 0;
}

static void text_step(FILE *out, const struct step *step, uint64_t first, int columns)
{
	static const char *const arrows[] = {
		[WAY_NONE] = "  ", [WAY_OUT] = "->", [WAY_IN] = "<-"
	};
	char when[32] = "", what[STEP_WHAT_SIZE], words[WORDS_SIZE];
	uint64_t ms = step->dated ? (step->time_ns - first + NS_PER_MS / 2) / NS_PER_MS : 0;
	int column;

	if (step->dated)
		snprintf(when, sizeof(when), "+%" PRIu64 ".%03us", ms / 1000,
			 (unsigned int)(ms % 1000));
	step_what(what, step);
	step_words(words, sizeof(words), step);
	column = fprintf(out, "%*s %s", TIME_WIDTH, when, arrows[step->way]);
	if (*what || *words)
		column += fprintf(out, *words ? " %-*s " : " %*s", *words ? WHAT_WIDTH : 0, what);
	terminal_wrap_to(out, words, column, WORDS_AT, columns);
	fputc('\n', out);
}

/* The one step of what is no connection's end says no more than the line does. */
static bool says_more(const struct step *steps, size_t n)
{
	return n > 1 || steps[0].kind != STEP_END;
}

void text_timeline(FILE *out, const struct record *r, uint64_t since, int columns)
{
	struct step steps[TIMELINE_MAX];
	size_t n = timeline(steps, r->e, r->other, since);

	if (!says_more(steps, n))
		return;
	for (size_t i = 0; i < n; i++)
		text_step(out, &steps[i], first_time(steps, n), columns);
}

static void text_fix_line(FILE *out, const char *words, int columns)
{
	int column = fprintf(out, "%*sfix: ", FIX_INDENT, "");

	terminal_wrap_to(out, words, column, column, columns);
	fputc('\n', out);
}

void text_fix(FILE *out, const struct record *r, int columns)
{
	const char *remedy = verdict_text(r->verdict)->remedy;
	struct advice advice[ADVICE_MAX];
	size_t n = advise(advice, r->e, r->verdict, r->other);

	for (size_t i = 0; i < n; i++)
		text_fix_line(out, advice[i].text, columns);
	if (!n && *remedy)
		text_fix_line(out, remedy, columns);
}
