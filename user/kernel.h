/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What can this kernel do, and may we? Asked before anything is loaded, for clear answers. BTF
 * tells, never a version; what BTF cannot tell is tried.
 */
#ifndef TCPWHY_KERNEL_H
#define TCPWHY_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "failure.h"
#include "kernel_features.h"

struct kernel {
	uint32_t features;        /* bits by enum feature */
	uint32_t unknown;         /* likewise: those that could not be tried, see kernel_survey() */
	uint64_t check_req_start; /* addresses of tcp_check_req(), if there are symbols */
	uint64_t check_req_end;
	unsigned int recvmsg_args; /* of tcp_recvmsg() */
	uint32_t btf_size;         /* in bytes, 0 = there is none */
	const char *btf_file;      /* where it is, NULL = not where the kernel shows it */
};

/* With the name of a feature, as in output and options, and what it means. */
const char *feature_name(enum feature feature);
const char *feature_meaning(enum feature feature);

enum found {
	FOUND_UNKNOWN, /* it could not be looked for */
	FOUND_NO,
	FOUND_YES,
};

static inline bool kernel_has(const struct kernel *k, enum feature feature)
{
	return k->features >> feature & 1;
}

static inline enum found kernel_found(const struct kernel *k, enum feature feature)
{
	if (k->unknown >> feature & 1)
		return FOUND_UNKNOWN;
	return kernel_has(k, feature) ? FOUND_YES : FOUND_NO;
}

/* What there must be, in the order in which it is looked for. */
enum need { NEED_PRIVILEGES, NEED_BTF, NEED_TRACEPOINTS, NEED_MAPS, NEED_COUNT };

/*
 * 0 and *k, or -1 and *why: the first need that is not met. `without`: features that are not to be
 * found, by enum feature. Some take a while to be tried, and are left out unless they are needed in
 * place of other ones.
 */
int kernel_look(struct kernel *k, uint32_t without, struct failure *why);

struct need_state {
	enum found found;
	struct failure why; /* if it was not found: as kernel_look() would say it */
};

/* The same, but it tries every feature, and goes on where something is missing. */
void kernel_survey(struct kernel *k, uint32_t without, struct need_state needs[NEED_COUNT]);

#define PRIVILEGES 5

struct privilege {
	const char *name; /* such as "CAP_BPF" */
	const char *use;  /* what it is for */
	bool needed;
	bool present; /* in effect */
};

void kernel_privileges(struct privilege privileges[PRIVILEGES]);

/* One jiffy in microseconds. */
uint32_t kernel_tick_us(void);

#endif
