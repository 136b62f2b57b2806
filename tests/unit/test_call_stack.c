// SPDX-License-Identifier: GPL-2.0-only
/* Of --stack and --kstack what we take apart ourselves: maps, Go's table, the kernel's symbols. */
#include "expect.h"

#include "array.h"
#include "call_stack.h"
#include "demangle.h"
#include "kernel_symbols.h"
#include "maps.h"
#include "object_parts.h"
#include "text_stack.h"

static FILE *text_file(const char *text)
{
	FILE *in = fmemopen((void *)text, strlen(text), "r");

	assert_non_null(in);
	return in;
}

/* ---- maps ------------------------------------------------------------------------------------ */

static void maps_have_what_is_executable(void **state)
{
	static const char text[] =
		"00400000-0041f000 r--p 00000000 fe:00 247970    /usr/bin/python3.11\n"
		"0041f000-006d2000 r-xp 0001f000 fe:00 247970    /usr/bin/python3.11\n"
		"7f0000000000-7f0000001000 r-xp 00000000 00:00 0 \n"
		"no line of maps\n"
		"7f0000002000-7f0000001000 r-xp 00000000 00:00 7    /backwards\n"
		"7f0000003000-7f0000004000 r-xp 00002000 fe:00 7    /tmp/a b (deleted)\n";
	FILE *in = text_file(text);
	struct maps maps;

	(void)state;
	assert_int_equal(maps_read(&maps, in), 0);
	assert_int_equal(maps.n, 3);
	assert_null(maps_find(&maps, 0x41efff));
	assert_ptr_equal(maps_find(&maps, 0x41f000), &maps.mappings[0]);
	assert_ptr_equal(maps_find(&maps, 0x6d1fff), &maps.mappings[0]);
	assert_null(maps_find(&maps, 0x6d2000));
	assert_int_equal(maps.mappings[0].offset, 0x1f000);
	assert_int_equal(maps.mappings[0].inode, 247970);
	assert_string_equal(maps.mappings[1].path, "");
	assert_string_equal(maps.mappings[2].path, "/tmp/a b (deleted)");
	maps_free(&maps);
	fclose(in);
}

/* ---- the kernel's symbols -------------------------------------------------------------------- */

static void kernel_symbols_name_addresses(void **state)
{
	FILE *in = text_file("ffffffff81000300 T tcp_close\n"
			     "ffffffff81000100 t __tcp_close_alias\n"
			     "ffffffff81000100 T tcp_reset\n"
			     "ffffffff81000200 D not_a_function\n"
			     "ffffffffc0000000 t nf_do\t[nf_tables]\n");
	struct kernel_symbols *s = kernel_symbols_read(in);

	(void)state;
	assert_non_null(s);
	assert_null(kernel_symbols_find(s, 0xffffffff810000ff));
	assert_string_equal(kernel_symbols_find(s, 0xffffffff81000100)->name, "tcp_reset");
	assert_string_equal(kernel_symbols_find(s, 0xffffffff810002ff)->name, "tcp_reset");
	assert_string_equal(kernel_symbols_find(s, 0xffffffff81000345)->name, "tcp_close");
	assert_string_equal(kernel_symbols_find(s, 0xffffffffc0000001)->module, "nf_tables");
	kernel_symbols_free(s);
	fclose(in);
}

static void hidden_kernel_symbols_are_none(void **state)
{
	FILE *in = text_file("0000000000000000 T tcp_close\n0000000000000000 T tcp_reset\n");

	(void)state;
	assert_null(kernel_symbols_read(in));
	fclose(in);
}

/* ---- Go -------------------------------------------------------------------------------------- */

#define TEXT 0x401000

struct go_table {
	uint32_t magic;
	uint8_t pad[2], quantum, pointer;
	uint64_t functions, files, text, names_at, cu_at, files_at, pc_at, index_at;
	char names[32];
	uint32_t index[5]; /* two functions: entry, offset from the index; the end */
	uint32_t function[2][2];
};

static struct go_table go_table(void)
{
	struct go_table t = {
		.magic = 0xfffffff1,
		.quantum = 1,
		.pointer = 8,
		.functions = 2,
		.text = TEXT,
		.names_at = offsetof(struct go_table, names),
		.index_at = offsetof(struct go_table, index),
		.index = { 0, 20, 0x40, 28, 0x80 },
		.function = { { 0, 0 }, { 0x40, 10 } },
	};

	memcpy(t.names, "main.main\0main.drop", 19);
	return t;
}

static const char *name_at(const struct symbols *s, uint64_t address)
{
	const struct symbol *found = symbols_find(s, address);

	return found ? found->name : "none";
}

static void go_functions_are_in_its_table(void **state)
{
	struct go_table t = go_table();
	struct symbols s = {};

	(void)state;
	go_symbols_parse(&s, (const uint8_t *)&t, sizeof(t), 0);
	assert_int_equal(s.n, 2);
	assert_string_equal(name_at(&s, TEXT - 1), "none");
	assert_string_equal(name_at(&s, TEXT), "main.main");
	assert_string_equal(name_at(&s, TEXT + 0x3f), "main.main");
	assert_string_equal(name_at(&s, TEXT + 0x7f), "main.drop");
	assert_string_equal(name_at(&s, TEXT + 0x80), "none");
	symbols_free(&s);
}

/* Each of a million functions could have the same name, of a gigabyte. */
static void endless_go_names_are_none(void **state)
{
	struct {
		struct go_table t;
		char name[8192];
	} large = { .t = go_table() };
	struct symbols s = {};

	(void)state;
	large.t.names_at = sizeof(large.t);
	memset(large.name, 'a', sizeof(large.name) - 1);
	large.name[sizeof(large.name) - 10] = '\0';
	large.t.function[0][1] = 8000; /* a name of 182 bytes */
	large.t.function[1][1] = 0;
	go_symbols_parse(&s, (const uint8_t *)&large, sizeof(large), 0);
	assert_string_equal(name_at(&s, TEXT + 0x40), "none");
	assert_int_equal(strlen(name_at(&s, TEXT)), sizeof(large.name) - 10 - 8000);
	symbols_free(&s);
}

/* Whatever is in it, nothing outside of it is read: run it under valgrind or ASan, too. */
static void damaged_go_tables_do_no_harm(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(struct go_table); i++) {
		for (size_t size = i; size <= sizeof(struct go_table); size += 37) {
			struct go_table t = go_table();
			uint8_t *copy = malloc(size + 1);
			struct symbols s = {};

			((uint8_t *)&t)[i] ^= 0xff;
			memcpy(copy, &t, size);
			go_symbols_parse(&s, copy, size, 0);
			for (size_t n = 0; n < s.n; n++)
				assert_in_range(s.list[n].name - (char *)copy, 0, size - 1);
			symbols_free(&s);
			free(copy);
		}
	}
}

/* ---- names ----------------------------------------------------------------------------------- */

static void names_are_demangled(void **state)
{
	static const struct {
		const char *name, *readable;
	} cases[] = {
		{ "_ZN4shop7sessionIiE9abort_nowE6linger",
		  "shop::session<int>::abort_now(linger)" },
		{ "_Znot mangled", "_Znot mangled" },
		{ "main", "main" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *readable = demangle(cases[i].name);

		assert_string_equal(readable, cases[i].readable);
		free(readable);
	}
}

static void names_cannot_act_on_a_terminal(void **state)
{
	struct frame frame = { .function = (char *)"a\033[2J",
			       .object = (char *)"/x\ny",
			       .offset = 16 };
	struct call_stack stack = { .moment = STACK_AT_EVENT, .user_n = 1, .user = &frame };
	char text[512] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	(void)state;
	text_stacks(out, &stack);
	fclose(out);
	assert_string_equal(text, "              in this call of the process:\n"
				  "                  a\\x1b[2J  /x\\x0ay+0x10\n");
}

static void folded_stacks_begin_with_the_outermost(void **state)
{
	struct frame frames[] = { { .function = (char *)"close" },
				  {},
				  { .function = (char *)"main" } };
	char text[64];

	(void)state;
	format_folded(text, sizeof(text), frames, 3);
	assert_string_equal(text, "main;?;close");
	format_folded(text, 8, frames, 3); /* cut, and not beyond */
	assert_in_range(strlen(text), 4, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_have_what_is_executable),
		cmocka_unit_test(kernel_symbols_name_addresses),
		cmocka_unit_test(hidden_kernel_symbols_are_none),
		cmocka_unit_test(go_functions_are_in_its_table),
		cmocka_unit_test(endless_go_names_are_none),
		cmocka_unit_test(damaged_go_tables_do_no_harm),
		cmocka_unit_test(names_are_demangled),
		cmocka_unit_test(names_cannot_act_on_a_terminal),
		cmocka_unit_test(folded_stacks_begin_with_the_outermost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
