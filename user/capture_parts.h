/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of capture share: capture_load.c brings the BPF programs into the kernel,
 * capture_snapshot.c finds what was there before them, capture_closers.c who had closed a socket,
 * and capture.c hands out what they tell. Nobody else knows the skeleton.
 *
 * Where there is a `why`: 0, or -1 and *why.
 */
#ifndef TCPWHY_CAPTURE_PARTS_H
#define TCPWHY_CAPTURE_PARTS_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture.h"
#include "closer_index.h"
#include "tcpwhy.skel.h"

struct capture {
	struct tcpwhy *skel;
	struct kernel kernel;
	struct ring_buffer *ring;
	struct bpf_link *look;   /* the iterator over the listeners */
	struct bpf_link *search; /* the iterator over the tasks */
	struct bpf_link *cgroup; /* holds the cgroup of the filter, or NULL */
	struct closers *closers;
	struct capture_sink sink;
	uint64_t rejected;
	bool queue_filled;
	bool unseen_said;
	int cpus;
};

/* Without BTF of its own the kernel has no iterators. */
bool has_iterators(const struct capture *c);

/* ---- capture_load.c ---- */

/* The programs that the settings and the kernel ask for, in the kernel, not attached. */
int load_programs(struct capture *c, const struct capture_settings *settings, struct failure *why);
int attach_programs(struct capture *c, struct failure *why);

/* ---- capture_snapshot.c ---- */

/* The iterators that are run again and again: over the listeners, and over the tasks. */
int attach_iterators(struct capture *c, struct failure *why);

/* Runs an iterator once, from its first to its last element. 0 or -errno. */
int run_iterator(const struct bpf_link *link);

/* Names the processes, peers and the cgroup of the filter: before it, nothing passes. */
int begin_to_watch(struct capture *c, const struct filter *f, struct failure *why);

/* What was there before us. The hooks are to be attached already, so that nothing falls between. */
int take_snapshot(struct capture *c, struct failure *why);

/* ---- capture_closers.c ---- */

int open_closers(struct capture *c, struct failure *why);
void close_closers(struct capture *c);

/* The evidence of a socket that had been closed, or shut down, gets what is known of that. */
void add_closer(struct capture *c, struct evidence *e);

#endif
