// SPDX-License-Identifier: GPL-2.0-only
#include "options.h"

#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef TCPWHY_VERSION
#define TCPWHY_VERSION "0.1"
#endif

const char *argp_program_version = "tcpwhy " TCPWHY_VERSION;

static const char doc[] =
	"Says why TCP connections of this host die, as they die.\v"
	"Without INTERVAL: a line for each connection that did not end orderly, and for each "
	"incident "
	"(a reset without a connection, a full accept queue). With INTERVAL: counters to stdout "
	"every "
	"INTERVAL seconds, COUNT times. Ctrl-C, SIGTERM or -d end it with a summary on stderr.\n"
	"\n"
	"Exit status: 0 all is well, 1 unexpected failure, 2 bad option or argument, 3 "
	"capabilities are "
	"missing, 4 the kernel has no BTF, 5 the kernel lacks something else that is needed, 6 no "
	"such "
	"process, 7 stdout cannot be written.\n"
	"\n"
	"Examples:\n"
	"  tcpwhy                 every death on this host that was not orderly\n"
	"  tcpwhy -P 3306         only connections from or to port 3306\n"
	"  tcpwhy -p 4121         only connections of process 4121\n"
	"  tcpwhy 1 60            counters, each second for a minute\n"
	"  tcpwhy --verdicts      what the verdicts mean, and what to do about them";

enum { KEY_VERDICTS = 0x100 };

static const struct argp_option described[] = {
	{ 0, 0, 0, 0, "What to watch:", 1 },
	{ "port", 'P', "PORT", 0, "Only connections with this port at either end", 1 },
	{ "pid", 'p', "PID", 0, "Only connections of this process (all its threads)", 1 },
	{ "all", 'a', 0, 0, "A line for orderly ends too", 1 },
	{ "errors", 'e', 0, 0,
	  "Failed calls of the process too: EPIPE, ECONNRESET, ETIMEDOUT, ENOTCONN, and with -p "
	  "EBADF; "
	  "needs -p or -P, since it costs something for each call",
	  1 },
	{ 0, 0, 0, 0, "How long:", 2 },
	{ "duration", 'd', "SECONDS", 0, "End after so many seconds", 2 },
	{ 0, 0, 0, 0, "Other:", 3 },
	{ "verdicts", KEY_VERDICTS, 0, 0, "Print the table of verdicts and exit", 3 },
	{ "verbose", 'v', 0, 0, "libbpf's messages, and more figures in the summary", 3 },
	{ 0, 'h', 0, OPTION_HIDDEN, 0, -1 },
	{ 0 },
};

struct parse {
	struct options *options;
	struct failure *why;
	int err;
};

static int parse_whole(uint64_t *value, const char *text, uint64_t min, uint64_t max)
{
	char *end;

	if (!*text || strspn(text, "0123456789") != strlen(text))
		return -1;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno || *end || *value < min || *value > max ? -1 : 0;
}

static int parse_seconds(uint64_t *ns, const char *text)
{
	double seconds;
	char *end;

	if (!*text || strspn(text, "0123456789.") != strlen(text))
		return -1;
	seconds = strtod(text, &end);
	if (*end || seconds < 0.01 || seconds > 1e9)
		return -1;
	*ns = seconds * 1e9;
	return 0;
}

static int parse_port(struct parse *p, const char *text)
{
	uint64_t port;

	if (parse_whole(&port, text, 1, 65535))
		return failed(p->why, EXIT_USAGE, "bad port '%s': give a number from 1 to 65535",
			      text);
	p->options->port = port;
	return 0;
}

/* The thread group that a thread id belongs to; 0 if there is no such thread. */
static uint32_t thread_group(uint64_t tid)
{
	unsigned int tgid = 0;
	char line[128];
	FILE *status;

	snprintf(line, sizeof(line), "/proc/%llu/status", (unsigned long long)tid);
	status = fopen(line, "re");
	if (!status)
		return 0;
	while (fgets(line, sizeof(line), status) && sscanf(line, "Tgid: %u", &tgid) != 1)
		;
	fclose(status);
	return tgid;
}

static int parse_pid(struct parse *p, const char *text)
{
	uint64_t pid;

	if (parse_whole(&pid, text, 1, 1 << 22))
		return failed(p->why, EXIT_USAGE, "bad PID '%s': give the number of a process",
			      text);
	p->options->pid = thread_group(pid);
	if (!p->options->pid)
		return failed(p->why, EXIT_NO_PROCESS, "there is no process with PID %s", text);
	return 0;
}

static int parse_duration(struct parse *p, const char *text)
{
	if (parse_seconds(&p->options->duration_ns, text))
		return failed(p->why, EXIT_USAGE,
			      "bad duration '%s': give seconds, from 0.01, for instance 10 or 0.5",
			      text);
	return 0;
}

static int parse_positional(struct parse *p, const char *text, unsigned int position)
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

static int check_together(struct parse *p)
{
	const struct options *o = p->options;

	if (o->errors && !o->port && !o->pid)
		return failed(p->why, EXIT_USAGE,
			      "-e (--errors) needs -p or -P: it costs something for each call and "
			      "segment");
	return 0;
}

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	int err = 0;

	switch (key) {
	case 'P':
		err = parse_port(p, arg);
		break;
	case 'p':
		err = parse_pid(p, arg);
		break;
	case 'a':
		p->options->orderly = true;
		break;
	case 'e':
		p->options->errors = true;
		break;
	case ARGP_KEY_END:
		err = check_together(p);
		break;
	case 'd':
		err = parse_duration(p, arg);
		break;
	case 'v':
		p->options->verbose = true;
		break;
	case 'h':
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
		break;
	case KEY_VERDICTS:
		p->options->command = COMMAND_VERDICTS;
		break;
	case ARGP_KEY_ARG:
		err = parse_positional(p, arg, state->arg_num);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	if (err)
		p->err = err;
	return err ? EINVAL : 0;
}

int options_parse(struct options *options, int argc, char **argv, struct failure *why)
{
	static const struct argp argp = {
		.options = described,
		.parser = parse_one,
		.args_doc = "[INTERVAL [COUNT]]",
		.doc = doc,
	};
	struct parse p = { .options = options, .why = why };

	memset(options, 0, sizeof(*options));
	argp_err_exit_status = EXIT_USAGE;
	if (argp_parse(&argp, argc, argv, 0, NULL, &p) && !p.err)
		return failed(why, EXIT_USAGE, "cannot understand the command line; try --help");
	return p.err;
}
