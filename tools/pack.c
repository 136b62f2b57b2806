// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compresses a file, as what differs from another one if there is one: LZMA2 that begins with the
 * other one in its window. Behind it are the four bytes of the size, least significant first.
 * user/packed.c unpacks it.
 *
 *     pack FILE [OTHER] > PACKED
 */
#include <lzma.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "packed.h"

#define ROOM (4U << 20) /* bytes of a file, and of it packed */

static void die(const char *what)
{
	fprintf(stderr, "pack: %s\n", what);
	exit(1);
}

static uint8_t *read_file(const char *path, size_t *size)
{
	uint8_t *bytes = malloc(ROOM);
	FILE *file = fopen(path, "rb");

	if (!file || !bytes)
		die(path);
	*size = fread(bytes, 1, ROOM, file);
	if (ferror(file) || !feof(file))
		die(path);
	fclose(file);
	return bytes;
}

int main(int argc, char **argv)
{
	static uint8_t out[ROOM];
	lzma_options_lzma options;
	lzma_filter filters[] = { { LZMA_FILTER_LZMA2, &options }, { LZMA_VLI_UNKNOWN, NULL } };
	size_t size, other_size = 0, out_size = 0;
	uint8_t *file, *other = NULL;

	if (argc < 2 || argc > 3)
		die("usage: pack FILE [OTHER]");
	file = read_file(argv[1], &size);
	if (argc == 3)
		other = read_file(argv[2], &other_size);
	if (lzma_lzma_preset(&options, 9 | LZMA_PRESET_EXTREME))
		die("no such preset");
	options.dict_size = PACKED_WINDOW;
	options.preset_dict = other;
	options.preset_dict_size = other_size;
	if (size + other_size > PACKED_WINDOW)
		die("PACKED_WINDOW is too small");
	if (lzma_raw_buffer_encode(filters, NULL, file, size, out, &out_size, ROOM) != LZMA_OK)
		die("cannot compress");
	for (int byte = 0; byte < 4; byte++)
		out[out_size++] = size >> 8 * byte;
	if (fwrite(out, 1, out_size, stdout) != out_size || fflush(stdout))
		die("cannot write");
	free(file);
	free(other);
	return 0;
}
