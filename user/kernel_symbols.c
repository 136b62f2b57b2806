// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_symbols.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "by_address.h"

struct kernel_symbols {
	struct kernel_symbol *list;
	size_t n, room;
};

static bool add(struct kernel_symbols *s, uint64_t address, const char *name, const char *module)
{
	struct kernel_symbol *symbol;
	size_t len = strlen(name) + 1, module_len = strlen(module) + 1;

	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 1 << 16;
		struct kernel_symbol *grown = reallocarray(s->list, room, sizeof(*grown));

		if (!grown)
			return false;
		s->list = grown;
		s->room = room;
	}
	symbol = &s->list[s->n];
	symbol->address = address;
	symbol->name = malloc(len + module_len);
	if (!symbol->name)
		return false;
	memcpy(symbol->name, name, len);
	symbol->module = memcpy(symbol->name + len, module, module_len);
	s->n++;
	return true;
}

/* "ADDRESS TYPE NAME", and of a module "[MODULE]". Only functions; a hidden address is 0. */
static bool add_line(struct kernel_symbols *s, const char *line)
{
	char type, name[256], module[64] = "";
	uint64_t address;

	if (sscanf(line, "%" SCNx64 " %c %255s [%63[^]]", &address, &type, name, module) < 3 ||
	    !address || !strchr("tw", tolower((unsigned char)type)))
		return true;
	return add(s, address, name, module);
}

static int by_address(const void *a, const void *b)
{
	const struct kernel_symbol *one = a, *other = b;

	if (one->address != other->address)
		return one->address < other->address ? -1 : 1;
	return (int)strspn(one->name, "_") - (int)strspn(other->name, "_");
}

struct kernel_symbols *kernel_symbols_read(FILE *in)
{
	struct kernel_symbols *s = calloc(1, sizeof(*s));
	char line[512];
	bool room = s;

	while (room && fgets(line, sizeof(line), in))
		room = add_line(s, line);
	if (!room || !s->n) {
		kernel_symbols_free(s);
		return NULL;
	}
	qsort(s->list, s->n, sizeof(*s->list), by_address);
	return s;
}

void kernel_symbols_free(struct kernel_symbols *s)
{
	for (size_t i = 0; s && i < s->n; i++)
		free(s->list[i].name);
	if (s)
		free(s->list);
	free(s);
}

const struct kernel_symbol *kernel_symbols_find(const struct kernel_symbols *s, uint64_t address)
{
	return find_by_address(s->list, s->n, sizeof(*s->list), address);
}
