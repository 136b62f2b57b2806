// SPDX-License-Identifier: GPL-2.0-only
#include "fields.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "advice.h"
#include "array.h"
#include "cgroup.h"
#include "list.h"
#include "story.h"

/* ---- of what it is known ----------------------------------------------------------------- */

/* Bits of field.of; what is of none of these is of all. */
enum {
	FULL = 1 << 0,     /* of a connection's own socket */
	SEGMENT = 1 << 1,  /* of the segment that was answered or dropped */
	SEQUENCE = 1 << 2, /* the same, where there is no such socket */
	LISTENER = 1 << 3,
	BAD_FD = 1 << 4,
	HEARD = 1 << 5,    /* of such a socket, once it was connected */
	NOT_ZERO = 1 << 6, /* 0 says that it is not known */
	EXTRA = 1 << 7,    /* field_is_extra() */
	BOTH = 1 << 8,     /* field_is_of_other_end() */
};

static bool is_about_segment(const struct facts *f)
{
	return f->event == EVENT_RESET || f->event == EVENT_ACK_DROP;
}

static bool has_meaning(unsigned int of, const struct facts *f)
{
	if (of & (FULL | HEARD) && f->socket != SOCKET_FULL)
		return false;
	if (of & HEARD && f->state == ST_SYN_SENT)
		return false;
	if (of & (SEGMENT | SEQUENCE) && !is_about_segment(f))
		return false;
	if (of & SEQUENCE && f->socket == SOCKET_FULL)
		return false;
	if (of & LISTENER && f->socket != SOCKET_LISTEN)
		return false;
	return !(of & BAD_FD) || f->event == EVENT_BAD_FD;
}

/* ---- values ------------------------------------------------------------------------------ */

static void set_number(struct value *v, uint64_t number)
{
	v->kind = VALUE_NUMBER;
	v->number = number;
}

/* NULL and "" are nothing. */
static void set_text(struct value *v, const char *text)
{
	v->kind = text && *text ? VALUE_TEXT : VALUE_NONE;
	v->text = text;
}

static void set_bytes(struct value *v, const char *bytes, size_t len)
{
	v->kind = VALUE_BYTES;
	v->text = bytes;
	v->len = len;
}

static void value_type(struct value *v, const struct record *r)
{
	set_text(v, verdict_text(r->verdict)->group == GROUP_INCIDENT ? "incident" : "death");
}

static void value_time(struct value *v, const struct record *r)
{
	v->kind = VALUE_TIME;
	v->number = r->e->time_ns;
}

static void value_verdict(struct value *v, const struct record *r)
{
	set_text(v, verdict_text(r->verdict)->name);
}

static void value_group(struct value *v, const struct record *r)
{
	set_text(v, verdict_group_name(verdict_text(r->verdict)->group));
}

static void value_sure(struct value *v, const struct record *r)
{
	set_text(v, is_likely(&r->e->facts, r->verdict) ? "inferred" : "read");
}

static void value_process(struct value *v, const struct record *r)
{
	if (!r->e->owner.pid)
		return;
	format_process(v->buffer, &r->e->owner);
	set_text(v, v->buffer);
}

/* A record may come from a file, and have any number where the kernel has those of the enum. */
static void set_name(struct value *v, const char *const *names, size_t n, size_t i)
{
	set_text(v, i < n ? names[i] : NULL);
}

static void value_local(struct value *v, const struct record *r)
{
	format_local(v->buffer, &r->e->tuple);
	set_text(v, v->buffer);
}

static void value_remote(struct value *v, const struct record *r)
{
	format_remote(v->buffer, &r->e->tuple);
	set_text(v, v->buffer);
}

static void value_words(struct value *v, const struct record *r)
{
	story_words(v->buffer, sizeof(v->buffer), r->e, r->verdict);
	set_text(v, v->buffer);
}

static void value_remedy(struct value *v, const struct record *r)
{
	set_text(v, verdict_text(r->verdict)->remedy);
}

static void value_advice(struct value *v, const struct record *r)
{
	struct advice advice[ADVICE_MAX];
	size_t n = advise(advice, r->e, r->verdict, r->other);

	for (size_t i = 0; i < n; i++) {
		v->items[i] = v->buffer + i * ADVICE_SIZE;
		memcpy(v->buffer + i * ADVICE_SIZE, advice[i].text, ADVICE_SIZE);
	}
	v->n = n;
	v->kind = n ? VALUE_LIST : VALUE_NONE;
}

static void set_frames(struct value *v, const struct frame *frames, size_t n)
{
	v->kind = n ? VALUE_STACK : VALUE_NONE;
	v->frames = frames;
	v->n = n;
}

static void value_stack(struct value *v, const struct record *r)
{
	if (r->stack)
		set_frames(v, r->stack->user, r->stack->user_n);
}

static void value_kstack(struct value *v, const struct record *r)
{
	if (r->stack)
		set_frames(v, r->stack->kernel, r->stack->kernel_n);
}

static void value_stack_moment(struct value *v, const struct record *r)
{
	if (r->stack && r->stack->moment)
		set_text(v, r->stack->moment == STACK_AT_EVENT ? "event" : "last-send");
}

static void value_event(struct value *v, const struct record *r)
{
	static const char *const names[] = {
		[EVENT_DEATH] = "death",       [EVENT_RESET] = "reset",
		[EVENT_ACK_DROP] = "ack-drop", [EVENT_SYN_DROP] = "syn-drop",
		[EVENT_COOKIES] = "cookies",   [EVENT_CALL] = "call",
		[EVENT_BAD_FD] = "bad-fd",
	};

	set_name(v, names, ARRAY_SIZE(names), r->e->facts.event);
}

static void value_comm(struct value *v, const struct record *r)
{
	if (r->e->owner.pid)
		set_bytes(v, r->e->owner.comm, sizeof(r->e->owner.comm));
}

static void value_owner_source(struct value *v, const struct record *r)
{
	static const char *const names[] = {
		[OWNER_UNKNOWN] = NULL,    [OWNER_CURRENT] = "current",
		[OWNER_CLOSER] = "closer", [OWNER_LISTENER] = "listener",
		[OWNER_FD] = "descriptor",
	};

	if (r->e->owner.pid)
		set_name(v, names, ARRAY_SIZE(names), r->e->owner.source);
}

static void value_home(struct value *v, const struct record *r, enum cgroup_kind kind)
{
	const struct cgroup_home *home = cgroup_find(r->e->owner.cgroup);

	if (home && home->kind == kind)
		set_bytes(v, home->name, sizeof(home->name));
}

static void value_unit(struct value *v, const struct record *r)
{
	value_home(v, r, CGROUP_UNIT);
}

static void value_container(struct value *v, const struct record *r)
{
	value_home(v, r, CGROUP_CONTAINER);
}

static void value_exit_signal(struct value *v, const struct record *r)
{
	const struct owner *o = &r->e->owner;

	if (o->exiting && o->exit_code & 0x7f)
		set_number(v, o->exit_code & 0x7f);
}

static void value_exit_status(struct value *v, const struct record *r)
{
	const struct owner *o = &r->e->owner;

	if (o->exiting && !(o->exit_code & 0x7f))
		set_number(v, o->exit_code >> 8 & 0xff);
}

static void value_local_address(struct value *v, const struct record *r)
{
	format_address(v->buffer, &r->e->tuple, r->e->tuple.laddr);
	set_text(v, v->buffer);
}

static void value_remote_address(struct value *v, const struct record *r)
{
	if (!r->e->tuple.rport)
		return;
	format_address(v->buffer, &r->e->tuple, r->e->tuple.raddr);
	set_text(v, v->buffer);
}

static void value_socket(struct value *v, const struct record *r)
{
	static const char *const names[] = {
		[SOCKET_NONE] = "none",
		[SOCKET_FULL] = "full",
		[SOCKET_LISTEN] = "listen",
		[SOCKET_TIME_WAIT] = "time-wait",
	};

	if (r->e->facts.event != EVENT_BAD_FD)
		set_name(v, names, ARRAY_SIZE(names), r->e->facts.socket);
}

static void value_state(struct value *v, const struct record *r)
{
	if (r->e->facts.state)
		set_text(v, state_name(r->e->facts.state));
}

static void value_shutdown(struct value *v, const struct record *r)
{
	static const char *const names[] = { "none", "receive", "send", "both" };

	set_text(v, names[r->e->facts.shutdown & SHUT_BOTH]);
}

static void value_error(struct value *v, const struct record *r)
{
	if (r->e->facts.err)
		set_text(v, strerrorname_np(r->e->facts.err));
}

static void value_soft_error(struct value *v, const struct record *r)
{
	if (r->e->facts.err_soft)
		set_text(v, strerrorname_np(r->e->facts.err_soft));
}

static void value_call(struct value *v, const struct record *r)
{
	if (r->e->facts.event == EVENT_CALL)
		set_text(v, r->e->facts.flags & FACT_SENDING ? "send" : "receive");
}

static void value_flags(struct value *v, const struct record *r)
{
	/* enum fact_flag; FACT_INFERRED and FACT_SENDING are told otherwise */
	static const struct {
		uint32_t flag;
		const char *name;
	} flags[] = {
		{ FACT_DEAD, "orphaned" },
		{ FACT_PEER_FIN, "fin-received" },
		{ FACT_KEEPALIVE, "keepalive" },
		{ FACT_LINGER_ZERO, "linger-zero" },
		{ FACT_LINGER2_OFF, "linger2-off" },
		{ FACT_OWNED, "locked" },
		{ FACT_ATTACHED, "attached" },
		{ FACT_TSTAMP_OK, "timestamps" },
		{ FACT_SAW_TSTAMP, "last-timestamp" },
		{ FACT_PASSIVE, "passive" },
		{ FACT_REPAIR, "repair" },
		{ FACT_NETNS_GONE, "netns-gone" },
		{ FACT_SEG_SYN, "syn" },
		{ FACT_SEG_ACK, "ack" },
		{ FACT_SEG_RST, "rst" },
		{ FACT_SEG_FIN, "fin" },
		{ FACT_QUEUE_FULL, "accept-queue-full" },
		{ FACT_ABORT_OVERFLOW, "abort-on-overflow" },
		{ FACT_EMBRYONIC, "embryonic" },
		{ FACT_SYN_QUEUE_FULL, "syn-queue-full" },
	};

	v->kind = VALUE_LIST;
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (r->e->facts.flags & flags[i].flag)
			v->items[v->n++] = flags[i].name;
}

static void value_other_end(struct value *v, const struct record *r)
{
	if (r->other)
		v->kind = VALUE_OTHER_END;
}

/* ---- the table --------------------------------------------------------------------------- */

struct field {
	const char *name;
	unsigned int of;
	int width;
	void (*get)(struct value *v, const struct record *r); /* NULL: a number in the evidence */
	size_t offset, size;
};

#define MADE(name, of, width)                                                                      \
	{                                                                                          \
#name, of, width, value_##name, 0, 0                                               \
	}
#define NUMBER(name, of, member)                                                                   \
	{                                                                                          \
#name, of, sizeof(#name) - 1, NULL, offsetof(struct evidence, member),             \
			sizeof(((struct evidence *)0)->member)                                     \
	}

static const struct field table[] = {
	MADE(type, BOTH, 8),
	MADE(time, BOTH, 12),
	NUMBER(monotonic_ns, BOTH, time_ns),
	MADE(verdict, BOTH, 22),
	MADE(group, BOTH, 23),
	MADE(sure, BOTH, 8),
	NUMBER(count, 0, count),
	MADE(process, EXTRA, 20),
	MADE(local, EXTRA, 21),
	MADE(remote, EXTRA, 21),
	MADE(words, BOTH, 0),
	MADE(remedy, 0, 0),
	MADE(advice, 0, 0),
	MADE(event, 0, 8),
	NUMBER(pid, BOTH | NOT_ZERO, owner.pid),
	MADE(comm, BOTH, 15),
	MADE(owner_source, BOTH, 12),
	NUMBER(cgroup_id, BOTH | NOT_ZERO, owner.cgroup),
	MADE(unit, BOTH, 20),
	MADE(container, BOTH, 12),
	MADE(exit_status, BOTH, 11),
	MADE(exit_signal, BOTH, 11),
	MADE(local_address, 0, 15),
	NUMBER(local_port, 0, tuple.lport),
	MADE(remote_address, 0, 15),
	NUMBER(remote_port, NOT_ZERO, tuple.rport),
	NUMBER(netns_inode, BOTH | NOT_ZERO, netns),
	NUMBER(socket_inode, BOTH | NOT_ZERO, inode),
	MADE(socket, 0, 9),
	MADE(state, BOTH, 11),
	MADE(shutdown, FULL, 8),
	MADE(error, 0, 12),
	MADE(soft_error, 0, 12),
	MADE(flags, 0, 40),
	NUMBER(bytes_unread, FULL | BOTH, facts.unread),
	NUMBER(bytes_unacked, FULL, facts.unacked),
	NUMBER(bytes_unsent, FULL, facts.unsent),
	NUMBER(bytes_acked, FULL, facts.bytes_acked),
	NUMBER(bytes_received, FULL, facts.bytes_received),
	NUMBER(snd_wnd_bytes, FULL, facts.snd_wnd),
	NUMBER(segs_in, FULL, facts.segs_in),
	NUMBER(segs_out, FULL, facts.segs_out),
	NUMBER(total_retrans, FULL, total_retrans),
	NUMBER(retransmits, FULL, facts.retransmits),
	NUMBER(probes_out, FULL, facts.probes_out),
	NUMBER(srtt_us, FULL | NOT_ZERO, facts.srtt_us),
	NUMBER(heard_ms, HEARD, facts.heard_ms),
	NUMBER(sent_ms, HEARD, facts.sent_ms),
	NUMBER(received_ms, HEARD, facts.received_ms),
	NUMBER(tick_us, FULL, facts.tick_us),
	NUMBER(closed_ms, BOTH | NOT_ZERO, closed_ms),
	NUMBER(fin_silence_ms, NOT_ZERO, fin_silence_ms),
	NUMBER(written_ms, NOT_ZERO, written_ms),
	NUMBER(user_timeout_ms, FULL, facts.user_timeout_ms),
	NUMBER(keepalive_time_ms, FULL, keepalive_time_ms),
	NUMBER(keepalive_intvl_ms, FULL, keepalive_intvl_ms),
	NUMBER(keepalive_probes, FULL, keepalive_probes),
	NUMBER(retries_max, FULL, retries),
	NUMBER(usual_ttl, NOT_ZERO, usual_ttl),
	NUMBER(rst_ttl, NOT_ZERO, rst_ttl),
	NUMBER(snd_una, FULL, snd_una),
	NUMBER(snd_nxt, FULL, snd_nxt),
	NUMBER(rcv_nxt, FULL, rcv_nxt),
	NUMBER(segment_bytes, SEGMENT, seg_len),
	NUMBER(segment_seq, SEQUENCE, seg_seq),
	NUMBER(accept_queue, LISTENER, backlog),
	NUMBER(accept_queue_max, LISTENER, backlog_max),
	NUMBER(somaxconn, LISTENER | NOT_ZERO, somaxconn),
	NUMBER(syn_queue, LISTENER, syn_queue),
	NUMBER(full_ms, NOT_ZERO, full_ms),
	NUMBER(unaccepted_ms, NOT_ZERO, unaccepted_ms),
	MADE(call, 0, 7),
	NUMBER(fd, BAD_FD, call_fd),
	NUMBER(syscall_nr, BAD_FD, call_nr),
	MADE(stack_moment, 0, 12),
	MADE(stack, 0, 40),
	MADE(kstack, 0, 40),
	MADE(other_end, 0, 20),
};

#define FIELDS ARRAY_SIZE(table)

unsigned int field_count(void)
{
	return FIELDS;
}

const char *field_name(unsigned int field)
{
	return table[field].name;
}

int field_width(unsigned int field)
{
	return table[field].width;
}

bool field_is_extra(unsigned int field)
{
	return table[field].of & EXTRA;
}

bool field_is_of_other_end(unsigned int field)
{
	return table[field].of & BOTH;
}

/* Numbers in the evidence are unsigned; descriptors that were there are not negative. */
static uint64_t read_number(const void *from, size_t size)
{
	union {
		uint8_t u8;
		uint16_t u16;
		uint32_t u32;
		uint64_t u64;
	} number;

	memcpy(&number, from, size);
	switch (size) {
	case sizeof(number.u8):
		return number.u8;
	case sizeof(number.u16):
		return number.u16;
	case sizeof(number.u32):
		return number.u32;
	default:
		return number.u64;
	}
}

void field_value(struct value *v, unsigned int field, const struct record *r)
{
	const struct field *f = &table[field];
	uint64_t number;

	v->kind = VALUE_NONE;
	v->n = 0;
	if (!has_meaning(f->of, &r->e->facts))
		return;
	if (f->get) {
		f->get(v, r);
		return;
	}
	number = read_number((const char *)r->e + f->offset, f->size);
	if (number || !(f->of & NOT_ZERO))
		set_number(v, number);
}

/* ---- --fields -------------------------------------------------------------------------------- */

static int bad_field(const char *name, struct failure *why)
{
	char known[sizeof(why->text)] = "";
	size_t used = 0;

	for (size_t i = 0; i < FIELDS && used < sizeof(known); i++)
		used += snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "",
				 table[i].name);
	return failed(why, EXIT_USAGE, "bad field '%.64s': give some of these, with commas: %s",
		      name, known);
}

static int add_field(struct field_list *list, unsigned int field, struct failure *why)
{
	if (memchr(list->fields, field, list->n))
		return failed(why, EXIT_USAGE, "field '%s' is given twice", table[field].name);
	list->fields[list->n++] = field;
	return 0;
}

int field_list_parse(struct field_list *list, const char *text, struct failure *why)
{
	char name[ITEM_SIZE];
	unsigned int i;

	while (next_item(&text, name)) {
		for (i = 0; i < FIELDS && strcmp(name, table[i].name); i++)
			;
		if (i == FIELDS)
			return bad_field(name, why);
		if (add_field(list, i, why))
			return -1;
	}
	return 0;
}

_Static_assert(ADVICE_MAX *ADVICE_SIZE <= VALUE_TEXT_SIZE, "advice has room in a value");
_Static_assert(FIELDS <= sizeof(((struct field_list *)0)->fields), "a list has room for all");
