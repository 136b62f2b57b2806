/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The BPF programs for kernels without BTF of their own: bpf/read.h, PROBES_ONLY. They have the
 * programs, maps and variables of the others, so that the skeleton of those holds for these: the
 * Makefile sees to that. They are seldom used, so they are kept compressed.
 */
#ifndef TCPWHY_PROBES_OBJECT_H
#define TCPWHY_PROBES_OBJECT_H

#include <stddef.h>

/* The ELF object, to be freed with free(); NULL: out of memory. */
void *probes_object(size_t *size);

#endif
