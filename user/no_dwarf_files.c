// SPDX-License-Identifier: GPL-2.0-only
/*
 * What of libdw would open files by names that stand in a file: of the process's own choice, and so
 * perhaps a FIFO, at which we would wait for ever. Split DWARF (.dwo) has no lines then, and of
 * what Debian's and Fedora's tools have put together (dwz) nothing is missing for lines.
 *
 * And its back ends, 300 KB for machines of all kinds, which libdw itself does without where it has
 * none: unwind.c knows what they would say about those that matter here.
 */
#include <stddef.h>

/* libdw's own declarations are in headers that are not installed. */
void *__libdw_find_split_unit(void *unit);
void *__libdw_find_split_unit(void *unit)
{
	(void)unit;
	return NULL;
}

void *dwarf_getalt(void *dwarf);
void *dwarf_getalt(void *dwarf)
{
	(void)dwarf;
	return NULL;
}

void *ebl_openbackend(void *elf);
void *ebl_openbackend(void *elf)
{
	(void)elf;
	return NULL;
}

void ebl_closebackend(void *backend);
void ebl_closebackend(void *backend)
{
	(void)backend;
}

int ebl_abi_cfi(void *backend, void *cie);
int ebl_abi_cfi(void *backend, void *cie)
{
	(void)backend;
	(void)cie;
	return -1;
}
