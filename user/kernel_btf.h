/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the kernel's types are: in /sys/kernel/btf/vmlinux, or in a file that the user gives, for
 * where that cannot be read (a container without /sys, for one). It must be that of this very
 * kernel: libbpf finds fields by it, and the kernel looks up tracepoints by its numbers.
 */
#ifndef TCPWHY_KERNEL_BTF_H
#define TCPWHY_KERNEL_BTF_H

#include <stdbool.h>

#include <bpf/btf.h>

#include "failure.h"

/* --btf: from now on for us and for libbpf. NULL: the kernel's own. Before any thread starts. */
void kernel_btf_use(const char *path);

bool kernel_btf_given(void);

/* Does the kernel show its own, whatever is used? */
bool kernel_btf_shown(void);

/* What is used now; NULL if it is not where the kernel shows it. */
const char *kernel_btf_path(void);

/* To be given back; NULL and *why, EXIT_NO_BTF, if there is none. */
struct btf *kernel_btf_load(struct failure *why);

/* It is kept for libbpf, which will ask for it, and would read it a second time. NULL: nothing. */
void kernel_btf_give_back(struct btf *btf);

/*
 * Before a BPF object is loaded that was opened with kernel_btf_path() as btf_custom_path: libbpf
 * gets only those of the types by which it relocates it, see core_types.h.
 */
void kernel_btf_select(const struct btf *object);

/* Afterwards: what libbpf did not ask for. */
void kernel_btf_forget(void);

#endif
