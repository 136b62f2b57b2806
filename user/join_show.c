// SPDX-License-Identifier: GPL-2.0-only
#include "join_show.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cgroup.h"
#include "escape.h"
#include "fields.h"
#include "format.h"
#include "render_text.h"

#define SCHEMA 1 /* as in sink_json.c */

/* ---- what the lines have ----------------------------------------------------------------- */

/* It has been parsed before, so it can be; NULL: out of memory. */
static struct json_object *object_of(const struct join_record *r)
{
	return json_tokener_parse(r->text);
}

/* "" if it is not there. */
static const char *string_of(struct json_object *o, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(o, name, &value) ||
	    !json_object_is_type(value, json_type_string))
		return "";
	return json_object_get_string(value);
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *digit = c ? strchr(digits, c) : NULL;

	return digit ? (int)(digit - digits) : -1;
}

/* What escape_utf8() made, back to the bytes; cut to fit size. Returns how many there are. */
static size_t unescape(char *out, size_t size, const char *s)
{
	size_t n = 0;

	while (*s && n < size) {
		if (s[0] == '\\' && s[1] == 'x' && hex_digit(s[2]) >= 0 && hex_digit(s[3]) >= 0) {
			out[n++] = hex_digit(s[2]) << 4 | hex_digit(s[3]);
			s += 4;
		} else {
			out[n++] = *s++;
		}
	}
	return n;
}

/* ---- text -------------------------------------------------------------------------------- */

static void show_process(char out[PROCESS_SIZE], struct json_object *o)
{
	struct owner owner = {};
	struct json_object *pid;

	if (json_object_object_get_ex(o, "pid", &pid))
		owner.pid = json_object_get_int64(pid);
	unescape(owner.comm, sizeof(owner.comm), string_of(o, "comm"));
	format_process(out, &owner);
}

/* A name that is any bytes, if it is there. */
static void show_name(FILE *out, const char *separator, const char *what, const char *name)
{
	char bytes[CGROUP_NAME_LEN], text[ESCAPED_SIZE(CGROUP_NAME_LEN)];

	if (!*name)
		return;
	escape_text(text, sizeof(text), bytes, unescape(bytes, sizeof(bytes), name));
	fprintf(out, "%s%s %s", separator, what, text);
}

static void show_homes(FILE *out, const char *separator, struct json_object *o, const char *host)
{
	show_name(out, separator, "unit", string_of(o, "unit"));
	show_name(out, separator, "container", string_of(o, "container"));
	show_name(out, separator, "host", host);
}

static const char *host_of(const struct join *join, const struct join_record *r)
{
	return r->host < 0 ? "" : join->hosts[r->host];
}

static void format_ends(char *out, size_t size, const struct tuple *t)
{
	char local[ENDPOINT_SIZE], remote[ENDPOINT_SIZE];

	format_local(local, t);
	format_remote(remote, t);
	snprintf(out, size, "%s -> %s", local, remote);
}

/* Through NAT the other host saw other addresses: they are said. */
static void show_other_end(FILE *out, const struct join_record *other, struct json_object *o,
			   const char *host, bool nat)
{
	char process[PROCESS_SIZE], ends[2 * ENDPOINT_SIZE + 4];
	enum verdict verdict = verdict_named(string_of(o, "verdict"));

	show_process(process, o);
	fprintf(out, "; other end%s: %s %s", nat ? ", through NAT" : "", process,
		verdict == VERDICT_COUNT ? "?" : verdict_text(verdict)->name);
	show_homes(out, ", ", o, host);
	if (!nat)
		return;
	format_ends(ends, sizeof(ends), &other->e.tuple);
	fprintf(out, ", there %s", ends);
}

static void show_words(FILE *out, const struct join *join, const struct join_record *r,
		       struct json_object *o)
{
	const char *words = string_of(o, "words");
	char text[ESCAPED_SIZE(VALUE_TEXT_SIZE / 4)];
	struct json_object *other;

	escape_utf8(text, sizeof(text), words, strlen(words));
	fputs(text, out);
	show_homes(out, "; ", o, host_of(join, r));
	if (r->other) {
		other = object_of(r->other);
		show_other_end(out, r->other, other, host_of(join, r->other), r->through_nat);
		json_object_put(other);
	} else if (json_object_object_get_ex(o, "other_end", &other)) {
		show_other_end(out, NULL, other, string_of(other, "host"), false);
	}
}

void join_show_text(FILE *out, const struct join *join, const struct join_record *r)
{
	struct text_line line = { .verdict = r->verdict };
	struct json_object *o = object_of(r);
	FILE *words = fmemopen(line.words, sizeof(line.words) - 1, "w");

	format_wall(line.when, r->e.time_ns - join->files[r->file].clock_ahead_ns);
	show_process(line.process, o);
	format_ends(line.tuple, sizeof(line.tuple), &r->e.tuple);
	if (words) {
		show_words(words, join, r, o);
		fclose(words);
	}
	text_line(out, &line);
	json_object_put(o);
}

/* ---- JSON -------------------------------------------------------------------------------- */

#define PLAIN (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

static void put(FILE *out, struct json_object *o)
{
	fputs(json_object_to_json_string_ext(o, PLAIN), out);
}

/* What is told of other ends, and where that one was. */
static bool is_of_other_end(const char *name)
{
	static const char *const ends[] = { "local_address", "local_port", "remote_address",
					    "remote_port" };

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (!strcmp(name, ends[i]))
			return true;
	for (unsigned int f = 0; f < field_count(); f++)
		if (!strcmp(name, field_name(f)))
			return field_is_of_other_end(f);
	return false;
}

static void put_other_end(FILE *out, const struct join *join, const struct join_record *r)
{
	struct json_object *other = object_of(r->other), *told = json_object_new_object();

	json_object_object_foreach(other, name, value) if (is_of_other_end(name))
		json_object_object_add(told, name, json_object_get(value));
	if (r->other->host >= 0)
		json_object_object_add(told, "host",
				       json_object_new_string(host_of(join, r->other)));
	if (r->through_nat)
		json_object_object_add(told, "through_nat", json_object_new_boolean(1));
	fputs(",\"other_end\":", out);
	put(out, told);
	json_object_put(told);
	json_object_put(other);
}

static void put_host(FILE *out, const struct join *join, const struct join_record *r)
{
	struct json_object *o = object_of(r), *host;

	if (r->host >= 0 && !json_object_object_get_ex(o, "host", NULL)) {
		host = json_object_new_string(host_of(join, r));
		fputs(",\"host\":", out);
		put(out, host);
		json_object_put(host);
	}
	json_object_put(o);
}

/* What is added stands before its last brace. */
void join_show_json(FILE *out, const struct join *join, const struct join_record *r)
{
	fwrite(r->text, 1, strlen(r->text) - 1, out);
	if (r->other)
		put_other_end(out, join, r);
	put_host(out, join, r);
	fputs("}\n", out);
}

static void add_number(struct json_object *o, const char *name, uint64_t number)
{
	json_object_object_add(o, name, json_object_new_uint64(number));
}

static struct json_object *file_object(const struct join_file *f)
{
	struct json_object *o = json_object_new_object();
	size_t size = ESCAPED_SIZE(strlen(f->name));
	char *name = malloc(size);

	if (name)
		escape_utf8(name, size, f->name, strlen(f->name));
	json_object_object_add(o, "file", json_object_new_string(name ? name : ""));
	free(name);
	add_number(o, "records", f->records);
	add_number(o, "withheld", f->withheld);
	add_number(o, "bad_lines", f->bad);
	if (f->clock_known) {
		json_object_object_add(o, "clock_ahead_ns",
				       json_object_new_int64(f->clock_ahead_ns));
		add_number(o, "clock_connections", f->clock_samples);
	}
	return o;
}

void join_show_head(FILE *out, const struct join *join, const struct join_totals *totals)
{
	struct json_object *o = json_object_new_object(), *files = json_object_new_array();

	json_object_object_add(o, "type", json_object_new_string("join"));
	add_number(o, "schema", SCHEMA);
	json_object_object_add(o, "version", json_object_new_string(TCPWHY_VERSION));
	for (unsigned int i = 0; i < join->file_count; i++)
		json_object_array_add(files, file_object(&join->files[i]));
	json_object_object_add(o, "files", files);
	add_number(o, "joined", totals->joined);
	add_number(o, "through_nat", totals->through_nat);
	add_number(o, "joined_before", totals->was_joined);
	add_number(o, "doubtful", totals->doubtful);
	put(out, o);
	fputc('\n', out);
	json_object_put(o);
}
