/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line. */
#ifndef TCPWHY_OPTIONS_H
#define TCPWHY_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "exporter.h"
#include "failure.h"
#include "fields.h"
#include "filters.h"
#include "story_choice.h"
#include "terminal.h"

enum command {
	COMMAND_WATCH,       /* the default */
	COMMAND_TOP,         /* top: the same as INTERVAL, on a screen */
	COMMAND_VERDICTS,    /* --verdicts: print the table */
	COMMAND_COMPLETIONS, /* --completions: print a script for a shell */
	COMMAND_CHECK,       /* check: what can be told on this kernel */
	COMMAND_RECORD,      /* record: into a file */
	COMMAND_REPLAY,      /* replay: from a file */
	COMMAND_EXPLAIN,     /* explain: what a verdict or an error message means */
	COMMAND_JOIN,        /* join: what several hosts saw, put together */
};

enum format {
	FORMAT_TEXT,
	FORMAT_JSON, /* JSON Lines */
	FORMAT_OPENMETRICS,
};

#define TOPIC_SIZE 4096

struct argp_option;

struct options {
	enum command command;
	struct filter filter;         /* which connections */
	char **cmd;                   /* after --: the command to start and to watch, or NULL */
	bool keep;                    /* --keep: go on when the processes of -p have ended */
	bool errors;                  /* -e */
	bool orderly;                 /* -a */
	bool stack, kstack;           /* --stack, --kstack */
	bool verbose;                 /* -v */
	enum format format;           /* --format, -j */
	struct time_settings times;   /* -t, -T, --utc */
	bool stable;                  /* -y */
	enum story_when story;        /* --story, -w */
	struct listen_address listen; /* --listen */
	struct field_list fields;     /* --fields */
	const char *btf;              /* --btf: a file, or NULL */
	const char *completions;      /* --completions: for which shell, or NULL */
	uint32_t without;      /* features of the kernel that are not to be used: enum feature */
	enum color_when color; /* --color */
	uint64_t duration_ns;  /* -d, 0 = until a signal */
	uint64_t interval_ns;  /* INTERVAL, 0 = a line for each death */
	uint64_t stuck_ns;     /* --stuck, of check: from when on a socket is stuck */
	uint64_t idle_ns;      /* --idle, of check: what a middlebox remembers, 0 = not given */
	uint64_t limit;        /* --limit: lines of a verdict in a second, 0 = all */
	uint64_t count;        /* COUNT of intervals, 0 = without end */

	char **files; /* of join: names, "-" is stdin */
	unsigned int file_count;

	/* of record and replay */
	const char *recording; /* the file */
	uint64_t rotate_size;  /* --rotate-size: bytes, 0 = never */
	uint64_t rotate_keep;  /* --rotate-keep: files before the one that is written */
	char arguments[1024];  /* all of the command line but its first word, cut */

	/* of explain: its arguments with blanks between them, "" = none */
	char topic[TOPIC_SIZE];
};

/*
 * 0, or -1 and *why. --help, --usage and -V print to stdout and exit with 0; an option that does
 * not exist is reported by argp and exits with EXIT_USAGE.
 */
int options_parse(struct options *options, int argc, char **argv, struct failure *why);

/*
 * The table of options, as argp takes it: --help and the completions are made of it. A row of zeros
 * ends it. The name of an option's argument says what may be given; one that ends in ",..." is a
 * list.
 */
const struct argp_option *option_table(void);

/* What may come in place of INTERVAL, and in *argument the name of what may follow it, or NULL.
 * NULL behind the last. */
const char *subcommand_word(unsigned int i, const char **argument);

/* Those of --format, and of --color. NULL behind the last. */
const char *format_word(unsigned int i);
const char *when_word(unsigned int i);

#endif
