/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tcpwhy check: what can be told on this kernel by this user, and what cannot, and why. The facts
 * are collected first, with the accidents that wait to happen here, then told as text
 * (check_text.c) or JSON (check_json.c).
 */
#ifndef TCPWHY_CHECK_H
#define TCPWHY_CHECK_H

#include <stdio.h>
#include <sys/types.h>
#include <sys/utsname.h>

#include "check_accident.h"
#include "check_sysctl.h"
#include "kernel.h"
#include "ladder.h"
#include "options.h"
#include "privileges.h"

/* Which BPF programs the kernel is asked to take: they depend on the options. */
enum trial_kind {
	TRIAL_PLAIN, /* without any: these are attached too */
	TRIAL_ALL,   /* all options at once; if these are refused, those that follow are tried */
	TRIAL_PROCESSES,
	TRIAL_CGROUP,
	TRIAL_ENDS,
	TRIAL_ERRORS,
	TRIAL_STACKS,
	TRIAL_COUNT
};

struct trial {
	bool tried;
	bool taken;
	uint64_t took_ns;
	struct failure why; /* if they were not taken */
};

/* "-p, --children" */
const char *trial_options(enum trial_kind kind);

struct check {
	struct utsname system;
	uid_t uid; /* effective */
	struct privilege privileges[PRIVILEGES];
	struct kept kept; /* of them, while it watches */
	struct need_state needs[NEED_COUNT];
	struct kernel kernel;
	uint32_t without; /* features that were masked: --without */
	struct trial trials[TRIAL_COUNT];
	struct host host;
	struct accidents accidents;
	bool sockets_seen;     /* accidents has those of sockets */
	struct failure unseen; /* else why not */
};

/* Tries everything; takes a second or so, several where all is slow. Fills all but `kept`. */
void check_collect(struct check *c, const struct options *options);

/* Why tcpwhy does not work here: what it would say itself; NULL if it works. */
const struct failure *check_failure(const struct check *c);

/* Is there an accident waiting to happen, or a sysctl that is implicated or near its limit? */
bool check_found(const struct check *c);

/* What check() returns if it can be told: the failure's status, or EXIT_FOUND, or EXIT_OK. */
int check_status(const struct check *c);

/* How many verdicts are out of reach, or inferred that other kernels give: ladder_reach(). */
unsigned int check_weaker(const struct check *c);

/* verbose: a line for each verdict, also for those that are read, and for each sysctl. */
void check_text(FILE *out, const struct check *c, bool verbose);

/* As check.schema.json has it. 0, or -1: out of memory. */
int check_json(FILE *out, const struct check *c);

/* All of it, to stdout. The exit status that tcpwhy would have; or -1 and *why: no output. */
int check(const struct options *options, struct failure *why);

#endif
