// SPDX-License-Identifier: GPL-2.0-only
/* Which lines get a story: on terminals that are large enough, three in any second at most, once
 * for both ends. */
#include "expect.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "story_choice.h"

#define SECOND UINT64_C(1000000000)

/* A terminal of our own, as large as is asked for. */
static FILE *open_terminal(unsigned short lines, unsigned short columns)
{
	struct winsize size = { .ws_row = lines, .ws_col = columns };
	static int master = -1;
	FILE *out;

	if (master >= 0)
		close(master);
	master = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(master >= 0);
	assert_int_equal(grantpt(master) | unlockpt(master), 0);
	out = fdopen(open(ptsname(master), O_WRONLY | O_NOCTTY | O_CLOEXEC), "w");
	assert_non_null(out);
	assert_int_equal(ioctl(fileno(out), TIOCSWINSZ, &size), 0);
	return out;
}

static enum story_kind choose(struct story_choice *c, enum story_when when, FILE *out,
			      uint64_t time_ns)
{
	struct evidence e = { .time_ns = time_ns };
	struct record r = { .e = &e, .verdict = VERDICT_refused };

	return story_choose(c, when, out, &r);
}

static void terminals_must_be_large_enough(void **state)
{
	static const struct {
		unsigned short lines, columns;
		enum story_kind expected;
	} sizes[] = {
		{ STORY_LINES, STORY_COLUMNS, STORY_FULL },
		{ STORY_LINES - 1, 200, STORY_NONE },
		{ 200, STORY_COLUMNS - 1, STORY_NONE },
		{ 200, 200, STORY_FULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		FILE *out = open_terminal(sizes[i].lines, sizes[i].columns);
		struct story_choice c = {};

		expect_number(choose(&c, STORY_AUTO, out, SECOND), sizes[i].expected);
		fclose(out);
	}
}

static void what_is_no_terminal_gets_one_only_if_asked(void **state)
{
	FILE *out = fopen("/dev/null", "we");
	struct story_choice c = {};

	(void)state;
	assert_non_null(out);
	expect_number(choose(&c, STORY_AUTO, out, SECOND), STORY_NONE);
	expect_number(choose(&c, STORY_NEVER, out, SECOND), STORY_NONE);
	for (int i = 0; i < 23; i++)
		expect_number(choose(&c, STORY_ALWAYS, out, SECOND + i), STORY_FULL);
	fclose(out);
}

/* Times come in order, but for those of several CPUs. */
static void in_any_second_there_are_three_at_most(void **state)
{
	FILE *out = open_terminal(50, 120);
	struct story_choice c = {};
	uint64_t shown[400], n = 0;

	(void)state;
	for (uint64_t i = 1; i <= 400; i++)
		if (choose(&c, STORY_AUTO, out, SECOND + i * SECOND / 100) == STORY_FULL)
			shown[n++] = i;
	expect_number(n, 12);
	for (uint64_t i = STORIES_SECOND; i < n; i++)
		if (shown[i] - shown[i - STORIES_SECOND] < 100)
			fail_msg("seen: story %llu %llu0 ms after the third before it, expected: "
				 "a second",
				 (unsigned long long)i,
				 (unsigned long long)(shown[i] - shown[i - STORIES_SECOND]));
	fclose(out);
}

static void orderly_ends_have_none_unless_asked(void **state)
{
	FILE *out = open_terminal(50, 120);
	struct evidence e = { .time_ns = SECOND };
	struct record r = { .e = &e, .verdict = VERDICT_closed_here };
	struct story_choice c = {};

	(void)state;
	expect_number(story_choose(&c, STORY_AUTO, out, &r), STORY_NONE);
	expect_number(story_choose(&c, STORY_ALWAYS, out, &r), STORY_FULL);
	fclose(out);
}

static void both_ends_have_one_story(void **state)
{
	struct evidence e = { .time_ns = SECOND, .sock_id = 1 };
	struct evidence other = { .time_ns = SECOND + 1, .sock_id = 2 };
	struct evidence stranger = { .time_ns = SECOND + 1, .sock_id = 3 };
	struct record r = { .e = &e, .other = &other, .verdict = VERDICT_refused };
	struct record other_r = { .e = &other, .other = &e, .verdict = VERDICT_no_listener };
	struct record stranger_r = { .e = &stranger, .verdict = VERDICT_refused };
	struct story_choice c = {};

	(void)state;
	expect_number(story_choose(&c, STORY_ALWAYS, stdout, &r), STORY_FULL);
	expect_number(story_choose(&c, STORY_ALWAYS, stdout, &stranger_r), STORY_FULL);
	expect_number(story_choose(&c, STORY_ALWAYS, stdout, &other_r), STORY_FIX);
	expect_number(story_choose(&c, STORY_NEVER, stdout, &other_r), STORY_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(terminals_must_be_large_enough),
		cmocka_unit_test(what_is_no_terminal_gets_one_only_if_asked),
		cmocka_unit_test(in_any_second_there_are_three_at_most),
		cmocka_unit_test(orderly_ends_have_none_unless_asked),
		cmocka_unit_test(both_ends_have_one_story),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
