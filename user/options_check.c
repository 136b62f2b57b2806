// SPDX-License-Identifier: GPL-2.0-only
#include "options_parts.h"

#include <stdio.h>

#define TOP_INTERVAL 1000000000 /* ns */

bool takes_recording(const struct options *o)
{
	return o->command == COMMAND_RECORD || o->command == COMMAND_REPLAY;
}

static int refuse(const struct parse *p, const char *option, const char *because)
{
	return failed(p->why, EXIT_USAGE, "%s is not for %s: %s", option, p->subcommand, because);
}

/* The first of these keys that was given, or NULL; a 0 ends them. */
static const struct argp_option *given_of(const struct parse *p, const int *keys)
{
	for (; *keys; keys++)
		for (const struct argp_option *o = option_table(); o->group; o++)
			if (o->key == *keys && p->given[*keys])
				return o;
	return NULL;
}

static int refuse_given(const struct parse *p, const int *keys, const char *because)
{
	const struct argp_option *o = given_of(p, keys);
	char name[64];

	if (!o)
		return 0;
	if (o->key < KEY_VERDICTS)
		snprintf(name, sizeof(name), "-%c", o->key);
	else
		snprintf(name, sizeof(name), "--%s", o->name);
	return refuse(p, name, because);
}

/* Of a live watch, record has what it watches, and replay how it is told. */
static int check_recording(const struct parse *p)
{
	static const int telling[] = { 'j', KEY_FORMAT, KEY_LISTEN, 'T',       't',       KEY_UTC,
				       'y', 'w',        KEY_FIELDS, KEY_LIMIT, KEY_COLOR, 0 };
	static const int watching[] = { KEY_CHILDREN, KEY_KEEP, KEY_BTF, KEY_WITHOUT, 'e', 0 };
	static const int cgroup[] = { KEY_CGROUP, 0 }, listen[] = { KEY_LISTEN, 0 };
	static const int stacks[] = { KEY_STACK, KEY_KSTACK, 0 };
	const struct options *o = p->options;

	if (!o->recording)
		return failed(p->why, EXIT_USAGE, "%s needs a FILE", p->subcommand);
	if (refuse_given(p, stacks, "a recording has no stacks"))
		return -1;
	if (o->command == COMMAND_RECORD)
		return refuse_given(p, telling, "it records all; give it to tcpwhy replay");
	if (o->cmd)
		return refuse(p, "a command", "nothing is watched");
	if (refuse_given(p, watching, "nothing is watched; give it to tcpwhy record") ||
	    refuse_given(p, cgroup, "a recording has the names of units and containers only") ||
	    refuse_given(p, listen, "a recording is no live counter; --format=openmetrics is"))
		return -1;
	return 0;
}

static int check_rotation(const struct parse *p)
{
	bool size = p->given[KEY_ROTATE_SIZE], keep = p->given[KEY_ROTATE_KEEP];

	if ((size || keep) && p->options->command != COMMAND_RECORD)
		return failed(p->why, EXIT_USAGE,
			      "--rotate-%s needs record: tcpwhy record --rotate-size 100M FILE",
			      size ? "size" : "keep");
	if (keep && !size)
		return failed(p->why, EXIT_USAGE,
			      "--rotate-keep needs --rotate-size: without it nothing is rotated");
	return 0;
}

/* Options that are about what is watched mean nothing to a subcommand. */
static int check_subcommand(struct parse *p)
{
	const struct argp_option *option = p->watch_option;
	const char *name = p->subcommand;

	if (p->options->format == FORMAT_JSON && p->options->command == COMMAND_EXPLAIN)
		return failed(p->why, EXIT_USAGE, "--json is not for %s", name);
	if (p->options->times.utc && p->options->command != COMMAND_JOIN)
		return failed(p->why, EXIT_USAGE, "--utc is not for %s: nothing is watched", name);
	if (p->options->command == COMMAND_JOIN && !p->options->file_count)
		return failed(
			p->why, EXIT_USAGE,
			"join needs files: what tcpwhy -j wrote on each host, or - for stdin");
	if (p->check_option && p->options->command != COMMAND_CHECK)
		return failed(p->why, EXIT_USAGE, "--%s is not for %s", p->check_option, name);
	if (p->options->filter.netns && p->options->command != COMMAND_CHECK)
		return failed(p->why, EXIT_USAGE, "--netns is not for %s: nothing is watched",
			      name);
	if (p->options->cmd)
		return failed(p->why, EXIT_USAGE,
			      "%s and a command exclude each other: nothing is watched", name);
	if (p->options->format == FORMAT_OPENMETRICS)
		return failed(p->why, EXIT_USAGE, "--format=openmetrics is not for %s", name);
	if (option && option->key < KEY_VERDICTS)
		return failed(p->why, EXIT_USAGE, "-%c is not for %s: nothing is watched",
			      option->key, name);
	if (option)
		return failed(p->why, EXIT_USAGE, "--%s is not for %s: nothing is watched",
			      option->name, name);
	return 0;
}

static int check_telling(struct parse *p)
{
	const struct options *o = p->options;

	if (o->fields.n && o->interval_ns)
		return failed(
			p->why, EXIT_USAGE,
			"--fields and INTERVAL exclude each other: fields are those of deaths "
			"and incidents");
	if (o->story == STORY_ALWAYS && (o->fields.n || o->interval_ns))
		return failed(p->why, EXIT_USAGE,
			      "-w (--story) and %s exclude each other: a story is told of each "
			      "death, with all there is",
			      o->fields.n ? "--fields" : "INTERVAL");
	if (o->format == FORMAT_OPENMETRICS && !o->interval_ns)
		return failed(
			p->why, EXIT_USAGE,
			"--format=openmetrics needs INTERVAL: how often all counters are written; "
			"to serve them, give --listen");
	if (o->times.style == TIME_SINCE_START && o->format != FORMAT_TEXT)
		return failed(p->why, EXIT_USAGE,
			      "-t is for text only: JSON has the time of each, and monotonic_ns");
	if (o->stable && (!o->interval_ns || o->format != FORMAT_TEXT))
		return failed(
			p->why, EXIT_USAGE,
			"-y needs INTERVAL, and is for text only: it says what the columns are");
	return 0;
}

/* It has the screen for itself, and a way of its own to tell. */
static int check_top(struct parse *p)
{
	const struct options *o = p->options;
	const char *other = o->cmd                     ? "a command"
			    : o->format != FORMAT_TEXT ? "--format (-j)"
			    : o->stable                ? "-y"
			    : o->fields.n              ? "--fields"
			    : p->given[KEY_LIMIT]      ? "--limit"
						       : NULL;

	if (other)
		return failed(p->why, EXIT_USAGE,
			      "top and %s exclude each other: top has the terminal for itself",
			      other);
	return 0;
}

/* What lines have and counters have not */
static int check_counters(const struct parse *p)
{
	const struct options *o = p->options;

	if (p->given[KEY_LIMIT] && o->interval_ns)
		return failed(p->why, EXIT_USAGE,
			      "--limit and INTERVAL exclude each other: there are no lines to "
			      "limit");
	if ((o->stack || o->kstack) && (o->interval_ns || o->format == FORMAT_OPENMETRICS))
		return failed(p->why, EXIT_USAGE,
			      "--%s and INTERVAL exclude each other: a stack is that of one death",
			      o->stack ? "stack" : "kstack");
	return 0;
}

/* What is watched, and how long */
static int check_watched(const struct parse *p)
{
	const struct options *o = p->options;

	if (o->errors && !filter_is_set(&o->filter) && !o->cmd)
		return failed(p->why, EXIT_USAGE,
			      "-e (--errors) needs a filter, such as -p or -P: it costs something "
			      "for each call and segment");
	if (o->cmd && (o->filter.pid_count || o->keep))
		return failed(p->why, EXIT_USAGE,
			      "%s and a command exclude each other: the command is what is watched",
			      o->keep ? "--keep" : "-p");
	if (o->cmd && (o->duration_ns || o->count))
		return failed(
			p->why, EXIT_USAGE,
			"%s and a command exclude each other: the watch ends with the command",
			o->duration_ns ? "-d" : "COUNT");
	if ((o->filter.children || o->keep) && !o->filter.pid_count && !o->cmd)
		return failed(p->why, EXIT_USAGE, "%s needs -p: the processes that are meant",
			      o->keep ? "--keep" : "--children");
	return 0;
}

int options_check(struct parse *p)
{
	struct options *o = p->options;

	if (o->command == COMMAND_TOP && check_top(p))
		return -1;
	if (o->command == COMMAND_TOP && !o->interval_ns)
		o->interval_ns = TOP_INTERVAL;
	if (takes_recording(o) && check_recording(p))
		return -1;
	if (p->subcommand && o->command != COMMAND_TOP && !takes_recording(o))
		return check_subcommand(p);
	if (check_rotation(p))
		return -1;
	if (o->command != COMMAND_REPLAY && filter_find_processes(&p->options->filter, p->why))
		return -1;
	if (p->check_option)
		return failed(p->why, EXIT_USAGE, "--%s is for tcpwhy check only", p->check_option);
	return check_counters(p) || check_telling(p) || check_watched(p) ? -1 : 0;
}
