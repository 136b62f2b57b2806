// SPDX-License-Identifier: GPL-2.0-only
/* The steps of a timeline in words. Each is one function, and says what the evidence of its end
 * has. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "derived.h"
#include "format.h"
#include "story.h"
#include "timeline.h"

/* Words that grow. */
struct words {
	char *out;
	size_t size, used;
};

__attribute__((format(printf, 2, 3))) static void say(struct words *w, const char *format, ...)
{
	va_list args;
	int n;

	if (w->used >= w->size)
		return;
	va_start(args, format);
	n = vsnprintf(w->out + w->used, w->size - w->used, format, args);
	va_end(args);
	if (n > 0)
		w->used += n;
}

static void say_ms(struct words *w, const char *before, __u32 ms)
{
	char duration[DURATION_SIZE];

	format_duration(duration, ms);
	say(w, "%s%s", before, duration);
}

static const char *plural(__u64 n)
{
	return n == 1 ? "" : "s";
}

/* ---- what went over the wire ------------------------------------------------------------- */

static const char *flags_of_segment(const struct step *step)
{
	__u32 flags = step->by->facts.flags;

	if (flags & FACT_SEG_SYN || step->by->facts.event == EVENT_SYN_DROP ||
	    step->by->facts.event == EVENT_COOKIES)
		return "SYN";
	return flags & FACT_SEG_FIN ? "FIN" : "ACK";
}

static const char *flags_of(const struct step *step)
{
	switch (step->kind) {
	case STEP_SYN:
		return "SYN";
	case STEP_DATA:
		return "data";
	case STEP_HEARD:
	case STEP_PROBE:
		return "ACK";
	case STEP_FIN:
		return "FIN";
	case STEP_SEGMENT:
		return flags_of_segment(step);
	case STEP_RST:
		return "RST";
	default:
		return "";
	}
}

void step_what(char out[STEP_WHAT_SIZE], const struct step *step)
{
	if (step->bytes && step->kind != STEP_DATA)
		snprintf(out, STEP_WHAT_SIZE, "%llu B", step->bytes);
	else
		snprintf(out, STEP_WHAT_SIZE, "%s", flags_of(step));
}

/* ---- the life of a connection ------------------------------------------------------------ */

static void say_connected(struct words *w, const struct step *step)
{
	bool by_us = !(step->by->facts.flags & FACT_PASSIVE) != step->there;

	say(w, "%s connected", by_us ? "we" : "the peer");
	if (step->older)
		say(w, "; when is not known, it is older than tcpwhy");
	else if (!step->dated)
		say(w, "; when is not known");
}

static void say_data(struct words *w, const struct step *step)
{
	say(w, "%s%llu byte%s", step->dated ? "the last of " : "", step->bytes,
	    plural(step->bytes));
	say(w, step->way == WAY_IN ? " received" : " sent and acknowledged");
	if (!step->dated)
		say(w, "; when is not known");
}

static void say_fin(struct words *w, const struct step *step)
{
	char process[PROCESS_SIZE];

	format_process(process, &step->by->owner);
	if (step->way == WAY_OUT)
		say(w, "we closed");
	else
		say(w, "%s closed", step->there && step->by->owner.pid ? process : "the peer");
	if (step->silence_ms)
		say_ms(w, " after ", step->silence_ms), say(w, " of silence");
	if (!step->dated)
		say(w, "; when is not known");
}

static void say_write(struct words *w, const struct step *step)
{
	const struct facts *f = &step->by->facts;

	if (step->verdict == VERDICT_half_closed_reuse || step->verdict == VERDICT_close_race)
		say(w, "written into the half-closed connection");
	else if (data_in_flight(f))
		say(w, "written, never acknowledged");
	else
		say(w, "written, never sent%s", f->snd_wnd ? "" : ": the peer's window is closed");
	if (step->dated && f->retransmits)
		say(w, " (about then)");
	else if (!step->dated)
		say(w, "; when is not known");
}

static void say_probe(struct words *w, const struct step *step)
{
	say(w, "%s%u keepalive probe%s%s", step->count > 1 ? "the first of " : "", step->count,
	    plural(step->count),
	    step->verdict == VERDICT_keepalive_reset ? "" : " without an answer");
}

static void say_queue(struct words *w, const struct evidence *e)
{
	say(w, "the accept queue is full: %u of limit %u", e->backlog, e->backlog_max);
	if (e->somaxconn)
		say(w, " from %s",
		    e->backlog_max < e->somaxconn ? "listen()" : "net.core.somaxconn");
}

static void say_segment(struct words *w, const struct step *step)
{
	const struct facts *f = &step->by->facts;

	if (f->event == EVENT_COOKIES)
		say(w, "answered with a cookie, limit %u", step->by->backlog_max);
	else if (f->event == EVENT_SYN_DROP)
		say(w, "%u dropped", step->count);
	else if (f->event == EVENT_ACK_DROP)
		say(w, "dropped, the last of a handshake");
	else if (step->verdict == VERDICT_accept_overflow_reset)
		say(w, "the last of a handshake");
	else if (f->socket == SOCKET_FULL || f->socket == SOCKET_TIME_WAIT)
		say(w, "too late");
	else if (!(f->flags & FACT_SEG_SYN))
		say(w, "of a connection that does not exist here");
	if (f->flags & FACT_QUEUE_FULL && !step->by->full_ms) {
		say(w, "; ");
		say_queue(w, step->by);
	}
}

/* ---- the end ----------------------------------------------------------------------------- */

static void say_keepalive(struct words *w, const struct evidence *e)
{
	say(w, "%u of %u probes unanswered, time", e->facts.probes_out, e->keepalive_probes);
	say_ms(w, " ", e->keepalive_time_ms);
	say_ms(w, ", interval ", e->keepalive_intvl_ms);
	if (e->facts.user_timeout_ms)
		say_ms(w, ", TCP_USER_TIMEOUT ", e->facts.user_timeout_ms);
}

static void say_given_up(struct words *w, const struct evidence *e)
{
	const struct facts *f = &e->facts;

	if (f->retransmits)
		say(w, "given up after %u retransmission%s", f->retransmits,
		    plural(f->retransmits));
	else if (f->probes_out)
		say(w, "given up after %u %s%s", f->probes_out,
		    f->snd_wnd ? "attempt" : "window probe", plural(f->probes_out));
	else
		say(w, "given up");
	if (f->user_timeout_ms)
		say_ms(w, ": TCP_USER_TIMEOUT ", f->user_timeout_ms);
	else
		say(w, ": %s %u", f->flags & FACT_DEAD ? "tcp_orphan_retries" : "tcp_retries2",
		    e->retries);
	if (f->err_soft)
		say(w, "; ICMP said: %s", strerror(f->err_soft));
}

static const char *act_of(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_destroyed:
		return "destroyed (ss -K)";
	case VERDICT_checkpointed:
		return "dissolved in repair mode, nothing was sent";
	case VERDICT_listener_closed:
		return "the listener was closed before it was accepted";
	case VERDICT_disconnected:
		return "dissolved by connect(AF_UNSPEC)";
	case VERDICT_namespace_gone:
		return "the network namespace was deleted, nothing was sent";
	case VERDICT_out_of_memory:
		return "dropped for want of memory or orphans";
	case VERDICT_connect_failed:
		return "connect() failed, no SYN was sent";
	case VERDICT_protocol_error:
		return "given up by a protocol on top of TCP";
	case VERDICT_connect_abandoned:
		return "given up by our process";
	case VERDICT_connect_timeout:
		return "given up, nothing was answered";
	default:
		return NULL;
	}
}

static void say_act(struct words *w, const struct step *step)
{
	const struct evidence *e = step->by;
	const char *act = act_of(step->verdict);

	if (act)
		say(w, "%s%s", step->likely ? "likely: " : "", act);
	else if (step->verdict == VERDICT_unread_data)
		say(w, "closed with %u byte%s unread", e->facts.unread, plural(e->facts.unread));
	else if (step->verdict == VERDICT_linger_zero)
		say(w, "aborted with %s",
		    e->facts.flags & FACT_LINGER_ZERO ? "SO_LINGER 0" : "TCP_LINGER2 < 0");
	else if (step->verdict == VERDICT_keepalive_timeout ||
		 step->verdict == VERDICT_keepalive_user_timeout)
		say_keepalive(w, e);
	else if (step->verdict == VERDICT_connect_unreachable)
		say(w, "ICMP said: %s", strerror(e->facts.err));
	else if (verdict_group(step->verdict) == GROUP_SILENCE)
		say_given_up(w, e);
	else
		story_words(w->out + w->used, w->size - w->used, e, step->verdict);
	w->used = strlen(w->out);
}

static void say_process_end(struct words *w, const struct owner *o)
{
	if (o->exiting && o->exit_code & 0x7f)
		say(w, ", killed by signal %u", o->exit_code & 0x7f);
	else if (o->exiting)
		say(w, ", exiting with status %u", o->exit_code >> 8 & 0xff);
}

static void say_end(struct words *w, const struct step *step)
{
	const struct evidence *e = step->by;
	char process[PROCESS_SIZE];

	if (step->there) {
		format_process(process, &e->owner);
		say(w, "%s: ", e->owner.pid ? process : "the other end");
	}
	say_act(w, step);
	if (e->facts.event != EVENT_DEATH)
		return;
	if (e->facts.state != ST_SYN_SENT)
		say(w, ", in %s", state_name(e->facts.state));
	say_process_end(w, &e->owner);
}

static void say_received_reset(struct words *w, const struct step *step)
{
	const struct evidence *e = step->by;

	if (step->verdict == VERDICT_refused)
		say(w, "nothing listens there");
	else if (e->facts.state == ST_SYN_RECV || !(e->facts.flags & FACT_TSTAMP_OK))
		say(w, "its origin is not told, in %s", state_name(e->facts.state));
	else if (e->facts.flags & FACT_SAW_TSTAMP)
		say(w, "by a living socket, in %s", state_name(e->facts.state));
	else
		say(w, "no such connection there, in %s", state_name(e->facts.state));
	if (e->rst_ttl && e->usual_ttl && e->rst_ttl != e->usual_ttl)
		say(w, "; TTL %u, usual %u: something between made it", e->rst_ttl, e->usual_ttl);
}

static void say_error(struct words *w, const struct step *step)
{
	const char *name = strerrorname_np(step->by->facts.err);

	say(w, "our process gets %s (%s)", name ? name : "an error", strerror(step->by->facts.err));
	if (step->by->facts.err == ERR_PIPE)
		say(w, " at its next write");
}

void step_words(char *out, size_t size, const struct step *step)
{
	struct words w = { .out = out, .size = size };

	*out = '\0';
	if (step->likely && step->kind != STEP_END)
		say(&w, "likely: ");
	switch (step->kind) {
	case STEP_CONNECTED:
		say_connected(&w, step);
		break;
	case STEP_SYN:
		if (step->count > 1)
			say(&w, "the first of %u", step->count);
		break;
	case STEP_DATA:
		say_data(&w, step);
		break;
	case STEP_HEARD:
		say(&w, "the last that came");
		break;
	case STEP_FIN:
		say_fin(&w, step);
		break;
	case STEP_WRITE:
		say_write(&w, step);
		break;
	case STEP_AGAIN:
		say(&w, "sent again, the last of %u time%s", step->count, plural(step->count));
		break;
	case STEP_PROBE:
		say_probe(&w, step);
		break;
	case STEP_ACCEPTED:
		say(&w, "nothing has been accepted since, at least");
		break;
	case STEP_FULL:
		say_queue(&w, step->by);
		break;
	case STEP_SEGMENT:
		say_segment(&w, step);
		break;
	case STEP_CLOSED:
		say(&w, "the socket was closed");
		break;
	case STEP_END:
		say_end(&w, step);
		break;
	case STEP_RST:
		if (step->way == WAY_IN && !step->there)
			say_received_reset(&w, step);
		break;
	case STEP_ERROR:
		say_error(&w, step);
		break;
	}
}
