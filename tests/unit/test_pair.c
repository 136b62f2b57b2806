// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which two pieces of evidence are about one connection: by addresses, ports and sequence numbers,
 * each bound tested on both of its sides.
 */
#include "expect.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "pair.h"

/* ---- evidence ---------------------------------------------------------------------------- */

static struct tuple tuple_of(const char *local, __u16 lport, const char *remote, __u16 rport)
{
	struct tuple t = { .lport = lport, .rport = rport };

	t.family = strchr(local, ':') ? AF_INET6 : AF_INET;
	assert_int_equal(inet_pton(t.family, local, t.laddr), 1);
	assert_int_equal(inet_pton(t.family, remote, t.raddr), 1);
	return t;
}

static struct tuple reversed(const struct tuple *t)
{
	struct tuple r = { .lport = t->rport, .rport = t->lport, .family = t->family };

	memcpy(r.laddr, t->raddr, sizeof(r.laddr));
	memcpy(r.raddr, t->laddr, sizeof(r.raddr));
	return r;
}

/* 100 bytes on their way there, 50 on their way here. */
struct ends {
	struct evidence here, there;
};

static struct ends ends_of(struct tuple t)
{
	struct ends ends = {
		.here = {
			.facts = { .event = EVENT_DEATH, .socket = SOCKET_FULL },
			.tuple = t,
			.snd_una = 1000,
			.snd_nxt = 1100,
			.rcv_nxt = 5000,
		},
		.there = {
			.facts = { .event = EVENT_DEATH, .socket = SOCKET_FULL },
			.tuple = reversed(&t),
			.snd_una = 5000,
			.snd_nxt = 5050,
			.rcv_nxt = 1000,
		},
	};

	return ends;
}

static struct ends typical(void)
{
	return ends_of(tuple_of("10.0.0.1", 40000, "10.0.0.2", 3306));
}

/* There is an incident: a segment with this sequence number, sent by here, was answered. */
static struct ends with_incident(enum event event, enum socket_kind socket, __u32 seq)
{
	struct ends ends = typical();

	ends.there.facts.event = event;
	ends.there.facts.socket = socket;
	ends.there.snd_una = ends.there.snd_nxt = ends.there.rcv_nxt = 0;
	ends.there.seg_seq = seq;
	return ends;
}

/* Asked in both directions. */
static void expect_match_at(const struct ends *ends, int expected, const char *file, int line)
{
	int seen = pair_matches(&ends->here, &ends->there);
	int back = pair_matches(&ends->there, &ends->here);

	if (seen == expected && back == expected)
		return;
	print_error("match seen: %d, asked the other way round: %d, expected: %d\n", seen, back,
		    expected);
	_fail(file, line);
}

#define expect_match(ends)    expect_match_at(ends, 1, __FILE__, __LINE__)
#define expect_no_match(ends) expect_match_at(ends, 0, __FILE__, __LINE__)

/* ---- the hash ---------------------------------------------------------------------------- */

static void hash_is_the_same_for_both_ends(void **state)
{
	struct tuple v4 = tuple_of("10.0.0.1", 40000, "10.0.0.2", 3306);
	struct tuple v6 = tuple_of("2001:db8::1", 40000, "2001:db8::2", 3306);
	struct tuple back;

	(void)state;
	back = reversed(&v4);
	expect_number(pair_hash(&v4), pair_hash(&back));
	back = reversed(&v6);
	expect_number(pair_hash(&v6), pair_hash(&back));
}

static void hash_is_the_same_for_mapped_addresses(void **state)
{
	struct tuple v4 = tuple_of("10.0.0.1", 40000, "10.0.0.2", 3306);
	struct tuple mapped = tuple_of("::ffff:10.0.0.1", 40000, "::ffff:10.0.0.2", 3306);
	struct tuple back = reversed(&mapped);

	(void)state;
	expect_number(pair_hash(&v4), pair_hash(&mapped));
	expect_number(pair_hash(&v4), pair_hash(&back));
}

/* Bytes behind an IPv4 address are nobody's business. */
static void hash_and_match_ignore_what_is_behind_ipv4(void **state)
{
	struct ends ends = typical();
	__u32 hash = pair_hash(&ends.here.tuple);

	(void)state;
	memset(ends.here.tuple.laddr + 4, 0xa5, 12);
	memset(ends.here.tuple.raddr + 4, 0x5a, 12);
	ends.here.tuple.pad = 0xffff;
	expect_number(pair_hash(&ends.here.tuple), hash);
	expect_match(&ends);
}

/* Of neighbours, as a load balancer makes them: few may share a bucket. */
static void hash_spreads_neighbouring_ports(void **state)
{
	static __u16 buckets[4096];
	unsigned int fullest = 0;

	(void)state;
	for (unsigned int i = 0; i < 4096; i++) {
		struct tuple t = tuple_of("127.0.0.1", 32768 + i, "127.0.0.1", 3306);
		unsigned int n = ++buckets[pair_hash(&t) % 4096];

		fullest = n > fullest ? n : fullest;
	}
	expect_at_most(fullest, 16);
}

/* ---- addresses and ports --------------------------------------------------------------------- */

static void both_ends_match(void **state)
{
	static const char *const addresses[][2] = {
		{ "10.0.0.1", "10.0.0.2" },
		{ "127.0.0.1", "127.0.0.1" },
		{ "2001:db8::1", "2001:db8::2" },
		{ "::1", "::1" },
		{ "::ffff:10.0.0.1", "::ffff:10.0.0.2" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		struct ends ends = ends_of(tuple_of(addresses[i][0], 40000, addresses[i][1], 3306));

		expect_match(&ends);
	}
}

/* An IPv4 client of a dual-stack server. */
static void mapped_and_ipv4_match(void **state)
{
	struct ends ends = typical();

	(void)state;
	ends.there.tuple = tuple_of("::ffff:10.0.0.2", 3306, "::ffff:10.0.0.1", 40000);
	expect_match(&ends);
	ends.there.tuple = tuple_of("::ffff:10.0.0.2", 3306, "::ffff:10.0.0.3", 40000);
	expect_no_match(&ends);
}

/* The same bytes in another family are another address. */
static void other_family_does_not_match(void **state)
{
	struct ends ends = typical();

	(void)state;
	ends.there.tuple.family = AF_INET6;
	expect_no_match(&ends);
	ends.there.tuple = tuple_of("::10.0.0.2", 3306, "::10.0.0.1", 40000);
	expect_no_match(&ends);
}

static void same_direction_does_not_match(void **state)
{
	struct ends ends = typical();

	(void)state;
	ends.there.tuple = ends.here.tuple;
	expect_no_match(&ends);
	ends = ends_of(tuple_of("127.0.0.1", 40000, "127.0.0.1", 3306));
	ends.there.tuple = ends.here.tuple;
	expect_no_match(&ends);
}

/* Each of the four, alone. */
static void each_address_and_port_counts(void **state)
{
	struct ends ends;

	(void)state;
	ends = typical();
	ends.there.tuple.lport++;
	expect_no_match(&ends);
	ends = typical();
	ends.there.tuple.rport++;
	expect_no_match(&ends);
	ends = typical();
	ends.there.tuple.laddr[3]++;
	expect_no_match(&ends);
	ends = typical();
	ends.there.tuple.raddr[0]++;
	expect_no_match(&ends);
}

static void each_byte_of_an_ipv6_address_counts(void **state)
{
	struct tuple t = tuple_of("2001:db8:1:2:3:4:5:6", 40000, "2001:db8:1:2:3:4:5:7", 3306);

	(void)state;
	for (size_t i = 0; i < 16; i++) {
		struct ends ends = ends_of(t);

		ends.there.tuple.laddr[i] ^= 1;
		expect_no_match(&ends);
		ends = ends_of(t);
		ends.there.tuple.raddr[i] ^= 1;
		expect_no_match(&ends);
	}
}

/* SYNs that a listener dropped have no peer, whatever the numbers. */
static void listener_that_dropped_syns_never_matches(void **state)
{
	struct ends ends = with_incident(EVENT_SYN_DROP, SOCKET_LISTEN, 0);

	(void)state;
	ends.there.tuple = tuple_of("10.0.0.2", 3306, "0.0.0.0", 0);
	ends.here.snd_una = 0;
	expect_no_match(&ends);
	ends = ends_of(tuple_of("0.0.0.0", 0, "0.0.0.0", 0));
	expect_no_match(&ends);
}

/* connect() found neither route nor port, and so has no end here; the listener has none there. */
static void port_zero_never_matches(void **state)
{
	struct ends ends = with_incident(EVENT_SYN_DROP, SOCKET_LISTEN, 0);

	(void)state;
	ends.there.tuple = tuple_of("10.0.0.2", 3306, "0.0.0.0", 0);
	ends.here.tuple = reversed(&ends.there.tuple);
	ends.here.snd_una = 0;
	expect_no_match(&ends);
	ends = ends_of(tuple_of("0.0.0.0", 3306, "0.0.0.0", 0));
	expect_no_match(&ends);
}

/* A call that failed is about a socket too, but about no end of its connection. */
static void failed_calls_never_match(void **state)
{
	static const enum event events[] = { EVENT_CALL, EVENT_BAD_FD, EVENT_COOKIES };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		struct ends ends = typical();

		assert_true(pair_possible(&ends.here));
		ends.here.facts.event = events[i];
		assert_false(pair_possible(&ends.here));
		expect_no_match(&ends);
		ends.there.facts.event = events[i];
		expect_no_match(&ends);
	}
}

/* Both ends are one socket: it connected to itself. It has no other end. */
static void connection_to_itself_is_its_own_other_end_at_most(void **state)
{
	struct ends ends = ends_of(tuple_of("127.0.0.1", 40000, "127.0.0.1", 40000));

	(void)state;
	ends.there.snd_una += 1000000;
	ends.there.snd_nxt += 1000000;
	expect_no_match(&ends);
}

/* ---- two deaths ------------------------------------------------------------------------------ */

/* What one expects next, of 100 bytes that the other has on their way. */
static void one_expects_what_the_other_has_on_its_way(void **state)
{
	struct ends ends = typical();

	(void)state;
	ends.there.rcv_nxt = 1000; /* none has come */
	expect_match(&ends);
	ends.there.rcv_nxt = 1001;
	expect_match(&ends);
	ends.there.rcv_nxt = 1050;
	expect_match(&ends);
	ends.there.rcv_nxt = 1099;
	expect_match(&ends);
	ends.there.rcv_nxt = 1100; /* all have come, their ACK has not */
	expect_match(&ends);
	ends.there.rcv_nxt = 999;
	expect_no_match(&ends);
	ends.there.rcv_nxt = 1101;
	expect_no_match(&ends);
}

static void both_must_expect_the_other(void **state)
{
	struct ends ends = typical();

	(void)state;
	ends.here.rcv_nxt = 4999;
	expect_no_match(&ends);
	ends.here.rcv_nxt = 5050;
	expect_match(&ends);
	ends.here.rcv_nxt = 5051;
	expect_no_match(&ends);
	ends.there.rcv_nxt = 999;
	expect_no_match(&ends);
}

/* Idle: one number only is right. */
static void nothing_on_its_way_leaves_one_number(void **state)
{
	struct ends ends = typical();

	(void)state;
	ends.here.snd_nxt = ends.here.snd_una = 1000;
	expect_match(&ends);
	ends.there.rcv_nxt = 1001;
	expect_no_match(&ends);
	ends.there.rcv_nxt = 999;
	expect_no_match(&ends);
}

/* Moves all numbers of what here sends; the rest stays. */
static struct ends shifted(__u32 by)
{
	struct ends ends = typical();

	ends.here.snd_una += by;
	ends.here.snd_nxt += by;
	ends.there.rcv_nxt += by;
	return ends;
}

/* Wherever 2^32 lies: before, within, or behind what is on its way. */
static void sequence_numbers_wrap_around(void **state)
{
	(void)state;
	for (__u32 by = -1102; by != (__u32)-998; by++) {
		struct ends ends = shifted(by);

		expect_match(&ends);
		ends.there.rcv_nxt += 100;
		expect_match(&ends);
		ends.there.rcv_nxt++;
		expect_no_match(&ends);
		ends.there.rcv_nxt -= 102;
		expect_no_match(&ends);
	}
}

/* The first connection on these ports has ended, and here is the second. */
static void later_connection_on_the_same_ports_does_not_match(void **state)
{
	struct ends ends = typical();

	(void)state;
	ends.there.rcv_nxt += 1u << 31;
	expect_no_match(&ends);
	ends.there.snd_una += 12345;
	ends.there.snd_nxt += 12345;
	expect_no_match(&ends);
}

/*
 * The server closed, its FIN was acknowledged, and the kernel keeps a minisock in its place: that
 * is its death, with the client's FIN still to come. The minisock acknowledges that FIN, and the
 * client dies in LAST_ACK with nothing outstanding.
 */
static void one_that_died_in_fin_wait2_has_not_seen_the_fin(void **state)
{
	struct ends ends = typical();

	(void)state;
	ends.there.facts.state = ST_FIN_WAIT2;
	ends.there.facts.flags = FACT_DEAD;
	ends.there.facts.shutdown = SHUT_BOTH;
	ends.there.snd_una = ends.there.snd_nxt = ends.here.rcv_nxt;
	ends.here.facts.state = ST_LAST_ACK;
	ends.here.facts.flags = FACT_DEAD | FACT_PEER_FIN;
	ends.here.facts.shutdown = SHUT_BOTH;
	ends.here.snd_una = ends.here.snd_nxt = ends.there.rcv_nxt + 1;
	expect_match(&ends);
	ends.here.snd_una = ends.here.snd_nxt = ends.there.rcv_nxt + 2;
	expect_no_match(&ends);
}

/* ---- a death and an incident ------------------------------------------------------------------
 */

/* From a keepalive probe (snd_una - 1) to a bare ACK (snd_nxt). */
static void incident_belongs_to_what_was_sent(void **state)
{
	static const __u32 sent[] = { 999, 1000, 1001, 1050, 1099, 1100 };
	static const __u32 others[] = { 998, 1101, 0, 5000, 0x80000000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sent); i++) {
		struct ends ends = with_incident(EVENT_RESET, SOCKET_NONE, sent[i]);

		expect_match(&ends);
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		struct ends ends = with_incident(EVENT_RESET, SOCKET_NONE, others[i]);

		expect_no_match(&ends);
	}
}

static void every_kind_of_incident_matches(void **state)
{
	struct ends ends;

	(void)state;
	ends = with_incident(EVENT_RESET, SOCKET_NONE, 1000);
	expect_match(&ends);
	ends = with_incident(EVENT_RESET, SOCKET_TIME_WAIT, 1000);
	expect_match(&ends);
	ends = with_incident(EVENT_RESET, SOCKET_LISTEN, 1000);
	expect_match(&ends);
	ends = with_incident(EVENT_ACK_DROP, SOCKET_LISTEN, 1000);
	expect_match(&ends);
}

static void incident_wraps_around_too(void **state)
{
	struct ends ends = with_incident(EVENT_RESET, SOCKET_NONE, 0xffffffff);

	(void)state;
	ends.here.snd_una = 0;
	ends.here.snd_nxt = 100;
	expect_match(&ends); /* a keepalive probe */
	ends.there.seg_seq = 0xfffffffe;
	expect_no_match(&ends);
	ends.here.snd_una = 0xffffff9c;
	ends.here.snd_nxt = 0;
	expect_match(&ends);
	ends.there.seg_seq = 0;
	expect_match(&ends);
	ends.there.seg_seq = 1;
	expect_no_match(&ends);
}

/* Its own numbers are those of no socket, and must not be looked at. */
static void incident_needs_no_numbers_of_its_own(void **state)
{
	struct ends ends = with_incident(EVENT_RESET, SOCKET_NONE, 1000);

	(void)state;
	ends.here.rcv_nxt = 0xdeadbeef;
	expect_match(&ends);
	ends.here.seg_seq = 12345;
	expect_match(&ends);
}

static void incident_of_the_same_direction_does_not_match(void **state)
{
	struct ends ends = with_incident(EVENT_RESET, SOCKET_NONE, 1000);

	(void)state;
	ends.there.tuple = ends.here.tuple;
	expect_no_match(&ends);
}

static void two_incidents_never_match(void **state)
{
	static const enum socket_kind kinds[] = { SOCKET_NONE, SOCKET_LISTEN, SOCKET_TIME_WAIT };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		for (size_t j = 0; j < ARRAY_SIZE(kinds); j++) {
			struct ends ends = with_incident(EVENT_RESET, kinds[i], 1000);

			ends.here.facts = ends.there.facts;
			ends.here.facts.socket = kinds[j];
			ends.here.seg_seq = 1000;
			expect_no_match(&ends);
			ends.here.snd_una = ends.here.snd_nxt = ends.here.rcv_nxt = 0;
			ends.here.seg_seq = ends.there.seg_seq = 0;
			expect_no_match(&ends);
		}
}

/* Late data is told by an RST, and has the numbers of a full socket: it is a death. */
static void late_data_matches_as_a_death(void **state)
{
	struct ends ends = typical();

	(void)state;
	ends.there.facts.event = EVENT_RESET;
	ends.there.seg_seq = 99999999;
	expect_match(&ends);
	ends.there.rcv_nxt = 1101;
	ends.there.seg_seq = 1000;
	expect_no_match(&ends);
}

/* ---- strangers ------------------------------------------------------------------------------- */

static __u64 seed;

static __u32 chance(void)
{
	seed = seed * 6364136223846793005 + 1442695040888963407;
	return seed >> 32;
}

/* Few addresses, few ports: often only the sequence numbers tell them apart. */
static struct tuple random_tuple(void)
{
	static const char *const v4[] = { "127.0.0.1", "10.0.0.1", "10.0.0.2" };
	static const char *const v6[] = { "::1", "2001:db8::1", "::ffff:127.0.0.1" };
	const char *const *addresses = chance() % 2 ? v4 : v6;

	return tuple_of(addresses[chance() % 3], 1 + chance() % 3, addresses[chance() % 3],
			1 + chance() % 3);
}

static struct evidence random_evidence(void)
{
	struct evidence e = {
		.facts = { .event = EVENT_DEATH, .socket = SOCKET_FULL },
		.tuple = random_tuple(),
		.snd_una = chance(),
		.rcv_nxt = chance(),
		.seg_seq = chance(),
	};

	e.snd_nxt =
		e.snd_una + chance() % 100; /* little on its way: to hit it is a chance of 1e-7 */
	if (chance() % 4 == 0) {
		e.facts.event = EVENT_RESET;
		e.facts.socket = chance() % 2 ? SOCKET_NONE : SOCKET_TIME_WAIT;
	}
	return e;
}

static void random_strangers_never_match(void **state)
{
	size_t same_ports = 0;

	(void)state;
	seed = 1;
	for (int i = 0; i < 200000; i++) {
		struct ends ends = { .here = random_evidence(), .there = random_evidence() };
		struct tuple back = reversed(&ends.here.tuple);

		same_ports += !memcmp(&back, &ends.there.tuple, sizeof(back));
		expect_no_match(&ends);
	}
	if (same_ports < 1000)
		fail_msg("strangers on the same ports seen: %zu, expected: some thousands",
			 same_ports);
}

/* And the right one always does, and always lies in the same bucket. */
static void random_other_ends_always_match(void **state)
{
	(void)state;
	seed = 2;
	for (int i = 0; i < 200000; i++) {
		struct ends ends = { .here = random_evidence() };
		__u32 sent = ends.here.snd_nxt - ends.here.snd_una;
		__u32 sent_back = chance() % 100;

		ends.here.facts.event = EVENT_DEATH;
		ends.here.facts.socket = SOCKET_FULL;
		ends.there = ends.here;
		ends.there.tuple = reversed(&ends.here.tuple);
		ends.there.rcv_nxt = ends.here.snd_una + chance() % (sent + 1);
		ends.there.snd_una = ends.here.rcv_nxt - chance() % (sent_back + 1);
		ends.there.snd_nxt = ends.there.snd_una + sent_back;
		expect_match(&ends);
		expect_number(pair_hash(&ends.here.tuple), pair_hash(&ends.there.tuple));
		ends.there.facts.event = EVENT_RESET;
		ends.there.facts.socket = SOCKET_NONE;
		ends.there.facts.event = EVENT_RESET;
		ends.there.seg_seq = ends.here.snd_una - 1 + chance() % (sent + 2);
		expect_match(&ends);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_is_the_same_for_both_ends),
		cmocka_unit_test(hash_is_the_same_for_mapped_addresses),
		cmocka_unit_test(hash_and_match_ignore_what_is_behind_ipv4),
		cmocka_unit_test(hash_spreads_neighbouring_ports),
		cmocka_unit_test(both_ends_match),
		cmocka_unit_test(mapped_and_ipv4_match),
		cmocka_unit_test(other_family_does_not_match),
		cmocka_unit_test(same_direction_does_not_match),
		cmocka_unit_test(each_address_and_port_counts),
		cmocka_unit_test(each_byte_of_an_ipv6_address_counts),
		cmocka_unit_test(listener_that_dropped_syns_never_matches),
		cmocka_unit_test(port_zero_never_matches),
		cmocka_unit_test(failed_calls_never_match),
		cmocka_unit_test(connection_to_itself_is_its_own_other_end_at_most),
		cmocka_unit_test(one_expects_what_the_other_has_on_its_way),
		cmocka_unit_test(both_must_expect_the_other),
		cmocka_unit_test(nothing_on_its_way_leaves_one_number),
		cmocka_unit_test(sequence_numbers_wrap_around),
		cmocka_unit_test(later_connection_on_the_same_ports_does_not_match),
		cmocka_unit_test(one_that_died_in_fin_wait2_has_not_seen_the_fin),
		cmocka_unit_test(incident_belongs_to_what_was_sent),
		cmocka_unit_test(every_kind_of_incident_matches),
		cmocka_unit_test(incident_wraps_around_too),
		cmocka_unit_test(incident_needs_no_numbers_of_its_own),
		cmocka_unit_test(incident_of_the_same_direction_does_not_match),
		cmocka_unit_test(two_incidents_never_match),
		cmocka_unit_test(late_data_matches_as_a_death),
		cmocka_unit_test(random_strangers_never_match),
		cmocka_unit_test(random_other_ends_always_match),
	};

	return cmocka_run_group_tests_name("pair", tests, NULL, NULL);
}
