/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What happened, step by step, as far as the evidence of one end or of both tells: never a step or
 * a time that was not seen. What follows from settings and not from a time stamp is likely only.
 */
#ifndef TCPWHY_TIMELINE_H
#define TCPWHY_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>

#include "verdict.h"

enum step_kind {
	STEP_CONNECTED, /* the handshake was complete */
	STEP_SYN,       /* the first SYN; count: of all */
	STEP_DATA,      /* the last data that arrived; bytes: of all */
	STEP_HEARD,     /* the last segment that came */
	STEP_FIN,       /* silence_ms: without data before it */
	STEP_WRITE,     /* data that was never acknowledged; bytes */
	STEP_AGAIN,     /* the last time that it was sent again; count: of times */
	STEP_PROBE,     /* the first keepalive probe without an answer; count: of all */
	STEP_ACCEPTED,  /* the last time that the listener's process accepted, at the latest */
	STEP_FULL,      /* the listener's accept queue became full */
	STEP_SEGMENT,   /* it was answered or dropped; bytes, and the flags of the evidence */
	STEP_CLOSED,    /* the descriptor was closed */
	STEP_END,       /* what ended it, by the verdict of the end that tells */
	STEP_RST,
	STEP_ERROR, /* what the process gets to know */
};

/* Seen from the end whose death, or incident, it is. */
enum way {
	WAY_NONE, /* nothing was sent */
	WAY_OUT,
	WAY_IN,
};

struct step {
	enum step_kind kind;
	enum way way;
	bool dated; /* else it was seen, but not when: it stands before those that are */
	bool likely;
	bool older; /* of STEP_CONNECTED without a time: the connection is older than the watch */
	bool there; /* the other end's evidence tells it */
	__u64 time_ns;             /* CLOCK_MONOTONIC, if it is dated */
	const struct evidence *by; /* whose evidence tells it */
	enum verdict verdict;      /* of that */
	__u64 bytes;
	__u32 count;
	__u32 silence_ms; /* 0: not known */
};

#define TIMELINE_MAX 32

/*
 * Fills steps, in the order of time, with what is known of e, and of its other end if that is not
 * NULL. since: when the watch began, CLOCK_MONOTONIC in ns; 0: not known. Returns how many there
 * are: at least one.
 */
size_t timeline(struct step steps[TIMELINE_MAX], const struct evidence *e,
		const struct evidence *other, __u64 since);

/* What went over the wire: "SYN", "FIN", "45 B"; "" if none. */
#define STEP_WHAT_SIZE sizeof("18446744073709551615 B")
void step_what(char out[STEP_WHAT_SIZE], const struct step *step);

/* The rest of it in words, "" if there is no more to say. */
void step_words(char *out, size_t size, const struct step *step);

#endif
