// SPDX-License-Identifier: GPL-2.0-only
/* Any line of a log leads to a verdict, an error, or nothing. */
#include "fuzz.h"

#include "explain.h"
#include "pages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int loaded;
	char *text = malloc(size + 1);

	must(text);
	if (!loaded)
		must(!pages_load());
	loaded = 1;
	memcpy(text, data, size);
	text[size] = '\0';
	must(explain_find_verdict(text) <= VERDICT_COUNT);
	must(explain_nearest(text) < VERDICT_COUNT);
	explain_find_error(text);
	free(text);
	return 0;
}
