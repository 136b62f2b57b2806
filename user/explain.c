// SPDX-License-Identifier: GPL-2.0-only
#include "explain.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* ---- verdicts ---------------------------------------------------------------------------- */

static bool same_letter(char a, char b)
{
	return tolower((unsigned char)a) == b || (a == '_' && b == '-');
}

static bool begins_with_name(const char *text, const char *name)
{
	while (*name && same_letter(*text, *name)) {
		text++;
		name++;
	}
	return !*name;
}

/* May a word begin or end beside it? */
static bool is_outside(char c)
{
	return !isalnum((unsigned char)c) && c != '-' && c != '_';
}

/* Names without '-' are words of English too, so they count only if there is nothing else. */
static enum verdict verdict_within(const char *text)
{
	for (const char *at = text; *at; at++) {
		if (at > text && !is_outside(at[-1]))
			continue;
		for (int v = 0; v < VERDICT_COUNT; v++) {
			const char *name = verdict_text(v)->name;

			if (strchr(name, '-') && begins_with_name(at, name) &&
			    is_outside(at[strlen(name)]))
				return v;
		}
	}
	return VERDICT_COUNT;
}

enum verdict explain_find_verdict(const char *text)
{
	for (int v = 0; v < VERDICT_COUNT; v++) {
		const char *name = verdict_text(v)->name;

		if (strlen(text) == strlen(name) && begins_with_name(text, name))
			return v;
	}
	return verdict_within(text);
}

/* ---- errors ------------------------------------------------------------------------------ */

/* Letters and digits next to the message would make it another word: "EOF" is not in "geoffrey". */
static bool occurs(const char *text, const char *message)
{
	size_t len = strlen(message);

	for (const char *at = text; (at = strcasestr(at, message)); at++) {
		bool begins = at == text || !isalnum((unsigned char)at[-1]) ||
			      !isalnum((unsigned char)*message);
		bool ends = !isalnum((unsigned char)at[len]) ||
			    !isalnum((unsigned char)message[len - 1]);

		if (begins && ends)
			return true;
	}
	return false;
}

#define MESSAGE_SIZE 128 /* the longest one of docs/errors.md is shorter */

/* The length of the longest message of the error that occurs in text; 0: none. */
static size_t longest_within(const struct error_page *error, const char *text)
{
	char message[MESSAGE_SIZE];
	size_t longest = 0;

	for (const char *at = error->messages; *at;) {
		size_t len = strcspn(at, "\t");

		snprintf(message, sizeof(message), "%.*s", (int)len, at);
		if (len > longest && occurs(text, message))
			longest = len;
		at += len + (at[len] == '\t');
	}
	return longest;
}

const struct error_page *explain_find_error(const char *text)
{
	const struct error_page *found = NULL, *error;
	size_t longest = 0;

	for (size_t i = 0; (error = error_page(i)); i++) {
		size_t len = longest_within(error, text);

		if (len > longest) {
			longest = len;
			found = error;
		}
	}
	return found;
}

/* ---- what is neither --------------------------------------------------------------------- */

#define NAME_MAX_LEN 40 /* of a verdict's name, and of a text that is taken for one */

/* Levenshtein's distance: how many letters must be put in, left out or replaced. */
static unsigned int distance(const char *text, const char *name)
{
	unsigned int row[NAME_MAX_LEN + 1], len = strlen(name);

	for (unsigned int i = 0; i <= len; i++)
		row[i] = i;
	for (unsigned int n = 1; *text && n <= NAME_MAX_LEN; n++, text++) {
		unsigned int diagonal = row[0];

		row[0] = n;
		for (unsigned int i = 1; i <= len; i++) {
			unsigned int best = diagonal + !same_letter(*text, name[i - 1]);

			diagonal = row[i];
			if (row[i] + 1 < best)
				best = row[i] + 1;
			if (row[i - 1] + 1 < best)
				best = row[i - 1] + 1;
			row[i] = best;
		}
	}
	return row[len];
}

enum verdict explain_nearest(const char *text)
{
	enum verdict nearest = 0;

	for (int v = 1; v < VERDICT_COUNT; v++)
		if (distance(text, verdict_text(v)->name) <
		    distance(text, verdict_text(nearest)->name))
			nearest = v;
	return nearest;
}

/* "connection reset by peer, broken pipe, ..." */
static void format_titles(char *out, size_t size)
{
	const struct error_page *error;
	size_t used = 0;

	for (size_t i = 0; (error = error_page(i)) && used < size; i++)
		used += snprintf(out + used, size - used, "%s%s", i ? ", " : "", error->title);
}

static int not_known(const char *text, struct failure *why)
{
	char titles[sizeof(why->text)];

	format_titles(titles, sizeof(titles));
	return failed(why, EXIT_USAGE,
		      "knows neither a verdict nor an error message '%.100s'; the nearest verdict "
		      "is %s (--verdicts lists all), messages are, also within a line of a log: %s",
		      text, verdict_text(explain_nearest(text))->name, titles);
}

/* ---- all of it --------------------------------------------------------------------------- */

int explain(const struct options *options, struct failure *why)
{
	const char *topic = options->topic;
	enum verdict verdict = explain_find_verdict(topic);
	const struct error_page *error;

	if (pages_load())
		return failed(why, EXIT_FAILED, "out of memory");
	error = explain_find_error(topic);
	if (!*topic)
		explain_all(stdout);
	else if (verdict != VERDICT_COUNT)
		explain_verdict(stdout, verdict);
	else if (error)
		explain_error(stdout, error);
	else
		return not_known(topic, why);
	if (fflush(stdout) || ferror(stdout))
		return failed(why, EXIT_OUTPUT, "cannot write to stdout: %s", strerror(errno));
	return EXIT_OK;
}
