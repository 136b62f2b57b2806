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
#include "terminal.h"

enum command {
	COMMAND_WATCH,    /* the default */
	COMMAND_TOP,      /* top: the same as INTERVAL, on a screen */
	COMMAND_VERDICTS, /* --verdicts: print the table */
	COMMAND_CHECK,    /* check: what can be told on this kernel */
	COMMAND_EXPLAIN,  /* explain: what a verdict or an error message means */
};

enum format {
	FORMAT_TEXT,
	FORMAT_JSON, /* JSON Lines */
	FORMAT_OPENMETRICS,
};

#define TOPIC_SIZE 4096

struct options {
	enum command command;
	struct filter filter;         /* which connections */
	char **cmd;                   /* after --: the command to start and to watch, or NULL */
	bool keep;                    /* --keep: go on when the processes of -p have ended */
	bool errors;                  /* -e */
	bool orderly;                 /* -a */
	bool verbose;                 /* -v */
	enum format format;           /* --format, -j */
	struct time_settings times;   /* -t, -T, --utc */
	bool stable;                  /* -y */
	struct listen_address listen; /* --listen */
	struct field_list fields;     /* --fields */
	const char *btf;              /* --btf: a file, or NULL */
	uint32_t without;      /* features of the kernel that are not to be used: enum feature */
	enum color_when color; /* --color */
	uint64_t duration_ns;  /* -d, 0 = until a signal */
	uint64_t interval_ns;  /* INTERVAL, 0 = a line for each death */
	uint64_t limit;        /* --limit: lines of a verdict in a second, 0 = all */
	uint64_t count;        /* COUNT of intervals, 0 = without end */

	/* of explain: its arguments with blanks between them, "" = none */
	char topic[TOPIC_SIZE];
};

/*
 * 0, or -1 and *why. --help, --usage and -V print to stdout and exit with 0; an option that does
 * not exist is reported by argp and exits with EXIT_USAGE.
 */
int options_parse(struct options *options, int argc, char **argv, struct failure *why);

#endif
