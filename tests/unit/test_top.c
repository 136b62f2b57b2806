// SPDX-License-Identifier: GPL-2.0-only
/* tcpwhy top without a terminal: what is counted, what passes the filter, in which order, what the
 * keys do. */
#include "expect.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

#include "top.h"

#define SECOND 1000000000ULL

static struct top *t;

static int set_up(void **state)
{
	(void)state;
	t = top_new();
	return t ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	top_free(t);
	return 0;
}

/* ---- what happens ------------------------------------------------------------------------ */

static struct evidence evidence(const char *comm, const char *peer, uint32_t count)
{
	struct evidence e = {
		.time_ns = SECOND,
		.count = count,
		.owner = { .pid = 812 },
		.tuple = { .family = AF_INET, .lport = 40000, .rport = peer ? 6379 : 0 },
	};

	memcpy(e.owner.comm, comm, strnlen(comm, sizeof(e.owner.comm)));
	inet_pton(AF_INET, "10.0.0.5", e.tuple.laddr);
	if (peer)
		inet_pton(AF_INET, peer, e.tuple.raddr);
	return e;
}

static void die(enum verdict verdict, const char *comm, const char *peer)
{
	struct evidence e = evidence(comm, peer, 1);

	top_record(t, &(struct record){ .e = &e, .verdict = verdict });
}

/* An interval of two seconds with so many of a verdict. */
static void end_interval(enum verdict verdict, uint64_t n)
{
	struct capture_counts added = {};

	added.counts.verdict[verdict] = n;
	top_row(t,
		&(struct row){ .until = 7 * SECOND, .duration_ns = 2 * SECOND, .added = &added });
}

static void press(const char *keys)
{
	for (; *keys; keys++)
		assert_true(top_key(t, *keys == '\n' ? TOP_KEY_ENTER : *keys));
}

/* ---- what is shown ----------------------------------------------------------------------- */

static char seen[4096];

static const char *verdicts(void)
{
	enum verdict list[VERDICT_COUNT];
	size_t n = top_list_verdicts(t, list);

	*seen = '\0';
	for (size_t i = 0; i < n; i++)
		snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s ",
			 verdict_text(list[i])->name);
	return seen;
}

static const char *names(const struct worst *w)
{
	const struct worst_entry *list[WORST_MAX];
	size_t n = top_list_worst(t, w, list);

	*seen = '\0';
	for (size_t i = 0; i < n; i++)
		snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s=%u ", list[i]->name,
			 (unsigned int)list[i]->count.total);
	return seen;
}

static const char *deaths(void)
{
	const struct top_death *list[TOP_DEATHS];
	size_t n = top_list_deaths(t, list);

	*seen = '\0';
	for (size_t i = 0; i < n; i++)
		snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s ",
			 list[i]->e.owner.comm);
	return seen;
}

static uint64_t selected(void)
{
	const struct top_death *list[TOP_DEATHS];
	size_t n = top_list_deaths(t, list);
	int at = top_selected(t, list, n);

	return at < 0 ? 0 : list[at]->serial;
}

/* ---- counting ---------------------------------------------------------------------------- */

static void test_counters_are_those_of_the_rows(void **state)
{
	const struct top_verdict *v = &t->live->verdicts[VERDICT_refused];

	(void)state;
	die(VERDICT_refused, "curl", "10.0.0.9"); /* a record is not a count */
	assert_string_equal(verdicts(), "");
	end_interval(VERDICT_refused, 20);
	end_interval(VERDICT_refused, 3);
	assert_string_equal(verdicts(), "refused ");
	expect_number(v->total, 23);
	expect_number(v->last, 3);
	expect_number(v->history[0], 20);
	expect_number(v->history[1], 3);
	expect_number(t->live->duration_ns, 2 * SECOND);
}

static void test_the_history_is_bounded(void **state)
{
	(void)state;
	for (int i = 0; i <= TOP_HISTORY; i++)
		end_interval(VERDICT_refused, i);
	expect_number(t->live->verdicts[VERDICT_refused].history[0], TOP_HISTORY);
	expect_number(t->live->verdicts[VERDICT_refused].history[1], 1);
}

static void test_lost_records_are_counted(void **state)
{
	struct capture_counts added = { .missed = 2, .rejected = 3 };

	(void)state;
	added.counts.other[COUNT_LOST] = 4;
	top_row(t, &(struct row){ .added = &added });
	top_row(t, &(struct row){ .added = &added });
	expect_number(t->live->lost, 18);
}

static void test_processes_and_peers_of_all_but_orderly_ends(void **state)
{
	(void)state;
	die(VERDICT_refused, "curl", "10.0.0.9");
	die(VERDICT_peer_aborted, "curl", "10.0.0.8");
	die(VERDICT_closed_here, "nginx", "10.0.0.9");
	die(VERDICT_refused, "wget", "10.0.0.9");
	assert_string_equal(names(&t->live->processes), "curl[812]=2 wget[812]=1 ");
	assert_string_equal(names(&t->live->peers), "10.0.0.9=2 10.0.0.8=1 ");
	assert_string_equal(names(&t->live->listeners), "");
	assert_string_equal(deaths(), "wget nginx curl curl ");
}

static void test_a_listener_has_its_queue(void **state)
{
	struct evidence e = evidence("nginx", NULL, 23);

	(void)state;
	e.backlog = 129;
	e.backlog_max = 128;
	e.syn_queue = 7;
	top_record(t, &(struct record){ .e = &e, .verdict = VERDICT_accept_overflow });
	assert_string_equal(names(&t->live->peers), "");
	assert_string_equal(names(&t->live->listeners), ":40000 nginx[812]=23 ");
	expect_number(t->live->listeners.entries[0].queue.used, 129);
	expect_number(t->live->listeners.entries[0].queue.limit, 128);
	top_record(t, &(struct record){ .e = &e, .verdict = VERDICT_syn_queue_overflow });
	expect_number(t->live->listeners.entries[0].queue.used, 7);
	assert_string_equal(names(&t->live->processes), "nginx[812]=46 ");
}

static void test_the_last_deaths_are_kept_and_no_more(void **state)
{
	const struct top_death *list[TOP_DEATHS];

	(void)state;
	for (int i = 0; i < 3 * TOP_DEATHS + 7; i++)
		die(VERDICT_refused, "curl", "10.0.0.9");
	expect_number(top_list_deaths(t, list), TOP_DEATHS);
	expect_number(list[0]->serial, 3 * TOP_DEATHS + 7);
	expect_number(list[TOP_DEATHS - 1]->serial, 2 * TOP_DEATHS + 8);
}

/* ---- sorting ----------------------------------------------------------------------------- */

static void test_sorted_by_rate_by_total_by_name(void **state)
{
	(void)state;
	die(VERDICT_refused, "many", "10.0.0.9");
	die(VERDICT_refused, "many", "10.0.0.9");
	end_interval(VERDICT_refused, 20);
	die(VERDICT_late_data, "now", "10.0.0.9");
	end_interval(VERDICT_late_data, 10);
	assert_string_equal(verdicts(), "late-data refused ");
	assert_string_equal(names(&t->live->processes), "now[812]=1 many[812]=2 ");
	press("s");
	assert_string_equal(top_sort_name(t->sort), "total");
	assert_string_equal(verdicts(), "refused late-data ");
	assert_string_equal(names(&t->live->processes), "many[812]=2 now[812]=1 ");
	die(VERDICT_refused, "alone", "10.0.0.9");
	press("s");
	assert_string_equal(top_sort_name(t->sort), "name");
	assert_string_equal(verdicts(), "late-data refused ");
	assert_string_equal(names(&t->live->processes), "alone[812]=1 many[812]=2 now[812]=1 ");
	press("s");
	assert_string_equal(top_sort_name(t->sort), "rate");
}

/* ---- filter ------------------------------------------------------------------------------ */

static void fill_for_filter(void)
{
	die(VERDICT_refused, "curl", "10.0.0.9");
	die(VERDICT_peer_aborted, "wget", "10.0.0.77");
	end_interval(VERDICT_refused, 1);
	end_interval(VERDICT_peer_aborted, 1);
}

static void test_a_filter_by_verdict(void **state)
{
	(void)state;
	fill_for_filter();
	press("/REF\n");
	assert_string_equal(t->filter, "REF");
	assert_string_equal(verdicts(), "refused ");
	assert_string_equal(names(&t->live->processes), "curl[812]=1 ");
	assert_string_equal(names(&t->live->peers), "10.0.0.9=1 ");
	assert_string_equal(deaths(), "curl ");
}

static void test_a_filter_by_process(void **state)
{
	(void)state;
	fill_for_filter();
	press("/wget\n");
	assert_string_equal(verdicts(), "peer-aborted ");
	assert_string_equal(names(&t->live->processes), "wget[812]=1 ");
	assert_string_equal(deaths(), "wget ");
}

static void test_a_filter_by_peer(void **state)
{
	(void)state;
	fill_for_filter();
	press("/0.77\n");
	assert_string_equal(verdicts(), "peer-aborted ");
	assert_string_equal(names(&t->live->peers), "10.0.0.77=1 ");
	assert_string_equal(deaths(), "wget ");
}

static void test_a_filter_by_the_process_at_the_other_end(void **state)
{
	struct evidence e = evidence("curl", "10.0.0.9", 1),
			other = evidence("redis", "10.0.0.5", 1);

	(void)state;
	fill_for_filter();
	top_record(t, &(struct record){ .e = &e, .other = &other, .verdict = VERDICT_refused });
	press("/redis\n");
	assert_string_equal(deaths(), "curl ");
}

static void test_a_filter_is_typed(void **state)
{
	(void)state;
	fill_for_filter();
	press("/qsp/ 9"); /* none of them does what it does elsewhere */
	assert_true(t->typing);
	assert_string_equal(t->filter, "");
	assert_string_equal(t->typed, "qsp/ 9");
	top_key(t, TOP_KEY_BACKSPACE);
	assert_string_equal(t->typed, "qsp/ ");
	top_key(t, TOP_KEY_ESCAPE);
	assert_false(t->typing);
	assert_string_equal(t->filter, "");
	assert_string_equal(deaths(), "wget curl ");
	for (int i = 0; i < TOP_FILTER + 10; i++)
		press(i ? "x" : "/");
	press("\n");
	expect_number(strlen(t->filter), TOP_FILTER - 1);
	top_key(t, TOP_KEY_ESCAPE);
	assert_string_equal(t->filter, "");
}

/* ---- pause ------------------------------------------------------------------------------- */

static void test_a_pause_stops_what_is_shown_and_not_what_is_counted(void **state)
{
	(void)state;
	fill_for_filter();
	press("p");
	die(VERDICT_late_data, "late", "10.0.0.9");
	end_interval(VERDICT_late_data, 1);
	assert_string_equal(deaths(), "wget curl ");
	assert_string_equal(verdicts(), "peer-aborted refused ");
	press("p");
	assert_string_equal(deaths(), "late wget curl ");
	assert_string_equal(verdicts(), "late-data peer-aborted refused ");
}

/* ---- the story of a death ---------------------------------------------------------------- */

static void test_the_selection_stays_at_its_death(void **state)
{
	(void)state;
	top_key(t, TOP_KEY_DOWN); /* there is none */
	expect_number(selected(), 0);
	for (int i = 0; i < 30; i++)
		die(VERDICT_refused, "curl", "10.0.0.9");
	expect_number(selected(), 0);
	top_key(t, TOP_KEY_DOWN);
	expect_number(selected(), 30);
	top_key(t, TOP_KEY_UP);
	expect_number(selected(), 30);
	top_key(t, TOP_KEY_DOWN);
	die(VERDICT_refused, "curl", "10.0.0.9");
	expect_number(selected(), 29);
	top_key(t, TOP_KEY_PAGE_DOWN);
	expect_number(selected(), 19);
	top_key(t, TOP_KEY_END);
	expect_number(selected(), 1);
	top_key(t, TOP_KEY_DOWN);
	expect_number(selected(), 1);
	for (int i = 0; i < TOP_DEATHS; i++)
		die(VERDICT_refused, "curl", "10.0.0.9");
	expect_number(selected(), 32); /* the oldest that is left */
	top_key(t, TOP_KEY_HOME);
	expect_number(selected(), 31 + TOP_DEATHS);
	top_key(t, TOP_KEY_ESCAPE);
	expect_number(selected(), 0);
}

static void test_enter_opens_the_death_that_is_selected(void **state)
{
	(void)state;
	press("\n");
	assert_false(t->in_story); /* of nothing */
	die(VERDICT_refused, "old", "10.0.0.9");
	die(VERDICT_late_data, "new", "10.0.0.9");
	top_key(t, TOP_KEY_DOWN);
	top_key(t, TOP_KEY_DOWN);
	press("\n");
	assert_true(t->in_story);
	for (int i = 0; i < 2 * TOP_DEATHS; i++)
		die(VERDICT_refused, "curl", "10.0.0.9");
	assert_string_equal(t->story.e.owner.comm, "old");
	expect_number(t->story.verdict, VERDICT_refused);
	press("q"); /* back, and not out */
	assert_false(t->in_story);
	top_key(t, TOP_KEY_ESCAPE);
	press("\n");
	assert_string_equal(t->story.e.owner.comm, "curl"); /* nothing selected: the newest */
}

static void test_q_ends(void **state)
{
	(void)state;
	assert_true(top_key(t, TOP_KEY_NONE));
	assert_true(top_key(t, 'x'));
	assert_false(top_key(t, 'q'));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_counters_are_those_of_the_rows),
		TEST(test_the_history_is_bounded),
		TEST(test_lost_records_are_counted),
		TEST(test_processes_and_peers_of_all_but_orderly_ends),
		TEST(test_a_listener_has_its_queue),
		TEST(test_the_last_deaths_are_kept_and_no_more),
		TEST(test_sorted_by_rate_by_total_by_name),
		TEST(test_a_filter_by_verdict),
		TEST(test_a_filter_by_process),
		TEST(test_a_filter_by_peer),
		TEST(test_a_filter_by_the_process_at_the_other_end),
		TEST(test_a_filter_is_typed),
		TEST(test_a_pause_stops_what_is_shown_and_not_what_is_counted),
		TEST(test_the_selection_stays_at_its_death),
		TEST(test_enter_opens_the_death_that_is_selected),
		TEST(test_q_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
