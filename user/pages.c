// SPDX-License-Identifier: GPL-2.0-only
#include "pages.h"

#include "docs_pages.h" /* if page_... is missing here, docs/verdicts/ lacks that page */

static const char *const pages[VERDICT_COUNT] = {
#define VERDICT(id, name, group, meaning, remedy) [VERDICT_##id] = page_##id,
#include "verdicts.def"
#undef VERDICT
};

const char *page_of(enum verdict verdict)
{
	return pages[verdict];
}

const struct error_page *error_page(size_t i)
{
	return i < sizeof(errors) / sizeof(errors[0]) ? &errors[i] : NULL;
}
