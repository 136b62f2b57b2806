/* SPDX-License-Identifier: GPL-2.0-only */
/* What the fuzzers share. */
#ifndef TCPWHY_FUZZ_H
#define TCPWHY_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What libFuzzer calls, with each input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the run: libFuzzer then saves the input that led here. */
#define must(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: must be: %s\n", __FILE__, __LINE__, #condition);   \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* Takes the next bytes of the input; zeros, when there are no more. */
struct input {
	const uint8_t *data;
	size_t left;
};

static inline void take(struct input *in, void *to, size_t size)
{
	size_t n = size < in->left ? size : in->left;

	memset(to, 0, size);
	if (n)
		memcpy(to, in->data, n);
	in->data += n;
	in->left -= n;
}

/* Nothing that acts on a terminal: printable ASCII, and UTF-8 beyond the C1 controls. */
static inline int is_harmless(const char *text, size_t n)
{
	const unsigned char *c = (const unsigned char *)text;

	for (size_t i = 0; i < n; i++)
		if (c[i] < 0x20 || c[i] == 0x7f ||
		    (c[i] >= 0x80 && c[i] < 0xa0 && (!i || c[i - 1] == 0xc2 || c[i - 1] < 0x80)))
			return 0;
	return 1;
}

#endif
