// SPDX-License-Identifier: GPL-2.0-only
/* The completions know what each option and each subcommand takes. What they offer,
 * tests/e2e/completions.bats asks shells. */
#include "expect.h"

#include <argp.h>

#include "completions.h"
#include "options.h"

static void every_argument_of_an_option_is_known(void **state)
{
	int unknown = 0;

	(void)state;
	for (const struct argp_option *o = option_table(); o->name || o->key || o->doc; o++) {
		if (!o->arg || completions_know(o->arg))
			continue;
		print_error("--%s: no row of arguments[] in user/completions.c says what a %s is\n",
			    o->name, o->arg);
		unknown++;
	}
	assert_int_equal(unknown, 0);
}

static void every_argument_of_a_subcommand_is_known(void **state)
{
	const char *name, *argument;

	(void)state;
	for (unsigned int i = 0; (name = subcommand_word(i, &argument)); i++) {
		if (argument && !completions_know(argument))
			fail_msg(
				"%s: no row of arguments[] in user/completions.c says what a %s is",
				name, argument);
	}
}

static void a_list_is_known_by_its_items(void **state)
{
	(void)state;
	assert_true(completions_know("PID"));
	assert_true(completions_know("PID,..."));
	assert_false(completions_know("PI"));
	assert_false(completions_know("PIDS"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_argument_of_an_option_is_known),
		cmocka_unit_test(every_argument_of_a_subcommand_is_known),
		cmocka_unit_test(a_list_is_known_by_its_items),
	};

	return cmocka_run_group_tests_name("completions", tests, NULL, NULL);
}
