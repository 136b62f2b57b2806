// SPDX-License-Identifier: GPL-2.0-only
#include "join.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "format.h"
#include "join_clock.h"
#include "join_match.h"
#include "join_read.h"
#include "join_show.h"

/* ---- in ---------------------------------------------------------------------------------- */

static bool is_stdin(const char *name)
{
	return !strcmp(name, "-");
}

/* The streams are open all at once, so that a wrong name is told before anything is read. */
static int open_file(FILE **in, const char *name, struct failure *why)
{
	struct stat st;

	*in = is_stdin(name) ? stdin : fopen(name, "re");
	if (!*in)
		return failed(why, EXIT_USAGE, "cannot open '%s': %s", name, strerror(errno));
	if (!fstat(fileno(*in), &st) && S_ISDIR(st.st_mode))
		return failed(why, EXIT_USAGE, "'%s' is a directory: give files of tcpwhy -j",
			      name);
	return 0;
}

/* Twice the same records would be each other's strangers. */
static int check_twice(FILE *const *in, unsigned int n, const char *name, struct failure *why)
{
	struct stat last, st;

	for (unsigned int i = 0; i + 1 < n; i++)
		if (!fstat(fileno(in[i]), &st) && !fstat(fileno(in[n - 1]), &last) &&
		    st.st_dev == last.st_dev && st.st_ino == last.st_ino)
			return failed(why, EXIT_USAGE, "'%s' is given twice", name);
	return 0;
}

static int open_all(FILE **in, const struct options *options, struct failure *why)
{
	for (unsigned int i = 0; i < options->file_count; i++)
		if (open_file(&in[i], options->files[i], why) ||
		    check_twice(in, i + 1, options->files[i], why))
			return -1;
	return 0;
}

static int read_all(struct join *join, const struct options *options, struct failure *why)
{
	FILE **in = calloc(options->file_count, sizeof(*in));
	int err;

	if (!in)
		return failed(why, EXIT_FAILED, "out of memory");
	err = open_all(in, options, why);
	for (unsigned int i = 0; !err && i < options->file_count; i++) {
		join->files[i].name = options->files[i];
		if (join_read(join, i, in[i]))
			err = failed(why, EXIT_FAILED, "out of memory: give fewer records at once");
	}
	for (unsigned int i = 0; i < options->file_count; i++)
		if (in[i])
			fclose(in[i]);
	free(in);
	return err;
}

/* ---- what the files were like, on stderr --------------------------------------------------- */

/* Returns whether there is anything. */
static bool report_bad(const struct join_file *f)
{
	if (f->bad) {
		fprintf(stderr, "tcpwhy: %s:%" PRIu64 ": %s", f->name, f->first_bad,
			f->first_bad_why);
		if (f->bad > 1)
			fprintf(stderr, "; %" PRIu64 " more lines like this", f->bad - 1);
		fprintf(stderr, f->records ? "; the rest is used\n"
					   : "; the file has no record of tcpwhy -j\n");
	}
	if (f->read_error)
		fprintf(stderr, "tcpwhy: %s: cannot be read behind line %" PRIu64 ": %s\n", f->name,
			f->lines, strerror(f->read_error));
	return f->bad || f->read_error;
}

static void report_clock(const struct join_file *f)
{
	double seconds = f->clock_ahead_ns / 1e9;

	if (!f->clock_samples)
		return;
	if (f->clock_ahead_ns)
		fprintf(stderr, ", its clock %.3f s %s", fabs(seconds),
			seconds < 0 ? "behind" : "ahead");
	else
		fprintf(stderr, ", its clock the same within 1 ms");
	fprintf(stderr, ", by %" PRIu64 " %s", f->clock_samples,
		f->clock_samples == 1 ? "connection" : "connections");
}

static void report_file(const struct join_file *f)
{
	fprintf(stderr, "tcpwhy: %s: %" PRIu64 " %s", f->name, f->records,
		f->records == 1 ? "record" : "records");
	if (f->withheld)
		fprintf(stderr, ", %" PRIu64 " more were not written (--limit)", f->withheld);
	report_clock(f);
	fputc('\n', stderr);
}

static void report_totals(const struct join *join, const struct join_totals *t)
{
	fprintf(stderr,
		"tcpwhy: of %zu records %" PRIu64 " joined, %" PRIu64
		" of them through NAT; %" PRIu64 " were joined before",
		join->record_count, t->joined, t->through_nat, t->was_joined);
	if (t->doubtful)
		fprintf(stderr,
			"; %" PRIu64 " may have their other end here, through NAT, but that "
			"may be chance",
			t->doubtful);
	fputc('\n', stderr);
}

static void count(const struct join *join, struct join_totals *t)
{
	for (size_t i = 0; i < join->record_count; i++) {
		const struct join_record *r = &join->records[i];

		t->joined += !!r->other;
		t->through_nat += r->through_nat;
		t->was_joined += r->was_joined;
	}
}

/* ---- out --------------------------------------------------------------------------------- */

static const struct join *sorted; /* by whom compare_times() goes */

static uint64_t corrected_time(const struct join_record *r)
{
	return r->e.time_ns - sorted->files[r->file].clock_ahead_ns;
}

/* In the order of the files what is of one time. */
static int compare_times(const void *a, const void *b)
{
	const struct join_record *one = *(struct join_record *const *)a;
	const struct join_record *other = *(struct join_record *const *)b;
	uint64_t time = corrected_time(one), other_time = corrected_time(other);

	if (time != other_time)
		return time < other_time ? -1 : 1;
	return one < other ? -1 : one > other;
}

static int show(const struct join *join, const struct join_totals *totals, bool json)
{
	struct join_record **order =
		malloc((join->record_count + 1) * sizeof(struct join_record *));

	if (!order)
		return -1;
	for (size_t i = 0; i < join->record_count; i++)
		order[i] = &join->records[i];
	sorted = join;
	qsort(order, join->record_count, sizeof(struct join_record *), compare_times);
	if (json)
		join_show_head(stdout, join, totals);
	for (size_t i = 0; i < join->record_count && !ferror(stdout); i++)
		(json ? join_show_json : join_show_text)(stdout, join, order[i]);
	free(order);
	return 0;
}

static int join_and_show(struct join *join, const struct options *options, struct failure *why)
{
	struct join_totals totals = {};
	bool bad = false;

	if (read_all(join, options, why))
		return -1;
	for (unsigned int i = 0; i < join->file_count; i++)
		bad |= report_bad(&join->files[i]);
	if (join_match(join, &totals.doubtful) || join_clocks(join))
		return failed(why, EXIT_FAILED, "out of memory: give fewer records at once");
	count(join, &totals);
	for (unsigned int i = 0; i < join->file_count; i++)
		report_file(&join->files[i]);
	report_totals(join, &totals);
	if (show(join, &totals, options->format == FORMAT_JSON))
		return failed(why, EXIT_FAILED, "out of memory: give fewer records at once");
	if (fflush(stdout) || ferror(stdout))
		return failed(why, EXIT_OUTPUT, "cannot write to stdout: %s", strerror(errno));
	return bad ? EXIT_INPUT : EXIT_OK;
}

int join(const struct options *options, struct failure *why)
{
	struct join all = { .file_count = options->file_count };
	int status;

	format_set_times(&options->times, 0);
	all.files = calloc(all.file_count, sizeof(*all.files));
	if (!all.files)
		return failed(why, EXIT_FAILED, "out of memory");
	status = join_and_show(&all, options, why);
	join_free(&all);
	free(all.files);
	return status;
}
