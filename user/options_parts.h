/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of options.h share: options.c has the table and reads what is given, and
 * options_check.c says what goes together. */
#ifndef TCPWHY_OPTIONS_PARTS_H
#define TCPWHY_OPTIONS_PARTS_H

#include <argp.h>
#include <stdbool.h>

#include "options.h"

enum {
	KEY_VERDICTS = 0x100,
	KEY_CHILDREN,
	KEY_CGROUP,
	KEY_NETNS,
	KEY_PEER,
	KEY_VERDICT,
	KEY_LIMIT,
	KEY_STACK,
	KEY_KSTACK,
	KEY_KEEP,
	KEY_COLOR,
	KEY_FIELDS,
	KEY_FORMAT,
	KEY_LISTEN,
	KEY_UTC,
	KEY_BTF,
	KEY_STUCK,
	KEY_IDLE,
	KEY_COMPLETIONS,
	KEY_ROTATE_SIZE,
	KEY_ROTATE_KEEP,
	KEY_WITHOUT
};

/* Options of groups up to this one are about what is watched. */
#define WATCH_GROUPS 6

struct parse {
	struct options *options;
	const char *subcommand;                 /* its name, or NULL */
	const struct argp_option *watch_option; /* the first one of WATCH_GROUPS, or NULL */
	bool given[KEY_WITHOUT + 1];            /* which options were, by key */
	const char *check_option;               /* one that is only for check, or NULL */
	struct failure *why;
	int err;
};

/* record and replay */
bool takes_recording(const struct options *options);

/*
 * When all are read: what goes together, and what one means to the others. 0, or -1 and *p->why.
 */
int options_check(struct parse *p);

#endif
