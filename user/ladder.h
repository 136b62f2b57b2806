/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where kernels differ there is a ladder: ways to learn the same thing, the best one first. Which
 * one holds on this kernel, and what that means for the verdicts. One table says it all.
 */
#ifndef TCPWHY_LADDER_H
#define TCPWHY_LADDER_H

#include "classify.h"
#include "kernel.h"

/* How good what is learnt is. */
enum reach {
	REACH_READ,     /* the kernel says so */
	REACH_INFERRED, /* found by exclusion, or likely */
	REACH_NONE,     /* out of reach */
	REACH_UNKNOWN,  /* not known: what decides it could not be tried */
};

#define RUNG_PROGRAMS_MAX 4
#define RUNGS_MAX         6

struct rung {
	uint32_t needs;   /* bits by enum feature; 0 = nothing */
	const char *how;  /* the way, for instance "tracepoint tcp_send_reset" */
	const char *weak; /* what is lost by it, NULL = nothing */
	enum reach reach;
	const char *programs[RUNG_PROGRAMS_MAX]; /* BPF programs that go with this rung only */
};

/* What is to be learnt. */
enum ladder {
	LADDER_HOOKS,        /* what is seen at all */
	LADDER_STRAY_RESETS, /* resets sent without a full socket */
	LADDER_GIVEN_UP,     /* handshakes that a listener answered with a reset */
	LADDER_OVERFLOWS,    /* SYNs and ACKs that a listener dropped */
	LADDER_CALLS,        /* failed system calls, and who uses a socket */
	LADDER_SENDS,        /* who was the last to send */
	LADDER_STACKS,       /* who called, where a stack is taken */
	LADDER_SNAPSHOT,     /* sockets that were there before us */
	LADDER_HOLDERS,      /* who holds a socket that has died */
	LADDER_MARKS,        /* which sockets are a process's */
	LADDER_SILENCES,     /* how long a connection was silent before its peer closed it */
	LADDER_CGROUPS,      /* which sockets are a cgroup's */
	LADDER_RETRANSMITS,  /* segments sent again */
	LADDER_COUNT
};

struct ladder_text {
	const char *name;             /* as in output, for instance "stray-resets" */
	const char *what;             /* is to be learnt */
	struct rung rungs[RUNGS_MAX]; /* the last one needs nothing; those behind it are empty */
};

const struct ladder_text *ladder_text(enum ladder ladder);

/* The best rung that this kernel has; NULL if that is not known: kernel->unknown. */
const struct rung *ladder_rung(const struct kernel *k, enum ladder ladder);

/* How sure is the verdict on this kernel? *why is a reason, or NULL if it is read. */
enum reach ladder_reach(const struct kernel *k, enum verdict verdict, const char **why);

/* Is the verdict, where it is read, read off TCP timestamps? Without them it is inferred. */
bool ladder_by_timestamps(enum verdict verdict);

#endif
