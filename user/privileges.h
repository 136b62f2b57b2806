/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tcpwhy gives up as soon as it watches: every capability that is not needed to the end, new
 * ones by exec (no_new_privs), and every system call that its loop does not make (syscalls.h).
 * Whoever opens files for writing, makes sockets, or starts processes does it before; threads are
 * started between privileges_drop() and privileges_filter().
 *
 * A mode that does more than the loop of all says so by a bit here. What the bit is worth is
 * in one place for capabilities, privileges.c, and in one for system calls, syscalls.c.
 */
#ifndef TCPWHY_PRIVILEGES_H
#define TCPWHY_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "failure.h"

enum later {
	LATER_PROC = 1 << 0,    /* looks into /proc/PID of other users' processes */
	LATER_COMMAND = 1 << 1, /* passes signals on to the command, and waits for its end */
	LATER_SERVE = 1 << 2,   /* serves connections of a listener */
	LATER_DRAW = 1 << 3,    /* sets the terminal, suspends itself: a program on a screen */
	LATER_RECORD = 1 << 4,  /* writes a recording, and the files that follow it */
	LATER_STACKS = 1 << 5,  /* reads the memory map and the files of other users' processes */
};

struct kept {
	uint64_t capabilities; /* bits by number: permitted, and in effect */
	int unfiltered;        /* errno: why system calls are not filtered; 0 = they are */
};

/*
 * Gives up the capabilities that are not needed later: bits of enum later. For good, and for all
 * threads that start after it. What has been opened stays open. 0, or -1 and *why.
 */
int privileges_drop(struct kept *kept, uint32_t later, struct failure *why);

/*
 * Likewise the system calls, for all threads. `command`: its PID, or 0. Some kernels and containers
 * have no filters: that is no failure, and in *kept.
 */
void privileges_filter(struct kept *kept, uint32_t later, pid_t command);

#define KEPT_SIZE 256

/* "capabilities none, no_new_privs, system calls filtered" */
void kept_format(char out[KEPT_SIZE], const struct kept *kept);

/* Effective capabilities, as a bit mask; 0 if they cannot be read. */
uint64_t privileges_effective(void);

/* "CAP_BPF"; NULL: not one that tcpwhy has a use for. */
const char *capability_name(int capability);

#endif
