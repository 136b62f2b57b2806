// SPDX-License-Identifier: GPL-2.0-only
/* The limit of lines: so many a second for each verdict, and none of the others is left untold. */
#include "expect.h"

#include "limit.h"

#define SECOND 1000000000ULL
#define START  (1000 * SECOND)
#define LINES  3
#define NEVER  UINT64_MAX

/* What was said to be withheld. */
struct bench {
	struct limit *limit;
	uint64_t until[8], said[8], named[8];
	enum verdict verdict[8];
	uint32_t pid[8]; /* who had most of them */
	size_t n;
};

static void withheld(void *ctx, uint64_t until, enum verdict verdict, uint64_t n,
		     const struct tally *tally)
{
	struct bench *b = ctx;
	struct share top = {};
	uint64_t others;

	expect_at_most(b->n, ARRAY_SIZE(b->until) - 1);
	tally_top(tally, verdict, &top, 1, &others);
	b->until[b->n] = until;
	b->verdict[b->n] = verdict;
	b->said[b->n] = n;
	b->named[b->n] = top.n + others;
	b->pid[b->n] = top.owner.pid;
	b->n++;
}

static struct bench *bench_of(uint64_t lines)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->limit = limit_new(lines, withheld, b);
	assert_non_null(b->limit);
	return b;
}

static void end(struct bench *b)
{
	limit_free(b->limit);
	free(b);
}

/* Of n of the verdict, one at a time, how many may have a line. */
static uint64_t allowed(struct bench *b, uint64_t time, enum verdict verdict, uint32_t pid, int n)
{
	struct owner o = { .pid = pid, .comm = "name" };
	uint64_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += limit_allows(b->limit, time, verdict, &o, 1);
	return sum;
}

static void expect_said(const struct bench *b, size_t i, enum verdict verdict, uint64_t n,
			uint64_t until)
{
	expect_at_most(i + 1, b->n);
	expect_number(b->verdict[i], verdict);
	expect_number(b->said[i], n);
	expect_number(b->until[i], until);
}

static void up_to_the_limit_all_have_lines(void **state)
{
	struct bench *b = bench_of(LINES);

	(void)state;
	expect_number(allowed(b, START, VERDICT_refused, 1, LINES), LINES);
	expect_number(limit_due(b->limit), NEVER);
	limit_end_second(b->limit, START + SECOND);
	expect_number(b->n, 0);
	end(b);
}

static void each_verdict_has_a_limit_of_its_own(void **state)
{
	struct bench *b = bench_of(LINES);

	(void)state;
	expect_number(allowed(b, START, VERDICT_refused, 1, 23), LINES);
	expect_number(allowed(b, START, VERDICT_linger_zero, 1, 2), 2);
	expect_number(allowed(b, START, VERDICT_no_listener, 1, 23), LINES);
	end(b);
}

static void rest_is_said_when_the_second_is_over(void **state)
{
	struct bench *b = bench_of(LINES);

	(void)state;
	allowed(b, START, VERDICT_refused, 812, 23);
	expect_number(limit_due(b->limit), START + SECOND);
	limit_end_second(b->limit, START + SECOND - 1);
	expect_number(b->n, 0);
	limit_end_second(b->limit, START + SECOND);
	expect_number(b->n, 1);
	expect_said(b, 0, VERDICT_refused, 23 - LINES, START + SECOND);
	expect_number(b->named[0], 23 - LINES);
	expect_number(b->pid[0], 812);
	expect_number(limit_due(b->limit), NEVER);
	limit_end_second(b->limit, START + 2 * SECOND);
	expect_number(b->n, 1);
	end(b);
}

static void next_second_begins_anew(void **state)
{
	struct bench *b = bench_of(LINES);

	(void)state;
	allowed(b, START, VERDICT_refused, 1, 23);
	expect_number(allowed(b, START + 3 * SECOND / 2, VERDICT_refused, 2, 7), LINES);
	expect_number(b->n, 1);
	expect_said(b, 0, VERDICT_refused, 23 - LINES, START + SECOND);
	limit_end_second(b->limit, NEVER);
	expect_number(b->n, 2);
	expect_said(b, 1, VERDICT_refused, 7 - LINES, START + 5 * SECOND / 2);
	expect_number(b->pid[1], 2);
	expect_number(b->named[1], 7 - LINES);
	end(b);
}

/* A line for SYNs stands for many. */
static void what_stands_for_many_counts_as_many(void **state)
{
	struct owner nobody = {};
	struct bench *b = bench_of(1);

	(void)state;
	assert_true(limit_allows(b->limit, START, VERDICT_accept_overflow, &nobody, 1000));
	assert_false(limit_allows(b->limit, START, VERDICT_accept_overflow, &nobody, 500));
	assert_false(limit_allows(b->limit, START, VERDICT_accept_overflow, &nobody, 7));
	limit_end_second(b->limit, NEVER);
	expect_said(b, 0, VERDICT_accept_overflow, 507, START + SECOND);
	expect_number(b->named[0], 0);
	end(b);
}

static void records_that_come_late_belong_to_the_second_that_runs(void **state)
{
	struct bench *b = bench_of(LINES);

	(void)state;
	allowed(b, START, VERDICT_refused, 1, LINES);
	expect_number(allowed(b, START - SECOND, VERDICT_refused, 1, 1), 0);
	limit_end_second(b->limit, NEVER);
	expect_said(b, 0, VERDICT_refused, 1, START + SECOND);
	end(b);
}

/* Whatever the limit says: of these no line could be made. */
static void what_had_no_record_is_withheld_too(void **state)
{
	struct bench *b = bench_of(LINES);

	(void)state;
	limit_add(b->limit, START, VERDICT_refused, 5000);
	expect_number(limit_due(b->limit), START + SECOND);
	expect_number(allowed(b, START, VERDICT_refused, 7, LINES + 2), LINES);
	limit_add(b->limit, START + SECOND - 1, VERDICT_refused, 3);
	limit_end_second(b->limit, START + SECOND);
	expect_said(b, 0, VERDICT_refused, 5005, START + SECOND);
	expect_number(b->named[0], 2);
	end(b);
}

static void without_a_limit_nothing_is_withheld(void **state)
{
	struct bench *b = bench_of(0);

	(void)state;
	expect_number(allowed(b, START, VERDICT_refused, 1, 100000), 100000);
	limit_end_second(b->limit, NEVER);
	expect_number(b->n, 0);
	end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(up_to_the_limit_all_have_lines),
		cmocka_unit_test(each_verdict_has_a_limit_of_its_own),
		cmocka_unit_test(rest_is_said_when_the_second_is_over),
		cmocka_unit_test(next_second_begins_anew),
		cmocka_unit_test(what_stands_for_many_counts_as_many),
		cmocka_unit_test(records_that_come_late_belong_to_the_second_that_runs),
		cmocka_unit_test(what_had_no_record_is_withheld_too),
		cmocka_unit_test(without_a_limit_nothing_is_withheld),
	};

	return cmocka_run_group_tests_name("limit", tests, NULL, NULL);
}
