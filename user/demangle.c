// SPDX-License-Identifier: GPL-2.0-only
#include "demangle.h"

#include <stdlib.h>
#include <string.h>

#define MANGLED_MAX 1024 /* longer ones are left alone */

/* Of libsupc++, which has no header for C: the Itanium C++ ABI has it. */
char *__cxa_demangle(const char *mangled, char *buffer, size_t *size, int *status);

char *demangle(const char *name)
{
	char *readable = NULL;

	if (!strncmp(name, "_Z", 2) && strnlen(name, MANGLED_MAX) < MANGLED_MAX)
		readable = __cxa_demangle(name, NULL, NULL, NULL);
	return readable ? readable : strdup(name);
}
