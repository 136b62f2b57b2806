// SPDX-License-Identifier: GPL-2.0-only
/* Files that processes run, and what is wrong with them: here it is this test's own. */
#include "expect.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "object_parts.h"

/* A copy of this program. */
static int copy_of_this(void)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int to = memfd_create("this", MFD_CLOEXEC);
	struct stat st = {};

	assert_true(from >= 0 && to >= 0 && !fstat(from, &st));
	while (sendfile(to, from, NULL, st.st_size) > 0)
		;
	close(from);
	return to;
}

static int another(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

/* The last byte of a section. */
static void spoil_end(int fd, const char *name)
{
	GElf_Shdr header;
	Elf *elf;

	assert_int_not_equal(elf_version(EV_CURRENT), EV_NONE);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	assert_non_null(find_section(elf, name, &header));
	assert_int_equal(pwrite(fd, "x", 1, header.sh_offset + header.sh_size - 1), 1);
	elf_end(elf);
}

/* Is there any line of the source in it? */
static bool has_lines(int fd)
{
	struct object *o = object_open(fd, "this");
	uint64_t begin, size, address;
	const char *file;
	unsigned int line;
	bool found = false;

	assert_non_null(o);
	object_find_debug(o, -1);
	assert_true(object_first_code(o, &begin, &size));
	for (uint64_t i = 0; i < size && !found; i += 64)
		found = object_address(o, begin + i, &address) &&
			object_line(o, address, &file, &line);
	object_close(o);
	return found;
}

static void names_of_files_without_an_end_are_not_read(void **state)
{
	int fd = copy_of_this();

	(void)state;
	assert_true(has_lines(another(fd)));
	spoil_end(fd, ".debug_line_str");
	assert_false(has_lines(fd));
}

static bool has_functions(int fd)
{
	struct object *o = object_open(fd, "this");
	uint64_t begin, size, address;
	bool found = false;

	assert_non_null(o);
	assert_true(object_first_code(o, &begin, &size));
	for (uint64_t i = 0; i < size && !found; i += 64)
		found = object_address(o, begin + i, &address) && object_function(o, address);
	object_close(o);
	return found;
}

/* For each symbol libelf would look for the end of its name to the end of the table. */
static void tables_of_names_without_an_end_are_not_read(void **state)
{
	int fd = copy_of_this();

	(void)state;
	assert_true(has_functions(another(fd)));
	spoil_end(fd, ".strtab");
	spoil_end(fd, ".dynstr");
	assert_false(has_functions(another(fd)));
	spoil_end(fd, ".shstrtab");
	assert_null(object_open(fd, "this"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_files_without_an_end_are_not_read),
		cmocka_unit_test(tables_of_names_without_an_end_are_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
