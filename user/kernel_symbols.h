/* SPDX-License-Identifier: GPL-2.0-only */
/* Which function of the kernel an address is in: /proc/kallsyms, read once. */
#ifndef TCPWHY_KERNEL_SYMBOLS_H
#define TCPWHY_KERNEL_SYMBOLS_H

#include <stdint.h>
#include <stdio.h>

struct kernel_symbols;

struct kernel_symbol {
	uint64_t address;
	char *name;
	const char *module; /* "" = it is in none */
};

/* NULL if there are none: they are hidden (kernel.kptr_restrict), or there is no memory. */
struct kernel_symbols *kernel_symbols_read(FILE *in);
void kernel_symbols_free(struct kernel_symbols *symbols);

/* The last one at the address or before it; NULL: none is. */
const struct kernel_symbol *kernel_symbols_find(const struct kernel_symbols *symbols,
						uint64_t address);

#endif
