/* SPDX-License-Identifier: GPL-2.0-only */
/* What cmocka lacks: checks that show what was seen beside what was expected. */
#ifndef TCPWHY_EXPECT_H
#define TCPWHY_EXPECT_H

/* cmocka.h needs these four before it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "verdict.h"

/* The facts are judged so. */
#define expect_verdict(facts, expected) expect_verdict_at(facts, expected, __FILE__, __LINE__)

/* The facts are judged in any way but this one. */
#define expect_other_verdict(facts, wrong) expect_other_verdict_at(facts, wrong, __FILE__, __LINE__)

/* The text has this part; or has it not. */
#define expect_part(text, part)    expect_part_at(text, part, 1, __FILE__, __LINE__)
#define expect_no_part(text, part) expect_part_at(text, part, 0, __FILE__, __LINE__)

/* Unsigned numbers, in decimal where cmocka would show hexadecimal. */
#define expect_number(seen, expected) expect_number_at(seen, expected, __FILE__, __LINE__)
#define expect_at_most(seen, limit)   expect_at_most_at(seen, limit, __FILE__, __LINE__)

static inline void expect_verdict_at(const struct facts *f, enum verdict expected, const char *file,
				     int line)
{
	enum verdict seen = classify(f);

	if (seen == expected)
		return;
	print_error("verdict seen: %s, expected: %s\n", verdict_text(seen)->name,
		    verdict_text(expected)->name);
	_fail(file, line);
}

static inline void expect_other_verdict_at(const struct facts *f, enum verdict wrong,
					   const char *file, int line)
{
	if (classify(f) != wrong)
		return;
	print_error("verdict seen: %s, expected: any other\n", verdict_text(wrong)->name);
	_fail(file, line);
}

static inline void expect_part_at(const char *text, const char *part, int present, const char *file,
				  int line)
{
	if (!!strstr(text, part) == present)
		return;
	print_error("seen: '%s', expected it %s '%s'\n", text, present ? "with" : "without", part);
	_fail(file, line);
}

static inline void expect_number_at(uint64_t seen, uint64_t expected, const char *file, int line)
{
	if (seen == expected)
		return;
	print_error("seen: %llu, expected: %llu\n", (unsigned long long)seen,
		    (unsigned long long)expected);
	_fail(file, line);
}

static inline void expect_at_most_at(uint64_t seen, uint64_t limit, const char *file, int line)
{
	if (seen <= limit)
		return;
	print_error("seen: %llu, expected: %llu at most\n", (unsigned long long)seen,
		    (unsigned long long)limit);
	_fail(file, line);
}

#endif
