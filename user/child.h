/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command after --. It is born before anything is loaded, so that its PID is known and nothing
 * of ours is handed on to it, and waits at a gate until it is watched.
 */
#ifndef TCPWHY_CHILD_H
#define TCPWHY_CHILD_H

#include <sys/types.h>

#include "failure.h"

struct child {
	pid_t pid; /* 0 = there is none */
	int gate;  /* our end of a socket pair */
};

/* 0, or -1 and *why. */
int child_start(struct child *child, char *const *argv, struct failure *why);

/* Lets it run. 0, or -1 and *why with the status of shells if it cannot be executed. */
int child_go(struct child *child, const char *name, struct failure *why);

/* Waits for its end; one that still waits at the gate ends there. Returns its status as shells do.
 */
int child_end(struct child *child);

#endif
