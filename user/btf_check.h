/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libbpf believes what BTF says: it follows ids of types and offsets of names without a look at how
 * many there are, and typedefs in a circle for ever. So what comes from a file is checked before.
 */
#ifndef TCPWHY_BTF_CHECK_H
#define TCPWHY_BTF_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Can these bytes be given to libbpf? They must be aligned as malloc() does it. False too if there
 * is no memory.
 */
bool btf_is_sound(const void *bytes, size_t size);

#endif
