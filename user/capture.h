/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Capture: loads the BPF programs, takes the snapshot, hands out records and counters. Its files
 * are the only ones that know the skeleton: capture_parts.h.
 */
#ifndef TCPWHY_CAPTURE_H
#define TCPWHY_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "evidence.h"
#include "failure.h"
#include "filters.h"
#include "kernel.h"
#include "stack_trace.h"

struct capture_settings {
	const struct filter *filter; /* PIDs are those of the initial PID namespace */
	bool orderly;                /* records for orderly ends too */
	bool errors;                 /* failed calls of the application too; needs a filter */
	bool user_stacks;            /* with the stack of the process: --stack */
	bool kernel_stacks;          /* with that of the kernel: --kstack */
	bool verbose;                /* libbpf's messages to stderr */
	uint32_t records_per_slice;  /* of a verdict and CPU in 131 ms at most; 0 = no limit */
	uint32_t without;            /* what of the kernel's is not to be used: enum feature */
};

/* Who gets the records. Pointers are valid during the call only. */
struct capture_sink {
	/* stacks: NULL unless they were asked for. */
	void (*evidence)(void *ctx, const struct evidence *e, const struct stack_trace *stacks);
	void (*closer)(void *ctx, uint64_t sock_id, const struct owner *owner);
	/* Only of a recording (source.h): somebody searched, from `now` on, and found these. */
	void (*searched)(void *ctx, uint64_t now, const struct wanted *found, size_t n);
	void *ctx;
};

struct capture_counts {
	struct counts counts; /* summed over the CPUs since capture_open() */
	/* Events, but for system calls, that the kernel did not give to a program: recursion_misses
	 */
	__u64 missed;
	__u64 rejected; /* records of an unknown type or size */
};

struct capture;

/* NULL and *why if it cannot be had. From the return on, everything is watched. */
struct capture *capture_open(const struct capture_settings *settings,
			     const struct capture_sink *sink, struct failure *why);
void capture_close(struct capture *capture);

/* Are libbpf's messages to go to stderr, as capture_open() sets it too? They do before. */
void capture_set_verbose(bool verbose);

/*
 * Does the kernel take the programs? Loads those of the settings and, if asked, attaches them, and
 * lets them go again; nothing is watched. 0, or -1 and *why.
 */
int capture_try(const struct kernel *k, const struct capture_settings *settings, bool attach,
		struct failure *why);

/* Does it look into /proc for who holds a socket, as there are no iterators? */
bool capture_reads_proc(const struct capture *capture);

/* Becomes readable when there are records; for epoll. */
int capture_fd(const struct capture *capture);

/* Hands all waiting records to the sink. Returns how many. */
int capture_drain(struct capture *capture);

/*
 * Looks at the listeners for SYNs that were dropped; what it finds comes as records. `last` says
 * that no further look will follow. Returns how many accept queues are full, or -errno.
 */
int capture_look_at_listeners(struct capture *capture, bool last);

/* Has a queue been filled since the last look, so that the next one is due soon? */
bool capture_queue_filled(const struct capture *capture);

/*
 * Which processes hold these sockets now? At most WANTED_MAX at once. Fills their owners, or leaves
 * them alone. Looks at every descriptor of the host.
 */
void capture_find_holders(struct capture *capture, struct wanted *wanted, size_t n);

/*
 * How many events of each verdict had no record since capture_open(), because there were too many:
 * records_per_slice. 0 or -errno. While that has not happened, it takes no system call.
 */
int capture_read_thinned(const struct capture *capture, uint64_t thinned[VERDICTS_MAX]);

/* 0 or -errno. */
int capture_read_counts(const struct capture *capture, struct capture_counts *sum);

#endif
