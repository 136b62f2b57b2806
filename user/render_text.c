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

/* ---- one line for a death or an incident ------------------------------------------------- */

/* Records carry monotonic time; the wall clock may be set, so it is asked each time. */
static void format_time(char *out, size_t size, uint64_t when)
{
	uint64_t age = monotonic_ns() - when;
	uint64_t wall = clock_ns(CLOCK_REALTIME) - age;
	time_t seconds = wall / 1000000000;
	struct tm tm;
	size_t n;

	localtime_r(&seconds, &tm);
	n = strftime(out, size, "%H:%M:%S", &tm);
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

void text_evidence(FILE *out, const struct evidence *e, const struct evidence *other)
{
	enum verdict verdict = classify(&e->facts);
	char when[32], process[PROCESS_SIZE], tuple[128], words[512];

	format_time(when, sizeof(when), e->time_ns);
	format_process(process, sizeof(process), &e->owner);
	format_tuple(tuple, sizeof(tuple), &e->tuple);
	story_words(words, sizeof(words), e, verdict);
	fprintf(out, "%s  %-22s  %-20s  %-36s  %s", when, verdict_text(verdict)->name, process,
		tuple, words);
	text_home(out, "; ", &e->owner);
	if (other)
		text_other_end(out, other);
	fputc('\n', out);
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

void text_interval(FILE *out, const struct capture_counts *added)
{
	const struct counts *c = &added->counts;
	struct totals t = add_up(c);
	const char *separator = "";
	char when[16];
	struct tm tm;
	time_t now = time(NULL);

	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%H:%M:%S", &tm);
	fprintf(out,
		"%s %8" PRIu64 " %8" PRIu64 " %9" PRIu64 " %9" PRIu64 " %8llu %8llu %8llu %6" PRIu64
		"  ",
		when, t.orderly + t.unhealthy, t.orderly, t.unhealthy, t.incidents,
		c->other[COUNT_RETRANS], c->other[COUNT_RESETS_SENT],
		c->other[COUNT_RESETS_RECEIVED], lost(added));
	for (int v = 0; v < VERDICT_COUNT; v++) {
		if (!c->verdict[v] || verdict_text(v)->group == GROUP_ORDERLY)
			continue;
		fprintf(out, "%s%s=%llu", separator, verdict_text(v)->name, c->verdict[v]);
		separator = " ";
	}
	fprintf(out, "%s\n", *separator ? "" : "-");
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

void text_summary(FILE *out, const struct capture_counts *total, uint64_t watched_ns, int verbose)
{
	const struct counts *c = &total->counts;
	struct totals t = add_up(c);

	fprintf(out,
		"tcpwhy: in %.1f s: %" PRIu64 " deaths (%" PRIu64 " orderly), %" PRIu64
		" incidents, "
		"%llu segments retransmitted, %llu resets sent, %llu received, %" PRIu64
		" records lost\n",
		watched_ns / 1e9, t.orderly + t.unhealthy, t.orderly, t.incidents,
		c->other[COUNT_RETRANS], c->other[COUNT_RESETS_SENT],
		c->other[COUNT_RESETS_RECEIVED], lost(total));
	for (int v = 0; v < VERDICT_COUNT; v++) {
		const struct verdict_text *text = verdict_text(v);

		if (!c->verdict[v])
			continue;
		fprintf(out, "%9llu  %-22s  %s\n", c->verdict[v], text->name, text->meaning);
		if (*text->remedy)
			fprintf(out, "%9s  %-22s  fix: %s\n", "", "", text->remedy);
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
		fprintf(out, "  %-22s  %s\n", text->name, text->meaning);
		if (*text->remedy)
			fprintf(out, "  %-22s  fix: %s\n", "", text->remedy);
	}
}
