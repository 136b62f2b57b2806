// SPDX-License-Identifier: GPL-2.0-only
#include "timeline.h"

#include <stdint.h>
#include <string.h>

#include "derived.h"

#define NS_PER_MS   1000000ULL
#define SAME_RST_NS (100 * NS_PER_MS) /* one RST, seen by the one who sent it and the other */
#define ONE_END_MAX (TIMELINE_MAX / 2)
#define UNKNOWN_MS  UINT32_MAX

/* One end's steps while they are found. */
struct steps {
	struct step *list;
	size_t n;
	const struct evidence *e;
	enum verdict verdict;
};

static struct step *add(struct steps *s, enum step_kind kind, enum way way, __u32 before_ms)
{
	struct step *step = &s->list[s->n];

	if (s->n < ONE_END_MAX - 1) /* the last one is overwritten: there are never so many */
		s->n++;
	memset(step, 0, sizeof(*step));
	step->kind = kind;
	step->way = way;
	step->by = s->e;
	step->verdict = s->verdict;
	step->dated = before_ms != UNKNOWN_MS && s->e->time_ns >= before_ms * NS_PER_MS;
	if (step->dated)
		step->time_ns = s->e->time_ns - before_ms * NS_PER_MS;
	return step;
}

/* 0 is how the record says that it does not know. */
static __u32 known_ms(__u32 ms)
{
	return ms ? ms : UNKNOWN_MS;
}

/* ---- a connection's own socket ----------------------------------------------------------- */

/* Where no data went one way, the kernel's time stamp of it is still that of the handshake. */
static __u32 connected_ms(const struct facts *f)
{
	if (!data_acked(f) && !data_pending(f))
		return f->sent_ms;
	return data_received(f) ? UNKNOWN_MS : f->received_ms;
}

static void add_data_in(struct steps *s)
{
	const struct facts *f = &s->e->facts;

	if (data_received(f))
		add(s, STEP_DATA, WAY_IN, f->received_ms)->bytes = data_received(f);
}

static void add_data_out(struct steps *s)
{
	const struct facts *f = &s->e->facts;

	/* later data hides when it was */
	if (data_acked(f))
		add(s, STEP_DATA, WAY_OUT, data_pending(f) ? UNKNOWN_MS : f->sent_ms)->bytes =
			data_acked(f);
}

/* In the same tick it is, as a rule, the client's request that came first, and then the reply. */
static void add_data(struct steps *s)
{
	const struct facts *f = &s->e->facts;
	bool out_first = f->sent_ms > f->received_ms;

	if (f->sent_ms == f->received_ms)
		out_first = !(f->flags & FACT_PASSIVE);
	if (out_first)
		add_data_out(s);
	add_data_in(s);
	if (!out_first)
		add_data_out(s);
}

static bool we_closed(const struct facts *f)
{
	return f->state == ST_FIN_WAIT1 || f->state == ST_FIN_WAIT2 || f->state == ST_CLOSING ||
	       f->state == ST_LAST_ACK || (f->state == ST_CLOSE && f->event == EVENT_RESET);
}

static bool peer_closed_first(const struct facts *f)
{
	return f->state == ST_CLOSE_WAIT || f->state == ST_LAST_ACK;
}

/* Where the peer writes no more, nothing has moved the time stamp of what was heard since. */
static __u32 peer_fin_ms(const struct steps *s)
{
	if (s->verdict == VERDICT_half_closed_reuse || s->verdict == VERDICT_close_race)
		return s->e->facts.heard_ms;
	if (s->verdict == VERDICT_closed_here && s->e->facts.state == ST_FIN_WAIT2)
		return 0; /* it is what ended the connection */
	return UNKNOWN_MS;
}

static void add_fins(struct steps *s)
{
	const struct evidence *e = s->e;
	bool peer_first = peer_closed_first(&e->facts);
	struct step *fin;

	if (e->facts.flags & FACT_PEER_FIN) {
		fin = add(s, STEP_FIN, WAY_IN, peer_fin_ms(s));
		fin->silence_ms = peer_first ? e->fin_silence_ms : 0;
	}
	if (we_closed(&e->facts)) {
		fin = add(s, STEP_FIN, WAY_OUT, known_ms(e->closed_ms));
		fin->silence_ms = peer_first ? 0 : e->fin_silence_ms;
	}
}

/* When data that was sent again was written is known about; when else, if it ever left. */
static __u32 write_ms(const struct evidence *e)
{
	if (!data_in_flight(&e->facts))
		return UNKNOWN_MS;
	if (e->facts.retransmits || e->written_ms)
		return known_ms(e->written_ms);
	return e->facts.sent_ms;
}

static void add_write(struct steps *s)
{
	const struct facts *f = &s->e->facts;
	struct step *again;

	if (!data_pending(f))
		return;
	add(s, STEP_WRITE, WAY_OUT, write_ms(s->e))->bytes = data_pending(f);
	if (!f->retransmits || !data_in_flight(f))
		return;
	again = add(s, STEP_AGAIN, WAY_OUT, f->sent_ms);
	again->count = f->retransmits;
	again->bytes = data_in_flight(f);
}

/* tcp_keepalive_timer() sends the first one when nothing has come for so long. */
static void add_probe(struct steps *s)
{
	const struct facts *f = &s->e->facts;
	__u32 idle_ms = f->heard_ms < f->received_ms ? f->heard_ms : f->received_ms;
	__u32 time_ms = s->e->keepalive_time_ms;
	struct step *probe;

	if (!(f->flags & FACT_KEEPALIVE) || !f->probes_out || data_pending(f))
		return;
	probe = add(s, STEP_PROBE, WAY_OUT, idle_ms >= time_ms ? idle_ms - time_ms : UNKNOWN_MS);
	probe->count = f->probes_out;
	probe->likely = probe->dated;
}

/* Something came after all of which more is known. */
static void add_heard(struct steps *s)
{
	const struct facts *f = &s->e->facts;
	__u32 tick_ms = (f->tick_us + 999) / 1000;

	if (peer_fin_ms(s) != UNKNOWN_MS || f->heard_ms + tick_ms >= f->received_ms)
		return;
	if (connected_ms(f) != UNKNOWN_MS && f->heard_ms + tick_ms >= connected_ms(f))
		return;
	add(s, STEP_HEARD, WAY_IN, f->heard_ms);
}

static void add_syns(struct steps *s)
{
	__u32 ms;

	if (!s->e->facts.segs_out)
		return;
	if (!connecting_ms(s->e, &ms))
		ms = UNKNOWN_MS;
	add(s, STEP_SYN, WAY_OUT, ms)->count = s->e->facts.segs_out;
}

static void add_life(struct steps *s)
{
	if (s->e->facts.state == ST_SYN_SENT) {
		add_syns(s);
		return;
	}
	if (s->e->facts.state != ST_SYN_RECV)
		add(s, STEP_CONNECTED, WAY_NONE, connected_ms(&s->e->facts));
	add_data(s);
	add_heard(s);
	add_fins(s);
	add_write(s);
	add_probe(s);
}

/* ---- the end ----------------------------------------------------------------------------- */

/* tcp_need_reset(): else tcp_disconnect() and tcp_abort() are silent. */
static bool sends_reset(__u8 state)
{
	return state == ST_ESTABLISHED || state == ST_CLOSE_WAIT || state == ST_FIN_WAIT1 ||
	       state == ST_FIN_WAIT2 || state == ST_SYN_RECV;
}

/* Where the end is an RST, which way did it go? */
static enum way way_of_reset(const struct evidence *e, enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_unread_data:
	case VERDICT_late_data:
	case VERDICT_keepalive_user_timeout:
	case VERDICT_keepalive_timeout:
	case VERDICT_no_listener:
	case VERDICT_late_data_time_wait:
	case VERDICT_accept_overflow_reset:
	case VERDICT_late_segment:
	case VERDICT_stray_segment:
	case VERDICT_server_restarted:
		return WAY_OUT;
	case VERDICT_linger_zero:
	case VERDICT_destroyed:
	case VERDICT_listener_closed:
	case VERDICT_disconnected:
		return sends_reset(e->facts.state) ? WAY_OUT : WAY_NONE;
	case VERDICT_refused:
	case VERDICT_close_race:
	case VERDICT_keepalive_reset:
	case VERDICT_half_closed_reuse:
	case VERDICT_reset_after_close:
	case VERDICT_backlog_reset:
	case VERDICT_peer_forgot:
	case VERDICT_peer_aborted:
		return WAY_IN;
	default:
		return WAY_NONE;
	}
}

/* Does the verdict say something that no segment does? */
static bool has_end(enum verdict verdict, enum way reset)
{
	if (verdict_group(verdict) == GROUP_ORDERLY)
		return false;
	return reset == WAY_NONE || verdict_group(verdict) == GROUP_HERE;
}

static void add_end(struct steps *s)
{
	const struct facts *f = &s->e->facts;
	enum way reset = way_of_reset(s->e, s->verdict);

	if (f->event == EVENT_RESET || f->event == EVENT_ACK_DROP || f->event == EVENT_SYN_DROP ||
	    f->event == EVENT_COOKIES) {
		struct step *segment = add(s, STEP_SEGMENT, WAY_IN, 0);

		segment->bytes = s->e->seg_len;
		segment->count = s->e->count;
	} else if (has_end(s->verdict, reset)) {
		add(s, STEP_END, WAY_NONE, 0)->likely = is_likely(f, s->verdict);
	}
	if (reset != WAY_NONE)
		add(s, STEP_RST, reset, 0)->likely = is_likely(f, s->verdict);
	if (f->event == EVENT_DEATH && f->err && f->flags & FACT_ATTACHED &&
	    !(f->flags & FACT_DEAD))
		add(s, STEP_ERROR, WAY_NONE, 0);
}

/* ---- one end ----------------------------------------------------------------------------- */

static void add_listener(struct steps *s)
{
	if (s->e->unaccepted_ms)
		add(s, STEP_ACCEPTED, WAY_NONE, s->e->unaccepted_ms);
	if (s->e->full_ms)
		add(s, STEP_FULL, WAY_NONE, s->e->full_ms);
}

static size_t steps_of(struct step *list, const struct evidence *e)
{
	struct steps s = { .list = list, .e = e, .verdict = classify(&e->facts) };

	if (e->facts.event == EVENT_BAD_FD)
		add(&s, STEP_CLOSED, WAY_NONE, e->closed_ms);
	else if (e->facts.socket == SOCKET_LISTEN)
		add_listener(&s);
	else if (e->facts.socket == SOCKET_FULL && e->facts.event != EVENT_CALL)
		add_life(&s);
	else if (e->closed_ms && !(e->facts.flags & FACT_ON_ITS_WAY))
		add(&s, STEP_FIN, WAY_OUT, e->closed_ms)->silence_ms = e->fin_silence_ms;
	add_end(&s);
	if (!s.n)
		add(&s, STEP_END, WAY_NONE, 0);
	return s.n;
}

/* ---- both ends --------------------------------------------------------------------------- */

static struct step *find(struct step *steps, size_t n, enum step_kind kind, enum way way)
{
	for (size_t i = 0; i < n; i++)
		if (steps[i].kind == kind && steps[i].way == way)
			return &steps[i];
	return NULL;
}

static bool same_reset(const struct step *a, const struct step *b)
{
	__u64 apart = a->time_ns > b->time_ns ? a->time_ns - b->time_ns : b->time_ns - a->time_ns;

	return apart <= SAME_RST_NS;
}

/* What one end answered is what the other has sent, and knows more of. */
static bool was_sent(enum step_kind kind)
{
	return kind == STEP_WRITE || kind == STEP_PROBE || kind == STEP_SYN;
}

static bool is_answered(struct step *steps, size_t n, const struct step *step)
{
	if (step->kind == STEP_SEGMENT)
		return find(steps, n, STEP_WRITE, step->way) ||
		       find(steps, n, STEP_PROBE, step->way) || find(steps, n, STEP_SYN, step->way);
	return was_sent(step->kind) && step->count <= 1 && find(steps, n, STEP_SEGMENT, step->way);
}

/* The sender has not seen it acknowledged, but it has come. */
static bool has_come(const struct evidence *e, const struct step *step)
{
	const struct evidence *sender = step->by;

	return step->kind == STEP_WRITE && e->facts.socket == SOCKET_FULL &&
	       e->rcv_nxt - sender->snd_una >= data_in_flight(&sender->facts) &&
	       !sender->facts.unsent;
}

/* The same step, as this end saw it; else NULL. */
static struct step *told_already(struct step *steps, size_t n, const struct step *step)
{
	struct step *same = find(steps, n, step->kind, step->way);

	if (step->kind == STEP_RST)
		return same && same_reset(same, step) ? same : NULL;
	if (step->kind == STEP_END || step->kind == STEP_ERROR)
		return NULL;
	return same;
}

/* Whoever closed knows best when it was, and after how long. */
static void merge(struct step *same, const struct step *step)
{
	bool closed_there = step->kind == STEP_FIN && step->way == WAY_IN;

	if (step->bytes != same->bytes)
		return;
	if (step->dated && (closed_there || !same->dated)) {
		same->dated = true;
		same->time_ns = step->time_ns;
	}
	if (!closed_there)
		return;
	same->there = true;
	same->by = step->by;
	if (!same->silence_ms)
		same->silence_ms = step->silence_ms;
}

static enum way turned(enum way way)
{
	return way == WAY_IN ? WAY_OUT : way == WAY_OUT ? WAY_IN : WAY_NONE;
}

/* Adds what the other end has seen and this one has not. */
static size_t join(struct step *steps, size_t n, const struct step *others, size_t other_n,
		   const struct evidence *e)
{
	for (size_t i = 0; i < other_n; i++) {
		struct step step = others[i], *same;

		step.way = turned(step.way);
		step.there = true;
		if (step.kind == STEP_HEARD || step.kind == STEP_ERROR)
			continue;
		if (is_answered(steps, n, &step) || has_come(e, &step))
			continue;
		same = told_already(steps, n, &step);
		if (same)
			merge(same, &step);
		else
			steps[n++] = step;
	}
	return n;
}

/* ---- order ------------------------------------------------------------------------------- */

/* The time of the event itself is known to the nanosecond; the time stamps of a socket are coarse.
 */
static __u64 blur_ns(const struct step *step)
{
	bool exact = step->kind == STEP_SEGMENT || step->kind == STEP_END ||
		     step->kind == STEP_RST || step->kind == STEP_ERROR;

	return exact ? 0 : step->by->facts.tick_us * 1000ULL;
}

/* Of what both ends saw within one tick, what causes the other comes first: the order of kinds. */
static bool comes_before(const struct step *a, const struct step *b)
{
	__u64 blur = blur_ns(a) + blur_ns(b);

	if (a->kind == STEP_CONNECTED || b->kind == STEP_CONNECTED)
		return a->kind == STEP_CONNECTED && b->kind != STEP_CONNECTED;
	if (!a->dated || !b->dated)
		return !a->dated && b->dated;
	if (a->time_ns + blur < b->time_ns)
		return true;
	return a->there != b->there && a->time_ns <= b->time_ns + blur && a->kind < b->kind;
}

static void sort(struct step *steps, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct step step = steps[i];
		size_t j = i;

		for (; j > 0 && comes_before(&step, &steps[j - 1]); j--)
			steps[j] = steps[j - 1];
		steps[j] = step;
	}
}

/* No step was before the one above it. */
static void straighten(struct step *steps, size_t n)
{
	__u64 last = 0;

	for (size_t i = 0; i < n; i++) {
		if (!steps[i].dated)
			continue;
		if (steps[i].time_ns < last)
			steps[i].time_ns = last;
		last = steps[i].time_ns;
	}
}

/* A birth that was not seen: was the connection there before the watch began? */
static void date_birth(struct step *steps, size_t n, __u64 since)
{
	struct step *birth = find(steps, n, STEP_CONNECTED, WAY_NONE);

	for (size_t i = 0; birth && !birth->dated && i < n; i++)
		if (steps[i].dated && steps[i].time_ns < since)
			birth->older = true;
}

size_t timeline(struct step steps[TIMELINE_MAX], const struct evidence *e,
		const struct evidence *other, __u64 since)
{
	struct step others[ONE_END_MAX];
	size_t n = steps_of(steps, e), m = other ? steps_of(others, other) : 0;

	if (m)
		n = join(steps, n, others, m, e);
	date_birth(steps, n, since);
	sort(steps, n);
	straighten(steps, n);
	return n;
}
