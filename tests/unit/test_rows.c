// SPDX-License-Identifier: GPL-2.0-only
/* Rows: what is counted in an interval and whose it was; none waits for ever, none names too many.
 */
#include "expect.h"

#include "rows.h"

#define MS       1000000ULL
#define INTERVAL (1000 * MS)
#define PATIENCE (100 * MS) /* that a row waits for its records */
#define NEVER    UINT64_MAX

/* The rows that were shown: how many refused, and how many of them are named. */
struct bench {
	struct rows *rows;
	uint64_t until[8], refused[8], named[8];
	uint32_t pid[8]; /* who had most of them */
	size_t n;
};

static void show(void *ctx, const struct row *row)
{
	struct bench *b = ctx;
	struct share top = {};
	uint64_t others;

	expect_at_most(b->n, ARRAY_SIZE(b->until) - 1);
	tally_top(row->tally, VERDICT_refused, &top, 1, &others);
	b->until[b->n] = row->until;
	b->refused[b->n] = row->added->counts.verdict[VERDICT_refused];
	b->named[b->n] = top.n + others;
	b->pid[b->n] = top.owner.pid;
	b->n++;
}

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (!b)
		return -1;
	b->rows = rows_new(show, b);
	*state = b;
	return b->rows ? 0 : -1;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	rows_free(b->rows);
	free(b);
	return 0;
}

static void record(struct bench *b, uint64_t time, uint32_t pid, uint64_t n)
{
	struct evidence e = { .time_ns = time,
			      .count = n,
			      .owner = { .pid = pid, .comm = "name" } };
	struct record r = { .e = &e, .verdict = VERDICT_refused };

	rows_record(b->rows, &r);
}

static void end_interval(struct bench *b, uint64_t until, uint64_t refused_in_all)
{
	struct capture_counts total = {};

	total.counts.verdict[VERDICT_refused] = refused_in_all;
	rows_end_interval(b->rows, until, &total);
}

static void expect_row(const struct bench *b, size_t i, uint64_t refused, uint64_t named,
		       uint32_t pid)
{
	expect_at_most(i + 1, b->n);
	expect_number(b->refused[i], refused);
	expect_number(b->named[i], named);
	expect_number(b->pid[i], pid);
}

static void row_without_records_is_shown_at_once(void **state)
{
	struct bench *b = *state;

	rows_settled(b->rows, NEVER, 1);
	expect_number(b->n, 0);
	expect_number(rows_due(b->rows), NEVER);
	end_interval(b, INTERVAL, 20);
	expect_number(b->n, 0);
	rows_settled(b->rows, NEVER, INTERVAL + 1);
	expect_number(b->n, 1);
	expect_row(b, 0, 20, 0, 0);
	expect_number(b->until[0], INTERVAL);
	expect_number(rows_due(b->rows), NEVER);
}

/* Late data takes back what was shown. */
static void rows_add_up_to_the_counters(void **state)
{
	static const uint64_t totals[] = { 20, 20, 17, 18, 25 }, rows[] = { 20, 0, 0, 0, 5 };
	struct bench *b = *state;

	for (size_t i = 0; i < ARRAY_SIZE(totals); i++) {
		end_interval(b, (i + 1) * INTERVAL, totals[i]);
		rows_settled(b->rows, NEVER, (i + 1) * INTERVAL);
		expect_row(b, i, rows[i], 0, 0);
	}
}

static void row_waits_for_the_records_of_its_interval(void **state)
{
	struct bench *b = *state;

	record(b, INTERVAL - 5, 812, 15);
	end_interval(b, INTERVAL, 20);
	rows_settled(b->rows, INTERVAL - 1, INTERVAL + 1);
	expect_number(b->n, 0);
	expect_number(rows_due(b->rows), INTERVAL + PATIENCE);
	record(b, INTERVAL - 1, 812, 2);
	record(b, INTERVAL, 9, 3);
	rows_settled(b->rows, INTERVAL + 1, INTERVAL + 2);
	expect_number(b->n, 1);
	expect_row(b, 0, 20, 20, 812);
}

/* Records come in the order of their times: what has come before is all that there is. */
static void first_record_of_the_next_interval_ends_the_wait(void **state)
{
	struct bench *b = *state;

	record(b, 5, 812, 20);
	end_interval(b, INTERVAL, 20);
	record(b, INTERVAL + 1, 9, 7);
	expect_number(b->n, 1);
	expect_row(b, 0, 20, 20, 812);
	end_interval(b, 2 * INTERVAL, 27);
	rows_show(b->rows);
	expect_row(b, 1, 7, 7, 9);
}

static void row_waits_no_longer_than_its_patience(void **state)
{
	struct bench *b = *state;

	record(b, 5, 812, 4);
	end_interval(b, INTERVAL, 20);
	rows_settled(b->rows, 6, INTERVAL + PATIENCE - 1);
	expect_number(b->n, 0);
	rows_settled(b->rows, 6, INTERVAL + PATIENCE);
	expect_row(b, 0, 20, 4, 812);
	expect_number(rows_due(b->rows), NEVER);
}

static void row_waits_no_longer_than_its_successor(void **state)
{
	struct bench *b = *state;

	record(b, 5, 812, 4);
	end_interval(b, 10 * MS, 20);
	end_interval(b, 20 * MS, 22);
	expect_number(b->n, 1);
	expect_row(b, 0, 20, 4, 812);
	rows_show(b->rows);
	rows_show(b->rows);
	expect_number(b->n, 2);
	expect_row(b, 1, 2, 0, 0);
}

/* They were not counted in the interval that runs: the next row would name too many. */
static void records_whose_row_was_shown_are_left_out(void **state)
{
	struct bench *b = *state;

	end_interval(b, INTERVAL, 20);
	rows_show(b->rows);
	record(b, INTERVAL - 1, 812, 16);
	record(b, INTERVAL, 812, 4);
	record(b, INTERVAL + 1, 9, 1);
	end_interval(b, 2 * INTERVAL, 21);
	rows_show(b->rows);
	expect_row(b, 0, 20, 0, 0);
	expect_row(b, 1, 1, 1, 9);
}

static void count(struct bench *b, uint64_t time, uint64_t n)
{
	struct evidence e = { .time_ns = time, .count = n };
	struct record r = { .e = &e, .verdict = VERDICT_refused };

	rows_count(b->rows, &r);
}

/* Of a recording: what has a record is in no total. None is left out. */
static void records_are_counted_in_their_row_or_the_next(void **state)
{
	struct bench *b = *state;

	count(b, 5, 4);
	end_interval(b, INTERVAL, 20);
	count(b, INTERVAL - 1, 3);
	count(b, INTERVAL + 1, 2);
	expect_row(b, 0, 27, 0, 0);
	count(b, INTERVAL - 2, 1);
	end_interval(b, 2 * INTERVAL, 20);
	rows_show(b->rows);
	expect_row(b, 1, 3, 0, 0);
	end_interval(b, 3 * INTERVAL, 20);
	rows_show(b->rows);
	expect_row(b, 2, 0, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(row_without_records_is_shown_at_once, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(rows_add_up_to_the_counters, set_up, tear_down),
		cmocka_unit_test_setup_teardown(row_waits_for_the_records_of_its_interval, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(first_record_of_the_next_interval_ends_the_wait,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(row_waits_no_longer_than_its_patience, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(row_waits_no_longer_than_its_successor, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(records_whose_row_was_shown_are_left_out, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(records_are_counted_in_their_row_or_the_next,
						set_up, tear_down),
	};

	return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
