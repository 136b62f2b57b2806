// SPDX-License-Identifier: GPL-2.0-only
/* tcpwhy explain: the pages, what is found by which text, and how it is shown. */
#include "expect.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "explain.h"
#include "terminal.h"

/* ---- the pages --------------------------------------------------------------------------- */

static const char *const sections[] = {
	"What happened", "What the applications see",          "How to confirm",
	"How to fix",    "How to tell it from its neighbours",
};

/* The verdict whose name stands before the ':' of an item; VERDICT_COUNT: none. */
static enum verdict verdict_of_item(const char *item)
{
	size_t len = strcspn(item, ":\n");

	for (int v = 0; v < VERDICT_COUNT; v++)
		if (item[len] == ':' && strlen(verdict_text(v)->name) == len &&
		    !strncmp(item, verdict_text(v)->name, len))
			return v;
	return VERDICT_COUNT;
}

/* The next item of a text; NULL after the last one. */
static const char *next_item(const char *text)
{
	const char *item = strstr(text, "\n-");

	return item ? item + 2 : NULL;
}

static void every_verdict_has_all_sections(void **state)
{
	(void)state;
	for (int v = 0; v < VERDICT_COUNT; v++) {
		const char *at = page_of(v);
		char heading[64];

		if (!at)
			fail_msg("%s: no page", verdict_text(v)->name);
		for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
			snprintf(heading, sizeof(heading), "#%s\n", sections[i]);
			at = strstr(at, heading);
			if (!at)
				fail_msg("%s: no '%s' in its place", verdict_text(v)->name,
					 sections[i]);
			at += strlen(heading);
			if (!*at || *at == '#')
				fail_msg("%s: '%s' is empty", verdict_text(v)->name, sections[i]);
		}
	}
}

/* And are others than itself. */
static void neighbours_of_every_verdict_are_verdicts(void **state)
{
	(void)state;
	for (int v = 0; v < VERDICT_COUNT; v++) {
		const char *item = strstr(page_of(v), sections[4]);
		int n = 0;

		for (; (item = next_item(item)); n++) {
			enum verdict neighbour = verdict_of_item(item);

			if (neighbour == VERDICT_COUNT || neighbour == (enum verdict)v)
				fail_msg("%s: neighbour seen: '%.40s', expected: another verdict",
					 verdict_text(v)->name, item);
		}
		if (n < 2)
			fail_msg("%s: %d neighbours seen, expected: 2 at least",
				 verdict_text(v)->name, n);
	}
}

static void candidates_of_every_error_are_verdicts(void **state)
{
	const struct error_page *error;

	(void)state;
	for (size_t i = 0; (error = error_page(i)); i++) {
		const char *item = error->text;

		assert_non_null(next_item(item));
		while ((item = next_item(item)))
			if (verdict_of_item(item) == VERDICT_COUNT)
				fail_msg("%s: candidate seen: '%.40s', expected: a verdict",
					 error->title, item);
	}
}

/* ---- what is found ----------------------------------------------------------------------- */

static void expect_error_at(const char *text, const char *title, int line)
{
	const struct error_page *error = explain_find_error(text);
	const char *seen = error ? error->title : "none";

	if (!strcmp(seen, title))
		return;
	print_error("of '%s': seen: '%s', expected: '%s'\n", text, seen, title);
	_fail(__FILE__, line);
}

#define expect_error(text, title) expect_error_at(text, title, __LINE__)

/* Alone, in capitals, and in the middle of a line. */
static void every_message_finds_its_error(void **state)
{
	const struct error_page *error;
	char text[256];

	(void)state;
	for (size_t i = 0; (error = error_page(i)); i++) {
		const char *at = error->messages;

		for (int len; *at; at += len + (at[len] == '\t')) {
			len = strcspn(at, "\t");
			snprintf(text, sizeof(text), "%.*s", len, at);
			expect_error(text, error->title);
			for (char *c = text; *c; c++)
				*c = toupper((unsigned char)*c);
			expect_error(text, error->title);
			snprintf(text, sizeof(text), "E: '%.*s', client 10.0.0.1", len, at);
			expect_error(text, error->title);
		}
	}
}

/* What perror() says, and the name. */
static void errors_are_found_by_what_the_c_library_calls_them(void **state)
{
	static const struct {
		int err;
		const char *title;
	} known[] = {
		{ ECONNRESET, "connection reset by peer" },
		{ EPIPE, "broken pipe" },
		{ ETIMEDOUT, "connection timed out" },
		{ ECONNREFUSED, "connection refused" },
		{ EHOSTUNREACH, "no route to host" },
		{ ENETUNREACH, "network is unreachable" },
		{ EADDRNOTAVAIL, "cannot assign requested address" },
		{ EADDRINUSE, "address already in use" },
		{ EBADF, "bad file descriptor" },
		{ ENOTCONN, "transport endpoint is not connected" },
		{ ECONNABORTED, "software caused connection abort" },
		{ EPROTO, "protocol error" },
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		snprintf(text, sizeof(text), "server: send: %s", strerror(known[i].err));
		expect_error(text, known[i].title);
		expect_error(strerrorname_np(known[i].err), known[i].title);
		snprintf(text, sizeof(text), "OSError: [Errno %d] ?", known[i].err);
		expect_error(text, known[i].title);
	}
}

/* As they stand in logs. */
static void errors_are_found_in_lines_of_logs(void **state)
{
	static const struct {
		const char *line, *title;
	} lines[] = {
		{ "read tcp 10.0.0.5:59722->10.0.0.9:3306: read: connection reset by peer",
		  "connection reset by peer" },
		{ "java.net.SocketException: Connection reset", "connection reset by peer" },
		{ "Error: connect ECONNRESET 127.0.0.1:7000", "connection reset while connecting" },
		{ "dial tcp 127.0.0.1:7000: connect: connection reset by peer",
		  "connection reset while connecting" },
		{ "[mysql] 2026/01/02 packets.go:36: unexpected EOF", "unexpected EOF" },
		{ "Get \"http://127.0.0.1:7000/\": EOF", "EOF" },
		{ "client_loop: send disconnect: Broken pipe", "broken pipe" },
		{ "dial tcp 10.0.0.2:7000: connect: connection timed out",
		  "connection timed out while connecting" },
		{ "java.net.ConnectException: Connection timed out",
		  "connection timed out while connecting" },
		{ "java.net.SocketException: Connection timed out", "connection timed out" },
		{ "java.net.SocketTimeoutException: Read timed out", "i/o timeout" },
		{ "curl: (28) Connection timed out after 1001 milliseconds", "i/o timeout" },
		{ "7#7: *1 upstream timed out (110: Connection timed out) while connecting to "
		  "upstream, client: 10.0.0.1",
		  "i/o timeout" },
		{ "7#7: *1 upstream prematurely closed connection while reading response header "
		  "from upstream",
		  "upstream prematurely closed connection" },
		{ "7#7: *1 recv() failed (104: Connection reset by peer) while reading response "
		  "header from upstream",
		  "connection reset by peer" },
		{ "ERROR 2013 (HY000): Lost connection to MySQL server during query",
		  "Lost connection to MySQL server during query" },
		{ "curl: (52) Empty reply from server", "socket hang up" },
		{ "http.client.RemoteDisconnected: Remote end closed connection without response",
		  "socket hang up" },
		{ "curl: (18) transfer closed with 96 bytes remaining to read", "unexpected EOF" },
		{ "use of closed network connection", "bad file descriptor" },
		{ "TCP: request_sock_TCP: Possible SYN flooding on port 0.0.0.0:80. Sending "
		  "cookies.",
		  "possible SYN flooding" },
		{ "the geoffrey of the eofs", "none" },
		{ "errno 1045", "none" },
		{ "", "none" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		expect_error(lines[i].line, lines[i].title);
}

static void expect_found(const char *text, enum verdict expected)
{
	enum verdict seen = explain_find_verdict(text);

	if (seen != expected)
		fail_msg("of '%s': seen: %s, expected: %s", text,
			 seen == VERDICT_COUNT ? "none" : verdict_text(seen)->name,
			 expected == VERDICT_COUNT ? "none" : verdict_text(expected)->name);
}

static void verdicts_are_found_by_name(void **state)
{
	(void)state;
	for (int v = 0; v < VERDICT_COUNT; v++)
		expect_found(verdict_text(v)->name, v);
	expect_found("UNREAD_data", VERDICT_unread_data);
	expect_found("10:31:07.412  half-closed-reuse  go-app[4121]  a -> b  ...; other end: "
		     "redis[1] late-data-time-wait",
		     VERDICT_half_closed_reuse);
	expect_found("(late-data)", VERDICT_late_data);
	expect_found("connection refused", VERDICT_COUNT); /* refused is a verdict, too */
	expect_found("unread-data-x", VERDICT_COUNT);
	expect_found("", VERDICT_COUNT);
}

static void nearest_verdict_is_named(void **state)
{
	char endless[5000];

	(void)state;
	expect_number(explain_nearest("unread-dta"), VERDICT_unread_data);
	expect_number(explain_nearest("lingerzero"), VERDICT_linger_zero);
	expect_number(explain_nearest("acept-overflw"), VERDICT_accept_overflow);
	expect_number(explain_nearest("Refuse"), VERDICT_refused);
	memset(endless, 'x', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = '\0';
	expect_at_most(explain_nearest(endless), VERDICT_COUNT - 1);
}

/* ---- how it is shown --------------------------------------------------------------------- */

/* Until the next call. */
static char *shown(enum verdict verdict)
{
	static char text[32768];
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_non_null(out);
	explain_verdict(out, verdict);
	fclose(out);
	return text;
}

/* But commands, which are not broken. */
static void pages_are_wrapped_to_80_columns(void **state)
{
	(void)state;
	for (int v = 0; v < VERDICT_COUNT; v++) {
		char *text = shown(v);

		for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
			if (strlen(line) > 80 && strncmp(line, "    ", 4))
				fail_msg("%s: %zu columns seen, expected: 80 at most: '%s'",
					 verdict_text(v)->name, strlen(line), line);
	}
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '-';
}

/* The letters of the page, without the kinds of its lines, are those of the text from seen on. */
static void expect_letters(const char *seen, const char *page, enum verdict verdict)
{
	bool begins = true;

	for (; *page; page++) {
		bool kind = begins;

		begins = *page == '\n';
		if (kind || is_blank(*page))
			continue;
		while (is_blank(*seen))
			seen++;
		if (*seen++ != *page)
			fail_msg("%s: seen: '%.30s', expected: '%.30s'",
				 verdict_text(verdict)->name, seen - 1, page);
	}
}

static void pages_are_shown_whole(void **state)
{
	(void)state;
	for (int v = 0; v < VERDICT_COUNT; v++) {
		char *text = shown(v);
		const char *page = strstr(text, "\nWhat happened\n");

		assert_non_null(page);
		expect_letters(page, page_of(v), v);
	}
}

static void headings_are_bold_where_colors_are_on(void **state)
{
	char *text;

	(void)state;
	text = shown(VERDICT_refused);
	expect_no_part(text, "\033");
	terminal_set_colors(COLOR_ALWAYS);
	text = shown(VERDICT_refused);
	terminal_set_colors(COLOR_AUTO);
	expect_part(text, "\n\033[1mHow to fix\033[0m\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_verdict_has_all_sections),
		cmocka_unit_test(neighbours_of_every_verdict_are_verdicts),
		cmocka_unit_test(candidates_of_every_error_are_verdicts),
		cmocka_unit_test(every_message_finds_its_error),
		cmocka_unit_test(errors_are_found_by_what_the_c_library_calls_them),
		cmocka_unit_test(errors_are_found_in_lines_of_logs),
		cmocka_unit_test(verdicts_are_found_by_name),
		cmocka_unit_test(nearest_verdict_is_named),
		cmocka_unit_test(pages_are_wrapped_to_80_columns),
		cmocka_unit_test(pages_are_shown_whole),
		cmocka_unit_test(headings_are_bold_where_colors_are_on),
	};

	if (pages_load())
		return 1;
	return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
