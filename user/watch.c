// SPDX-License-Identifier: GPL-2.0-only
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "advised.h"
#include "call_stack.h"
#include "cgroup.h"
#include "child.h"
#include "clock.h"
#include "exporter.h"
#include "limit.h"
#include "metrics.h"
#include "privileges.h"
#include "replay.h"
#include "rows.h"
#include "settle.h"
#include "sink.h"
#include "source.h"
#include "tally.h"
#include "trace_format.h"
#include "trace_writer.h"

#define SECOND       1000000000ULL
#define LOOK_SOON    (20 * SECOND / 1000) /* at the listeners, while an accept queue is full */
#define LOOK_SELDOM  SECOND
#define BREATH       (2 * SECOND / 1000) /* between two wake-ups by records */
#define NEVER        UINT64_MAX
#define OUTPUT_SIZE  65536 /* bytes, for many lines at once */
#define PUBLISH_EACH SECOND
#define STACK_SIZE   (256 * 1024) /* several times what is used */
#define WRITE_EACH   SECOND

#define RECORDS_PER_SLICE 512 /* 4000 a second and CPU of each verdict: to name whose they are */

struct watch {
	const struct options *options;
	struct filter filter; /* that of the options; of a command, its process */
	struct child child;   /* the command */
	FILE *out;            /* for lines and counters: stdout, or stderr if a command has it */
	struct sink sink;
	struct source source;
	struct trace_writer *writer; /* NULL but for record */
	struct counts recorded;      /* of a recording: what has a record */
	struct settle *settle;
	struct call_stacks *stacks; /* NULL without --stack and --kstack */
	struct tally *tally;
	struct advised *advised;
	struct rows *rows;              /* NULL without an interval */
	struct limit *limit;            /* of lines; NULL with an interval */
	uint64_t thinned[VERDICTS_MAX]; /* of which limit knows */
	struct rows *metric_rows;       /* NULL without --listen, like what follows */
	struct metrics *metrics;
	struct exporter *exporter;
	int epoll, signals;     /* file descriptors */
	unsigned int processes; /* of -p, that have not ended */
	uint64_t started, ends; /* CLOCK_MONOTONIC, ns */
	uint64_t next_look;
	uint64_t next_write;
	uint64_t rests_until;
	uint64_t rows_shown;
	bool ended;       /* by a signal, the time, the count, or the process */
	bool reader_gone; /* stdout was closed: | head */
	int output_error; /* errno of a failed write to stdout */
};

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
static void take_evidence(void *ctx, const struct evidence *e, const struct stack_trace *stacks)
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

static void take_closer(void *ctx, uint64_t sock_id, const struct owner *owner)
{
	struct watch *w = ctx;

	cgroup_find(owner->cgroup);
	if (w->writer)
		trace_write_closer(w->writer, monotonic_ns(), sock_id, owner);
	settle_closer(w->settle, sock_id, owner);
}

static void take_searched(void *ctx, uint64_t now, const struct wanted *found, size_t n)
{
	struct watch *w = ctx;

	settle_searched(w->settle, now, found, n);
}

static void find_holders(void *ctx, struct wanted *wanted, size_t n)
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
	return w->filter.verdicts || w->options->orderly ||
	       verdict_group(r->verdict) != GROUP_ORDERLY;
}

static void show_evidence(void *ctx, const struct evidence *e, const struct evidence *other)
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

static void show_withheld(void *ctx, uint64_t until, enum verdict verdict, uint64_t n,
			  const struct tally *tally)
{
	struct withheld withheld = { .until = until, .verdict = verdict, .n = n, .tally = tally };
	struct watch *w = ctx;

	w->sink.ops->withheld(&w->sink, &withheld);
}

/* The first error is the one that counts. */
static void flush_output(struct watch *w)
{
	if (w->reader_gone || w->output_error || (!fflush(w->out) && !ferror(w->out)))
		return;
	if (errno == EPIPE)
		w->reader_gone = true;
	else
		w->output_error = errno;
}

static void show_row(void *ctx, const struct row *row)
{
	struct watch *w = ctx;

	w->sink.ops->row(&w->sink, row);
	w->rows_shown++;
	if (w->rows_shown == w->options->count)
		w->ended = true;
}

static void publish(struct watch *w)
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

static void publish_row(void *ctx, const struct row *row)
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

/* Whose connections are watched. */
static void describe(FILE *out, const struct watch *w)
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

/* Says what is watched, so that an idle host is not taken for a broken tool. */
static void announce(const struct watch *w)
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

/* ---- the loop ---------------------------------------------------------------------------- */

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
		else if (events[i].data.fd == fileno(w->out))
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

/* ---- setting up -------------------------------------------------------------------------- */

static void watch_fd(struct watch *w, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	/* A regular file cannot be watched, and need not. */
	if (fd >= 0)
		epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* SIGWINCH matters to who draws on the terminal. */
static int open_signals(bool draws)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	if (draws)
		sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* The descriptors are closed as the processes end, or when we do. */
static int watch_processes(struct watch *w, struct failure *why)
{
	const struct filter *f = &w->filter;

	for (unsigned int i = 0; i < f->pid_count; i++) {
		int fd = syscall(SYS_pidfd_open, f->pids[i], 0);

		if (fd < 0 && errno == ESRCH)
			return failed(why, EXIT_NO_PROCESS, "there is no process with PID %u",
				      f->pids[i]);
		if (fd < 0)
			return failed(why, EXIT_FAILED, "cannot watch process %u: %s", f->pids[i],
				      strerror(errno));
		watch_fd(w, fd, EPOLLIN);
		w->processes++;
	}
	return 0;
}

/* The command's stdout is its own. */
static int choose_output(struct watch *w, struct failure *why)
{
	static char buffer[OUTPUT_SIZE];

	w->out = w->options->cmd || w->options->command == COMMAND_RECORD ? stderr : stdout;
	if (fcntl(fileno(w->out), F_GETFD) < 0)
		return failed(why, EXIT_OUTPUT, "%s is closed: there is nowhere to write to",
			      w->out == stdout ? "stdout" : "stderr");
	/* on stderr whole lines, between the command's own */
	setvbuf(w->out, buffer, w->out == stderr ? _IOLBF : _IOFBF, sizeof(buffer));
	return 0;
}

/* Before signals are blocked, which it would inherit. */
static int start_command(struct watch *w, struct failure *why)
{
	if (child_start(&w->child, w->options->cmd, why))
		return -1;
	w->filter.pids[0] = w->child.pid;
	w->filter.pid_count = 1;
	w->filter.children = true;
	return 0;
}

static int open_exporter(struct watch *w, struct failure *why)
{
	w->metric_rows = rows_new(publish_row, w);
	w->metrics = metrics_new();
	if (!w->metric_rows || !w->metrics)
		return failed(why, EXIT_FAILED, "cannot set up: %s", strerror(errno));
	w->exporter = exporter_open(&w->options->listen, why);
	return w->exporter ? 0 : -1;
}

/* A limit of lines is one of records: how many are made, in a storm, for each that is shown? */
static uint32_t records_per_slice(const struct options *o)
{
	if (o->listen.size || o->format == FORMAT_OPENMETRICS || (!o->interval_ns && !o->limit))
		return 0; /* each is needed */
	if (o->interval_ns || o->limit < RECORDS_PER_SLICE / 2)
		return RECORDS_PER_SLICE;
	return o->limit < UINT32_MAX / 2 ? 2 * o->limit : 0;
}

/* What is opened or attached later than this must be allowed for in enum later. */
static int give_up_privileges(const struct watch *w, struct failure *why)
{
	const uint32_t later = (capture_reads_proc(w->source.capture) ? LATER_PROC : 0) |
			       (w->child.pid ? LATER_COMMAND : 0) |
			       (w->exporter ? LATER_SERVE : 0) | (w->writer ? LATER_RECORD : 0) |
			       (w->options->command == COMMAND_TOP ? LATER_DRAW : 0) |
			       (w->options->stack ? LATER_STACKS : 0);
	char text[KEPT_SIZE];
	struct kept kept;

	if (privileges_drop(&kept, later, why) || (w->exporter && exporter_start(w->exporter, why)))
		return -1;
	privileges_filter(&kept, later, w->child.pid);
	kept_format(text, &kept);
	if (w->options->verbose)
		fprintf(stderr, "tcpwhy: keeps to the end: %s\n", text);
	return 0;
}

/* The source must have its operations already. */
static int open_pipeline(struct watch *w, struct failure *why)
{
	const struct options *o = w->options;
	bool recorded = w->source.ops->recorded;

	if (choose_output(w, why) || (o->cmd && start_command(w, why)))
		return -1;
	w->signals = open_signals(o->command == COMMAND_TOP);
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->settle = settle_new(show_evidence, recorded ? NULL : find_holders, w);
	w->tally = tally_new();
	w->advised = advised_new();
	w->stacks = o->stack || o->kstack ? call_stacks_new() : NULL;
	if (o->interval_ns)
		w->rows = rows_new(show_row, w);
	else
		w->limit = limit_new(o->limit, show_withheld, w);
	if (w->signals < 0 || w->epoll < 0 || !w->settle || !w->tally || !w->advised ||
	    ((o->stack || o->kstack) && !w->stacks) || !(w->rows || w->limit) ||
	    sink_open(&w->sink, o, w->out))
		return failed(why, EXIT_FAILED, "cannot set up: %s", strerror(errno));
	watch_fd(w, w->signals, EPOLLIN);
	watch_fd(w, fileno(w->out), 0); /* EPOLLERR: nobody reads any more */
	if (w->sink.ops->input)
		watch_fd(w, STDIN_FILENO, EPOLLIN);
	return 0;
}

static int open_writer(struct watch *w, struct failure *why)
{
	const struct options *o = w->options;
	const struct trace_place place = {
		.path = o->recording,
		.rotate_size = o->rotate_size,
		.rotate_keep = o->rotate_keep,
	};
	char watched[sizeof(((struct trace_session *)0)->watched)] = "";
	struct trace_about about = {
		.settings = o->arguments,
		.watched = watched,
		.orderly = o->orderly,
		.errors = o->errors,
		.without = o->without,
	};
	FILE *text = fmemopen(watched, sizeof(watched), "w");

	if (!text)
		return failed(why, EXIT_FAILED, "out of memory");
	describe(text, w);
	fclose(text);
	w->writer = trace_writer_open(&place, &about, why);
	return w->writer ? 0 : -1;
}

static int open_live(struct watch *w, struct failure *why)
{
	const struct options *o = w->options;
	struct capture_settings settings = {
		.filter = &w->filter,
		.orderly = o->orderly,
		.errors = o->errors,
		.records_per_slice = records_per_slice(o),
		.user_stacks = o->stack,
		.kernel_stacks = o->kstack,
		.verbose = o->verbose,
		.without = o->without,
	};
	struct capture_sink sink = { .evidence = take_evidence, .closer = take_closer, .ctx = w };

	if (open_pipeline(w, why) || watch_processes(w, why) ||
	    (o->listen.size && open_exporter(w, why)) ||
	    (o->command == COMMAND_RECORD && open_writer(w, why)) ||
	    source_open_live(&w->source, &settings, &sink, why))
		return -1;
	if (o->kstack)
		call_stacks_learn_kernel(w->stacks);
	if (give_up_privileges(w, why))
		return -1;
	watch_fd(w, w->source.ops->fd(&w->source), EPOLLIN);
	return 0;
}

static void open_recording(struct watch *w, struct replay *r)
{
	struct capture_sink sink = {
		.evidence = take_evidence,
		.closer = take_closer,
		.searched = take_searched,
		.ctx = w,
	};

	replay_open_source(&w->source, r, &sink);
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

static void close_watch(struct watch *w)
{
	exporter_close(w->exporter);
	w->source.ops->close(&w->source);
	trace_writer_close(w->writer);
	sink_close(&w->sink);
	settle_free(w->settle);
	call_stacks_free(w->stacks);
	tally_free(w->tally);
	advised_free(w->advised);
	rows_free(w->rows);
	limit_free(w->limit);
	rows_free(w->metric_rows);
	metrics_free(w->metrics);
	close(w->epoll);
	close(w->signals);
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
	if (w->output_error)
		return failed(why, EXIT_OUTPUT, "cannot write to %s: %s",
			      w->out == stdout ? "stdout" : "stderr", strerror(w->output_error));
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
