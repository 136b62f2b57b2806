// SPDX-License-Identifier: GPL-2.0-only
/* Which sockets, and which use of a host, are accidents waiting to happen, and which are not. */
#include "expect.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>

#include "check_accident.h"

#define BIT(kind) (1u << ACCIDENT_##kind)

#define OWN_NETNS 7

static const struct accident_limits limits = { .own_netns = OWN_NETNS, .stuck_ms = 30000 };

/* 10.0.0.5:59722 -> 10.0.0.9:3306, in use */
static struct held_socket healthy(void)
{
	return (struct held_socket){
		.tuple = { .laddr = { 10, 0, 0, 5 },
			   .raddr = { 10, 0, 0, 9 },
			   .lport = 59722,
			   .rport = 3306,
			   .family = AF_INET },
		.owner = { .pid = 4121, .comm = "app" },
		.keepalive_ms = 7200000,
		.intvl_ms = 75000,
		.silent_ms = 1000,
		.probed_ms = UINT64_MAX,
		.netns = OWN_NETNS,
		.state = TCP_ESTABLISHED,
	};
}

static struct held_socket listener(uint32_t backlog, uint32_t limit)
{
	return (struct held_socket){
		.tuple = { .lport = 80, .family = AF_INET },
		.owner = { .pid = 812, .comm = "nginx" },
		.backlog = backlog,
		.backlog_max = limit,
		.somaxconn = 4096,
		.state = TCP_LISTEN,
	};
}

/* The kinds are these, and each has words with this part. */
static void expect_kinds_at(const struct held_socket *s, const struct accident_limits *l,
			    uint32_t expected, const char *part, int line)
{
	uint32_t seen = accident_judge(s, l);
	char why[ACCIDENT_TEXT_SIZE];

	if (seen != expected) {
		for (int kind = 0; kind < ACCIDENT_COUNT; kind++)
			if ((seen | expected) >> kind & 1)
				print_error("%s: seen %u, expected %u\n", accident_text(kind)->name,
					    seen >> kind & 1, expected >> kind & 1);
		_fail(__FILE__, line);
	}
	for (int kind = 0; kind < ACCIDENT_COUNT; kind++) {
		if (!(seen >> kind & 1))
			continue;
		accident_describe(why, kind, s, l);
		expect_part_at(why, part, 1, __FILE__, line);
	}
}

#define expect_kinds(s, expected, part) expect_kinds_at(s, &limits, expected, part, __LINE__)
#define expect_none(s)                  expect_kinds_at(s, &limits, 0, "", __LINE__)

static void user_timeout_not_above_time_and_interval(void **state)
{
	struct held_socket s = healthy();

	(void)state;
	s.keepalive_ms = s.intvl_ms = 3000;
	s.user_timeout_ms = 6000;
	expect_none(&s); /* without SO_KEEPALIVE it is about data only */
	s.keepalive = true;
	expect_kinds(&s, BIT(LOST_PROBE),
		     "TCP_USER_TIMEOUT 6.00 s <= keepalive time 3.00 s + interval 3.00 s");
	s.user_timeout_ms = 6001;
	expect_none(&s);
	s.user_timeout_ms = 0;
	expect_none(&s);
	s.user_timeout_ms = 2000;
	s.state = TCP_SYN_SENT;
	expect_none(&s);
}

static void idle_longer_than_makers_say(void **state)
{
	struct held_socket s = healthy();

	(void)state;
	s.silent_ms = 239999;
	expect_none(&s);
	s.silent_ms = 240000;
	expect_kinds(&s, BIT(IDLE),
		     "idle for 4 min 0 s, SO_KEEPALIVE is off; forgotten by then: "
		     "Azure Load Balancer and NAT gateway (240 s)");
	s.silent_ms = 350000;
	expect_kinds(&s, BIT(IDLE), ", AWS NAT gateway and Network Load Balancer (350 s)");
	s.silent_ms = 7200000;
	expect_kinds(&s, BIT(IDLE), ", Google Cloud firewall rules (600 s)");
}

static void keepalive_protects_if_it_begins_in_time(void **state)
{
	struct held_socket s = healthy();

	(void)state;
	s.silent_ms = 360000;
	s.keepalive = true;
	expect_kinds(&s, BIT(IDLE), "keepalive begins after 2 h 0 min");
	s.keepalive_ms = 239000; /* then its probes are not answered: another matter */
	expect_none(&s);
	s = healthy();
	s.silent_ms = 360000;
	s.probed_ms = 10000; /* the peer's keepalive is enough */
	expect_none(&s);
}

static void idle_longer_than_the_user_says(void **state)
{
	struct accident_limits l = limits;
	struct held_socket s = healthy();

	(void)state;
	l.idle_ms = 60000;
	s.silent_ms = 61000;
	expect_kinds_at(&s, &l, BIT(IDLE), "what --idle is about (60 s)", __LINE__);
	l.idle_ms = 3600000;
	s.silent_ms = 360000;
	expect_kinds_at(&s, &l, 0, "", __LINE__);
}

static void idle_longer_than_conntrack_of_this_host(void **state)
{
	struct accident_limits l = limits;
	struct held_socket s = healthy();

	(void)state;
	l.conntrack_ms = 2000;
	s.silent_ms = 2000;
	expect_kinds_at(&s, &l, BIT(IDLE), "conntrack of this host (2 s)", __LINE__);
	s.netns = OWN_NETNS + 1;
	expect_kinds_at(&s, &l, 0, "", __LINE__);
	l.conntrack_ms = 0;
	s.netns = OWN_NETNS;
	expect_kinds_at(&s, &l, 0, "", __LINE__);
}

static void no_middlebox_within_a_host(void **state)
{
	struct held_socket s = healthy();

	(void)state;
	s.silent_ms = 3600000;
	memcpy(s.tuple.raddr, s.tuple.laddr, sizeof(s.tuple.raddr));
	expect_none(&s);
	memcpy(s.tuple.raddr, (uint8_t[4]){ 127, 0, 0, 2 }, 4);
	expect_none(&s);
	s.tuple.family = AF_INET6; /* ::ffff:127.0.0.2 */
	memcpy(s.tuple.raddr, (uint8_t[16]){ [10] = 0xff, 0xff, 127, 0, 0, 2 }, 16);
	expect_none(&s);
	s.tuple.raddr[12] = 10;
	expect_kinds(&s, BIT(IDLE), "idle for 1 h 0 min");
}

static void close_wait_for_long(void **state)
{
	struct held_socket s = healthy();

	(void)state;
	s.state = TCP_CLOSE_WAIT;
	s.silent_ms = 29999;
	expect_none(&s);
	s.silent_ms = 187500000;
	s.unread = 45;
	expect_kinds(&s, BIT(CLOSE_WAIT), "in CLOSE_WAIT for 2 d 4 h at least, 45 bytes unread");
}

/* A limit of N lets N + 1 wait. */
static void queues_near_their_limit(void **state)
{
	struct held_socket s = listener(3, 4);

	(void)state;
	expect_none(&s);
	s.backlog = 4;
	expect_kinds(&s, BIT(QUEUE), "accept queue 4 of limit 4 from listen()");
	s = listener(1, 1);
	expect_none(&s);
	s = listener(0, 0);
	expect_none(&s);
	s = listener(1, 0);
	expect_kinds(&s, BIT(QUEUE), "1 of limit 0 from listen()");
	s = listener(4096, 4096);
	expect_kinds(&s, BIT(QUEUE), "4096 of limit 4096 from somaxconn");
}

static void backlogs_cut_by_a_low_somaxconn(void **state)
{
	struct held_socket s = listener(0, 128);

	(void)state;
	expect_none(&s);
	s.somaxconn = 128;
	expect_kinds(&s, BIT(BACKLOG_CUT), "net.core.somaxconn = 128");
	assert_true(accident_text(ACCIDENT_BACKLOG_CUT)->likely);
	s.backlog_max = 127;
	expect_none(&s);
	s = listener(0, 4096); /* the default, and what many servers ask for */
	expect_none(&s);
}

static void connections_that_are_not_accepted(void **state)
{
	struct held_socket s = listener(2, 128);

	(void)state;
	s.waiting_ms = 29999;
	expect_none(&s);
	s.waiting_ms = 30000;
	expect_kinds(&s, BIT(NOT_ACCEPTED), "nothing accepted for 30.0 s, accept queue 2 of");
}

static void counts_have_their_noun(void **state)
{
	char out[ACCIDENT_COUNTED_SIZE];

	(void)state;
	accident_counted(out, ACCIDENT_QUEUE, 1);
	assert_string_equal(out, "1 listener");
	accident_counted(out, ACCIDENT_TIME_WAIT, 23);
	assert_string_equal(out, "23 connections in TIME_WAIT");
}

/* ---- adding up --------------------------------------------------------------------------- */

static void add_close_wait(struct accidents *a, uint32_t pid, uint64_t silent_ms, unsigned int n)
{
	struct held_socket s = healthy();

	s.state = TCP_CLOSE_WAIT;
	s.silent_ms = silent_ms;
	s.owner.pid = pid;
	while (n--)
		accidents_add(a, &s);
}

static void the_processes_with_the_most_are_kept(void **state)
{
	static struct accidents a;
	const struct accident *close_wait = &a.kind[ACCIDENT_CLOSE_WAIT];

	(void)state;
	a = (struct accidents){ .limits = limits };
	for (uint32_t pid = 1; pid <= 23; pid++)
		add_close_wait(&a, pid, 40000, pid == 7 ? 100 : pid);
	add_close_wait(&a, 24, 50000, 1);
	add_close_wait(&a, 24, 70000, 1);
	add_close_wait(&a, 24, 60000, 48);
	accidents_end(&a);
	expect_number(a.sockets, 23 * 24 / 2 - 7 + 100 + 50);
	expect_number(close_wait->count, a.sockets);
	expect_number(close_wait->processes, 24);
	for (int i = 0; i < ACCIDENT_GROUPS; i++) {
		static const struct {
			uint32_t pid, count;
		} expected[ACCIDENT_GROUPS] = {
			{ 7, 100 }, { 24, 50 }, { 23, 23 }, { 22, 22 }, { 21, 21 }
		};

		expect_number(close_wait->group[i].worst.owner.pid, expected[i].pid);
		expect_number(close_wait->group[i].count, expected[i].count);
	}
	expect_number(close_wait->group[1].worst.silent_ms, 70000);
	assert_true(accidents_found(&a));
}

static void other_namespaces_are_left_out_if_one_is_asked_for(void **state)
{
	static struct accidents a;
	struct held_socket s = listener(9, 9);

	(void)state;
	a = (struct accidents){ .limits = limits };
	a.limits.netns = 4;
	s.netns = 5;
	accidents_add(&a, &s);
	accidents_end(&a);
	expect_number(a.sockets, 0);
	assert_false(accidents_found(&a));
	s.netns = 4;
	accidents_add(&a, &s);
	accidents_end(&a);
	expect_number(a.sockets, 1);
	expect_number(a.kind[ACCIDENT_QUEUE].count, 1);
}

/* ---- the host ---------------------------------------------------------------------------- */

static struct host quiet_host(void)
{
	struct host h = {
		.value = { [SYSCTL_max_orphans] = "1000",
			   [SYSCTL_max_tw_buckets] = "1000",
			   [SYSCTL_local_port_range] = "40000 40099" },
		.orphans = 799,
		.time_wait = 799,
		.sockets_seen = true,
		.ports = { .peer = "10.0.0.9:3306", .used = 79, .time_wait = 70 },
	};

	return h;
}

static void expect_host_at(const struct host *h, enum accident_kind expected, const char *why,
			   int line)
{
	static struct accidents a;

	a = (struct accidents){};
	accidents_of_host(&a, h);
	for (int kind = 0; kind < ACCIDENT_COUNT; kind++)
		expect_number_at(a.kind[kind].count > 0, kind == (int)expected, __FILE__, line);
	if (expected < ACCIDENT_COUNT)
		expect_part_at(a.kind[expected].why, why, 1, __FILE__, line);
}

#define expect_host(h, expected, why) expect_host_at(h, expected, why, __LINE__)

static void what_the_host_uses_is_near_its_limit(void **state)
{
	struct host h = quiet_host();

	(void)state;
	expect_host(&h, ACCIDENT_COUNT, "");
	h.orphans = 800;
	expect_host(&h, ACCIDENT_ORPHANS, "800 of 1000");
	h = quiet_host();
	h.time_wait = 800;
	expect_host(&h, ACCIDENT_TIME_WAIT, "800 of 1000");
	h = quiet_host();
	h.ports.used = 80;
	expect_host(&h, ACCIDENT_PORTS, "80 of 100 towards 10.0.0.9:3306, 70 of them in TIME_WAIT");
	h.reserved_ports = 1;
	h.ports.used = 79;
	expect_host(&h, ACCIDENT_COUNT, "");
	h.ports.used = 80;
	expect_host(&h, ACCIDENT_PORTS, "80 of 99");
}

static void what_is_not_known_is_not_found(void **state)
{
	struct host h = quiet_host();

	(void)state;
	h.orphans = h.time_wait = NOT_COUNTED;
	h.ports.used = 100;
	h.sockets_seen = false;
	expect_host(&h, ACCIDENT_COUNT, "");
	h = quiet_host();
	memset(h.value, 0, sizeof(h.value));
	expect_host(&h, ACCIDENT_COUNT, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(user_timeout_not_above_time_and_interval),
		cmocka_unit_test(idle_longer_than_makers_say),
		cmocka_unit_test(keepalive_protects_if_it_begins_in_time),
		cmocka_unit_test(idle_longer_than_the_user_says),
		cmocka_unit_test(idle_longer_than_conntrack_of_this_host),
		cmocka_unit_test(no_middlebox_within_a_host),
		cmocka_unit_test(close_wait_for_long),
		cmocka_unit_test(queues_near_their_limit),
		cmocka_unit_test(backlogs_cut_by_a_low_somaxconn),
		cmocka_unit_test(connections_that_are_not_accepted),
		cmocka_unit_test(counts_have_their_noun),
		cmocka_unit_test(the_processes_with_the_most_are_kept),
		cmocka_unit_test(other_namespaces_are_left_out_if_one_is_asked_for),
		cmocka_unit_test(what_the_host_uses_is_near_its_limit),
		cmocka_unit_test(what_is_not_known_is_not_found),
	};

	return cmocka_run_group_tests_name("check_accident", tests, NULL, NULL);
}
