// SPDX-License-Identifier: GPL-2.0-only
/* Counters by service, in OpenMetrics: no more of them than are bounded, and sums that are the
 * kernel's. */
#include "expect.h"

#include <stdio.h>

#include "metrics.h"

struct bench {
	struct metrics *metrics;
	struct services *services; /* of the row */
	struct capture_counts added;
	char *text;
};

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	b->metrics = metrics_new();
	b->services = services_new();
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	metrics_free(b->metrics);
	free(b->services);
	free(b->text);
	free(b);
	return 0;
}

static void record(struct bench *b, enum verdict verdict, const struct evidence *e, uint32_t n)
{
	struct evidence counted = *e;
	struct record r = { .e = &counted, .verdict = verdict };

	counted.count = n;
	services_add(b->services, &r);
}

static struct evidence client_of(uint16_t port)
{
	return (struct evidence){ .facts = { .event = EVENT_DEATH, .socket = SOCKET_FULL },
				  .tuple = { .lport = 40000, .rport = port } };
}

/* The interval ends; what is written then. */
static const char *end_row(struct bench *b)
{
	struct row row = { .added = &b->added, .services = b->services };
	size_t len;
	FILE *out;

	metrics_add(b->metrics, &row);
	services_reset(b->services);
	memset(&b->added, 0, sizeof(b->added));
	free(b->text);
	out = open_memstream(&b->text, &len);
	metrics_write(out, b->metrics);
	fclose(out);
	return b->text;
}

#define REFUSED(port, rest)                                                                        \
	"\ntcpwhy_deaths_total{verdict=\"refused\",service_port=\"" port "\"" rest "\n"
#define OVERFLOW "\ntcpwhy_listener_overflows_total{queue=\"accept\",service_port=\"80\",comm="

static void ports_are_those_of_servers(void **state)
{
	static const struct {
		struct evidence e;
		const char *expected;
	} ends[] = {
		{ { .facts = { .event = EVENT_DEATH, .socket = SOCKET_FULL },
		    .tuple = { .lport = 40000, .rport = 443 } },
		  REFUSED("443", ",side=\"client\"} 1") },
		{ { .facts = { .event = EVENT_DEATH, .socket = SOCKET_FULL, .flags = FACT_PASSIVE },
		    .tuple = { .lport = 444, .rport = 81 } },
		  REFUSED("444", ",side=\"server\"} 1") },
		{ { .facts = { .event = EVENT_RESET, .flags = FACT_SEG_SYN },
		    .tuple = { .lport = 9000, .rport = 82 } },
		  REFUSED("9000", ",side=\"server\"} 1") },
		{ { .facts = { .event = EVENT_RESET, .flags = FACT_SEG_ACK },
		    .tuple = { .lport = 40000, .rport = 445 } },
		  REFUSED("445", ",side=\"unknown\"} 1") },
		{ { .facts = { .event = EVENT_RESET, .socket = SOCKET_TIME_WAIT },
		    .tuple = { .lport = 446, .rport = 40000 } },
		  REFUSED("446", ",side=\"unknown\"} 1") },
		{ { .facts = { .event = EVENT_SYN_DROP, .socket = SOCKET_LISTEN },
		    .tuple = { .lport = 447 } },
		  REFUSED("447", ",side=\"server\"} 1") },
		{ { .facts = { .event = EVENT_DEATH, .socket = SOCKET_FULL } },
		  REFUSED("none", ",side=\"client\"} 1") },
	};
	struct bench *b = *state;
	const char *text;

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		record(b, VERDICT_refused, &ends[i].e, 1);
	b->added.counts.verdict[VERDICT_refused] = ARRAY_SIZE(ends);
	text = end_row(b);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		expect_part(text, ends[i].expected);
	expect_part(text, REFUSED("unattributed", "} 0"));
}

static void what_has_no_record_is_unattributed_for_good(void **state)
{
	const struct evidence e = client_of(80);
	struct bench *b = *state;
	const char *text;

	record(b, VERDICT_refused, &e, 3);
	b->added.counts.verdict[VERDICT_refused] = 10;
	text = end_row(b);
	expect_part(text, REFUSED("80", ",side=\"client\"} 3"));
	expect_part(text, REFUSED("unattributed", "} 7"));
	record(b, VERDICT_refused, &e, 2);
	b->added.counts.verdict[VERDICT_refused] = 2;
	text = end_row(b);
	expect_part(text, REFUSED("80", ",side=\"client\"} 5"));
	expect_part(text, REFUSED("unattributed", "} 7"));
}

/* Late data takes a verdict back: then there may be more records than are counted. */
static void no_more_than_is_counted(void **state)
{
	const struct evidence e = client_of(80);
	struct bench *b = *state;
	const char *text;

	record(b, VERDICT_refused, &e, 3);
	b->added.counts.verdict[VERDICT_refused] = 2;
	text = end_row(b);
	expect_part(text, REFUSED("80", ",side=\"client\"} 2"));
	expect_part(text, REFUSED("unattributed", "} 0"));
}

static void series_are_bounded_and_what_is_beyond_is_other(void **state)
{
	struct bench *b = *state;
	const char *text = "";

	for (int row = 0; row < 2; row++) {
		for (uint16_t port = 1; port <= SERIES_MAX + 23; port++) {
			const struct evidence e = client_of(port);

			record(b, VERDICT_refused, &e, 1);
		}
		b->added.counts.verdict[VERDICT_refused] = SERIES_MAX + 23;
		text = end_row(b);
	}
	expect_part(text, REFUSED("100", ",side=\"client\"} 2"));
	expect_no_part(text, REFUSED("101", ",side=\"client\"} 2"));
	expect_part(text, REFUSED("other", ",side=\"client\"} 46"));
	expect_part(text, REFUSED("unattributed", "} 0"));
}

/* The kernel may leave what it likes behind the end of a name. */
static void names_are_escaped_and_end_at_their_nul(void **state)
{
	struct evidence e = { .facts = { .event = EVENT_SYN_DROP, .socket = SOCKET_LISTEN },
			      .tuple = { .lport = 80 },
			      .owner = { .pid = 1, .comm = "a\"b\\\n\0old" } };
	struct bench *b = *state;
	const char *text;

	record(b, VERDICT_accept_overflow, &e, 2);
	memcpy(e.owner.comm, "a\"b\\\n\0new", 9);
	record(b, VERDICT_accept_overflow, &e, 2);
	b->added.counts.verdict[VERDICT_accept_overflow] = 5;
	text = end_row(b);
	expect_part(text, OVERFLOW "\"a\\\"b\\\\x5c\\\\x0a\"} 4\n");
	expect_part(text, "{queue=\"accept\",service_port=\"unattributed\"} 1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ports_are_those_of_servers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_has_no_record_is_unattributed_for_good, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(no_more_than_is_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(series_are_bounded_and_what_is_beyond_is_other,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(names_are_escaped_and_end_at_their_nul, set_up,
						tear_down),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
