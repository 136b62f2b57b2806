// SPDX-License-Identifier: GPL-2.0-only
#include "packed.h"

#include <stdint.h>
#include <stdlib.h>

#include <zlib.h>

#define EMBED(name)                                                                                \
	__asm__(".pushsection .rodata\n" #name ": .incbin \"" PACKED_IN "/" #name ".gz\"\n" #name  \
		"_end:\n.popsection\n");                                                           \
	extern const unsigned char name[], name##_end[]

EMBED(typed);
EMBED(probes);
EMBED(snapshot);
EMBED(pages);

static const struct {
	const unsigned char *begin, *end;
} files[] = {
	[PACKED_TYPED] = { typed, typed_end },
	[PACKED_PROBES] = { probes, probes_end },
	[PACKED_SNAPSHOT] = { snapshot, snapshot_end },
	[PACKED_PAGES] = { pages, pages_end },
};

#define GZIP_FORMAT 16 /* added to the bits of the window: inflateInit2() */

/* RFC 1952: ISIZE, the last four bytes, least significant first. */
static uint32_t unpacked_size(enum packed what)
{
	const unsigned char *last = files[what].end - 4;

	return last[0] | last[1] << 8 | last[2] << 16 | (uint32_t)last[3] << 24;
}

static int unpack_to(unsigned char *to, size_t size, enum packed what)
{
	z_stream stream = {
		.next_in = (unsigned char *)files[what].begin,
		.avail_in = files[what].end - files[what].begin,
		.next_out = to,
		.avail_out = size,
	};
	int err = inflateInit2(&stream, MAX_WBITS + GZIP_FORMAT);

	if (err != Z_OK)
		return -1;
	err = inflate(&stream, Z_FINISH);
	inflateEnd(&stream);
	return err == Z_STREAM_END ? 0 : -1;
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
