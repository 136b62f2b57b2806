// SPDX-License-Identifier: GPL-2.0-only
/*
 * Advice: each row of advice.def has a case here, that gives it and its values; and none is given
 * without a reason in the evidence.
 */
#include "expect.h"

#include <ctype.h>

#include "advice.h"
#include "facts_for.h"

/* One connection's end; what is not given is 0. */
struct end {
	const char *comm; /* NULL: nobody is known */
	enum verdict verdict;
	struct evidence e;
};

struct advice_case {
	const char *name;
	struct end end, other; /* other: with a comm, or there is none */
	const char *part;
};

/* The peer closed after so long, and we wrote so much later. */
#define CLIENT(idle, later, port)                                                                  \
	{                                                                                          \
		.facts.heard_ms = later, .facts.unacked = 45, .fin_silence_ms = idle,              \
		.tuple.rport = port                                                                \
	}
#define REUSED      VERDICT_half_closed_reuse, CLIENT(10000, 12000, 0)
#define LONG_REUSED VERDICT_half_closed_reuse, CLIENT(600000, 12000, 0)
#define CLOSED      VERDICT_late_data_time_wait
#define LATE_END                                                                                   \
	CLOSED,                                                                                    \
	{                                                                                          \
		.fin_silence_ms = 10000, .closed_ms = 2000                                         \
	}
#define PROBED(flag)                                                                               \
	VERDICT_keepalive_user_timeout,                                                            \
	{                                                                                          \
		.facts.flags = FACT_KEEPALIVE | (flag), .facts.user_timeout_ms = 2000,             \
		.keepalive_time_ms = 3000, .keepalive_intvl_ms = 3000, .keepalive_probes = 5,      \
	}
#define UNACKED(flag)                                                                              \
	VERDICT_user_timeout,                                                                      \
	{                                                                                          \
		.facts.flags = flag, .facts.user_timeout_ms = 2000                                 \
	}
#define FORGOT(flag)                                                                               \
	VERDICT_retransmit_timeout,                                                                \
	{                                                                                          \
		.facts.flags = flag, .facts.unacked = 45, .facts.retransmits = 15,                 \
		.facts.heard_ms = 1500000, .written_ms = 900000, .keepalive_time_ms = 7200000,     \
	}
#define QUEUE(max, so)                                                                             \
	VERDICT_accept_overflow,                                                                   \
	{                                                                                          \
		.backlog = (max) + 1, .backlog_max = max, .somaxconn = so                          \
	}

static const struct advice_case cases[] = {
	{ "reuse-mysql-java",
	  { "java", LONG_REUSED },
	  { "mariadbd", LATE_END },
	  "maxLifetime=480000 (milliseconds)" },
	{ "reuse-mysql-java-short",
	  { "java", REUSED },
	  { "mysqld", LATE_END },
	  "after 10 s without a query" },
	{ "reuse-mysql-python",
	  { "python3.11", REUSED },
	  { "mariadbd", LATE_END },
	  "pool_recycle=8," },
	{ "reuse-mysql",
	  { "go-app", VERDICT_half_closed_reuse, CLIENT(10000, 12000, 3306) },
	  { 0 },
	  "if port 3306 is MySQL/MariaDB: MySQL/MariaDB closes after 10 s without a query "
	  "(wait_timeout): Go: "
	  "db.SetConnMaxIdleTime(8*time.Second)" },
	{ "reuse-mysql-server",
	  { "go-app", REUSED },
	  { "mariadbd", LATE_END },
	  "wait_timeout = 28 or more (now about 10 s): the connection was used again after 22 s" },
	{ "reuse-postgres-python",
	  { "gunicorn: worker", REUSED },
	  { "postgres", LATE_END },
	  "pool_recycle=8," },
	{ "reuse-postgres",
	  { "app", REUSED },
	  { "postgres", LATE_END },
	  "SetConnMaxIdleTime(8*time.Second)" },
	{ "reuse-postgres-server",
	  { "app", REUSED },
	  { "postgres", LATE_END },
	  "idle_session_timeout = '28s'" },
	{ "reuse-redis",
	  { "app", REUSED },
	  { "redis-server", LATE_END },
	  "health_check_interval=8;" },
	{ "reuse-redis-server",
	  { "app", REUSED },
	  { "redis-server", LATE_END },
	  "timeout 28 or more (now about 10 s" },
	{ "reuse-nginx-upstream",
	  { "nginx", REUSED },
	  { 0 },
	  "keepalive_timeout 8s (default 60s)" },
	{ "reuse-http-java",
	  { "java", REUSED },
	  { "nginx", LATE_END },
	  "keepalive.timeout=8 (seconds)" },
	{ "reuse-http-python",
	  { "python3", REUSED },
	  { "nginx", LATE_END },
	  "keepalive_expiry=8)" },
	{ "reuse-http",
	  { "app", LONG_REUSED },
	  { "haproxy", LATE_END },
	  "IdleConnTimeout: 480*time.Second}" },
	{ "reuse-nginx-server",
	  { "app", REUSED },
	  { "nginx", LATE_END },
	  "keepalive_timeout 28s or more (now about 10 s" },
	{ "reuse-haproxy-server",
	  { "app", REUSED },
	  { "haproxy", LATE_END },
	  "timeout client 28s or more" },
	{ "reuse",
	  { "app", VERDICT_close_race, CLIENT(10000, 0, 0) },
	  { 0 },
	  "the peer closes after 10 s of silence: make our idle timeout 8.00 s or less" },
	{ "late-mysql",
	  { "mariadbd", LATE_END },
	  { 0 },
	  "client's idle timeout to 8.00 s or less, or wait_timeout = 15" },
	{ "late-postgres", { "postgres", LATE_END }, { 0 }, "used again after 12 s" },
	{ "late-redis", { "redis-server", LATE_END }, { 0 }, "timeout 15 or more" },
	{ "late-nginx", { "nginx", LATE_END }, { 0 }, "keepalive_timeout 15s or more" },
	{ "late-haproxy", { "haproxy", LATE_END }, { 0 }, "that to 15s or more" },
	{ "late",
	  { "app", CLOSED, { .closed_ms = 2000 } },
	  { "go-app", REUSED },
	  "we closed it after 10 s of silence, it was used again after 12 s" },
	{ "linger-mysql",
	  { "mariadbd", VERDICT_linger_zero, { .facts.heard_ms = 2000, .facts.sent_ms = 2000 } },
	  { 0 },
	  "aborted it after 2.00 s without a query (wait_timeout): make the client's idle timeout "
	  "1.60 s" },
	{ "linger-haproxy",
	  { "haproxy", VERDICT_linger_zero, { .facts.flags = FACT_LINGER_ZERO } },
	  { 0 },
	  "option nolinger" },
	{ "unread-killed",
	  { "app",
	    VERDICT_unread_data,
	    { .facts.unread = 45, .owner.exiting = 1, .owner.exit_code = 9 } },
	  { 0 },
	  "killed by signal 9 with 45 bytes unread" },
	{ "unread-nginx",
	  { "nginx", VERDICT_unread_data, { .facts.unread = 45 } },
	  { 0 },
	  "45 bytes unread: leave lingering_close on" },
	{ "probe-haproxy-bind",
	  { "haproxy", PROBED(FACT_PASSIVE) },
	  { 0 },
	  "bind line (now 2.00 s), or make it more than 18 s" },
	{ "probe-haproxy-server", { "haproxy", PROBED(0) }, { 0 }, "server line (now 2.00 s)" },
	{ "probe-odp-client",
	  { "obproxy", PROBED(FACT_PASSIVE) },
	  { 0 },
	  "client_tcp_user_timeout = 0 (now 2.00 s)" },
	{ "probe-odp-server",
	  { "obproxy", PROBED(0) },
	  { 0 },
	  "server_tcp_user_timeout = 0 (now 2.00 s)" },
	{ "probe-postgres",
	  { "postgres", PROBED(FACT_PASSIVE) },
	  { 0 },
	  "(now 2000 ms), or more than 18000 ms" },
	{ "probe",
	  { "app", PROBED(0) },
	  { 0 },
	  "(now 2.00 s) to 0, or to more than 18 s: time 3.00 s + 5 probes x 3.00 s" },
	{ "unacked-haproxy-bind",
	  { "haproxy", UNACKED(FACT_PASSIVE) },
	  { 0 },
	  "bind line (now 2.00 s) to 4.00 s" },
	{ "unacked-haproxy-server",
	  { "haproxy", UNACKED(0) },
	  { 0 },
	  "server line (now 2.00 s) to 4.00 s" },
	{ "unacked-odp-client",
	  { "obproxy", UNACKED(FACT_PASSIVE) },
	  { 0 },
	  "client_tcp_user_timeout = 0 (now 2.00 s)" },
	{ "unacked-odp-server",
	  { "obproxy", UNACKED(0) },
	  { 0 },
	  "server_tcp_user_timeout = 0 (now 2.00 s)" },
	{ "unacked-postgres", { "postgres", UNACKED(0) }, { 0 }, "(now 2000 ms)" },
	{ "unacked",
	  { "app", UNACKED(0) },
	  { 0 },
	  "TCP_USER_TIMEOUT (now 2.00 s) to 4.00 s or more" },
	{ "forgotten-nginx-server",
	  { "nginx", FORGOT(FACT_PASSIVE) },
	  { 0 },
	  "so_keepalive=300s::" },
	{ "forgotten-nginx-upstream",
	  { "nginx", FORGOT(0) },
	  { 0 },
	  "proxy_socket_keepalive on, and net.ipv4.tcp_keepalive_time = 300" },
	{ "forgotten-haproxy-client",
	  { "haproxy", FORGOT(FACT_PASSIVE) },
	  { 0 },
	  "clitcpka-idle 300s" },
	{ "forgotten-haproxy-server", { "haproxy", FORGOT(0) }, { 0 }, "srvtcpka-idle 300s" },
	{ "forgotten-redis",
	  { "redis-server", FORGOT(FACT_PASSIVE) },
	  { 0 },
	  "tcp-keepalive 300 (default" },
	{ "forgotten-redis-late",
	  { "redis-server", FORGOT(FACT_KEEPALIVE) },
	  { 0 },
	  "begin after 7200 s: redis: tcp-keepalive 300" },
	{ "forgotten-postgres",
	  { "postgres", FORGOT(FACT_KEEPALIVE) },
	  { 0 },
	  "tcp_keepalives_idle = 300" },
	{ "forgotten-odp",
	  { "obproxy", FORGOT(FACT_PASSIVE) },
	  { 0 },
	  "client_tcp_keepidle = 300" },
	{ "forgotten", { "app", FORGOT(0) }, { 0 }, "after 600 s of silence, without keepalive" },
	{ "forgotten-late",
	  { "app", FORGOT(FACT_KEEPALIVE) },
	  { 0 },
	  "keepalive would begin after 7200 s: TCP_KEEPIDLE, or net.ipv4.tcp_keepalive_time, to "
	  "300 or less" },
	{ "probed-late",
	  { "app",
	    VERDICT_keepalive_reset,
	    { .facts.flags = FACT_KEEPALIVE, .keepalive_time_ms = 7200000 } },
	  { 0 },
	  "after 7200 s and was too late, unless the peer restarted: TCP_KEEPIDLE, or "
	  "net.ipv4.tcp_keepalive_time, to 3600" },
	{ "queue-stuck",
	  { "nginx",
	    VERDICT_accept_overflow,
	    { .backlog_max = 2, .somaxconn = 4096, .unaccepted_ms = 61000 } },
	  { 0 },
	  "accepted nothing for 61 s" },
	{ "queue-somaxconn",
	  { "go-server", QUEUE(128, 128) },
	  { 0 },
	  "net.core.somaxconn=1024 (now 128," },
	{ "queue-nginx",
	  { "nginx", QUEUE(511, 4096) },
	  { 0 },
	  "backlog=1024 (now 511; default 511)" },
	{ "queue-redis",
	  { "redis-server", QUEUE(511, 700) },
	  { 0 },
	  "tcp-backlog 1024 (now 511; default 511), and sysctl -w net.core.somaxconn=1024 (now "
	  "700)" },
	{ "queue-haproxy", { "haproxy", QUEUE(2000, 4096) }, { 0 }, "backlog 4000 (now 2000;" },
	{ "queue-mysql", { "mariadbd", QUEUE(80, 4096) }, { 0 }, "back_log = 1024 (now 80)" },
	{ "queue-java",
	  { "java", QUEUE(50, 4096) },
	  { 0 },
	  "new ServerSocket(port, 1024) (now 50;" },
	{ "queue-python",
	  { "python3", QUEUE(5, 4096) },
	  { 0 },
	  "request_queue_size = 1024 (now 5;" },
	{ "queue-node",
	  { "node", QUEUE(511, 4096) },
	  { 0 },
	  "server.listen(port, host, 1024) (now 511;" },
	{ "queue", { "app", QUEUE(0, 4096) }, { 0 }, "listen(fd, 1024) in the server (now 0)" },
	{ "queue-abort",
	  { "app",
	    VERDICT_accept_overflow_reset,
	    { .facts.flags = FACT_ABORT_OVERFLOW, .backlog_max = 1, .somaxconn = 4096 } },
	  { 0 },
	  "tcp_abort_on_overflow=0 (now 1)" },
};

/* The facts of the case, and what the verdict needs beside them to be one. */
static struct evidence evidence_of(const struct end *end)
{
	struct evidence e = end->e;
	struct facts any = facts_for(end->verdict);

	e.facts.event = any.event;
	e.facts.socket = e.somaxconn ? SOCKET_LISTEN : any.socket;
	e.facts.state = any.state;
	e.facts.err = any.err;
	e.count = 1;
	if (!end->comm)
		return e;
	e.owner.pid = 812;
	memcpy(e.owner.comm, end->comm, strnlen(end->comm, sizeof(e.owner.comm) - 1));
	return e;
}

/* The other end's verdict is not given, but found: it takes all of its facts. */
static struct evidence other_evidence_of(const struct end *end)
{
	struct evidence e = evidence_of(end);
	struct facts facts = facts_for(end->verdict);

	facts.heard_ms = e.facts.heard_ms;
	facts.sent_ms = e.facts.sent_ms;
	e.facts = facts;
	return e;
}

static size_t advice_of(struct advice advice[ADVICE_MAX], const struct advice_case *c)
{
	struct evidence e = evidence_of(&c->end), other = other_evidence_of(&c->other);

	return advise(advice, &e, c->end.verdict, c->other.comm ? &other : NULL);
}

static void expect_advice(const struct advice_case *c)
{
	struct advice advice[ADVICE_MAX];
	size_t n = advice_of(advice, c);

	for (size_t i = 0; i < n; i++) {
		if (strcmp(advice_name(advice[i].row), c->name))
			continue;
		if (!strstr(advice[i].text, c->part))
			fail_msg("%s: seen: '%s', expected it with '%s'", c->name, advice[i].text,
				 c->part);
		return;
	}
	fail_msg("%s: seen: %s, expected: this one", c->name,
		 n ? advice_name(advice[0].row) : "no advice");
}

static void each_row_is_given_for_its_reason(void **state)
{
	(void)state;
	for (unsigned int row = 0; row < advice_rows(); row++) {
		const struct advice_case *found = NULL;

		for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
			if (!strcmp(cases[i].name, advice_name(row)))
				found = &cases[i];
		if (!found)
			fail_msg("%s: seen: no case, expected: one in test_advice.c",
				 advice_name(row));
		expect_advice(found);
	}
	expect_number(ARRAY_SIZE(cases), advice_rows());
}

/* A {name} that is misspelt would stay as it is; a {Field} of Go's does. */
static void expect_no_name_left(const struct advice_case *c, const char *text)
{
	for (const char *brace = strchr(text, '{'); brace; brace = strchr(brace + 1, '{'))
		if (islower((unsigned char)brace[1]))
			fail_msg("%s: seen: '%s', expected: a value", c->name, brace);
}

static void all_values_are_put_in(void **state)
{
	struct advice advice[ADVICE_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t n = advice_of(advice, &cases[i]);

		for (size_t a = 0; a < n; a++) {
			expect_no_name_left(&cases[i], advice[a].text);
			expect_at_most(strlen(advice[a].text), ADVICE_SIZE - 2); /* not cut */
		}
	}
}

/* The verdict alone is no reason, whatever the software. */
static void nothing_is_advised_without_a_reason(void **state)
{
	static const char *const comms[] = { "nginx", "mariadbd", "obproxy", "java", "app" };
	struct advice advice[ADVICE_MAX];

	(void)state;
	for (int v = 0; v < VERDICT_COUNT; v++) {
		for (size_t i = 0; i < ARRAY_SIZE(comms); i++) {
			struct evidence e = evidence_of(&(struct end){ comms[i], v, {} });

			if (advise(advice, &e, v, NULL))
				fail_msg("%s of %s: seen: '%s', expected: no advice",
					 verdict_text(v)->name, comms[i], advice[0].text);
		}
	}
}

/* Less than a second is no idle timeout; one that the connection outlived is no late keepalive. */
static void what_is_too_short_is_no_reason(void **state)
{
	struct advice_case reuse = { "", { "app", REUSED }, { 0 }, "" };
	struct advice_case forgot = { "", { "app", FORGOT(FACT_KEEPALIVE) }, { 0 }, "" };
	struct advice advice[ADVICE_MAX];

	(void)state;
	reuse.end.e.fin_silence_ms = 999;
	expect_number(advice_of(advice, &reuse), 0);
	reuse.end.e.fin_silence_ms = 1000;
	expect_number(advice_of(advice, &reuse), 1);
	forgot.end.e.keepalive_time_ms = 599999;
	expect_number(advice_of(advice, &forgot), 0);
	forgot.end.e.keepalive_time_ms = 600000;
	expect_number(advice_of(advice, &forgot), 1);
}

/* A name decides, not its beginning; of a process that is not known, the port, if we connected. */
static void software_is_known_by_its_name(void **state)
{
	struct advice_case c = { "reuse", { "nginxes", REUSED }, { 0 }, "the peer closes" };

	(void)state;
	expect_advice(&c);
	c.end.comm = "app";
	c.end.e.tuple.rport = 6379;
	c.name = "reuse-redis";
	c.part = "if port 6379 is redis: ";
	expect_advice(&c);
	c.end.e.facts.flags = FACT_PASSIVE; /* the client's port */
	c.name = "reuse";
	c.part = "the peer closes";
	expect_advice(&c);
}

/* Where an RST came from this host, the cause is what the other end did. */
static void the_other_ends_advice_is_given_where_it_is_the_cause(void **state)
{
	struct advice_case c = {
		"unread-killed",
		{ "app", VERDICT_peer_aborted, {} },
		{ "worker",
		  VERDICT_unread_data,
		  { .facts.unread = 45, .owner.exiting = 1, .owner.exit_code = 9 } },
		"at the other end: the process was killed by signal 9",
	};
	struct advice advice[ADVICE_MAX];

	(void)state;
	expect_advice(&c);
	c.end.verdict = VERDICT_zero_window_timeout;
	expect_number(advice_of(advice, &c), 0);
}

/* MariaDB drops idle connections by RST; a death that a killed process caused says nothing of it.
 */
static void an_aborted_idle_connection_is_one_of_mysql_only(void **state)
{
	struct advice_case c = {
		"reuse-mysql",
		{ "app", VERDICT_peer_aborted, { .facts.heard_ms = 2000, .facts.sent_ms = 2000 } },
		{ "mariadbd", VERDICT_linger_zero, { .facts.heard_ms = 2000 } },
		"after 2.00 s without a query",
	};
	struct advice advice[ADVICE_MAX];

	(void)state;
	expect_advice(&c);
	c.other.e.owner.exiting = 1;
	expect_number(advice_of(advice, &c), 0);
	c.other.e.owner.exiting = 0;
	c.other.comm = "server";
	expect_number(advice_of(advice, &c), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_is_given_for_its_reason),
		cmocka_unit_test(all_values_are_put_in),
		cmocka_unit_test(nothing_is_advised_without_a_reason),
		cmocka_unit_test(what_is_too_short_is_no_reason),
		cmocka_unit_test(software_is_known_by_its_name),
		cmocka_unit_test(the_other_ends_advice_is_given_where_it_is_the_cause),
		cmocka_unit_test(an_aborted_idle_connection_is_one_of_mysql_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
