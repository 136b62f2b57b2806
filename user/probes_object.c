// SPDX-License-Identifier: GPL-2.0-only
#include "probes_object.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

/* PROBES_GZ is a file, made by gzip -n. */
__asm__(".pushsection .rodata\n"
	"probes_gz: .incbin \"" PROBES_GZ "\"\n"
	"probes_gz_end:\n"
	".popsection\n");

extern const unsigned char probes_gz[], probes_gz_end[];

#define GZIP_FORMAT 16 /* added to the bits of the window: inflateInit2() */

/* RFC 1952: ISIZE, the last four bytes, least significant first. */
static uint32_t inflated_size(void)
{
	const unsigned char *last = &probes_gz[probes_gz_end - probes_gz - 4];

	return last[0] | last[1] << 8 | last[2] << 16 | (uint32_t)last[3] << 24;
}

void *probes_object(size_t *size)
{
	size_t expected = inflated_size();
	unsigned char *object = malloc(expected);
	z_stream stream = {
		.next_in = (unsigned char *)probes_gz,
		.avail_in = probes_gz_end - probes_gz,
		.next_out = object,
		.avail_out = expected,
	};
	int err;

	if (!object || inflateInit2(&stream, MAX_WBITS + GZIP_FORMAT) != Z_OK) {
		free(object);
		return NULL;
	}
	err = inflate(&stream, Z_FINISH);
	inflateEnd(&stream);
	if (err != Z_STREAM_END) {
		free(object);
		return NULL;
	}
	*size = expected;
	return object;
}
