/* SPDX-License-Identifier: GPL-2.0-only */
/* Can this kernel, and this user, do it? Asked before anything is loaded, for clear answers. */
#ifndef TCPWHY_KERNEL_H
#define TCPWHY_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "failure.h"

/* 0, or -1 and *why: privileges, then BTF, then tracepoints, then features. */
int kernel_check(struct failure *why);

/* How many arguments a tracepoint has, by BTF; -1 if there is no such tracepoint. */
int kernel_tracepoint_args(const char *name);

/* May this process read which sockets another user's process holds? If not, some stay unnamed. */
bool kernel_shows_descriptors(void);

/* One jiffy in microseconds. */
uint32_t kernel_tick_us(void);

#endif
