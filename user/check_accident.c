// SPDX-License-Identifier: GPL-2.0-only
#include "check_accident.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "array.h"

#define BIT(kind) (UINT32_C(1) << (kind))

#define SOMAXCONN_DEFAULT 4096 /* since Linux 5.4 */

#define NO_VERDICT VERDICT_COUNT

static const struct accident_text texts[] = {
	[ACCIDENT_LOST_PROBE] = {
		.name = "one-lost-probe",
		.what = "connection%s",
		.meaning = "TCP_USER_TIMEOUT is not above keepalive time + interval, so a single "
			   "lost probe ends the connection",
		.advice = "set TCP_USER_TIMEOUT to 0 (haproxy: without tcp-ut), or above time + "
			  "interval * probes",
		.verdict = VERDICT_keepalive_user_timeout,
	},
	[ACCIDENT_IDLE] = {
		.name = "idle-unprotected",
		.what = "connection%s",
		.meaning = "idle for longer than middleboxes remember a connection, and no "
			   "keepalive probe kept it alive: if there is one on the way, the next "
			   "write meets a reset or silence",
		.advice = "SO_KEEPALIVE with a TCP_KEEPIDLE below that, or close idle connections "
			  "earlier",
		.verdict = VERDICT_peer_forgot,
	},
	[ACCIDENT_CLOSE_WAIT] = {
		.name = "close-wait",
		.what = "connection%s",
		.meaning = "the peer has closed, and the process neither closes nor sends: it "
			   "leaks descriptors",
		.advice = "the process must close what it reads the end of; its code forgets to, "
			  "or hangs",
		.verdict = NO_VERDICT,
	},
	[ACCIDENT_QUEUE] = {
		.name = "queue-near-limit",
		.what = "listener%s",
		.meaning = "80 % of the accept queue are in use: when it is full, connections are "
			   "dropped",
		.advice = "accept faster, or raise the listen() backlog, and net.core.somaxconn "
			  "where that is the limit",
		.verdict = VERDICT_accept_overflow,
	},
	[ACCIDENT_BACKLOG_CUT] = {
		.name = "backlog-cut",
		.what = "listener%s",
		.meaning = "likely: listen() asked for more than net.core.somaxconn, which is "
			   "below the kernel's default of 4096, and was cut: the kernel does not "
			   "keep what was asked",
		.advice = "set net.core.somaxconn to 4096, then restart the server",
		.verdict = VERDICT_accept_overflow,
		.likely = true,
	},
	[ACCIDENT_NOT_ACCEPTED] = {
		.name = "not-accepting",
		.what = "listener%s",
		.meaning = "connections wait, and the process accepts none",
		.advice = "see what it does instead: is it stopped, blocked, or out of "
			  "descriptors?",
		.verdict = VERDICT_accept_overflow,
	},
	[ACCIDENT_ORPHANS] = {
		.name = "orphans-near-limit",
		.what = "orphan%s",
		.meaning = "80 % of net.ipv4.tcp_max_orphans: above it, closed connections are "
			   "reset before their last data is delivered",
		.advice = "lower net.ipv4.tcp_orphan_retries to 3, so that they go sooner",
		.verdict = VERDICT_out_of_memory,
	},
	[ACCIDENT_TIME_WAIT] = {
		.name = "time-wait-near-limit",
		.what = "connection%s in TIME_WAIT",
		.meaning = "80 % of net.ipv4.tcp_max_tw_buckets: above it, connections end "
			   "without TIME_WAIT, and late segments meet resets or strangers",
		.advice = "reuse connections; else raise it: each takes some 250 bytes",
		.verdict = NO_VERDICT,
	},
	[ACCIDENT_PORTS] = {
		.name = "ports-near-limit",
		.what = "local port%s",
		.meaning = "80 % of net.ipv4.ip_local_port_range are in use towards one peer: "
			   "without a port connect() fails with EADDRNOTAVAIL",
		.advice = "reuse connections, widen the range, or use more addresses",
		.verdict = VERDICT_connect_failed,
	},
};

const struct accident_text *accident_text(enum accident_kind kind)
{
	return &texts[kind];
}

void accident_counted(char out[ACCIDENT_COUNTED_SIZE], enum accident_kind kind, uint64_t count)
{
	int len = snprintf(out, ACCIDENT_COUNTED_SIZE, "%" PRIu64 " ", count);

	snprintf(out + len, ACCIDENT_COUNTED_SIZE - len, texts[kind].what, count == 1 ? "" : "s");
}

/* ---- times ------------------------------------------------------------------------------- */

#define SPAN_SIZE 32

/* "12.0 s", "4 min 12 s", "3 h 5 min", "2 d 4 h" */
static const char *span(char out[SPAN_SIZE], uint64_t ms)
{
	uint64_t s = ms / 1000;

	if (s < 100)
		snprintf(out, SPAN_SIZE, "%.1f s", ms / 1e3);
	else if (s < 3600)
		snprintf(out, SPAN_SIZE, "%u min %u s", (unsigned int)s / 60, (unsigned int)s % 60);
	else if (s < 86400)
		snprintf(out, SPAN_SIZE, "%u h %u min", (unsigned int)s / 3600,
			 (unsigned int)(s / 60 % 60));
	else
		snprintf(out, SPAN_SIZE, "%" PRIu64 " d %u h", s / 86400,
			 (unsigned int)(s / 3600 % 24));
	return out;
}

/* ---- middleboxes ------------------------------------------------------------------------- */

/* Which forget idle connections, and when, by their makers' documentation; the first one first. */
static const struct {
	const char *name;
	uint64_t ms;
} middleboxes[] = {
	{ "Azure Load Balancer and NAT gateway", 240000 },
	{ "AWS NAT gateway and Network Load Balancer", 350000 },
	{ "Google Cloud firewall rules", 600000 },
};

#define MIDDLEBOXES ARRAY_SIZE(middleboxes)

static uint64_t min_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Since the last segment that is known of, whoever sent it. */
static uint64_t idle_ms(const struct held_socket *s)
{
	return min_of(s->silent_ms, s->probed_ms);
}

static uint64_t conntrack_limit(const struct held_socket *s, const struct accident_limits *l)
{
	return s->netns == l->own_netns ? l->conntrack_ms : 0;
}

/* The first of the limits that the connection would meet. */
static uint64_t first_limit(const struct held_socket *s, const struct accident_limits *l)
{
	uint64_t limit = l->idle_ms ? l->idle_ms : middleboxes[0].ms;
	uint64_t conntrack = conntrack_limit(s, l);

	return conntrack ? min_of(limit, conntrack) : limit;
}

static void add_middlebox(char out[ACCIDENT_TEXT_SIZE], uint64_t idle, uint64_t limit,
			  const char *name)
{
	size_t len = strlen(out);

	if (limit && idle >= limit)
		snprintf(out + len, ACCIDENT_TEXT_SIZE - len, "%s%s (%g s)", len ? ", " : "", name,
			 limit / 1e3);
}

/* "AWS NAT gateway and Network Load Balancer (350 s)": all those that would have forgotten it. */
static void forgetters(char out[ACCIDENT_TEXT_SIZE], const struct held_socket *s,
		       const struct accident_limits *l)
{
	*out = '\0';
	add_middlebox(out, idle_ms(s), l->idle_ms, "what --idle is about");
	add_middlebox(out, idle_ms(s), conntrack_limit(s, l), "conntrack of this host");
	for (size_t i = 0; i < MIDDLEBOXES && !l->idle_ms; i++)
		add_middlebox(out, idle_ms(s), middleboxes[i].ms, middleboxes[i].name);
}

/* Both ends have the same address, or one of 127.0.0.0/8 or ::1: no middlebox in between. */
static bool is_local(const struct tuple *t)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	bool is_mapped = t->family == AF_INET6 && !memcmp(t->raddr, mapped, sizeof(mapped));
	size_t size = t->family == AF_INET6 ? 16 : 4;

	return !memcmp(t->laddr, t->raddr, size) || (t->family == AF_INET && t->raddr[0] == 127) ||
	       (is_mapped && t->raddr[12] == 127);
}

/* ---- judges of sockets ------------------------------------------------------------------- */

/* The first keepalive probe comes too late, or none. */
static bool is_unprotected(const struct held_socket *s, uint64_t limit_ms)
{
	return !s->keepalive || s->keepalive_ms >= limit_ms;
}

static uint32_t judge_connection(const struct held_socket *s, const struct accident_limits *l)
{
	uint64_t limit_ms = first_limit(s, l);
	uint32_t kinds = 0;

	if (s->state != TCP_ESTABLISHED && s->state != TCP_CLOSE_WAIT)
		return 0;
	if (s->keepalive && s->user_timeout_ms &&
	    s->user_timeout_ms <= s->keepalive_ms + s->intvl_ms)
		kinds |= BIT(ACCIDENT_LOST_PROBE);
	if (s->state == TCP_CLOSE_WAIT && s->silent_ms >= l->stuck_ms)
		kinds |= BIT(ACCIDENT_CLOSE_WAIT);
	if (s->state == TCP_ESTABLISHED && !is_local(&s->tuple) && idle_ms(s) >= limit_ms &&
	    is_unprotected(s, limit_ms))
		kinds |= BIT(ACCIDENT_IDLE);
	return kinds;
}

/* A queue takes one connection more than its limit: sk_acceptq_is_full(). */
static uint64_t queue_room(const struct held_socket *s)
{
	return s->backlog_max + UINT64_C(1);
}

static bool is_cut_by_somaxconn(const struct held_socket *s)
{
	return s->backlog_max == s->somaxconn;
}

static uint32_t judge_listener(const struct held_socket *s, const struct accident_limits *l)
{
	uint32_t kinds = 0;

	if (s->backlog && s->backlog * UINT64_C(5) >= queue_room(s) * 4)
		kinds |= BIT(ACCIDENT_QUEUE);
	if (is_cut_by_somaxconn(s) && s->somaxconn < SOMAXCONN_DEFAULT)
		kinds |= BIT(ACCIDENT_BACKLOG_CUT);
	if (s->backlog && s->waiting_ms >= l->stuck_ms)
		kinds |= BIT(ACCIDENT_NOT_ACCEPTED);
	return kinds;
}

uint32_t accident_judge(const struct held_socket *s, const struct accident_limits *l)
{
	return s->state == TCP_LISTEN ? judge_listener(s, l) : judge_connection(s, l);
}

/* ---- in words ---------------------------------------------------------------------------- */

static void describe_idle(char out[ACCIDENT_TEXT_SIZE], const struct held_socket *s,
			  const struct accident_limits *l)
{
	char idle[SPAN_SIZE], first[SPAN_SIZE], who[ACCIDENT_TEXT_SIZE];

	forgetters(who, s, l);
	span(idle, idle_ms(s));
	if (s->keepalive)
		snprintf(out, ACCIDENT_TEXT_SIZE,
			 "idle for %s, keepalive begins after %s; forgotten by then: %s", idle,
			 span(first, s->keepalive_ms), who);
	else
		snprintf(out, ACCIDENT_TEXT_SIZE,
			 "idle for %s, SO_KEEPALIVE is off; forgotten by then: %s", idle, who);
}

static void describe_queue(char out[ACCIDENT_TEXT_SIZE], const struct held_socket *s)
{
	snprintf(out, ACCIDENT_TEXT_SIZE, "accept queue %u of limit %u from %s", s->backlog,
		 s->backlog_max, is_cut_by_somaxconn(s) ? "somaxconn" : "listen()");
}

void accident_describe(char out[ACCIDENT_TEXT_SIZE], enum accident_kind kind,
		       const struct held_socket *s, const struct accident_limits *l)
{
	char text[SPAN_SIZE];

	*out = '\0';
	if (kind == ACCIDENT_LOST_PROBE)
		snprintf(out, ACCIDENT_TEXT_SIZE,
			 "TCP_USER_TIMEOUT %.2f s <= keepalive time %.2f s + interval %.2f s",
			 s->user_timeout_ms / 1e3, s->keepalive_ms / 1e3, s->intvl_ms / 1e3);
	else if (kind == ACCIDENT_IDLE)
		describe_idle(out, s, l);
	else if (kind == ACCIDENT_CLOSE_WAIT)
		snprintf(out, ACCIDENT_TEXT_SIZE, "in CLOSE_WAIT for %s at least, %u bytes unread",
			 span(text, s->silent_ms), s->unread);
	else if (kind == ACCIDENT_QUEUE)
		describe_queue(out, s);
	else if (kind == ACCIDENT_BACKLOG_CUT)
		snprintf(out, ACCIDENT_TEXT_SIZE, "its limit is net.core.somaxconn = %u",
			 s->somaxconn);
	else if (kind == ACCIDENT_NOT_ACCEPTED)
		snprintf(out, ACCIDENT_TEXT_SIZE,
			 "nothing accepted for %s, accept queue %u of limit %u",
			 span(text, s->waiting_ms), s->backlog, s->backlog_max);
}

/* ---- adding up --------------------------------------------------------------------------- */

/* Of two accidents of a kind the one with more of this is the worse. */
static uint64_t badness(enum accident_kind kind, const struct held_socket *s)
{
	switch (kind) {
	case ACCIDENT_LOST_PROBE:
		return UINT32_MAX - s->user_timeout_ms;
	case ACCIDENT_IDLE:
		return idle_ms(s);
	case ACCIDENT_CLOSE_WAIT:
		return s->silent_ms;
	case ACCIDENT_QUEUE:
		return s->backlog * UINT64_C(1000) / queue_room(s);
	case ACCIDENT_NOT_ACCEPTED:
		return s->waiting_ms;
	default:
		return s->backlog;
	}
}

/* The process that came is through: is it among those with the most? */
static void settle_group(struct accident *a)
{
	int i = ACCIDENT_GROUPS;

	if (!a->last.count)
		return;
	a->processes++;
	while (i > 0 && a->group[i - 1].count < a->last.count)
		i--;
	if (i < ACCIDENT_GROUPS) {
		memmove(&a->group[i + 1], &a->group[i],
			(ACCIDENT_GROUPS - 1 - i) * sizeof(a->group[0]));
		a->group[i] = a->last;
	}
	a->last.count = 0;
}

static void add_to_group(struct accident *a, enum accident_kind kind, const struct held_socket *s)
{
	if (a->last.worst.owner.pid != s->owner.pid)
		settle_group(a);
	if (!a->last.count || badness(kind, s) > badness(kind, &a->last.worst))
		a->last.worst = *s;
	a->last.count++;
	a->count++;
}

void accidents_add(struct accidents *a, const struct held_socket *s)
{
	uint32_t kinds;

	if (a->limits.netns && s->netns != a->limits.netns)
		return;
	a->sockets++;
	kinds = accident_judge(s, &a->limits);
	for (int kind = 0; kind < ACCIDENTS_OF_SOCKETS; kind++)
		if (kinds & BIT(kind))
			add_to_group(&a->kind[kind], kind, s);
}

void accidents_end(struct accidents *a)
{
	for (int kind = 0; kind < ACCIDENTS_OF_SOCKETS; kind++)
		settle_group(&a->kind[kind]);
}

/* ---- of the host ------------------------------------------------------------------------- */

/* limit 0: it is not known. Returns whether 80 % of it are in use. */
static bool judge_use(struct accident *a, uint64_t used, uint64_t limit)
{
	if (!limit || used == NOT_COUNTED || !host_is_near(used, limit))
		return false;
	a->count = used;
	snprintf(a->why, sizeof(a->why), "%" PRIu64 " of %" PRIu64, used, limit);
	return true;
}

void accidents_of_host(struct accidents *a, const struct host *h)
{
	struct accident *ports = &a->kind[ACCIDENT_PORTS];
	size_t len;

	judge_use(&a->kind[ACCIDENT_ORPHANS], h->orphans, host_limit(h, SYSCTL_max_orphans));
	judge_use(&a->kind[ACCIDENT_TIME_WAIT], h->time_wait, host_limit(h, SYSCTL_max_tw_buckets));
	if (!h->sockets_seen || !judge_use(ports, h->ports.used, host_local_ports(h)))
		return;
	len = strlen(ports->why);
	snprintf(ports->why + len, sizeof(ports->why) - len,
		 " towards %s, %" PRIu32 " of them in TIME_WAIT", h->ports.peer,
		 h->ports.time_wait);
}

bool accidents_found(const struct accidents *a)
{
	for (int kind = 0; kind < ACCIDENT_COUNT; kind++)
		if (a->kind[kind].count)
			return true;
	return false;
}
