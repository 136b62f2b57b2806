// SPDX-License-Identifier: GPL-2.0-only
#include "check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "cgroup.h"
#include "format.h"
#include "terminal.h"
#include "verdict.h"

#define LABEL_WIDTH 18 /* of the longest feature, verdicts aside */
#define INDENT      2
#define COLUMN      (INDENT + LABEL_WIDTH + 2)

#define BOLD   "\033[1m"
#define RED    "\033[31m"
#define YELLOW "\033[33m"

/* ---- lines ------------------------------------------------------------------------------- */

static void say_colored(FILE *out, const char *color, const char *words)
{
	if (color && terminal_has_colors(out))
		fprintf(out, "%s%s\033[0m", color, words);
	else
		fprintf(out, "%s", words);
}

static void heading(FILE *out, const char *words)
{
	fputc('\n', out);
	say_colored(out, BOLD, words);
	fputc('\n', out);
}

/* The label, and beside it the words, wrapped to the terminal's width. */
static void line(FILE *out, const char *label, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void line(FILE *out, const char *label, const char *format, ...)
{
	char words[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	fprintf(out, "  %-*s  ", LABEL_WIDTH, label);
	terminal_wrap(out, words, COLUMN, COLUMN);
	fputc('\n', out);
}

/* Words with a head of their own, which may be colored; what does not fit goes beneath. */
static void item(FILE *out, int indent, const char *color, const char *head, const char *words)
{
	int column = indent + strlen(head) + 2;

	fprintf(out, "%*s", indent, "");
	say_colored(out, color, head);
	fprintf(out, ": ");
	terminal_wrap(out, words, column, indent + INDENT);
	fputc('\n', out);
}

/* ---- the sections ------------------------------------------------------------------------ */

static const char *found_word(enum found found, const char *yes, const char *no)
{
	switch (found) {
	case FOUND_YES:
		return yes;
	case FOUND_NO:
		return no;
	case FOUND_UNKNOWN:
		break;
	}
	return "not known";
}

static void text_kernel(FILE *out, const struct check *c)
{
	const struct kernel *k = &c->kernel;

	say_colored(out, BOLD, "kernel");
	fputc('\n', out);
	line(out, "release", "%s %s", c->system.sysname, c->system.release);
	line(out, "machine", "%s", c->system.machine);
	if (k->btf_size)
		line(out, "BTF", "%s, %" PRIu32 " bytes",
		     k->btf_file ? k->btf_file : "not where the kernel shows it", k->btf_size);
	else
		line(out, "BTF", "none");
	line(out, "tracepoints", "%s",
	     found_word(c->needs[NEED_TRACEPOINTS].found, "all that it needs",
			"not all that it needs, see below"));
	line(out, "maps", "%s",
	     found_word(c->needs[NEED_MAPS].found, "all that it needs",
			"not all that it needs, see below"));
}

static void text_privileges(FILE *out, const struct check *c)
{
	char kept[KEPT_SIZE];

	heading(out, "privileges");
	line(out, "effective user", "%u", (unsigned int)c->uid);
	for (int i = 0; i < PRIVILEGES; i++) {
		const struct privilege *p = &c->privileges[i];

		line(out, p->name, "%s, %s: %s", p->present ? "present" : "missing",
		     p->needed ? "needed" : "optional", p->use);
	}
	kept_format(kept, &c->kept);
	line(out, "kept to the end", "%s", kept);
}

static void text_programs(FILE *out, const struct check *c)
{
	char words[128];

	heading(out, "BPF programs, by options");
	for (int kind = 0; kind < TRIAL_COUNT; kind++) {
		const struct trial *trial = &c->trials[kind];

		if (!trial->tried && kind != TRIAL_PLAIN)
			continue;
		snprintf(words, sizeof(words), "%s in %.0f ms",
			 kind == TRIAL_PLAIN ? "loaded and attached" : "loaded",
			 trial->took_ns / 1e6);
		item(out, INDENT, trial->tried && !trial->taken ? RED : NULL, trial_options(kind),
		     !trial->tried  ? "not tried"
		     : trial->taken ? words
				    : trial->why.text);
	}
}

static void text_features(FILE *out, const struct check *c)
{
	heading(out, "what the kernel offers (the number is the version of Linux that brought it)");
	for (int f = 0; f < FEATURE_COUNT; f++)
		line(out, feature_name(f), "%-3s  %s%s",
		     found_word(kernel_found(&c->kernel, f), "yes", "no"), feature_meaning(f),
		     c->without >> f & 1 ? " (masked by --without)" : "");
}

static void text_hooks(FILE *out, const struct check *c)
{
	heading(out, check_failure(c) ? "how it would learn of" : "how it learns of");
	for (int l = 0; l < LADDER_COUNT; l++) {
		const struct rung *rung = ladder_rung(&c->kernel, l);

		item(out, INDENT, NULL, ladder_text(l)->what, rung ? rung->how : "not known");
		if (rung && rung->weak)
			item(out, 2 * INDENT, YELLOW, "weaker", rung->weak);
	}
}

/* ---- verdicts ---------------------------------------------------------------------------- */

#define BY_TIMESTAMPS "read; inferred for connections without TCP timestamps (RFC 7323)"

static const struct {
	const char *head, *color;
} reaches[] = {
	[REACH_READ] = { "read", NULL },
	[REACH_INFERRED] = { "inferred", YELLOW },
	[REACH_NONE] = { "out of reach", RED },
	[REACH_UNKNOWN] = { "not known", RED },
};

/* "unread-data, linger-zero": those that are read, by timestamps or not. */
static void format_read(char *out, size_t size, const struct kernel *k, bool by_timestamps)
{
	const char *separator = "", *why;
	FILE *list = fmemopen(out, size, "w");

	if (!list)
		return;
	for (int v = 0; v < VERDICT_COUNT; v++) {
		if (ladder_reach(k, v, &why) != REACH_READ ||
		    ladder_by_timestamps(v) != by_timestamps)
			continue;
		fprintf(list, "%s%s", separator, verdict_text(v)->name);
		separator = ", ";
	}
	fclose(list);
}

static void text_read(FILE *out, const struct kernel *k)
{
	char list[2048] = "";

	format_read(list, sizeof(list), k, false);
	item(out, INDENT, NULL, reaches[REACH_READ].head, list);
	format_read(list, sizeof(list), k, true);
	item(out, INDENT, NULL, BY_TIMESTAMPS, list);
}

static void text_not_read(FILE *out, const struct kernel *k, enum reach reach)
{
	const char *why;
	bool any = false;

	for (int v = 0; v < VERDICT_COUNT; v++) {
		if (ladder_reach(k, v, &why) != reach)
			continue;
		if (!any) {
			fprintf(out, "%*s", INDENT, "");
			say_colored(out, reaches[reach].color, reaches[reach].head);
			fputs(":\n", out);
		}
		any = true;
		item(out, 2 * INDENT, NULL, verdict_text(v)->name, why);
	}
}

/* "accept-overflow: inferred: ..." */
static void verdict_line(FILE *out, enum verdict verdict, enum reach reach, const char *why)
{
	const char *name = verdict_text(verdict)->name, *head = reaches[reach].head;
	int column = INDENT + strlen(name) + strlen(head) + 4;

	fprintf(out, "%*s%s: ", INDENT, "", name);
	say_colored(out, reaches[reach].color, head);
	fputs(": ", out);
	terminal_wrap(out, why, column, 2 * INDENT);
	fputc('\n', out);
}

static void text_each_verdict(FILE *out, const struct kernel *k)
{
	const char *why;

	for (int v = 0; v < VERDICT_COUNT; v++) {
		enum reach reach = ladder_reach(k, v, &why);

		if (reach == REACH_READ)
			item(out, INDENT, NULL, verdict_text(v)->name,
			     ladder_by_timestamps(v) ? BY_TIMESTAMPS : reaches[reach].head);
		else
			verdict_line(out, v, reach, why);
	}
}

static void text_verdicts_of(FILE *out, const struct check *c, bool verbose)
{
	const struct kernel *k = &c->kernel;

	heading(out, check_failure(c) ? "verdicts, if it worked" : "verdicts");
	if (verbose) {
		text_each_verdict(out, k);
		return;
	}
	text_read(out, k);
	for (enum reach reach = REACH_INFERRED; reach <= REACH_UNKNOWN; reach++)
		text_not_read(out, k, reach);
}

/* ---- sysctls ----------------------------------------------------------------------------- */

static const struct {
	const char *head, *color;
} implications[] = {
	[NOT_IMPLICATED] = { "not implicated", NULL },
	[NEAR_ITS_LIMIT] = { "near its limit", YELLOW },
	[IMPLICATED] = { "implicated", RED },
	[NOT_KNOWN] = { "not known", YELLOW },
};

static void text_sysctl(FILE *out, const struct host *h, enum sysctl sysctl)
{
	const char *value = *h->value[sysctl] ? h->value[sysctl] : "?";
	char head[128], words[FINDING_SIZE + 256];
	struct finding f;

	sysctl_judge(&f, h, sysctl);
	snprintf(head, sizeof(head), "%s = %s", sysctl_name(sysctl), value);
	snprintf(words, sizeof(words), "%s: %s; %s", implications[f.implication].head, f.why,
		 f.advice);
	item(out, INDENT, implications[f.implication].color, head, words);
}

/* "net.core.somaxconn = 4096, ...": of those that are to be left alone. */
static void text_others(FILE *out, const struct host *h)
{
	const char *separator = "";
	char list[2048] = "";
	struct finding f;
	size_t len = 0;

	for (int s = 0; s < SYSCTL_COUNT; s++) {
		sysctl_judge(&f, h, s);
		if (f.implication != NOT_IMPLICATED)
			continue;
		len += snprintf(list + len, sizeof(list) - len, "%s%s = %s", separator,
				sysctl_name(s), h->value[s]);
		separator = ", ";
	}
	item(out, INDENT, NULL, "not implicated (-v says why, and what to do)", list);
}

static void text_sysctls(FILE *out, const struct check *c, bool verbose)
{
	struct finding f;

	heading(out, "sysctls, and whether what this host has counted since boot implicates them");
	for (int s = 0; s < SYSCTL_COUNT; s++) {
		sysctl_judge(&f, &c->host, s);
		if (verbose || f.implication != NOT_IMPLICATED)
			text_sysctl(out, &c->host, s);
	}
	if (!verbose)
		text_others(out, &c->host);
}

/* ---- accidents --------------------------------------------------------------------------- */

#define SHOWN_GROUPS 3

/* "; unit haproxy.service; network namespace 4026532246", or nothing that need be said. */
static void format_place(char *out, size_t size, const struct check *c, const struct held_socket *s)
{
	const struct accident_limits *l = &c->accidents.limits;
	const struct cgroup_home *home = cgroup_find(s->owner.cgroup);
	char name[ESCAPED_SIZE(CGROUP_NAME_LEN)];
	int len = 0;

	*out = '\0';
	if (home) {
		escape_text(name, sizeof(name), home->name, sizeof(home->name));
		len = snprintf(out, size, "; %s %s",
			       home->kind == CGROUP_UNIT ? "unit" : "container", name);
	}
	if (s->netns != l->own_netns && s->netns != l->netns)
		snprintf(out + len, size - len, "; network namespace %" PRIu32, s->netns);
}

/* "haproxy[4121], 12, the worst: 10.0.0.5:3306 -> 10.0.0.9:40312  ..." */
static void text_group(FILE *out, const struct check *c, enum accident_kind kind,
		       const struct accident_group *group)
{
	const struct held_socket *s = &group->worst;
	char process[PROCESS_SIZE], local[ENDPOINT_SIZE], remote[ENDPOINT_SIZE];
	char why[ACCIDENT_TEXT_SIZE], place[ESCAPED_SIZE(CGROUP_NAME_LEN) + 64];
	char head[PROCESS_SIZE + 64], words[1024];

	format_process(process, &s->owner);
	format_local(local, &s->tuple);
	format_remote(remote, &s->tuple);
	accident_describe(why, kind, s, &c->accidents.limits);
	format_place(place, sizeof(place), c, s);
	snprintf(head, sizeof(head), group->count > 1 ? "%s, %" PRIu64 ", the worst" : "%s",
		 process, group->count);
	snprintf(words, sizeof(words), "%s -> %s  %s%s", local, remote, why, place);
	item(out, 2 * INDENT, NULL, head, words);
}

static void text_groups(FILE *out, const struct check *c, enum accident_kind kind)
{
	const struct accident *a = &c->accidents.kind[kind];
	uint64_t shown = 0;
	int i;

	for (i = 0; i < SHOWN_GROUPS && a->group[i].count; i++) {
		text_group(out, c, kind, &a->group[i]);
		shown += a->group[i].count;
	}
	if (a->processes > (uint64_t)i)
		fprintf(out, "%*s%" PRIu64 " more of %" PRIu64 " other processes\n", 2 * INDENT, "",
			a->count - shown, a->processes - i);
}

static void text_accident(FILE *out, const struct check *c, enum accident_kind kind)
{
	const struct accident_text *text = accident_text(kind);
	const struct accident *a = &c->accidents.kind[kind];
	char words[1024], counted[ACCIDENT_COUNTED_SIZE];

	accident_counted(counted, kind, a->count);
	snprintf(words, sizeof(words), "%s%s%s: %s%s%s", counted, *a->why ? ", " : "", a->why,
		 text->meaning, text->verdict == VERDICT_COUNT ? "" : "; leads to ",
		 text->verdict == VERDICT_COUNT ? "" : verdict_text(text->verdict)->name);
	item(out, INDENT, RED, text->name, words);
	text_groups(out, c, kind);
	item(out, 2 * INDENT, NULL, "fix", text->advice);
}

static void text_accidents(FILE *out, const struct check *c)
{
	const struct accidents *a = &c->accidents;

	heading(out, "accidents waiting to happen");
	if (c->sockets_seen)
		fprintf(out, "  looked at: %" PRIu64 " sockets that processes hold, %s\n",
			a->sockets,
			a->limits.netns ? "in one network namespace" : "in all network namespaces");
	else
		item(out, INDENT, YELLOW, "sockets were not looked at", c->unseen.text);
	for (int kind = 0; kind < ACCIDENT_COUNT; kind++)
		if (a->kind[kind].count)
			text_accident(out, c, kind);
	if (!accidents_found(a))
		fputs("  none found\n", out);
}

/* ---- all of it --------------------------------------------------------------------------- */

static void text_failures(FILE *out, const struct check *c)
{
	const char *head = "tcpwhy does not work here";

	for (int need = 0; need < NEED_COUNT; need++)
		if (c->needs[need].found == FOUND_NO)
			item(out, 0, RED, head, c->needs[need].why.text);
	if (c->trials[TRIAL_PLAIN].tried)
		item(out, 0, RED, head, c->trials[TRIAL_PLAIN].why.text);
}

/* Those of which something must be done, if any. */
static void text_implicated(FILE *out, const struct host *h)
{
	struct finding f;

	for (int s = 0; s < SYSCTL_COUNT; s++) {
		sysctl_judge(&f, h, s);
		if (sysctl_is_found(&f))
			fprintf(out, "%s is %s, see above\n", sysctl_name(s),
				implications[f.implication].head);
	}
}

static void text_waiting(FILE *out, const struct accidents *a)
{
	char counted[ACCIDENT_COUNTED_SIZE];

	for (int kind = 0; kind < ACCIDENT_COUNT; kind++) {
		if (!a->kind[kind].count)
			continue;
		accident_counted(counted, kind, a->kind[kind].count);
		fprintf(out, "an accident waits to happen: %s, %s, see above\n",
			accident_text(kind)->name, counted);
	}
}

static void text_result(FILE *out, const struct check *c)
{
	unsigned int weaker = check_weaker(c);

	fputc('\n', out);
	if (check_failure(c)) {
		text_failures(out, c);
		return;
	}
	fputs("tcpwhy works here\n", out);
	if (weaker)
		fprintf(out, "%u verdict%s weaker than on other kernels\n", weaker,
			weaker == 1 ? " is" : "s are");
	for (int kind = TRIAL_ALL + 1; kind < TRIAL_COUNT; kind++)
		if (c->trials[kind].tried && !c->trials[kind].taken)
			fprintf(out, "it does not work with %s\n", trial_options(kind));
	text_implicated(out, &c->host);
	text_waiting(out, &c->accidents);
}

void check_text(FILE *out, const struct check *c, bool verbose)
{
	text_kernel(out, c);
	text_privileges(out, c);
	text_programs(out, c);
	text_features(out, c);
	text_hooks(out, c);
	text_verdicts_of(out, c, verbose);
	text_sysctls(out, c, verbose);
	text_accidents(out, c);
	text_result(out, c);
}
