/* SPDX-License-Identifier: GPL-2.0-only */
/* Can this kernel, and this user, do it? Asked before anything is loaded, for clear answers. */
#ifndef TCPWHY_KERNEL_H
#define TCPWHY_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "failure.h"

/* What differs between kernels that will do. */
struct kernel_features {
	bool retransmit_has_err; /* tcp_retransmit_skb has an argument err, from 6.17 */
};

/* 0 and *features, or -1 and *why: privileges, then BTF, then tracepoints, then features. */
int kernel_check(struct kernel_features *features, struct failure *why);

/* One jiffy in microseconds. */
uint32_t kernel_tick_us(void);

#endif
