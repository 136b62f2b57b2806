// SPDX-License-Identifier: GPL-2.0-only
/* The command line: what is understood, and what is said about what is not. */
#include "expect.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel.h"
#include "options.h"

#define BIT(feature) (UINT32_C(1) << FEATURE_##feature)

#define MAX_ARGS        6
#define SECOND          1000000000ULL
#define BEYOND_PIDS     "4194304" /* PID_MAX_LIMIT: the kernel gives smaller ones only */
#define LONGER_THAN_U64 "99999999999999999999"

/* Parses "tcpwhy" and args, which NULL ends. argp reorders the pointers, so it gets its own. */
static int parse(struct options *o, const char *const *args, struct failure *why)
{
	static char name[] = "tcpwhy";
	static char *argv[MAX_ARGS + 2]; /* a command stays in it */
	int argc = 1;

	memset(argv, 0, sizeof(argv));
	argv[0] = name;
	for (; argc <= MAX_ARGS && args[argc - 1]; argc++)
		argv[argc] = (char *)args[argc - 1];
	memset(o, 0xa5, sizeof(*o));
	memset(why, 0, sizeof(*why));
	return options_parse(o, argc, argv, why);
}

#define DEFAULT_LIMIT 100

static void print_args(const char *const *args)
{
	print_error("of: tcpwhy");
	for (int i = 0; i < MAX_ARGS && args[i]; i++)
		print_error(" '%s'", args[i]);
	print_error("\n");
}

/* ---- good ones --------------------------------------------------------------------------- */

struct expected {
	enum command command;
	const char *cmd;    /* its name */
	const char *filter; /* as people are told */
	const char *listen;
	const char *recording;
	uint64_t rotate_size, rotate_keep;
	uint32_t pid;
	bool children, keep, orderly, errors, verbose, json, since_start, utc, stable;
	unsigned int fields; /* how many of --fields */
	unsigned int files;  /* how many of join */
	uint32_t without;
	enum color_when color;
	enum story_when story;
	uint64_t duration_ns, interval_ns, count;
	bool limited; /* else the default is expected */
	uint64_t limit;
	const char *topic;
};

static const struct good {
	const char *args[MAX_ARGS];
	struct expected expected;
} good[] = {
	{ { NULL }, { 0 } },
	{ { "-P", "1" }, { .filter = ", port 1" } },
	{ { "-P65535" }, { .filter = ", port 65535" } },
	{ { "--port=80" }, { .filter = ", port 80" } },
	{ { "-P", "80", "-P", "443" }, { .filter = ", port 80, port 443" } },
	{ { "-L", "80,81" }, { .filter = ", local port 80,81" } },
	{ { "--local-port=80" }, { .filter = ", local port 80" } },
	{ { "-D", "443" }, { .filter = ", remote port 443" } },
	{ { "--remote-port=443" }, { .filter = ", remote port 443" } },
	{ { "-4" }, { .filter = ", IPv4" } },
	{ { "--ipv4" }, { .filter = ", IPv4" } },
	{ { "-6" }, { .filter = ", IPv6" } },
	{ { "--ipv6" }, { .filter = ", IPv6" } },
	{ { "--peer", "::1" }, { .filter = ", peer ::1" } },
	{ { "--netns", "/proc/self/ns/net" },
	  { .filter = ", network namespace /proc/self/ns/net" } },
	{ { "--verdict", "refused" }, { .filter = ", verdict refused" } },
	{ { "-eP80" }, { .errors = true, .filter = ", port 80" } },
	{ { "-e", "-4" }, { .errors = true, .filter = ", IPv4" } },
	{ { "-a" }, { .orderly = true } },
	{ { "--all", "--verbose" }, { .orderly = true, .verbose = true } },
	{ { "--color" }, { .color = COLOR_ALWAYS } },
	{ { "--color=always" }, { .color = COLOR_ALWAYS } },
	{ { "--color=never" }, { .color = COLOR_NEVER } },
	{ { "--color=never", "--color=auto" }, { .color = COLOR_AUTO } },
	{ { "-w" }, { .story = STORY_ALWAYS } },
	{ { "-wnever" }, { .story = STORY_NEVER } },
	{ { "--story" }, { .story = STORY_ALWAYS } },
	{ { "-w", "-j" }, { .story = STORY_ALWAYS, .json = true } },
	{ { "-w", "--story=auto" }, { .story = STORY_AUTO } },
	{ { "--story=never", "1" }, { .story = STORY_NEVER, .interval_ns = SECOND } },
	{ { "--limit", "20" }, { .limited = true, .limit = 20 } },
	{ { "--limit=0", "-a" }, { .limited = true, .limit = 0, .orderly = true } },
	{ { "-d", "1" }, { .duration_ns = SECOND } },
	{ { "-d", "0.01" }, { .duration_ns = SECOND / 100 } },
	{ { "--duration=1000000000" }, { .duration_ns = 1000000000 * SECOND } },
	{ { "1" }, { .interval_ns = SECOND } },
	{ { "0.5", "10" }, { .interval_ns = SECOND / 2, .count = 10 } },
	{ { "1", "18446744073709551615" }, { .interval_ns = SECOND, .count = UINT64_MAX } },
	{ { "1", "-a", "2" }, { .interval_ns = SECOND, .count = 2, .orderly = true } },
	{ { "--", "2", "-a" }, { .cmd = "2" } },
	{ { "1", "-a", "--", "ls", "--", "-P" },
	  { .cmd = "ls", .interval_ns = SECOND, .orderly = true } },
	{ { "-e", "--children", "--", "ls" }, { .cmd = "ls", .errors = true, .children = true } },
	{ { "-aP", "80", "0.25" },
	  { .orderly = true, .filter = ", port 80", .interval_ns = SECOND / 4 } },
	{ { "--verdicts" }, { .command = COMMAND_VERDICTS } },
	{ { "--without", "loop" }, { .without = BIT(loop) } },
	{ { "--without", "loop,stray-resets", "--without=symbols" },
	  { .without = BIT(loop) | BIT(stray_resets) | BIT(symbols) } },
	{ { "check" }, { .command = COMMAND_CHECK } },
	{ { "-j" }, { .json = true } },
	{ { "--format=json" }, { .json = true } },
	{ { "--format", "openmetrics", "1" }, { .interval_ns = SECOND } },
	{ { "--listen", "[::1]:80" }, { .listen = "[::1]:80" } },
	{ { "-t" }, { .since_start = true } },
	{ { "-t", "-T", "--utc" }, { .utc = true } },
	{ { "-y", "1" }, { .stable = true, .interval_ns = SECOND } },
	{ { "--listen", "80" }, { .listen = "127.0.0.1:80" } },
	{ { "--json", "1" }, { .json = true, .interval_ns = SECOND } },
	{ { "--fields", "pid,verdict", "--fields", "comm" }, { .fields = 3 } },
	{ { "check", "-j" }, { .command = COMMAND_CHECK, .json = true } },
	{ { "check", "--json" }, { .command = COMMAND_CHECK, .json = true } },
	{ { "--json", "check", "-v" },
	  { .command = COMMAND_CHECK, .json = true, .verbose = true } },
	{ { "--without", "reset-reason", "check", "--color=never" },
	  { .command = COMMAND_CHECK, .without = BIT(reset_reason), .color = COLOR_NEVER } },
	{ { "join", "a", "-j", "-", "check" },
	  { .command = COMMAND_JOIN, .json = true, .files = 3 } },
	{ { "--utc", "join", "a" }, { .command = COMMAND_JOIN, .utc = true, .files = 1 } },
	{ { "top" }, { .command = COMMAND_TOP, .interval_ns = 1000000000 } },
	{ { "top", "-P80", "0.5", "60", "-d9", "-at" },
	  { .command = COMMAND_TOP,
	    .filter = ", port 80",
	    .interval_ns = 500000000,
	    .count = 60,
	    .duration_ns = 9000000000,
	    .orderly = true,
	    .since_start = true } },
	{ { "record", "-a", "f", "-P", "80" },
	  { .command = COMMAND_RECORD,
	    .recording = "f",
	    .orderly = true,
	    .filter = ", port 80",
	    .limited = true } },
	{ { "record", "f", "--rotate-size", "2K", "--rotate-keep", "0" },
	  { .command = COMMAND_RECORD, .recording = "f", .rotate_size = 2048, .limited = true } },
	{ { "record", "f", "--rotate-size=3G", "--", "ls" },
	  { .command = COMMAND_RECORD,
	    .recording = "f",
	    .rotate_size = UINT64_C(3) << 30,
	    .rotate_keep = 5,
	    .cmd = "ls",
	    .limited = true } },
	{ { "replay", "1" }, { .command = COMMAND_REPLAY, .recording = "1" } },
	{ { "-j", "replay", "-", "2", "3", "-a" },
	  { .command = COMMAND_REPLAY,
	    .recording = "-",
	    .interval_ns = 2 * SECOND,
	    .count = 3,
	    .json = true,
	    .orderly = true } },
	{ { "-p", BEYOND_PIDS, "replay", "f" },
	  { .command = COMMAND_REPLAY, .recording = "f", .pid = 4194304 } },
	{ { "explain" }, { .command = COMMAND_EXPLAIN } },
	{ { "explain", "refused" }, { .command = COMMAND_EXPLAIN, .topic = "refused" } },
	{ { "explain", "read: connection reset" },
	  { .command = COMMAND_EXPLAIN, .topic = "read: connection reset" } },
	{ { "--color", "explain", "broken", "pipe", "1" },
	  { .command = COMMAND_EXPLAIN, .topic = "broken pipe 1", .color = COLOR_ALWAYS } },
};

static int differs(const char *what, uint64_t seen, uint64_t expected)
{
	if (seen == expected)
		return 0;
	print_error("%s seen: %llu, expected: %llu\n", what, (unsigned long long)seen,
		    (unsigned long long)expected);
	return 1;
}

static int text_differs(const char *what, const char *seen, const char *expected)
{
	if (!strcmp(seen, expected ? expected : ""))
		return 0;
	print_error("%s seen: '%s', expected: '%s'\n", what, seen, expected ? expected : "");
	return 1;
}

static int options_differ(const struct options *seen, const struct expected *expected)
{
	return differs("command", seen->command, expected->command) +
	       text_differs("filter", seen->filter.text, expected->filter) +
	       text_differs("cmd", seen->cmd ? seen->cmd[0] : "", expected->cmd) +
	       differs("PIDs", seen->filter.pid_count, expected->pid != 0) +
	       differs("PID", seen->filter.pids[0], expected->pid) +
	       differs("children", seen->filter.children, expected->children) +
	       differs("keep", seen->keep, expected->keep) +
	       differs("orderly", seen->orderly, expected->orderly) +
	       differs("errors", seen->errors, expected->errors) +
	       differs("verbose", seen->verbose, expected->verbose) +
	       differs("json", seen->format == FORMAT_JSON, expected->json) +
	       differs("-t", seen->times.style == TIME_SINCE_START, expected->since_start) +
	       differs("utc", seen->times.utc, expected->utc) +
	       differs("stable", seen->stable, expected->stable) +
	       text_differs("listen", seen->listen.text, expected->listen) +
	       differs("fields", seen->fields.n, expected->fields) +
	       differs("files", seen->file_count, expected->files) +
	       differs("without", seen->without, expected->without) +
	       differs("color", seen->color, expected->color) +
	       differs("story", seen->story, expected->story) +
	       differs("duration_ns", seen->duration_ns, expected->duration_ns) +
	       differs("interval_ns", seen->interval_ns, expected->interval_ns) +
	       differs("count", seen->count, expected->count) +
	       differs("limit", seen->limit, expected->limited ? expected->limit : DEFAULT_LIMIT) +
	       text_differs("recording", seen->recording ? seen->recording : "",
			    expected->recording) +
	       differs("rotate_size", seen->rotate_size, expected->rotate_size) +
	       differs("rotate_keep", seen->rotate_keep,
		       expected->rotate_size ? expected->rotate_keep : 5) +
	       text_differs("topic", seen->topic, expected->topic);
}

static void expect_options(const char *const *args, const struct expected *expected)
{
	struct options seen;
	struct failure why;

	if (parse(&seen, args, &why)) {
		print_args(args);
		fail_msg("failure seen: '%s', expected: none", why.text);
	}
	if (!options_differ(&seen, expected))
		return;
	print_args(args);
	fail();
}

static void good_ones_are_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		expect_options(good[i].args, &good[i].expected);
}

static void pid_of_a_process(void **state)
{
	struct expected expected = { .pid = getpid(), .children = true, .keep = true };
	const char *args[MAX_ARGS] = { "--keep", "--children", "-p" };
	char pid[16];

	(void)state;
	snprintf(pid, sizeof(pid), "%d", getpid());
	args[3] = pid;
	expect_options(args, &expected);
}

/* A thread that can be named while the test looks at it. */
struct thread {
	int started[2], end[2];
};

static void *thread_main(void *arg)
{
	struct thread *t = arg;
	pid_t tid = syscall(SYS_gettid);
	char byte;

	if (write(t->started[1], &tid, sizeof(tid)) != sizeof(tid))
		return NULL;
	return read(t->end[0], &byte, 1) == 1 ? t : NULL;
}

/* As top -H and the log of many a program show it. */
static void pid_of_a_thread_is_its_process(void **state)
{
	struct expected expected = { .pid = getpid() };
	const char *args[MAX_ARGS] = { "-p" };
	struct thread t;
	pthread_t thread;
	char text[16];
	pid_t tid = 0;

	(void)state;
	assert_int_equal(pipe2(t.started, O_CLOEXEC) | pipe2(t.end, O_CLOEXEC), 0);
	assert_int_equal(pthread_create(&thread, NULL, thread_main, &t), 0);
	assert_int_equal(read(t.started[0], &tid, sizeof(tid)), sizeof(tid));
	assert_int_not_equal(tid, getpid());
	snprintf(text, sizeof(text), "%d", tid);
	args[1] = text;
	expect_options(args, &expected);
	assert_int_equal(write(t.end[1], "", 1), 1);
	pthread_join(thread, NULL);
	for (int i = 0; i < 2; i++) {
		close(t.started[i]);
		close(t.end[i]);
	}
}

/* ---- bad ones ---------------------------------------------------------------------------- */

static const struct bad {
	const char *args[MAX_ARGS];
	enum exit_status status;
	const char *said;
} bad[] = {
	{ { "-P", "0" }, EXIT_USAGE, "port '0'" },
	{ { "-P", "65536" }, EXIT_USAGE, "port '65536'" },
	{ { "-P", "-1" }, EXIT_USAGE, "port '-1'" },
	{ { "-P", "+1" }, EXIT_USAGE, "port '+1'" },
	{ { "-P", "80x" }, EXIT_USAGE, "port '80x'" },
	{ { "-P", "0x50" }, EXIT_USAGE, "port '0x50'" },
	{ { "-P", " 80" }, EXIT_USAGE, "port ' 80'" },
	{ { "-P", "" }, EXIT_USAGE, "port ''" },
	{ { "--port=" }, EXIT_USAGE, "port ''" },
	{ { "--color=" }, EXIT_USAGE, "color ''" },
	{ { "--color=red" }, EXIT_USAGE, "color 'red'" },
	{ { "--story=red" }, EXIT_USAGE, "story 'red'" },
	{ { "-w", "1" }, EXIT_USAGE, "-w (--story) and INTERVAL" },
	{ { "-w", "--fields", "pid" }, EXIT_USAGE, "-w (--story) and --fields" },
	{ { "-e" }, EXIT_USAGE, "-e (--errors) needs" },
	{ { "replay", "f", "1", "2", "3" }, EXIT_USAGE, "'3' follows INTERVAL and COUNT" },
	{ { "record", "f", "--stack" }, EXIT_USAGE, "--stack is not for record" },
	{ { "replay", "f", "--kstack" }, EXIT_USAGE, "--kstack is not for replay" },
	{ { "replay", "f", "record" }, EXIT_USAGE, "bad interval 'record'" },
	{ { "record", "f", "-p", BEYOND_PIDS }, EXIT_NO_PROCESS, "PID " BEYOND_PIDS },
	{ { "--rotate-size", "1M" }, EXIT_USAGE, "--rotate-size needs record" },
	{ { "record", "f", "--rotate-size", "0" }, EXIT_USAGE, "size '0'" },
	{ { "record", "f", "--rotate-size", "M" }, EXIT_USAGE, "size 'M'" },
	{ { "record", "f", "--rotate-size", "1MB" }, EXIT_USAGE, "size '1MB'" },
	{ { "-e", "--verdict", "refused" }, EXIT_USAGE, "-e (--errors) needs" },
	{ { "--keep" }, EXIT_USAGE, "--keep needs -p" },
	{ { "--children", "-P", "80" }, EXIT_USAGE, "--children needs -p" },
	{ { "-L", "x" }, EXIT_USAGE, "port 'x'" },
	{ { "-D", "x" }, EXIT_USAGE, "port 'x'" },
	{ { "--peer", "x" }, EXIT_USAGE, "peer 'x'" },
	{ { "--netns", "/" }, EXIT_USAGE, "'/' is no network namespace" },
	{ { "--cgroup", "/proc" }, EXIT_USAGE, "'/proc' is no cgroup" },
	{ { "--verdict", "x" }, EXIT_USAGE, "no verdict 'x'" },
	{ { "-P", LONGER_THAN_U64 }, EXIT_USAGE, "port '" LONGER_THAN_U64 "'" },
	{ { "-P", "18446744073709551617" }, EXIT_USAGE, "port '18446744073709551617'" },
	{ { "0" }, EXIT_USAGE, "interval '0'" },
	{ { "0.0" }, EXIT_USAGE, "interval '0.0'" },
	{ { "0.009" }, EXIT_USAGE, "interval '0.009'" },
	{ { "abc" }, EXIT_USAGE, "interval 'abc'" },
	{ { "1e9x" }, EXIT_USAGE, "interval '1e9x'" },
	{ { "1e3" }, EXIT_USAGE, "interval '1e3'" },
	{ { "inf" }, EXIT_USAGE, "interval 'inf'" },
	{ { "nan" }, EXIT_USAGE, "interval 'nan'" },
	{ { "." }, EXIT_USAGE, "interval '.'" },
	{ { "1.2.3" }, EXIT_USAGE, "interval '1.2.3'" },
	{ { "" }, EXIT_USAGE, "interval ''" },
	{ { LONGER_THAN_U64 }, EXIT_USAGE, "interval '" LONGER_THAN_U64 "'" },
	{ { "--" }, EXIT_USAGE, "no command follows --" },
	{ { "-a", "--" }, EXIT_USAGE, "no command follows --" },
	{ { "-p", "1", "--", "ls" }, EXIT_USAGE, "-p and a command exclude each other" },
	{ { "--keep", "--", "ls" }, EXIT_USAGE, "--keep and a command exclude each other" },
	{ { "-d", "1", "--", "ls" }, EXIT_USAGE, "-d and a command exclude each other" },
	{ { "1", "2", "--", "ls" }, EXIT_USAGE, "COUNT and a command exclude each other" },
	{ { "x", "--", "ls" }, EXIT_USAGE, "interval 'x'" },
	{ { "1", "0" }, EXIT_USAGE, "count '0'" },
	{ { "1", "0.5" }, EXIT_USAGE, "count '0.5'" },
	{ { "1", "x" }, EXIT_USAGE, "count 'x'" },
	{ { "1", "" }, EXIT_USAGE, "count ''" },
	{ { "1", LONGER_THAN_U64 }, EXIT_USAGE, "count '" LONGER_THAN_U64 "'" },
	{ { "1", "2", "3" }, EXIT_USAGE, "'3'" },
	{ { "1", "2", "-a", "x y" }, EXIT_USAGE, "'x y'" },
	{ { "-d", "0" }, EXIT_USAGE, "duration '0'" },
	{ { "-d", "-1" }, EXIT_USAGE, "duration '-1'" },
	{ { "-d", "1s" }, EXIT_USAGE, "duration '1s'" },
	{ { "-d", "1000000001" }, EXIT_USAGE, "duration '1000000001'" },
	{ { "-p", "0" }, EXIT_USAGE, "PID '0'" },
	{ { "-p", "x" }, EXIT_USAGE, "PID 'x'" },
	{ { "-p", "" }, EXIT_USAGE, "PID ''" },
	{ { "-p", "-1" }, EXIT_USAGE, "PID '-1'" },
	{ { "-p", "1/../1" }, EXIT_USAGE, "PID '1/../1'" },
	{ { "-p", LONGER_THAN_U64 }, EXIT_USAGE, "PID '" LONGER_THAN_U64 "'" },
	{ { "-p", BEYOND_PIDS }, EXIT_NO_PROCESS, "PID " BEYOND_PIDS },
	{ { "--without", "" }, EXIT_USAGE, "feature ''" },
	{ { "--without", "loop,x" }, EXIT_USAGE, "feature 'x'" },
	{ { "--limit", "x" }, EXIT_USAGE, "limit 'x'" },
	{ { "--limit", "" }, EXIT_USAGE, "limit ''" },
	{ { "--limit=1.5" }, EXIT_USAGE, "limit '1.5'" },
	{ { "--limit=-1" }, EXIT_USAGE, "limit '-1'" },
	{ { "--limit", "20", "1" }, EXIT_USAGE, "--limit and INTERVAL" },
	{ { "1", "--limit=20", "--", "ls" }, EXIT_USAGE, "--limit and INTERVAL" },
	{ { "--fields", "pid,nonsense" }, EXIT_USAGE, "bad field 'nonsense': give some of these" },
	{ { "--fields", "" }, EXIT_USAGE, "bad field ''" },
	{ { "-j", "-t" }, EXIT_USAGE, "-t is for text only" },
	{ { "-y" }, EXIT_USAGE, "-y needs INTERVAL" },
	{ { "-y", "-j", "1" }, EXIT_USAGE, "-y needs INTERVAL, and is for text only" },
	{ { "--format", "xml" }, EXIT_USAGE, "bad format 'xml'" },
	{ { "--format", "openmetrics" }, EXIT_USAGE, "--format=openmetrics needs INTERVAL" },
	{ { "--listen", "80x" }, EXIT_USAGE, "bad address '80x'" },
	{ { "check", "--listen", "80" }, EXIT_USAGE, "--listen is not for check" },
	{ { "--fields", "pid,verdict,pid" }, EXIT_USAGE, "field 'pid' is given twice" },
	{ { "--fields", "pid", "1" }, EXIT_USAGE, "--fields and INTERVAL exclude each other" },
	{ { "check", "--fields", "pid" }, EXIT_USAGE, "--fields is not for check" },
	{ { "checks" }, EXIT_USAGE, "interval 'checks'" },
	{ { "1", "check" }, EXIT_USAGE, "count 'check'" },
	{ { "check", "1" }, EXIT_USAGE, "'1' follows check" },
	{ { "check", "check" }, EXIT_USAGE, "'check' follows check" },
	{ { "check", "-a" }, EXIT_USAGE, "-a is not for check" },
	{ { "-P", "80", "check" }, EXIT_USAGE, "-P is not for check" },
	{ { "--port=80", "check" }, EXIT_USAGE, "-P is not for check" },
	{ { "check", "--peer", "::1" }, EXIT_USAGE, "--peer is not for check" },
	{ { "-d", "1", "-4", "check" }, EXIT_USAGE, "-d is not for check" },
	{ { "check", "--keep" }, EXIT_USAGE, "--keep is not for check" },
	{ { "check", "--verdicts" }, EXIT_USAGE, "'check' besides --verdicts" },
	{ { "--verdicts", "1" }, EXIT_USAGE, "'1' besides --verdicts" },
	{ { "check", "--", "ls" }, EXIT_USAGE, "check and a command exclude each other" },
	{ { "explain", "refused", "-p", "1" }, EXIT_USAGE, "-p is not for explain" },
	{ { "explain", "--verdict", "refused" }, EXIT_USAGE, "--verdict is not for explain" },
	{ { "explain", "--json" }, EXIT_USAGE, "--json is not for explain" },
	{ { "explain", "refused", "--", "ls" }, EXIT_USAGE, "explain and a command exclude" },
	{ { "1", "explain" }, EXIT_USAGE, "count 'explain'" },
	{ { "explain", "--utc" }, EXIT_USAGE, "--utc is not for explain" },
	{ { "check", "--utc" }, EXIT_USAGE, "--utc is not for check" },
	{ { "join" }, EXIT_USAGE, "join needs files" },
	{ { "join", "-j" }, EXIT_USAGE, "join needs files" },
	{ { "join", "a", "-t" }, EXIT_USAGE, "-t is not for join" },
	{ { "join", "a", "--listen", "80" }, EXIT_USAGE, "--listen is not for join" },
	{ { "join", "a", "--", "ls" }, EXIT_USAGE, "join and a command exclude" },
	{ { "1", "join", "a" }, EXIT_USAGE, "count 'join'" },
	{ { "top", "x" }, EXIT_USAGE, "bad interval 'x'" },
	{ { "top", "1", "x" }, EXIT_USAGE, "bad count 'x'" },
	{ { "top", "1", "2", "3" }, EXIT_USAGE, "'3' follows INTERVAL and COUNT" },
	{ { "1", "top" }, EXIT_USAGE, "count 'top'" },
	{ { "top", "-j" }, EXIT_USAGE, "top and --format (-j) exclude" },
	{ { "top", "-y" }, EXIT_USAGE, "top and -y exclude" },
	{ { "top", "--fields", "time" }, EXIT_USAGE, "top and --fields exclude" },
	{ { "--limit", "5", "top" }, EXIT_USAGE, "top and --limit exclude" },
	{ { "top", "--", "ls" }, EXIT_USAGE, "top and a command exclude" },
	{ { "-P", "80x", "-p", "x" }, EXIT_USAGE, "port '80x'" }, /* the first is told */
};

static void expect_failure(const char *const *args, enum exit_status status, const char *said)
{
	struct options o;
	struct failure why;
	int err = parse(&o, args, &why);

	if (err == -1 && why.status == status && strstr(why.text, said) && !strchr(why.text, '\n'))
		return;
	print_args(args);
	print_error("seen: %d, status %d, '%s'\n", err, why.status, why.text);
	fail_msg("expected: -1, status %d, one line with \"%s\"", status, said);
}

static void bad_ones_are_quoted(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		expect_failure(bad[i].args, bad[i].status, bad[i].said);
}

/* It was there a moment ago. */
static void pid_of_a_process_that_has_ended(void **state)
{
	const char *args[MAX_ARGS] = { "-p" };
	pid_t pid = fork();
	char text[16];

	(void)state;
	if (!pid)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	snprintf(text, sizeof(text), "%d", pid);
	args[1] = text;
	expect_failure(args, EXIT_NO_PROCESS, text);
}

/* Longer than a failure's text: cut, but still one terminated line. */
static void endless_argument_is_cut(void **state)
{
	static char digits[5000];
	const char *args[MAX_ARGS] = { "-P", digits };

	(void)state;
	memset(digits, '9', sizeof(digits) - 1);
	expect_failure(args, EXIT_USAGE, "bad port '999999");
}

/* It is not cut: what decides might be at its end. */
static void endless_message_is_refused(void **state)
{
	static char words[TOPIC_SIZE + 1];
	const char *args[MAX_ARGS] = { "explain", words };
	struct expected expected = { .command = COMMAND_EXPLAIN, .topic = words };

	(void)state;
	memset(words, 'x', TOPIC_SIZE - 1);
	expect_options(args, &expected);
	words[TOPIC_SIZE - 1] = 'x';
	expect_failure(args, EXIT_USAGE, "longer than 4095 bytes");
	words[TOPIC_SIZE - 2] = '\0';
	args[2] = "y";
	expect_failure(args, EXIT_USAGE, "longer than 4095 bytes");
}

/* ---- those that end the process ---------------------------------------------------------- */

/* Parses in a child. Returns its exit status; what it prints goes to out, cut to fit. */
static int parse_in_child(const char *const *args, int fd, char *out, size_t size)
{
	size_t used = 0;
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fflush(NULL); /* or the child prints what waits here again */
	pid = fork();
	if (!pid) {
		struct options o;
		struct failure why;

		dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), fd == 1 ? 2 : 1);
		dup2(ends[1], fd);
		_exit(parse(&o, args, &why) ? 100 : 101);
	}
	close(ends[1]);
	while (used < size - 1 && (n = read(ends[0], out + used, size - 1 - used)) > 0)
		used += n;
	out[used] = '\0';
	close(ends[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void unknown_options_are_reported_on_stderr(void **state)
{
	static const struct {
		const char *args[MAX_ARGS], *said;
	} unknown[] = {
		{ { "-5" }, "'5'" }, /* a negative interval looks like an option */
		{ { "--nonsense" }, "--nonsense" },
		{ { "-P" }, "'P'" },
	};
	char text[1000];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		int status = parse_in_child(unknown[i].args, 2, text, sizeof(text));

		expect_number(status, EXIT_USAGE);
		expect_part(text, unknown[i].said);
	}
}

static void help_and_version_are_for_stdout(void **state)
{
	static const struct {
		const char *args[MAX_ARGS], *said;
	} asked[] = {
		{ { "--help" }, "--port=PORT,..." },
		{ { "-h" }, "--port=PORT,..." },
		{ { "--usage" }, "INTERVAL" },
		{ { "--version" }, "tcpwhy " },
		{ { "-V" }, "tcpwhy " },
	};
	char text[8000];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		int status = parse_in_child(asked[i].args, 1, text, sizeof(text));

		expect_number(status, EXIT_OK);
		expect_part(text, asked[i].said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_ones_are_understood),
		cmocka_unit_test(pid_of_a_process),
		cmocka_unit_test(pid_of_a_thread_is_its_process),
		cmocka_unit_test(bad_ones_are_quoted),
		cmocka_unit_test(pid_of_a_process_that_has_ended),
		cmocka_unit_test(endless_argument_is_cut),
		cmocka_unit_test(endless_message_is_refused),
		cmocka_unit_test(unknown_options_are_reported_on_stderr),
		cmocka_unit_test(help_and_version_are_for_stdout),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
