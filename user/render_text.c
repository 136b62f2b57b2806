// SPDX-License-Identifier: GPL-2.0-only
#include "render_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "cgroup.h"
#include "clock.h"
#include "counts.h"
#include "escape.h"
#include "format.h"
#include "story.h"
#include "terminal.h"
#include "text_stack.h"

/* ---- one line for a death or an incident ------------------------------------------------- */

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

static void format_tuple(char *out, size_t size, const struct tuple *t)
{
	char local[ENDPOINT_SIZE], remote[ENDPOINT_SIZE];

	format_local(local, t);
	format_remote(remote, t);
	snprintf(out, size, "%s -> %s", local, remote);
}

static void text_other_end(FILE *out, const struct evidence *other)
{
	char process[PROCESS_SIZE];

	format_process(process, &other->owner);
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

void text_line(FILE *out, const struct text_line *l)
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
	struct text_line l = { .verdict = classify(&e->facts) };

	format_time(l.when, e->time_ns);
	format_process(l.process, &e->owner);
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
		format_process(process, &top[i].owner);
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
	struct text_line l = { .verdict = verdict, .process = "-", .tuple = "*" };
	char processes[PROCESSES_SIZE];

	format_time(l.when, until);
	format_processes(processes, sizeof(processes), tally, verdict);
	snprintf(l.words, sizeof(l.words), "%" PRIu64 " more within a second, not shown%s%s", n,
		 *processes ? "; by " : "", processes);
	text_line(out, &l);
}

/* ---- the same by columns that were chosen ------------------------------------------------ */

static void format_list(char *out, size_t size, const struct value *v)
{
	size_t used = snprintf(out, size, "%s", v->n ? "" : "-");

	for (size_t i = 0; i < v->n && used < size; i++)
		used += snprintf(out + used, size - used, "%s%s", i ? "," : "", v->items[i]);
}

static void format_other_end(char *out, size_t size, const struct evidence *other)
{
	char process[PROCESS_SIZE];

	format_process(process, &other->owner);
	snprintf(out, size, "%s %s", process, verdict_text(classify(&other->facts))->name);
}

/* "-" if it is unknown. */
static void format_value(char *out, size_t size, const struct value *v, const struct record *r)
{
	switch (v->kind) {
	case VALUE_NONE:
		snprintf(out, size, "-");
		break;
	case VALUE_NUMBER:
		snprintf(out, size, "%" PRIu64, v->number);
		break;
	case VALUE_TEXT:
		snprintf(out, size, "%s", v->text);
		break;
	case VALUE_BYTES:
		escape_text(out, size, v->text, v->len);
		break;
	case VALUE_LIST:
		format_list(out, size, v);
		break;
	case VALUE_TIME:
		format_time(out, v->number); /* there is room */
		break;
	case VALUE_STACK:
		format_folded(out, size, v->frames, v->n);
		break;
	case VALUE_OTHER_END:
		format_other_end(out, size, r->other);
		break;
	}
}

void text_fields(FILE *out, const struct field_list *list, const struct record *r)
{
	char text[VALUE_TEXT_SIZE];
	struct value v;

	for (unsigned int i = 0; i < list->n; i++) {
		bool last = i + 1 == list->n;

		field_value(&v, list->fields[i], r);
		format_value(text, sizeof(text), &v, r);
		fprintf(out, "%-*s%s", last ? 0 : field_width(list->fields[i]), text,
			last ? "\n" : "  ");
	}
}

#define STABLE_WIDTH 8 /* of a column at least */

/* ---- counters ---------------------------------------------------------------------------- */

/* The numbers of a row. */
static const struct {
	const char *name;
	int width;
} row_columns[] = {
	[ROW_DEATHS] = { "deaths", 8 },
	[ROW_ORDERLY] = { "orderly", 8 },
	[ROW_UNHEALTHY] = { "unhealthy", 9 },
	[ROW_INCIDENTS] = { "incidents", 9 },
	[ROW_RETRANS] = { "retrans", 8 },
	[ROW_RESETS_SENT] = { "rst-sent", 8 },
	[ROW_RESETS_RECEIVED] = { "rst-recv", 8 },
	[ROW_LOST] = { "lost", 6 },
};

static void count_row(uint64_t n[ROW_COLUMNS], const struct capture_counts *added)
{
	const struct counts *c = &added->counts;
	const struct totals t = counts_add_up(c);

	n[ROW_DEATHS] = t.orderly + t.unhealthy;
	n[ROW_ORDERLY] = t.orderly;
	n[ROW_UNHEALTHY] = t.unhealthy;
	n[ROW_INCIDENTS] = t.incidents;
	n[ROW_RETRANS] = c->other[COUNT_RETRANS];
	n[ROW_RESETS_SENT] = c->other[COUNT_RESETS_SENT];
	n[ROW_RESETS_RECEIVED] = c->other[COUNT_RESETS_RECEIVED];
	n[ROW_LOST] = counts_lost(added);
}

unsigned int text_interval_columns(const struct capture_counts *added)
{
	unsigned int columns = 1 << ROW_DEATHS;
	uint64_t n[ROW_COLUMNS];

	count_row(n, added);
	for (int i = 0; i < ROW_COLUMNS; i++)
		if (n[i])
			columns |= 1 << i;
	return columns;
}

static void text_row_head(FILE *out, unsigned int columns)
{
	fprintf(out, "%-8s", "time");
	for (int i = 0; i < ROW_COLUMNS; i++)
		if (columns & 1 << i)
			fprintf(out, " %*s", row_columns[i].width, row_columns[i].name);
}

void text_interval_head(FILE *out, unsigned int columns)
{
	text_row_head(out, columns);
	fprintf(out, "  by verdict\n");
}

/* Returns how wide they are. */
static int text_row_begin(FILE *out, unsigned int columns, uint64_t until,
			  const struct capture_counts *added)
{
	uint64_t n[ROW_COLUMNS];
	char when[TIME_SIZE];
	int width;

	count_row(n, added);
	format_seconds(when, until);
	width = fprintf(out, "%-8s", when);
	for (int i = 0; i < ROW_COLUMNS; i++)
		if (columns & 1 << i)
			width += fprintf(out, " %*" PRIu64, row_columns[i].width, n[i]);
	return width;
}

void text_stable_head(FILE *out)
{
	text_row_head(out, ROW_ALL);
	for (int v = 0; v < VERDICT_COUNT; v++)
		fprintf(out, " %*s", STABLE_WIDTH, verdict_text(v)->name);
	fputc('\n', out);
}

void text_stable_row(FILE *out, uint64_t until, const struct capture_counts *added)
{
	text_row_begin(out, ROW_ALL, until, added);
	for (int v = 0; v < VERDICT_COUNT; v++) {
		int width = longer(strlen(verdict_text(v)->name), STABLE_WIDTH);

		fprintf(out, " %*llu", width, added->counts.verdict[v]);
	}
	fputc('\n', out);
}

#define ROW_PROCESSES 2 /* of a verdict; so a row can still be read */
#define ROW_ITEM_SIZE (PROCESS_SIZE + 24)
#define ROW_SIZE      (VERDICT_COUNT * (64 + (ROW_PROCESSES + 1) * ROW_ITEM_SIZE))

/* " by nginx[812]:18,php-fpm[9]:1,others:1"; nothing if no process is known. */
static void text_row_processes(FILE *list, const struct tally *tally, enum verdict verdict,
			       uint64_t count)
{
	char comm[ESCAPED_SIZE(TASK_NAME_LEN)];
	struct share top[ROW_PROCESSES];
	const char *separator = " by ";
	uint64_t others;
	size_t shown = tally_top_of(tally, verdict, count, top, ROW_PROCESSES, &others);

	for (size_t i = 0; i < shown; i++) {
		const struct owner *owner = &top[i].owner;

		escape_item(comm, sizeof(comm), owner->comm, sizeof(owner->comm));
		fprintf(list, "%s%s[%u]:%" PRIu64, separator, comm, owner->pid, top[i].n);
		separator = ",";
	}
	if (others)
		fprintf(list, ",others:%" PRIu64, others);
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

int text_interval(FILE *out, unsigned int columns, uint64_t until,
		  const struct capture_counts *added, const struct tally *tally)
{
	char verdicts[ROW_SIZE] = "";
	int column, lines = 1;

	format_verdicts(verdicts, sizeof(verdicts), &added->counts, tally);
	column = text_row_begin(out, columns, until, added) + fprintf(out, "  ");
	if (!fit_beside(column, verdicts, terminal_width(out))) {
		column = fprintf(out, "\n%*s", WORDS_INDENT, "") - 1;
		lines++;
	}
	lines += terminal_wrap(out, verdicts, column, column);
	fputc('\n', out);
	return lines;
}

/* ---- the summary and the table ----------------------------------------------------------- */

static void text_lost(FILE *out, const struct capture_counts *c)
{
	const uint64_t thinned = counts_thinned(&c->counts);

	if (thinned)
		fprintf(out,
			"%" PRIu64 " events had no record, there were too many at once: they are "
			"counted above, but not by process\n",
			thinned);
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
	if (c->counts.other[COUNT_CALLS_MISSED])
		fprintf(out,
			"%llu system calls not seen, of all processes: this kernel lets others run "
			"while it shows us one; an EBADF among them is not counted above\n",
			c->counts.other[COUNT_CALLS_MISSED]);
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

/* The values are those of the last death; what is for some only says for how many. */
static void text_fixes(FILE *out, const struct advised *advised, enum verdict verdict,
		       uint64_t count, int column)
{
	const struct advised_row *rows;
	uint64_t without;
	size_t n = advised_rows(advised, verdict, &rows, &without);
	char label[64];

	for (size_t i = 0; i < n; i++) {
		snprintf(label, sizeof(label), "fix (%" PRIu64 " of %" PRIu64 "): ", rows[i].n,
			 count);
		text_beneath_meaning(out, rows[i].n == count ? "fix: " : label, rows[i].advice.text,
				     column);
	}
	if (!n || without)
		text_beneath_meaning(out, "fix: ", verdict_text(verdict)->remedy, column);
}

void text_summary(FILE *out, const struct capture_counts *total, const struct tally *tally,
		  const struct advised *advised, uint64_t watched_ns, int verbose)
{
	const struct counts *c = &total->counts;
	struct totals t = counts_add_up(c);
	char processes[PROCESSES_SIZE];
	int beside;

	fprintf(out,
		"tcpwhy: in %.1f s: %" PRIu64 " deaths (%" PRIu64 " orderly), %" PRIu64
		" incidents, "
		"%llu segments retransmitted, %llu resets sent, %llu received, %" PRIu64
		" records lost\n",
		watched_ns / 1e9, t.orderly + t.unhealthy, t.orderly, t.incidents,
		c->other[COUNT_RETRANS], c->other[COUNT_RESETS_SENT],
		c->other[COUNT_RESETS_RECEIVED], counts_lost(total));
	for (int v = 0; v < VERDICT_COUNT; v++) {
		if (!c->verdict[v])
			continue;
		fprintf(out, "%9llu  ", c->verdict[v]);
		beside = text_meaning(out, v, 11);
		format_processes(processes, sizeof(processes), tally, v);
		text_beneath_meaning(out, "by: ", processes, beside);
		text_fixes(out, advised, v, c->verdict[v], beside);
	}
	text_lost(out, total);
	if (verbose)
		fprintf(out, "%llu TCP sockets freed on the whole host\n",
			c->other[COUNT_DESTROYED]);
}

void text_rates(FILE *out, const struct capture_counts *total, uint64_t watched_ns)
{
	const struct totals t = counts_add_up(&total->counts);
	const double seconds = watched_ns / 1e9;

	fprintf(out,
		"tcpwhy: per second: %.2f deaths (%.2f orderly), %.2f incidents, %.2f segments "
		"retransmitted, %.2f resets sent, %.2f received\n",
		(t.orderly + t.unhealthy) / seconds, t.orderly / seconds, t.incidents / seconds,
		total->counts.other[COUNT_RETRANS] / seconds,
		total->counts.other[COUNT_RESETS_SENT] / seconds,
		total->counts.other[COUNT_RESETS_RECEIVED] / seconds);
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
