// SPDX-License-Identifier: GPL-2.0-only
/* Which connections are to be watched: what is understood, and what is said about what is not. */
#include "expect.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filters.h"

static struct filter f;
static struct failure why;

/* Every test begins with no filter. */
static int clear(void **state)
{
	(void)state;
	memset(&f, 0, sizeof(f));
	memset(&why, 0, sizeof(why));
	return 0;
}

static void expect_refused(int err, enum exit_status status, const char *said)
{
	assert_int_equal(err, -1);
	expect_number(why.status, status);
	expect_part(why.text, said);
	expect_no_part(why.text, "\n");
}

/* ---- ports ------------------------------------------------------------------------------- */

static unsigned int ports_set(void)
{
	unsigned int n = 0;

	for (int port = 0; port < PORTS; port++)
		n += f.port_flags[port] != 0;
	return n;
}

static void ports_of_several_lists_add_up(void **state)
{
	(void)state;
	assert_int_equal(filter_add_ports(&f, PORT_EITHER, "1,80,65535", &why), 0);
	assert_int_equal(filter_add_ports(&f, PORT_LOCAL, "0080", &why), 0);
	assert_int_equal(filter_add_ports(&f, PORT_EITHER, "443", &why), 0);
	expect_number(f.ports, PORT_EITHER | PORT_LOCAL);
	expect_number(ports_set(), 4);
	expect_number(f.port_flags[80], PORT_EITHER | PORT_LOCAL);
	expect_number(f.port_flags[65535], PORT_EITHER);
	assert_string_equal(f.text, ", port 1,80,65535, local port 0080, port 443");
}

static void bad_ports_are_quoted(void **state)
{
	static const char *const bad[][2] = {
		{ "80,x", "'x'" },  { "80,", "''" },        { ",80", "''" },
		{ "80,,81", "''" }, { "80, 81", "' 81'" },  { "80,65536", "'65536'" },
		{ "80,0", "'0'" },  { "80-90", "'80-90'" }, { "80;81", "'80;81'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		expect_refused(filter_add_ports(&f, PORT_REMOTE, bad[i][0], &why), EXIT_USAGE,
			       bad[i][1]);
}

/* ---- addresses --------------------------------------------------------------------------- */

static void peers_are_as_they_are_shown(void **state)
{
	static const struct {
		const char *item;
		unsigned int family, len;
		const char *address;
	} good[] = {
		{ "192.0.2.1", AF_INET, 32, "192.0.2.1" },
		{ "10.0.0.0/8", AF_INET, 8, "10.0.0.0" },
		{ "0.0.0.0/0", AF_INET, 0, "0.0.0.0" },
		{ "2001:db8::/32", AF_INET6, 32, "2001:db8::" },
		{ "::1", AF_INET6, 128, "::1" },
		{ "::ffff:192.0.2.1", AF_INET, 32, "192.0.2.1" },
		{ "::ffff:10.0.0.0/104", AF_INET, 8, "10.0.0.0" },
		{ "::ffff:0:0/95", AF_INET6, 95, "::ffff:0.0.0.0" },
	};
	char text[INET6_ADDRSTRLEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		const struct network *n = &f.peers[i];

		assert_int_equal(filter_add_peers(&f, good[i].item, &why), 0);
		expect_number(n->family, good[i].family);
		expect_number(n->bits, FAMILY_BITS + good[i].len);
		inet_ntop(n->family, n->address, text, sizeof(text));
		assert_string_equal(text, good[i].address);
	}
	expect_number(f.peer_count, ARRAY_SIZE(good));
}

static void bad_peers_are_quoted(void **state)
{
	static const char *const bad[] = {
		"",        "x",     "1.2.3",     "1.2.3.4/33", "1.2.3.4/",    "1.2.3.4/-1",
		"::1/129", "[::1]", "localhost", "1.2.3.4:80", "1.2.3.4/8/8",
	};
	char quoted[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(quoted, sizeof(quoted), "bad peer '%s'", bad[i]);
		expect_refused(filter_add_peers(&f, bad[i], &why), EXIT_USAGE, quoted);
	}
	expect_number(f.peer_count, 0);
}

static void more_peers_than_fit_are_refused(void **state)
{
	(void)state;
	for (int i = 0; i < FILTER_PEERS_MAX; i++)
		assert_int_equal(filter_add_peers(&f, "::1", &why), 0);
	expect_refused(filter_add_peers(&f, "::1", &why), EXIT_USAGE, "more than 256 peers");
}

static void both_families_are_no_filter(void **state)
{
	(void)state;
	filter_add_family(&f, AF_INET);
	expect_number(filter_family(&f), AF_INET);
	assert_true(filter_is_set(&f));
	filter_add_family(&f, AF_INET6);
	expect_number(filter_family(&f), 0);
	assert_false(filter_is_set(&f));
	assert_string_equal(f.text, ", IPv4, IPv6");
}

/* ---- verdicts ---------------------------------------------------------------------------- */

static void verdicts_are_known_by_their_names(void **state)
{
	(void)state;
	assert_true(filter_wants_verdict(&f, VERDICT_unknown));
	assert_int_equal(filter_add_verdicts(&f, "closed-by-peer,unknown", &why), 0);
	assert_true(filter_wants_verdict(&f, VERDICT_closed_by_peer));
	assert_true(filter_wants_verdict(&f, VERDICT_unknown));
	assert_false(filter_wants_verdict(&f, VERDICT_refused));
	expect_refused(filter_add_verdicts(&f, "refused,nonsense", &why), EXIT_USAGE, "'nonsense'");
	expect_refused(filter_add_verdicts(&f, "", &why), EXIT_USAGE, "''");
}

/* ---- places ------------------------------------------------------------------------------ */

static void namespace_by_path_or_inode(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(stat("/proc/self/ns/net", &st), 0);
	assert_int_equal(filter_set_netns(&f, "/proc/self/ns/net", &why), 0);
	expect_number(f.netns, st.st_ino);
	assert_int_equal(filter_set_netns(&f, "4026531840", &why), 0);
	expect_number(f.netns, 4026531840);
}

static void what_is_no_namespace_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "0", "4294967296", "no-such-namespace", "/proc/self/ns/mnt", "/dev/null",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		expect_refused(filter_set_netns(&f, bad[i], &why), EXIT_USAGE,
			       "is no network namespace");
}

static void what_is_no_cgroup_is_refused(void **state)
{
	static const char *const bad[] = { "", "/proc", "no/such/cgroup", "/no/such/cgroup" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		expect_refused(filter_set_cgroup(&f, bad[i], &why), EXIT_USAGE, "is no cgroup");
}

/* ---- processes --------------------------------------------------------------------------- */

static void a_process_named_twice_is_one(void **state)
{
	char list[64];

	(void)state;
	snprintf(list, sizeof(list), "%d,1,%d", getpid(), getpid());
	assert_int_equal(filter_add_pids(&f, list, &why), 0);
	assert_int_equal(filter_find_processes(&f, &why), 0);
	expect_number(f.pid_count, 2);
	expect_number(f.pids[0], getpid());
	expect_number(f.pids[1], 1);
}

static void bad_pids_of_a_list_are_quoted(void **state)
{
	(void)state;
	expect_refused(filter_add_pids(&f, "1,x", &why), EXIT_USAGE, "bad PID 'x'");
	expect_refused(filter_add_pids(&f, "1,", &why), EXIT_USAGE, "bad PID ''");
	f.pid_count = 0;
	assert_int_equal(filter_add_pids(&f, "1,4194304", &why), 0);
	expect_refused(filter_find_processes(&f, &why), EXIT_NO_PROCESS, "PID 4194304");
}

/* ---- what has been recorded -------------------------------------------------------------- */

static struct evidence recorded(int family, const char *local, uint16_t lport, const char *remote,
				uint16_t rport)
{
	struct evidence e = {
		.tuple = { .family = family, .lport = lport, .rport = rport },
		.owner.pid = 7,
		.netns = 9,
	};

	assert_int_equal(inet_pton(family, local, e.tuple.laddr), 1);
	assert_int_equal(inet_pton(family, remote, e.tuple.raddr), 1);
	return e;
}

static void expect_match(const struct evidence *e, bool expected, const char *what)
{
	if (filter_matches(&f, e) == expected)
		return;
	print_error("%s: a match seen: %d, expected: %d\n", what, !expected, expected);
	fail();
}

static void recorded_ports_match_at_their_ends(void **state)
{
	struct evidence client = recorded(AF_INET, "10.0.0.1", 40000, "10.0.0.2", 80);
	struct evidence server = recorded(AF_INET, "10.0.0.2", 80, "10.0.0.1", 40000);

	(void)state;
	assert_int_equal(filter_add_ports(&f, PORT_EITHER, "80", &why), 0);
	expect_match(&client, true, "either");
	expect_match(&server, true, "either");
	assert_int_equal(filter_add_ports(&f, PORT_LOCAL, "80,443", &why), 0);
	expect_match(&client, false, "local");
	expect_match(&server, true, "local");
	assert_int_equal(filter_add_ports(&f, PORT_REMOTE, "40000", &why), 0);
	expect_match(&server, true, "local and remote");
	f.port_flags[80] &= ~PORT_EITHER;
	expect_match(&server, false, "no port that is wanted at either end");
}

static void recorded_addresses_match_as_they_are_shown(void **state)
{
	struct evidence v4 = recorded(AF_INET, "10.0.0.1", 1, "10.9.0.2", 2);
	struct evidence v6 = recorded(AF_INET6, "2001:db8::1", 1, "2001:db8:7::2", 2);
	struct evidence mapped = recorded(AF_INET6, "::ffff:10.0.0.1", 1, "::ffff:10.9.0.2", 2);
	struct evidence no_peer = recorded(AF_INET, "10.0.0.1", 1, "10.9.0.2", 0);
	static const struct {
		const char *peer;
		bool v4, v6;
	} cases[] = {
		{ "10.9.0.2", true, false },        { "10.9.0.3", false, false },
		{ "10.8.0.0/15", true, false },     { "10.8.0.0/16", false, false },
		{ "0.0.0.0/0", true, false },       { "::/0", false, true },
		{ "2001:db8:6::/47", false, true }, { "2001:db8:6::/48", false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		f.peer_count = 0;
		assert_int_equal(filter_add_peers(&f, cases[i].peer, &why), 0);
		expect_match(&v4, cases[i].v4, cases[i].peer);
		expect_match(&mapped, cases[i].v4, cases[i].peer);
		expect_match(&v6, cases[i].v6, cases[i].peer);
		expect_match(&no_peer, false, cases[i].peer);
	}
	f.peer_count = 0;
	filter_add_family(&f, AF_INET);
	expect_match(&v4, true, "-4");
	expect_match(&mapped, true, "-4");
	expect_match(&v6, false, "-4");
	expect_match(&no_peer, true, "-4");
}

static void recorded_processes_need_not_be_there(void **state)
{
	struct evidence e = recorded(AF_INET, "10.0.0.1", 1, "10.9.0.2", 2);

	(void)state;
	assert_int_equal(filter_add_pids(&f, "4194304,7", &why), 0);
	expect_match(&e, true, "-p of two");
	e.owner.pid = 0;
	expect_match(&e, false, "nobody");
	f.pid_count = 0;
	f.netns = 9;
	expect_match(&e, true, "--netns");
	f.netns = 8;
	expect_match(&e, false, "--netns");
}

/* ---- what people are told ---------------------------------------------------------------- */

static void a_text_without_end_is_cut(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(filter_add_ports(&f, PORT_EITHER, "80,81", &why), 0);
	expect_number(strlen(f.text), sizeof(f.text) - 1);
	expect_part(f.text + sizeof(f.text) - 4, "...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(ports_of_several_lists_add_up, clear),
		cmocka_unit_test_setup(bad_ports_are_quoted, clear),
		cmocka_unit_test_setup(peers_are_as_they_are_shown, clear),
		cmocka_unit_test_setup(bad_peers_are_quoted, clear),
		cmocka_unit_test_setup(more_peers_than_fit_are_refused, clear),
		cmocka_unit_test_setup(both_families_are_no_filter, clear),
		cmocka_unit_test_setup(verdicts_are_known_by_their_names, clear),
		cmocka_unit_test_setup(namespace_by_path_or_inode, clear),
		cmocka_unit_test_setup(what_is_no_namespace_is_refused, clear),
		cmocka_unit_test_setup(what_is_no_cgroup_is_refused, clear),
		cmocka_unit_test_setup(a_process_named_twice_is_one, clear),
		cmocka_unit_test_setup(bad_pids_of_a_list_are_quoted, clear),
		cmocka_unit_test_setup(recorded_ports_match_at_their_ends, clear),
		cmocka_unit_test_setup(recorded_addresses_match_as_they_are_shown, clear),
		cmocka_unit_test_setup(recorded_processes_need_not_be_there, clear),
		cmocka_unit_test_setup(a_text_without_end_is_cut, clear),
	};

	return cmocka_run_group_tests_name("filters", tests, NULL, NULL);
}
