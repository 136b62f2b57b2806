// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a process that somebody else has written lets --stack read: its maps, the ELF files that it
 * runs, Go's table of functions, names of functions, and its stack. The first byte of an input says
 * which of them the others are.
 */
#include "fuzz.h"

#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "array.h"
#include "demangle.h"
#include "maps.h"
#include "object_parts.h"
#include "unwind.h"

/* libelf itself leaks what it has read of some damaged files. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:__libelf_set_rawdata_wrlock\n";
}

/* As call_stacks_limit_memory() has it: libdw asks for 2 GB if .eh_frame names such a register. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "max_allocation_size_mb=512:allocator_may_return_null=1";
}

/* ---- maps ------------------------------------------------------------------------------------ */

static void read_maps(const uint8_t *data, size_t size)
{
	FILE *in = fmemopen((void *)data, size, "r");
	struct maps maps;

	must(in && !maps_read(&maps, in));
	must(maps.n <= MAPPINGS_MAX);
	for (size_t i = 0; i < maps.n; i++) {
		const struct mapping *m = &maps.mappings[i];

		must(m->start < m->end && m->path);
		must(maps_find(&maps, m->start) && maps_find(&maps, m->end - 1));
	}
	maps_free(&maps);
	fclose(in);
}

/* ---- Go -------------------------------------------------------------------------------------- */

static void read_go_table(const uint8_t *data, size_t size)
{
	uint8_t *table = malloc(size); /* of this size, so that a look behind it is seen */
	struct symbols s = {};

	must(table || !size);
	memcpy(table, data, size);
	go_symbols_parse(&s, table, size, 0x1000);
	for (size_t i = 0; i < s.n; i++)
		must(s.list[i].size && strlen(s.list[i].name) < size);
	symbols_free(&s);
	free(table);
}

/* ---- names ----------------------------------------------------------------------------------- */

static void read_name(const uint8_t *data, size_t size)
{
	char *name = malloc(size + 1), *readable;

	must(name);
	memcpy(name, data, size);
	name[size] = '\0';
	readable = demangle(name);
	must(readable);
	free(readable);
	free(name);
}

/* ---- ELF files ------------------------------------------------------------------------------- */

static Dwarf_Frame *frame_at(void *object, uint64_t address)
{
	return object_frame(object, address);
}

/* From its first bytes on, as a stack that it has all over it. */
static void unwind_from(struct object *o, uint64_t address, const uint8_t *data, size_t size)
{
	static struct stack_trace stack = { .pid = 1, .sp = 0x7fff0000, .fp = 0x7fff0010 };
	uint64_t addresses[STACK_USER_FRAMES];
	size_t n, chain;

	stack.pc = address;
	stack.bytes_n = size < STACK_BYTES ? size : STACK_BYTES;
	memcpy(stack.bytes, data, stack.bytes_n);
	n = unwind(&stack, frame_at, o, addresses, STACK_USER_FRAMES, &chain);
	must(n <= STACK_USER_FRAMES && chain);
}

static void look_up(struct object *o, uint64_t address, const uint8_t *data, size_t size)
{
	const char *function = object_function(o, address), *source;
	unsigned int line;

	if (function)
		free(demangle(function));
	if (object_line(o, address, &source, &line))
		must(line && strlen(source) < SIZE_MAX);
	unwind_from(o, address, data, size);
}

static void read_object(const uint8_t *data, size_t size)
{
	int fd = memfd_create("object", MFD_CLOEXEC);
	uint64_t begin, code, address;
	struct object *o;

	must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	o = object_open(fd, "object");
	if (!o)
		return;
	object_find_debug(o, -1);
	if (object_first_code(o, &begin, &code))
		for (uint64_t i = 0; i < 16; i++)
			if (object_address(o, begin + i * (code / 16), &address))
				look_up(o, address, data, size);
	object_close(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const read[])(const uint8_t *, size_t) = {
		read_object, read_maps, read_go_table, read_name, read_object, read_object,
	};

	if (size > 1)
		read[data[0] % (ARRAY_SIZE(read))](data + 1, size - 1);
	return 0;
}
