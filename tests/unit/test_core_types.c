// SPDX-License-Identifier: GPL-2.0-only
/* Of the kernel's types those are taken that CO-RE compares with the object's, whole, and no
 * others. */
#include "expect.h"

#include <stdbool.h>

#include <bpf/btf.h>

#include "core_types.h"

/* The kernel's. */
enum {
	VOID,
	INT,
	FAR, /* nobody has one in it */
	FAR_POINTER,
	CONST_INT,
	LIST, /* of CONST_INT */
	INNER,
	SOCK, /* has INNER, LIST, FAR_POINTER, bits, and UNNAMED */
	UNNAMED,
	COUNT,   /* of INT */
	REASON,  /* an enum */
	PROTO,   /* with an INNER and a FAR */
	HANDLER, /* of PROTO */
	FUNCTION,
};

static struct btf *kernel, *object, *few;

static void add_kernel(void)
{
	kernel = btf__new_empty();
	assert_int_equal(btf__add_int(kernel, "int", 4, BTF_INT_SIGNED), INT);
	assert_int_equal(btf__add_struct(kernel, "far", 4), FAR);
	assert_false(btf__add_field(kernel, "number", INT, 0, 0));
	assert_int_equal(btf__add_ptr(kernel, FAR), FAR_POINTER);
	assert_int_equal(btf__add_const(kernel, INT), CONST_INT);
	assert_int_equal(btf__add_array(kernel, INT, CONST_INT, 3), LIST);
	assert_int_equal(btf__add_struct(kernel, "inner", 4), INNER);
	assert_false(btf__add_field(kernel, "number", COUNT, 0, 0));
	assert_int_equal(btf__add_struct(kernel, "sock", 32), SOCK);
	assert_false(btf__add_field(kernel, "inner", INNER, 0, 0));
	assert_false(btf__add_field(kernel, "list", LIST, 32, 0));
	assert_false(btf__add_field(kernel, "far", FAR_POINTER, 128, 0));
	assert_false(btf__add_field(kernel, "bits", INT, 195, 3));
	assert_false(btf__add_field(kernel, NULL, UNNAMED, 224, 0));
	assert_int_equal(btf__add_union(kernel, NULL, 4), UNNAMED);
	assert_false(btf__add_field(kernel, "one", INT, 0, 0));
	assert_int_equal(btf__add_typedef(kernel, "count", INT), COUNT);
	assert_int_equal(btf__add_enum(kernel, "reason", 4), REASON);
	assert_false(btf__add_enum_value(kernel, "FULL", 7));
	assert_int_equal(btf__add_func_proto(kernel, INT), PROTO);
	assert_false(btf__add_func_param(kernel, "inner", INNER));
	assert_false(btf__add_func_param(kernel, "far", FAR));
	assert_int_equal(btf__add_typedef(kernel, "handler", PROTO), HANDLER);
	assert_int_equal(btf__add_func(kernel, "sock", BTF_FUNC_STATIC, PROTO), FUNCTION);
}

static int set_up(void **state)
{
	(void)state;
	add_kernel();
	object = btf__new_empty();
	few = NULL;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	btf__free(few);
	btf__free(object);
	btf__free(kernel);
	return 0;
}

static void choose(void)
{
	few = core_types(kernel, object);
	assert_non_null(few);
}

/* NULL if it was not taken. */
static const struct btf_type *taken(const char *name, __u32 kind)
{
	__s32 id = btf__find_by_name_kind(few, name, kind);

	return id < 0 ? NULL : btf__type_by_id(few, id);
}

static const struct btf_type *type_of(const struct btf_type *type, int member)
{
	return btf__type_by_id(few, btf_members(type)[member].type);
}

static void test_a_struct_is_taken_with_all_that_is_in_it(void **state)
{
	const struct btf_type *sock, *array;

	(void)state;
	btf__add_struct(object, "sock", 0);
	choose();
	sock = taken("sock", BTF_KIND_STRUCT);
	assert_non_null(sock);
	expect_number(sock->size, 32);
	expect_number(btf_vlen(sock), 5);
	assert_string_equal(btf__name_by_offset(few, btf_members(sock)[3].name_off), "bits");
	expect_number(btf_member_bit_offset(sock, 3), 195);
	expect_number(btf_member_bitfield_size(sock, 3), 3);

	assert_ptr_equal(type_of(sock, 0), taken("inner", BTF_KIND_STRUCT));
	assert_ptr_equal(type_of(type_of(sock, 0), 0), taken("count", BTF_KIND_TYPEDEF));
	assert_true(btf_is_array(type_of(sock, 1)));
	array = type_of(sock, 1);
	expect_number(btf_array(array)->nelems, 3);
	assert_true(btf_is_const(btf__type_by_id(few, btf_array(array)->type)));
	expect_number(btf__resolve_size(few, btf_members(sock)[1].type), 12);
	assert_true(btf_is_union(type_of(sock, 4)));
	assert_string_equal(btf__name_by_offset(few, type_of(type_of(sock, 4), 0)->name_off),
			    "int");
}

static void test_what_is_behind_a_pointer_is_not_taken(void **state)
{
	const struct btf_type *pointer;

	(void)state;
	btf__add_struct(object, "sock", 0);
	choose();
	pointer = type_of(taken("sock", BTF_KIND_STRUCT), 2);
	assert_true(btf_is_ptr(pointer));
	expect_number(pointer->type, VOID);
	expect_number(btf__resolve_size(few, btf_members(taken("sock", BTF_KIND_STRUCT))[2].type),
		      8);
	assert_null(taken("far", BTF_KIND_STRUCT));
}

static void test_flavours_are_no_part_of_a_name(void **state)
{
	(void)state;
	btf__add_struct(object, "inner___5_10", 0);
	btf__add_struct(object, "far___", 0);
	choose();
	assert_non_null(taken("inner", BTF_KIND_STRUCT));
	assert_non_null(taken("far", BTF_KIND_STRUCT));
	assert_null(taken("sock", BTF_KIND_STRUCT));
}

static void test_enums_and_typedefs_are_taken(void **state)
{
	(void)state;
	btf__add_enum(object, "reason___new", 4);
	btf__add_typedef(object, "count", 0);
	choose();
	assert_non_null(taken("reason", BTF_KIND_ENUM));
	expect_number(btf_enum(taken("reason", BTF_KIND_ENUM))[0].val, 7);
	expect_number(btf__resolve_size(few, btf__find_by_name(few, "count")), 4);
	expect_number(btf__type_cnt(few) - 1, 3);
}

static void test_functions_are_not_taken(void **state)
{
	(void)state;
	btf__add_typedef(object, "handler", 0);
	choose();
	assert_non_null(taken("handler", BTF_KIND_TYPEDEF));
	expect_number(taken("handler", BTF_KIND_TYPEDEF)->type, VOID);
	expect_number(btf__type_cnt(few) - 1, 1);
}

static void test_parts_of_names_and_other_kinds_do_not_count(void **state)
{
	(void)state;
	btf__add_struct(object, "soc", 0);
	btf__add_struct(object, "sock1", 0);
	btf__add_struct(object, "inne", 0);
	btf__add_int(object, "int", 4, BTF_INT_SIGNED);
	btf__add_struct(object, NULL, 0);
	choose();
	expect_number(btf__type_cnt(few) - 1, 0);
}

static void test_an_object_without_types_needs_none(void **state)
{
	(void)state;
	choose();
	expect_number(btf__type_cnt(few) - 1, 0);
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_a_struct_is_taken_with_all_that_is_in_it),
		test(test_what_is_behind_a_pointer_is_not_taken),
		test(test_flavours_are_no_part_of_a_name),
		test(test_enums_and_typedefs_are_taken),
		test(test_functions_are_not_taken),
		test(test_parts_of_names_and_other_kinds_do_not_count),
		test(test_an_object_without_types_needs_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
