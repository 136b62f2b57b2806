// SPDX-License-Identifier: GPL-2.0-only
/* tcpwhy join: what is read, who is joined with whom and who is not, and whose clock is ahead. */
#include "expect.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "join_clock.h"
#include "join_match.h"

#define MAX 6 /* files, and records of a test at most */

static struct join_file files[MAX];

static struct join fresh(unsigned int file_count)
{
	memset(files, 0, sizeof(files));
	return (struct join){ .files = files, .file_count = file_count };
}

/* ---- reading ----------------------------------------------------------------------------- */

#define RECORD                                                                                     \
	"{\"type\":\"death\",\"time\":\"2026-11-21T05:45:33.000000007Z\",\"verdict\":\"unread-"    \
	"data\",\"words\":\"w\",\"event\":\"death\",\"socket\":\"full\",\"state\":\"FIN_WAIT2\","  \
	"\"flags\":[\"orphaned\",\"fin-received\"],\"local_address\":\"10.0.0.1\",\"local_port\":" \
	"80,\"remote_address\":\"10.0.0.2\",\"remote_port\":4000,\"snd_una\":4294967295,"          \
	"\"snd_nxt\":5,\"rcv_nxt\":6"

static struct join read_text(const char *text, size_t len)
{
	struct join join = fresh(1);
	FILE *in = fmemopen((char *)text, len, "r");

	assert_non_null(in);
	assert_int_equal(join_read(&join, 0, in), 0);
	fclose(in);
	return join;
}

static void a_record_is_read_whole(void **state)
{
	struct join join = read_text(RECORD "}\r\n", sizeof(RECORD "}\r\n") - 1);
	const struct join_record *r = join.records;

	(void)state;
	expect_number(join.record_count, 1);
	assert_string_equal(r->text, RECORD "}");
	expect_number(r->e.time_ns, 1795239933000000007);
	expect_number(r->verdict, VERDICT_unread_data);
	expect_number(r->e.facts.event, EVENT_DEATH);
	expect_number(r->e.facts.socket, SOCKET_FULL);
	expect_number(r->e.facts.state, ST_FIN_WAIT2);
	expect_number(r->e.facts.flags, FACT_PEER_FIN);
	expect_number(r->e.tuple.lport, 80);
	expect_number(r->e.tuple.rport, 4000);
	expect_number(r->e.tuple.raddr[3], 2);
	expect_number(r->e.snd_una, UINT32_MAX);
	expect_number(r->e.snd_nxt, 5);
	expect_number(r->e.rcv_nxt, 6);
	assert_int_equal(r->host, -1);
	assert_false(r->was_joined);
	join_free(&join);
}

static void hosts_are_those_of_the_last_start_or_of_the_record(void **state)
{
	static const char text[] =
		"tcpwhy: watching\n\n{\"type\":\"start\",\"schema\":1,\"host\":\"a\"}\n" RECORD
		"}\n{\"type\":\"start\",\"schema\":1,\"host\":\"b\"}\n" RECORD "}\n" RECORD
		",\"host\":\"a\",\"other_end\":{}}";
	struct join join = read_text(text, strlen(text));

	(void)state;
	expect_number(join.record_count, 3);
	expect_number(files[0].bad, 0);
	assert_string_equal(join.hosts[join.records[0].host], "a");
	assert_string_equal(join.hosts[join.records[1].host], "b");
	assert_string_equal(join.hosts[join.records[2].host], "a");
	assert_true(join.records[2].was_joined);
	expect_number(join.host_count, 2);
	join_free(&join);
}

/* Each is one line that cannot be used, between two that can. */
static void bad_lines_are_counted_and_the_first_is_named(void **state)
{
	static const struct {
		const char *line, *why;
	} bad[] = {
		{ "{\"type\":\"dea", "the line is cut off" },
		{ "{\"type\":\"death\"", "the line is cut off" },
		{ "x", "no JSON: unexpected character" },
		{ "{} {}", "no JSON: unexpected character" },
		{ "[]", "no object of tcpwhy -j" },
		{ "null", "no object of tcpwhy -j" },
		{ "{\"type\":7}", "no object of tcpwhy -j" },
		{ "{\"type\":\"death\",\"time\":\"2026-11-21T05:45:33Z\"}",
		  "a record without its time, verdict, words or addresses; it takes what tcpwhy -j "
		  "writes without --fields" },
		{ "{\"type\":\"death\",\"time\":\"2026-11-21T05:45:33.000000000Z\",\"verdict\":"
		  "\"new\",\"words\":\"w\",\"local_address\":\"::1\",\"local_port\":1}",
		  "a verdict that this version does not know" },
		{ "\"\xff\"", "no JSON: invalid utf-8 string" },
		{ "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "no JSON: nesting too deep" },
	};
	char text[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int len = snprintf(text, sizeof(text), RECORD "}\n%s\n" RECORD "}", bad[i].line);
		struct join join = read_text(text, len);

		expect_number(join.record_count, 2);
		expect_number(files[0].bad, 1);
		expect_number(files[0].first_bad, 2);
		assert_string_equal(files[0].first_bad_why, bad[i].why);
		join_free(&join);
	}
}

static void times_that_are_not_on_the_calendar_are_refused(void **state)
{
	static const struct {
		const char *time;
		__u64 wall; /* 0: refused */
	} cases[] = {
		{ "1970-01-01T00:00:00.000000001Z", 1 },
		{ "2024-02-29T23:59:59.999999999Z", 1709251199999999999 },
		{ "2026-02-29T00:00:00.000000000Z", 0 },
		{ "2026-00-10T00:00:00.000000000Z", 0 },
		{ "2026-13-10T00:00:00.000000000Z", 0 },
		{ "2026-11-00T00:00:00.000000000Z", 0 },
		{ "2026-11-21T24:00:00.000000000Z", 0 },
		{ "2026-11-21T00:60:00.000000000Z", 0 },
		{ "2026-11-21T00:00:60.000000000Z", 0 },
		{ "1969-12-31T23:59:59.000000000Z", 0 },
		{ "2200-01-01T00:00:00.000000000Z", 0 },
		{ "2026-11-21T00:00:00.000000000", 0 },
		{ "2026-11-21T00:00:00.000000000ZZ", 0 },
		{ "2026-11-21T00:00:00.00000000Z", 0 },
		{ "2026-11-21 00:00:00.000000000Z", 0 },
		{ "+026-11-21T00:00:00.000000000Z", 0 },
		{ "", 0 },
	};
	char text[1024], *at;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		static const char record[] = RECORD "}", key[] = "\"time\":\"";
		struct join join;
		__u64 wall;

		at = strstr(record, key) + sizeof(key) - 1;
		join = read_text(text, snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - record),
						record, cases[i].time, strchr(at, '"')));
		wall = join.record_count ? join.records[0].e.time_ns : 0;
		if (wall != cases[i].wall || join.record_count != !!cases[i].wall)
			fail_msg("%s: %llu, expected %llu", cases[i].time, wall, cases[i].wall);
		join_free(&join);
	}
}

static uint32_t seed;

static uint32_t chance(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

/* Whatever bytes are changed, nothing is worse than a bad line. */
static void spoilt_records_harm_nobody(void **state)
{
	char text[] = RECORD ",\"other_end\":{\"verdict\":\"refused\"}}";
	const size_t len = sizeof(text) - 1;

	(void)state;
	seed = 1;
	for (int i = 0; i < 20000; i++) {
		size_t at = chance() % len;
		char was = text[at];
		struct join join;

		text[at] = chance();
		join = read_text(text, 1 + chance() % len);
		expect_number(join.record_count + files[0].bad > 2, 0);
		join_free(&join);
		text[at] = was;
	}
}

/* ---- joining ----------------------------------------------------------------------------- */

static struct join_record records[2 * MAX];

static void set_end(__u8 address[16], __u16 *port, const char *text, __u16 number)
{
	memset(address, 0, 16);
	assert_int_equal(inet_pton(AF_INET, text, address), 1);
	*port = number;
}

/* Records 0 and 1: a client and its server, in files 0 and 1, as they died. */
static void make_ends(struct join_record *r)
{
	struct join_record *client = &r[0], *server = &r[1];

	memset(r, 0, 2 * sizeof(*r));
	for (int i = 0; i < 2; i++) {
		r[i].e.facts.event = EVENT_DEATH;
		r[i].e.facts.socket = SOCKET_FULL;
		r[i].e.facts.state = ST_ESTABLISHED;
		r[i].e.tuple.family = AF_INET;
		r[i].e.time_ns = 1000000000000;
		r[i].file = i;
		r[i].host = -1;
	}
	set_end(client->e.tuple.laddr, &client->e.tuple.lport, "10.1.0.2", 4000);
	set_end(client->e.tuple.raddr, &client->e.tuple.rport, "10.2.0.2", 80);
	set_end(server->e.tuple.laddr, &server->e.tuple.lport, "10.2.0.2", 80);
	set_end(server->e.tuple.raddr, &server->e.tuple.rport, "10.1.0.2", 4000);
	client->e.snd_una = server->e.rcv_nxt = 1000000;
	client->e.snd_nxt = client->e.snd_una + 45;
	server->e.snd_una = server->e.snd_nxt = client->e.rcv_nxt = 7000000;
	client->verdict = VERDICT_peer_aborted;
	server->verdict = VERDICT_unread_data;
}

static void make_incident(struct join_record *r, __u32 seq)
{
	r->e.facts.event = EVENT_RESET;
	r->e.facts.socket = SOCKET_NONE;
	r->e.seg_seq = seq;
	r->verdict = VERDICT_stray_segment;
}

/* Returns how many are doubtful. */
static uint64_t match(size_t n)
{
	struct join join = fresh(2);
	uint64_t doubtful;

	join.records = records;
	join.record_count = n;
	assert_int_equal(join_match(&join, &doubtful), 0);
	return doubtful;
}

static void expect_joined(size_t a, size_t b, bool nat)
{
	assert_ptr_equal(records[a].other, &records[b]);
	assert_ptr_equal(records[b].other, &records[a]);
	assert_int_equal(records[a].through_nat, nat);
	assert_int_equal(records[b].through_nat, nat);
}

static void expect_alone(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_null(records[i].other);
		assert_false(records[i].through_nat);
	}
}

static void both_ends_are_joined(void **state)
{
	(void)state;
	make_ends(records);
	expect_number(match(2), 0);
	expect_joined(0, 1, false);
	make_ends(records); /* modulo 2^32 */
	records[0].e.snd_una = records[1].e.rcv_nxt = -20;
	records[0].e.snd_nxt = 25;
	records[1].e.rcv_nxt = 3;
	expect_number(match(2), 0);
	expect_joined(0, 1, false);
}

static void what_was_joined_stays(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		make_ends(records);
		records[i].was_joined = true;
		expect_number(match(2), 0);
		expect_alone(2);
	}
}

static void the_same_ports_with_other_numbers_are_strangers(void **state)
{
	(void)state;
	make_ends(records);
	records[1].e.rcv_nxt = records[0].e.snd_nxt + 1;
	expect_number(match(2), 0);
	expect_alone(2);
}

static void a_death_is_preferred_to_a_segment(void **state)
{
	(void)state;
	make_ends(records);
	records[2] = records[1];
	make_incident(&records[2], records[0].e.snd_una);
	expect_number(match(3), 0);
	expect_joined(0, 1, false);
	assert_ptr_equal(records[2].other, &records[0]);
}

/* Of either end, and of both: nothing but the numbers is left then. */
static void through_nat_by_numbers(void **state)
{
	(void)state;
	for (int changed = 1; changed <= 3; changed++) {
		make_ends(records);
		if (changed & 1)
			set_end(records[1].e.tuple.raddr, &records[1].e.tuple.rport, "192.0.2.1",
				61000);
		if (changed & 2)
			set_end(records[0].e.tuple.raddr, &records[0].e.tuple.rport, "192.0.2.9",
				443);
		expect_number(match(2), 0);
		expect_joined(0, 1, true);
	}
}

static void through_nat_a_segment_needs_an_end_that_both_know(void **state)
{
	(void)state;
	for (int changed = 1; changed <= 3; changed++) {
		make_ends(records);
		make_incident(&records[1], records[0].e.snd_una);
		if (changed & 1)
			set_end(records[1].e.tuple.raddr, &records[1].e.tuple.rport, "192.0.2.1",
				61000);
		if (changed & 2)
			set_end(records[0].e.tuple.raddr, &records[0].e.tuple.rport, "192.0.2.9",
				443);
		expect_number(match(2), 0);
		if (changed == 3)
			expect_alone(2);
		else
			expect_joined(0, 1, true);
	}
}

static void of_two_candidates_through_nat_neither_is_taken(void **state)
{
	(void)state;
	make_ends(records);
	set_end(records[1].e.tuple.raddr, &records[1].e.tuple.rport, "192.0.2.1", 61000);
	records[2] = records[1];
	records[2].e.tuple.rport = 61001;
	expect_number(match(3), 3);
	expect_alone(3);
}

static void what_may_be_chance_through_nat_is_not_taken(void **state)
{
	(void)state;
	make_ends(records);
	set_end(records[1].e.tuple.raddr, &records[1].e.tuple.rport, "192.0.2.1", 61000);
	make_incident(&records[1], records[0].e.snd_una);
	records[0].e.snd_nxt = records[0].e.snd_una + (1 << 20); /* one of 4096 strangers fits */
	expect_number(match(2), 2);
	expect_alone(2);
}

static void a_socket_in_syn_sent_expects_nothing(void **state)
{
	(void)state;
	make_ends(records);
	set_end(records[1].e.tuple.raddr, &records[1].e.tuple.rport, "192.0.2.1", 61000);
	records[0].e.facts.state = ST_SYN_SENT;
	expect_number(match(2), 0);
	expect_alone(2);
}

/* A thousand connections, and as many strangers on the same ports: none is joined wrongly. */
static void strangers_are_never_joined(void **state)
{
	const size_t pairs = 1000;
	struct join_record *many = calloc(4 * pairs, sizeof(*many));
	struct join join = fresh(2);
	uint64_t doubtful;

	(void)state;
	assert_non_null(many);
	seed = 3;
	for (size_t i = 0; i < 2 * pairs; i++) {
		struct join_record *r = &many[2 * i];
		__u32 ours = chance() << 8 | i, theirs = chance() << 10 | i;

		make_ends(r);
		r[0].e.tuple.lport = r[1].e.tuple.rport = 10000 + i;
		if (i % 2)
			r[1].e.tuple.rport = 20000 + i;
		r[0].e.snd_una += ours;
		r[0].e.snd_nxt += ours;
		r[1].e.rcv_nxt += ours;
		r[0].e.rcv_nxt += theirs;
		r[1].e.snd_una = r[1].e.snd_nxt = r[0].e.rcv_nxt + (i % 4 > 1 ? 1 : 0);
	}
	join.records = many;
	join.record_count = 4 * pairs;
	assert_int_equal(join_match(&join, &doubtful), 0);
	expect_number(doubtful, 0);
	for (size_t i = 0; i < 2 * pairs; i++) {
		assert_ptr_equal(many[2 * i].other, i % 4 > 1 ? NULL : &many[2 * i + 1]);
		assert_ptr_equal(many[2 * i + 1].other, i % 4 > 1 ? NULL : &many[2 * i]);
		assert_int_equal(many[2 * i].through_nat, i % 4 == 1);
	}
	free(many);
}

/* ---- clocks ------------------------------------------------------------------------------ */

#define SECOND 1000000000LL

/* Two ends in these files, the second later by so much. */
static void add_pair(struct join *join, unsigned int first, unsigned int second, int64_t later)
{
	struct join_record *r = &records[join->record_count];

	make_ends(r);
	r[0].file = first;
	r[1].file = second;
	r[1].e.time_ns += later;
	r[0].other = &r[1];
	r[1].other = &r[0];
	join->records = records;
	join->record_count += 2;
}

static void expect_clock(unsigned int file, int64_t ahead, uint64_t samples)
{
	assert_true(files[file].clock_known);
	assert_int_equal(files[file].clock_ahead_ns, ahead);
	expect_number(files[file].clock_samples, samples);
}

static void a_clock_is_ahead_by_the_median(void **state)
{
	struct join join = fresh(2);

	(void)state;
	add_pair(&join, 0, 1, 5 * SECOND);
	add_pair(&join, 1, 0, -7 * SECOND);
	add_pair(&join, 0, 1, 90 * SECOND);
	assert_int_equal(join_clocks(&join), 0);
	expect_clock(0, 0, 0);
	expect_clock(1, 7 * SECOND, 3);
}

static void clocks_are_known_by_way_of_others(void **state)
{
	struct join join = fresh(4);

	(void)state;
	add_pair(&join, 2, 1, -3 * SECOND);
	add_pair(&join, 2, 0, -10 * SECOND);
	assert_int_equal(join_clocks(&join), 0);
	expect_clock(2, 10 * SECOND, 1);
	expect_clock(1, 7 * SECOND, 1);
	assert_false(files[3].clock_known);
	assert_int_equal(files[3].clock_ahead_ns, 0);
}

static void deaths_that_need_not_be_at_one_time_tell_nothing(void **state)
{
	struct join join = fresh(2);

	(void)state;
	add_pair(&join, 0, 1, 5 * SECOND);
	records[0].verdict = VERDICT_retransmit_timeout;
	records[1].verdict = VERDICT_linger_zero;
	assert_int_equal(join_clocks(&join), 0);
	assert_false(files[1].clock_known);
}

static void the_way_is_not_the_clock(void **state)
{
	struct join join = fresh(2);

	(void)state;
	add_pair(&join, 0, 1, -40 * SECOND / 1000);
	records[0].e.facts.srtt_us = 79000;
	assert_int_equal(join_clocks(&join), 0);
	expect_clock(1, 0, 1); /* within 1 ms */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_read_whole),
		cmocka_unit_test(hosts_are_those_of_the_last_start_or_of_the_record),
		cmocka_unit_test(bad_lines_are_counted_and_the_first_is_named),
		cmocka_unit_test(times_that_are_not_on_the_calendar_are_refused),
		cmocka_unit_test(spoilt_records_harm_nobody),
		cmocka_unit_test(both_ends_are_joined),
		cmocka_unit_test(what_was_joined_stays),
		cmocka_unit_test(the_same_ports_with_other_numbers_are_strangers),
		cmocka_unit_test(a_death_is_preferred_to_a_segment),
		cmocka_unit_test(through_nat_by_numbers),
		cmocka_unit_test(through_nat_a_segment_needs_an_end_that_both_know),
		cmocka_unit_test(of_two_candidates_through_nat_neither_is_taken),
		cmocka_unit_test(what_may_be_chance_through_nat_is_not_taken),
		cmocka_unit_test(a_socket_in_syn_sent_expects_nothing),
		cmocka_unit_test(strangers_are_never_joined),
		cmocka_unit_test(a_clock_is_ahead_by_the_median),
		cmocka_unit_test(clocks_are_known_by_way_of_others),
		cmocka_unit_test(deaths_that_need_not_be_at_one_time_tell_nothing),
		cmocka_unit_test(the_way_is_not_the_clock),
	};

	return cmocka_run_group_tests_name("join", tests, NULL, NULL);
}
