/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Those of the kernel's types that CO-RE relocations of a BPF object look at.
 *
 * For each type of the object that libbpf relocates, it compares the names of all types of the
 * kernel, some 150,000. That was a quarter of the time until tcpwhy watches, and these few give the
 * same.
 */
#ifndef TCPWHY_CORE_TYPES_H
#define TCPWHY_CORE_TYPES_H

#include <bpf/btf.h>

/*
 * Types of kernel that have a name of a type of object (what follows "___" is no part of a name),
 * and all that they are made of; what they point to is void. The numbers of types are others, so
 * this is not for programs that ask for those (bpf_core_type_id_kernel()). Both are sound. To be
 * freed with btf__free(); NULL and errno.
 */
struct btf *core_types(const struct btf *kernel, const struct btf *object);

#endif
