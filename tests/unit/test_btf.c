// SPDX-License-Identifier: GPL-2.0-only
/* What is refused of a file for --btf, of which libbpf would believe all. */
#include "expect.h"

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/btf.h>

#include "array.h"
#include "btf_check.h"
#include "kernel.h"
#include "kernel_btf.h"

#define NO_TYPE 1000
#define NO_NAME 100000

/* ---- sound BTF, and how it is spoilt --------------------------------------------------------- */

enum {
	VOID,
	INT,
	POINTER, /* to NODE */
	NODE,    /* with a pointer to itself, numbers, a list, and UNNAMED */
	UNNAMED,
	LIST,     /* of INT */
	ALIAS,    /* of INT */
	FUNCTION, /* of PROTO */
	PROTO,
	ENUM,
	EMPTY, /* of 0 bytes */
};

static struct btf *sound_btf(void)
{
	struct btf *btf = btf__new_empty();

	assert_int_equal(btf__add_int(btf, "int", 4, BTF_INT_SIGNED), INT);
	assert_int_equal(btf__add_ptr(btf, NODE), POINTER);
	assert_int_equal(btf__add_struct(btf, "node", 24), NODE);
	assert_false(btf__add_field(btf, "next", POINTER, 0, 0));
	assert_false(btf__add_field(btf, "flag", ALIAS, 64, 3));
	assert_false(btf__add_field(btf, "list", LIST, 96, 0));
	assert_false(btf__add_field(btf, NULL, UNNAMED, 160, 0));
	assert_int_equal(btf__add_union(btf, NULL, 4), UNNAMED);
	assert_false(btf__add_field(btf, "one", INT, 0, 0));
	assert_int_equal(btf__add_array(btf, INT, INT, 2), LIST);
	assert_int_equal(btf__add_typedef(btf, "alias", INT), ALIAS);
	assert_int_equal(btf__add_func(btf, "f", BTF_FUNC_STATIC, PROTO), FUNCTION);
	assert_int_equal(btf__add_func_proto(btf, INT), PROTO);
	assert_false(btf__add_func_param(btf, "node", POINTER));
	assert_int_equal(btf__add_enum(btf, "e", 4), ENUM);
	assert_false(btf__add_enum_value(btf, "A", 1));
	assert_int_equal(btf__add_struct(btf, "empty", 0), EMPTY);
	return btf;
}

static struct btf_type *type(struct btf *btf, __u32 id)
{
	return (struct btf_type *)btf__type_by_id(btf, id);
}

static struct btf_member *member(struct btf *btf, int n)
{
	return btf_members(type(btf, NODE)) + n;
}

static bool is_sound(struct btf *btf)
{
	__u32 size;
	const void *bytes = btf__raw_data(btf, &size);

	return btf_is_sound(bytes, size);
}

#define SPOILS                                                                                     \
	SPOIL(type(btf, POINTER)->type = NO_TYPE)                                                  \
	SPOIL(type(btf, ALIAS)->type = NO_TYPE)                                                    \
	SPOIL(type(btf, FUNCTION)->type = EMPTY + 1)                                               \
	SPOIL(type(btf, PROTO)->type = NO_TYPE)                                                    \
	SPOIL(type(btf, INT)->name_off = NO_NAME)                                                  \
	SPOIL(type(btf, INT)->size = 0)                                                            \
	SPOIL(type(btf, ENUM)->size = 0)                                                           \
	SPOIL(btf_enum(type(btf, ENUM))->name_off = NO_NAME)                                       \
	SPOIL(btf_params(type(btf, PROTO))->name_off = NO_NAME)                                    \
	SPOIL(btf_params(type(btf, PROTO))->type = NO_TYPE)                                        \
	SPOIL(btf_array(type(btf, LIST))->type = NO_TYPE)                                          \
	SPOIL(btf_array(type(btf, LIST))->index_type = NO_TYPE)                                    \
	SPOIL(member(btf, 0)->name_off = NO_NAME)                                                  \
	SPOIL(member(btf, 0)->type = NO_TYPE)                                                      \
	SPOIL(member(btf, 1)->type = EMPTY) /* a bit field of no bytes */                          \
	SPOIL(member(btf, 1)->type = VOID)                                                         \
	SPOIL(member(btf, 2)->type = NODE) /* what is in itself */                                 \
	SPOIL(btf_array(type(btf, LIST))->type = LIST)                                             \
	SPOIL(btf_array(type(btf, LIST))->type = NODE)                                             \
	SPOIL(btf_members(type(btf, UNNAMED))->type = NODE)                                        \
	SPOIL(type(btf, ALIAS)->type = ALIAS)                                                      \
	SPOIL(type(btf, ENUM)->info |= 31U << 24) /* no such kind */                               \
	SPOIL(type(btf, ENUM)->info |= 0xffff)    /* of more than there is */                      \
	SPOIL(type(btf, EMPTY)->info |= 1)        /* likewise, and nothing follows */

static void spoilt_types_are_refused(void **state)
{
	struct btf *btf = sound_btf();

	(void)state;
	assert_true(is_sound(btf));
	btf__free(btf);
#define SPOIL(what)                                                                                \
	btf = sound_btf();                                                                         \
	what;                                                                                      \
	if (is_sound(btf))                                                                         \
		fail_msg("taken for sound: %s", #what);                                            \
	btf__free(btf);
	SPOILS
#undef SPOIL
}

/* Through pointers, all may be in itself. */
static void pointers_may_lead_back(void **state)
{
	struct btf *btf = sound_btf();

	(void)state;
	type(btf, POINTER)->type = POINTER;
	assert_true(is_sound(btf));
	btf__free(btf);
}

static void deep_types_are_refused(void **state)
{
	struct btf *btf = btf__new_empty();
	int last = btf__add_int(btf, "int", 4, 0);

	(void)state;
	for (int i = 1; i < 64; i++)
		last = btf__add_typedef(btf, "deeper", last);
	assert_true(is_sound(btf));
	btf__add_typedef(btf, "deepest", last);
	assert_false(is_sound(btf));
	btf__free(btf);
}

/* libbpf would look for a member in each of 2^40. */
static void unnamed_members_do_not_multiply(void **state)
{
	struct btf *btf = btf__new_empty();
	int last = btf__add_int(btf, "int", 4, 0);

	(void)state;
	for (int i = 0; i < 40; i++) {
		int next = btf__add_struct(btf, NULL, 4);

		btf__add_field(btf, i ? NULL : "a", last, 0, 0);
		btf__add_field(btf, i ? NULL : "b", last, 0, 0);
		last = next;
	}
	assert_false(is_sound(btf));
	btf__free(btf);
}

/* Each of its bytes, and each size: no look outside of it, which ASan and valgrind would see. */
static void damaged_bytes_do_no_harm(void **state)
{
	struct btf *btf = sound_btf();
	__u32 size;
	const char *bytes = btf__raw_data(btf, &size);

	(void)state;
	for (__u32 i = 0; i < size; i++) {
		char *copy = malloc(size), *head = malloc(i + 1);

		memcpy(copy, bytes, size);
		copy[i] ^= 0xff;
		btf_is_sound(copy, size);
		memcpy(head, bytes, i);
		assert_false(btf_is_sound(head, i));
		if (i == size - 1)
			assert_false(btf_is_sound(copy, size)); /* a name without an end */
		free(copy);
		free(head);
	}
	btf__free(btf);
}

/* ---- the file -------------------------------------------------------------------------------- */

/* From now on this is what --btf gives. Returns a descriptor. */
static int give(const void *bytes, size_t size)
{
	static char path[32];
	int fd = memfd_create("btf", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	kernel_btf_use(path);
	return fd;
}

static int give_btf(struct btf *btf)
{
	__u32 size;
	const void *bytes = btf__raw_data(btf, &size);

	return give(bytes, size);
}

/* What is given is sound_btf(), and all of it is read. */
static void expect_read(int fd)
{
	struct failure why = {};
	struct btf *loaded = kernel_btf_load(&why);

	assert_non_null(loaded);
	assert_int_equal(btf__type_cnt(loaded), EMPTY + 1);
	btf__free(loaded);
	close(fd);
}

static void a_file_is_checked(void **state)
{
	struct failure why = {};
	struct btf *btf = sound_btf();
	int fd;

	(void)state;
	expect_read(give_btf(btf));
	btf__free(btf);
	btf = sound_btf();
	type(btf, ALIAS)->type = ALIAS;
	fd = give_btf(btf);
	assert_null(kernel_btf_load(&why));
	assert_int_equal(why.status, EXIT_NO_BTF);
	assert_non_null(strstr(why.text, "damaged"));
	close(fd);
	kernel_btf_use(NULL);
	btf__free(btf);
}

/* What is given is an ELF file of two sections: .BTF, and the names, of which so many bytes are
 * its. */
static int give_elf(struct btf *btf, size_t names_size)
{
	struct {
		Elf64_Ehdr header;
		Elf64_Shdr sections[3];
		char names[16];
		char btf[4096];
	} elf = { .names = "\0names\0.BTF\0x" };
	__u32 size;
	const void *bytes = btf__raw_data(btf, &size);

	assert_true(size <= sizeof(elf.btf));
	memcpy(elf.btf, bytes, size);
	memcpy(elf.header.e_ident, ELFMAG, SELFMAG);
	elf.header.e_ident[EI_CLASS] = ELFCLASS64;
	elf.header.e_ident[EI_DATA] = ELFDATA2LSB;
	elf.header.e_ident[EI_VERSION] = EV_CURRENT;
	elf.header.e_type = ET_REL;
	elf.header.e_version = EV_CURRENT;
	elf.header.e_ehsize = sizeof(elf.header);
	elf.header.e_shentsize = sizeof(elf.sections[0]);
	elf.header.e_shoff = offsetof(typeof(elf), sections);
	elf.header.e_shnum = ARRAY_SIZE(elf.sections);
	elf.header.e_shstrndx = 1;
	elf.sections[1] = (Elf64_Shdr){ .sh_type = SHT_STRTAB,
					.sh_name = 1,
					.sh_offset = offsetof(typeof(elf), names),
					.sh_size = names_size };
	elf.sections[2] = (Elf64_Shdr){ .sh_type = SHT_PROGBITS,
					.sh_name = 7,
					.sh_offset = offsetof(typeof(elf), btf),
					.sh_size = size };
	return give(&elf, sizeof(elf));
}

static void an_elf_file_whose_names_do_not_end_is_refused(void **state)
{
	struct failure why = {};
	struct btf *btf = sound_btf();
	int fd;

	(void)state;
	expect_read(give_elf(btf, sizeof("\0names\0.BTF")));
	fd = give_elf(btf, sizeof("\0names\0.BTF") + 1);
	assert_null(kernel_btf_load(&why));
	assert_int_equal(why.status, EXIT_NO_BTF);
	close(fd);
	kernel_btf_use(NULL);
	btf__free(btf);
}

/* A tracepoint is a pointer to a function; here one is neither. */
static void tracepoints_of_no_function_have_no_arguments(void **state)
{
	struct need_state needs[NEED_COUNT];
	struct btf *btf = sound_btf();
	struct kernel k;
	int fd;

	(void)state;
	btf__add_typedef(btf, "btf_trace_tcp_send_reset", NODE);
	type(btf, NODE)->size = NO_TYPE;
	btf__add_typedef(btf, "btf_trace_kfree_skb", POINTER);
	fd = give_btf(btf);
	kernel_survey(&k, 0, needs);
	assert_int_equal(needs[NEED_BTF].found, FOUND_YES);
	assert_false(k.features & (UINT32_C(1) << FEATURE_stray_resets));
	assert_false(k.features & (UINT32_C(1) << FEATURE_drop_socket));
	close(fd);
	kernel_btf_use(NULL);
	btf__free(btf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spoilt_types_are_refused),
		cmocka_unit_test(pointers_may_lead_back),
		cmocka_unit_test(deep_types_are_refused),
		cmocka_unit_test(unnamed_members_do_not_multiply),
		cmocka_unit_test(damaged_bytes_do_no_harm),
		cmocka_unit_test(a_file_is_checked),
		cmocka_unit_test(an_elf_file_whose_names_do_not_end_is_refused),
		cmocka_unit_test(tracepoints_of_no_function_have_no_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
