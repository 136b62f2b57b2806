// SPDX-License-Identifier: GPL-2.0-only
#include "join_read.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "array.h"
#include "escape.h"

#define SCHEMA 1 /* of the objects that are understood: sink_json.c */

struct reader {
	struct join *join;
	struct join_file *file;
	unsigned int number; /* of the file */
	int host;            /* that the last start said; -1: none has */
	bool other_schema;   /* that start is of another version */
	char *line;          /* JOIN_LINE_MAX bytes, and a NUL */
	size_t len;
	struct json_tokener *tokener;
};

/* Notes what is wrong with the line. Always returns -1. */
__attribute__((format(printf, 2, 3))) static int bad(struct reader *r, const char *format, ...)
{
	struct join_file *file = r->file;
	va_list args;

	if (file->bad++)
		return -1;
	file->first_bad = file->lines;
	va_start(args, format);
	vsnprintf(file->first_bad_why, sizeof(file->first_bad_why), format, args);
	va_end(args);
	return -1;
}

/* ---- values ------------------------------------------------------------------------------ */

/* NULL: it is not there, or no string. */
static const char *string_of(struct json_object *o, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(o, name, &value) ||
	    !json_object_is_type(value, json_type_string))
		return NULL;
	return json_object_get_string(value);
}

/* -1: it is not there, or no whole number up to max. */
static int number_of(struct json_object *o, const char *name, uint64_t max, uint64_t *number)
{
	struct json_object *value;

	if (!json_object_object_get_ex(o, name, &value) ||
	    !json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
		return -1;
	*number = json_object_get_uint64(value);
	return *number > max ? -1 : 0;
}

/* 0 if it is not there: only what has sequence numbers is asked for them. */
static uint32_t u32_of(struct json_object *o, const char *name)
{
	uint64_t number;

	return number_of(o, name, UINT32_MAX, &number) ? 0 : number;
}

/* Each 0 of the form stands for a digit, all else for itself. */
static bool has_form(const char *text, const char *form)
{
	for (; *form; text++, form++)
		if (*form == '0' ? !isdigit((unsigned char)*text) : *text != *form)
			return false;
	return !*text;
}

/* RFC 3339 as tcpwhy writes it: in UTC, with nanoseconds. */
static int time_of(struct json_object *o, __u64 *wall)
{
	const char *text = string_of(o, "time");
	struct tm tm = {}, given;
	unsigned long long ns;

	/* strptime() would be 13 KB */
	if (!text || !has_form(text, "0000-00-00T00:00:00.000000000Z") ||
	    sscanf(text, "%d-%d-%dT%d:%d:%d.%llu", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ns) != 7)
		return -1;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	given = tm;
	*wall = timegm(&tm) * 1000000000ULL + ns;
	/* what is not on the calendar has become another day */
	if (memcmp(&tm, &given, offsetof(struct tm, tm_wday)))
		return -1;
	return tm.tm_year >= 70 && tm.tm_year < 300 ? 0 : -1;
}

static int address_of(struct json_object *o, const char *name, uint8_t address[16], int *family)
{
	const char *text = string_of(o, name);

	if (!text)
		return -1;
	*family = strchr(text, ':') ? AF_INET6 : AF_INET;
	return inet_pton(*family, text, address) == 1 ? 0 : -1;
}

/* A listener that dropped SYNs has no remote end: its port stays 0. */
static int tuple_of(struct json_object *o, struct tuple *t)
{
	int family, remote_family;
	uint64_t port;

	if (address_of(o, "local_address", t->laddr, &family) ||
	    number_of(o, "local_port", UINT16_MAX, &port))
		return -1;
	t->family = family;
	t->lport = port;
	if (number_of(o, "remote_port", UINT16_MAX, &port))
		return 0;
	t->rport = port;
	return address_of(o, "remote_address", t->raddr, &remote_family) || remote_family != family;
}

/* Names as fields.c has them; which it is of all others, makes no difference here. */
static void facts_of(struct json_object *o, struct facts *f)
{
	const char *event = string_of(o, "event"), *socket = string_of(o, "socket");
	const char *state = string_of(o, "state");
	struct json_object *flags;

	f->event = !event                       ? EVENT_CALL
		   : !strcmp(event, "death")    ? EVENT_DEATH
		   : !strcmp(event, "reset")    ? EVENT_RESET
		   : !strcmp(event, "ack-drop") ? EVENT_ACK_DROP
						: EVENT_CALL;
	f->socket = socket && !strcmp(socket, "full") ? SOCKET_FULL : SOCKET_NONE;
	f->state = state && !strcmp(state, "FIN_WAIT2") ? ST_FIN_WAIT2 : ST_ESTABLISHED;
	if (state && !strcmp(state, "SYN_SENT"))
		f->state = ST_SYN_SENT;
	if (!json_object_object_get_ex(o, "flags", &flags) ||
	    !json_object_is_type(flags, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(flags); i++) {
		const char *flag = json_object_get_string(json_object_array_get_idx(flags, i));

		if (flag && !strcmp(flag, "fin-received"))
			f->flags |= FACT_PEER_FIN;
	}
}

/* ---- hosts ------------------------------------------------------------------------------- */

/* Its number; -1: out of memory. */
static int host_number(struct join *join, const char *name)
{
	char **hosts;

	for (int i = 0; i < join->host_count; i++)
		if (!strcmp(join->hosts[i], name))
			return i;
	hosts = realloc(join->hosts, (join->host_count + 1) * sizeof(*hosts));
	if (!hosts)
		return -1;
	join->hosts = hosts;
	hosts[join->host_count] = strdup(name);
	return hosts[join->host_count] ? join->host_count++ : -1;
}

/* What was joined before says for itself where it is from. */
static int host_of(struct reader *r, struct json_object *o)
{
	const char *name = string_of(o, "host");

	return name ? host_number(r->join, name) : r->host;
}

/* ---- objects ----------------------------------------------------------------------------- */

/* Room for one more, all zeroes; NULL: out of memory. */
static struct join_record *new_record(struct join *join)
{
	size_t room = join->record_room ? 2 * join->record_room : 64;
	struct join_record *records;

	if (join->record_count == join->record_room) {
		records = realloc(join->records, room * sizeof(*records));
		if (!records)
			return NULL;
		join->records = records;
		join->record_room = room;
	}
	memset(&join->records[join->record_count], 0, sizeof(*records));
	return &join->records[join->record_count];
}

static int read_record(struct reader *r, struct json_object *o)
{
	const char *verdict = string_of(o, "verdict");
	struct join_record record = { .file = r->number };
	struct join_record *place;

	if (r->other_schema)
		return bad(r, "a record of another version's schema than %d", SCHEMA);
	if (time_of(o, &record.e.time_ns) || tuple_of(o, &record.e.tuple) || !verdict ||
	    !string_of(o, "words"))
		return bad(r, "a record without its time, verdict, words or addresses; "
			      "it takes what tcpwhy -j writes without --fields");
	record.verdict = verdict_named(verdict);
	if (record.verdict == VERDICT_COUNT)
		return bad(r, "a verdict that this version does not know");
	facts_of(o, &record.e.facts);
	record.e.snd_una = u32_of(o, "snd_una");
	record.e.snd_nxt = u32_of(o, "snd_nxt");
	record.e.rcv_nxt = u32_of(o, "rcv_nxt");
	record.e.seg_seq = u32_of(o, "segment_seq");
	record.e.facts.srtt_us = u32_of(o, "srtt_us");
	record.was_joined = json_object_object_get_ex(o, "other_end", NULL);
	record.host = host_of(r, o);
	place = new_record(r->join);
	record.text = place ? strndup(r->line, r->len) : NULL;
	if (!record.text)
		return -ENOMEM;
	*place = record;
	r->join->record_count++;
	r->file->records++;
	return 0;
}

static int read_start(struct reader *r, struct json_object *o)
{
	const char *host = string_of(o, "host");
	uint64_t schema = 0;

	number_of(o, "schema", UINT64_MAX, &schema);
	r->other_schema = schema != SCHEMA;
	r->host = host ? host_number(r->join, host) : -1;
	return 0;
}

/* By its type; what else tcpwhy writes has nothing to join. */
static int read_object(struct reader *r, struct json_object *o)
{
	static const char *const others[] = { "interval", "summary", "join" };
	const char *type = string_of(o, "type");
	uint64_t n = 0;

	if (!type)
		return bad(r, "no object of tcpwhy -j");
	if (!strcmp(type, "death") || !strcmp(type, "incident"))
		return read_record(r, o);
	if (!strcmp(type, "start"))
		return read_start(r, o);
	if (!strcmp(type, "withheld")) {
		number_of(o, "count", UINT64_MAX, &n);
		r->file->withheld += n;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (!strcmp(type, others[i]))
			return 0;
	return bad(r, "no object of tcpwhy -j");
}

/* ---- lines ------------------------------------------------------------------------------- */

static int read_json(struct reader *r)
{
	struct json_object *o;
	enum json_tokener_error error;
	int err;

	json_tokener_reset(r->tokener);
	o = json_tokener_parse_ex(r->tokener, r->line, r->len + 1); /* with its NUL */
	error = json_tokener_get_error(r->tokener);
	if (error == json_tokener_continue || error == json_tokener_error_parse_eof)
		err = bad(r, "the line is cut off");
	else if (error != json_tokener_success)
		err = bad(r, "no JSON: %s", json_tokener_error_desc(error));
	else if (!json_object_is_type(o, json_type_object))
		err = bad(r, "no object of tcpwhy -j");
	else
		err = read_object(r, o);
	json_object_put(o);
	return err;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Of a line that is too long the rest is read, and left. Returns false at the end of the file. */
static bool next_line(struct reader *r, FILE *in)
{
	size_t len = 0;
	int c;

	while ((c = getc_unlocked(in)) != EOF && c != '\n')
		if (len++ < JOIN_LINE_MAX)
			r->line[len - 1] = c;
	r->len = len < JOIN_LINE_MAX ? len : JOIN_LINE_MAX;
	while (r->len && r->len < JOIN_LINE_MAX && is_blank(r->line[r->len - 1]))
		r->len--;
	r->line[r->len] = '\0';
	if (c == EOF && !len)
		return false;
	r->file->lines++;
	return true;
}

static int read_line(struct reader *r)
{
	/* blank lines come when files are put together by hand, ours when collectors take stderr
	 * too */
	if (!r->len || !strncmp(r->line, "tcpwhy: ", 8))
		return 0;
	if (r->len == JOIN_LINE_MAX)
		return bad(r, "longer than any line of tcpwhy -j");
	if (memchr(r->line, '\0', r->len))
		return bad(r, "no JSON: it has a NUL in it");
	if (find_control(r->line, r->len) < r->len)
		return bad(r, "it has control characters, which tcpwhy -j never writes");
	return read_json(r);
}

int join_read(struct join *join, unsigned int file, FILE *in)
{
	struct reader r = {
		.join = join,
		.file = &join->files[file],
		.number = file,
		.host = -1,
		.line = malloc(JOIN_LINE_MAX + 1),
		.tokener = json_tokener_new(),
	};
	int err = r.line && r.tokener ? 0 : -ENOMEM;

	if (r.tokener)
		json_tokener_set_flags(r.tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	while (err != -ENOMEM && next_line(&r, in))
		err = read_line(&r);
	if (ferror(in))
		r.file->read_error = errno;
	if (r.tokener)
		json_tokener_free(r.tokener);
	free(r.line);
	return err == -ENOMEM ? -1 : 0;
}

void join_free(struct join *join)
{
	for (size_t i = 0; i < join->record_count; i++)
		free(join->records[i].text);
	for (int i = 0; i < join->host_count; i++)
		free(join->hosts[i]);
	free(join->records);
	free(join->hosts);
}
