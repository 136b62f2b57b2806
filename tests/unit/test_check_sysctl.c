// SPDX-License-Identifier: GPL-2.0-only
/* Which sysctl is implicated by what a host has counted, and which is not. */
#include "expect.h"

#include <stdio.h>

#include "check_sysctl.h"

static const char *const implications[] = {
	[NOT_IMPLICATED] = "not implicated",
	[NEAR_ITS_LIMIT] = "near its limit",
	[IMPLICATED] = "implicated",
	[NOT_KNOWN] = "not known",
};

/* With the kernel's defaults, some traffic, and nothing counted. */
static struct host healthy(void)
{
	static const char *const values[] = {
		[SYSCTL_netdev_max_backlog] = "1000",
		[SYSCTL_somaxconn] = "4096",
		[SYSCTL_max_orphans] = "65536",
		[SYSCTL_max_syn_backlog] = "1024",
		[SYSCTL_synack_retries] = "5",
		[SYSCTL_syn_retries] = "6",
		[SYSCTL_abort_on_overflow] = "0",
		[SYSCTL_syncookies] = "1",
		[SYSCTL_local_port_range] = "32768 60999",
		[SYSCTL_tw_reuse] = "2",
		[SYSCTL_rmem_max] = "212992",
		[SYSCTL_wmem_max] = "212992",
		[SYSCTL_tcp_rmem] = "4096 131072 6291456",
		[SYSCTL_tcp_wmem] = "4096 16384 4194304",
		[SYSCTL_fin_timeout] = "60",
		[SYSCTL_max_tw_buckets] = "65536",
		[SYSCTL_keepalive_time] = "7200",
		[SYSCTL_keepalive_intvl] = "75",
		[SYSCTL_keepalive_probes] = "9",
		[SYSCTL_file_max] = "9223372036854775807",
	};
	struct host h = {
		.orphans = 10,
		.time_wait = 1000,
		.files = 2000,
		.sockets_seen = true,
		.at_somaxconn = { .port = 80, .limit = 4096 },
		.elsewhere = { .port = 22, .limit = 128 },
		.ports = { .peer = "10.0.0.9:3306", .used = 100, .time_wait = 90 },
	};

	for (int s = 0; s < SYSCTL_COUNT; s++)
		snprintf(h.value[s], sizeof(h.value[s]), "%s", values[s]);
	return h;
}

/* The expected one is as said; all others are not implicated. SYSCTL_COUNT: none is expected. */
static void expect_only_at(const struct host *h, enum sysctl expected, enum implication as,
			   const char *why, int line)
{
	for (int s = 0; s < SYSCTL_COUNT; s++) {
		enum implication right = s == (int)expected ? as : NOT_IMPLICATED;
		struct finding f = {};

		sysctl_judge(&f, h, s);
		if (f.implication == right && *f.why && *f.advice &&
		    (s != (int)expected || strstr(f.why, why)))
			continue;
		print_error("%s seen: %s: '%s' ('%s'), expected: %s, with '%s'\n", sysctl_name(s),
			    implications[f.implication], f.why, f.advice, implications[right],
			    s == (int)expected ? why : "");
		_fail(__FILE__, line);
	}
}

#define expect_only(h, sysctl, as, why) expect_only_at(h, SYSCTL_##sysctl, as, why, __LINE__)
#define expect_none(h)                  expect_only_at(h, SYSCTL_COUNT, 0, "", __LINE__)

static void healthy_host_implicates_none(void **state)
{
	struct host h = healthy();

	(void)state;
	expect_none(&h);
}

static void dropped_packets_implicate_netdev_max_backlog(void **state)
{
	struct host h = healthy();

	(void)state;
	h.softnet_dropped = 3;
	expect_only(&h, netdev_max_backlog, IMPLICATED, "(softnet_stat): 3");
	h.softnet_dropped = NOT_COUNTED;
	expect_only(&h, netdev_max_backlog, NOT_KNOWN, "could not be read");
}

/* Overflows are somaxconn's only where a listener that it limits has dropped something. */
static void overflows_implicate_somaxconn_by_the_listener(void **state)
{
	struct host h = healthy();

	(void)state;
	h.counter[HOST_ListenOverflows] = h.counter[HOST_ListenDrops] = 23;
	expect_only(&h, somaxconn, NOT_KNOWN, "23, of no listener that is open now");
	h.at_somaxconn.drops = 7;
	h.elsewhere.drops = 99;
	expect_only(&h, somaxconn, IMPLICATED,
		    "the listener on port 80, whose limit of 4096 is this one, has dropped 7");
	h.at_somaxconn.drops = 0;
	expect_none(&h);
	h.sockets_seen = false;
	h.counter[HOST_ListenOverflows] = 0;
	h.ports.used = 0;
	struct finding f;
	sysctl_judge(&f, &h, SYSCTL_somaxconn);
	expect_number(f.implication, NOT_IMPLICATED);
}

/* A listener may drop for other reasons: without an overflow it does not count. */
static void drops_without_overflows_do_not_implicate_somaxconn(void **state)
{
	struct host h = healthy();

	(void)state;
	h.at_somaxconn.drops = 7;
	expect_none(&h);
}

static void orphans_are_implicated_unless_memory_was_short(void **state)
{
	struct host h = healthy();

	(void)state;
	h.counter[HOST_TCPAbortOnMemory] = 5;
	expect_only(&h, max_orphans, IMPLICATED, "TCPAbortOnMemory: 5");
	h.counter[HOST_TCPMemoryPressures] = 1;
	expect_only(&h, max_orphans, NOT_KNOWN, "memory was short too");
	h = healthy();
	h.orphans = 52428;
	expect_none(&h);
	h.orphans = 52429;
	expect_only(&h, max_orphans, NEAR_ITS_LIMIT, "52429 of 65536");
}

static void syn_queue_drops_implicate_syncookies_where_they_are_off(void **state)
{
	struct host h = healthy();

	(void)state;
	h.counter[HOST_SyncookiesSent] = 1000;
	expect_none(&h); /* as it should be */
	strcpy(h.value[SYSCTL_syncookies], "0");
	expect_none(&h);
	h.counter[HOST_TCPReqQFullDrop] = h.counter[HOST_ListenDrops] = 4;
	expect_only(&h, syncookies, IMPLICATED, "(TCPReqQFullDrop): 4");
	strcpy(h.value[SYSCTL_syncookies], "2");
	expect_only(&h, syncookies, IMPLICATED, "(SyncookiesSent): 1000");
}

/* It has no counter of its own, so it is never said to be the cause. */
static void other_drops_without_cookies_may_be_max_syn_backlog(void **state)
{
	struct host h = healthy();

	(void)state;
	h.counter[HOST_ListenDrops] = 4;
	expect_none(&h);
	strcpy(h.value[SYSCTL_syncookies], "0");
	expect_only(&h, max_syn_backlog, NOT_KNOWN, "4 drops");
}

static void resets_of_overflows_implicate_abort_on_overflow(void **state)
{
	struct host h = healthy();

	(void)state;
	h.counter[HOST_EmbryonicRsts] = 9; /* of clients, for one */
	expect_none(&h);
	strcpy(h.value[SYSCTL_abort_on_overflow], "1");
	expect_none(&h);
	h.counter[HOST_ListenOverflows] = 9;
	h.elsewhere.drops = 9;
	expect_only(&h, abort_on_overflow, IMPLICATED, "ListenOverflows: 9, EmbryonicRsts: 9");
	h.counter[HOST_EmbryonicRsts] = 0;
	expect_none(&h);
}

static void ports_towards_one_peer_implicate_the_range(void **state)
{
	struct host h = healthy();

	(void)state;
	h.ports.time_wait = 0;
	h.ports.used = 22585;
	expect_none(&h);
	h.ports.used = 22586; /* 80 % of 28232 */
	expect_only(&h, local_port_range, NEAR_ITS_LIMIT, "towards 10.0.0.9:3306");
	h.ports.used = 28232;
	expect_only(&h, local_port_range, IMPLICATED, "28232 of 28232");
	h.reserved_ports = 100;
	h.ports.used = 28132;
	expect_only(&h, local_port_range, IMPLICATED, "28132 of 28132");
}

static void ports_in_time_wait_implicate_tw_reuse_too(void **state)
{
	struct host h = healthy();
	struct finding f;

	(void)state;
	h.ports.used = 28232;
	h.ports.time_wait = 28000;
	sysctl_judge(&f, &h, SYSCTL_tw_reuse);
	expect_number(f.implication, IMPLICATED);
	expect_part(f.why, "28232 in use, 28000 of them in TIME_WAIT");
	strcpy(h.value[SYSCTL_tw_reuse], "1");
	expect_only(&h, local_port_range, IMPLICATED, "28000 of them in TIME_WAIT");
}

static void overflows_of_time_wait_implicate_max_tw_buckets(void **state)
{
	struct host h = healthy();

	(void)state;
	h.counter[HOST_TCPTimeWaitOverflow] = 2;
	expect_only(&h, max_tw_buckets, IMPLICATED, "TCPTimeWaitOverflow: 2");
	h = healthy();
	h.time_wait = 60000;
	expect_only(&h, max_tw_buckets, NEAR_ITS_LIMIT, "60000 of 65536");
}

static void full_buffers_implicate_their_sysctl(void **state)
{
	struct host h = healthy();

	(void)state;
	h.counter[HOST_RcvPruned] = 8;
	expect_only(&h, tcp_rmem, IMPLICATED, "(RcvPruned): 8");
	h = healthy();
	h.counter[HOST_TCPWqueueTooBig] = 8;
	expect_only(&h, tcp_wmem, IMPLICATED, "(TCPWqueueTooBig): 8");
}

static void open_files_implicate_file_max(void **state)
{
	struct host h = healthy();

	(void)state;
	strcpy(h.value[SYSCTL_file_max], "1000");
	h.files = 799;
	expect_none(&h);
	h.files = 800;
	expect_only(&h, file_max, NEAR_ITS_LIMIT, "800 of 1000");
	h.files = 1000;
	expect_only(&h, file_max, IMPLICATED, "1000 of 1000");
}

/* As in a container. */
static void what_cannot_be_seen_is_not_known(void **state)
{
	struct host h = healthy();

	(void)state;
	h.value[SYSCTL_max_orphans][0] = '\0';
	h.counter[HOST_TCPAbortOnMemory] = 5;
	expect_only(&h, max_orphans, NOT_KNOWN, "cannot be seen here");
}

/* Whatever was read: no crash, and something is said of each. */
static void any_values_are_judged(void **state)
{
	static const char *const odd[] = {
		"-1", "x", "0", "0 0", "9 1", "99999999999999999999999999999999999999999999999"
	};
	struct host h = healthy();
	struct finding f;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		for (int s = 0; s < SYSCTL_COUNT; s++)
			snprintf(h.value[s], sizeof(h.value[s]), "%s", odd[i]);
		for (int s = 0; s < SYSCTL_COUNT; s++) {
			memset(&f, 0, sizeof(f));
			sysctl_judge(&f, &h, s);
			assert_non_null(f.advice);
			assert_true(*f.why);
		}
	}
}

static void own_host_is_read(void **state)
{
	struct host h;

	(void)state;
	host_collect(&h);
	for (int s = 0; s < SYSCTL_COUNT; s++)
		if (strstr(sysctl_name(s), "keepalive") || s == SYSCTL_syncookies)
			assert_true(*h.value[s]);
	for (int c = 0; c < HOST_COUNTER_COUNT; c++)
		assert_true(h.counter[c] != NOT_COUNTED);
	assert_true(h.softnet_dropped != NOT_COUNTED);
	assert_true(h.time_wait != NOT_COUNTED);
	assert_true(h.files != NOT_COUNTED && h.files > 0);
	assert_true(h.sockets_seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(healthy_host_implicates_none),
		cmocka_unit_test(dropped_packets_implicate_netdev_max_backlog),
		cmocka_unit_test(overflows_implicate_somaxconn_by_the_listener),
		cmocka_unit_test(drops_without_overflows_do_not_implicate_somaxconn),
		cmocka_unit_test(orphans_are_implicated_unless_memory_was_short),
		cmocka_unit_test(syn_queue_drops_implicate_syncookies_where_they_are_off),
		cmocka_unit_test(other_drops_without_cookies_may_be_max_syn_backlog),
		cmocka_unit_test(resets_of_overflows_implicate_abort_on_overflow),
		cmocka_unit_test(ports_towards_one_peer_implicate_the_range),
		cmocka_unit_test(ports_in_time_wait_implicate_tw_reuse_too),
		cmocka_unit_test(overflows_of_time_wait_implicate_max_tw_buckets),
		cmocka_unit_test(full_buffers_implicate_their_sysctl),
		cmocka_unit_test(open_files_implicate_file_max),
		cmocka_unit_test(what_cannot_be_seen_is_not_known),
		cmocka_unit_test(any_values_are_judged),
		cmocka_unit_test(own_host_is_read),
	};

	return cmocka_run_group_tests_name("check_sysctl", tests, NULL, NULL);
}
