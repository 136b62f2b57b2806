// SPDX-License-Identifier: GPL-2.0-only
/* Who has most: sums are exact, memory is bounded, and a storm of names does not push out who had
 * many. */
#include "expect.h"

#include <stdio.h>

#include "worst.h"

static struct worst w;

static int set_up(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	return 0;
}

static void add_numbered(int from, int to, uint64_t n)
{
	char name[WORST_NAME];

	for (int i = from; i < to; i++) {
		snprintf(name, sizeof(name), "name %d", i);
		worst_add(&w, name, VERDICT_refused, n);
	}
}

static const struct worst_entry *find(const char *name)
{
	for (size_t i = 0; i < w.n; i++)
		if (!strcmp(w.entries[i].name, name))
			return &w.entries[i];
	return NULL;
}

static uint64_t total(const char *name)
{
	return find(name) ? find(name)->count.total : 0;
}

static uint64_t sum(void)
{
	uint64_t n = w.others.total;

	for (size_t i = 0; i < w.n; i++)
		n += w.entries[i].count.total;
	return n;
}

static void test_each_name_is_counted_for_itself(void **state)
{
	(void)state;
	worst_add(&w, "a", VERDICT_refused, 3);
	worst_add(&w, "b", VERDICT_refused, 1);
	worst_add(&w, "a", VERDICT_unread_data, 4);
	expect_number(w.n, 2);
	expect_number(total("a"), 7);
	expect_number(total("b"), 1);
	expect_number(find("a")->verdicts[VERDICT_refused], 3);
	expect_number(worst_verdict(find("a")), VERDICT_unread_data);
}

static void test_an_interval_ends(void **state)
{
	(void)state;
	worst_add(&w, "a", VERDICT_refused, 3);
	expect_number(find("a")->count.last, 0);
	worst_end_interval(&w);
	worst_add(&w, "a", VERDICT_refused, 1);
	expect_number(find("a")->count.last, 3);
	worst_end_interval(&w);
	expect_number(find("a")->count.last, 1);
	worst_end_interval(&w);
	expect_number(find("a")->count.last, 0);
	expect_number(total("a"), 4);
}

static void test_who_has_least_gives_way(void **state)
{
	(void)state;
	add_numbered(0, WORST_MAX - 1, 5);
	worst_add(&w, "least", VERDICT_refused, 1);
	worst_add(&w, "new", VERDICT_refused, 2);
	expect_number(w.n, WORST_MAX);
	assert_null(find("least"));
	expect_number(total("new"), 2);
	expect_number(w.others.total, 1);
	expect_number(w.others.running, 1);
	worst_end_interval(&w);
	expect_number(w.others.last, 1);
	expect_number(sum(), 5 * (WORST_MAX - 1) + 3);
}

#define BIG  20
#define MANY 1000

static void test_a_storm_of_names_pushes_nobody_out_who_had_many(void **state)
{
	(void)state;
	add_numbered(0, BIG, MANY);
	add_numbered(1000, 100000, 1);
	expect_number(w.n, WORST_MAX);
	for (int i = 0; i < BIG; i++) {
		char name[WORST_NAME];

		snprintf(name, sizeof(name), "name %d", i);
		expect_number(total(name), MANY);
	}
	expect_number(sum(), 99000 + BIG * MANY);
}

/* In a full table, and a storm of which each tenth is of one name that was not there before. */
static void test_who_comes_late_gets_in(void **state)
{
	uint64_t all = 100 * WORST_MAX + 10 * MANY;

	(void)state;
	add_numbered(0, WORST_MAX, 100);
	for (int i = 0; i < MANY; i++) {
		worst_add(&w, "late", VERDICT_refused, 1);
		add_numbered(2000 + 9 * i, 2009 + 9 * i, 1);
	}
	expect_at_most(MANY - total("late"), all / WORST_MAX);
	expect_number(sum(), all);
}

static void test_a_name_that_is_too_long_is_cut_and_found_again(void **state)
{
	char name[2 * WORST_NAME];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	worst_add(&w, name, VERDICT_refused, 1);
	worst_add(&w, name, VERDICT_refused, 1);
	expect_number(w.n, 1);
	expect_number(w.entries[0].count.total, 2);
	expect_number(strlen(w.entries[0].name), WORST_NAME - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_each_name_is_counted_for_itself, set_up),
		cmocka_unit_test_setup(test_an_interval_ends, set_up),
		cmocka_unit_test_setup(test_who_has_least_gives_way, set_up),
		cmocka_unit_test_setup(test_a_storm_of_names_pushes_nobody_out_who_had_many,
				       set_up),
		cmocka_unit_test_setup(test_who_comes_late_gets_in, set_up),
		cmocka_unit_test_setup(test_a_name_that_is_too_long_is_cut_and_found_again, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
