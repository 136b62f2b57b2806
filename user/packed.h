/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is in the binary compressed, since it is large: the BPF objects and the pages of docs/. The
 * Makefile makes each file of $(PACKED_IN), by tools/pack.c. Of the objects that a watch does not
 * begin with there is what differs from that one.
 */
#ifndef TCPWHY_PACKED_H
#define TCPWHY_PACKED_H

#include <stddef.h>

#define PACKED_WINDOW (2U << 20) /* bytes that tools/pack.c and unpack() look back */

enum packed {
	PACKED_TYPED,    /* the BPF programs for kernels with BTF of their own */
	PACKED_PROBES,   /* for the others: bpf/read.h, PROBES_ONLY */
	PACKED_SNAPSHOT, /* the BPF program of tcpwhy check: bpf/snapshot.bpf.c */
	PACKED_PAGES,    /* what tools/pages.awk has made of docs/ */
};

/*
 * Unpacked, with a zero byte behind it that is not counted; to be freed with free(). NULL: out of
 * memory.
 */
void *unpack(enum packed what, size_t *size);

#endif
