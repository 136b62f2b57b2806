// SPDX-License-Identifier: GPL-2.0-only
/*
 * Go puts a table of its functions into each program, for its own stack traces, and no strip takes
 * it away: .gopclntab. Its format is that of runtime/symtab.go, and has changed three times.
 */
#include <string.h>

#include "object_parts.h"

#define FUNCTIONS_MAX 4000000
#define NAME_MAX_SIZE 4096 /* so that a table of one endless name is soon read */

struct table {
	const uint8_t *bytes;
	size_t size;
	unsigned int pointer; /* size of an address, in bytes */
	uint64_t text;        /* to which entries are relative, 0 = they are not */
	uint64_t functions;   /* how many */
	uint64_t names;       /* where the names begin */
	uint64_t index;       /* where the index of the functions begins */
	unsigned int entry;   /* size of a field of the index, in bytes */
};

/* 0 where there is nothing. */
static uint64_t number_at(const struct table *t, uint64_t offset, unsigned int size)
{
	uint64_t value = 0;

	if (offset > t->size || t->size - offset < size)
		return 0;
	memcpy(&value, t->bytes + offset, size); /* both machines are little endian */
	return value;
}

/* The nth of the header, behind its first 8 bytes. */
static uint64_t header_field(const struct table *t, unsigned int n)
{
	return number_at(t, 8 + n * t->pointer, t->pointer);
}

/* False: a version that is not known. */
static bool read_header(struct table *t, uint64_t text)
{
	switch (number_at(t, 0, 4)) {
	case 0xfffffff1: /* Go 1.20 */
	case 0xfffffff0: /* Go 1.18 */
		t->text = header_field(t, 2) ? header_field(t, 2) : text;
		t->names = header_field(t, 3);
		t->index = header_field(t, 7);
		t->entry = 4;
		break;
	case 0xfffffffa: /* Go 1.16 */
		t->names = header_field(t, 2);
		t->index = header_field(t, 6);
		t->entry = t->pointer;
		break;
	case 0xfffffffb: /* Go 1.2: all is relative to the beginning */
		t->index = 8 + t->pointer;
		t->entry = t->pointer;
		break;
	default:
		return false;
	}
	t->functions = header_field(t, 0);
	return t->functions <= FUNCTIONS_MAX && t->names < t->size && t->index < t->size &&
	       t->functions <= (t->size - t->index) / 2 / t->entry;
}

/* A string that ends within the table, and soon; or NULL. */
static const char *name_at(const struct table *t, uint64_t offset)
{
	const char *name = (const char *)t->bytes + offset;
	size_t most = NAME_MAX_SIZE;

	if (offset >= t->size || !*name)
		return NULL;
	if (most > t->size - offset)
		most = t->size - offset;
	return memchr(name, '\0', most) ? name : NULL;
}

static void add_function(struct symbols *s, const struct table *t, uint64_t n)
{
	uint64_t at = t->index + 2 * n * t->entry, function, start, end;
	const char *name;

	start = number_at(t, at, t->entry);
	function = number_at(t, at + t->entry, t->entry);
	end = number_at(t, at + UINT64_C(2) * t->entry, t->entry);
	if (t->entry == 4 || t->names)
		function += t->index;
	/* the name follows the entry, which is as wide as in the index */
	name = name_at(t, t->names + number_at(t, function + t->entry, 4));
	if (name && end > start)
		symbols_add(s, &(struct symbol){ .address = t->text + start,
						 .size = end - start,
						 .name = name });
}

void go_symbols_parse(struct symbols *s, const uint8_t *table, size_t size, uint64_t text)
{
	struct table t = { .bytes = table, .size = size };

	if (size < 16)
		return;
	t.pointer = table[7];
	if (t.pointer != 8 || !read_header(&t, text))
		return;
	for (uint64_t i = 0; i < t.functions; i++)
		add_function(s, &t, i);
}

void go_symbols_read(struct symbols *s, Elf *elf)
{
	GElf_Shdr header, text = {};
	Elf_Scn *section = find_section(elf, ".gopclntab", &header);
	Elf_Data *data;

	if (!section)
		section = find_section(elf, ".data.rel.ro.gopclntab", &header);
	if (!section || header.sh_type == SHT_NOBITS)
		return;
	find_section(elf, ".text", &text);
	data = elf_rawdata(section, NULL);
	if (data && data->d_buf)
		go_symbols_parse(s, data->d_buf, data->d_size, text.sh_addr);
}
