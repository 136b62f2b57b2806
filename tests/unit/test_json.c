// SPDX-License-Identifier: GPL-2.0-only
/* JSON Lines: names that are any bytes, fields that are absent where nothing is known, whole lines.
 */
#include "expect.h"

#include <stdio.h>

#include "clock.h"
#include "escape.h"
#include "sink.h"

static const struct options json_options = { .format = FORMAT_JSON };

static void expect_same(const char *seen, const char *expected)
{
	if (!strcmp(seen, expected))
		return;
	print_error("seen:     '%s'\nexpected: '%s'\n", seen, expected);
	fail();
}

/* ---- names ------------------------------------------------------------------------------- */

static void names_are_valid_utf8_and_tell_their_bytes(void **state)
{
	static const struct {
		const char *bytes, *expected;
	} names[] = {
		{ "nginx", "nginx" },
		{ "Web Content", "Web Content" },
		{ "a\"b'c", "a\"b'c" },
		{ "back\\slash", "back\\x5cslash" },
		{ "\\x41", "\\x5cx41" }, /* is not "A" */
		{ "tab\tnl\nesc\033", "tab\\x09nl\\x0aesc\\x1b" },
		{ "del\x7f", "del\\x7f" },
		{ "n\xc3\xa4rrisch", "n\xc3\xa4rrisch" },
		{ "\xe6\xbc\xa2\xf0\x9f\x90\xa7", "\xe6\xbc\xa2\xf0\x9f\x90\xa7" },
		{ "\xff\xfe", "\\xff\\xfe" },
		{ "\xc3", "\\xc3" },                            /* cut */
		{ "\xe6\xbc", "\\xe6\\xbc" },                   /* cut */
		{ "\xc3(", "\\xc3(" },                          /* no continuation */
		{ "\xa4", "\\xa4" },                            /* only a continuation */
		{ "\xc0\xaf", "\\xc0\\xaf" },                   /* overlong '/' */
		{ "\xe0\x80\xaf", "\\xe0\\x80\\xaf" },          /* the same */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },          /* a surrogate */
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* beyond Unicode */
		{ "\xc2\x85", "\\xc2\\x85" },                   /* C1: next line */
		{ "\xe2\x80\xa8", "\\xe2\\x80\\xa8" },          /* U+2028 */
		/* NOLINTNEXTLINE(misc-misleading-bidirectional): that is what is tested */
		{ "a\xe2\x80\xae"
		  "b",
		  "a\\xe2\\x80\\xaeb" },               /* turns what follows */
		{ "\xef\xbb\xbf", "\\xef\\xbb\\xbf" }, /* byte order mark */
		{ "", "" },
	};
	char text[ESCAPED_SIZE(16)];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		escape_utf8(text, sizeof(text), names[i].bytes, strlen(names[i].bytes));
		expect_same(text, names[i].expected);
	}
}

static void names_end_at_their_length_or_size(void **state)
{
	char text[ESCAPED_SIZE(16)], little[8];

	(void)state;
	escape_utf8(text, sizeof(text), "ab\xc3\xa4", 3); /* cut in the middle of a character */
	expect_same(text, "ab\\xc3");
	escape_utf8(little, sizeof(little), "\xff\xff\xff", 3);
	expect_same(little, "\\xff");
}

/* ---- lines ------------------------------------------------------------------------------- */

/* What the sink writes of the record, without its times. */
static void write_record(char *out, size_t size, const struct options *o, const struct evidence *e)
{
	struct record r = { .e = e, .verdict = classify(&e->facts) };
	FILE *file = fmemopen(out, size, "w");
	struct sink sink;

	sink_open(&sink, o, file);
	sink.ops->record(&sink, &r);
	fclose(file);
}

static struct options options_with(const char *fields)
{
	struct options o = json_options;
	struct failure why;

	assert_int_equal(field_list_parse(&o.fields, fields, &why), 0);
	return o;
}

static void what_is_not_known_is_absent(void **state)
{
	const struct options o =
		options_with("type,verdict,pid,comm,unit,srtt_us,closed_ms,full_ms,"
			     "remote_port,bytes_unread,heard_ms,fd,other_end");
	struct evidence e = { .facts = { .event = EVENT_SYN_DROP,
					 .socket = SOCKET_LISTEN,
					 .state = ST_LISTEN,
					 .flags = FACT_QUEUE_FULL },
			      .tuple = { .family = 2, .lport = 80 },
			      .count = 1 };
	char line[4096];

	(void)state;
	write_record(line, sizeof(line), &o, &e);
	expect_same(line, "{\"type\":\"incident\",\"verdict\":\"accept-overflow\"}\n");
	e.full_ms = 12;
	e.owner.pid = 812;
	e.owner.source = OWNER_LISTENER;
	strcpy(e.owner.comm, "a\"\xff");
	write_record(line, sizeof(line), &o, &e);
	expect_same(line, "{\"type\":\"incident\",\"verdict\":\"accept-overflow\",\"pid\":812,"
			  "\"comm\":\"a\\\"\\\\xff\",\"full_ms\":12}\n");
}

/* A socket that has not been connected has not heard of anybody: its time stamps mean nothing. */
static void a_socket_that_connects_has_heard_of_nobody(void **state)
{
	const struct options o = options_with("verdict,bytes_unread,heard_ms,sent_ms,segs_out");
	struct evidence e = { .facts = { .event = EVENT_DEATH,
					 .socket = SOCKET_FULL,
					 .state = ST_SYN_SENT,
					 .err = ERR_TIMEDOUT,
					 .heard_ms = 7,
					 .sent_ms = 7,
					 .segs_out = 3 },
			      .count = 1 };
	char line[4096];

	(void)state;
	write_record(line, sizeof(line), &o, &e);
	expect_same(line, "{\"verdict\":\"connect-timeout\",\"bytes_unread\":0,\"segs_out\":3}\n");
	e.facts.state = ST_ESTABLISHED;
	write_record(line, sizeof(line), &o, &e);
	expect_part(line, "\"heard_ms\":7,\"sent_ms\":7");
}

static void numbers_are_whole(void **state)
{
	const struct options o = options_with("bytes_received,bytes_unread,probes_out,local_port");
	struct evidence e = { .facts = { .event = EVENT_DEATH,
					 .socket = SOCKET_FULL,
					 .bytes_received = UINT64_MAX,
					 .unread = UINT32_MAX,
					 .probes_out = UINT8_MAX },
			      .tuple = { .lport = UINT16_MAX },
			      .count = 1 };
	char line[4096];

	(void)state;
	write_record(line, sizeof(line), &o, &e);
	expect_same(line, "{\"bytes_received\":18446744073709551615,\"bytes_unread\":4294967295,"
			  "\"probes_out\":255,\"local_port\":65535}\n");
}

static void what_is_withheld_is_said(void **state)
{
	char line[4096] = "";
	FILE *file = fmemopen(line, sizeof(line), "w");
	struct withheld withheld = { .until = 5, .verdict = VERDICT_refused, .n = 4999 };
	struct sink sink;

	(void)state;
	sink_open(&sink, &json_options, file);
	sink.ops->withheld(&sink, &withheld);
	fclose(file);
	expect_part(line, "{\"type\":\"withheld\",\"time\":\"");
	expect_part(line, "\"monotonic_ns\":5,\"verdict\":\"refused\",\"count\":4999}\n");
}

/* Each write(2) would be what this gets. */
static ssize_t expect_whole_lines(void *cookie, const char *text, size_t len)
{
	size_t *writes = cookie;

	(*writes)++;
	if (len && text[len - 1] == '\n')
		return len;
	print_error("write %zu of %zu bytes ends in the middle of a line\n", *writes, len);
	fail();
	return 0;
}

static void no_line_is_torn(void **state)
{
	const struct evidence e = { .facts = { .event = EVENT_DEATH, .socket = SOCKET_FULL },
				    .count = 1 };
	struct record r = { .e = &e, .other = &e, .verdict = classify(&e.facts) };
	cookie_io_functions_t functions = { .write = expect_whole_lines };
	static char buffer[65536];
	size_t writes = 0;
	FILE *file = fopencookie(&writes, "w", functions);
	struct sink sink;

	(void)state;
	setvbuf(file, buffer, _IOFBF, sizeof(buffer));
	sink_open(&sink, &json_options, file);
	for (int i = 0; i < 200; i++)
		sink.ops->record(&sink, &r);
	fclose(file);
	expect_at_most(5, writes);
	expect_at_most(writes, 20);
}

/* Two lines tell the time of one event: as its own, and as the other end's. */
static void one_event_has_one_time(void **state)
{
	const uint64_t first = wall_ns(5);

	(void)state;
	for (int i = 0; i < 100000; i++)
		expect_number(wall_ns(5), first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_valid_utf8_and_tell_their_bytes),
		cmocka_unit_test(names_end_at_their_length_or_size),
		cmocka_unit_test(what_is_not_known_is_absent),
		cmocka_unit_test(a_socket_that_connects_has_heard_of_nobody),
		cmocka_unit_test(numbers_are_whole),
		cmocka_unit_test(what_is_withheld_is_said),
		cmocka_unit_test(no_line_is_torn),
		cmocka_unit_test(one_event_has_one_time),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
