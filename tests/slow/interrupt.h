/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For looks.bats: between what a look at a listener reads, some 7 ms go by, as where a host takes a
 * guest's CPU away.
 */
#ifndef TCPWHY_INTERRUPT_H
#define TCPWHY_INTERRUPT_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

__attribute__((unused)) static long pass_time(__u32 i, void *context)
{
	bpf_ktime_get_ns();
	return 0;
}

#define INTERRUPT_LOOK() bpf_loop(1 << 18, pass_time, NULL, 0)

#endif
