// SPDX-License-Identifier: GPL-2.0-only
/* Who had most of a verdict. */
#include "expect.h"

#include <stdio.h>

#include "tally.h"

#define TOP 3

static struct owner process(uint32_t pid, const char *comm)
{
	struct owner o = { .pid = pid };

	snprintf(o.comm, sizeof(o.comm), "%s", comm);
	return o;
}

static void add(struct tally *t, enum verdict verdict, uint32_t pid, uint64_t n)
{
	struct owner o = process(pid, "name");

	tally_add(t, verdict, &o, n);
}

static void the_greatest_come_first(void **state)
{
	struct tally *t = tally_new();
	struct share top[TOP];
	uint64_t others;

	(void)state;
	add(t, VERDICT_refused, 1, 1);
	add(t, VERDICT_refused, 2, 1);
	add(t, VERDICT_refused, 3, 5);
	add(t, VERDICT_refused, 2, 2);
	add(t, VERDICT_refused, 4, 2);
	add(t, VERDICT_refused, 5, 1);
	expect_number(tally_top(t, VERDICT_refused, top, TOP, &others), TOP);
	expect_number(top[0].owner.pid, 3);
	expect_number(top[0].n, 5);
	expect_number(top[1].owner.pid, 2);
	expect_number(top[1].n, 3);
	expect_number(top[2].owner.pid, 4);
	expect_number(others, 2);
	tally_free(t);
}

static void verdicts_are_told_apart(void **state)
{
	struct tally *t = tally_new();
	struct share top[TOP];
	uint64_t others;

	(void)state;
	add(t, VERDICT_refused, 1, 7);
	add(t, VERDICT_unread_data, 2, 1);
	expect_number(tally_top(t, VERDICT_unread_data, top, TOP, &others), 1);
	expect_number(top[0].owner.pid, 2);
	expect_number(others, 0);
	expect_number(tally_top(t, VERDICT_unknown, top, TOP, &others), 0);
	expect_number(others, 0);
	tally_free(t);
}

/* A PID is used again; a process that could not be named is none. */
static void processes_are_told_apart(void **state)
{
	struct owner one = process(1, "one"), successor = process(1, "successor"), nobody = {};
	struct tally *t = tally_new();
	struct share top[TOP];
	uint64_t others;

	(void)state;
	tally_add(t, VERDICT_refused, &one, 2);
	tally_add(t, VERDICT_refused, &successor, 1);
	tally_add(t, VERDICT_refused, &nobody, 9);
	expect_number(tally_top(t, VERDICT_refused, top, TOP, &others), 2);
	assert_string_equal(top[0].owner.comm, "one");
	assert_string_equal(top[1].owner.comm, "successor");
	expect_number(others, 0);
	tally_free(t);
}

/* Memory is bounded, and the sum stays right. */
static void thousands_of_processes_are_summed_up(void **state)
{
	struct tally *t = tally_new();
	struct share top[TOP];
	uint64_t others;

	(void)state;
	for (uint32_t pid = 1; pid <= 5000; pid++)
		add(t, VERDICT_refused, pid, 1);
	add(t, VERDICT_refused, 7, 10);
	expect_number(tally_top(t, VERDICT_refused, top, TOP, &others), TOP);
	expect_number(top[0].owner.pid, 7);
	expect_number(top[0].n + top[1].n + top[2].n + others, 5010);
	tally_free(t);
}

/* Of those with the same number, who came first: rows do not flicker. */
static void equals_come_in_the_order_of_their_first(void **state)
{
	struct tally *t = tally_new();
	struct share top[TOP];
	uint64_t others;

	(void)state;
	for (uint32_t pid = 9; pid; pid--)
		add(t, VERDICT_refused, pid, 1);
	expect_number(tally_top(t, VERDICT_refused, top, TOP, &others), TOP);
	for (int i = 0; i < TOP; i++)
		expect_number(top[i].owner.pid, 9 - i);
	expect_number(others, 6);
	tally_free(t);
}

/* All that a reset leaves is memory: the next interval begins with nothing. */
static void nothing_is_left_after_a_reset(void **state)
{
	struct tally *t = tally_new();
	struct share top[TOP];
	uint64_t others;

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (uint32_t pid = 1; pid <= 5000; pid++)
			add(t, VERDICT_refused, pid, 1);
		tally_reset(t);
		expect_number(tally_top(t, VERDICT_refused, top, TOP, &others), 0);
		expect_number(others, 0);
	}
	add(t, VERDICT_refused, 5000, 3);
	expect_number(tally_top(t, VERDICT_refused, top, TOP, &others), 1);
	expect_number(top[0].owner.pid, 5000);
	expect_number(top[0].n, 3);
	expect_number(others, 0);
	tally_free(t);
}

/* To ask does not change the answer, nor what is added later. */
static void asking_changes_nothing(void **state)
{
	struct tally *t = tally_new();
	struct share top[TOP];
	uint64_t others;

	(void)state;
	for (uint64_t round = 1; round <= 50; round++) {
		for (uint32_t pid = 1; pid <= 50; pid++)
			add(t, VERDICT_refused, pid, pid);
		expect_number(tally_top(t, VERDICT_refused, top, TOP, &others), TOP);
		for (int i = 0; i < TOP; i++)
			expect_number(top[i].n, round * (50 - i));
		expect_number(others, round * 47 * 48 / 2);
	}
	tally_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_greatest_come_first),
		cmocka_unit_test(verdicts_are_told_apart),
		cmocka_unit_test(processes_are_told_apart),
		cmocka_unit_test(thousands_of_processes_are_summed_up),
		cmocka_unit_test(equals_come_in_the_order_of_their_first),
		cmocka_unit_test(nothing_is_left_after_a_reset),
		cmocka_unit_test(asking_changes_nothing),
	};

	return cmocka_run_group_tests_name("tally", tests, NULL, NULL);
}
