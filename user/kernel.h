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
	uint64_t check_req_start; /* addresses of tcp_check_req(), if there are symbols */
	uint64_t check_req_end;
	unsigned int recvmsg_args; /* of tcp_recvmsg() */
};

/* With the name of a feature, as in output and options, and what it means. */
const char *feature_name(enum feature feature);
const char *feature_meaning(enum feature feature);

static inline bool kernel_has(const struct kernel *k, enum feature feature)
{
	return k->features >> feature & 1;
}

/*
 * 0 and *k, or -1 and *why: privileges, then BTF, then tracepoints, then maps. `without`: features
 * that are not to be found, by enum feature. Some take a while to be tried, and are left out unless
 * other ones are missing, or `all` are asked for.
 */
int kernel_look(struct kernel *k, uint32_t without, bool all, struct failure *why);

/* One jiffy in microseconds. */
uint32_t kernel_tick_us(void);

#endif
