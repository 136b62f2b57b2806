// SPDX-License-Identifier: GPL-2.0-only
#include "watch_parts.h"

#include <errno.h>
#include <stdlib.h>

#include "cgroup.h"
#include "clock.h"
#include "output.h"
#include "replay.h"

/* ---- what comes in ----------------------------------------------------------------------- */

/* Then it is counted, and said in sum. */
static bool is_withheld(struct watch *w, const struct evidence *e, enum verdict verdict)
{
	if (!w->limit || !filter_wants_verdict(&w->filter, verdict) ||
	    limit_allows(w->limit, e->time_ns, verdict, &e->owner, e->count))
		return false;
	tally_add(w->tally, verdict, &e->owner, e->count);
	if (w->metric_rows)
		rows_record(w->metric_rows, &(struct record){ .e = e, .verdict = verdict });
	return true;
}

/* Is more to be known of it before it can be told whether it is to be shown? */
static bool must_settle(const struct watch *w, const struct evidence *e, enum verdict verdict)
{
	return w->source.ops->recorded || settle_may_replace(e, verdict);
}

/* What will not be shown need not wait, nor be joined to its other end. */
void take_evidence(void *ctx, const struct evidence *e, const struct stack_trace *stacks)
{
	enum verdict verdict = classify(&e->facts);
	struct watch *w = ctx;
	uint64_t now;

	if (!must_settle(w, e, verdict) && is_withheld(w, e, verdict))
		return;
	cgroup_find(e->owner.cgroup); /* it may be gone when the line is written */
	now = monotonic_ns();
	if (w->writer)
		trace_write_evidence(w->writer, now, e);
	if (stacks)
		call_stacks_add(w->stacks, e, stacks);
	settle_add(w->settle, e, now);
}

void take_closer(void *ctx, uint64_t sock_id, const struct owner *owner)
{
	struct watch *w = ctx;

	cgroup_find(owner->cgroup);
	if (w->writer)
		trace_write_closer(w->writer, monotonic_ns(), sock_id, owner);
	settle_closer(w->settle, sock_id, owner);
}

void take_searched(void *ctx, uint64_t now, const struct wanted *found, size_t n)
{
	struct watch *w = ctx;

	settle_searched(w->settle, now, found, n);
}

void find_holders(void *ctx, struct wanted *wanted, size_t n)
{
	struct watch *w = ctx;
	uint64_t now = monotonic_ns();

	w->source.ops->find_holders(&w->source, wanted, n);
	if (w->writer)
		trace_write_search(w->writer, now, wanted, n);
}

/* ---- what goes out ----------------------------------------------------------------------- */

/*
 * Of a recording: what the kernel does of a live watch. Filters it and counts it; is it worth a
 * line, too?
 */
static bool passes_recorded(struct watch *w, const struct record *r)
{
	if (!filter_matches(&w->filter, r->e))
		return false;
	w->recorded.verdict[r->verdict] += r->e->count;
	if (w->rows)
		rows_count(w->rows, r);
	return w->filter.verdicts || w->options->orderly || is_news(r->verdict);
}

void show_evidence(void *ctx, const struct evidence *e, const struct evidence *other)
{
	struct record r = { .e = e, .other = other, .verdict = classify(&e->facts) };
	struct watch *w = ctx;

	if (w->stacks)
		r.stack = call_stacks_find(w->stacks, e);
	/* What it replaces may have been wanted where it is not itself: settle.h. */
	if (!filter_wants_verdict(&w->filter, r.verdict))
		return;
	if (w->source.ops->recorded && !passes_recorded(w, &r))
		return;
	if (must_settle(w, e, r.verdict) && is_withheld(w, e, r.verdict))
		return;
	tally_add(w->tally, r.verdict, &e->owner, e->count);
	advised_add(w->advised, &r);
	if (w->metric_rows)
		rows_record(w->metric_rows, &r);
	if (w->rows)
		rows_record(w->rows, &r);
	if (!w->rows || w->sink.ops->input)
		w->sink.ops->record(&w->sink, &r);
}

void show_withheld(void *ctx, uint64_t until, enum verdict verdict, uint64_t n,
		   const struct tally *tally)
{
	struct withheld withheld = { .until = until, .verdict = verdict, .n = n, .tally = tally };
	struct watch *w = ctx;

	w->sink.ops->withheld(&w->sink, &withheld);
}

/* The first error is the one that counts. */
void flush_output(struct watch *w)
{
	int err;

	if (w->reader_gone || w->output_error || (!fflush(w->out) && !ferror(w->out)))
		return;
	err = output_error() ? output_error() : errno;
	if (err == EPIPE)
		w->reader_gone = true;
	else
		w->output_error = err;
}

void show_row(void *ctx, const struct row *row)
{
	struct watch *w = ctx;

	w->sink.ops->row(&w->sink, row);
	w->rows_shown++;
	if (w->rows_shown == w->options->count)
		w->ended = true;
}

void publish(struct watch *w)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return;
	metrics_write(out, w->metrics);
	if (fclose(out))
		free(text);
	else
		exporter_publish(w->exporter, text, len);
}

void publish_row(void *ctx, const struct row *row)
{
	struct watch *w = ctx;

	metrics_add(w->metrics, row);
	publish(w);
}

static void describe_processes(FILE *out, const struct filter *f)
{
	if (!f->pid_count)
		fprintf(out, "all processes");
	for (unsigned int i = 0; i < f->pid_count; i++)
		fprintf(out, "%s%u",
			i                  ? ","
			: f->pid_count > 1 ? "processes "
					   : "process ",
			f->pids[i]);
	if (f->children)
		fprintf(out, " with %s children", f->pid_count > 1 ? "their" : "its");
}

void describe(FILE *out, const struct watch *w)
{
	describe_processes(out, &w->filter);
	fprintf(out, "%s", w->filter.text);
}

static void announce_source(const struct watch *w)
{
	if (!w->source.ops->recorded) {
		fprintf(stderr, "watching TCP connections of ");
		describe(stderr, w);
		return;
	}
	replay_announce(stderr, w->source.replay);
	if (filter_is_set(&w->filter) || w->filter.verdicts) {
		fprintf(stderr, "; of these: ");
		describe(stderr, w);
	}
}

static void announce_form(const struct watch *w)
{
	const struct options *o = w->options;

	if (w->writer)
		fprintf(stderr, "; recorded to %s", o->recording);
	else if (o->interval_ns)
		fprintf(stderr, "; counters every %g s", (double)o->interval_ns / SECOND);
	else
		fprintf(stderr, "; a line for each %sdeath and incident",
			o->orderly ? "" : "unhealthy ");
}

void announce(const struct watch *w)
{
	const struct options *o = w->options;

	fprintf(stderr, "tcpwhy: ");
	announce_source(w);
	announce_form(w);
	if (o->cmd)
		fprintf(stderr, "; ends with %s\n", o->cmd[0]);
	else
		fprintf(stderr, w->source.ops->recorded ? "\n" : "; Ctrl-C ends\n");
}
