// SPDX-License-Identifier: GPL-2.0-only
#include "watch.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cgroup.h"
#include "clock.h"
#include "replay.h"
#include "watch_parts.h"

#define LOOK_SOON    (20 * SECOND / 1000) /* at the listeners, while an accept queue is full */
#define LOOK_SELDOM  SECOND
#define BREATH       (2 * SECOND / 1000) /* between two wake-ups by records */
#define NEVER        UINT64_MAX
#define PUBLISH_EACH SECOND
#define STACK_SIZE   (256 * 1024) /* several times what is used */
#define WRITE_EACH   SECOND

/* Of what had no record, there is no line, either. */
static void withhold_thinned(struct watch *w, uint64_t now)
{
	uint64_t thinned[VERDICTS_MAX];

	if (w->source.ops->read_thinned(&w->source, thinned))
		return;
	for (int v = 0; v < VERDICT_COUNT; v++) {
		if (thinned[v] != w->thinned[v])
			limit_add(w->limit, now, v, thinned[v] - w->thinned[v]);
		w->thinned[v] = thinned[v];
	}
}

/* Each second at least: then also for what was thinned when it comes to an end with a storm. */
static void look_at_listeners(struct watch *w, uint64_t now)
{
	int full;

	if (w->source.ops->recorded)
		return;
	full = w->source.ops->look_at_listeners(&w->source, false);
	if (w->limit)
		withhold_thinned(w, now);
	w->next_look = now + (full > 0 ? LOOK_SOON : LOOK_SELDOM);
}

/*
 * Patience is measured up to what has been taken: what came while we did not run may be what an
 * entry waits for.
 */
static void take_records(struct watch *w, bool last)
{
	struct source *source = &w->source;
	uint64_t until;

	if (source->ops->drain(source))
		w->rests_until = monotonic_ns() + BREATH;
	settle_find_owners(w->settle, monotonic_ns(), last);
	until = monotonic_ns();
	source->ops->drain(source); /* whoever closed its socket during the search has been seen */
	settle_hand_over(w->settle, until, last);
	if (source->ops->queue_filled(source) && w->next_look > monotonic_ns() + LOOK_SOON)
		w->next_look = monotonic_ns() + LOOK_SOON;
}

static void show_settled_row(struct watch *w, struct rows *rows)
{
	if (rows)
		rows_settled(rows, settle_oldest(w->settle), monotonic_ns());
}

/* What was withheld up to now, if the second is over. */
static void end_second(struct watch *w, uint64_t now)
{
	if (now < limit_due(w->limit))
		return;
	withhold_thinned(w, monotonic_ns());
	limit_end_second(w->limit, now);
}

/* What is shown of many events at once, when its time has come. */
static void show_sums(struct watch *w)
{
	show_settled_row(w, w->metric_rows);
	if (w->rows)
		show_settled_row(w, w->rows);
	else
		end_second(w, monotonic_ns());
}

/* Its row must have all that was dropped until now. */
static void end_interval(struct watch *w, struct rows *rows, uint64_t now)
{
	struct capture_counts total;
	uint64_t until;

	if (!rows || now < rows_next_end(rows))
		return;
	rows_show(rows); /* it may be the last one */
	if (w->ended)
		return;
	look_at_listeners(w, now);
	until = monotonic_ns();
	if (!w->source.ops->read_counts(&w->source, &total))
		rows_end_interval(rows, until, &total);
	take_records(w, false);
}

/* What has a record must have been written with the counts that have it too. */
static void write_recording(struct watch *w, bool last)
{
	struct capture_counts total;

	w->next_write = monotonic_ns() + WRITE_EACH;
	if (w->source.ops->read_counts(&w->source, &total))
		return;
	take_records(w, last);
	trace_writer_flush(w->writer, monotonic_ns(), &total, last);
	if (trace_writer_failure(w->writer))
		w->ended = true;
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t row_due(const struct rows *rows)
{
	return rows ? earliest(rows_due(rows), rows_next_end(rows)) : NEVER;
}

static uint64_t next_due(const struct watch *w)
{
	uint64_t due = earliest(earliest(w->next_look, w->ends), settle_due(w->settle));

	due = earliest(due, w->next_write);
	due = earliest(due, earliest(row_due(w->rows), row_due(w->metric_rows)));
	if (w->limit)
		due = earliest(due, limit_due(w->limit));
	return due;
}

/* Under -p: when all have ended there is nothing more to come, but for what they leave behind. */
static void process_ended(struct watch *w, int pidfd)
{
	close(pidfd);
	w->processes--;
	if (!w->processes && !w->options->keep)
		w->ended = true;
}

/* Keys, or another size of the terminal. */
static void take_input(struct watch *w)
{
	if (!w->sink.ops->input(&w->sink))
		w->ended = true;
}

/* A command ends the watch itself. Ctrl-C reaches it from the terminal; what was sent to us does
 * not. */
static void take_signal(struct watch *w)
{
	struct signalfd_siginfo info;

	if (read(w->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH)
		take_input(w);
	else if (!w->child.pid)
		w->ended = true;
	else if (info.ssi_code <= 0) /* SI_USER, SI_QUEUE, ... */
		kill(w->child.pid, info.ssi_signo);
}

/*
 * The kernel wakes us for a record if we have taken all before it. So of records that follow each
 * other closely the first wakes us, and the others come together.
 */
static void rest(const struct watch *w)
{
	uint64_t now = monotonic_ns();
	struct timespec left = { .tv_nsec = w->rests_until - now };

	if (!w->source.ops->recorded && now < w->rests_until)
		nanosleep(&left, NULL);
}

static void take_keys(struct watch *w, uint32_t events)
{
	if (events & (EPOLLHUP | EPOLLERR))
		w->reader_gone = true;
	else
		take_input(w);
}

static void wait_for_something(struct watch *w)
{
	struct epoll_event events[4];
	int n;

	rest(w);
	n = epoll_wait(w->epoll, events, 4, w->source.ops->wait_ms(&w->source, next_due(w)));
	for (int i = 0; i < n; i++) {
		if (events[i].data.fd == w->signals)
			take_signal(w);
		else if (w->sink.ops->input && events[i].data.fd == STDIN_FILENO)
			take_keys(w, events[i].events);
		else if (events[i].data.fd == w->out_fd)
			w->reader_gone = true;
		else if (events[i].data.fd != w->source.ops->fd(&w->source))
			process_ended(w, events[i].data.fd);
	}
}

static bool goes_on(const struct watch *w)
{
	return !w->ended && !w->reader_gone && !w->output_error;
}

static void loop(struct watch *w)
{
	while (goes_on(w)) {
		uint64_t now;

		wait_for_something(w);
		take_records(w, false);
		now = monotonic_ns();
		if (now >= w->next_look)
			look_at_listeners(w, now);
		end_interval(w, w->rows, now);
		end_interval(w, w->metric_rows, now);
		show_sums(w);
		if (now >= w->next_write)
			write_recording(w, false);
		if (now >= w->ends || w->source.ops->has_ended(&w->source))
			w->ended = true;
		flush_output(w);
	}
}

static int read_counts(const struct watch *w, struct capture_counts *total)
{
	int err = w->source.ops->read_counts(&w->source, total);

	for (int v = 0; v < VERDICTS_MAX; v++)
		total->counts.verdict[v] += w->recorded.verdict[v];
	return err;
}

/* Everything that is still on its way comes out before the summary. */
static void finish(struct watch *w)
{
	struct capture_counts total;
	struct summary summary = { .total = &total, .tally = w->tally, .advised = w->advised };

	w->source.ops->look_at_listeners(&w->source, true);
	take_records(w, true);
	if (w->writer)
		write_recording(w, true);
	if (w->rows)
		rows_show(w->rows);
	else
		end_second(w, NEVER);
	flush_output(w);
	if (w->reader_gone || read_counts(w, &total))
		return;
	summary.watched_ns = monotonic_ns() - w->started;
	w->sink.ops->summary(&w->sink, &summary);
	flush_output(w);
}

static void start_clocks(struct watch *w)
{
	const struct options *o = w->options;

	w->started = w->source.ops->recorded ? replay_started(w->source.replay) : monotonic_ns();
	w->sink.since = w->started;
	format_set_times(&o->times, w->started);
	w->ends = o->duration_ns ? w->started + o->duration_ns : NEVER;
	w->next_look = w->source.ops->recorded ? NEVER : w->started;
	w->next_write = w->writer ? w->started + WRITE_EACH : NEVER;
	if (w->rows)
		rows_start(w->rows, w->started, o->interval_ns);
	if (w->metric_rows)
		rows_start(w->metric_rows, w->started, PUBLISH_EACH);
}

/* Between beginning and end. */
static int run(struct watch *w, struct failure *why)
{
	start_clocks(w);
	if (w->writer)
		trace_writer_begin(w->writer, w->started);
	announce(w);
	if (w->exporter)
		publish(w);
	w->sink.ops->start(&w->sink);
	flush_output(w);
	if (!w->source.ops->recorded)
		cgroup_learn_all();
	if (w->child.pid && child_go(&w->child, w->options->cmd[0], why))
		return -1;
	loop(w);
	finish(w);
	if (w->writer && trace_writer_failure(w->writer)) {
		*why = *trace_writer_failure(w->writer);
		return -1;
	}
	if (w->output_error == EINTR)
		return failed(
			why, EXIT_OUTPUT,
			"nobody has read %s for a second: what was still to be written is lost",
			output_name(w));
	if (w->output_error)
		return failed(why, EXIT_OUTPUT, "cannot write to %s: %s", output_name(w),
			      strerror(w->output_error));
	return EXIT_OK;
}

/* A stack that cannot grow, for want of memory, ends us by a signal; so it grows now. */
static void __attribute__((noinline)) grow_stack(void)
{
	volatile char lowest[STACK_SIZE];

	lowest[0] = 0;
	(void)lowest[0];
}

int watch(const struct options *options, struct failure *why)
{
	struct watch w = {
		.options = options,
		.filter = options->filter,
		.source.ops = &live_source,
	};
	int status;

	grow_stack();
	clock_find_offset();
	status = open_live(&w, why) ? -1 : run(&w, why);

	if (w.child.pid) {
		int of_command = child_end(&w.child);

		status = status < 0 ? -1 : of_command;
	}
	close_watch(&w);
	return status;
}

int watch_recording(const struct options *options, struct replay *r, struct failure *why)
{
	struct watch w = { .options = options, .filter = options->filter };
	int status;

	open_recording(&w, r);
	status = open_pipeline(&w, why) ? -1 : run(&w, why);
	close_watch(&w);
	return status;
}
