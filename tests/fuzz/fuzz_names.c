// SPDX-License-Identifier: GPL-2.0-only
/* Names that others choose: escaped, and paths of cgroups. */
#include "fuzz.h"

#include <locale.h>
#include <wchar.h>

#include "cgroup.h"
#include "escape.h"

#define SIZE 256

typedef void (*escape_fn)(char *out, size_t size, const char *s, size_t n);

/* Whatever the room for it: terminated, within it, and without what is forbidden. */
static void escapes(escape_fn escape, const char *s, size_t n, const char *forbidden, size_t size)
{
	char out[ESCAPED_SIZE(SIZE)];

	memset(out, 'x', sizeof(out));
	escape(out, size, s, n);
	must(memchr(out, '\0', size));
	must(is_harmless(out, strlen(out)));
	must(!strpbrk(out, forbidden));
	for (size_t i = size; i < sizeof(out); i++)
		must(out[i] == 'x');
}

static int is_valid_utf8(const char *text)
{
	mbstate_t state = {};

	return mbsrtowcs(NULL, &text, 0, &state) != (size_t)-1;
}

static void utf8_is_valid(const char *s, size_t n, size_t size)
{
	char out[ESCAPED_SIZE(SIZE)];

	escape_utf8(out, size, s, n);
	must(is_valid_utf8(out));
}

static void cgroup_has_a_name_or_is_plain(const char *s, size_t n)
{
	struct cgroup_home home;
	char path[SIZE + 1] = "";

	memcpy(path, s, n);
	cgroup_parse(&home, path);
	must(home.kind == CGROUP_PLAIN || (*home.name && memchr(home.name, 0, sizeof(home.name))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t room, n = size < SIZE ? size : SIZE;
	char *s;

	if (!setlocale(LC_CTYPE, "C.UTF-8") || !size)
		return 0;
	n--;
	room = data[0] % 2 ? ESCAPED_SIZE(SIZE) : 1 + data[0] / 2;
	s = malloc(n + 1); /* of this size, so that a look behind it is seen */
	must(s);
	memcpy(s, data + 1, n);
	escapes(escape_text, s, n, "", room);
	escapes(escape_item, s, n, "=,[ ", room);
	escapes(escape_utf8, s, n, "", room);
	utf8_is_valid(s, n, room);
	cgroup_has_a_name_or_is_plain(s, n);
	free(s);
	return 0;
}
