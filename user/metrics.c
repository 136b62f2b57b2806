// SPDX-License-Identifier: GPL-2.0-only
#include "metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "host.h"
#include "services.h"

struct metrics {
	struct services *services;
	uint64_t other[COUNTER_MAX]; /* by enum counter */
	uint64_t missed, rejected;
};

struct metrics *metrics_new(void)
{
	struct metrics *m = calloc(1, sizeof(*m));

	if (m)
		m->services = services_new();
	if (m && m->services)
		return m;
	metrics_free(m);
	return NULL;
}

void metrics_free(struct metrics *m)
{
	if (m)
		free(m->services);
	free(m);
}

void metrics_add(struct metrics *m, const struct row *row)
{
	const struct capture_counts *added = row->added;

	services_merge(m->services, row->services, &added->counts);
	for (int c = 0; c < COUNTER_MAX; c++)
		m->other[c] += added->counts.other[c];
	m->missed += added->missed;
	m->rejected += added->rejected;
}

/* ---- writing ----------------------------------------------------------------------------- */

static void family(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# TYPE tcpwhy_%s %s\n# HELP tcpwhy_%s %s\n", name, type, name, help);
}

static void counter(FILE *out, const char *name, const char *help, uint64_t value)
{
	family(out, name, "counter", help);
	fprintf(out, "tcpwhy_%s_total %" PRIu64 "\n", name, value);
}

/* A label's value: any bytes; in it '"', '\' and newlines are escaped. */
static void label(FILE *out, const char *name, const char *bytes, size_t len)
{
	char text[ESCAPED_SIZE(sizeof(((struct utsname *)0)->release))];

	escape_utf8(text, sizeof(text), bytes, len);
	fprintf(out, ",%s=\"", name);
	for (const char *c = text; *c; c++)
		fprintf(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
	fputc('"', out);
}

static const char *const sides[] = {
	[SIDE_SERVER] = "server",
	[SIDE_CLIENT] = "client",
	[SIDE_UNKNOWN] = "unknown",
};

/* What comes first in the braces: the family, and the label and its value that all in a table
 * share. */
struct head {
	const char *family, *label, *value;
	bool overflow; /* the process in place of the side */
};

static void begin_sample(FILE *out, const struct head *h, const char *port)
{
	fprintf(out, "tcpwhy_%s_total{%s=\"%s\",service_port=\"%s\"", h->family, h->label, h->value,
		port);
}

static void write_series(FILE *out, const struct head *h, const struct series *s)
{
	char port[sizeof("65535")];

	snprintf(port, sizeof(port), "%u", s->port);
	begin_sample(out, h, s->port ? port : "none");
	if (h->overflow)
		label(out, "comm", s->comm, sizeof(s->comm));
	else
		fprintf(out, ",side=\"%s\"", sides[s->side]);
	fprintf(out, "} %" PRIu64 "\n", s->n);
}

/* The last one is always there, so that a counter is known from 0 on. */
static void write_table(FILE *out, const struct head *h, const struct series_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		write_series(out, h, &t->series[i]);
	for (int side = 0; side < SIDES; side++) {
		if (!t->other[side])
			continue;
		begin_sample(out, h, "other");
		if (!h->overflow)
			fprintf(out, ",side=\"%s\"", sides[side]);
		fprintf(out, "} %" PRIu64 "\n", t->other[side]);
	}
	begin_sample(out, h, "unattributed");
	fprintf(out, "} %" PRIu64 "\n", t->unattributed);
}

static void write_verdicts(FILE *out, const struct metrics *m, bool incidents)
{
	struct head h = { .family = incidents ? "incidents" : "deaths", .label = "verdict" };

	for (int v = 0; v < VERDICT_COUNT; v++) {
		if ((verdict_text(v)->group == GROUP_INCIDENT) != incidents)
			continue;
		h.value = verdict_text(v)->name;
		write_table(out, &h, &m->services->verdicts[v]);
	}
}

static void write_overflows(FILE *out, const struct metrics *m)
{
	static const char *const queues[] = { [QUEUE_ACCEPT] = "accept", [QUEUE_SYN] = "syn" };
	struct head h = { .family = "listener_overflows", .label = "queue", .overflow = true };

	for (int q = 0; q < QUEUES; q++) {
		h.value = queues[q];
		write_table(out, &h, &m->services->overflows[q]);
	}
}

static void write_build(FILE *out)
{
	const struct utsname *host = host_watched();

	family(out, "build", "info", "Of tcpwhy, and the kernel that it runs on.");
	fprintf(out, "tcpwhy_build_info{version=\"%s\"", TCPWHY_VERSION);
	label(out, "kernel_release", host->release, sizeof(host->release));
	fprintf(out, "} 1\n");
}

void metrics_write(FILE *out, const struct metrics *m)
{
	family(out, "deaths", "counter", "TCP connections that ended, by verdict.");
	write_verdicts(out, m, false);
	family(out, "incidents", "counter", "What happened beside the ends of connections.");
	write_verdicts(out, m, true);
	family(out, "listener_overflows", "counter",
	       "SYNs, or last ACKs of handshakes, that met a full queue of a listener.");
	write_overflows(out, m);
	counter(out, "segments_retransmitted", "Segments that were sent again.",
		m->other[COUNT_RETRANS]);
	counter(out, "resets_sent", "RSTs that were sent.", m->other[COUNT_RESETS_SENT]);
	counter(out, "resets_received", "RSTs that met a connection.",
		m->other[COUNT_RESETS_RECEIVED]);
	counter(out, "records_lost",
		"Records that found the ring buffer full; they are counted, but unattributed.",
		m->other[COUNT_LOST]);
	counter(out, "records_rejected", "Records of an unknown type or size.", m->rejected);
	counter(out, "events_missed", "Events that the kernel did not report: not counted.",
		m->missed);
	counter(out, "system_calls_missed",
		"System calls, of all processes, that the kernel did not report to --errors.",
		m->other[COUNT_CALLS_MISSED]);
	write_build(out);
	fprintf(out, "# EOF\n");
}
