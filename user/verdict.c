// SPDX-License-Identifier: GPL-2.0-only
#include "verdict.h"

#include <string.h>

static const struct verdict_text texts[VERDICT_COUNT] = {
#define VERDICT(id, name, group, meaning, remedy)                                                  \
	[VERDICT_##id] = { name, GROUP_##group, meaning, remedy },
#include "verdicts.def"
#undef VERDICT
};

const struct verdict_text *verdict_text(enum verdict verdict)
{
	return &texts[verdict];
}

const char *verdict_group_name(enum verdict_group group)
{
	switch (group) {
	case GROUP_ORDERLY:
		return "orderly";
	case GROUP_HERE:
		return "ended here";
	case GROUP_RESET:
		return "reset by the other side";
	case GROUP_SILENCE:
		return "silence";
	case GROUP_INCIDENT:
		return "incident";
	case GROUP_UNKNOWN:
		return "unknown";
	}
	return "";
}

enum verdict verdict_named(const char *name)
{
	enum verdict verdict = 0;

	while (verdict < VERDICT_COUNT && strcmp(verdict_text(verdict)->name, name))
		verdict++;
	return verdict;
}
