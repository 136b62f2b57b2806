// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tcpwhy -j is said to have written on two hosts, whatever it is: it is read, joined and told
 * without harm. A zero byte in the input is where the second file begins.
 */
#include "fuzz.h"

#include <json-c/json.h>

#include "classify.h"
#include "format.h"
#include "join_clock.h"
#include "join_match.h"
#include "join_read.h"
#include "join_show.h"

static void read_one(struct join *join, unsigned int file, const uint8_t *bytes, size_t size)
{
	FILE *in = size ? fmemopen((void *)bytes, size, "r") : NULL;

	if (!in)
		return;
	must(!join_read(join, file, in));
	must(is_harmless(join->files[file].first_bad_why, strlen(join->files[file].first_bad_why)));
	fclose(in);
}

/*
 * Who has another end is itself that one's, or another record of the same connection is: one end
 * may have a death and segments, and each of them names the other end's death.
 */
static bool is_mutual(const struct join_record *r)
{
	const struct join_record *back = r->other->other;

	return back && !memcmp(&back->e.tuple, &r->e.tuple, sizeof(r->e.tuple));
}

/* Both ends know of each other; and each record's line is one. */
static void records_are_whole(const struct join *join)
{
	for (size_t i = 0; i < join->record_count; i++) {
		const struct join_record *r = &join->records[i];
		struct json_object *object;
		char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);

		must(out && (!r->other || is_mutual(r)));
		join_show_text(out, join, r);
		fclose(out);
		must(size > 1 && text[size - 1] == '\n' && is_harmless(text, size - 1));
		free(text);
		out = open_memstream(&text, &size);
		join_show_json(out, join, r);
		fclose(out);
		must(size > 1 && text[size - 1] == '\n' && is_harmless(text, size - 1));
		object = json_tokener_parse(text);
		must(object);
		json_object_put(object);
		free(text);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct join_file files[2] = { { .name = "a" }, { .name = "b" } };
	struct join join = { .files = files, .file_count = 2 };
	const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
	size_t first = zero ? (size_t)(zero - data) : size;
	uint64_t doubtful;

	read_one(&join, 0, data, first);
	if (zero)
		read_one(&join, 1, zero + 1, size - first - 1);
	must(!join_match(&join, &doubtful));
	must(!join_clocks(&join));
	records_are_whole(&join);
	join_free(&join);
	return 0;
}
