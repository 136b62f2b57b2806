// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any command line: it is understood, or there is one line that says why not. Arguments are
 * separated by zero bytes.
 */
#include "fuzz.h"

#include <argp.h>

#include "options.h"

#define ARGS_MAX 16

/* --help, and what argp refuses, would end the program: linked with --wrap=argp_parse. */
error_t __wrap_argp_parse(const struct argp *argp, int argc, char **argv, unsigned int flags,
			  int *index, void *input);
error_t __real_argp_parse(const struct argp *argp, int argc, char **argv, unsigned int flags,
			  int *index, void *input);

error_t __wrap_argp_parse(const struct argp *argp, int argc, char **argv, unsigned int flags,
			  int *index, void *input)
{
	return __real_argp_parse(argp, argc, argv, flags | ARGP_SILENT, index, input);
}

static int split(char **argv, char *bytes, size_t size)
{
	int argc = 0;

	argv[argc++] = (char *)"tcpwhy";
	for (size_t i = 0; i < size && argc < ARGS_MAX; i += strlen(bytes + i) + 1)
		argv[argc++] = bytes + i;
	argv[argc] = NULL;
	return argc;
}

static void parse(int argc, char **argv)
{
	static struct options options;
	struct failure why = {};

	memset(&options, 0, sizeof(options));
	if (!options_parse(&options, argc, argv, &why))
		return;
	must(why.status > EXIT_FAILED && *why.text);
	must(is_harmless(why.text, strlen(why.text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[ARGS_MAX + 1], *bytes = malloc(size + 1);

	must(bytes);
	memcpy(bytes, data, size);
	bytes[size] = '\0';
	parse(split(argv, bytes, size), argv);
	free(bytes);
	return 0;
}
