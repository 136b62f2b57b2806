// SPDX-License-Identifier: GPL-2.0-only
#include "replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cgroup.h"
#include "clock.h"
#include "escape.h"
#include "host.h"
#include "trace_reader.h"
#include "watch.h"

struct replay {
	const struct options *options;
	struct trace_reader *reader;
	const struct trace_item *next; /* NULL: there is none */
	struct failure why;            /* for which there is none, status 0: all is read */
	struct trace_session session;
	struct trace_counts base;   /* at its beginning */
	struct trace_counts before; /* at the end of the block before the one that is read */
	struct trace_counts after;  /* at the end of that one */
	uint64_t now;
	uint64_t unknown; /* trace_unknown() at its beginning */
	bool based;       /* base is known */
	bool ended;       /* the session */
	struct capture_sink sink;
};

/* ---- counts ------------------------------------------------------------------------------ */

/* Those come ahead of their time: so the counts of any time are known from both sides. */
static void take_counts(struct replay *r, const struct trace_counts *counts)
{
	if (!r->based)
		r->base = r->before = r->after = *counts;
	r->based = true;
	r->before = r->after;
	r->after = *counts;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static const struct trace_counts *nearest(const struct replay *r, uint64_t when)
{
	return distance(r->before.at_ns, when) < distance(r->after.at_ns, when) ? &r->before
										: &r->after;
}

/* The verdict of that name here; what is not known any more is counted as unknown. */
static enum verdict verdict_of(const struct replay *r, int number)
{
	for (int v = 0; v < VERDICT_COUNT; v++)
		if (!strcmp(verdict_text(v)->name, r->session.verdicts[number]))
			return v;
	return VERDICT_unknown;
}

static uint64_t since(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

/*
 * What has no record: orderly ends without -a, and what was lost. Late data takes a verdict back,
 * but not its record: so there may be more records than were counted.
 */
static uint64_t unrecorded(const struct trace_counts *c, int v)
{
	return since(c->verdict[v], c->recorded[v]);
}

/* Nobody knows to which connection they belong, so under a filter they are not counted. */
static void count_unrecorded(const struct replay *r, const struct trace_counts *c,
			     struct capture_counts *sum)
{
	const struct filter *f = &r->options->filter;

	if (filter_is_set(f))
		return;
	for (int v = 0; v < TRACE_VERDICTS; v++) {
		enum verdict verdict = verdict_of(r, v);

		if (filter_wants_verdict(f, verdict))
			sum->counts.verdict[verdict] +=
				since(unrecorded(c, v), unrecorded(&r->base, v));
	}
	for (int i = COUNT_RETRANS; i < COUNT_LOST; i++)
		sum->counts.other[i] = since(c->other[i], r->base.other[i]);
}

static int recorded_counts(const struct source *s, struct capture_counts *sum)
{
	const struct replay *r = s->replay;
	static const enum counter unfiltered[] = { COUNT_DESTROYED, COUNT_LOST,
						   COUNT_CALLS_MISSED };
	const struct trace_counts *c = nearest(r, r->now);

	memset(sum, 0, sizeof(*sum));
	count_unrecorded(r, c, sum);
	for (size_t i = 0; i < ARRAY_SIZE(unfiltered); i++)
		sum->counts.other[unfiltered[i]] =
			since(c->other[unfiltered[i]], r->base.other[unfiltered[i]]);
	sum->missed = since(c->missed, r->base.missed);
	sum->rejected =
		since(c->rejected, r->base.rejected) + trace_unknown(r->reader) - r->unknown;
	return 0;
}

/* ---- the clock --------------------------------------------------------------------------- */

static void set_clock(struct replay *r, uint64_t now)
{
	r->now = now;
	clock_set_recorded(now, r->after.wall_ahead_ns);
}

/* Counts are taken ahead of their time; a session ends where another one begins. */
static void read_next(struct replay *r)
{
	do {
		r->next = trace_next(r->reader, &r->why);
		if (r->next && r->next->type == TRACE_COUNTS)
			take_counts(r, &r->next->counts);
	} while (r->next && r->next->type == TRACE_COUNTS);
}

static bool has_next(const struct replay *r)
{
	return r->next && r->next->type != TRACE_SESSION;
}

/* What is due earlier comes first. What was due already has had its turn. */
static int recorded_wait_ms(struct source *s, uint64_t due)
{
	struct replay *r = s->replay;
	uint64_t next = has_next(r) ? r->next->now_ns : r->after.at_ns;

	if (next < r->now)
		next = r->now;
	if (due > r->now && due <= next) {
		set_clock(r, due);
	} else {
		set_clock(r, next);
		r->ended = !has_next(r);
	}
	return 0;
}

static bool recorded_has_ended(const struct source *s)
{
	return s->replay->ended;
}

/* ---- records ----------------------------------------------------------------------------- */

static void tell_cgroup(const struct trace_cgroup *c)
{
	struct cgroup_home home = { .kind = c->kind };

	memcpy(home.name, c->name, sizeof(home.name));
	cgroup_tell(c->id, &home);
}

static void hand_out(struct replay *r, const struct trace_item *item)
{
	const struct capture_sink *sink = &r->sink;

	switch (item->type) {
	case TRACE_EVIDENCE:
		sink->evidence(sink->ctx, &item->evidence, NULL);
		break;
	case TRACE_CLOSER:
		sink->closer(sink->ctx, item->closer.sock_id, &item->closer.owner);
		break;
	case TRACE_SEARCH:
		sink->searched(sink->ctx, item->now_ns, item->search.found, item->search.n);
		break;
	case TRACE_CGROUP:
		tell_cgroup(&item->cgroup);
		break;
	case TRACE_SESSION:
	case TRACE_COUNTS:
		break;
	}
}

static int recorded_drain(struct source *s)
{
	struct replay *r = s->replay;
	int n = 0;

	for (; has_next(r) && r->next->now_ns <= r->now; n++) {
		hand_out(r, r->next);
		read_next(r);
	}
	return n;
}

/* ---- what a recording has no use for ----------------------------------------------------- */

static int recorded_fd(const struct source *s)
{
	(void)s;
	return -1;
}

static int recorded_look_at_listeners(struct source *s, bool last)
{
	(void)s;
	(void)last;
	return 0;
}

static bool recorded_queue_filled(const struct source *s)
{
	(void)s;
	return false;
}

/* A recorder has a record of each. */
static int recorded_thinned(const struct source *s, uint64_t thinned[VERDICTS_MAX])
{
	(void)s;
	memset(thinned, 0, VERDICTS_MAX * sizeof(*thinned));
	return 0;
}

static void recorded_close(struct source *s)
{
	(void)s;
}

static const struct source_ops recorded = {
	.recorded = true,
	.fd = recorded_fd,
	.wait_ms = recorded_wait_ms,
	.drain = recorded_drain,
	.look_at_listeners = recorded_look_at_listeners,
	.queue_filled = recorded_queue_filled,
	.read_counts = recorded_counts,
	.read_thinned = recorded_thinned,
	.has_ended = recorded_has_ended,
	.close = recorded_close,
};

void replay_open_source(struct source *s, struct replay *r, const struct capture_sink *sink)
{
	s->ops = &recorded;
	s->replay = r;
	r->sink = *sink;
}

/* ---- sessions ---------------------------------------------------------------------------- */

uint64_t replay_started(const struct replay *r)
{
	return r->session.started_ns;
}

void replay_announce(FILE *out, const struct replay *r)
{
	const struct trace_session *s = &r->session;
	char host[ESCAPED_SIZE(sizeof(s->host))], release[ESCAPED_SIZE(sizeof(s->release))];
	char watched[ESCAPED_SIZE(sizeof(s->watched))], time[RFC3339_SIZE];

	escape_utf8(host, sizeof(host), s->host, sizeof(s->host));
	escape_utf8(release, sizeof(release), s->release, sizeof(s->release));
	escape_utf8(watched, sizeof(watched), s->watched, sizeof(s->watched));
	format_rfc3339(time, s->started_ns);
	fprintf(out, "recorded at %s on %s, Linux %s: TCP connections of %s", time, host, release,
		watched);
}

static void begin_session(struct replay *r)
{
	struct utsname host = {};

	r->session = r->next->session;
	r->based = r->ended = false;
	memset(&r->after, 0, sizeof(r->after));
	r->after.at_ns = r->session.started_ns;
	r->after.wall_ahead_ns = r->session.wall_ahead_ns;
	r->base = r->before = r->after;
	memcpy(host.nodename, r->session.host, sizeof(r->session.host));
	memcpy(host.release, r->session.release, sizeof(r->session.release));
	memcpy(host.machine, r->session.machine, sizeof(r->session.machine));
	host_set_watched(&host);
	cgroup_begin_recording();
	r->unknown = trace_unknown(r->reader);
	set_clock(r, r->session.started_ns);
	read_next(r);
}

/* What was not asked for when it was recorded cannot be shown now. */
static int check_session(const struct replay *r, struct failure *why)
{
	if (r->options->orderly && !(r->session.flags & TRACE_ORDERLY))
		return failed(why, EXIT_USAGE,
			      "-a is not for this recording: its orderly ends were counted and not "
			      "recorded, which takes tcpwhy record -a");
	return 0;
}

static int replay_sessions(struct replay *r, struct failure *why)
{
	int status = EXIT_OK;

	read_next(r);
	while (status == EXIT_OK && r->next) {
		begin_session(r);
		status = check_session(r, why) ? -1 : watch_recording(r->options, r, why);
		if (!r->ended)
			return status; /* nobody wants more */
	}
	if (status == EXIT_OK && r->why.status) {
		*why = r->why;
		return -1;
	}
	return status;
}

int replay(const struct options *options, struct failure *why)
{
	bool is_stdin = !strcmp(options->recording, "-");
	FILE *file = is_stdin ? stdin : fopen(options->recording, "re");
	struct replay *r = calloc(1, sizeof(*r));
	int status = -1;

	if (!file)
		failed(why, EXIT_INPUT, "cannot open %s: %s", options->recording, strerror(errno));
	else if (r && (r->reader = trace_reader_new(file, is_stdin ? "stdin" : options->recording)))
		status = (r->options = options, replay_sessions(r, why));
	else
		failed(why, EXIT_FAILED, "out of memory");
	if (r)
		trace_reader_free(r->reader);
	if (file)
		fclose(file);
	free(r);
	return status;
}
