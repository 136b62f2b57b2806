// SPDX-License-Identifier: GPL-2.0-only
#include "trace_writer.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "cgroup.h"
#include "clock.h"
#include "host.h"
#include "trace_format.h"
#include "verdict.h"

#define ROOM      (UINT64_C(256) * 1024)      /* for the items of a block */
#define LEVEL     3                           /* of zlib: beyond it, twice the time saves a tenth */
#define HEARTBEAT (60 * UINT64_C(1000000000)) /* ns: so often something is written at least */
#define CGROUPS   1024                        /* that are known to be in the file */

_Static_assert(VERDICTS_MAX == TRACE_VERDICTS, "counters of all verdicts have room");
_Static_assert(COUNTER_MAX <= TRACE_COUNTERS, "all counters have room");
_Static_assert(CGROUP_NAME_LEN == sizeof(((struct trace_cgroup *)0)->name), "names have room");

struct trace_writer {
	struct trace_file *file;
	struct trace_session session;
	struct trace_counts counts;  /* as they were last read */
	struct trace_counts written; /* as they were last written */
	uint64_t recorded[TRACE_VERDICTS];
	uint64_t now;
	uint64_t written_at;
	__u64 cgroups[CGROUPS]; /* by id modulo their number; 0 = none */
	uint8_t items[ROOM];
	uint8_t block[sizeof(struct trace_block) + ROOM + ROOM / 8]; /* deflated it may be larger */
	size_t used;                                                 /* of the items */
	size_t front; /* of these, what begins each block */
	bool failed;
	struct failure why;
};

/* ---- blocks ------------------------------------------------------------------------------ */

static void add_item(struct trace_writer *w, enum trace_type type, const void *body, size_t size)
{
	struct trace_item_head head = { .type = type, .size = sizeof(head) + size };

	head.now_ns = w->now;
	memcpy(w->items + w->used, &head, sizeof(head));
	memcpy(w->items + w->used + sizeof(head), body, size);
	w->used += head.size;
}

/* The counts come first, and are filled in when the block is full. */
static void begin_block(struct trace_writer *w)
{
	w->used = 0;
	add_item(w, TRACE_COUNTS, &w->counts, sizeof(w->counts));
	w->front = w->used;
}

/* Deflates the items. The size of the block, or 0 and w->why. */
static size_t make_block(struct trace_writer *w)
{
	struct trace_block *b = (struct trace_block *)w->block;
	unsigned long stored = sizeof(w->block) - sizeof(*b);

	if (compress2(w->block + sizeof(*b), &stored, w->items, w->used, LEVEL) != Z_OK) {
		failed(&w->why, EXIT_FAILED, "cannot deflate: out of memory");
		return 0;
	}
	*b = (struct trace_block){ .version = TRACE_VERSION, .stored = stored, .length = w->used };
	memcpy(b->magic, TRACE_MAGIC, TRACE_MAGIC_SIZE);
	b->crc = crc32(0, w->block, offsetof(struct trace_block, crc));
	b->crc = crc32(b->crc, w->block + sizeof(*b), stored);
	return sizeof(*b) + stored;
}

static void write_items(struct trace_writer *w)
{
	size_t size = make_block(w);

	w->failed = !size || trace_file_append(w->file, w->block, size, &w->why);
	w->written_at = w->now;
}

static void write_block(struct trace_writer *w)
{
	memcpy(w->counts.recorded, w->recorded, sizeof(w->recorded));
	memcpy(w->items + sizeof(struct trace_item_head), &w->counts, sizeof(w->counts));
	write_items(w);
	w->written = w->counts;
	begin_block(w);
}

/* ---- items ------------------------------------------------------------------------------- */

static void rotate_if_full(struct trace_writer *w);

/* For items of so many bytes in all: none of them comes into another file than the next one. */
static bool make_room(struct trace_writer *w, uint64_t now, size_t size)
{
	if (!w->failed && ROOM - w->used < size) {
		write_block(w);
		rotate_if_full(w);
	}
	w->now = now;
	return !w->failed;
}

#define SIZE_OF_ITEM(body) (sizeof(struct trace_item_head) + sizeof(body))
#define CGROUP_ITEM        SIZE_OF_ITEM(struct trace_cgroup)

/* Once for each file, or a little more often. */
static void add_cgroup(struct trace_writer *w, __u64 id)
{
	const struct cgroup_home *home = cgroup_find(id);
	struct trace_cgroup c = { .id = id };

	if (!home || w->cgroups[id % CGROUPS] == id)
		return;
	w->cgroups[id % CGROUPS] = id;
	c.kind = home->kind;
	memcpy(c.name, home->name, sizeof(c.name));
	add_item(w, TRACE_CGROUP, &c, sizeof(c));
}

void trace_write_evidence(struct trace_writer *w, uint64_t now, const struct evidence *e)
{
	if (!make_room(w, now, CGROUP_ITEM + SIZE_OF_ITEM(*e)))
		return;
	add_cgroup(w, e->owner.cgroup);
	add_item(w, TRACE_EVIDENCE, e, sizeof(*e));
	w->recorded[classify(&e->facts)] += e->count;
}

void trace_write_closer(struct trace_writer *w, uint64_t now, uint64_t sock_id,
			const struct owner *owner)
{
	const struct closer_record c = {
		.head = { .type = RECORD_CLOSER, .size = sizeof(c) },
		.sock_id = sock_id,
		.owner = *owner,
	};

	if (!make_room(w, now, CGROUP_ITEM + SIZE_OF_ITEM(c)))
		return;
	add_cgroup(w, owner->cgroup);
	add_item(w, TRACE_CLOSER, &c, sizeof(c));
}

void trace_write_search(struct trace_writer *w, uint64_t now, const struct wanted *wanted, size_t n)
{
	struct {
		struct trace_search head;
		struct wanted found[WANTED_MAX];
	} s = { .head.size = sizeof(struct wanted) };

	if (!make_room(w, now, n * CGROUP_ITEM + SIZE_OF_ITEM(s)))
		return;
	for (size_t i = 0; i < n; i++) {
		if (!wanted[i].owner.pid)
			continue;
		s.found[s.head.found++] = wanted[i];
		add_cgroup(w, wanted[i].owner.cgroup);
	}
	add_item(w, TRACE_SEARCH, &s, sizeof(s.head) + s.head.found * sizeof(struct wanted));
}

/* ---- sessions ---------------------------------------------------------------------------- */

/* The rest is 0 already. */
static void copy(char *to, size_t size, const char *text)
{
	memcpy(to, text, strnlen(text, size));
}

static void describe(struct trace_session *s, const struct trace_about *about)
{
	const struct utsname *system = host_watched();

	s->flags = (about->orderly ? TRACE_ORDERLY : 0) | (about->errors ? TRACE_ERRORS : 0);
	s->without = about->without;
	copy(s->version, sizeof(s->version), TCPWHY_VERSION);
	copy(s->host, sizeof(s->host), system->nodename);
	copy(s->release, sizeof(s->release), system->release);
	copy(s->machine, sizeof(s->machine), system->machine);
	copy(s->settings, sizeof(s->settings), about->settings);
	copy(s->watched, sizeof(s->watched), about->watched);
	for (int v = 0; v < VERDICT_COUNT; v++)
		copy(s->verdicts[v], TRACE_VERDICT_NAME, verdict_text(v)->name);
}

/* Written at once: a recording that has only begun is one. */
static void begin_session(struct trace_writer *w)
{
	w->used = 0;
	add_item(w, TRACE_SESSION, &w->session, sizeof(w->session));
	memcpy(w->counts.recorded, w->recorded, sizeof(w->recorded));
	add_item(w, TRACE_COUNTS, &w->counts, sizeof(w->counts));
	write_items(w);
	memset(w->cgroups, 0, sizeof(w->cgroups));
	begin_block(w);
}

struct trace_writer *trace_writer_open(const struct trace_place *place,
				       const struct trace_about *about, struct failure *why)
{
	struct trace_writer *w = calloc(1, sizeof(*w));

	if (!w) {
		failed(why, EXIT_FAILED, "out of memory");
		return NULL;
	}
	describe(&w->session, about);
	w->file = trace_file_open(place, why);
	if (w->file)
		return w;
	free(w);
	return NULL;
}

void trace_writer_begin(struct trace_writer *w, uint64_t now)
{
	w->now = w->counts.at_ns = w->session.started_ns = now;
	w->counts.wall_ahead_ns = w->session.wall_ahead_ns = wall_ns(now) - now;
	begin_session(w);
}

void trace_writer_close(struct trace_writer *w)
{
	if (!w)
		return;
	trace_file_close(w->file);
	free(w);
}

static void rotate_if_full(struct trace_writer *w)
{
	if (w->failed || !trace_file_is_full(w->file))
		return;
	w->failed = trace_file_rotate(w->file, &w->why);
	if (w->failed)
		return;
	w->session.started_ns = w->now;
	w->session.wall_ahead_ns = w->counts.wall_ahead_ns;
	w->session.flags |= TRACE_CONTINUED;
	begin_session(w);
}

static void take_counts(struct trace_writer *w, const struct capture_counts *counts)
{
	struct trace_counts *c = &w->counts;

	c->at_ns = w->now;
	c->wall_ahead_ns = wall_ns(w->now) - w->now;
	c->missed = counts->missed;
	c->rejected = counts->rejected;
	memcpy(c->other, counts->counts.other, sizeof(counts->counts.other));
	memcpy(c->verdict, counts->counts.verdict, sizeof(c->verdict));
}

/* But for the time, and for the first counter, COUNT_DESTROYED: that of all sockets of the host. */
static bool is_idle(const struct trace_writer *w)
{
	const struct trace_counts *c = &w->counts, *before = &w->written;

	return w->used == w->front && w->now - w->written_at < HEARTBEAT &&
	       c->missed == before->missed && c->rejected == before->rejected &&
	       c->wall_ahead_ns == before->wall_ahead_ns &&
	       !memcmp(c->verdict, before->verdict, sizeof(c->verdict)) &&
	       !memcmp(c->other + 1, before->other + 1, sizeof(c->other) - sizeof(c->other[0]));
}

void trace_writer_flush(struct trace_writer *w, uint64_t now, const struct capture_counts *counts,
			bool last)
{
	if (w->failed)
		return;
	w->now = now;
	take_counts(w, counts);
	if (is_idle(w) && !last)
		return;
	write_block(w);
	if (!last)
		rotate_if_full(w);
}

const struct failure *trace_writer_failure(const struct trace_writer *w)
{
	return w->failed ? &w->why : NULL;
}
