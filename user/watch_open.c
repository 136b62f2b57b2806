// SPDX-License-Identifier: GPL-2.0-only
#include "watch_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup.h"
#include "output.h"
#include "privileges.h"
#include "replay.h"
#include "trace_format.h"

#define OUTPUT_SIZE 65536 /* bytes, for many lines at once */

#define RECORDS_PER_SLICE 512 /* 4000 a second and CPU of each verdict: to name whose they are */

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

	bool to_stderr = w->options->cmd || w->options->command == COMMAND_RECORD;

	w->out = to_stderr ? stderr : stdout;
	w->out_fd = fileno(w->out);
	if (fcntl(w->out_fd, F_GETFD) < 0)
		return failed(why, EXIT_OUTPUT, "%s is closed: there is nowhere to write to",
			      output_name(w));
	if (!to_stderr && !isatty(w->out_fd))
		w->out = output_open(w->out_fd, &w->signals, &w->ended);
	if (!w->out)
		return failed(why, EXIT_FAILED, "cannot set up: %s", strerror(errno));
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

int open_pipeline(struct watch *w, struct failure *why)
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
	if (o->stack)
		call_stacks_limit_memory();
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
	watch_fd(w, w->out_fd, 0); /* EPOLLERR: nobody reads any more */
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

int open_live(struct watch *w, struct failure *why)
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

void open_recording(struct watch *w, struct replay *r)
{
	struct capture_sink sink = {
		.evidence = take_evidence,
		.closer = take_closer,
		.searched = take_searched,
		.ctx = w,
	};

	replay_open_source(&w->source, r, &sink);
}

void close_watch(struct watch *w)
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
	cgroup_forget_all();
	if (w->out && w->out_fd == STDOUT_FILENO && w->out != stdout)
		fclose(w->out);
	close(w->epoll);
	close(w->signals);
}
