// SPDX-License-Identifier: GPL-2.0-only
/*
 * Timelines: each verdict has one, no step has a time that the evidence has not, and what both
 * ends tell is one story. Those that people will quote are tested to the letter.
 */
#include "expect.h"

#include <ctype.h>
#include <stdio.h>

#include "facts_for.h"
#include "render_story.h"
#include "timeline.h"

#define NOW       UINT64_C(1000000000000)
#define NS_PER_MS 1000000

static void expect_text_at(const char *seen, const char *expected, const char *file, int line)
{
	if (!strcmp(seen, expected))
		return;
	print_error("seen:\n%s\nexpected:\n%s\n", seen, expected);
	_fail(file, line);
}

#define expect_story(e, other, since, expected)                                                    \
	expect_story_at(e, other, since, expected, __FILE__, __LINE__)

static void expect_story_at(const struct evidence *e, const struct evidence *other, uint64_t since,
			    const char *expected, const char *file, int line)
{
	struct record r = { .e = e, .other = other, .verdict = classify(&e->facts) };
	char text[8192] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_non_null(out);
	text_timeline(out, &r, since, 0);
	fclose(out);
	expect_text_at(text, expected, file, line);
}

/* A client that has sent 45 bytes and got 98, all acknowledged, and then was idle for 10 s. */
static struct evidence idle_client(void)
{
	return (struct evidence){
		.time_ns = NOW,
		.sock_id = 1,
		.count = 1,
		.facts = { .event = EVENT_DEATH,
			   .socket = SOCKET_FULL,
			   .state = ST_ESTABLISHED,
			   .flags = FACT_ATTACHED | FACT_TSTAMP_OK,
			   .snd_wnd = 65536,
			   .heard_ms = 10000,
			   .sent_ms = 10004,
			   .received_ms = 10000,
			   .tick_us = 4000,
			   .bytes_acked = 46,
			   .bytes_received = 98 },
		.owner = { .pid = 4121, .comm = "go-app" },
		.snd_una = 1000,
		.snd_nxt = 1000,
		.rcv_nxt = 5000,
	};
}

/* The same after the server's FIN; it writes again 1 s later. */
static struct evidence half_closed_reuse(void)
{
	struct evidence e = idle_client();

	e.facts.state = ST_CLOSE_WAIT;
	e.facts.err = ERR_PIPE;
	e.facts.flags |= FACT_PEER_FIN;
	e.facts.unacked = 45;
	e.facts.heard_ms = 1000;
	e.facts.sent_ms = 0;
	e.facts.received_ms = 11000;
	e.facts.bytes_received = 99;
	e.fin_silence_ms = 10000;
	e.snd_nxt = 1045;
	return e;
}

/* What the server's minisock made of that. */
static struct evidence late_data(void)
{
	return (struct evidence){
		.time_ns = NOW - NS_PER_MS / 10,
		.sock_id = 2,
		.count = 1,
		.facts = { .event = EVENT_RESET,
			   .socket = SOCKET_TIME_WAIT,
			   .state = ST_TIME_WAIT,
			   .flags = FACT_SEG_ACK },
		.owner = { .pid = 812, .comm = "mariadbd" },
		.closed_ms = 1000,
		.fin_silence_ms = 10000,
		.seg_len = 45,
		.seg_seq = 1000,
	};
}

/* ---- one end ----------------------------------------------------------------------------- */

static void reuse_of_a_half_closed_connection(void **state)
{
	struct evidence e = half_closed_reuse();

	(void)state;
	expect_story(
		&e, NULL, 0,
		"                        we connected; when is not known\n"
		"             -> data    45 bytes sent and acknowledged; when is not known\n"
		"     +0.000s <- data    the last of 98 bytes received\n"
		"    +10.000s <- FIN     the peer closed after 10 s of silence\n"
		"    +11.000s -> 45 B    written into the half-closed connection\n"
		"    +11.000s <- RST     no such connection there, in CLOSE_WAIT\n"
		"    +11.000s            our process gets EPIPE (Broken pipe) at its next write\n");
}

/* Where no data went one way, the socket still has the time of the handshake. */
static void the_birth_is_known_where_nothing_hides_it(void **state)
{
	struct evidence e = idle_client();

	(void)state;
	e.facts.err = ERR_CONNRESET;
	e.facts.flags |= FACT_SAW_TSTAMP | FACT_PASSIVE;
	e.facts.bytes_acked = 0;
	e.facts.sent_ms = 12000;
	expect_story(
		&e, NULL, 0,
		"     +0.000s            the peer connected\n"
		"     +2.000s <- data    the last of 98 bytes received\n"
		"    +12.000s <- RST     by a living socket, in ESTABLISHED\n"
		"    +12.000s            our process gets ECONNRESET (Connection reset by peer)\n");
}

/* A step before the watch began proves it; without one nothing is said of it. */
static void a_connection_may_be_older_than_the_watch(void **state)
{
	struct step steps[TIMELINE_MAX];
	struct evidence e = idle_client();
	char words[256];

	(void)state;
	e.facts.err = ERR_CONNRESET;
	timeline(steps, &e, NULL, NOW - 10004 * (uint64_t)NS_PER_MS + 1);
	step_words(words, sizeof(words), &steps[0]);
	expect_part(words, "it is older than tcpwhy");
	timeline(steps, &e, NULL, NOW - 10004 * (uint64_t)NS_PER_MS);
	step_words(words, sizeof(words), &steps[0]);
	expect_no_part(words, "older");
}

static void keepalive_probes_are_inferred(void **state)
{
	struct evidence e = idle_client();

	(void)state;
	e.facts.err = ERR_TIMEDOUT;
	e.facts.flags |= FACT_KEEPALIVE;
	e.facts.probes_out = 2;
	e.facts.user_timeout_ms = 8000;
	e.keepalive_time_ms = 4000;
	e.keepalive_intvl_ms = 3000;
	e.keepalive_probes = 5;
	expect_story(
		&e, NULL, 0,
		"                        we connected; when is not known\n"
		"     +0.000s -> data    the last of 45 bytes sent and acknowledged\n"
		"     +0.004s <- data    the last of 98 bytes received\n"
		"     +4.004s -> ACK     likely: the first of 2 keepalive probes without an "
		"answer\n"
		"    +10.004s            2 of 5 probes unanswered, time 4.00 s, interval 3.00 s, "
		"TCP_USER_TIMEOUT 8.00 s, in ESTABLISHED\n"
		"    +10.004s -> RST\n"
		"    +10.004s            our process gets ETIMEDOUT (Connection timed out)\n");
}

static void in_one_tick_the_request_comes_before_the_reply(void **state)
{
	struct evidence e = idle_client();

	(void)state;
	e.facts.err = ERR_CONNRESET;
	e.facts.flags |= FACT_SAW_TSTAMP;
	e.facts.sent_ms = e.facts.received_ms;
	expect_story(
		&e, NULL, 0,
		"                        we connected; when is not known\n"
		"     +0.000s -> data    the last of 45 bytes sent and acknowledged\n"
		"     +0.000s <- data    the last of 98 bytes received\n"
		"    +10.000s <- RST     by a living socket, in ESTABLISHED\n"
		"    +10.000s            our process gets ECONNRESET (Connection reset by peer)\n");
	e.facts.flags |= FACT_PASSIVE;
	e.facts.bytes_acked = 45; /* without a SYN */
	expect_story(
		&e, NULL, 0,
		"                        the peer connected; when is not known\n"
		"     +0.000s <- data    the last of 98 bytes received\n"
		"     +0.000s -> data    the last of 45 bytes sent and acknowledged\n"
		"    +10.000s <- RST     by a living socket, in ESTABLISHED\n"
		"    +10.000s            our process gets ECONNRESET (Connection reset by peer)\n");
}

static void a_write_that_was_sent_again(void **state)
{
	struct evidence e = idle_client();

	(void)state;
	e.facts.err = ERR_TIMEDOUT;
	e.facts.unacked = 45;
	e.facts.retransmits = 3;
	e.facts.heard_ms = 10000;
	e.facts.sent_ms = 800;
	e.written_ms = 3000;
	e.retries = 3;
	expect_story(&e, NULL, 0,
		     "                        we connected; when is not known\n"
		     "             -> data    45 bytes sent and acknowledged; when is not known\n"
		     "     +0.000s <- data    the last of 98 bytes received\n"
		     "     +7.000s -> 45 B    written, never acknowledged (about then)\n"
		     "     +9.200s -> 45 B    sent again, the last of 3 times\n"
		     "    +10.000s            given up after 3 retransmissions: tcp_retries2 3, in "
		     "ESTABLISHED\n"
		     "    +10.000s            our process gets ETIMEDOUT (Connection timed out)\n");
}

static void a_connection_that_never_was(void **state)
{
	struct evidence e = { .time_ns = NOW,
			      .count = 1,
			      .facts = { .event = EVENT_DEATH,
					 .socket = SOCKET_FULL,
					 .state = ST_SYN_SENT,
					 .err = ERR_TIMEDOUT,
					 .flags = FACT_ATTACHED,
					 .segs_out = 3 },
			      .written_ms = 3000 + RTO_MIN_MS };

	(void)state;
	expect_story(&e, NULL, 0,
		     "     +0.000s -> SYN     the first of 3\n"
		     "     +3.000s            given up, nothing was answered\n"
		     "     +3.000s            our process gets ETIMEDOUT (Connection timed out)\n");
	e.written_ms = 0;
	expect_story(&e, NULL, 0,
		     "             -> SYN     the first of 3\n"
		     "     +0.000s            given up, nothing was answered\n"
		     "     +0.000s            our process gets ETIMEDOUT (Connection timed out)\n");
}

/* ---- both ends --------------------------------------------------------------------------- */

/* What one has sent and the other has answered is one step; each tells what it knows best. */
static void both_ends_tell_one_story(void **state)
{
	struct evidence client = half_closed_reuse(), server = late_data();

	(void)state;
	expect_story(
		&client, &server, 0,
		"                        we connected; when is not known\n"
		"             -> data    45 bytes sent and acknowledged; when is not known\n"
		"     +0.000s <- data    the last of 98 bytes received\n"
		"    +10.000s <- FIN     mariadbd[812] closed after 10 s of silence\n"
		"    +11.000s -> 45 B    written into the half-closed connection\n"
		"    +11.000s <- RST     no such connection there, in CLOSE_WAIT\n"
		"    +11.000s            our process gets EPIPE (Broken pipe) at its next write\n");
	expect_story(&server, &client, 0,
		     "                        the peer connected; when is not known\n"
		     "             <- data    45 bytes received; when is not known\n"
		     "     +0.000s -> data    the last of 98 bytes sent and acknowledged\n"
		     "    +10.000s -> FIN     we closed after 10 s of silence\n"
		     "    +11.000s <- 45 B    too late\n"
		     "    +11.000s -> RST\n");
}

/* A server that is killed with data unread; the client's socket is reset by that. */
static void the_cause_is_named_with_its_process(void **state)
{
	struct evidence client = idle_client(), server = idle_client();

	(void)state;
	client.facts.err = ERR_CONNRESET;
	client.facts.flags |= FACT_SAW_TSTAMP;
	server.time_ns -= 200;
	server.sock_id = 2;
	server.facts.flags = FACT_ATTACHED | FACT_OWNED | FACT_PASSIVE;
	server.facts.shutdown = SHUT_BOTH;
	server.facts.unread = 45;
	server.facts.bytes_acked = 98;
	server.facts.bytes_received = 45;
	server.owner = (struct owner){ .pid = 812, .comm = "worker", .exiting = 1, .exit_code = 9 };
	expect_story(
		&client, &server, 0,
		"                        we connected; when is not known\n"
		"     +0.000s -> data    the last of 45 bytes sent and acknowledged\n"
		"     +0.004s <- data    the last of 98 bytes received\n"
		"    +10.004s            worker[812]: closed with 45 bytes unread, in "
		"ESTABLISHED, killed by signal 9\n"
		"    +10.004s <- RST     by a living socket, in ESTABLISHED\n"
		"    +10.004s            our process gets ECONNRESET (Connection reset by peer)\n");
}

/* ---- any ---------------------------------------------------------------------------------- */

/* The times that the evidence has; straighten() moves some by a tick at most. */
static bool is_in_evidence(const struct evidence *e, uint64_t time_ns)
{
	const struct facts *f = &e->facts;
	const uint32_t probe_ms = (f->heard_ms < f->received_ms ? f->heard_ms : f->received_ms) -
				  e->keepalive_time_ms;
	const uint32_t known[] = { 0,
				   f->heard_ms,
				   f->sent_ms,
				   f->received_ms,
				   e->closed_ms,
				   e->written_ms,
				   e->written_ms - RTO_MIN_MS,
				   e->full_ms,
				   e->unaccepted_ms,
				   probe_ms };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		uint64_t exact = e->time_ns - known[i] * (uint64_t)NS_PER_MS;

		if (time_ns >= exact && time_ns - exact <= f->tick_us * UINT64_C(2000))
			return true;
	}
	return false;
}

static void expect_sound_steps(const struct step *steps, size_t n, const struct evidence *e)
{
	const char *name = verdict_text(classify(&e->facts))->name;
	uint64_t last = 0;

	for (size_t i = 0; i < n; i++) {
		if (!steps[i].dated)
			continue;
		if (steps[i].time_ns < last || steps[i].time_ns > e->time_ns)
			fail_msg("%s: step %zu seen at %llu, expected: from %llu to %llu", name, i,
				 steps[i].time_ns, (unsigned long long)last, e->time_ns);
		if (!is_in_evidence(e, steps[i].time_ns))
			fail_msg("%s: step %zu seen %llu ns before the end, expected: a time of "
				 "the evidence",
				 name, i, e->time_ns - steps[i].time_ns);
		last = steps[i].time_ns;
	}
}

static void expect_sound_words(const struct step *step)
{
	char words[1024], what[STEP_WHAT_SIZE];

	step_words(words, sizeof(words), step);
	step_what(what, step);
	if (!*words && !*what)
		fail_msg("%s: seen: nothing said of a step, expected: something",
			 verdict_text(step->verdict)->name);
	for (const char *c = words; *c; c++)
		if (!isprint((unsigned char)*c))
			fail_msg("byte seen: %#x of '%s', expected: visible ASCII",
				 (unsigned char)*c, words);
}

static void each_verdict_has_a_story_of_what_was_seen(void **state)
{
	__u64 seed = 1;

	(void)state;
	for (int v = 0; v < VERDICT_COUNT; v++) {
		struct facts facts = facts_for(v);

		for (int i = 0; i < 1000; i++) {
			struct evidence e = { .time_ns = NOW, .facts = facts, .count = 1 };
			struct step steps[TIMELINE_MAX];
			size_t n;

			if (e.facts.event == EVENT_DEATH)
				e.facts.socket = SOCKET_FULL;
			e.facts.tick_us = 4000;
			e.facts.sent_ms = ONE_OF(&seed, 0, 3, 500, 70000);
			e.facts.received_ms = ONE_OF(&seed, 0, 3, 600, 80000);
			e.facts.bytes_acked = ONE_OF(&seed, 0, 1, 46);
			e.facts.retransmits = ONE_OF(&seed, 0, 1, 15);
			e.closed_ms = ONE_OF(&seed, 0, 700, 60000);
			e.written_ms = ONE_OF(&seed, 0, 200, 900);
			e.fin_silence_ms = ONE_OF(&seed, 0, 2000);
			e.full_ms = ONE_OF(&seed, 0, 40);
			e.unaccepted_ms = ONE_OF(&seed, 0, 50);
			e.keepalive_time_ms = ONE_OF(&seed, 0, 1000, 7200000);
			if (classify(&e.facts) != (enum verdict)v)
				continue;
			n = timeline(steps, &e, NULL, 0);
			if (!n)
				fail_msg("%s: seen: no step, expected: one", verdict_text(v)->name);
			expect_sound_steps(steps, n, &e);
			for (size_t s = 0; s < n; s++)
				expect_sound_words(&steps[s]);
		}
	}
}

/* Any two, whether they are of one connection or not: it fits, and the times are in order. */
static void any_two_ends_can_be_joined(void **state)
{
	(void)state;
	for (int a = 0; a < VERDICT_COUNT; a++) {
		for (int b = 0; b < VERDICT_COUNT; b++) {
			struct evidence e = { .time_ns = NOW, .count = 1 };
			struct evidence other = { .time_ns = NOW + 5, .count = 1 };
			struct step steps[TIMELINE_MAX];
			uint64_t last = 0;
			size_t n;

			e.facts = facts_for(a);
			other.facts = facts_for(b);
			n = timeline(steps, &e, &other, 0);
			expect_at_most(n, TIMELINE_MAX);
			for (size_t i = 0; i < n; i++) {
				if (!steps[i].dated)
					continue;
				expect_at_most(last, steps[i].time_ns);
				last = steps[i].time_ns;
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reuse_of_a_half_closed_connection),
		cmocka_unit_test(the_birth_is_known_where_nothing_hides_it),
		cmocka_unit_test(a_connection_may_be_older_than_the_watch),
		cmocka_unit_test(keepalive_probes_are_inferred),
		cmocka_unit_test(in_one_tick_the_request_comes_before_the_reply),
		cmocka_unit_test(a_write_that_was_sent_again),
		cmocka_unit_test(a_connection_that_never_was),
		cmocka_unit_test(both_ends_tell_one_story),
		cmocka_unit_test(the_cause_is_named_with_its_process),
		cmocka_unit_test(each_verdict_has_a_story_of_what_was_seen),
		cmocka_unit_test(any_two_ends_can_be_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
