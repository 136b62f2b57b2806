// SPDX-License-Identifier: GPL-2.0-only
/*
 * Recordings by libFuzzer: whatever is in a file, it is read, judged and told, as text and as JSON,
 * without harm. As a checksum would keep nearly all of it out, the first byte of an input says what
 * is to be done with the others: 0, they are the file; else they are items, in blocks of so many
 * times 64 bytes that are sound.
 */
#include "fuzz.h"

#include <zlib.h>

#include "sink.h"
#include "trace_reader.h"

#define ROOM (1 << 16)

static void tell(FILE *out, const struct evidence *e, const struct evidence *other)
{
	static struct options options;
	struct sink text = { .ops = &text_sink, .options = &options, .out = out };
	struct sink json = { .ops = &json_sink, .options = &options, .out = out };
	struct record r = { .e = e, .other = other, .verdict = classify(&e->facts) };

	text.ops->record(&text, &r);
	json.ops->record(&json, &r);
}

static void read_all(FILE *in)
{
	struct trace_reader *r = trace_reader_new(in, "input");
	FILE *out = fopen("/dev/null", "we");
	struct evidence last = {};
	const struct trace_item *item;
	struct failure why;

	while ((item = trace_next(r, &why))) {
		if (item->type != TRACE_EVIDENCE)
			continue;
		tell(out, &item->evidence, last.count ? &last : NULL);
		last = item->evidence;
	}
	must(!why.status || (why.status == EXIT_INPUT && *why.text));
	fclose(out);
	trace_reader_free(r);
}

static size_t make_block(uint8_t *out, const uint8_t *items, size_t size)
{
	struct trace_block b = { .version = TRACE_VERSION, .length = size };
	unsigned long stored = compressBound(size);

	memcpy(b.magic, TRACE_MAGIC, TRACE_MAGIC_SIZE);
	compress2(out + sizeof(b), &stored, items, size, 1);
	b.stored = stored;
	b.crc = crc32(0, (const uint8_t *)&b, offsetof(struct trace_block, crc));
	b.crc = crc32(b.crc, out + sizeof(b), stored);
	memcpy(out, &b, sizeof(b));
	return sizeof(b) + stored;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t file[2 * ROOM];
	size_t used = 0, step;
	FILE *in;

	if (size < 2 || size > ROOM / 2)
		return 0;
	step = data[0] * (size_t)64;
	data++;
	size--;
	if (!step) {
		memcpy(file, data, used = size);
	} else {
		for (size_t n; size && used < ROOM; data += n, size -= n) {
			n = size < step ? size : step;
			used += make_block(file + used, data, n);
		}
	}
	in = fmemopen(file, used, "r");
	read_all(in);
	fclose(in);
	return 0;
}
