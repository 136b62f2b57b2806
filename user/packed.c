// SPDX-License-Identifier: GPL-2.0-only
#include "packed.h"

#include <stdint.h>
#include <stdlib.h>

#include <lzma.h>

/*
 * The size comes last: four bytes, least significant first. Hidden: else arm64 takes the addresses
 * from its GOT, where the linker has one of a section only.
 */
#define HIDDEN __attribute__((visibility("hidden")))
#define EMBED(name, file)                                                                          \
	__asm__(".pushsection .rodata\n" #name ": .incbin \"" PACKED_IN "/" file "\"\n.set " #name \
		"_size, . - 4\n.popsection\n");                                                    \
	extern const unsigned char name[] HIDDEN, name##_size[] HIDDEN

EMBED(typed, "typed.packed");
EMBED(probes, "probes.packed");
EMBED(snapshot, "snapshot.packed");
EMBED(pages, "pages.packed");

static const struct {
	const unsigned char *begin, *size;
} files[] = {
	[PACKED_TYPED] = { typed, typed_size },
	[PACKED_PROBES] = { probes, probes_size },
	[PACKED_SNAPSHOT] = { snapshot, snapshot_size },
	[PACKED_PAGES] = { pages, pages_size },
};

static uint32_t unpacked_size(enum packed what)
{
	const unsigned char *size = files[what].size;

	return size[0] | size[1] << 8 | size[2] << 16 | (uint32_t)size[3] << 24;
}

/* tools/pack.c */
static int decode_to(unsigned char *to, size_t size, enum packed what, const void *other,
		     size_t other_size)
{
	lzma_options_lzma options = {
		.dict_size = PACKED_WINDOW,
		.preset_dict = other,
		.preset_dict_size = other_size,
	};
	lzma_filter filters[] = { { LZMA_FILTER_LZMA2, &options }, { LZMA_VLI_UNKNOWN, NULL } };
	size_t in_at = 0, out_at = 0;

	if (lzma_raw_buffer_decode(filters, NULL, files[what].begin, &in_at,
				   files[what].size - files[what].begin, to, &out_at,
				   size) != LZMA_OK)
		return -1;
	return out_at == size ? 0 : -1;
}

static int decode_difference_to(unsigned char *to, size_t size, enum packed what)
{
	size_t other_size = unpacked_size(PACKED_TYPED);
	unsigned char *other = malloc(other_size);
	int err = -1;

	if (other && !decode_to(other, other_size, PACKED_TYPED, NULL, 0))
		err = decode_to(to, size, what, other, other_size);
	free(other);
	return err;
}

static int unpack_to(unsigned char *to, size_t size, enum packed what)
{
	switch (what) {
	case PACKED_TYPED:
	case PACKED_PAGES:
		return decode_to(to, size, what, NULL, 0);
	default:
		return decode_difference_to(to, size, what);
	}
}

void *unpack(enum packed what, size_t *size)
{
	size_t expected = unpacked_size(what);
	unsigned char *to = malloc(expected + 1);

	if (!to || unpack_to(to, expected, what)) {
		free(to);
		return NULL;
	}
	to[expected] = '\0';
	*size = expected;
	return to;
}
