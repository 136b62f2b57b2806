/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of struct object share: object.c has the file, object_symbols.c its functions. */
#ifndef TCPWHY_OBJECT_PARTS_H
#define TCPWHY_OBJECT_PARTS_H

#include <gelf.h>

#include "object.h"

struct symbol {
	uint64_t address;
	uint64_t size;      /* 0: unknown */
	unsigned char rank; /* of several at one address the lowest is the one that is meant */
	const char *name;   /* in the tables that libelf holds, or in the object's own */
};

/* The functions of a file, sorted. Zeroed: none yet. */
struct symbols {
	struct symbol *list;
	size_t n, room;
	char *mini; /* what was unpacked of .gnu_debugdata, and is ... */
	Elf *mini_elf;
};

/* The section of this name, or NULL. */
Elf_Scn *find_section(Elf *elf, const char *name, GElf_Shdr *header);

/*
 * Does this table of strings end with the end of one? Else libelf looks through all of it for each
 * string, and a file of some megabytes would take minutes.
 */
bool strings_end_with_zero(Elf *elf, size_t section);

/* The same of the names of sections, if there are any: to be asked before find_section(). */
bool section_names_end(Elf *elf);

/* Those of a file and of its debugging information, which may be NULL. As many as can be had. */
void symbols_read(struct symbols *s, Elf *elf, Elf *debug);
void symbols_free(struct symbols *s);

/* NULL: none is there. */
const struct symbol *symbols_find(const struct symbols *s, uint64_t address);

/* Adds one; only until they are sorted. */
void symbols_add(struct symbols *s, const struct symbol *symbol);

/* Those of Go's own table, which is there in stripped files too: go_symbols.c */
void go_symbols_read(struct symbols *s, Elf *elf);

/* The same of the table itself: text is the address of the section .text. */
void go_symbols_parse(struct symbols *s, const uint8_t *table, size_t size, uint64_t text);

#endif
