// SPDX-License-Identifier: GPL-2.0-only
#include "render_text.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "cgroup.h"
#include "clock.h"
#include "escape.h"
#include "story.h"
#include "terminal.h"

/* ---- one line for a death or an incident ------------------------------------------------- */

/* Records carry monotonic time; the wall clock may be set, so it is asked each time. */
static uint64_t wall_time(uint64_t when)
{
	uint64_t age = monotonic_ns() - when;

	return clock_ns(CLOCK_REALTIME) - age;
}

/* Returns its length. */
static size_t format_seconds(char *out, size_t size, uint64_t wall)
{
	time_t seconds = wall / 1000000000;
	struct tm tm;

	localtime_r(&seconds, &tm);
	return strftime(out, size, "%H:%M:%S", &tm);
}

static void format_time(char *out, size_t size, uint64_t when)
{
	uint64_t wall = wall_time(when);
	size_t n = format_seconds(out, size, wall);

	snprintf(out + n, size - n, ".%03u", (unsigned int)(wall / 1000000 % 1000));
}

static bool is_v4_mapped(const uint8_t *address)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(address, prefix, sizeof(prefix));
}

/* An IPv4 address is shown as one, also where an IPv6 socket carries it. */
static void format_endpoint(char *out, size_t size, int family, const uint8_t *address,
			    uint16_t port)
{
	char text[INET6_ADDRSTRLEN] = "?";

	if (family == AF_INET6 && is_v4_mapped(address)) {
		family = AF_INET;
		address += 12;
	}
	inet_ntop(family, address, text, sizeof(text));
	snprintf(out, size, family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, port);
}

#define PROCESS_SIZE (ESCAPED_SIZE(TASK_NAME_LEN) + 16) /* "name[pid]" */

static void format_process(char *out, size_t size, const struct owner *owner)
{
	char comm[ESCAPED_SIZE(TASK_NAME_LEN)];

	if (!owner->pid) {
		snprintf(out, size, "-");
		return;
	}
	escape_text(comm, sizeof(comm), owner->comm, sizeof(owner->comm));
	snprintf(out, size, "%s[%u]", comm, owner->pid);
}

/* The unit or container that the process is in, if any. */
static void text_home(FILE *out, const char *separator, const struct owner *owner)
{
	const struct cgroup_home *home = cgroup_find(owner->cgroup);
	char name[ESCAPED_SIZE(CGROUP_NAME_LEN)];

	if (!home)
		return;
	escape_text(name, sizeof(name), home->name, sizeof(home->name));
	fprintf(out, "%s%s %s", separator, home->kind == CGROUP_UNIT ? "unit" : "container", name);
}

/* A listener that dropped SYNs has no one peer. */
static void format_tuple(char *out, size_t size, const struct tuple *t)
{
	char local[INET6_ADDRSTRLEN + 8], remote[INET6_ADDRSTRLEN + 8] = "*";

	format_endpoint(local, sizeof(local), t->family, t->laddr, t->lport);
	if (t->rport)
		format_endpoint(remote, sizeof(remote), t->family, t->raddr, t->rport);
	snprintf(out, size, "%s -> %s", local, remote);
}

static void text_other_end(FILE *out, const struct evidence *other)
{
	char process[PROCESS_SIZE];

	format_process(process, sizeof(process), &other->owner);
	fprintf(out, "; other end: %s %s", process, verdict_text(classify(&other->facts))->name);
	text_home(out, ", ", &other->owner);
}

/* The words, and whose they are and who is at the other end. */
static void format_words(char *out, size_t size, const struct evidence *e, enum verdict verdict,
			 const struct evidence *other)
{
	size_t len;
	FILE *rest;

	story_words(out, size, e, verdict);
	len = strlen(out);
	rest = fmemopen(out + len, size - len, "w");
	if (!rest)
		return;
	text_home(rest, "; ", &e->owner);
	if (other)
		text_other_end(rest, other);
	fclose(rest);
}

#define VERDICT_WIDTH 22 /* of columns; what is longer moves the rest */
#define PROCESS_WIDTH 20
#define TUPLE_WIDTH   36
#define WORDS_WIDTH   60 /* on a terminal with less room for them, the words go beneath the rest */
#define WORDS_INDENT  14

/* Red is what came from the other side, yellow what was done here. */
static const char *color_of(enum verdict_group group)
{
	static const char *const colors[] = {
		[GROUP_ORDERLY] = "\033[32m",  [GROUP_HERE] = "\033[33m",
		[GROUP_RESET] = "\033[31m",    [GROUP_SILENCE] = "\033[35m",
		[GROUP_INCIDENT] = "\033[36m", [GROUP_UNKNOWN] = "\033[1;31m",
	};

	return colors[group];
}

static void text_name(FILE *out, enum verdict verdict, int width)
{
	const struct verdict_text *text = verdict_text(verdict);
	int padding = width - (int)strlen(text->name);

	if (terminal_has_colors(out))
		fprintf(out, "%s%s\033[0m", color_of(text->group), text->name);
	else
		fprintf(out, "%s", text->name);
	fprintf(out, "%*s", padding > 0 ? padding : 0, "");
}

static int longer(size_t a, int b)
{
	return (int)a > b ? (int)a : b;
}

/* Is there room for the words on the line, or at least for a column of them? */
static bool fit_beside(int column, const char *words, int width)
{
	size_t len = strlen(words);

	return !width || column + (int)(len < WORDS_WIDTH ? len : WORDS_WIDTH) <= width;
}

/* After the time. The ends have a line of their own where even they do not fit. */
static void text_beneath(FILE *out, enum verdict verdict, const char *process, const char *tuple,
			 const char *words)
{
	int column = WORDS_INDENT + strlen(verdict_text(verdict)->name) + strlen(process) + 4;

	text_name(out, verdict, 0);
	fprintf(out, "  %s", process);
	if (column + (int)strlen(tuple) <= terminal_width(out))
		fprintf(out, "  %s", tuple);
	else
		fprintf(out, "\n%*s%s", WORDS_INDENT, "", tuple);
	fprintf(out, "\n%*s", WORDS_INDENT, "");
	terminal_wrap(out, words, WORDS_INDENT, WORDS_INDENT);
}

struct line {
	char when[32], process[PROCESS_SIZE], tuple[128], words[2048];
	enum verdict verdict;
};

static void text_line(FILE *out, const struct line *l)
{
	int column = strlen(l->when) +
		     longer(strlen(verdict_text(l->verdict)->name), VERDICT_WIDTH) +
		     longer(strlen(l->process), PROCESS_WIDTH) +
		     longer(strlen(l->tuple), TUPLE_WIDTH) + 8;

	fprintf(out, "%s  ", l->when);
	if (fit_beside(column, l->words, terminal_width(out))) {
		text_name(out, l->verdict, VERDICT_WIDTH);
		fprintf(out, "  %-*s  %-*s  ", PROCESS_WIDTH, l->process, TUPLE_WIDTH, l->tuple);
		terminal_wrap(out, l->words, column, column);
	} else {
		text_beneath(out, l->verdict, l->process, l->tuple, l->words);
	}
	fputc('\n', out);
}

void text_evidence(FILE *out, const struct evidence *e, const struct evidence *other)
{
	struct line l = { .verdict = classify(&e->facts) };

	format_time(l.when, sizeof(l.when), e->time_ns);
	format_process(l.process, sizeof(l.process), &e->owner);
	format_tuple(l.tuple, sizeof(l.tuple), &e->tuple);
	format_words(l.words, sizeof(l.words), e, l.verdict, other);
	text_line(out, &l);
}

#define PROCESSES_SHOWN 5
#define PROCESSES_SIZE  (PROCESSES_SHOWN * (PROCESS_SIZE + 24) + 64)

/* "nginx[812] 20, redis-server[4] 2, 7 of other processes"; nothing if none is known. */
static void format_processes(char *out, size_t size, const struct tally *tally,
			     enum verdict verdict)
{
	struct share top[PROCESSES_SHOWN];
	char process[PROCESS_SIZE];
	const char *separator = "";
	uint64_t others;
	size_t n = tally_top(tally, verdict, top, PROCESSES_SHOWN, &others);
	FILE *list = fmemopen(out, size, "w");

	*out = '\0'; /* where nothing is written, fmemopen() leaves what was there */
	if (!list)
		return;
	for (size_t i = 0; i < n; i++) {
		format_process(process, sizeof(process), &top[i].owner);
		fprintf(list, "%s%s %" PRIu64, separator, process, top[i].n);
		separator = ", ";
	}
	if (others)
		fprintf(list, "%s%" PRIu64 " of other processes", separator, others);
	fclose(list);
}

void text_withheld(FILE *out, uint64_t until, enum verdict verdict, uint64_t n,
		   const struct tally *tally)
{
	struct line l = { .verdict = verdict, .process = "-", .tuple = "*" };
	char processes[PROCESSES_SIZE];

	format_time(l.when, sizeof(l.when), until);
	format_processes(processes, sizeof(processes), tally, verdict);
	snprintf(l.words, sizeof(l.words), "%" PRIu64 " more within a second, not shown%s%s", n,
		 *processes ? "; by " : "", processes);
	text_line(out, &l);
}

/* ---- counters ---------------------------------------------------------------------------- */

struct totals {
	uint64_t orderly, unhealthy, incidents;
};

static struct totals add_up(const struct counts *counts)
{
	struct totals t = {};

	for (int v = 0; v < VERDICT_COUNT; v++) {
		enum verdict_group group = verdict_text(v)->group;

		if (group == GROUP_ORDERLY)
			t.orderly += counts->verdict[v];
		else if (group == GROUP_INCIDENT)
			t.incidents += counts->verdict[v];
		else
			t.unhealthy += counts->verdict[v];
	}
	return t;
}

static uint64_t lost(const struct capture_counts *c)
{
	return c->counts.other[COUNT_LOST] + c->missed + c->rejected;
}

void text_interval_head(FILE *out)
{
	fprintf(out, "%-8s %8s %8s %9s %9s %8s %8s %8s %6s  %s\n", "time", "deaths", "orderly",
		"unhealthy", "incidents", "retrans", "rst-sent", "rst-recv", "lost", "by verdict");
}

#define ROW_PROCESSES 2 /* of a verdict; so a row can still be read */
#define ROW_ITEM_SIZE (PROCESS_SIZE + 24)
#define ROW_SIZE      (VERDICT_COUNT * (64 + (ROW_PROCESSES + 1) * ROW_ITEM_SIZE))

static uint64_t at_most(uint64_t n, uint64_t max)
{
	return n < max ? n : max;
}

/*
 * " by nginx[812]:18,php-fpm[9]:1,others:1"; nothing if no process is known. The count is the
 * kernel's, the processes are those of the records: they never have more than it.
 */
static void text_row_processes(FILE *list, const struct tally *tally, enum verdict verdict,
			       uint64_t count)
{
	char comm[ESCAPED_SIZE(TASK_NAME_LEN)];
	struct share top[ROW_PROCESSES];
	const char *separator = " by ";
	uint64_t others, n;
	size_t shown = tally_top(tally, verdict, top, ROW_PROCESSES, &others);

	for (size_t i = 0; i < shown && count; i++) {
		const struct owner *owner = &top[i].owner;

		n = at_most(top[i].n, count);
		escape_item(comm, sizeof(comm), owner->comm, sizeof(owner->comm));
		fprintf(list, "%s%s[%u]:%" PRIu64, separator, comm, owner->pid, n);
		separator = ",";
		count -= n;
	}
	if (others && count)
		fprintf(list, ",others:%" PRIu64, at_most(others, count));
}

/* Those that occurred, as name=count and whose they were; "-" if there are none. */
static void format_verdicts(char *out, size_t size, const struct counts *c,
			    const struct tally *tally)
{
	const char *separator = "";
	FILE *list = fmemopen(out, size, "w");

	if (!list)
		return;
	for (int v = 0; v < VERDICT_COUNT; v++) {
		if (!c->verdict[v] || verdict_text(v)->group == GROUP_ORDERLY)
			continue;
		fprintf(list, "%s%s=%llu", separator, verdict_text(v)->name, c->verdict[v]);
		text_row_processes(list, tally, v, c->verdict[v]);
		separator = " ";
	}
	fprintf(list, "%s", *separator ? "" : "-");
	fclose(list);
}

void text_interval(FILE *out, uint64_t until, const struct capture_counts *added,
		   const struct tally *tally)
{
	const struct counts *c = &added->counts;
	struct totals t = add_up(c);
	char when[16], verdicts[ROW_SIZE] = "";
	int column;

	format_seconds(when, sizeof(when), wall_time(until));
	format_verdicts(verdicts, sizeof(verdicts), c, tally);
	column = fprintf(out,
			 "%s %8" PRIu64 " %8" PRIu64 " %9" PRIu64 " %9" PRIu64
			 " %8llu %8llu %8llu %6" PRIu64 "  ",
			 when, t.orderly + t.unhealthy, t.orderly, t.unhealthy, t.incidents,
			 c->other[COUNT_RETRANS], c->other[COUNT_RESETS_SENT],
			 c->other[COUNT_RESETS_RECEIVED], lost(added));
	if (!fit_beside(column, verdicts, terminal_width(out)))
		column = fprintf(out, "\n%*s", WORDS_INDENT, "") - 1;
	terminal_wrap(out, verdicts, column, column);
	fputc('\n', out);
}

/* ---- the summary and the table ----------------------------------------------------------- */

static void text_lost(FILE *out, const struct capture_counts *c)
{
	if (c->counts.other[COUNT_LOST])
		fprintf(out,
			"%llu records lost: the ring buffer was full; they are counted above, but "
			"had "
			"no line\n",
			c->counts.other[COUNT_LOST]);
	if (c->missed)
		fprintf(out,
			"%llu events missed: the kernel does not run a program twice at once on a "
			"CPU; "
			"they are not counted above\n",
			c->missed);
	if (c->rejected)
		fprintf(out, "%llu records of unknown type or size rejected\n", c->rejected);
}

/* The verdict's name in the given column, its meaning beside it. Returns where that begins. */
static int text_meaning(FILE *out, enum verdict verdict, int column)
{
	int beside = column + VERDICT_WIDTH + 2;

	text_name(out, verdict, VERDICT_WIDTH);
	fprintf(out, "  ");
	terminal_wrap(out, verdict_text(verdict)->meaning, beside, beside);
	fputc('\n', out);
	return beside;
}

/* A line beneath it, if there is anything to say. */
static void text_beneath_meaning(FILE *out, const char *label, const char *words, int column)
{
	if (!*words)
		return;
	fprintf(out, "%*s%s", column, "", label);
	column += strlen(label);
	terminal_wrap(out, words, column, column);
	fputc('\n', out);
}

void text_summary(FILE *out, const struct capture_counts *total, const struct tally *tally,
		  uint64_t watched_ns, int verbose)
{
	const struct counts *c = &total->counts;
	struct totals t = add_up(c);
	char processes[PROCESSES_SIZE];
	int beside;

	fprintf(out,
		"tcpwhy: in %.1f s: %" PRIu64 " deaths (%" PRIu64 " orderly), %" PRIu64
		" incidents, "
		"%llu segments retransmitted, %llu resets sent, %llu received, %" PRIu64
		" records lost\n",
		watched_ns / 1e9, t.orderly + t.unhealthy, t.orderly, t.incidents,
		c->other[COUNT_RETRANS], c->other[COUNT_RESETS_SENT],
		c->other[COUNT_RESETS_RECEIVED], lost(total));
	for (int v = 0; v < VERDICT_COUNT; v++) {
		if (!c->verdict[v])
			continue;
		fprintf(out, "%9llu  ", c->verdict[v]);
		beside = text_meaning(out, v, 11);
		format_processes(processes, sizeof(processes), tally, v);
		text_beneath_meaning(out, "by: ", processes, beside);
		text_beneath_meaning(out, "fix: ", verdict_text(v)->remedy, beside);
	}
	text_lost(out, total);
	if (verbose)
		fprintf(out, "%llu TCP sockets freed on the whole host\n",
			c->other[COUNT_DESTROYED]);
}

void text_verdicts(FILE *out)
{
	enum verdict_group group = (enum verdict_group) - 1;

	for (int v = 0; v < VERDICT_COUNT; v++) {
		const struct verdict_text *text = verdict_text(v);

		if (text->group != group) {
			group = text->group;
			fprintf(out, "%s%s:\n", v ? "\n" : "", verdict_group_name(group));
		}
		fprintf(out, "  ");
		text_beneath_meaning(out, "fix: ", text->remedy, text_meaning(out, v, 2));
	}
}
