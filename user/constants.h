/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The settings of the BPF programs, in their instructions.
 *
 * A setting is a constant of .rodata. The verifier knows its value and drops the branches that it
 * rules out, but leaves the loads, also those whose result nobody looks at any more: each reaches
 * for a line that is in no cache when a hook is seldom run. So before a program is loaded, loads
 * become moves.
 */
#ifndef TCPWHY_CONSTANTS_H
#define TCPWHY_CONSTANTS_H

#include <stddef.h>

#include <linux/bpf.h>

/* Of a map whose values will never change. */
struct constants {
	int map_fd;
	const unsigned char *values;
	size_t size; /* bytes */
};

/*
 * n instructions, with the addresses of maps in them (BPF_PSEUDO_MAP_VALUE). What can't be told for
 * certain stays a load. Their number stays the same: what is no longer needed becomes `goto +0`,
 * which verifiers take out.
 */
void constants_fold(struct bpf_insn *insns, size_t n, const struct constants *c);

/* Likewise: takes all calls to functions of the kernel's (__ksym) out. Of helpers, none. */
void constants_drop_calls(struct bpf_insn *insns, size_t n);

#endif
