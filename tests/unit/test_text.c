// SPDX-License-Identifier: GPL-2.0-only
/*
 * What people read: names escaped, the evidence in words, one line in columns. The words stand
 * behind a verdict in a report, so the decisive ones are tested to the letter.
 */
#include "expect.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "escape.h"
#include "facts_for.h"
#include "render_text.h"
#include "story.h"

#define GUARD '\x55'

/* A shell that a hostile name would act on: colour, title, newline, then a column of its own. */
static const char hostile[TASK_NAME_LEN] = "\033[2J\n \t\\x\x80\xff\x7f  x";

static void expect_text_at(const char *seen, const char *expected, const char *file, int line)
{
	if (!strcmp(seen, expected))
		return;
	print_error("seen: '%s', expected: '%s'\n", seen, expected);
	_fail(file, line);
}

#define expect_text(seen, expected) expect_text_at(seen, expected, __FILE__, __LINE__)

/* Visible ASCII and single blanks only. */
static void expect_harmless(const char *text)
{
	for (const char *c = text; *c; c++)
		if (!isprint((unsigned char)*c))
			fail_msg("byte seen: %#x at %td of '%s', expected: visible ASCII",
				 (unsigned char)*c, c - text, text);
	expect_no_part(text, "  ");
}

/* ---- escaping ---------------------------------------------------------------------------- */

static void expect_escaped(const char *s, size_t n, const char *expected)
{
	char out[256];

	escape_text(out, sizeof(out), s, n);
	expect_text(out, expected);
}

static void visible_ascii_stays(void **state)
{
	char text[0x7f - 0x21 + 1] = "";
	size_t n = 0;

	(void)state;
	for (int c = '!'; c <= '~'; c++)
		if (c != '\\')
			text[n++] = c;
	expect_escaped(text, n, text);
}

static void all_other_bytes_are_escaped(void **state)
{
	(void)state;
	for (int c = 1; c < 256; c++) {
		char in = c, expected[8];

		if (c > ' ' && c < 0x7f && c != '\\')
			continue;
		snprintf(expected, sizeof(expected), "\\x%02x", c);
		expect_escaped(&in, 1, expected);
	}
}

static void terminal_sequences_lose_their_power(void **state)
{
	(void)state;
	expect_escaped("\033[31mred", 8, "\\x1b[31mred");
	expect_escaped("\033]0;t\a", 6, "\\x1b]0;t\\x07");
	expect_escaped("\xc2\x9b"
		       "1m",
		       4, "\\xc2\\x9b1m"); /* CSI in UTF-8 */
	expect_escaped("a\r\nb", 4, "a\\x0d\\x0ab");
}

/* A name that imitates an escape must not read like one. */
static void backslash_is_escaped_too(void **state)
{
	(void)state;
	expect_escaped("\\x20", 4, "\\x5cx20");
	expect_escaped(" ", 1, "\\x20");
}

static void text_ends_at_its_nul_or_its_size(void **state)
{
	(void)state;
	expect_escaped("ab\0cd", 5, "ab");
	expect_escaped("abcd", 2, "ab");
	expect_escaped("", 0, "");
	expect_escaped("x", 0, "");
}

/* The kernel terminates comm; a corrupt record need not. */
static void name_without_an_end_is_read_no_further(void **state)
{
	struct {
		char comm[TASK_NAME_LEN];
		char beyond[4];
	} task;

	(void)state;
	memset(task.comm, 'a', sizeof(task.comm));
	memcpy(task.beyond, "zzz", sizeof(task.beyond));
	expect_escaped(task.comm, sizeof(task.comm), "aaaaaaaaaaaaaaaa");
}

/* Escapes into size bytes, of which not one more may be written. */
static void expect_fit(const char *s, size_t size, const char *expected)
{
	char out[128];

	memset(out, GUARD, sizeof(out));
	escape_text(out, size, s, strlen(s));
	expect_text(out, expected);
	for (size_t i = size; i < sizeof(out); i++)
		if (out[i] != GUARD)
			fail_msg("written at %zu: %#x, expected: nothing beyond %zu", i,
				 (unsigned char)out[i], size);
}

static void output_is_cut_to_fit(void **state)
{
	(void)state;
	expect_fit("\x01\x02", 1, "");
	expect_fit("\x01\x02", 4, "");
	expect_fit("\x01\x02", 5, "\\x01");
	expect_fit("\x01\x02", 8, "\\x01");
	expect_fit("\x01\x02", 9, "\\x01\\x02");
	expect_fit("ab", 1, "");
	expect_fit("ab", 5, "a");
	expect_fit("ab", ESCAPED_SIZE(2), "ab");
}

/* ESCAPED_SIZE() has room for the worst. */
static void worst_name_fits_exactly(void **state)
{
	char worst[TASK_NAME_LEN + 1] = "", out[ESCAPED_SIZE(TASK_NAME_LEN) + 1];

	(void)state;
	memset(worst, '\xff', TASK_NAME_LEN);
	out[sizeof(out) - 1] = GUARD;
	escape_text(out, sizeof(out) - 1, worst, TASK_NAME_LEN);
	expect_number(strlen(out), UINT64_C(4) * TASK_NAME_LEN);
	expect_number(out[sizeof(out) - 1], GUARD);
}

/* ---- words ------------------------------------------------------------------------------- */

/* All facts are one byte, again and again; strings are cut in the middle of anything. */
static void expect_words_fit(enum verdict verdict, int byte, size_t size)
{
	char words[1024];
	struct evidence e;

	memset(&e, byte, sizeof(e));
	memset(words, GUARD, sizeof(words));
	story_words(words, size, &e, verdict);
	if (!memchr(words, '\0', size))
		fail_msg("%s: no end seen within %zu bytes", verdict_text(verdict)->name, size);
	expect_harmless(words);
	for (size_t i = size; i < sizeof(words); i++)
		if (words[i] != GUARD)
			fail_msg("%s: written at %zu, expected: nothing beyond %zu",
				 verdict_text(verdict)->name, i, size);
}

static void any_words_fit_and_do_no_harm(void **state)
{
	static const size_t sizes[] = { 1, 2, 10, 100, 512 };

	(void)state;
	for (int v = 0; v <= VERDICT_COUNT - 1; v++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			expect_words_fit(v, 0, sizes[i]);
			expect_words_fit(v, 0xff, sizes[i]);
			expect_words_fit(v, 0x01, sizes[i]);
		}
}

static void every_verdict_has_words(void **state)
{
	char words[512];
	struct evidence e = {};

	(void)state;
	for (int v = 0; v < VERDICT_COUNT; v++) {
		story_words(words, sizeof(words), &e, v);
		if (!*words)
			fail_msg("%s: no words seen", verdict_text(v)->name);
	}
}

static struct evidence death(void)
{
	struct evidence e = {
		.facts = {
			.event = EVENT_DEATH,
			.socket = SOCKET_FULL,
			.state = ST_ESTABLISHED,
			.flags = FACT_ATTACHED | FACT_TSTAMP_OK,
		},
		.count = 1,
	};

	return e;
}

/* The words for these facts, with the verdict that the rules give. */
static const char *words_of(const struct evidence *e)
{
	static char words[512];

	story_words(words, sizeof(words), e, classify(&e->facts));
	return words;
}

static struct evidence unread_data(__u32 bytes)
{
	struct evidence e = death();

	e.facts.flags |= FACT_OWNED;
	e.facts.shutdown = SHUT_BOTH;
	e.facts.unread = bytes;
	return e;
}

static void words_count_unread_bytes(void **state)
{
	struct evidence e = unread_data(45);

	(void)state;
	expect_verdict(&e.facts, VERDICT_unread_data);
	expect_part(words_of(&e), "45 bytes unread");
	e = unread_data(1);
	expect_part(words_of(&e), "1 byte unread");
}

static struct evidence keepalive_timeout(__u8 probes, __u32 user_timeout_ms)
{
	struct evidence e = death();

	e.facts.flags |= FACT_KEEPALIVE;
	e.facts.err = ERR_TIMEDOUT;
	e.facts.probes_out = probes;
	e.facts.user_timeout_ms = user_timeout_ms;
	e.keepalive_probes = 5;
	e.keepalive_time_ms = 3000;
	e.keepalive_intvl_ms = 2000;
	return e;
}

static void words_count_probes(void **state)
{
	struct evidence e = keepalive_timeout(1, 2000);

	(void)state;
	expect_verdict(&e.facts, VERDICT_keepalive_user_timeout);
	expect_part(words_of(&e), "1 of 5 probes unanswered");
	expect_part(words_of(&e), "time 3.00 s, interval 2.00 s");
	expect_part(words_of(&e), "TCP_USER_TIMEOUT 2.00 s");
	e = keepalive_timeout(5, 0);
	expect_verdict(&e.facts, VERDICT_keepalive_timeout);
	expect_part(words_of(&e), "5 of 5 probes unanswered");
	expect_no_part(words_of(&e), "TCP_USER_TIMEOUT");
}

/* The first probe leaves after the time, and is judged one interval later. */
static void one_lost_probe_is_enough_up_to_time_and_interval(void **state)
{
	struct evidence e = keepalive_timeout(1, 5000);

	(void)state;
	expect_part(words_of(&e), "so one lost probe is enough");
	e.facts.user_timeout_ms = 4999;
	expect_part(words_of(&e), "so one lost probe is enough");
	e.facts.user_timeout_ms = 1;
	expect_part(words_of(&e), "so one lost probe is enough");
	e.facts.user_timeout_ms = 5001;
	expect_no_part(words_of(&e), "one lost probe");
	expect_part(words_of(&e), "replaces the count of probes");
}

static void words_tell_how_the_process_died(void **state)
{
	struct evidence e = unread_data(45);

	(void)state;
	e.owner.exit_code = 9;
	expect_no_part(words_of(&e), "process"); /* it lives: the code means nothing yet */
	e.owner.exiting = 1;
	expect_part(words_of(&e), "45 bytes unread");
	expect_part(words_of(&e), "killed by signal 9 (Killed)");
	e.owner.exit_code = 11 | 0x80; /* with a core */
	expect_part(words_of(&e), "killed by signal 11 (");
	e.owner.exit_code = 3 << 8;
	expect_part(words_of(&e), "exited with status 3");
	expect_no_part(words_of(&e), "signal");
	e.owner.exit_code = 0;
	expect_part(words_of(&e), "exited with status 0");
}

static struct evidence half_closed_reuse(void)
{
	struct evidence e = death();

	e.facts.state = ST_CLOSE_WAIT;
	e.facts.flags |= FACT_PEER_FIN;
	e.facts.err = ERR_PIPE;
	e.facts.shutdown = 1;
	e.facts.unacked = 120;
	e.facts.heard_ms = 2640;
	e.facts.sent_ms = 40;
	e.facts.tick_us = 4000;
	return e;
}

static void words_tell_the_silence_before_the_write(void **state)
{
	struct evidence e = half_closed_reuse();

	(void)state;
	expect_verdict(&e.facts, VERDICT_half_closed_reuse);
	expect_part(words_of(&e), "peer had closed; wrote 120 bytes 2.60 s later");
	e.fin_silence_ms = 10000;
	expect_part(words_of(&e),
		    "peer closed after 10 s of silence; wrote 120 bytes 2.60 s later");
}

/* Written and closed at once: our FIN has a number, but nobody wrote it. */
static void words_do_not_count_the_fin(void **state)
{
	struct evidence e = half_closed_reuse();

	(void)state;
	e.facts.state = ST_LAST_ACK;
	e.facts.err = ERR_CONNRESET;
	e.facts.shutdown = SHUT_BOTH;
	e.facts.unacked = 121;
	expect_verdict(&e.facts, VERDICT_half_closed_reuse);
	expect_part(words_of(&e), "wrote 120 bytes");
}

static struct evidence orderly(void)
{
	struct evidence e = death();

	e.facts.state = ST_LAST_ACK;
	e.facts.bytes_acked = 302;
	e.facts.bytes_received = 4096;
	return e;
}

/* RFC 4898 counts our SYN and our FIN among the bytes. */
static void words_do_not_count_syn_and_fin_as_sent(void **state)
{
	struct evidence e = orderly();

	(void)state;
	expect_part(words_of(&e), "300 bytes sent and acknowledged, 4096 received");
	e.facts.flags |= FACT_PASSIVE; /* our SYN went with the SYN-ACK, before the socket */
	expect_part(words_of(&e), "301 bytes sent");
	e.facts.bytes_acked = 0; /* never less than nothing */
	expect_part(words_of(&e), "0 bytes sent");
}

static void words_tell_who_sent_the_reset(void **state)
{
	struct evidence e = death();

	(void)state;
	e.facts.err = ERR_CONNRESET;
	e.facts.bytes_received = 10;
	expect_verdict(&e.facts, VERDICT_peer_forgot);
	expect_part(words_of(&e), "RST by no living socket in ESTABLISHED");
	e.facts.flags |= FACT_SAW_TSTAMP;
	expect_part(words_of(&e), "RST by a living socket");
	expect_no_part(words_of(&e), "likely");
	e.facts.flags &= ~(FACT_TSTAMP_OK | FACT_SAW_TSTAMP);
	expect_part(words_of(&e), "RST without timestamps");
	expect_part(words_of(&e), "likely: ");
}

/* Data that was written into a long silence, and never answered, does not end it. */
static void words_tell_the_silence_before_a_reset(void **state)
{
	struct evidence e = death();

	(void)state;
	e.facts.err = ERR_CONNRESET;
	e.facts.heard_ms = 61000;
	e.facts.sent_ms = 2000;
	e.facts.bytes_received = 10;
	expect_part(words_of(&e), "after 2.00 s of silence");
	e.facts.unacked = 120;
	expect_part(words_of(&e), "after 61 s of silence, 120 bytes unacknowledged");
	e.facts.unacked = 1;
	expect_part(words_of(&e), ", 1 byte unacknowledged");
}

static struct evidence retransmit_timeout(void)
{
	struct evidence e = death();

	e.facts.err = ERR_TIMEDOUT;
	e.facts.unacked = 100;
	e.facts.unsent = 20;
	e.facts.snd_wnd = 65536;
	e.facts.retransmits = 15;
	e.facts.heard_ms = 924000;
	e.retries = 15;
	return e;
}

static void words_tell_what_limited_the_retransmissions(void **state)
{
	struct evidence e = retransmit_timeout();

	(void)state;
	expect_part(words_of(&e), "120 bytes unacknowledged after 15 retransmissions");
	expect_part(words_of(&e), "peer last heard 924 s ago, tcp_retries2 15");
	e.facts.user_timeout_ms = 3000;
	e.facts.retransmits = 1;
	expect_part(words_of(&e), "after 1 retransmission,");
	expect_part(words_of(&e), "TCP_USER_TIMEOUT 3.00 s");
	expect_no_part(words_of(&e), "tcp_retries2");
	e.facts.err = e.facts.err_soft = 113;
	expect_verdict(&e.facts, VERDICT_unreachable);
	expect_part(words_of(&e), "ICMP said: No route to host");
}

/* The silence before it can't be told from a busy connection's if it is short. */
static void words_tell_the_silence_before_the_lost_write(void **state)
{
	struct evidence e = retransmit_timeout();

	(void)state;
	expect_no_part(words_of(&e), "written after");
	e.written_ms = 914000;
	expect_part(words_of(&e), "peer last heard 924 s ago, written after about 10 s of silence");
	e.written_ms = 923001;
	expect_no_part(words_of(&e), "written after");
	e.written_ms = 925000; /* an ACK of something older came in between */
	expect_no_part(words_of(&e), "written after");
}

static void words_tell_what_limited_an_orphan(void **state)
{
	struct evidence e = retransmit_timeout();

	(void)state;
	e.facts.flags |= FACT_DEAD;
	e.retries = 2;
	expect_verdict(&e.facts, VERDICT_orphan_timeout);
	expect_part(words_of(&e), ", tcp_orphan_retries 2");
	expect_no_part(words_of(&e), "tcp_retries2");
}

/* The rest is in ESTABLISHED or CLOSE_WAIT: so EstabResets can be told from the lines. */
static void words_tell_an_unusual_state(void **state)
{
	struct evidence e = retransmit_timeout();

	(void)state;
	expect_no_part(words_of(&e), "ESTABLISHED");
	e.facts.state = ST_CLOSE_WAIT;
	expect_no_part(words_of(&e), "CLOSE_WAIT");
	e.facts.state = ST_LAST_ACK;
	expect_part(words_of(&e), ", in LAST_ACK");
	e = unread_data(45);
	expect_no_part(words_of(&e), ", in ");
	e.facts.state = ST_FIN_WAIT2;
	expect_part(words_of(&e), "RST was sent, in FIN_WAIT2");
}

static void words_give_times_as_precisely_as_useful(void **state)
{
	static const struct {
		__u32 ms;
		const char *words;
	} times[] = {
		{ 0, " 0 ms ago" },        { 999, " 999 ms ago" },  { 1000, " 1.00 s ago" },
		{ 1509, " 1.50 s ago" },   { 9999, " 9.99 s ago" }, { 10000, " 10 s ago" },
		{ ~0u, " 4294967 s ago" },
	};
	struct evidence e = retransmit_timeout();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		e.facts.heard_ms = times[i].ms;
		expect_part(words_of(&e), times[i].words);
	}
}

static struct evidence accept_overflow(void)
{
	struct evidence e = {
		.facts = {
			.event = EVENT_SYN_DROP,
			.socket = SOCKET_LISTEN,
			.state = ST_LISTEN,
			.flags = FACT_QUEUE_FULL,
		},
		.backlog = 2,
		.backlog_max = 1,
		.count = 3,
	};

	return e;
}

static void words_tell_the_queue_and_its_limit(void **state)
{
	struct evidence e = accept_overflow();

	(void)state;
	expect_part(words_of(&e), "3 SYNs dropped; accept queue 2 of limit 1");
	e.count = 1;
	expect_part(words_of(&e), "1 SYN dropped");
	e.facts.event = EVENT_ACK_DROP;
	expect_part(words_of(&e), "last ACK of a handshake dropped; accept queue 2 of limit 1");
}

static void words_tell_what_was_answered(void **state)
{
	struct evidence e = { .facts = { .event = EVENT_RESET, .flags = FACT_SEG_SYN } };

	(void)state;
	expect_part(words_of(&e), "RST sent in answer to a SYN");
	e.facts.flags = FACT_SEG_ACK;
	expect_part(words_of(&e), "in answer to an ACK");
	e.facts.flags |= FACT_SEG_FIN;
	expect_part(words_of(&e), "in answer to a FIN");
	e.seg_len = 45;
	expect_part(words_of(&e), "in answer to 45 bytes");
}

/* The line that people are asked to report. */
static void unknown_shows_its_facts(void **state)
{
	struct evidence e = death();

	(void)state;
	e.facts.err = 12345;
	e.facts.unacked = 777;
	expect_verdict(&e.facts, VERDICT_unknown);
	expect_part(words_of(&e), "ESTABLISHED err 12345");
	expect_part(words_of(&e), "unacked 777");
}

/* ---- one line ---------------------------------------------------------------------------- */

static struct evidence with_tuple(const char *local, const char *remote)
{
	struct evidence e = unread_data(45);
	int family = strchr(local, ':') ? AF_INET6 : AF_INET;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	e.time_ns = now.tv_sec * 1000000000ULL + now.tv_nsec;
	e.tuple.family = family;
	e.tuple.lport = 3306;
	e.tuple.rport = 65535;
	assert_int_equal(inet_pton(family, local, e.tuple.laddr), 1);
	assert_int_equal(inet_pton(family, remote, e.tuple.raddr), 1);
	e.owner.pid = 812;
	memcpy(e.owner.comm, "mysqld", 7);
	return e;
}

#define COLUMNS 5

struct columns {
	char line[2048];
	char *text[COLUMNS];
	size_t n;
};

/* Two blanks or more separate columns; a line has one newline, at its end. */
static void split(struct columns *c, char *line)
{
	char *end = strchr(line, '\n');

	if (!end || end[1])
		fail_msg("seen: '%s', expected: one line", line);
	*end = '\0';
	c->n = 0;
	for (char *at = line; at; c->n++) {
		char *gap = strstr(at, "  ");

		if (c->n < COLUMNS)
			c->text[c->n] = at;
		if (gap)
			*gap = '\0';
		at = gap ? gap + 2 + strspn(gap + 2, " ") : NULL;
	}
}

static void joined_line_of(struct columns *c, const struct evidence *e,
			   const struct evidence *other)
{
	enum verdict verdict = classify(&e->facts);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	text_evidence(out, e, other);
	fclose(out);
	expect_at_most(size, sizeof(c->line) - 1);
	memcpy(c->line, text, size + 1);
	free(text);
	split(c, c->line);
	expect_number(c->n, COLUMNS);
	for (size_t i = 0; i < COLUMNS; i++)
		expect_harmless(c->text[i]);
	expect_text(c->text[1], verdict_text(verdict)->name);
}

static void line_of(struct columns *c, const struct evidence *e)
{
	joined_line_of(c, e, NULL);
	expect_no_part(c->text[COLUMNS - 1], "other end");
}

static void expect_line(const struct evidence *e, const char *process, const char *tuple)
{
	struct columns c;

	line_of(&c, e);
	expect_text(c.text[2], process);
	expect_text(c.text[3], tuple);
}

static void line_for_ipv4(void **state)
{
	struct evidence e = with_tuple("10.0.0.1", "255.255.255.255");
	struct columns c;

	(void)state;
	expect_line(&e, "mysqld[812]", "10.0.0.1:3306 -> 255.255.255.255:65535");
	line_of(&c, &e);
	expect_text(c.text[4], "closed with 45 bytes unread, so RST was sent");
}

static void line_for_ipv6(void **state)
{
	struct evidence e = with_tuple("fe80::1", "2001:db8:1111:2222:3333:4444:5555:6666");

	(void)state;
	expect_line(&e, "mysqld[812]",
		    "[fe80::1]:3306 -> [2001:db8:1111:2222:3333:4444:5555:6666]:65535");
}

/* What an IPv6 socket shows for an IPv4 peer; grep for the address must find it. */
static void line_for_v4_mapped(void **state)
{
	struct evidence e = with_tuple("::ffff:10.0.0.1", "::ffff:10.0.0.2");

	(void)state;
	expect_line(&e, "mysqld[812]", "10.0.0.1:3306 -> 10.0.0.2:65535");
}

/* Each end is shown as what it is. */
static void line_for_a_dual_stack_listener(void **state)
{
	struct evidence e = with_tuple("::", "::ffff:10.0.0.2");

	(void)state;
	expect_line(&e, "mysqld[812]", "[::]:3306 -> 10.0.0.2:65535");
}

static void line_without_a_peer(void **state)
{
	struct evidence e = accept_overflow();

	(void)state;
	e.tuple = with_tuple("0.0.0.0", "0.0.0.0").tuple;
	e.tuple.rport = 0;
	expect_line(&e, "-", "0.0.0.0:3306 -> *");
}

static void line_without_an_owner(void **state)
{
	struct evidence e = with_tuple("10.0.0.1", "10.0.0.2");

	(void)state;
	e.owner.pid = 0; /* whatever the name: it is nobody's */
	expect_line(&e, "-", "10.0.0.1:3306 -> 10.0.0.2:65535");
}

static void line_for_a_hostile_name(void **state)
{
	struct evidence e = with_tuple("10.0.0.1", "10.0.0.2");

	(void)state;
	memcpy(e.owner.comm, hostile, sizeof(hostile));
	expect_line(&e, "\\x1b[2J\\x0a\\x20\\x09\\x5cx\\x80\\xff\\x7f\\x20\\x20x[812]",
		    "10.0.0.1:3306 -> 10.0.0.2:65535");
}

/* Sixteen bytes without an end, each four times as long when escaped, and the greatest PID. */
static void line_for_the_longest_name(void **state)
{
	struct evidence e = with_tuple("10.0.0.1", "10.0.0.2");
	struct columns c;

	(void)state;
	memset(e.owner.comm, '\xff', sizeof(e.owner.comm));
	e.owner.pid = ~0u;
	line_of(&c, &e);
	expect_number(strlen(c.text[2]), UINT64_C(4) * TASK_NAME_LEN + strlen("[4294967295]"));
	expect_part(c.text[2], "\\xff[4294967295]");
}

/* A process without a name (all bytes 0) still has its column. */
static void line_for_an_empty_name(void **state)
{
	struct evidence e = with_tuple("10.0.0.1", "10.0.0.2");

	(void)state;
	memset(e.owner.comm, 0, sizeof(e.owner.comm));
	expect_line(&e, "[812]", "10.0.0.1:3306 -> 10.0.0.2:65535");
}

static void line_for_every_verdict(void **state)
{
	struct evidence e = with_tuple("10.0.0.1", "10.0.0.2");
	struct columns c;

	(void)state;
	for (int v = 0; v < VERDICT_COUNT; v++) {
		e.facts = facts_for(v);
		line_of(&c, &e);
		expect_text(c.text[1], verdict_text(v)->name);
	}
}

/* ---- the other end ----------------------------------------------------------------------- */

static void expect_end_at(const char *text, const char *end, const char *file, int line)
{
	size_t length = strlen(text);

	if (length >= strlen(end) && !strcmp(text + length - strlen(end), end))
		return;
	print_error("seen: '%s', expected at its end: '%s'\n", text, end);
	_fail(file, line);
}

#define expect_end(text, end) expect_end_at(text, end, __FILE__, __LINE__)

/* The words stay as they are without it. */
static void line_ends_with_the_other_end(void **state)
{
	struct evidence e = with_tuple("10.0.0.1", "10.0.0.2"), other = half_closed_reuse();
	struct columns alone, joined;

	(void)state;
	other.owner.pid = 4294967295;
	memcpy(other.owner.comm, "redis-server", 13);
	line_of(&alone, &e);
	joined_line_of(&joined, &e, &other);
	for (size_t i = 1; i < COLUMNS - 1; i++)
		expect_text(joined.text[i], alone.text[i]);
	expect_number(strncmp(joined.text[4], alone.text[4], strlen(alone.text[4])), 0);
	expect_text(joined.text[4] + strlen(alone.text[4]),
		    "; other end: redis-server[4294967295] half-closed-reuse");
}

static void other_end_without_an_owner(void **state)
{
	struct evidence e = with_tuple("10.0.0.1", "10.0.0.2"), other = e;
	struct columns c;

	(void)state;
	other.owner.pid = 0; /* whatever the name: it is nobody's */
	joined_line_of(&c, &e, &other);
	expect_end(c.text[4], "; other end: - unread-data");
}

/* One word, whatever the name: else it could name another verdict, or a column of its own. */
static void other_end_with_a_hostile_name(void **state)
{
	struct evidence e = with_tuple("10.0.0.1", "10.0.0.2"), other = e;
	struct columns c;

	(void)state;
	memcpy(other.owner.comm, hostile, sizeof(hostile));
	joined_line_of(&c, &e, &other);
	expect_end(c.text[4], "; other end: "
			      "\\x1b[2J\\x0a\\x20\\x09\\x5cx\\x80\\xff\\x7f\\x20\\x20x[812] "
			      "unread-data");
	memset(other.owner.comm, '\xff', sizeof(other.owner.comm));
	other.owner.pid = ~0u;
	joined_line_of(&c, &e, &other);
	expect_end(c.text[4], "\\xff[4294967295] unread-data");
}

static void other_end_of_every_verdict(void **state)
{
	struct evidence e = with_tuple("10.0.0.1", "10.0.0.2"), other = e;
	char end[128];
	struct columns c;

	(void)state;
	for (int v = 0; v < VERDICT_COUNT; v++) {
		other.facts = facts_for(v);
		joined_line_of(&c, &e, &other);
		snprintf(end, sizeof(end), "; other end: mysqld[812] %s", verdict_text(v)->name);
		expect_end(c.text[4], end);
		expect_text(c.text[1], "unread-data");
	}
}

/* ---- the time ------------------------------------------------------------------------------ */

/* Local time of the event, not of the printing; to the millisecond. */
static void line_begins_with_the_time_of_the_event(void **state)
{
	struct evidence e = with_tuple("10.0.0.1", "10.0.0.2");
	unsigned int hours, minutes, seconds, ms;
	time_t then = time(NULL) - 3600;
	struct columns c;
	struct tm tm;
	int end = 0;

	(void)state;
	e.time_ns -= 3600 * 1000000000ULL;
	line_of(&c, &e);
	if (sscanf(c.text[0], "%2u:%2u:%2u.%3u%n", &hours, &minutes, &seconds, &ms, &end) != 4 ||
	    end != 12 || c.text[0][end])
		fail_msg("seen: '%s', expected: HH:MM:SS.mmm", c.text[0]);
	localtime_r(&then, &tm);
	/* The clocks are read one after the other: a second may pass between. */
	seconds += 3600 * hours + 60 * minutes;
	expect_at_most((seconds + 86400 - (3600 * tm.tm_hour + 60 * tm.tm_min + tm.tm_sec) + 1) %
			       86400,
		       3);
}

/* ---- the table --------------------------------------------------------------------------- */

/* Names are words for grep and for counters; two rows with one name would add up. */
static void names_of_verdicts_are_distinct_words(void **state)
{
	(void)state;
	for (int v = 0; v < VERDICT_COUNT; v++) {
		const char *name = verdict_text(v)->name;

		if (!*name || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")])
			fail_msg("name seen: '%s', expected: small letters, digits and '-'", name);
		for (int other = 0; other < v; other++)
			if (!strcmp(name, verdict_text(other)->name))
				fail_msg("name seen twice: '%s'", name);
	}
}

static void table_names_every_verdict_once(void **state)
{
	char *text = NULL, head[64];
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	text_verdicts(out);
	fclose(out);
	for (int v = 0; v < VERDICT_COUNT; v++) {
		const char *at;

		snprintf(head, sizeof(head), "\n  %s ", verdict_text(v)->name);
		at = strstr(text, head);
		if (!at || strstr(at + 1, head))
			fail_msg("%s seen %s, expected: once", verdict_text(v)->name,
				 at ? "twice" : "never");
	}
	free(text);
}

/* ---- the summary --------------------------------------------------------------------------- */

static void add_share(struct tally *tally, enum verdict verdict, const char *comm, uint32_t pid,
		      uint64_t n)
{
	struct owner o = { .pid = pid };

	memcpy(o.comm, comm, strnlen(comm, sizeof(o.comm)));
	tally_add(tally, verdict, &o, n);
}

static void summary_with(char *text, size_t size, const struct capture_counts *total,
			 const struct tally *tally, const struct advised *advised)
{
	FILE *out = fmemopen(text, size, "w");

	assert_non_null(out);
	text_summary(out, total, tally, advised, 1000000000, 0);
	fclose(out);
}

static void summary_of(char *text, size_t size, const struct capture_counts *total,
		       const struct tally *tally)
{
	struct advised *advised = advised_new();

	summary_with(text, size, total, tally, advised);
	advised_free(advised);
}

static void summary_names_nobody_where_nobody_is_known(void **state)
{
	struct capture_counts total = {};
	struct tally *tally = tally_new();
	char text[4096], *second;

	(void)state;
	total.counts.verdict[VERDICT_refused] = 20;
	total.counts.verdict[VERDICT_no_listener] = 20;
	add_share(tally, VERDICT_refused, "nginx", 812, 20);
	summary_of(text, sizeof(text), &total, tally);
	expect_part(text, "by: nginx[812] 20\n");
	second = strstr(text, "no-listener");
	assert_non_null(second);
	expect_no_part(second, "by: ");
	tally_free(tally);
}

/* System calls are those of all processes: a headline that calls them lost would frighten for
 * nothing. */
static void summary_says_what_was_not_seen(void **state)
{
	struct capture_counts total = { .missed = 3 };
	struct tally *tally = tally_new();
	char text[4096];

	(void)state;
	total.counts.other[COUNT_LOST] = 2;
	summary_of(text, sizeof(text), &total, tally);
	expect_part(text, "5 records lost\n");
	expect_part(text, "\n2 records lost: the ring buffer was full;");
	expect_part(text, "\n3 events missed: ");
	expect_no_part(text, "system calls not seen");
	total.counts.other[COUNT_CALLS_MISSED] = 40;
	summary_of(text, sizeof(text), &total, tally);
	expect_part(text, "5 records lost\n");
	expect_part(text, "\n40 system calls not seen, of all processes: ");
	tally_free(tally);
}

/* Of three deaths two have a reason for advice; its values are those of the last. */
static void summary_has_the_advice_and_the_remedy_for_the_rest(void **state)
{
	struct evidence e = half_closed_reuse();
	struct record r = { .e = &e, .verdict = VERDICT_half_closed_reuse };
	struct capture_counts total = {};
	struct advised *advised = advised_new();
	struct tally *tally = tally_new();
	char text[4096];

	(void)state;
	e.count = 1;
	total.counts.verdict[VERDICT_half_closed_reuse] = 3;
	advised_add(advised, &r);
	summary_with(text, sizeof(text), &total, tally, advised);
	expect_part(text, "fix: close idle connections before the peer does");
	e.fin_silence_ms = 20000;
	advised_add(advised, &r);
	e.fin_silence_ms = 10000;
	advised_add(advised, &r);
	summary_with(text, sizeof(text), &total, tally, advised);
	expect_part(text, "fix (2 of 3): the peer closes after 10 s of silence");
	expect_part(text, "fix: close idle connections before the peer does");
	expect_no_part(text, "20 s");
	total.counts.verdict[VERDICT_half_closed_reuse] = 2;
	advised_free(advised);
	advised = advised_new();
	advised_add(advised, &r);
	advised_add(advised, &r);
	summary_with(text, sizeof(text), &total, tally, advised);
	expect_part(text, "fix: the peer closes after 10 s of silence");
	expect_no_part(text, "before the peer does");
	advised_free(advised);
	tally_free(tally);
}

/* ---- what was withheld ----------------------------------------------------------------------- */

static void withheld_lines_have_the_columns_of_others(void **state)
{
	struct tally *tally = tally_new();
	struct columns c = {};
	FILE *out = fmemopen(c.line, sizeof(c.line), "w");

	(void)state;
	assert_non_null(out);
	add_share(tally, VERDICT_refused, "a b\033", 812, 4000);
	add_share(tally, VERDICT_refused, "php-fpm", 9, 321);
	text_withheld(out, 0, VERDICT_refused, 4334, tally);
	fclose(out);
	split(&c, c.line);
	expect_number(c.n, COLUMNS);
	expect_harmless(c.text[COLUMNS - 1]);
	expect_text(c.text[1], "refused");
	expect_text(c.text[2], "-");
	expect_text(c.text[3], "*");
	expect_part(c.text[4], "4334 more within a second, not shown; by a");
	expect_part(c.text[4], "[812] 4000, php-fpm[9] 321");
	tally_free(tally);
}

static void withheld_lines_name_nobody_where_nobody_is_known(void **state)
{
	struct tally *tally = tally_new();
	char text[256] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	(void)state;
	assert_non_null(out);
	text_withheld(out, 0, VERDICT_no_listener, 7, tally);
	fclose(out);
	expect_part(text, "  7 more within a second, not shown\n");
	tally_free(tally);
}

/* ---- rows ---------------------------------------------------------------------------------- */

/* What follows the numbers of a row; the tally may have more than was counted. */
static void expect_row(const struct capture_counts *added, const struct tally *tally,
		       const char *expected)
{
	char text[1024], *verdicts = text;
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_non_null(out);
	text_interval(out, ROW_ALL, 0, added, tally);
	fclose(out);
	text[strcspn(text, "\n")] = '\0';
	for (int column = 0; column < 9; column++) {
		verdicts += strcspn(verdicts, " ");
		verdicts += strspn(verdicts, " ");
	}
	expect_text(verdicts, expected);
}

static void row_names_two_processes_and_sums_up_the_rest(void **state)
{
	struct capture_counts added = {};
	struct tally *tally = tally_new();

	(void)state;
	expect_row(&added, tally, "-");
	added.counts.verdict[VERDICT_refused] = 20;
	expect_row(&added, tally, "refused=20");
	add_share(tally, VERDICT_refused, "nginx", 812, 14);
	expect_row(&added, tally, "refused=20 by nginx[812]:14");
	add_share(tally, VERDICT_refused, "curl", 9, 1);
	add_share(tally, VERDICT_refused, "php", 10, 2);
	add_share(tally, VERDICT_refused, "perl", 11, 1);
	expect_row(&added, tally, "refused=20 by nginx[812]:14,php[10]:2,others:2");
	added.counts.verdict[VERDICT_unread_data] = 3;
	added.counts.verdict[VERDICT_no_listener] = 20;
	add_share(tally, VERDICT_unread_data, "php", 10, 3);
	expect_row(&added, tally,
		   "unread-data=3 by php[10]:3 "
		   "refused=20 by nginx[812]:14,php[10]:2,others:2 no-listener=20");
	tally_free(tally);
}

/* An event that is counted in one row may be recorded in the next one. */
static void row_names_no_more_than_were_counted(void **state)
{
	struct capture_counts added = {};
	struct tally *tally = tally_new();

	(void)state;
	add_share(tally, VERDICT_unread_data, "nginx", 812, 9);
	add_share(tally, VERDICT_refused, "nginx", 812, 9);
	add_share(tally, VERDICT_refused, "php", 10, 5);
	add_share(tally, VERDICT_refused, "curl", 9, 4);
	expect_row(&added, tally, "-");
	added.counts.verdict[VERDICT_refused] = 17;
	expect_row(&added, tally, "refused=17 by nginx[812]:9,php[10]:5,others:3");
	added.counts.verdict[VERDICT_refused] = 14;
	expect_row(&added, tally, "refused=14 by nginx[812]:9,php[10]:5");
	added.counts.verdict[VERDICT_refused] = 12;
	expect_row(&added, tally, "refused=12 by nginx[812]:9,php[10]:3");
	added.counts.verdict[VERDICT_refused] = 1;
	expect_row(&added, tally, "refused=1 by nginx[812]:1");
	tally_free(tally);
}

/* A script takes a row apart at blanks, '=', ',' and the first '['. */
static void hostile_name_stays_an_item_of_its_row(void **state)
{
	struct capture_counts added = {};
	struct tally *tally = tally_new();

	(void)state;
	added.counts.verdict[VERDICT_refused] = 2;
	add_share(tally, VERDICT_refused, " no-listener=99", 812, 1);
	add_share(tally, VERDICT_refused, "a[1]:5,b[2]:6\x1b", 813, 1);
	expect_row(&added, tally,
		   "refused=2 by \\x20no-listener\\x3d99[812]:1,"
		   "a\\x5b1]:5\\x2cb\\x5b2]:6\\x1b[813]:1");
	tally_free(tally);
}

/* Of every verdict, with the longest names, and all numbers at their largest. */
static void longest_row_is_whole(void **state)
{
	const char *longest = "\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b";
	struct capture_counts added = {};
	struct tally *tally = tally_new();
	char *text = NULL;
	size_t size, n = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	for (int v = 0; v < VERDICT_COUNT; v++) {
		added.counts.verdict[v] = UINT64_MAX / 64;
		for (uint32_t pid = UINT32_MAX; pid > UINT32_MAX - 3; pid--)
			add_share(tally, v, longest, pid, UINT64_MAX / 256);
	}
	text_interval(out, ROW_ALL, 0, &added, tally);
	fclose(out);
	for (int v = 0; v < VERDICT_COUNT; v++)
		n += verdict_text(v)->group != GROUP_ORDERLY;
	for (const char *at = text; (at = strstr(at, ",others:")); at++)
		n--;
	expect_number(n, 0);
	expect_number(text[size - 1], '\n');
	free(text);
	tally_free(tally);
}

/* A column is there if something was counted in it; that of the deaths always. */
static void rows_have_the_columns_that_matter(void **state)
{
	struct capture_counts nothing = {}, added = { .missed = 7 };
	struct tally *tally = tally_new();
	char text[1024];
	FILE *out = fmemopen(text, sizeof(text), "w");

	(void)state;
	assert_non_null(out);
	added.counts.verdict[VERDICT_refused] = 20;
	text_interval_head(out, text_interval_columns(&nothing));
	text_interval_head(out, text_interval_columns(&added));
	text_interval(out, text_interval_columns(&added), 0, &added, tally);
	text_interval_head(out, ROW_ALL);
	fclose(out);
	tally_free(tally);
	expect_part(text, "time       deaths  by verdict\n"
			  "time       deaths unhealthy   lost  by verdict\n");
	expect_part(text, "       20        20      7  refused=20\n");
	expect_part(text, "time       deaths  orderly unhealthy incidents  retrans rst-sent "
			  "rst-recv   lost  by verdict\n");
}

/* ---- what the words must not claim ----------------------------------------------------------- */

/* Of a connection that had sent everything only the FIN is missing: no byte is lost. */
static void words_do_not_count_an_orphans_fin(void **state)
{
	struct evidence e = retransmit_timeout();

	(void)state;
	e.facts.state = ST_FIN_WAIT1;
	e.facts.shutdown = SHUT_BOTH;
	e.facts.flags = FACT_DEAD;
	e.facts.unacked = 1;
	e.facts.unsent = 0;
	expect_verdict(&e.facts, VERDICT_orphan_timeout);
	expect_no_part(words_of(&e), "1 byte unacknowledged");
}

/* The FIN waits behind data that the window does not let out: it is unsent, not in flight. */
static void words_do_not_count_an_unsent_fin(void **state)
{
	struct evidence e = death();

	(void)state;
	e.facts.err = ERR_CONNRESET;
	e.facts.state = ST_FIN_WAIT1;
	e.facts.shutdown = SHUT_BOTH;
	e.facts.flags |= FACT_DEAD | FACT_SAW_TSTAMP;
	e.facts.unsent = 101;
	expect_verdict(&e.facts, VERDICT_reset_after_close);
	expect_part(words_of(&e), "100 bytes unacknowledged");
}

/* rcv_tstamp and lsndtime are 0 until something has come: that is time since boot, not silence. */
static void words_tell_no_silence_before_the_first_answer(void **state)
{
	struct evidence e = death();

	(void)state;
	e.facts.err = ERR_CONNABORTED;
	e.facts.state = ST_SYN_SENT;
	e.facts.unacked = 1;
	e.facts.heard_ms = e.facts.sent_ms = 86400000;
	expect_verdict(&e.facts, VERDICT_destroyed);
	expect_no_part(words_of(&e), "86400 s");
}

/* inet_ntop() fails on a family that it does not know, and leaves its buffer as it was. */
static void line_for_an_unknown_family(void **state)
{
	struct evidence e = with_tuple("10.0.0.1", "10.0.0.2");
	struct columns c;

	(void)state;
	e.tuple.family = 0;
	line_of(&c, &e);
	expect_no_part(c.text[3], "10.0.0");
}

/* ---- columns that were chosen, and what has no line --------------------------------------- */

static void fields_of(char *out, size_t size, const char *names, const struct evidence *e)
{
	struct record r = { .e = e, .other = e, .verdict = classify(&e->facts) };
	struct field_list list = {};
	struct failure why;
	FILE *file = fmemopen(out, size, "w");

	expect_number(field_list_parse(&list, names, &why), 0);
	text_fields(file, &list, &r);
	fclose(file);
}

static void chosen_columns_are_in_order_and_harmless(void **state)
{
	const struct evidence e = {
		.facts = { .event = EVENT_DEATH,
			   .socket = SOCKET_FULL,
			   .flags = FACT_KEEPALIVE | FACT_ATTACHED },
		.owner = { .pid = 7, .comm = "a  b\033[31m\xff" },
	};
	char line[1024];

	(void)state;
	fields_of(line, sizeof(line), "pid,comm,exit_signal,flags,verdict,other_end", &e);
	expect_text(line, "7    a\\x20\\x20b\\x1b[31m\\xff  -            "
			  "keepalive,attached                        "
			  "unknown                 a\\x20\\x20b\\x1b[31m\\xff[7] unknown\n");
	fields_of(line, sizeof(line), "flags,fd,pid", &(struct evidence){});
	expect_text(line, "-                                         -   -\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(visible_ascii_stays),
		cmocka_unit_test(all_other_bytes_are_escaped),
		cmocka_unit_test(terminal_sequences_lose_their_power),
		cmocka_unit_test(backslash_is_escaped_too),
		cmocka_unit_test(text_ends_at_its_nul_or_its_size),
		cmocka_unit_test(name_without_an_end_is_read_no_further),
		cmocka_unit_test(output_is_cut_to_fit),
		cmocka_unit_test(worst_name_fits_exactly),
		cmocka_unit_test(any_words_fit_and_do_no_harm),
		cmocka_unit_test(every_verdict_has_words),
		cmocka_unit_test(words_count_unread_bytes),
		cmocka_unit_test(words_count_probes),
		cmocka_unit_test(one_lost_probe_is_enough_up_to_time_and_interval),
		cmocka_unit_test(words_tell_how_the_process_died),
		cmocka_unit_test(words_tell_the_silence_before_the_write),
		cmocka_unit_test(words_do_not_count_the_fin),
		cmocka_unit_test(words_do_not_count_syn_and_fin_as_sent),
		cmocka_unit_test(words_tell_who_sent_the_reset),
		cmocka_unit_test(words_tell_the_silence_before_a_reset),
		cmocka_unit_test(words_tell_what_limited_the_retransmissions),
		cmocka_unit_test(words_tell_the_silence_before_the_lost_write),
		cmocka_unit_test(words_tell_what_limited_an_orphan),
		cmocka_unit_test(words_tell_an_unusual_state),
		cmocka_unit_test(words_give_times_as_precisely_as_useful),
		cmocka_unit_test(words_tell_the_queue_and_its_limit),
		cmocka_unit_test(words_tell_what_was_answered),
		cmocka_unit_test(unknown_shows_its_facts),
		cmocka_unit_test(line_for_ipv4),
		cmocka_unit_test(line_for_ipv6),
		cmocka_unit_test(line_for_v4_mapped),
		cmocka_unit_test(line_for_a_dual_stack_listener),
		cmocka_unit_test(line_without_a_peer),
		cmocka_unit_test(line_without_an_owner),
		cmocka_unit_test(line_for_a_hostile_name),
		cmocka_unit_test(line_for_the_longest_name),
		cmocka_unit_test(line_for_an_empty_name),
		cmocka_unit_test(line_for_every_verdict),
		cmocka_unit_test(line_ends_with_the_other_end),
		cmocka_unit_test(other_end_without_an_owner),
		cmocka_unit_test(other_end_with_a_hostile_name),
		cmocka_unit_test(other_end_of_every_verdict),
		cmocka_unit_test(line_begins_with_the_time_of_the_event),
		cmocka_unit_test(names_of_verdicts_are_distinct_words),
		cmocka_unit_test(table_names_every_verdict_once),
		cmocka_unit_test(withheld_lines_have_the_columns_of_others),
		cmocka_unit_test(withheld_lines_name_nobody_where_nobody_is_known),
		cmocka_unit_test(summary_names_nobody_where_nobody_is_known),
		cmocka_unit_test(summary_says_what_was_not_seen),
		cmocka_unit_test(summary_has_the_advice_and_the_remedy_for_the_rest),
		cmocka_unit_test(row_names_two_processes_and_sums_up_the_rest),
		cmocka_unit_test(row_names_no_more_than_were_counted),
		cmocka_unit_test(hostile_name_stays_an_item_of_its_row),
		cmocka_unit_test(longest_row_is_whole),
		cmocka_unit_test(rows_have_the_columns_that_matter),
		cmocka_unit_test(words_do_not_count_an_orphans_fin),
		cmocka_unit_test(words_do_not_count_an_unsent_fin),
		cmocka_unit_test(words_tell_no_silence_before_the_first_answer),
		cmocka_unit_test(line_for_an_unknown_family),
		cmocka_unit_test(chosen_columns_are_in_order_and_harmless),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
