// SPDX-License-Identifier: GPL-2.0-only
#include "advice.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "array.h"
#include "derived.h"
#include "format.h"

/* ---- which software is at an end --------------------------------------------------------- */

enum software {
	UNKNOWN = 0,
	NGINX = 1 << 0,
	HAPROXY = 1 << 1,
	MYSQL = 1 << 2,
	POSTGRES = 1 << 3,
	REDIS = 1 << 4,
	ODP = 1 << 5,
	JAVA = 1 << 6,
	PYTHON = 1 << 7,
	NODE = 1 << 8,
	HTTP = NGINX | HAPROXY,
	ANY = ~0,
};

/* Names of processes; what follows one that ends in '*' is any. */
static const struct {
	const char *comm;
	enum software software;
} names[] = {
	{ "nginx", NGINX },         { "haproxy", HAPROXY },   { "mariadbd", MYSQL },
	{ "mysqld", MYSQL },        { "postgres", POSTGRES }, { "redis-server", REDIS },
	{ "valkey-server", REDIS }, { "obproxy", ODP },       { "java", JAVA },
	{ "python*", PYTHON },      { "gunicorn*", PYTHON },  { "uvicorn*", PYTHON },
	{ "uwsgi*", PYTHON },       { "node", NODE },         { "node-MainThread", NODE },
};

/* Ports of servers whose process is not seen. */
static const struct {
	__u16 port;
	enum software software;
	const char *name;
} ports[] = {
	{ 3306, MYSQL, "MySQL/MariaDB" },
	{ 5432, POSTGRES, "PostgreSQL" },
	{ 6379, REDIS, "redis" },
};

static bool is_named(const char *comm, const char *pattern)
{
	size_t len = strcspn(pattern, "*");

	return !strncmp(comm, pattern, pattern[len] ? len : TASK_NAME_LEN);
}

static enum software software_of(const struct owner *owner)
{
	for (size_t i = 0; owner->pid && i < ARRAY_SIZE(names); i++)
		if (is_named(owner->comm, names[i].comm))
			return names[i].software;
	return UNKNOWN;
}

/* All that rows are chosen by. */
struct scene {
	const struct evidence *e;
	const struct evidence *other; /* or NULL */
	enum verdict verdict;
	enum software ours, theirs;
	const char *presumed; /* the name of theirs, if only its port tells; else NULL */
};

static void presume_server(struct scene *s)
{
	bool client = s->e->facts.socket == SOCKET_FULL && !(s->e->facts.flags & FACT_PASSIVE);

	for (size_t i = 0; client && i < ARRAY_SIZE(ports); i++) {
		if (ports[i].port != s->e->tuple.rport)
			continue;
		s->theirs = ports[i].software;
		s->presumed = ports[i].name;
	}
}

static struct scene scene_of(const struct evidence *e, enum verdict verdict,
			     const struct evidence *other)
{
	struct scene s = { .e = e, .other = other, .verdict = verdict };

	s.ours = software_of(&e->owner);
	if (other && other->owner.pid)
		s.theirs = software_of(&other->owner);
	else
		presume_server(&s);
	return s;
}

/* ---- sets of verdicts -------------------------------------------------------------------- */

#define BIT(id)   (1ULL << VERDICT_##id)
#define REUSE     (BIT(half_closed_reuse) | BIT(close_race) | BIT(peer_aborted))
#define LATE      (BIT(late_data) | BIT(late_data_time_wait))
#define FORGOTTEN (BIT(retransmit_timeout) | BIT(peer_forgot))
#define OVERFLOW  (BIT(accept_overflow) | BIT(accept_overflow_reset))
#define QUEUES    (OVERFLOW | BIT(syn_queue_overflow) | BIT(syn_cookies))

static bool is_one_of(const struct scene *s, __u64 verdicts)
{
	return verdicts >> s->verdict & 1;
}

/* ---- values: 0 is a time that is not known ----------------------------------------------- */

#define WORTH_A_TIMEOUT_MS 1000 /* what is shorter was no idle timeout */

/* MySQL/MariaDB aborts idle connections; others that abort do it for other reasons. */
static bool was_aborted_idle(const struct scene *s)
{
	if (data_pending(&s->e->facts))
		return false;
	if (!s->other)
		return s->theirs == MYSQL;
	return s->theirs == MYSQL && classify(&s->other->facts) == VERDICT_linger_zero &&
	       !s->other->owner.exiting;
}

/* How long nothing had happened when one end closed. */
static __u32 idle_ms(const struct scene *s)
{
	__u32 idle = s->e->fin_silence_ms;

	if (s->verdict == VERDICT_linger_zero)
		idle = s->e->owner.exiting ? 0 : silence_ms(&s->e->facts);
	else if (s->verdict == VERDICT_peer_aborted)
		idle = was_aborted_idle(s) ? silence_ms(&s->e->facts) : 0;
	else if (!idle && s->other)
		idle = s->other->fin_silence_ms;
	return idle >= WORTH_A_TIMEOUT_MS ? idle : 0;
}

/* So much shorter that both ends never close at once; in whole seconds, or tenths if it is short.
 */
static __u32 below_ms(const struct scene *s)
{
	__u32 ms = (__u64)idle_ms(s) * 4 / 5;

	return ms - ms % (ms < 10000 ? 100 : 1000);
}

/* After how long the connection was used again. */
static __u32 reused_ms(const struct scene *s)
{
	__u32 idle = idle_ms(s);

	if (!idle || s->verdict == VERDICT_peer_aborted)
		return 0;
	if (is_one_of(s, LATE))
		return idle + s->e->closed_ms;
	return idle + silence_before_write(&s->e->facts);
}

static __u32 above_s(const struct scene *s)
{
	return ((__u64)reused_ms(s) * 5 / 4 + 999) / 1000;
}

/* How long nothing had come when we wrote what was never acknowledged, or that brought an RST. */
static __u32 quiet_ms(const struct scene *s)
{
	const struct facts *f = &s->e->facts;
	__u32 quiet = 0;

	if (!data_in_flight(f))
		return 0;
	if (s->e->written_ms)
		quiet = f->heard_ms > s->e->written_ms ? f->heard_ms - s->e->written_ms : 0;
	else if (!f->retransmits)
		quiet = silence_before_write(f);
	return quiet >= WORTH_A_TIMEOUT_MS ? quiet : 0;
}

/* Until TCP_KEEPCNT probes in a row have had no answer. */
static __u32 span_ms(const struct evidence *e)
{
	return e->keepalive_time_ms + e->keepalive_probes * e->keepalive_intvl_ms;
}

static __u32 larger_backlog(const struct evidence *e)
{
	return e->backlog_max < 512 ? 1024 : e->backlog_max * 2;
}

/* ---- their texts: false if it is not known ----------------------------------------------- */

#define VALUE_SIZE 64

static bool put_number(char out[VALUE_SIZE], __u64 number)
{
	snprintf(out, VALUE_SIZE, "%llu", number);
	return number;
}

static bool put_duration(char out[VALUE_SIZE], __u32 ms)
{
	char duration[DURATION_SIZE];

	format_duration(duration, ms);
	snprintf(out, VALUE_SIZE, "%s", duration);
	return ms;
}

/* Whole ones, and at least one: no idle time is shorter that is worth advice. */
static bool put_seconds(char out[VALUE_SIZE], __u32 ms)
{
	snprintf(out, VALUE_SIZE, "%u", ms < 1000 ? 1 : ms / 1000);
	return ms;
}

#define TEXT(name, put, value)                                                                     \
	static bool text_##name(char out[VALUE_SIZE], const struct scene *s)                       \
	{                                                                                          \
		return put(out, value);                                                            \
	}

TEXT(idle, put_duration, idle_ms(s))
TEXT(below, put_duration, below_ms(s))
TEXT(below_ms, put_number, below_ms(s))
TEXT(below_s, put_seconds, below_ms(s))
TEXT(reused, put_duration, reused_ms(s))
TEXT(above_s, put_number, above_s(s))
TEXT(above, put_duration, above_s(s) * 1000)
TEXT(user_timeout, put_duration, s->e->facts.user_timeout_ms)
TEXT(user_timeout_ms, put_number, s->e->facts.user_timeout_ms)
TEXT(user_timeout_twice, put_duration, s->e->facts.user_timeout_ms * 2)
TEXT(span, put_duration, span_ms(s->e))
TEXT(span_ms, put_number, span_ms(s->e))
TEXT(time, put_duration, s->e->keepalive_time_ms)
TEXT(time_half_s, put_seconds, s->e->keepalive_time_ms / 2)
TEXT(interval, put_duration, s->e->keepalive_intvl_ms)
TEXT(probes, put_number, s->e->keepalive_probes)
TEXT(quiet, put_duration, quiet_ms(s))
TEXT(half_s, put_seconds, quiet_ms(s) / 2)
TEXT(unread, put_number, s->e->facts.unread)
TEXT(signal, put_number, s->e->owner.exit_code & 0x7f)
TEXT(unaccepted, put_duration, s->e->unaccepted_ms)
TEXT(somaxconn, put_number, s->e->somaxconn)
TEXT(larger, put_number, larger_backlog(s->e))

/* time.Duration as Go's sources have it */
static bool text_below_go(char out[VALUE_SIZE], const struct scene *s)
{
	__u32 ms = below_ms(s);

	if (ms % 1000)
		snprintf(out, VALUE_SIZE, "%u*time.Millisecond", ms);
	else
		snprintf(out, VALUE_SIZE, "%u*time.Second", ms / 1000);
	return ms;
}

/* A limit of 0 is one, too. */
static bool text_limit(char out[VALUE_SIZE], const struct scene *s)
{
	put_number(out, s->e->backlog_max);
	return s->e->facts.socket == SOCKET_LISTEN;
}

/* What somaxconn would cut off again. */
static bool text_somaxconn_too(char out[VALUE_SIZE], const struct scene *s)
{
	*out = '\0';
	if (s->e->somaxconn < larger_backlog(s->e))
		snprintf(out, VALUE_SIZE, ", and sysctl -w net.core.somaxconn=%u (now %u)",
			 larger_backlog(s->e), s->e->somaxconn);
	return true;
}

static const struct {
	const char *name;
	bool (*put)(char out[VALUE_SIZE], const struct scene *s);
} values[] = {
#define VALUE(name)                                                                                \
	{                                                                                          \
		"{" #name "}", text_##name                                                         \
	}
	VALUE(idle),
	VALUE(below),
	VALUE(below_ms),
	VALUE(below_s),
	VALUE(below_go),
	VALUE(reused),
	VALUE(above),
	VALUE(above_s),
	VALUE(user_timeout),
	VALUE(user_timeout_ms),
	VALUE(user_timeout_twice),
	VALUE(span),
	VALUE(span_ms),
	VALUE(time),
	VALUE(time_half_s),
	VALUE(interval),
	VALUE(probes),
	VALUE(quiet),
	VALUE(half_s),
	VALUE(unread),
	VALUE(signal),
	VALUE(unaccepted),
	VALUE(somaxconn),
	VALUE(larger),
	VALUE(limit),
	VALUE(somaxconn_too),
#undef VALUE
};

#define VALUES ARRAY_SIZE(values)

/* The one whose name the text begins with; VALUES if there is none. */
static size_t value_at(const char *text)
{
	size_t i;

	for (i = 0; i < VALUES; i++)
		if (!strncmp(text, values[i].name, strlen(values[i].name)))
			break;
	return i;
}

/* Replaces each {value}. False if one of them is not known. */
static bool expand(char *out, size_t size, const char *text, const struct scene *s)
{
	char value[VALUE_SIZE];
	size_t used = 0, i;

	for (; *text && used + 1 < size; text++) {
		i = *text == '{' ? value_at(text) : VALUES;
		if (i == VALUES) {
			out[used++] = *text;
			continue;
		}
		if (!values[i].put(value, s))
			return false;
		used += snprintf(out + used, size - used, "%s", value);
		text += strlen(values[i].name) - 1;
	}
	out[used < size ? used : size - 1] = '\0';
	return true;
}

/* ---- conditions -------------------------------------------------------------------------- */

#define WHEN(name, condition)                                                                      \
	static bool when_##name(const struct scene *s)                                             \
	{                                                                                          \
		return condition;                                                                  \
	}

static bool has_flag(const struct scene *s, __u32 flag)
{
	return s->e->facts.flags & flag;
}

static bool is_listener(const struct scene *s)
{
	return s->e->facts.socket == SOCKET_LISTEN && s->e->somaxconn;
}

WHEN(always, s->e != NULL)
WHEN(below_30s, below_ms(s) >= 30000)
WHEN(passive, has_flag(s, FACT_PASSIVE))
WHEN(active, !has_flag(s, FACT_PASSIVE))
WHEN(linger_zero, has_flag(s, FACT_LINGER_ZERO))
WHEN(killed, s->e->owner.exiting && s->e->owner.exit_code & 0x7f)
WHEN(not_exiting, !s->e->owner.exiting)
WHEN(keepalive, has_flag(s, FACT_KEEPALIVE))
WHEN(no_keepalive, !has_flag(s, FACT_KEEPALIVE))
WHEN(passive_no_keepalive, has_flag(s, FACT_PASSIVE) && !has_flag(s, FACT_KEEPALIVE))
WHEN(keepalive_late, has_flag(s, FACT_KEEPALIVE) && s->e->keepalive_time_ms >= quiet_ms(s))
WHEN(stuck, s->e->unaccepted_ms >= WORTH_A_TIMEOUT_MS)
WHEN(somaxconn_limits, is_listener(s) && s->e->backlog_max >= s->e->somaxconn)
WHEN(listen_limits, is_listener(s) && s->e->backlog_max < s->e->somaxconn)
WHEN(abort_on_overflow, has_flag(s, FACT_ABORT_OVERFLOW))

/* ---- the table --------------------------------------------------------------------------- */

/* What is to be changed: at our end, or elsewhere, too. */
enum place { HERE, THERE, PLACES };

static const struct row {
	const char *name;
	__u64 verdicts;
	enum place place;
	enum software ours, theirs;
	bool (*when)(const struct scene *s);
	const char *text;
} table[] = {
#define ADVICE(name, verdicts, place, ours, theirs, when, text)                                    \
	{ name, verdicts, place, ours, theirs, when_##when, text },
#include "advice.def"
#undef ADVICE
};

#define ROWS ARRAY_SIZE(table)

static bool fits(enum software wanted, enum software seen)
{
	return wanted == ANY || wanted & seen;
}

static bool applies(const struct row *row, const struct scene *s)
{
	return is_one_of(s, row->verdicts) && fits(row->ours, s->ours) &&
	       fits(row->theirs, s->theirs) && row->when(s);
}

static bool give(struct advice *advice, unsigned int i, const struct scene *s, const char *whose)
{
	int used = snprintf(advice->text, sizeof(advice->text), "%s", whose);

	if (s->presumed && table[i].theirs != ANY)
		used += snprintf(advice->text + used, sizeof(advice->text) - used,
				 "if port %u is %s: ", s->e->tuple.rport, s->presumed);
	advice->row = i;
	return expand(advice->text + used, sizeof(advice->text) - used, table[i].text, s);
}

static size_t advise_for(struct advice *advice, const struct scene *s, const char *whose)
{
	size_t n = 0;

	for (enum place place = 0; place < PLACES; place++)
		for (unsigned int i = 0; i < ROWS; i++)
			if (table[i].place == place && applies(&table[i], s) &&
			    give(&advice[n], i, s, whose)) {
				n++;
				break;
			}
	return n;
}

size_t advise(struct advice advice[ADVICE_MAX], const struct evidence *e, enum verdict verdict,
	      const struct evidence *other)
{
	struct scene s = scene_of(e, verdict, other);
	size_t n = advise_for(advice, &s, "");

	if (n || !other || verdict_group(verdict) != GROUP_RESET)
		return n;
	s = scene_of(other, classify(&other->facts), e);
	return advise_for(advice, &s, "at the other end: ");
}

unsigned int advice_rows(void)
{
	return ROWS;
}

const char *advice_name(unsigned int row)
{
	return table[row].name;
}

_Static_assert(PLACES <= ADVICE_MAX, "there is room for a row of each place");
_Static_assert(VERDICT_COUNT <= 64, "a set of verdicts is 64 bits");
