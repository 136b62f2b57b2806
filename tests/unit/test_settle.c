// SPDX-License-Identifier: GPL-2.0-only
/*
 * Evidence waits until it is complete, and no longer: order, patience, late data, owners, the
 * other end.
 *
 * Time is given to settle, and the clock that it asks after a search is ours: no test waits, or
 * depends on how soon it is run.
 */
#include "expect.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "array.h"
#include "clock.h"
#include "settle.h"

#define MS        1000000ULL
#define BEGINNING (MS * 3600 * 1000) /* of each test */
#define PATIENCE  (10 * MS)          /* that anything waits for its other end */
#define LATE      (50 * MS)          /* that what late data may replace waits for it */
#define LONGEST   (50 * MS)          /* from the first search until an owner is given up */
#define AGAIN     (10 * MS)          /* from one search to the next */
#define NOBODYS   0xffffffffffffULL  /* an inode: sockets have 32 bits */
#define ROOM      UINT64_C(4096)     /* that wait, or are remembered, at once */

/*
 * What was handed over, in order, each with its other end. And the host: one process at most,
 * which holds one socket.
 */
struct bench {
	struct settle *settle;
	struct owner holder;
	uint64_t held_inode;
	size_t searches, most_wanted; /* in one search */
	uint64_t search_takes;        /* ns */
	struct evidence *seen, *other;
	bool *joined;
	size_t n, max;
};

static void *grown(void *array, size_t n, size_t size)
{
	array = realloc(array, n * size);
	assert_non_null(array);
	return array;
}

static void take(void *ctx, const struct evidence *e, const struct evidence *other)
{
	struct bench *b = ctx;

	if (b->n == b->max) {
		b->max = b->max ? 2 * b->max : 64;
		b->seen = grown(b->seen, b->max, sizeof(*b->seen));
		b->other = grown(b->other, b->max, sizeof(*b->other));
		b->joined = grown(b->joined, b->max, sizeof(*b->joined));
	}
	b->seen[b->n] = *e;
	b->joined[b->n] = other != NULL;
	if (other)
		b->other[b->n] = *other;
	b->n++;
}

/* The clock stands still otherwise. */
static void wait_until(uint64_t ns)
{
	if (ns > monotonic_ns())
		clock_set_recorded(ns, 0);
}

static void find_holders(void *ctx, struct wanted *wanted, size_t n)
{
	struct bench *b = ctx;

	b->searches++;
	if (n > b->most_wanted)
		b->most_wanted = n;
	wait_until(monotonic_ns() + b->search_takes);
	for (size_t i = 0; i < n; i++)
		if (b->held_inode && wanted[i].inode == b->held_inode)
			wanted[i].owner = b->holder;
}

static void find_owners(struct bench *b, uint64_t now, int all)
{
	wait_until(now);
	settle_find_owners(b->settle, now, all);
}

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (!b)
		return -1;
	clock_set_recorded(BEGINNING, 0);
	b->settle = settle_new(take, find_holders, b);
	*state = b;
	return b->settle ? 0 : -1;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	settle_free(b->settle);
	free(b->seen);
	free(b->other);
	free(b->joined);
	free(b);
	return 0;
}

/* ---- evidence ---------------------------------------------------------------------------- */

/* 10.x.y.z:40000 -> 192.0.2.1:3306, another one for each number. */
static struct tuple tuple_of(uint64_t number)
{
	__u32 local = htonl(0x0a000000 + number), remote = htonl(0xc0000201);
	struct tuple t = { .lport = 40000, .rport = 3306, .family = AF_INET };

	memcpy(t.laddr, &local, sizeof(local));
	memcpy(t.raddr, &remote, sizeof(remote));
	return t;
}

static struct tuple reversed(const struct tuple *t)
{
	struct tuple r = { .lport = t->rport, .rport = t->lport, .family = t->family };

	memcpy(r.laddr, t->raddr, sizeof(r.laddr));
	memcpy(r.raddr, t->laddr, sizeof(r.raddr));
	return r;
}

/* peer-aborted, by a packet: nobody is known to own it. */
static struct evidence ownerless(uint64_t sock_id)
{
	struct evidence e = {
		.sock_id = sock_id,
		.inode = NOBODYS,
		.facts = {
			.event = EVENT_DEATH,
			.socket = SOCKET_FULL,
			.state = ST_ESTABLISHED,
			.err = ERR_CONNRESET,
			.flags = FACT_ATTACHED | FACT_TSTAMP_OK | FACT_SAW_TSTAMP,
		},
		.tuple = tuple_of(sock_id),
		.snd_una = 1000,
		.snd_nxt = 1045,
		.rcv_nxt = 77000,
		.count = 1,
	};

	return e;
}

static struct owner process(uint32_t pid, const char *comm)
{
	struct owner o = { .pid = pid, .source = OWNER_CURRENT };

	memcpy(o.comm, comm, strlen(comm));
	return o;
}

static struct evidence owned(uint64_t sock_id)
{
	struct evidence e = ownerless(sock_id);

	e.owner = process(7, "seven");
	return e;
}

/* Closed by its process, then ended in this state: the owner is known, the socket an orphan. */
static struct evidence closed(uint64_t sock_id, __u8 state, __u16 err)
{
	struct evidence e = owned(sock_id);

	e.facts.state = state;
	e.facts.err = err;
	e.facts.shutdown = SHUT_BOTH;
	e.facts.flags = FACT_DEAD;
	e.inode = 0;
	return e;
}

static struct evidence reset_after_close(uint64_t sock_id)
{
	return closed(sock_id, ST_FIN_WAIT1, ERR_CONNRESET);
}

static struct evidence closed_here(uint64_t sock_id)
{
	return closed(sock_id, ST_FIN_WAIT2, 0);
}

static struct evidence late_data(uint64_t sock_id)
{
	struct evidence e = closed(sock_id, ST_CLOSE, ERR_CONNRESET);

	e.facts.event = EVENT_RESET;
	return e;
}

/* linger-zero at the other end: all that e sent was received. Its owner is another process. */
static struct evidence other_end_of(const struct evidence *e)
{
	struct evidence other = ownerless(e->sock_id + (1ULL << 32));

	other.facts.err = 0;
	other.facts.shutdown = SHUT_BOTH;
	other.facts.flags = FACT_ATTACHED | FACT_LINGER_ZERO;
	other.owner = process(8, "eight");
	other.tuple = reversed(&e->tuple);
	other.snd_una = other.snd_nxt = e->rcv_nxt;
	other.rcv_nxt = e->snd_nxt;
	return other;
}

/* At the other end a segment that e sent was answered by an RST: stray-segment, nobody's. */
static struct evidence incident_at_other_end_of(const struct evidence *e)
{
	struct evidence incident = {
		.facts = { .event = EVENT_RESET, .socket = SOCKET_NONE, .flags = FACT_SEG_ACK },
		.tuple = reversed(&e->tuple),
		.seg_seq = e->snd_una,
		.seg_len = 45,
		.count = 1,
	};

	return incident;
}

static void add(struct bench *b, struct evidence e, uint64_t now)
{
	settle_add(b->settle, &e, now);
}

/* Then e need not wait for it. */
static void add_other_end(struct bench *b, struct evidence e, uint64_t now)
{
	add(b, other_end_of(&e), now);
}

static void expect_handed_over(const struct bench *b, size_t i)
{
	if (i >= b->n)
		fail_msg("handed over: %zu, expected: more than %zu", b->n, i);
}

static void expect_pid(const struct bench *b, size_t i, uint32_t pid)
{
	expect_handed_over(b, i);
	expect_number(b->seen[i].owner.pid, pid);
}

static void expect_verdict_seen(const struct bench *b, size_t i, enum verdict verdict)
{
	expect_handed_over(b, i);
	expect_verdict(&b->seen[i].facts, verdict);
}

static void expect_other_at(const struct bench *b, size_t i, const struct evidence *other,
			    const char *file, int line)
{
	expect_handed_over(b, i);
	/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): a copy, with its padding */
	if (b->joined[i] && !memcmp(&b->other[i], other, sizeof(*other)))
		return;
	print_error("other end of number %zu seen: %s, expected: %s\n", i,
		    b->joined[i] ? verdict_text(classify(&b->other[i].facts))->name : "none",
		    verdict_text(classify(&other->facts))->name);
	_fail(file, line);
}

/* This very evidence was handed over as the other end of the i-th. */
#define expect_other(b, i, other) expect_other_at(b, i, other, __FILE__, __LINE__)

static void expect_alone_at(const struct bench *b, size_t i, const char *file, int line)
{
	expect_handed_over(b, i);
	if (!b->joined[i])
		return;
	print_error("other end of number %zu seen: %s, expected: none\n", i,
		    verdict_text(classify(&b->other[i].facts))->name);
	_fail(file, line);
}

#define expect_alone(b, i) expect_alone_at(b, i, __FILE__, __LINE__)

/* ---- waiting ----------------------------------------------------------------------------- */

/* What has a time before the oldest has been handed over. */
static void oldest_is_the_first_that_waits(void **state)
{
	struct evidence first = ownerless(1), second = owned(2);
	struct bench *b = *state;

	expect_number(settle_oldest(b->settle), UINT64_MAX);
	first.time_ns = 1000;
	second.time_ns = 2000;
	add(b, first, MS);
	add(b, second, MS);
	expect_number(settle_oldest(b->settle), 1000);
	find_owners(b, MS, 0);
	settle_hand_over(b->settle, MS + LONGEST, 0);
	expect_number(b->n, 2);
	expect_number(settle_oldest(b->settle), UINT64_MAX);
	add(b, second, 2 * LONGEST);
	expect_number(settle_oldest(b->settle), 2000);
}

static void both_ends_with_known_owners_go_at_once(void **state)
{
	struct bench *b = *state;

	add(b, owned(1), MS);
	add_other_end(b, owned(1), MS);
	expect_at_most(settle_due(b->settle), MS);
	settle_hand_over(b->settle, MS, 0);
	expect_number(b->n, 2);
	expect_pid(b, 0, 7);
	expect_pid(b, 1, 8);
}

static void known_owner_waits_for_the_other_end_only(void **state)
{
	struct bench *b = *state;

	add(b, owned(1), MS);
	expect_number(settle_due(b->settle), MS + PATIENCE);
	settle_hand_over(b->settle, MS + PATIENCE - 1, 0);
	expect_number(b->n, 0);
	settle_hand_over(b->settle, MS + PATIENCE, 0);
	expect_number(b->n, 1);
	expect_pid(b, 0, 7);
	expect_alone(b, 0);
}

/* It comes out as it went in. */
static void complete_evidence_is_not_changed(void **state)
{
	struct bench *b = *state;
	struct evidence e;

	memset(&e, 0xa5, sizeof(e));
	add(b, e, MS);
	settle_hand_over(b->settle, MS + PATIENCE, 0);
	expect_number(b->n, 1);
	assert_memory_equal(&b->seen[0], &e, sizeof(e));
}

static void nothing_to_look_for_goes_at_once(void **state)
{
	struct bench *b = *state;
	struct evidence e = ownerless(1);

	e.inode = 0;
	add(b, e, MS);
	add_other_end(b, e, MS);
	settle_hand_over(b->settle, MS, 0);
	expect_number(b->n, 2);
	expect_pid(b, 0, 0);
}

/* The owner of a listener is in its record, or nowhere; SYNs that it dropped have no one peer. */
static void incident_without_a_peer_goes_at_once(void **state)
{
	struct bench *b = *state;
	struct evidence e = ownerless(1);

	e.facts.event = EVENT_SYN_DROP;
	e.facts.socket = SOCKET_LISTEN;
	e.tuple.rport = 0;
	add(b, e, MS);
	expect_at_most(settle_due(b->settle), MS);
	settle_hand_over(b->settle, MS, 0);
	expect_number(b->n, 1);
	expect_alone(b, 0);
}

/* It waits for the death at its other end, but for no owner. */
static void incident_with_a_peer_waits_for_it(void **state)
{
	struct bench *b = *state;
	struct evidence death = owned(1), incident = incident_at_other_end_of(&death);

	incident.inode = NOBODYS;
	add(b, incident, MS);
	expect_number(settle_due(b->settle), MS + PATIENCE);
	settle_hand_over(b->settle, MS + PATIENCE - 1, 0);
	expect_number(b->n, 0);
	settle_hand_over(b->settle, MS + PATIENCE, 0);
	expect_number(b->n, 1);
	expect_alone(b, 0);
}

/* However long the search has to wait for its turn. */
static void unknown_owner_waits_for_its_search(void **state)
{
	struct bench *b = *state;

	add(b, ownerless(1), MS);
	expect_at_most(settle_due(b->settle), MS);
	settle_hand_over(b->settle, MS + 10 * LONGEST, 0);
	expect_number(b->n, 0);
}

/* Its closer may still be told, or it may be found at the next search. */
static void search_in_vain_begins_the_patience(void **state)
{
	struct bench *b = *state;
	uint64_t now = monotonic_ns();

	add(b, ownerless(1), now - LONGEST);
	find_owners(b, now, 0);
	settle_hand_over(b->settle, now + LONGEST - 1, 0);
	expect_number(b->n, 0);
	settle_hand_over(b->settle, now + LONGEST, 0);
	expect_number(b->n, 1);
	expect_pid(b, 0, 0);
	expect_number(b->seen[0].owner.source, OWNER_UNKNOWN);
}

static void order_is_kept_behind_one_that_waits(void **state)
{
	struct bench *b = *state;

	uint64_t now = monotonic_ns();

	add(b, ownerless(1), now);
	add(b, owned(2), now);
	find_owners(b, now, 0);
	add(b, ownerless(3), now + LONGEST);
	add(b, owned(4), now + LONGEST);
	settle_hand_over(b->settle, now + LONGEST - 1, 0);
	expect_number(b->n, 0);
	settle_hand_over(b->settle, now + LONGEST, 0);
	expect_number(b->n, 2);
	find_owners(b, now + LONGEST, 0);
	settle_hand_over(b->settle, now + 2 * LONGEST, 0);
	expect_number(b->n, 4);
	for (size_t i = 0; i < b->n; i++)
		expect_number(b->seen[i].sock_id, i + 1);
}

static void all_hands_over_everything(void **state)
{
	struct bench *b = *state;

	add(b, ownerless(1), MS);
	add(b, reset_after_close(2), MS);
	add(b, owned(3), MS);
	settle_hand_over(b->settle, MS, 1);
	expect_number(b->n, 3);
	expect_number(settle_due(b->settle), UINT64_MAX);
	settle_hand_over(b->settle, MS + LONGEST, 1);
	expect_number(b->n, 3);
}

static void more_than_there_is_room_for_are_all_handed_over(void **state)
{
	struct bench *b = *state;
	const size_t total = 3 * ROOM + 17;

	for (size_t i = 0; i < total; i++)
		add(b, ownerless(i), MS);
	expect_number(b->n, total - ROOM); /* the oldest made room */
	settle_hand_over(b->settle, MS, 1);
	expect_number(b->n, total);
	for (size_t i = 0; i < total; i++)
		expect_number(b->seen[i].sock_id, i);
}

static void exactly_as_many_as_there_is_room_for_wait(void **state)
{
	struct bench *b = *state;

	for (size_t i = 0; i < ROOM; i++)
		add(b, owned(i), MS);
	expect_number(b->n, 0);
	expect_at_most(settle_due(b->settle), MS + PATIENCE);
	settle_hand_over(b->settle, MS + PATIENCE, 0);
	expect_number(b->n, ROOM);
}

/* ---- when it is due ---------------------------------------------------------------------- */

static void nothing_is_due_when_empty(void **state)
{
	struct bench *b = *state;

	expect_number(settle_due(b->settle), UINT64_MAX);
	add(b, owned(1), MS);
	settle_hand_over(b->settle, MS + PATIENCE, 0);
	expect_number(settle_due(b->settle), UINT64_MAX);
}

static void due_is_never_later_than_the_patience(void **state)
{
	struct bench *b = *state;
	uint64_t now = monotonic_ns();

	add(b, ownerless(1), now);
	expect_at_most(settle_due(b->settle), now);
	find_owners(b, now, 0);
	expect_at_most(settle_due(b->settle), now + AGAIN);
	settle_hand_over(b->settle, now + LONGEST, 0);
	expect_number(b->n, 1);
	add(b, reset_after_close(2), now);
	expect_at_most(settle_due(b->settle), now + PATIENCE);
}

/* Else the caller would wake up for nothing, again and again. */
static void what_is_due_is_handed_over(void **state)
{
	struct bench *b = *state;
	uint64_t now = monotonic_ns();

	add(b, ownerless(1), now);
	for (uint64_t at = now; !b->n && at < now + 2 * LONGEST; at = settle_due(b->settle)) {
		expect_at_most(b->searches, LONGEST / AGAIN);
		find_owners(b, at, 0);
		settle_hand_over(b->settle, at, 0);
	}
	expect_number(b->n, 1);
	add(b, reset_after_close(2), now);
	settle_hand_over(b->settle, settle_due(b->settle), 0);
	expect_number(b->n, 2);
	add(b, owned(3), now);
	settle_hand_over(b->settle, settle_due(b->settle), 0);
	expect_number(b->n, 3);
	add(b, owned(4), now);
	add_other_end(b, owned(4), now);
	settle_hand_over(b->settle, settle_due(b->settle), 0);
	expect_number(b->n, 5);
}

/* ---- who closed it ----------------------------------------------------------------------- */

static void closer_names_the_owner(void **state)
{
	struct bench *b = *state;
	struct owner closer = process(812, "mysqld");

	add(b, ownerless(1), MS);
	settle_closer(b->settle, 1, &closer);
	add_other_end(b, ownerless(1), MS);
	settle_hand_over(b->settle, MS, 0);
	expect_number(b->n, 2);
	expect_pid(b, 0, 812);
	assert_string_equal(b->seen[0].owner.comm, "mysqld");
	expect_number(b->seen[0].owner.source, OWNER_CLOSER);
}

/* It closed after the connection had died, and ended because of that, perhaps. */
static void closers_own_end_is_not_the_connections(void **state)
{
	struct owner closer = process(812, "redis-cli");
	struct bench *b = *state;

	closer.exiting = 1;
	closer.exit_code = 1 << 8;
	add(b, ownerless(1), MS);
	settle_closer(b->settle, 1, &closer);
	settle_hand_over(b->settle, MS, 1);
	expect_number(b->n, 1);
	expect_number(b->seen[0].owner.pid, 812);
	expect_number(b->seen[0].owner.exiting, 0);
	expect_number(b->seen[0].owner.exit_code, 0);
}

static void closer_names_no_other_socket(void **state)
{
	struct bench *b = *state;
	struct owner closer = process(812, "mysqld");

	add(b, ownerless(1), MS);
	add(b, ownerless(2), MS);
	settle_closer(b->settle, 2, &closer);
	settle_closer(b->settle, 3, &closer);
	settle_hand_over(b->settle, MS, 1);
	expect_number(b->n, 2);
	expect_pid(b, 0, 0);
	expect_pid(b, 1, 812);
}

static void closer_does_not_replace_a_known_owner(void **state)
{
	struct bench *b = *state;
	struct owner closer = process(812, "mysqld");

	add(b, ownerless(9), MS); /* keeps the next one waiting */
	add(b, owned(1), MS);
	settle_closer(b->settle, 1, &closer);
	settle_hand_over(b->settle, MS, 1);
	expect_number(b->n, 2);
	expect_pid(b, 1, 7);
}

/* An address is used again: each closer belongs to the death before it. */
static void closers_of_two_sockets_at_one_address(void **state)
{
	struct owner first = process(11, "first"), second = process(22, "second");
	struct bench *b = *state;

	add(b, ownerless(1), MS);
	settle_closer(b->settle, 1, &first);
	add(b, ownerless(1), MS);
	settle_closer(b->settle, 1, &second);
	settle_hand_over(b->settle, MS + PATIENCE, 0); /* not LONGEST: they wait for no owner */
	expect_number(b->n, 2);
	expect_pid(b, 0, 11);
	expect_pid(b, 1, 22);
}

/* ---- late data --------------------------------------------------------------------------- */

static void death_that_late_data_may_replace_waits_for_it(void **state)
{
	struct bench *b = *state;

	add(b, reset_after_close(1), MS);
	add(b, closed_here(2), MS);
	add_other_end(b, reset_after_close(1), MS);
	add_other_end(b, closed_here(2), MS);
	settle_hand_over(b->settle, MS + LATE - 1, 0);
	expect_number(b->n, 0);
	settle_hand_over(b->settle, MS + LATE, 0);
	expect_number(b->n, 4);
	expect_verdict_seen(b, 0, VERDICT_reset_after_close);
	expect_verdict_seen(b, 1, VERDICT_closed_here);
}

static void late_data_replaces_the_reset_after_close(void **state)
{
	struct bench *b = *state;

	add(b, reset_after_close(1), MS);
	add(b, late_data(1), MS);
	add_other_end(b, late_data(1), MS);
	settle_hand_over(b->settle, MS, 0);
	expect_number(b->n, 2);
	expect_verdict_seen(b, 0, VERDICT_late_data);
}

/* Whoever withholds something before it is added must know. */
static void what_late_data_may_replace_is_told(void **state)
{
	const struct evidence in_question[] = { late_data(1), reset_after_close(1),
						closed_here(1) },
			      others[] = { owned(1), ownerless(1) };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(in_question); i++)
		assert_true(settle_may_replace(&in_question[i], classify(&in_question[i].facts)));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(settle_may_replace(&others[i], classify(&others[i].facts)));
}

static void late_data_replaces_the_orderly_end(void **state)
{
	struct bench *b = *state;

	add(b, closed_here(1), MS);
	add(b, late_data(1), MS);
	settle_hand_over(b->settle, MS, 1);
	expect_number(b->n, 1);
	expect_verdict_seen(b, 0, VERDICT_late_data);
}

/* The replaced one had the owner; so has the one that replaces it. */
static void late_data_has_its_own_owner(void **state)
{
	struct bench *b = *state;

	add(b, reset_after_close(1), MS);
	add(b, late_data(1), MS);
	settle_hand_over(b->settle, MS, 1);
	expect_pid(b, 0, 7);
}

static void late_data_spares_other_sockets(void **state)
{
	struct bench *b = *state;

	add(b, reset_after_close(1), MS);
	add(b, closed_here(2), MS);
	add(b, late_data(3), MS);
	settle_hand_over(b->settle, MS, 1);
	expect_number(b->n, 3);
	expect_verdict_seen(b, 0, VERDICT_reset_after_close);
	expect_verdict_seen(b, 1, VERDICT_closed_here);
	expect_verdict_seen(b, 2, VERDICT_late_data);
}

/* From CLOSING the kernel does not come to answer late data; nor from any other death. */
static void late_data_spares_other_deaths(void **state)
{
	struct bench *b = *state;

	add(b, closed(1, ST_CLOSING, 0), MS);
	add(b, closed(1, ST_LAST_ACK, 0), MS);
	add(b, owned(1), MS);
	add(b, late_data(1), MS);
	settle_hand_over(b->settle, MS, 1);
	expect_number(b->n, 4);
	expect_verdict_seen(b, 0, VERDICT_closed_here);
	expect_verdict_seen(b, 1, VERDICT_closed_by_peer);
	expect_verdict_seen(b, 2, VERDICT_peer_aborted);
}

static void late_data_does_not_reach_what_was_handed_over(void **state)
{
	struct bench *b = *state;

	add(b, reset_after_close(1), MS);
	settle_hand_over(b->settle, MS + LATE, 0);
	add(b, late_data(1), MS + LATE);
	settle_hand_over(b->settle, MS + LATE, 1);
	expect_number(b->n, 2);
	expect_verdict_seen(b, 0, VERDICT_reset_after_close);
	expect_verdict_seen(b, 1, VERDICT_late_data);
}

/* An address is used again: the death of the moment before is meant. */
static void late_data_replaces_the_newest(void **state)
{
	struct bench *b = *state;

	add(b, closed_here(1), MS);
	add(b, reset_after_close(1), MS);
	add(b, late_data(1), MS);
	settle_hand_over(b->settle, MS, 1);
	expect_number(b->n, 2);
	expect_verdict_seen(b, 0, VERDICT_closed_here);
	expect_verdict_seen(b, 1, VERDICT_late_data);
}

static void replaced_ones_hold_nothing_up(void **state)
{
	struct bench *b = *state;

	add(b, reset_after_close(1), MS);
	add(b, late_data(1), MS);
	add_other_end(b, late_data(1), MS);
	settle_hand_over(b->settle, MS, 0);
	expect_number(b->n, 2);
	expect_number(settle_due(b->settle), UINT64_MAX);
}

/* ---- searching --------------------------------------------------------------------------- */

#define SOMEBODYS 4711 /* an inode */

/* One process holds the socket with this inode. */
static void hold(struct bench *b, uint64_t inode)
{
	b->held_inode = inode;
	b->holder = process(99, "holder");
	b->holder.source = OWNER_FD;
}

static struct evidence held(uint64_t sock_id)
{
	struct evidence e = ownerless(sock_id);

	e.inode = SOMEBODYS;
	return e;
}

static void expect_holder(const struct bench *b, size_t i)
{
	expect_pid(b, i, 99);
	expect_number(b->seen[i].owner.source, OWNER_FD);
	assert_string_equal(b->seen[i].owner.comm, "holder");
}

/* A recording has the searches and what they found: none is made, however long the first one took.
 */
static void holder_is_found_by_somebody_else(void **state)
{
	struct bench *b = *state;
	uint64_t now = monotonic_ns();
	struct wanted found[] = { { .socket = 1 }, { .socket = 2, .inode = SOMEBODYS + 1 } };

	settle_free(b->settle);
	b->settle = settle_new(take, NULL, b);
	add(b, held(1), now);
	find_owners(b, now, 1);
	settle_hand_over(b->settle, now + 1000000000, 0);
	expect_number(b->n, 0);
	expect_number(settle_due(b->settle), UINT64_MAX);
	found[0].inode = held(1).inode;
	found[0].socket = held(1).socket;
	found[0].owner.pid = 77;
	settle_searched(b->settle, now + 1000000000, found, 2);
	settle_hand_over(b->settle, now + 1000000000, 0);
	expect_number(b->n, 1);
	expect_number(b->seen[0].owner.pid, 77);
	expect_number(b->searches, 0);
}

static void holder_is_found(void **state)
{
	struct bench *b = *state;
	uint64_t now = monotonic_ns();

	hold(b, SOMEBODYS);
	add(b, held(1), now);
	add_other_end(b, held(1), now);
	find_owners(b, now, 0);
	settle_hand_over(b->settle, now, 0); /* complete: it waits no longer */
	expect_number(b->n, 2);
	expect_holder(b, 0);
}

/* Two deaths of one descriptor: connect() after a reset. */
static void two_deaths_of_one_socket_are_both_found(void **state)
{
	struct bench *b = *state;
	uint64_t now = monotonic_ns();

	hold(b, SOMEBODYS);
	add(b, held(1), now);
	add(b, held(1), now);
	add_other_end(b, held(1), now);
	find_owners(b, now, 0);
	settle_hand_over(b->settle, now, 0);
	expect_number(b->n, 3);
	expect_holder(b, 0);
	expect_holder(b, 1);
}

/* It was on its way from one process to another, or in the middle of accept(). */
static void holder_is_found_later(void **state)
{
	struct bench *b = *state;
	uint64_t now = monotonic_ns();

	add(b, held(1), now);
	find_owners(b, now, 0);
	hold(b, SOMEBODYS);
	find_owners(b, now + AGAIN - 1, 0);
	expect_number(b->searches, 1);
	find_owners(b, now + AGAIN, 0);
	expect_number(b->searches, 2);
	settle_hand_over(b->settle, now + AGAIN, 0);
	expect_number(b->n, 1);
	expect_holder(b, 0);
}

static void known_owner_is_not_searched_for(void **state)
{
	struct owner closer = process(812, "mysqld");
	struct bench *b = *state;
	uint64_t now = monotonic_ns();

	add(b, owned(1), now);
	add(b, held(2), now);
	settle_closer(b->settle, 2, &closer);
	find_owners(b, now, 0);
	expect_number(b->searches, 0);
	find_owners(b, now, 1);
	expect_number(b->searches, 0);
}

/* A storm of deaths must not make us search all the time. */
static void search_rests_before_the_next(void **state)
{
	struct bench *b = *state;
	uint64_t begun = monotonic_ns(), ended;

	b->search_takes = 2 * MS;
	add(b, ownerless(1), begun);
	find_owners(b, begun, 0);
	ended = monotonic_ns();
	add(b, ownerless(2), ended);
	find_owners(b, ended, 0);
	expect_number(b->searches, 1);
	expect_at_most(settle_due(b->settle), ended + 3 * (ended - begun));
	find_owners(b, ended + 3 * (ended - begun), 0);
	expect_number(b->searches, 2);
}

/* One search looks for some hundreds at most; the next one for the others. */
static void many_are_found_in_several_searches(void **state)
{
	struct bench *b = *state;
	uint64_t now = monotonic_ns();

	hold(b, SOMEBODYS);
	for (size_t i = 0; i < 1000; i++)
		add(b, ownerless(i), now);
	add(b, held(1000), now);
	for (size_t i = 0; i < 10; i++) {
		now = settle_due(b->settle);
		find_owners(b, now, 0);
	}
	settle_hand_over(b->settle, now, 1);
	expect_at_most(b->most_wanted, WANTED_MAX);
	expect_number(b->n, 1001);
	expect_pid(b, 999, 0);
	expect_holder(b, 1000);
}

static void all_are_searched_for_at_the_end(void **state)
{
	struct bench *b = *state;
	uint64_t now = monotonic_ns();

	hold(b, SOMEBODYS);
	for (size_t i = 0; i < 1000; i++)
		add(b, ownerless(i), now);
	add(b, held(1000), now);
	find_owners(b, now, 1);
	settle_hand_over(b->settle, now, 1);
	expect_number(b->n, 1001);
	expect_holder(b, 1000);
}

/* ---- the other end ----------------------------------------------------------------------- */

static void both_ends_get_each_other(void **state)
{
	struct evidence one = owned(1), other = other_end_of(&one);
	struct bench *b = *state;

	add(b, one, MS);
	add(b, other, MS);
	settle_hand_over(b->settle, MS, 0);
	expect_number(b->n, 2);
	assert_memory_equal(&b->seen[0], &one, sizeof(one));
	assert_memory_equal(&b->seen[1], &other, sizeof(other));
	expect_other(b, 0, &other);
	expect_other(b, 1, &one);
}

/* Also with others between them. */
static void other_end_that_comes_in_time_ends_the_waiting(void **state)
{
	struct evidence one = owned(1), other = other_end_of(&one);
	struct bench *b = *state;

	add(b, other, MS);
	add(b, owned(2), MS);
	settle_hand_over(b->settle, MS + PATIENCE - 1, 0);
	expect_number(b->n, 0);
	add(b, one, MS + PATIENCE - 1);
	expect_at_most(settle_due(b->settle), MS + PATIENCE - 1);
	settle_hand_over(b->settle, MS + PATIENCE - 1, 0);
	expect_number(b->n, 1);
	expect_other(b, 0, &one);
	settle_hand_over(b->settle, MS + PATIENCE, 0);
	expect_number(b->n, 3);
	expect_alone(b, 1);
	expect_other(b, 2, &other);
}

static void many_connections_are_not_confused(void **state)
{
	struct bench *b = *state;
	const size_t total = 1000;

	for (size_t i = 0; i < total; i++)
		add(b, owned(i), MS);
	for (size_t i = total; i-- > 0;)
		add_other_end(b, owned(i), MS);
	settle_hand_over(b->settle, MS, 0);
	expect_number(b->n, 2 * total);
	for (size_t i = 0; i < total; i++) {
		struct evidence one = owned(i), other = other_end_of(&one);

		expect_other(b, i, &other);
		expect_other(b, 2 * total - 1 - i, &one);
	}
}

static void incident_and_death_get_each_other(void **state)
{
	struct evidence first = owned(1), second = owned(2);
	struct evidence at_first = incident_at_other_end_of(&first);
	struct evidence at_second = incident_at_other_end_of(&second);
	struct bench *b = *state;

	add(b, at_first, MS);
	add(b, first, MS);
	add(b, second, MS);
	add(b, at_second, MS);
	settle_hand_over(b->settle, MS, 0);
	expect_number(b->n, 4);
	expect_other(b, 0, &first);
	expect_other(b, 1, &at_first);
	expect_other(b, 2, &at_second);
	expect_other(b, 3, &second);
}

/* The earlier one did not wait for it, but is remembered. */
static void one_that_was_handed_over_is_named_by_the_later(void **state)
{
	struct evidence one = owned(1), other = other_end_of(&one);
	struct bench *b = *state;

	add(b, one, MS);
	settle_hand_over(b->settle, MS + PATIENCE, 0);
	expect_number(b->n, 1);
	expect_alone(b, 0);
	add(b, other, MS + 3600000 * MS);
	settle_hand_over(b->settle, MS + 3600000 * MS, 0); /* both known: at once */
	expect_number(b->n, 2);
	expect_other(b, 1, &one);
}

/* One, then so many others, then its other end; which is handed over last. */
static void forgets_after(struct bench *b, size_t others)
{
	struct evidence one = owned(0), other = other_end_of(&one);

	add(b, one, MS);
	for (size_t i = 1; i <= others; i++) {
		add(b, owned(i), MS);
		settle_hand_over(b->settle, MS + PATIENCE, 0);
	}
	add(b, other, MS + PATIENCE);
	settle_hand_over(b->settle, MS + 2 * PATIENCE, 0);
	expect_number(b->n, others + 2);
	for (size_t i = 0; i <= others; i++)
		expect_alone(b, i);
}

static void one_is_remembered_after_thousands_of_others(void **state)
{
	struct evidence one = owned(0);
	struct bench *b = *state;

	forgets_after(b, ROOM - 2); /* it, they and the other end are ROOM */
	expect_other(b, b->n - 1, &one);
}

static void one_is_forgotten_for_want_of_room(void **state)
{
	struct bench *b = *state;

	forgets_after(b, ROOM - 1);
	expect_alone(b, b->n - 1);
}

static void one_is_forgotten_after_many_times_the_room(void **state)
{
	struct bench *b = *state;

	forgets_after(b, 3 * ROOM + 5);
	expect_alone(b, b->n - 1);
}

/* What was found is forgotten while the finder waits: another one lies in its place then. */
static void forgotten_other_end_is_not_confused_with_its_successor(void **state)
{
	struct evidence one = owned(0), other = other_end_of(&one);
	struct bench *b = *state;

	add(b, one, MS);
	settle_hand_over(b->settle, MS + PATIENCE, 0);
	for (size_t i = 1; i <= ROOM - 2; i++)
		add(b, owned(i), MS);
	settle_hand_over(b->settle, MS + PATIENCE, 0);
	add(b, other, MS + PATIENCE);
	add(b, owned(ROOM), MS + PATIENCE);
	settle_hand_over(b->settle, MS + 2 * PATIENCE, 0);
	expect_number(b->n, ROOM + 1);
	expect_number(b->seen[ROOM - 1].sock_id, other.sock_id);
	expect_alone(b, ROOM - 1);
}

/* Its slot is in another bucket now: what was behind it in the old one must not be found there. */
static void forgotten_ones_do_not_join_later(void **state)
{
	struct bench *b = *state;

	for (size_t i = 0; i < 2 * ROOM; i++) {
		add(b, owned(i), MS);
		settle_hand_over(b->settle, MS + PATIENCE, 0);
	}
	for (size_t i = 0; i < 2 * ROOM; i++)
		add_other_end(b, owned(i), MS + PATIENCE);
	settle_hand_over(b->settle, MS + 2 * PATIENCE, 0);
	expect_number(b->n, 4 * ROOM);
	for (size_t i = 0; i < 2 * ROOM; i++)
		expect_alone(b, 2 * ROOM + i);
}

static void strangers_on_the_same_ports_are_not_joined(void **state)
{
	struct evidence one = owned(1), stranger = other_end_of(&one);
	struct bench *b = *state;

	stranger.snd_una += 1000000;
	stranger.snd_nxt += 1000000;
	add(b, one, MS);
	add(b, stranger, MS);
	settle_hand_over(b->settle, MS + PATIENCE - 1, 0);
	expect_number(b->n, 0);
	settle_hand_over(b->settle, MS + PATIENCE, 0);
	expect_number(b->n, 2);
	expect_alone(b, 0);
	expect_alone(b, 1);
}

/* The ports are used again: each connection keeps to itself. */
static void connections_on_the_same_ports_are_told_apart(void **state)
{
	struct evidence one[5], other[5];
	struct bench *b = *state;

	for (size_t i = 0; i < 5; i++) {
		one[i] = owned(1);
		one[i].snd_una += i * 100000;
		one[i].snd_nxt += i * 100000;
		one[i].rcv_nxt += i * 700000;
		other[i] = other_end_of(&one[i]);
		add(b, one[i], MS);
	}
	for (size_t i = 0; i < 5; i++)
		add(b, other[i], MS);
	settle_hand_over(b->settle, MS, 0);
	expect_number(b->n, 10);
	for (size_t i = 0; i < 5; i++) {
		expect_other(b, i, &other[i]);
		expect_other(b, 5 + i, &one[i]);
	}
}

/* ---- which other end ----------------------------------------------------------------------- */

/* Those of one connection: the death here, the death there, the incident there. */
enum part { HERE, THERE, INCIDENT, PARTS };

/* Whatever the order: the deaths name each other, and the incident names the death here. */
static void deaths_before_incidents(struct bench *b, enum part first, enum part second,
				    enum part third)
{
	const enum part order[PARTS] = { first, second, third };
	struct evidence parts[PARTS];

	parts[HERE] = owned(1);
	parts[THERE] = other_end_of(&parts[HERE]);
	parts[INCIDENT] = incident_at_other_end_of(&parts[HERE]);
	for (size_t i = 0; i < PARTS; i++)
		add(b, parts[order[i]], MS);
	settle_hand_over(b->settle, MS, 0);
	expect_number(b->n, PARTS);
	for (size_t i = 0; i < PARTS; i++)
		expect_other(b, i, &parts[order[i] == HERE ? THERE : HERE]);
}

static void death_is_preferred_to_a_later_incident(void **state)
{
	deaths_before_incidents(*state, HERE, THERE, INCIDENT);
	tear_down(state);
	set_up(state);
	deaths_before_incidents(*state, THERE, HERE, INCIDENT);
	tear_down(state);
	set_up(state);
	deaths_before_incidents(*state, THERE, INCIDENT, HERE);
}

static void death_is_preferred_to_an_earlier_incident_by_the_newest(void **state)
{
	deaths_before_incidents(*state, INCIDENT, THERE, HERE);
}

static void death_is_preferred_to_an_earlier_incident(void **state)
{
	deaths_before_incidents(*state, INCIDENT, HERE, THERE);
	tear_down(state);
	set_up(state);
	deaths_before_incidents(*state, HERE, INCIDENT, THERE);
}

/* What died there in good order, before, is no answer to what was written later: the RST is. */
static void incident_is_preferred_to_an_orderly_end(void **state)
{
	static const enum part orders[][PARTS] = {
		{ THERE, INCIDENT, HERE }, { INCIDENT, THERE, HERE }, { HERE, INCIDENT, THERE },
		{ HERE, THERE, INCIDENT }, { THERE, HERE, INCIDENT }, { INCIDENT, HERE, THERE },
	};

	for (size_t order = 0; order < ARRAY_SIZE(orders); order++) {
		struct evidence parts[PARTS];
		struct bench *b = *state;

		parts[HERE] = owned(1);
		parts[THERE] = other_end_of(&parts[HERE]);
		parts[THERE].facts.state = ST_FIN_WAIT2;
		parts[THERE].facts.flags = FACT_DEAD | FACT_PEER_FIN;
		expect_verdict(&parts[THERE].facts, VERDICT_closed_here);
		parts[INCIDENT] = incident_at_other_end_of(&parts[HERE]);
		for (size_t i = 0; i < PARTS; i++)
			add(b, parts[orders[order][i]], MS);
		settle_hand_over(b->settle, MS + LONGEST, 0);
		expect_number(b->n, PARTS);
		for (size_t i = 0; i < PARTS; i++)
			expect_other(b, i, &parts[orders[order][i] == HERE ? INCIDENT : HERE]);
		tear_down(state);
		set_up(state);
	}
}

/* The death was handed over and is remembered; then the incident and the death here come. */
static void remembered_death_is_preferred_to_an_incident(void **state)
{
	struct evidence here = owned(1), there = other_end_of(&here);
	struct evidence incident = incident_at_other_end_of(&here);
	struct bench *b = *state;

	add(b, there, MS);
	settle_hand_over(b->settle, MS + PATIENCE, 0);
	add(b, incident, MS + LONGEST);
	add(b, here, MS + LONGEST);
	settle_hand_over(b->settle, MS + LONGEST, 0);
	expect_number(b->n, 3);
	expect_alone(b, 0);
	expect_other(b, 1, &here);
	expect_other(b, 2, &there);
}

/* ---- late data at the other end -------------------------------------------------------------- */

static void late_data_is_the_other_end(void **state)
{
	struct evidence replaced = reset_after_close(1), late = late_data(1);
	struct evidence there = other_end_of(&late);
	struct bench *b = *state;

	add(b, replaced, MS);
	add(b, late, MS);
	add(b, there, MS);
	settle_hand_over(b->settle, MS, 0);
	expect_number(b->n, 2);
	expect_verdict_seen(b, 0, VERDICT_late_data);
	expect_other(b, 0, &there);
	expect_other(b, 1, &late);
}

/* The peer died of its own accord, its data still on its way. */
static void late_data_takes_the_place_of_what_it_replaces(void **state)
{
	struct evidence replaced = reset_after_close(1), late = late_data(1);
	struct evidence there = other_end_of(&late);
	struct bench *b = *state;

	add(b, there, MS);
	add(b, replaced, MS);
	add(b, late, MS);
	settle_hand_over(b->settle, MS + PATIENCE, 0);
	expect_number(b->n, 2);
	expect_verdict_seen(b, 1, VERDICT_late_data);
	expect_other(b, 1, &there);
	expect_other(b, 0, &late);
}

static void late_data_takes_the_place_after_the_other_end(void **state)
{
	struct evidence replaced = closed_here(1), late = late_data(1);
	struct evidence there = other_end_of(&late);
	struct bench *b = *state;

	add(b, replaced, MS);
	add(b, there, MS);
	add(b, late, MS);
	settle_hand_over(b->settle, MS + PATIENCE, 0);
	expect_number(b->n, 2);
	expect_verdict_seen(b, 1, VERDICT_late_data);
	expect_other(b, 1, &there);
	expect_other(b, 0, &late);
}

/* Else it would name a death that no line shows. */
static void replaced_one_is_nobodys_other_end(void **state)
{
	struct evidence late = late_data(1), there = other_end_of(&late);
	struct bench *b = *state;

	late.tuple = tuple_of(2); /* as if it were not joined */
	add(b, there, MS);
	add(b, reset_after_close(1), MS);
	add(b, late, MS);
	settle_hand_over(b->settle, MS + PATIENCE, 0);
	expect_number(b->n, 2);
	expect_alone(b, 0);
	expect_alone(b, 1);
}

/* Nor does it keep the place from an incident. */
static void replaced_one_is_not_preferred_to_an_incident(void **state)
{
	struct evidence late = late_data(1), there = other_end_of(&late);
	struct evidence incident = incident_at_other_end_of(&there);
	struct bench *b = *state;

	late.tuple = tuple_of(2);
	add(b, reset_after_close(1), MS);
	add(b, late, MS);
	add(b, incident, MS);
	add(b, there, MS);
	settle_hand_over(b->settle, MS + PATIENCE, 0);
	expect_number(b->n, 3);
	expect_alone(b, 0);
	expect_other(b, 1, &there);
	expect_other(b, 2, &incident);
}

static void other_end_is_waited_for_while_late_data_may_replace_it(void **state)
{
	struct evidence late = late_data(1), there = other_end_of(&late);
	struct bench *b = *state;

	add(b, there, MS);
	add(b, reset_after_close(1), MS);
	settle_hand_over(b->settle, MS, 0); /* between two looks at the ring buffer */
	add(b, late, MS);
	settle_hand_over(b->settle, MS + PATIENCE, 0);
	expect_number(b->n, 2);
	expect_other(b, 0, &late);
	expect_other(b, 1, &there);
}

/* ---- the other end's owner ------------------------------------------------------------------- */

static void other_ends_owner_is_waited_for(void **state)
{
	struct evidence one = owned(1), other = other_end_of(&one);
	struct owner closer = process(812, "mysqld");
	struct bench *b = *state;

	other.owner.pid = 0;
	other.inode = NOBODYS;
	add(b, one, MS);
	add(b, other, MS);
	settle_hand_over(b->settle, MS + PATIENCE - 1, 0);
	expect_number(b->n, 0);
	settle_closer(b->settle, other.sock_id, &closer);
	expect_at_most(settle_due(b->settle), MS + PATIENCE - 1);
	settle_hand_over(b->settle, MS + PATIENCE - 1, 0);
	expect_number(b->n, 2);
	other.owner = closer;
	other.owner.source = OWNER_CLOSER;
	expect_other(b, 0, &other);
	expect_other(b, 1, &one);
}

static void other_ends_owner_is_waited_for_no_longer_than_the_patience(void **state)
{
	struct evidence one = owned(1), other = other_end_of(&one);
	struct bench *b = *state;
	uint64_t now = monotonic_ns();

	other.owner.pid = 0;
	other.inode = NOBODYS;
	add(b, one, now);
	add(b, other, now + PATIENCE / 2);
	find_owners(b, now + PATIENCE / 2, 0);
	settle_hand_over(b->settle, now + PATIENCE / 2 + LONGEST - 1, 0);
	expect_number(b->n, 0);
	settle_hand_over(b->settle, now + PATIENCE / 2 + LONGEST, 0);
	expect_number(b->n, 2);
	expect_other(b, 0, &other);
}

static void other_ends_owner_is_found(void **state)
{
	struct evidence one = owned(1), other = other_end_of(&one);
	struct bench *b = *state;
	uint64_t now = monotonic_ns();

	other.owner.pid = 0;
	other.inode = SOMEBODYS;
	hold(b, SOMEBODYS);
	add(b, one, now);
	add(b, other, now);
	settle_hand_over(b->settle, now, 0);
	expect_number(b->n, 0);
	find_owners(b, now, 0);
	settle_hand_over(b->settle, now, 0);
	expect_number(b->n, 2);
	expect_holder(b, 1);
	expect_other(b, 0, &b->seen[1]);
}

/* Nobody looks for it any more. */
static void owner_of_one_handed_over_is_not_waited_for(void **state)
{
	struct evidence one = ownerless(1), other = other_end_of(&one);
	struct bench *b = *state;
	uint64_t now = monotonic_ns();

	add(b, one, now);
	find_owners(b, now, 0);
	settle_hand_over(b->settle, now + LONGEST, 0);
	expect_number(b->n, 1);
	add(b, other, now + 2 * LONGEST);
	settle_hand_over(b->settle, now + 2 * LONGEST, 0);
	expect_number(b->n, 2);
	expect_other(b, 1, &one);
}

/* ---- one bucket for all -------------------------------------------------------------------- */

/* Other numbers than any other one's: a stranger to all. */
static struct evidence one_of_a_crowd(size_t i)
{
	struct evidence e = owned(1);

	e.sock_id = i;
	e.snd_una = e.snd_nxt = 1000000 + 10 * i;
	e.rcv_nxt = 3000000000u + 10 * i;
	if (i % 2)
		e.tuple = reversed(&e.tuple);
	return e;
}

/* All find themselves in one bucket, which is orphaned and taken again and again. */
static void crowd_in_one_bucket_is_no_endless_loop(void **state)
{
	const size_t total = 2 * ROOM + 1000;
	struct bench *b = *state;
	uint64_t begun = clock_ns(CLOCK_MONOTONIC);

	for (size_t i = 0; i < total; i++)
		add(b, one_of_a_crowd(i), MS);
	settle_hand_over(b->settle, MS, 1);
	expect_at_most(clock_ns(CLOCK_MONOTONIC) - begun, 3000 * MS);
	expect_number(b->n, total);
	for (size_t i = 0; i < total; i++) {
		expect_number(b->seen[i].sock_id, i);
		expect_alone(b, i);
	}
}

/* In the crowd the right one is found if it is one of the last; older ones are not looked at. */
static void other_end_is_found_among_the_last_of_a_crowd(void **state)
{
	const size_t last = 2 * ROOM - 1, found = last - 50, too_old = last - 100;
	struct evidence there, too_late;
	struct bench *b = *state;

	for (size_t i = 0; i <= last; i++)
		add(b, one_of_a_crowd(i), MS);
	there = one_of_a_crowd(found);
	add(b, other_end_of(&there), MS);
	too_late = one_of_a_crowd(too_old);
	add(b, other_end_of(&too_late), MS);
	settle_hand_over(b->settle, MS, 1);
	expect_number(b->n, last + 3);
	expect_other(b, last + 1, &there);
	expect_alone(b, last + 2);
}

#define settle_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		settle_test(oldest_is_the_first_that_waits),
		settle_test(both_ends_with_known_owners_go_at_once),
		settle_test(known_owner_waits_for_the_other_end_only),
		settle_test(complete_evidence_is_not_changed),
		settle_test(nothing_to_look_for_goes_at_once),
		settle_test(incident_without_a_peer_goes_at_once),
		settle_test(incident_with_a_peer_waits_for_it),
		settle_test(unknown_owner_waits_for_its_search),
		settle_test(search_in_vain_begins_the_patience),
		settle_test(order_is_kept_behind_one_that_waits),
		settle_test(all_hands_over_everything),
		settle_test(more_than_there_is_room_for_are_all_handed_over),
		settle_test(exactly_as_many_as_there_is_room_for_wait),
		settle_test(nothing_is_due_when_empty),
		settle_test(due_is_never_later_than_the_patience),
		settle_test(what_is_due_is_handed_over),
		settle_test(closer_names_the_owner),
		settle_test(closers_own_end_is_not_the_connections),
		settle_test(closer_names_no_other_socket),
		settle_test(closer_does_not_replace_a_known_owner),
		settle_test(closers_of_two_sockets_at_one_address),
		settle_test(death_that_late_data_may_replace_waits_for_it),
		settle_test(late_data_replaces_the_reset_after_close),
		cmocka_unit_test(what_late_data_may_replace_is_told),
		settle_test(late_data_replaces_the_orderly_end),
		settle_test(late_data_has_its_own_owner),
		settle_test(late_data_spares_other_sockets),
		settle_test(late_data_spares_other_deaths),
		settle_test(late_data_does_not_reach_what_was_handed_over),
		settle_test(late_data_replaces_the_newest),
		settle_test(replaced_ones_hold_nothing_up),
		settle_test(holder_is_found),
		settle_test(holder_is_found_by_somebody_else),
		settle_test(two_deaths_of_one_socket_are_both_found),
		settle_test(holder_is_found_later),
		settle_test(known_owner_is_not_searched_for),
		settle_test(search_rests_before_the_next),
		settle_test(many_are_found_in_several_searches),
		settle_test(all_are_searched_for_at_the_end),
		settle_test(both_ends_get_each_other),
		settle_test(other_end_that_comes_in_time_ends_the_waiting),
		settle_test(many_connections_are_not_confused),
		settle_test(incident_and_death_get_each_other),
		settle_test(one_that_was_handed_over_is_named_by_the_later),
		settle_test(one_is_remembered_after_thousands_of_others),
		settle_test(one_is_forgotten_for_want_of_room),
		settle_test(one_is_forgotten_after_many_times_the_room),
		settle_test(forgotten_other_end_is_not_confused_with_its_successor),
		settle_test(forgotten_ones_do_not_join_later),
		settle_test(strangers_on_the_same_ports_are_not_joined),
		settle_test(connections_on_the_same_ports_are_told_apart),
		settle_test(death_is_preferred_to_a_later_incident),
		settle_test(death_is_preferred_to_an_earlier_incident_by_the_newest),
		settle_test(death_is_preferred_to_an_earlier_incident),
		settle_test(incident_is_preferred_to_an_orderly_end),
		settle_test(remembered_death_is_preferred_to_an_incident),
		settle_test(late_data_is_the_other_end),
		settle_test(late_data_takes_the_place_of_what_it_replaces),
		settle_test(late_data_takes_the_place_after_the_other_end),
		settle_test(replaced_one_is_nobodys_other_end),
		settle_test(replaced_one_is_not_preferred_to_an_incident),
		settle_test(other_end_is_waited_for_while_late_data_may_replace_it),
		settle_test(other_ends_owner_is_waited_for),
		settle_test(other_ends_owner_is_waited_for_no_longer_than_the_patience),
		settle_test(other_ends_owner_is_found),
		settle_test(owner_of_one_handed_over_is_not_waited_for),
		settle_test(crowd_in_one_bucket_is_no_endless_loop),
		settle_test(other_end_is_found_among_the_last_of_a_crowd),
	};

	return cmocka_run_group_tests_name("settle", tests, NULL, NULL);
}
