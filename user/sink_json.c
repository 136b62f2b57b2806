// SPDX-License-Identifier: GPL-2.0-only
/*
 * JSON Lines: one object a line, as record.schema.json has it. Names of processes and cgroups are
 * any bytes, and come through escape_utf8().
 */
#include <stdio_ext.h>

#include "cgroup.h"
#include "clock.h"
#include "counts.h"
#include "escape.h"
#include "host.h"
#include "json.h"
#include "sink.h"
#include "timeline.h"

#define SCHEMA    1 /* changes when a field goes or changes its meaning; new ones may come without */
#define PROCESSES 5     /* of a verdict that are named in a row or the summary */
#define LINE_SIZE 32768 /* no line is longer */

/* ---- lines ------------------------------------------------------------------------------- */

/* So that no line is torn, those that wait in the buffer make room for it first. */
static struct json begin_line(struct sink *sink)
{
	struct json j = { .out = sink->out };

	if (__fbufsize(sink->out) - __fpending(sink->out) < LINE_SIZE)
		fflush(sink->out);
	json_open(&j, NULL, '{');
	return j;
}

static void end_line(struct json *j)
{
	json_close(j, '}');
	putc('\n', j->out);
}

static void put_bytes(struct json *j, const char *name, const char *bytes, size_t len)
{
	char text[ESCAPED_SIZE(CGROUP_NAME_LEN)];

	escape_utf8(text, sizeof(text), bytes, len);
	json_string(j, name, text);
}

static void put_time(struct json *j, uint64_t when)
{
	char text[RFC3339_SIZE];

	format_rfc3339(text, when);
	json_string(j, "time", text);
}

static struct json begin_timed(struct sink *sink, const char *type, uint64_t when)
{
	struct json j = begin_line(sink);

	json_string(&j, "type", type);
	put_time(&j, when);
	json_number(&j, "monotonic_ns", when);
	return j;
}

/* ---- deaths and incidents ---------------------------------------------------------------- */

static void put_other_end(struct json *j, const char *name, const struct evidence *e);

static void put_list(struct json *j, const char *name, const struct value *v)
{
	json_open(j, name, '[');
	for (size_t i = 0; i < v->n; i++)
		json_string(j, NULL, v->items[i]);
	json_close(j, ']');
}

/* A name in a file that a process runs: any bytes, and cut if it is very long. */
static void put_name(struct json *j, const char *name, const char *value)
{
	char text[ESCAPED_SIZE(FRAME_NAME_MAX)];

	if (!value)
		return;
	escape_utf8(text, sizeof(text), value, FRAME_NAME_MAX);
	json_string(j, name, text);
}

static void put_frame(struct json *j, const struct frame *f)
{
	json_open(j, NULL, '{');
	put_name(j, "function", f->function);
	put_name(j, "source", f->source);
	if (f->line)
		json_number(j, "line", f->line);
	put_name(j, "object", f->object);
	if (*f->build_id)
		json_string(j, "build_id", f->build_id);
	if (f->offset)
		json_number(j, "offset", f->offset);
	if (f->address)
		json_number(j, "address", f->address);
	json_close(j, '}');
}

static void put_stack(struct json *j, const char *name, const struct value *v)
{
	json_open(j, name, '[');
	for (size_t i = 0; i < v->n; i++)
		put_frame(j, &v->frames[i]);
	json_close(j, ']');
}

/* Nothing if it is unknown. */
/* NOLINTNEXTLINE(misc-no-recursion): the other end has no other end */
static void put_field(struct json *j, unsigned int field, const struct record *r)
{
	const char *name = field_name(field);
	struct value v;

	field_value(&v, field, r);
	switch (v.kind) {
	case VALUE_NONE:
		break;
	case VALUE_NUMBER:
		json_number(j, name, v.number);
		break;
	case VALUE_TEXT:
		json_string(j, name, v.text);
		break;
	case VALUE_BYTES:
		put_bytes(j, name, v.text, v.len);
		break;
	case VALUE_LIST:
		put_list(j, name, &v);
		break;
	case VALUE_TIME:
		put_time(j, v.number);
		break;
	case VALUE_STACK:
		put_stack(j, name, &v);
		break;
	case VALUE_OTHER_END:
		put_other_end(j, name, r->other);
		break;
	}
}

/* NOLINTNEXTLINE(misc-no-recursion): as above */
static void put_other_end(struct json *j, const char *name, const struct evidence *e)
{
	const struct record r = { .e = e, .verdict = classify(&e->facts) };

	json_open(j, name, '{');
	for (unsigned int f = 0; f < field_count(); f++)
		if (field_is_of_other_end(f))
			put_field(j, f, &r);
	json_close(j, '}');
}

static void put_step(struct json *j, const struct step *step)
{
	static const char *const names[] = {
		[STEP_CONNECTED] = "connected",
		[STEP_SYN] = "syn",
		[STEP_DATA] = "data",
		[STEP_HEARD] = "heard",
		[STEP_FIN] = "fin",
		[STEP_WRITE] = "write",
		[STEP_AGAIN] = "retransmission",
		[STEP_PROBE] = "keepalive-probe",
		[STEP_ACCEPTED] = "accepted",
		[STEP_FULL] = "queue-full",
		[STEP_SEGMENT] = "segment",
		[STEP_CLOSED] = "closed",
		[STEP_END] = "end",
		[STEP_RST] = "rst",
		[STEP_ERROR] = "error",
	};
	char words[1024];

	json_open(j, NULL, '{');
	json_string(j, "step", names[step->kind]);
	if (step->dated)
		json_number(j, "monotonic_ns", step->time_ns);
	if (step->way != WAY_NONE)
		json_string(j, "way", step->way == WAY_OUT ? "out" : "in");
	if (step->bytes)
		json_number(j, "bytes", step->bytes);
	step_words(words, sizeof(words), step);
	if (*words)
		json_string(j, "words", words);
	json_close(j, '}');
}

static void put_timeline(struct json *j, const struct record *r, uint64_t since)
{
	struct step steps[TIMELINE_MAX];
	size_t n = timeline(steps, r->e, r->other, since);

	json_open(j, "timeline", '[');
	for (size_t i = 0; i < n; i++)
		put_step(j, &steps[i]);
	json_close(j, ']');
}

static void show_record(struct sink *sink, const struct record *r)
{
	const struct field_list *chosen = &sink->options->fields;
	struct json j = begin_line(sink);

	for (unsigned int i = 0; i < chosen->n; i++)
		put_field(&j, chosen->fields[i], r);
	for (unsigned int f = 0; f < field_count() && !chosen->n; f++)
		if (!field_is_extra(f))
			put_field(&j, f, r);
	if (sink->options->story == STORY_ALWAYS)
		put_timeline(&j, r, sink->since);
	end_line(&j);
}

/* ---- counters ---------------------------------------------------------------------------- */

static void put_share(struct json *j, const struct share *share)
{
	json_open(j, NULL, '{');
	json_number(j, "pid", share->owner.pid);
	put_bytes(j, "comm", share->owner.comm, sizeof(share->owner.comm));
	json_number(j, "count", share->n);
	json_close(j, '}');
}

static void put_verdict(struct json *j, enum verdict verdict, uint64_t count,
			const struct tally *tally)
{
	struct share top[PROCESSES];
	uint64_t others;
	size_t n = tally_top_of(tally, verdict, count, top, PROCESSES, &others);

	json_open(j, verdict_text(verdict)->name, '{');
	json_number(j, "count", count);
	json_open(j, "processes", '[');
	for (size_t i = 0; i < n; i++)
		put_share(j, &top[i]);
	json_close(j, ']');
	json_number(j, "others", others);
	json_close(j, '}');
}

static void put_counts(struct json *j, const struct capture_counts *c, const struct tally *tally)
{
	const struct totals t = counts_add_up(&c->counts);

	json_number(j, "deaths", t.orderly + t.unhealthy);
	json_number(j, "orderly", t.orderly);
	json_number(j, "unhealthy", t.unhealthy);
	json_number(j, "incidents", t.incidents);
	json_number(j, "segments_retransmitted", c->counts.other[COUNT_RETRANS]);
	json_number(j, "resets_sent", c->counts.other[COUNT_RESETS_SENT]);
	json_number(j, "resets_received", c->counts.other[COUNT_RESETS_RECEIVED]);
	json_number(j, "records_lost", c->counts.other[COUNT_LOST]);
	json_number(j, "records_thinned", counts_thinned(&c->counts));
	json_number(j, "records_rejected", c->rejected);
	json_number(j, "events_missed", c->missed);
	json_number(j, "system_calls_missed", c->counts.other[COUNT_CALLS_MISSED]);
	json_open(j, "verdicts", '{');
	for (int v = 0; v < VERDICT_COUNT; v++)
		if (c->counts.verdict[v])
			put_verdict(j, v, c->counts.verdict[v], tally);
	json_close(j, '}');
}

static void show_row(struct sink *sink, const struct row *row)
{
	struct json j = begin_timed(sink, "interval", row->until);

	json_number(&j, "duration_ns", row->duration_ns);
	put_counts(&j, row->added, row->tally);
	end_line(&j);
}

static void show_summary(struct sink *sink, const struct summary *s)
{
	struct json j = begin_timed(sink, "summary", monotonic_ns());

	json_number(&j, "duration_ns", s->watched_ns);
	put_counts(&j, s->total, s->tally);
	json_number(&j, "sockets_freed", s->total->counts.other[COUNT_DESTROYED]);
	end_line(&j);
}

/* ---- the rest ---------------------------------------------------------------------------- */

static void show_start(struct sink *sink)
{
	struct json j = begin_timed(sink, "start", monotonic_ns());
	const struct utsname *host = host_watched();

	json_number(&j, "schema", SCHEMA);
	json_string(&j, "version", TCPWHY_VERSION);
	put_bytes(&j, "host", host->nodename, sizeof(host->nodename));
	put_bytes(&j, "kernel_release", host->release, sizeof(host->release));
	end_line(&j);
}

static void show_withheld(struct sink *sink, const struct withheld *w)
{
	struct json j = begin_timed(sink, "withheld", w->until);

	json_string(&j, "verdict", verdict_text(w->verdict)->name);
	json_number(&j, "count", w->n);
	end_line(&j);
}

const struct sink_ops json_sink = {
	.start = show_start,
	.record = show_record,
	.row = show_row,
	.withheld = show_withheld,
	.summary = show_summary,
};
