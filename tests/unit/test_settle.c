// SPDX-License-Identifier: GPL-2.0-only
/*
 * Evidence waits until it is complete, and no longer: order, patience, late data, owners.
 *
 * Time is given to settle, so no test waits for it; only a search in /proc takes real time.
 */
#include "expect.h"

#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "settle.h"

#define MS        1000000ULL
#define LONGEST   (50 * MS)         /* that anything may wait */
#define AMENDABLE (10 * MS)         /* that a death waits for late data */
#define NOBODYS   0xffffffffffffULL /* an inode: sockets have 32 bits */
#define ROOM      8192              /* that wait at once */

/* What was handed over, in order. */
struct bench {
	struct settle *settle;
	struct evidence *seen;
	size_t n, max;
};

static void take(void *ctx, const struct evidence *e)
{
	struct bench *b = ctx;

	if (b->n == b->max) {
		b->max = b->max ? 2 * b->max : 64;
		b->seen = realloc(b->seen, b->max * sizeof(*b->seen));
		assert_non_null(b->seen);
	}
	b->seen[b->n++] = *e;
}

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (!b)
		return -1;
	b->settle = settle_new(take, b);
	*state = b;
	return b->settle ? 0 : -1;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	settle_free(b->settle);
	free(b->seen);
	free(b);
	return 0;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
	struct timespec until = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL))
		;
}

/* ---- evidence ---------------------------------------------------------------------------- */

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

static void add(struct bench *b, struct evidence e, uint64_t now)
{
	settle_add(b->settle, &e, now);
}

static void expect_pid(const struct bench *b, size_t i, uint32_t pid)
{
	if (i >= b->n)
		fail_msg("handed over: %zu, expected: more than %zu", b->n, i);
	expect_number(b->seen[i].owner.pid, pid);
}

static void expect_verdict_seen(const struct bench *b, size_t i, enum verdict verdict)
{
	if (i >= b->n)
		fail_msg("handed over: %zu, expected: more than %zu", b->n, i);
	expect_verdict(&b->seen[i].facts, verdict);
}

/* ---- waiting ----------------------------------------------------------------------------- */

static void known_owner_goes_at_once(void **state)
{
	struct bench *b = *state;

	add(b, owned(1), MS);
	expect_at_most(settle_due(b->settle), MS);
	settle_hand_over(b->settle, MS, 0);
	expect_number(b->n, 1);
	expect_pid(b, 0, 7);
}

/* It comes out as it went in. */
static void complete_evidence_is_not_changed(void **state)
{
	struct bench *b = *state;
	struct evidence e;

	memset(&e, 0xa5, sizeof(e));
	add(b, e, MS);
	settle_hand_over(b->settle, MS, 0);
	expect_number(b->n, 1);
	assert_memory_equal(&b->seen[0], &e, sizeof(e));
}

static void nothing_to_look_for_goes_at_once(void **state)
{
	struct bench *b = *state;
	struct evidence e = ownerless(1);

	e.inode = 0;
	add(b, e, MS);
	settle_hand_over(b->settle, MS, 0);
	expect_number(b->n, 1);
	expect_pid(b, 0, 0);
}

/* The owner of a listener is in its record, or nowhere. */
static void incident_goes_at_once(void **state)
{
	struct bench *b = *state;
	struct evidence e = ownerless(1);

	e.facts.event = EVENT_SYN_DROP;
	e.facts.socket = SOCKET_LISTEN;
	add(b, e, MS);
	settle_hand_over(b->settle, MS, 0);
	expect_number(b->n, 1);
}

static void unknown_owner_waits_no_longer_than_its_patience(void **state)
{
	struct bench *b = *state;

	add(b, ownerless(1), MS);
	settle_hand_over(b->settle, MS + LONGEST - 1, 0);
	expect_number(b->n, 0);
	settle_hand_over(b->settle, MS + LONGEST, 0);
	expect_number(b->n, 1);
	expect_pid(b, 0, 0);
}

/* After the search only the closer can still be told, and that takes a moment. */
static void search_in_vain_shortens_the_patience(void **state)
{
	struct bench *b = *state;
	uint64_t now = now_ns();

	add(b, ownerless(1), now);
	settle_find_owners(b->settle, now);
	settle_hand_over(b->settle, now, 0);
	expect_number(b->n, 0);
	expect_at_most(settle_due(b->settle), now + AMENDABLE);
	settle_hand_over(b->settle, now + AMENDABLE, 0);
	expect_number(b->n, 1);
	expect_pid(b, 0, 0);
	expect_number(b->seen[0].owner.source, OWNER_UNKNOWN);
}

static void order_is_kept_behind_one_that_waits(void **state)
{
	struct bench *b = *state;

	add(b, ownerless(1), MS);
	add(b, owned(2), MS);
	add(b, ownerless(3), MS + LONGEST);
	add(b, owned(4), MS + LONGEST);
	settle_hand_over(b->settle, MS, 0);
	expect_number(b->n, 0);
	settle_hand_over(b->settle, MS + LONGEST, 0);
	expect_number(b->n, 2);
	settle_hand_over(b->settle, MS + 2 * LONGEST, 0);
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
		add(b, ownerless(i), MS);
	expect_number(b->n, 0);
	expect_at_most(settle_due(b->settle), MS + LONGEST);
	settle_hand_over(b->settle, MS + LONGEST, 0);
	expect_number(b->n, ROOM);
}

/* ---- when it is due ---------------------------------------------------------------------- */

static void nothing_is_due_when_empty(void **state)
{
	struct bench *b = *state;

	expect_number(settle_due(b->settle), UINT64_MAX);
	add(b, owned(1), MS);
	settle_hand_over(b->settle, MS, 0);
	expect_number(settle_due(b->settle), UINT64_MAX);
}

static void due_is_never_later_than_the_patience(void **state)
{
	struct bench *b = *state;
	uint64_t now = now_ns();

	add(b, ownerless(1), now);
	expect_at_most(settle_due(b->settle), now + LONGEST);
	settle_find_owners(b->settle, now); /* now it rests */
	add(b, ownerless(2), now);
	expect_at_most(settle_due(b->settle), now + LONGEST);
	settle_hand_over(b->settle, now + AMENDABLE, 0);
	expect_number(b->n, 1);
	expect_at_most(settle_due(b->settle), now + LONGEST);
	settle_hand_over(b->settle, now + LONGEST, 0);
	expect_number(b->n, 2);
	add(b, reset_after_close(3), now);
	expect_at_most(settle_due(b->settle), now + AMENDABLE);
}

/* Else the caller would wake up for nothing, again and again. */
static void what_is_due_is_handed_over(void **state)
{
	struct bench *b = *state;
	uint64_t now = now_ns();

	add(b, ownerless(1), now);
	settle_find_owners(b->settle, now);
	settle_hand_over(b->settle, settle_due(b->settle), 0);
	expect_number(b->n, 1);
	add(b, reset_after_close(2), now);
	settle_hand_over(b->settle, settle_due(b->settle), 0);
	expect_number(b->n, 2);
}

/* ---- who closed it ----------------------------------------------------------------------- */

static void closer_names_the_owner(void **state)
{
	struct bench *b = *state;
	struct owner closer = process(812, "mysqld");

	add(b, ownerless(1), MS);
	settle_closer(b->settle, 1, &closer);
	settle_hand_over(b->settle, MS, 0);
	expect_number(b->n, 1);
	expect_pid(b, 0, 812);
	assert_string_equal(b->seen[0].owner.comm, "mysqld");
	expect_number(b->seen[0].owner.source, OWNER_CLOSER);
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
	settle_hand_over(b->settle, MS, 0);
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
	settle_hand_over(b->settle, MS + AMENDABLE - 1, 0);
	expect_number(b->n, 0);
	settle_hand_over(b->settle, MS + AMENDABLE, 0);
	expect_number(b->n, 2);
	expect_verdict_seen(b, 0, VERDICT_reset_after_close);
	expect_verdict_seen(b, 1, VERDICT_closed_here);
}

static void late_data_replaces_the_reset_after_close(void **state)
{
	struct bench *b = *state;

	add(b, reset_after_close(1), MS);
	add(b, late_data(1), MS);
	settle_hand_over(b->settle, MS, 0);
	expect_number(b->n, 1);
	expect_verdict_seen(b, 0, VERDICT_late_data);
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
	settle_hand_over(b->settle, MS + AMENDABLE, 0);
	add(b, late_data(1), MS + AMENDABLE);
	settle_hand_over(b->settle, MS + AMENDABLE, 1);
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
	add(b, owned(2), MS);
	settle_hand_over(b->settle, MS, 0);
	expect_number(b->n, 2);
	expect_number(settle_due(b->settle), UINT64_MAX);
}

/* ---- /proc ------------------------------------------------------------------------------- */

/* A socket of this process. */
static int own_socket(__u64 *inode)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		fail_msg("no socket to be had");
	*inode = st.st_ino;
	return fd;
}

static void expect_this_process(const struct bench *b, size_t i)
{
	char comm[TASK_NAME_LEN] = {};

	expect_pid(b, i, getpid());
	expect_number(b->seen[i].owner.source, OWNER_FD);
	assert_int_equal(prctl(PR_GET_NAME, comm), 0);
	assert_string_equal(b->seen[i].owner.comm, comm);
}

static void own_socket_is_found(void **state)
{
	struct bench *b = *state;
	struct evidence e = ownerless(1);
	uint64_t now = now_ns();
	int fd = own_socket(&e.inode);

	add(b, e, now);
	settle_find_owners(b->settle, now);
	settle_hand_over(b->settle, now, 0); /* complete: it waits no longer */
	close(fd);
	expect_number(b->n, 1);
	expect_this_process(b, 0);
}

static void name_of_full_length_is_found(void **state)
{
	char before[TASK_NAME_LEN] = {};

	prctl(PR_GET_NAME, before);
	prctl(PR_SET_NAME, "fifteen letters");
	own_socket_is_found(state);
	prctl(PR_SET_NAME, before);
}

static void closed_socket_is_not_found(void **state)
{
	struct bench *b = *state;
	struct evidence e = ownerless(1);
	uint64_t now = now_ns();

	close(own_socket(&e.inode));
	add(b, e, now);
	settle_find_owners(b->settle, now);
	settle_hand_over(b->settle, now, 1);
	expect_pid(b, 0, 0);
}

/* Two deaths of one descriptor: connect() after a reset. */
static void two_deaths_of_one_socket_are_both_found(void **state)
{
	struct bench *b = *state;
	struct evidence e = ownerless(1);
	uint64_t now = now_ns();
	int fd = own_socket(&e.inode);

	add(b, e, now);
	add(b, e, now);
	settle_find_owners(b->settle, now);
	settle_hand_over(b->settle, now, 0);
	close(fd);
	expect_number(b->n, 2);
	expect_this_process(b, 0);
	expect_this_process(b, 1);
}

/* A storm of deaths must not make us read /proc all the time. */
static void search_rests_before_the_next(void **state)
{
	struct bench *b = *state;
	struct evidence e = ownerless(2);
	uint64_t now = now_ns();
	int fd = own_socket(&e.inode);

	add(b, ownerless(1), now);
	settle_find_owners(b->settle, now);
	add(b, e, now);
	settle_find_owners(b->settle, now);
	settle_hand_over(b->settle, now, 1);
	close(fd);
	expect_number(b->n, 2);
	expect_pid(b, 1, 0);
}

/* One search looks for some hundreds at most; the next one for the others. */
static void many_are_found_in_several_searches(void **state)
{
	struct bench *b = *state;
	struct evidence e = ownerless(1000);
	int fd = own_socket(&e.inode);
	uint64_t begun, ended;

	begun = now_ns();
	for (size_t i = 0; i < 1000; i++)
		add(b, ownerless(i), begun);
	add(b, e, begun);
	for (int i = 0; i < 10; i++) {
		begun = now_ns();
		settle_find_owners(b->settle, begun);
		ended = now_ns();
		sleep_until(ended + 3 * (ended - begun) + 1);
	}
	settle_hand_over(b->settle, now_ns(), 1);
	close(fd);
	expect_number(b->n, 1001);
	expect_pid(b, 999, 0);
	expect_this_process(b, 1000);
}

#define settle_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		settle_test(known_owner_goes_at_once),
		settle_test(complete_evidence_is_not_changed),
		settle_test(nothing_to_look_for_goes_at_once),
		settle_test(incident_goes_at_once),
		settle_test(unknown_owner_waits_no_longer_than_its_patience),
		settle_test(search_in_vain_shortens_the_patience),
		settle_test(order_is_kept_behind_one_that_waits),
		settle_test(all_hands_over_everything),
		settle_test(more_than_there_is_room_for_are_all_handed_over),
		settle_test(exactly_as_many_as_there_is_room_for_wait),
		settle_test(nothing_is_due_when_empty),
		settle_test(due_is_never_later_than_the_patience),
		settle_test(what_is_due_is_handed_over),
		settle_test(closer_names_the_owner),
		settle_test(closer_names_no_other_socket),
		settle_test(closer_does_not_replace_a_known_owner),
		settle_test(closers_of_two_sockets_at_one_address),
		settle_test(death_that_late_data_may_replace_waits_for_it),
		settle_test(late_data_replaces_the_reset_after_close),
		settle_test(late_data_replaces_the_orderly_end),
		settle_test(late_data_has_its_own_owner),
		settle_test(late_data_spares_other_sockets),
		settle_test(late_data_spares_other_deaths),
		settle_test(late_data_does_not_reach_what_was_handed_over),
		settle_test(late_data_replaces_the_newest),
		settle_test(replaced_ones_hold_nothing_up),
		settle_test(own_socket_is_found),
		settle_test(name_of_full_length_is_found),
		settle_test(closed_socket_is_not_found),
		settle_test(two_deaths_of_one_socket_are_both_found),
		settle_test(search_rests_before_the_next),
		settle_test(many_are_found_in_several_searches),
	};

	return cmocka_run_group_tests_name("settle", tests, NULL, NULL);
}
