// SPDX-License-Identifier: GPL-2.0-only
#include "options_parts.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "array.h"
#include "kernel.h"
#include "list.h"
#include "number.h"

const char *argp_program_version = "tcpwhy " TCPWHY_VERSION;

static const char doc[] =
	"Says why TCP connections of this host die, as they die.\v"
	"Without INTERVAL: a line for each connection that did not end orderly, and for each "
	"incident "
	"(a reset without a connection, a full accept queue). With INTERVAL: counters to stdout "
	"every "
	"INTERVAL seconds, COUNT times. Ctrl-C, SIGTERM or -d end it with a summary on stderr.\n"
	"\n"
	"With a COMMAND: starts it, and watches it and its descendants until it ends. All that "
	"tcpwhy has to say goes to stderr then.\n"
	"\n"
	"Exit status: 0 all is well, 1 unexpected failure, 2 bad option or argument, 3 "
	"capabilities are "
	"missing, 4 the kernel has no BTF, 5 the kernel lacks something else that is needed, 6 no "
	"such "
	"process, 7 stdout or a recording cannot be written, 8 not all of the input can be used, "
	"or it is no recording, 9 check has found "
	"something. With a COMMAND: its own; 128 and the number of the "
	"signal that killed it; 126 it cannot be executed, 127 it does not exist.\n"
	"\n"
	"With check: says what tcpwhy can tell on this kernel, and what is missing, and which "
	"accidents wait to happen on this host; exit status as tcpwhy would have it, or 9 if "
	"something was found.\n"
	"\n"
	"With join: reads what tcpwhy -j wrote on several hosts ('-' is stdin), and shows each "
	"death with what became of the other end on the other host, also through NAT; 8 if lines "
	"of the input could not be used.\n"
	"\n"
	"With top: the counters on a screen, each second or each INTERVAL: verdicts, and the "
	"listeners, peers and processes that have most, and the last deaths. Keys sort, filter, "
	"pause, and show the story of a death.\n"
	"\n"
	"With record: writes all that is seen to FILE, behind what is recorded there already; "
	"with replay: tells it as if it happened now, with the outputs and filters of a live watch "
	"and the rules of today. What a file that is damaged has before the damage is told.\n"
	"\n"
	"With explain: tells all about a VERDICT, or to which verdicts an error MESSAGE may lead, "
	"such as 'connection reset by peer' or a line of a log. Without either it lists what it "
	"knows.\n"
	"\n"
	"Examples:\n"
	"  tcpwhy                 every death on this host that was not orderly\n"
	"  tcpwhy -P 3306         only connections from or to port 3306\n"
	"  tcpwhy -p 4121         only connections of process 4121\n"
	"  tcpwhy -D 443 --peer 10.0.0.0/8 --verdict refused,connect-timeout\n"
	"                         only failed attempts to reach port 443 in this network\n"
	"  tcpwhy -- curl http://192.0.2.1/\n"
	"                         what becomes of the connections of this command\n"
	"  tcpwhy 1 60            counters, each second for a minute\n"
	"  tcpwhy top -P 3306     the same on a screen, with who has most\n"
	"  tcpwhy record -a --rotate-size 100M FILE\n"
	"                         all deaths into FILE, up to 100 MB, then the next 100 MB\n"
	"  tcpwhy replay -P 3306 FILE 1\n"
	"                         counters of a recording, for each second of it\n"
	"  tcpwhy check           does it work here, and which accidents wait to happen\n"
	"  tcpwhy explain unread-data\n"
	"                         what happened, what both ends see, how to confirm and to fix it\n"
	"  tcpwhy explain 'write: broken pipe'\n"
	"                         which verdicts this may be, and how to tell which\n"
	"  tcpwhy join web.jsonl db.jsonl\n"
	"                         both ends of the connections between two hosts\n"
	"  tcpwhy --verdicts      what the verdicts mean, and what to do about them";

#define DEFAULT_LIMIT 100 /* what happens at ordinary rates is told one by one */

#define DEFAULT_STUCK_NS UINT64_C(30000000000) /* no busy process takes so long to look */

#define DEFAULT_KEEP 5 /* files, if they are rotated */

static const struct argp_option described[] = {
	{ 0, 0, 0, 0,
	  "Whose connections (kinds of filters must all hold; the items of a list, which "
	  "commas separate, are alternatives):",
	  1 },
	{ "pid", 'p', "PID,...", 0, "Of these processes, with all their threads", 1 },
	{ "children", KEY_CHILDREN, 0, 0, "With -p: their descendants too, also those born later",
	  1 },
	{ "cgroup", KEY_CGROUP, "CGROUP", 0,
	  "Of sockets made in this cgroup (v2) or below: a directory, or a path as in "
	  "/proc/PID/cgroup",
	  1 },
	{ "netns", KEY_NETNS, "NETNS", 0,
	  "In this network namespace: a name, a path such as /proc/PID/ns/net, or an inode", 1 },
	{ 0, 0, 0, 0, "Between which ends:", 2 },
	{ "port", 'P', "PORT,...", 0, "With one of these ports at either end", 2 },
	{ "local-port", 'L', "PORT,...", 0, "With one of these ports at this end", 2 },
	{ "remote-port", 'D', "PORT,...", 0, "With one of these ports at the other end", 2 },
	{ "peer", KEY_PEER, "NETWORK,...", 0,
	  "With one of these addresses or networks (ADDRESS/LENGTH) at the other end", 2 },
	{ "ipv4", '4', 0, 0, "IPv4, also where an IPv6 socket carries it", 2 },
	{ "ipv6", '6', 0, 0, "IPv6", 2 },
	{ 0, 0, 0, 0, "Which deaths:", 3 },
	{ "all", 'a', 0, 0, "A line for orderly ends and late segments too", 3 },
	{ "verdict", KEY_VERDICT, "VERDICT,...", 0, "Only these verdicts; orderly ones need no -a",
	  3 },
	{ "limit", KEY_LIMIT, "N", 0,
	  "At most N lines a second for each verdict (100), then how many more; 0: all lines", 3 },
	{ "errors", 'e', 0, 0,
	  "Failed calls of the process too: EPIPE, ECONNRESET, ETIMEDOUT, ENOTCONN, and with -p "
	  "EBADF; "
	  "needs a filter such as -p or -P, since it costs something for each call",
	  3 },
	{ "stack", KEY_STACK, 0, 0,
	  "With the code of the process that ended the connection, or was the last to send: "
	  "functions, files and lines; costs something for each send",
	  3 },
	{ "kstack", KEY_KSTACK, 0, 0, "With the kernel's functions that ended it", 3 },
	{ 0, 0, 0, 0, "How long:", 4 },
	{ "duration", 'd', "SECONDS", 0, "End after so many seconds", 4 },
	{ "keep", KEY_KEEP, 0, 0, "With -p: go on when the processes have ended", 4 },
	{ 0, 0, 0, 0, "How it is told:", 5 },
	{ "json", 'j', 0, 0, "JSON, one object a line; with check: one object", 5 },
	{ "format", KEY_FORMAT, "FORMAT", 0,
	  "text, json (as -j), or, with INTERVAL, openmetrics: all counters, for Prometheus", 5 },
	{ "listen", KEY_LISTEN, "ADDRESS", 0,
	  "Serve /metrics, in OpenMetrics, over HTTP at this PORT (of 127.0.0.1) or ADDRESS:PORT",
	  5 },
	{ "time", 'T', 0, 0, "Times are those of the day (the default)", 5 },
	{ "timestamp", 't', 0, 0, "Times are seconds since the start", 5 },
	{ "utc", KEY_UTC, 0, 0, "Times of the day are UTC", 5 },
	{ "stable", 'y', 0, 0,
	  "With INTERVAL: a column for each verdict, always the same, and no processes; for "
	  "scripts",
	  5 },
	{ "story", 'w', "WHEN", OPTION_ARG_OPTIONAL,
	  "Beneath each line how it came about, step by step, and what to change: auto (on "
	  "terminals "
	  "of 80 x 24 or more, unless many die at once), always (the default of WHEN) or never",
	  5 },
	{ "fields", KEY_FIELDS, "FIELD,...", 0,
	  "Of each death and incident only these fields, in this order; those that there are, are "
	  "listed if one is wrong",
	  5 },
	{ "color", KEY_COLOR, "WHEN", OPTION_ARG_OPTIONAL,
	  "auto (on terminals, unless NO_COLOR is set), always (the default of WHEN) or never", 5 },
	{ 0, 0, 0, 0, "With record:", 6 },
	{ "rotate-size", KEY_ROTATE_SIZE, "SIZE", 0,
	  "Begin another FILE when it has so many bytes (100M, 1G); FILE.1 is the one before it",
	  6 },
	{ "rotate-keep", KEY_ROTATE_KEEP, "N", 0, "Keep so many of those before it (5)", 6 },
	{ 0, 0, 0, 0, "Other:", 7 },
	{ "verdicts", KEY_VERDICTS, 0, 0, "Print the table of verdicts and exit", 7 },
	{ "btf", KEY_BTF, "FILE", 0,
	  "The BTF of this kernel, where /sys/kernel/btf/vmlinux cannot be read: a copy of it, "
	  "or a vmlinux",
	  7 },
	{ "without", KEY_WITHOUT, "FEATURE,...", 0,
	  "Do without these features of the kernel, as if it were an older one; for tests", 7 },
	{ "completions", KEY_COMPLETIONS, "SHELL", 0,
	  "Print completions for bash, zsh or fish, to be sourced, and exit", 7 },
	{ "verbose", 'v', 0, 0,
	  "libbpf's messages, the privileges that are kept, and more figures in the summary; with "
	  "check: every verdict and "
	  "sysctl",
	  7 },
	{ 0, 0, 0, 0, "Of check:", 8 },
	{ "stuck", KEY_STUCK, "SECONDS", 0,
	  "In CLOSE_WAIT, or waiting to be accepted, for so long is too long (30)", 8 },
	{ "idle", KEY_IDLE, "SECONDS", 0,
	  "Firewalls on the way forget connections after so many idle seconds (as AWS, Azure and "
	  "Google Cloud do, from 240)",
	  8 },
	{ 0, 'h', 0, OPTION_HIDDEN, 0, -1 },
	{ 0 },
};

/* What may come first in place of INTERVAL. */
static const struct {
	const char *name;
	enum command command;
	const char *argument; /* what may follow, by its name in completions.c */
} subcommands[] = {
	{ "top", COMMAND_TOP, NULL },
	{ "check", COMMAND_CHECK, NULL },
	{ "record", COMMAND_RECORD, "FILE" },
	{ "replay", COMMAND_REPLAY, "FILE" },
	{ "explain", COMMAND_EXPLAIN, "VERDICT" },
	{ "join", COMMAND_JOIN, "FILE" },
};

static const char *const format_names[] = {
	[FORMAT_TEXT] = "text",
	[FORMAT_JSON] = "json",
	[FORMAT_OPENMETRICS] = "openmetrics",
};

/* The WHEN of --color and --story, which is always if it is not given. */
static const char *const when_names[] = {
	[COLOR_AUTO] = "auto",
	[COLOR_ALWAYS] = "always",
	[COLOR_NEVER] = "never",
};

_Static_assert((int)COLOR_ALWAYS == STORY_ALWAYS && (int)COLOR_NEVER == STORY_NEVER, "one order");

const struct argp_option *option_table(void)
{
	return described;
}

const char *subcommand_word(unsigned int i, const char **argument)
{
	if (i >= ARRAY_SIZE(subcommands))
		return NULL;
	*argument = subcommands[i].argument;
	return subcommands[i].name;
}

const char *format_word(unsigned int i)
{
	return i < ARRAY_SIZE(format_names) ? format_names[i] : NULL;
}

const char *when_word(unsigned int i)
{
	return i < ARRAY_SIZE(when_names) ? when_names[i] : NULL;
}

static int parse_duration(struct parse *p, const char *text)
{
	if (parse_seconds(&p->options->duration_ns, text))
		return failed(p->why, EXIT_USAGE,
			      "bad duration '%s': give seconds, from 0.01, for instance 10 or 0.5",
			      text);
	return 0;
}

/* Of check: --NAME. */
static int parse_check_seconds(struct parse *p, const char *name, uint64_t *ns, const char *text)
{
	p->check_option = name;
	if (parse_seconds(ns, text))
		return failed(p->why, EXIT_USAGE, "bad --%s '%s': give seconds, for instance 60",
			      name, text);
	return 0;
}

static int parse_limit(struct parse *p, const char *text)
{
	if (parse_whole(&p->options->limit, text, 0, UINT64_MAX))
		return failed(p->why, EXIT_USAGE,
			      "bad limit '%s': give how many lines a second each verdict may "
			      "have, 0 for all",
			      text);
	return 0;
}

/* Its number, or -1 and *why. */
static int parse_when(struct parse *p, const char *text, const char *what)
{
	if (!text)
		return COLOR_ALWAYS;
	for (size_t i = 0; i < ARRAY_SIZE(when_names); i++)
		if (!strcmp(text, when_names[i]))
			return i;
	return failed(p->why, EXIT_USAGE, "bad %s '%s': give auto, always or never", what, text);
}

static int parse_color(struct parse *p, const char *text)
{
	int when = parse_when(p, text, "color");

	if (when < 0)
		return -1;
	p->options->color = when;
	return 0;
}

static int parse_story(struct parse *p, const char *text)
{
	int when = parse_when(p, text, "story");

	if (when < 0)
		return -1;
	p->options->story = when;
	return 0;
}

static int parse_format(struct parse *p, const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(format_names); i++) {
		if (!strcmp(text, format_names[i])) {
			p->options->format = i;
			return 0;
		}
	}
	return failed(p->why, EXIT_USAGE, "bad format '%s': give text, json or openmetrics", text);
}

static int parse_feature(struct parse *p, const char *name)
{
	for (int i = 0; i < FEATURE_COUNT; i++) {
		if (!strcmp(name, feature_name(i))) {
			p->options->without |= UINT32_C(1) << i;
			return 0;
		}
	}
	return failed(p->why, EXIT_USAGE,
		      "bad feature '%s': give features of the kernel, for instance %s,%s", name,
		      feature_name(FEATURE_reset_reason), feature_name(FEATURE_loop));
}

static int parse_without(struct parse *p, const char *list)
{
	char name[ITEM_SIZE];
	int err = 0;

	while (!err && next_item(&list, name))
		err = parse_feature(p, name);
	return err;
}

static int parse_rotate_size(struct parse *p, const char *text)
{
	static const char units[] = "KMG";
	char digits[ITEM_SIZE];
	size_t len = strspn(text, "0123456789");
	const char *unit = text[len] ? strchr(units, text[len]) : NULL;
	int shift = unit ? 10 * (unit - units + 1) : 0;

	snprintf(digits, sizeof(digits), "%.*s", (int)len, text);
	if (text[len + !!unit] ||
	    parse_whole(&p->options->rotate_size, digits, 1, UINT64_MAX >> 30))
		return failed(p->why, EXIT_USAGE,
			      "bad size '%s': give bytes, for instance 100M, with K, M or G", text);
	p->options->rotate_size <<= shift;
	return 0;
}

static int parse_rotate_keep(struct parse *p, const char *text)
{
	if (parse_whole(&p->options->rotate_keep, text, 0, 10000))
		return failed(p->why, EXIT_USAGE,
			      "bad number of files '%s': give how many are kept, up to 10000",
			      text);
	return 0;
}

static bool parse_subcommand(struct parse *p, const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++) {
		if (strcmp(text, subcommands[i].name))
			continue;
		p->subcommand = text;
		p->options->command = subcommands[i].command;
		return true;
	}
	return false;
}

/* A message need not be quoted: its words are put together again. */
static int parse_topic(struct parse *p, const char *text)
{
	char *topic = p->options->topic;
	size_t len = strlen(topic), room = TOPIC_SIZE - len;

	if (snprintf(topic + len, room, "%s%s", len ? " " : "", text) >= (int)room)
		return failed(p->why, EXIT_USAGE,
			      "the message is longer than %d bytes: give the part with the error",
			      TOPIC_SIZE - 1);
	return 0;
}

static int parse_interval(struct parse *p, const char *text, unsigned int position)
{
	switch (position) {
	case 0:
		if (!parse_seconds(&p->options->interval_ns, text))
			return 0;
		return failed(p->why, EXIT_USAGE,
			      "bad interval '%s': give seconds, from 0.01, for instance 1 or 0.5",
			      text);
	case 1:
		if (!parse_whole(&p->options->count, text, 1, UINT64_MAX))
			return 0;
		return failed(p->why, EXIT_USAGE,
			      "bad count '%s': give the number of intervals, at least 1", text);
	default:
		return failed(p->why, EXIT_USAGE,
			      "too many arguments: '%s' follows INTERVAL and COUNT", text);
	}
}

static int parse_positional(struct parse *p, const char *text, unsigned int position)
{
	if (p->options->command == COMMAND_VERDICTS || p->options->command == COMMAND_COMPLETIONS)
		return failed(p->why, EXIT_USAGE, "too many arguments: '%s' besides %s", text,
			      p->options->completions ? "--completions" : "--verdicts");
	if (p->options->command == COMMAND_EXPLAIN)
		return parse_topic(p, text);
	if (!position && parse_subcommand(p, text))
		return 0;
	if (takes_recording(p->options) && !p->options->recording) {
		p->options->recording = text;
		return 0;
	}
	if (p->options->command == COMMAND_TOP)
		position--;
	else if (p->options->command == COMMAND_REPLAY)
		position -= 2; /* replay FILE */
	else if (p->subcommand)
		return failed(p->why, EXIT_USAGE, "too many arguments: '%s' follows %s", text,
			      p->subcommand);
	return parse_interval(p, text, position);
}

/* argp has sorted the options out before: what follows join are files. */
static int parse_argument(struct parse *p, const char *text, struct argp_state *state)
{
	int err = parse_positional(p, text, state->arg_num);

	if (!err && p->options->command == COMMAND_JOIN) {
		p->options->files = state->argv + state->next;
		p->options->file_count = state->argc - state->next;
		state->next = state->argc;
	}
	return err;
}

/* Those that say which connections are meant. ARGP_ERR_UNKNOWN: another option. */
static int parse_filter(struct parse *p, int key, const char *arg)
{
	struct filter *f = &p->options->filter;

	switch (key) {
	case 'p':
		return filter_add_pids(f, arg, p->why);
	case KEY_CHILDREN:
		f->children = true;
		return 0;
	case KEY_CGROUP:
		return filter_set_cgroup(f, arg, p->why);
	case KEY_NETNS:
		return filter_set_netns(f, arg, p->why);
	case 'P':
		return filter_add_ports(f, PORT_EITHER, arg, p->why);
	case 'L':
		return filter_add_ports(f, PORT_LOCAL, arg, p->why);
	case 'D':
		return filter_add_ports(f, PORT_REMOTE, arg, p->why);
	case KEY_PEER:
		return filter_add_peers(f, arg, p->why);
	case '4':
		filter_add_family(f, AF_INET);
		return 0;
	case '6':
		filter_add_family(f, AF_INET6);
		return 0;
	case KEY_VERDICT:
		return filter_add_verdicts(f, arg, p->why);
	}
	return ARGP_ERR_UNKNOWN;
}

/* Those that say how it is told. ARGP_ERR_UNKNOWN: another option. */
static int parse_telling(struct parse *p, int key, const char *arg)
{
	switch (key) {
	case KEY_COLOR:
		return parse_color(p, arg);
	case 'j':
		p->options->format = FORMAT_JSON;
		return 0;
	case 'T':
		p->options->times.style = TIME_OF_DAY;
		return 0;
	case 't':
		p->options->times.style = TIME_SINCE_START;
		return 0;
	case KEY_UTC:
		p->options->times.utc = true;
		return 0;
	case 'y':
		p->options->stable = true;
		return 0;
	case 'w':
		return parse_story(p, arg);
	case KEY_FORMAT:
		return parse_format(p, arg);
	case KEY_LISTEN:
		return listen_address_parse(&p->options->listen, arg, p->why);
	case KEY_FIELDS:
		return field_list_parse(&p->options->fields, arg, p->why);
	}
	return ARGP_ERR_UNKNOWN;
}

static int parse_other(struct parse *p, int key, const char *arg, struct argp_state *state)
{
	switch (key) {
	case 'a':
		p->options->orderly = true;
		return 0;
	case 'e':
		p->options->errors = true;
		return 0;
	case KEY_STACK:
		p->options->stack = true;
		return 0;
	case KEY_KSTACK:
		p->options->kstack = true;
		return 0;
	case 'd':
		return parse_duration(p, arg);
	case KEY_KEEP:
		p->options->keep = true;
		return 0;
	case KEY_LIMIT:
		return parse_limit(p, arg);
	case KEY_ROTATE_SIZE:
		return parse_rotate_size(p, arg);
	case KEY_ROTATE_KEEP:
		return parse_rotate_keep(p, arg);
	case 'v':
		p->options->verbose = true;
		return 0;
	case KEY_BTF:
		p->options->btf = arg;
		return 0;
	case KEY_WITHOUT:
		return parse_without(p, arg);
	case KEY_STUCK:
		return parse_check_seconds(p, "stuck", &p->options->stuck_ns, arg);
	case KEY_IDLE:
		return parse_check_seconds(p, "idle", &p->options->idle_ns, arg);
	case KEY_COMPLETIONS:
		p->options->command = COMMAND_COMPLETIONS;
		p->options->completions = arg;
		return 0;
	case 'h':
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
		return 0;
	case KEY_VERDICTS:
		p->options->command = COMMAND_VERDICTS;
		return 0;
	case ARGP_KEY_ARG:
		return parse_argument(p, arg, state);
	case ARGP_KEY_END:
		return options_check(p);
	}
	return ARGP_ERR_UNKNOWN;
}

/* How it is told is for subcommands too, where it makes a difference; where, see
 * check_subcommand(). */
static bool is_for_all(int key)
{
	return key == 'j' || key == KEY_FORMAT || key == KEY_COLOR || key == KEY_UTC ||
	       key == KEY_NETNS;
}

static void note_watch_option(struct parse *p, int key)
{
	for (const struct argp_option *option = described; option->group; option++)
		if (option->name && option->key == key && option->group <= WATCH_GROUPS &&
		    !is_for_all(key) && !p->watch_option)
			p->watch_option = option;
}

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	int err = parse_filter(p, key, arg);

	note_watch_option(p, key);
	if (key > 0 && key <= KEY_WITHOUT)
		p->given[key] = true;
	if (err == ARGP_ERR_UNKNOWN)
		err = parse_telling(p, key, arg);
	if (err == ARGP_ERR_UNKNOWN)
		err = parse_other(p, key, arg, state);
	if (err != -1)
		return err;
	p->err = err;
	return EINVAL;
}

/* For those who read the recording. What finds no room is left out. */
static void note_arguments(struct options *o, int argc, char **argv)
{
	size_t used = 0;

	for (int i = 1; i < argc && used < sizeof(o->arguments); i++)
		used += snprintf(o->arguments + used, sizeof(o->arguments) - used, "%s%s",
				 i > 1 ? " " : "", argv[i]);
}

/* Cuts off the command after --. Returns how many arguments are left. */
static int split_command(struct options *o, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--"))
			continue;
		o->cmd = argv + i + 1;
		return i;
	}
	return argc;
}

int options_parse(struct options *options, int argc, char **argv, struct failure *why)
{
	static const struct argp argp = {
		.options = described,
		.parser = parse_one,
		.args_doc = "[INTERVAL [COUNT]]\n[INTERVAL] -- COMMAND [ARGUMENT...]\n"
			    "top [INTERVAL [COUNT]]\ncheck\n"
			    "record FILE [-- COMMAND [ARGUMENT...]]\n"
			    "replay FILE [INTERVAL [COUNT]]\n"
			    "explain [VERDICT|MESSAGE]\njoin FILE...",
		.doc = doc,
	};
	struct parse p = { .options = options, .why = why };

	memset(options, 0, sizeof(*options));
	options->limit = DEFAULT_LIMIT;
	options->stuck_ns = DEFAULT_STUCK_NS;
	options->rotate_keep = DEFAULT_KEEP;
	note_arguments(options, argc, argv);
	argp_err_exit_status = EXIT_USAGE;
	argc = split_command(options, argc, argv);
	if (options->cmd && !*options->cmd)
		return failed(why, EXIT_USAGE, "no command follows --");
	if (argp_parse(&argp, argc, argv, 0, NULL, &p) && !p.err)
		return failed(why, EXIT_USAGE, "cannot understand the command line; try --help");
	if (options->command == COMMAND_RECORD)
		options->limit = 0; /* all */
	return p.err;
}
