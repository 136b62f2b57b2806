// SPDX-License-Identifier: GPL-2.0-only
#include <lzma.h>
#include <stdlib.h>
#include <string.h>

#include "by_address.h"
#include "object_parts.h"

#define SYMBOLS_MAX   4000000
#define MINI_MAX      (64U << 20) /* bytes of .gnu_debugdata, unpacked */
#define UNPACK_MEMORY (64U << 20) /* bytes that unpacking may take */

Elf_Scn *find_section(Elf *elf, const char *name, GElf_Shdr *header)
{
	size_t names;
	Elf_Scn *section = NULL;

	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((section = elf_nextscn(elf, section))) {
		const char *found;

		if (!gelf_getshdr(section, header))
			continue;
		found = elf_strptr(elf, names, header->sh_name);
		if (found && !strcmp(found, name))
			return section;
	}
	memset(header, 0, sizeof(*header));
	return NULL;
}

bool strings_end_with_zero(Elf *elf, size_t section)
{
	Elf_Scn *strings = elf_getscn(elf, section);
	Elf_Data *data = strings ? elf_rawdata(strings, NULL) : NULL;
	GElf_Shdr header;

	return data && data->d_buf && data->d_size && gelf_getshdr(strings, &header) &&
	       !(header.sh_flags & SHF_COMPRESSED) &&
	       !((const char *)data->d_buf)[data->d_size - 1];
}

bool section_names_end(Elf *elf)
{
	size_t names;

	return !elf_getshdrstrndx(elf, &names) &&
	       (names == SHN_UNDEF || strings_end_with_zero(elf, names));
}

void symbols_add(struct symbols *s, const struct symbol *symbol)
{
	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 1024;
		struct symbol *grown = NULL;

		if (room <= SYMBOLS_MAX)
			grown = reallocarray(s->list, room, sizeof(*grown));
		if (!grown)
			return;
		s->list = grown;
		s->room = room;
	}
	s->list[s->n++] = *symbol;
}

static bool is_function(const GElf_Sym *symbol)
{
	int type = GELF_ST_TYPE(symbol->st_info);

	return symbol->st_shndx != SHN_UNDEF && (type == STT_FUNC || type == STT_GNU_IFUNC);
}

/* What others may call, and what has fewer underscores, is what the programmer calls it. */
static unsigned char rank(const GElf_Sym *symbol, const char *name)
{
	size_t underscores = strspn(name, "_");

	if (!symbol->st_size)
		return 16;
	if (GELF_ST_BIND(symbol->st_info) == STB_LOCAL)
		return 8;
	return underscores < 7 ? underscores : 7;
}

/* Those of a section of type SHT_SYMTAB or SHT_DYNSYM. */
static void add_table(struct symbols *s, Elf *elf, GElf_Word type)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	GElf_Sym symbol;

	while ((section = elf_nextscn(elf, section))) {
		Elf_Data *data;

		if (!gelf_getshdr(section, &header) || header.sh_type != type ||
		    !strings_end_with_zero(elf, header.sh_link))
			continue;
		data = elf_getdata(section, NULL);
		for (int i = 0; data && gelf_getsym(data, i, &symbol); i++) {
			const char *name = elf_strptr(elf, header.sh_link, symbol.st_name);

			if (name && *name && is_function(&symbol))
				symbols_add(s, &(struct symbol){ .address = symbol.st_value,
								 .size = symbol.st_size,
								 .rank = rank(&symbol, name),
								 .name = name });
		}
	}
}

/* NULL if it is damaged, or too large. */
static char *unpack_xz(const void *packed, size_t packed_size, size_t *size)
{
	uint64_t memory = UNPACK_MEMORY;
	char *out = malloc(MINI_MAX); /* of which only what is written takes memory */
	size_t in_at = 0;

	*size = 0;
	if (!out)
		return NULL;
	if (lzma_stream_buffer_decode(&memory, 0, NULL, packed, &in_at, packed_size, (uint8_t *)out,
				      size, MINI_MAX) != LZMA_OK) {
		free(out);
		return NULL;
	}
	return out;
}

/* "MiniDebugInfo": Fedora's stripped files have the symbols of a file of their own, packed. */
static void add_mini(struct symbols *s, Elf *elf)
{
	GElf_Shdr header;
	Elf_Scn *section = find_section(elf, ".gnu_debugdata", &header);
	Elf_Data *data = section ? elf_rawdata(section, NULL) : NULL;
	size_t size;

	if (!data || !data->d_buf)
		return;
	s->mini = unpack_xz(data->d_buf, data->d_size, &size);
	s->mini_elf = s->mini ? elf_memory(s->mini, size) : NULL;
	if (s->mini_elf)
		add_table(s, s->mini_elf, SHT_SYMTAB);
}

static int by_address(const void *a, const void *b)
{
	const struct symbol *one = a, *other = b;

	if (one->address != other->address)
		return one->address < other->address ? -1 : 1;
	return one->rank - other->rank;
}

void symbols_read(struct symbols *s, Elf *elf, Elf *debug)
{
	if (debug)
		add_table(s, debug, SHT_SYMTAB);
	if (!s->n)
		add_table(s, elf, SHT_SYMTAB);
	if (!s->n) {
		add_mini(s, elf);
		go_symbols_read(s, elf);
		add_table(s, elf, SHT_DYNSYM);
	}
	if (s->n)
		qsort(s->list, s->n, sizeof(*s->list), by_address);
}

void symbols_free(struct symbols *s)
{
	elf_end(s->mini_elf);
	free(s->mini);
	free(s->list);
	memset(s, 0, sizeof(*s));
}

const struct symbol *symbols_find(const struct symbols *s, uint64_t address)
{
	const struct symbol *found = find_by_address(s->list, s->n, sizeof(*s->list), address);

	if (found && found->size && address - found->address >= found->size)
		return NULL;
	return found;
}
