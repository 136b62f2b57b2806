/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accidents waiting to happen: what sockets that are open now, or what the host uses now, will
 * make of the next lost packet, idle minute or burst. Judged of a snapshot, without waiting. Memory
 * is the same however many sockets there are.
 */
#ifndef TCPWHY_CHECK_ACCIDENT_H
#define TCPWHY_CHECK_ACCIDENT_H

#include <stdbool.h>
#include <stddef.h>

#include "check_sysctl.h"
#include "failure.h"
#include "held_socket.h"
#include "verdict.h"

enum accident_kind {
	/* of sockets */
	ACCIDENT_LOST_PROBE,   /* TCP_USER_TIMEOUT <= keepalive time + interval */
	ACCIDENT_IDLE,         /* for longer than a middlebox remembers, without a probe */
	ACCIDENT_CLOSE_WAIT,   /* the peer has closed, and the process does nothing */
	ACCIDENT_QUEUE,        /* 80 % of an accept queue are in use */
	ACCIDENT_BACKLOG_CUT,  /* likely: listen() asked for more than a low somaxconn */
	ACCIDENT_NOT_ACCEPTED, /* connections wait, and none is accepted */
	/* of the host: 80 % are in use */
	ACCIDENT_ORPHANS,
	ACCIDENT_TIME_WAIT,
	ACCIDENT_PORTS,
	ACCIDENT_COUNT,
	ACCIDENTS_OF_SOCKETS = ACCIDENT_ORPHANS,
};

struct accident_text {
	const char *name;    /* as in output, for instance "one-lost-probe" */
	const char *what;    /* of which the count is: "connection%s" */
	const char *meaning; /* what is wrong, and what it leads to */
	const char *advice;
	enum verdict verdict; /* of a death that it leads to; VERDICT_COUNT: none of its own */
	bool likely;          /* inferred, not read */
};

const struct accident_text *accident_text(enum accident_kind kind);

#define ACCIDENT_COUNTED_SIZE 64

/* "1 listener", "23 connections" */
void accident_counted(char out[ACCIDENT_COUNTED_SIZE], enum accident_kind kind, uint64_t count);

/* What a socket is judged by. */
struct accident_limits {
	uint32_t netns;        /* only this network namespace; 0: all */
	uint32_t own_netns;    /* to which host.conntrack_s belongs */
	uint64_t stuck_ms;     /* CLOSE_WAIT, and connections not accepted, from this on */
	uint64_t idle_ms;      /* what middleboxes remember, as the user says; 0: as makers say */
	uint64_t conntrack_ms; /* likewise this host's conntrack */
};

/* The kinds that the socket is, as bits. Pure. */
uint32_t accident_judge(const struct held_socket *s, const struct accident_limits *limits);

#define ACCIDENT_TEXT_SIZE 320

/* "TCP_USER_TIMEOUT 2.00 s <= keepalive time 3.00 s + interval 3.00 s" */
void accident_describe(char out[ACCIDENT_TEXT_SIZE], enum accident_kind kind,
		       const struct held_socket *s, const struct accident_limits *limits);

/* The sockets of a process that are accidents of one kind. */
struct accident_group {
	uint64_t count;
	struct held_socket worst;
};

#define ACCIDENT_GROUPS 5

struct accident {
	uint64_t count;     /* of sockets, or of what the host uses; 0: all is well */
	uint64_t processes; /* whose they are */
	struct accident_group group[ACCIDENT_GROUPS]; /* with the most sockets, most first */
	struct accident_group last;                   /* of the process that comes now */
	char why[ACCIDENT_TEXT_SIZE];                 /* of the host's */
};

struct accidents {
	uint64_t sockets; /* judged */
	struct accident_limits limits;
	struct accident kind[ACCIDENT_COUNT];
};

/* Judges one more; those of a process must come one after the other. */
void accidents_add(struct accidents *a, const struct held_socket *s);

/* No more will come. */
void accidents_end(struct accidents *a);

/* Judges what the host uses now. */
void accidents_of_host(struct accidents *a, const struct host *h);

bool accidents_found(const struct accidents *a);

#endif
