// SPDX-License-Identifier: GPL-2.0-only
#include "trace_reader.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "cgroup.h"

/* Of evidence, what may be missing in a recording by an older tcpwhy. */
#define EVIDENCE_MIN offsetof(struct evidence, netns)

struct trace_reader {
	FILE *file;
	const char *name;
	uint64_t block_at; /* where in the file the block begins */
	uint64_t next_at;  /* where it ends */
	uint8_t *stored, *items;
	size_t length, used; /* of the items */
	uint64_t clock;      /* of the last item */
	uint64_t unknown;    /* items */
	bool any;            /* a session has come */
	bool torn;
	bool ended;
	struct failure ended_by;
	struct trace_item item;
};

struct trace_reader *trace_reader_new(FILE *file, const char *name)
{
	struct trace_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->file = file;
	r->name = name;
	r->stored = malloc(TRACE_BLOCK_MAX);
	r->items = malloc(TRACE_BLOCK_MAX);
	if (r->stored && r->items)
		return r;
	trace_reader_free(r);
	return NULL;
}

void trace_reader_free(struct trace_reader *r)
{
	if (!r)
		return;
	free(r->stored);
	free(r->items);
	free(r);
}

uint64_t trace_whole_bytes(const struct trace_reader *r)
{
	return r->block_at;
}

uint64_t trace_unknown(const struct trace_reader *r)
{
	return r->unknown;
}

bool trace_is_torn(const struct trace_reader *r)
{
	return r->torn;
}

/* ---- blocks ------------------------------------------------------------------------------ */

static int damaged(struct trace_reader *r, const char *how)
{
	return failed(&r->ended_by, EXIT_INPUT,
		      "%s is damaged in the block at byte %llu: %s; what is before it can be read",
		      r->name, (unsigned long long)r->block_at, how);
}

static int is_torn(struct trace_reader *r)
{
	r->torn = true;
	return failed(&r->ended_by, EXIT_INPUT,
		      "%s ends within the block at byte %llu, as if the recorder had been stopped "
		      "while it wrote; what is before it can be read",
		      r->name, (unsigned long long)r->block_at);
}

static int cannot_be_read(struct trace_reader *r)
{
	return failed(&r->ended_by, EXIT_INPUT, "cannot read %s: %s", r->name, strerror(errno));
}

static int is_foreign(struct trace_reader *r, size_t n)
{
	if (r->block_at)
		return damaged(r, "no block begins here");
	if (!n)
		return failed(&r->ended_by, EXIT_INPUT, "%s is empty: it is no recording", r->name);
	return failed(&r->ended_by, EXIT_INPUT,
		      "%s is no recording: give a file that tcpwhy record has written", r->name);
}

/* Where is there something else than a block, as far as the head was read? */
static bool has_magic(const struct trace_block *b, size_t n)
{
	return n && !memcmp(b->magic, TRACE_MAGIC, n < TRACE_MAGIC_SIZE ? n : TRACE_MAGIC_SIZE);
}

/* 1; 0 at the end of the file; -1. */
static int read_head(struct trace_reader *r, struct trace_block *b)
{
	size_t n = fread(b, 1, sizeof(*b), r->file);

	if (ferror(r->file))
		return cannot_be_read(r);
	if (!n && r->block_at)
		return 0;
	if (!has_magic(b, n))
		return is_foreign(r, n);
	if (n < sizeof(*b))
		return is_torn(r);
	if (b->version > TRACE_VERSION)
		return failed(
			&r->ended_by, EXIT_INPUT,
			"%s was written by a newer tcpwhy at byte %llu: in format %u, and this "
			"one reads up to %u; what is before it can be read",
			r->name, (unsigned long long)r->block_at, b->version, TRACE_VERSION);
	if (!b->version || b->stored > TRACE_BLOCK_MAX || b->length > TRACE_BLOCK_MAX)
		return damaged(r, "its head is no head");
	return 1;
}

static uint32_t checksum(const struct trace_block *b, const uint8_t *stored)
{
	uint32_t of_head = crc32(0, (const uint8_t *)b, offsetof(struct trace_block, crc));

	return crc32(of_head, stored, b->stored);
}

static int inflate_block(struct trace_reader *r, const struct trace_block *b)
{
	unsigned long length = b->length;

	if (uncompress(r->items, &length, r->stored, b->stored) != Z_OK || length != b->length)
		return damaged(r, "it cannot be inflated");
	r->length = length;
	r->used = 0;
	return 1;
}

/* 1; 0 at the end of the file; -1. */
static int read_block(struct trace_reader *r)
{
	struct trace_block b;
	int some;

	r->block_at = r->next_at;
	some = read_head(r, &b);
	if (some <= 0)
		return some;
	if (fread(r->stored, 1, b.stored, r->file) < b.stored)
		return ferror(r->file) ? cannot_be_read(r) : is_torn(r);
	if (checksum(&b, r->stored) != b.crc)
		return damaged(r, "its checksum is wrong");
	r->next_at = r->block_at + sizeof(b) + b.stored;
	return inflate_block(r, &b);
}

/* ---- items ------------------------------------------------------------------------------- */

/* What there is of a struct; the rest is 0. 0, or -1: less than there must be. */
static int take(void *to, size_t size, const uint8_t *body, size_t there, size_t at_least)
{
	if (there < at_least)
		return -1;
	memset(to, 0, size);
	memcpy(to, body, there < size ? there : size);
	return 0;
}

static int take_all(void *to, size_t size, const uint8_t *body, size_t there)
{
	return take(to, size, body, there, size);
}

static bool is_near(uint64_t one, uint64_t other)
{
	return one - other < TRACE_GAP_MAX_NS || other - one < TRACE_GAP_MAX_NS;
}

static int take_session(struct trace_reader *r, const uint8_t *body, size_t size)
{
	struct trace_session *s = &r->item.session;

	if (take_all(s, sizeof(*s), body, size))
		return -1;
	s->version[sizeof(s->version) - 1] = '\0';
	s->host[sizeof(s->host) - 1] = '\0';
	s->release[sizeof(s->release) - 1] = '\0';
	s->machine[sizeof(s->machine) - 1] = '\0';
	s->settings[sizeof(s->settings) - 1] = '\0';
	s->watched[sizeof(s->watched) - 1] = '\0';
	for (int v = 0; v < TRACE_VERDICTS; v++)
		s->verdicts[v][TRACE_VERDICT_NAME - 1] = '\0';
	r->clock = r->item.now_ns = s->started_ns;
	r->any = true;
	return 0;
}

static int take_counts(struct trace_reader *r, const uint8_t *body, size_t size)
{
	struct trace_counts *c = &r->item.counts;

	return take_all(c, sizeof(*c), body, size) || !is_near(c->at_ns, r->clock);
}

static int take_evidence(struct trace_reader *r, const uint8_t *body, size_t size)
{
	struct evidence *e = &r->item.evidence;

	if (take(e, sizeof(*e), body, size, EVIDENCE_MIN) || !is_near(e->time_ns, r->clock))
		return -1;
	if (!e->count)
		e->count = 1;
	return 0;
}

static int take_search(struct trace_reader *r, const uint8_t *body, size_t size)
{
	const uint8_t *found = body + sizeof(struct trace_search);
	struct trace_search s;

	if (take(&s, sizeof(s), body, size, sizeof(s)))
		return -1;
	size -= sizeof(s);
	if (s.found > WANTED_MAX || (s.found && (!s.size || size / s.size < s.found)))
		return -1;
	r->item.search.n = s.found;
	for (size_t i = 0; i < s.found; i++)
		if (take_all(&r->item.search.found[i], sizeof(struct wanted), found + i * s.size,
			     s.size))
			return -1;
	return 0;
}

static int take_cgroup(struct trace_reader *r, const uint8_t *body, size_t size)
{
	struct trace_cgroup *c = &r->item.cgroup;

	if (take_all(c, sizeof(*c), body, size))
		return -1;
	c->name[sizeof(c->name) - 1] = '\0';
	return 0;
}

static bool knows_owner(const struct owner *o)
{
	return o->source <= OWNER_FD;
}

/* Whoever tells of it has names for what is known, and only for that. */
static bool knows_values(const struct trace_item *item)
{
	const struct facts *f = &item->evidence.facts;

	if (item->type == TRACE_CLOSER)
		return knows_owner(&item->closer.owner);
	for (size_t i = 0; item->type == TRACE_SEARCH && i < item->search.n; i++)
		if (!knows_owner(&item->search.found[i].owner))
			return false;
	if (item->type == TRACE_CGROUP)
		return item->cgroup.kind <= CGROUP_CONTAINER;
	return item->type != TRACE_EVIDENCE ||
	       (f->event >= EVENT_DEATH && f->event <= EVENT_BAD_FD &&
		f->socket <= SOCKET_TIME_WAIT && knows_owner(&item->evidence.owner));
}

/* 1: here it is; 0: a type that is not known; -1. */
static int take_body(struct trace_reader *r, const uint8_t *body, size_t size)
{
	struct closer_record *closer = &r->item.closer;
	int err = 0;

	switch (r->item.type) {
	case TRACE_SESSION:
		err = take_session(r, body, size);
		break;
	case TRACE_COUNTS:
		err = take_counts(r, body, size);
		break;
	case TRACE_EVIDENCE:
		err = take_evidence(r, body, size);
		break;
	case TRACE_CLOSER:
		err = take_all(closer, sizeof(*closer), body, size);
		break;
	case TRACE_SEARCH:
		err = take_search(r, body, size);
		break;
	case TRACE_CGROUP:
		err = take_cgroup(r, body, size);
		break;
	default:
		return 0;
	}
	return err ? -1 : 1;
}

/* The clock of a session goes on, and never by leaps. */
static bool is_in_time(const struct trace_reader *r, const struct trace_item_head *head)
{
	return head->type == TRACE_SESSION ||
	       (head->now_ns >= r->clock && head->now_ns - r->clock < TRACE_GAP_MAX_NS);
}

/* 1: here it is; 0: a type that is not known; -1. */
static int take_item(struct trace_reader *r)
{
	const uint8_t *at = r->items + r->used;
	struct trace_item_head head;
	int known;

	if (r->length - r->used < sizeof(head))
		return damaged(r, "an item is cut");
	memcpy(&head, at, sizeof(head));
	if (head.size < sizeof(head) || head.size > r->length - r->used)
		return damaged(r, "the size of an item is wrong");
	if (!r->any && head.type != TRACE_SESSION)
		return damaged(r, "it does not begin with a session");
	if (!is_in_time(r, &head))
		return damaged(r, "the time of an item is wrong");
	r->used += head.size;
	r->clock = head.now_ns;
	r->item.type = head.type;
	r->item.now_ns = head.now_ns;
	known = take_body(r, at + sizeof(head), head.size - sizeof(head));
	if (known < 0)
		return damaged(r, "an item is too short, or makes no sense");
	known = known && knows_values(&r->item);
	r->unknown += !known;
	return known;
}

/* 1; 0 at the end of the file; -1. */
static int next_known(struct trace_reader *r)
{
	int some = 0;

	while (!some) {
		if (r->used == r->length) {
			some = read_block(r);
			if (some <= 0)
				return some;
			some = 0;
		} else {
			some = take_item(r);
		}
	}
	return some;
}

const struct trace_item *trace_next(struct trace_reader *r, struct failure *why)
{
	if (!r->ended && next_known(r) <= 0)
		r->ended = true;
	if (!r->ended)
		return &r->item;
	*why = r->ended_by;
	return NULL;
}
