// SPDX-License-Identifier: GPL-2.0-only
#include "story.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "array.h"
#include "derived.h"
#include "format.h"

/* A line that grows. */
struct line {
	char *out;
	size_t size, used;
};

__attribute__((format(printf, 2, 3))) static void say(struct line *l, const char *format, ...)
{
	va_list args;
	int n;

	if (l->used >= l->size)
		return;
	va_start(args, format);
	n = vsnprintf(l->out + l->used, l->size - l->used, format, args);
	va_end(args);
	if (n > 0)
		l->used += n;
}

static void say_bytes(struct line *l, __u64 n)
{
	say(l, "%llu byte%s", n, n == 1 ? "" : "s");
}

static void say_ms(struct line *l, __u32 ms)
{
	char words[DURATION_SIZE];

	format_duration(words, ms);
	say(l, "%s", words);
}

const char *state_name(__u8 state)
{
	static const char *const names[] = {
		"?",         "ESTABLISHED", "SYN_SENT",   "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",
		"TIME_WAIT", "CLOSE",       "CLOSE_WAIT", "LAST_ACK", "LISTEN",    "CLOSING",
	};

	return state < ARRAY_SIZE(names) ? names[state] : names[0];
}

static void say_volume(struct line *l, const struct facts *f)
{
	say_bytes(l, data_acked(f));
	say(l, " sent and acknowledged, %llu received", data_received(f));
}

static void say_half_closed(struct line *l, const struct evidence *e)
{
	if (e->fin_silence_ms) {
		say(l, "peer closed after ");
		say_ms(l, e->fin_silence_ms);
		say(l, " of silence; wrote ");
	} else {
		say(l, "peer had closed; wrote ");
	}
	say_bytes(l, data_in_flight(&e->facts));
	say(l, " ");
	say_ms(l, silence_before_write(&e->facts));
	say(l, " later, answered by RST");
}

/* An RST in the peer's name from a host that is not as far away as the peer. */
static void say_ttl(struct line *l, const struct evidence *e)
{
	if (e->rst_ttl && e->usual_ttl && e->rst_ttl != e->usual_ttl)
		say(l,
		    "; the RST came with TTL %u, the connection's segments with %u: something "
		    "between made it",
		    e->rst_ttl, e->usual_ttl);
}

static void say_received_reset(struct line *l, const struct evidence *e)
{
	const struct facts *f = &e->facts;

	if (!(f->flags & FACT_TSTAMP_OK))
		say(l, "RST without timestamps to tell its origin");
	else
		say(l, "RST by %s",
		    f->flags & FACT_SAW_TSTAMP ? "a living socket" : "no living socket");
	say(l, " in %s after ", state_name(f->state));
	say_ms(l, silence_ms(f));
	say(l, " of silence");
	if (data_pending(f)) {
		say(l, ", ");
		say_bytes(l, data_pending(f));
		say(l, " unacknowledged");
	}
	say(l, "; ");
	say_volume(l, f);
}

/* A socket that is still connecting has not heard of anybody yet. */
static void say_ended_in(struct line *l, const struct facts *f)
{
	say(l, "in %s", state_name(f->state));
	if (f->state == ST_SYN_SENT)
		return;
	say(l, " after ");
	say_ms(l, silence_ms(f));
	say(l, " of silence; ");
	say_volume(l, f);
}

static void say_keepalive(struct line *l, const struct evidence *e)
{
	say(l, "%u of %u probes unanswered (time ", e->facts.probes_out, e->keepalive_probes);
	say_ms(l, e->keepalive_time_ms);
	say(l, ", interval ");
	say_ms(l, e->keepalive_intvl_ms);
	say(l, ")");
}

/* The kernel compares the silence with the user timeout when a probe is due. */
static void say_keepalive_user_timeout(struct line *l, const struct evidence *e)
{
	__u32 one_probe = e->keepalive_time_ms + e->keepalive_intvl_ms;

	say_keepalive(l, e);
	say(l, ", TCP_USER_TIMEOUT ");
	say_ms(l, e->facts.user_timeout_ms);
	if (e->facts.user_timeout_ms <= one_probe)
		say(l, " <= time + interval, so one lost probe is enough");
	else
		say(l, " replaces the count of probes");
}

static void say_unacknowledged(struct line *l, const struct evidence *e)
{
	const struct facts *f = &e->facts;

	if (data_pending(f))
		say_bytes(l, data_pending(f));
	else
		say(l, "FIN");
	say(l, " unacknowledged after %u retransmission%s, peer last heard ", f->retransmits,
	    f->retransmits == 1 ? "" : "s");
	say_ms(l, f->heard_ms);
	say(l, " ago");
	if (e->written_ms && f->heard_ms >= e->written_ms + 1000)
		say(l, ", written after about %u s of silence",
		    (f->heard_ms - e->written_ms + 500) / 1000);
	if (f->user_timeout_ms) {
		say(l, ", TCP_USER_TIMEOUT ");
		say_ms(l, f->user_timeout_ms);
	} else {
		say(l, ", %s %u", f->flags & FACT_DEAD ? "tcp_orphan_retries" : "tcp_retries2",
		    e->retries);
	}
	if (f->err_soft)
		say(l, "; ICMP said: %s", strerror(f->err_soft));
}

static void say_syn(struct line *l, const struct evidence *e)
{
	say(l, "%u SYN%s sent, ", e->facts.segs_out, e->facts.segs_out == 1 ? "" : "s");
	if (e->facts.err)
		say(l, "no answer (%s)", strerror(e->facts.err));
	else
		say(l, "not connected yet");
	if (!e->facts.err && e->facts.flags & FACT_LINGER_ZERO)
		say(l, ", aborted with SO_LINGER 0");
}

/* listen() asks for a limit, net.core.somaxconn cuts it: the smaller one is the one that holds. */
static void say_queue(struct line *l, const struct evidence *e)
{
	say(l, "; accept queue %u of limit %u", e->backlog, e->backlog_max);
	if (e->somaxconn)
		say(l, " from %s",
		    e->backlog_max < e->somaxconn ? "listen()" : "net.core.somaxconn");
	if (e->full_ms) {
		say(l, ", full for ");
		say_ms(l, e->full_ms);
	}
	if (e->unaccepted_ms) {
		say(l, ", nothing accepted for ");
		say_ms(l, e->unaccepted_ms);
	}
}

static void say_syn_queue(struct line *l, const struct evidence *e)
{
	if (e->facts.event == EVENT_COOKIES)
		say(l, "SYN cookies sent");
	else
		say(l, "%u SYN%s dropped", e->count, e->count == 1 ? "" : "s");
	say(l, "; %u handshakes under way, limit %u", e->syn_queue, e->backlog_max);
}

static void say_call(struct line *l, const struct evidence *e)
{
	say(l, "%s gave %s in %s", e->facts.flags & FACT_SENDING ? "send" : "receive",
	    strerrorname_np(e->facts.err) ?: "?", state_name(e->facts.state));
}

/* Names for the calls that act on sockets; others keep their numbers. */
static const char *call_name(__u32 nr)
{
	static const struct {
		long nr;
		const char *name;
	} calls[] = {
		{ SYS_read, "read()" },
		{ SYS_write, "write()" },
		{ SYS_close, "close()" },
		{ SYS_readv, "readv()" },
		{ SYS_writev, "writev()" },
		{ SYS_sendto, "send()" },
		{ SYS_recvfrom, "recv()" },
		{ SYS_sendmsg, "sendmsg()" },
		{ SYS_recvmsg, "recvmsg()" },
		{ SYS_shutdown, "shutdown()" },
		{ SYS_setsockopt, "setsockopt()" },
		{ SYS_getsockopt, "getsockopt()" },
		{ SYS_getpeername, "getpeername()" },
		{ SYS_getsockname, "getsockname()" },
		{ SYS_accept4, "accept()" },
		{ SYS_connect, "connect()" },
		{ SYS_fcntl, "fcntl()" },
		{ SYS_ioctl, "ioctl()" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i].nr == nr)
			return calls[i].name;
	return NULL;
}

static void say_bad_fd(struct line *l, const struct evidence *e)
{
	const char *name = call_name(e->call_nr);

	if (name)
		say(l, "%s", name);
	else
		say(l, "system call %u", e->call_nr);
	say(l, " on descriptor %d gave EBADF: it was this socket, closed ", e->call_fd);
	say_ms(l, e->closed_ms);
	say(l, " before");
}

static void say_overflow(struct line *l, const struct evidence *e)
{
	if (e->facts.event == EVENT_SYN_DROP)
		say(l, "%u SYN%s dropped", e->count, e->count == 1 ? "" : "s");
	else
		say(l, "last ACK of a handshake %s",
		    e->facts.event == EVENT_RESET ? "answered by RST" : "dropped");
	say_queue(l, e);
}

static void say_answered_segment(struct line *l, const struct evidence *e)
{
	say(l, "RST sent in answer to ");
	if (e->facts.flags & FACT_SEG_SYN)
		say(l, "a SYN");
	else if (e->seg_len)
		say_bytes(l, e->seg_len);
	else
		say(l, e->facts.flags & FACT_SEG_FIN ? "a FIN" : "an ACK");
}

/* Everything, as it stands: for the verdict that says nothing. */
static void say_all_facts(struct line *l, const struct evidence *e)
{
	const struct facts *f = &e->facts;

	say(l,
	    "event %u socket %u %s err %u soft %u flags %#x shutdown %u unread %u unacked %u "
	    "unsent %u window %u probes %u retransmits %u heard %u ms sent %u ms segments %u/%u",
	    f->event, f->socket, state_name(f->state), f->err, f->err_soft, f->flags, f->shutdown,
	    f->unread, f->unacked, f->unsent, f->snd_wnd, f->probes_out, f->retransmits,
	    f->heard_ms, f->sent_ms, f->segs_in, f->segs_out);
}

/* Where the end came after our process had closed. */
static void say_closed(struct line *l, const struct evidence *e)
{
	if (!e->closed_ms || e->facts.event == EVENT_BAD_FD)
		return;
	say(l, e->facts.flags & FACT_ON_ITS_WAY ? "; its connection ended " : "; closed ");
	say_ms(l, e->closed_ms);
	say(l, " before");
	if (e->fin_silence_ms >= 1000) {
		say(l, ", after ");
		say_ms(l, e->fin_silence_ms);
		say(l, " of silence");
	}
}

/* Of a death; the other words name the state if it matters to them. */
static void say_unusual_state(struct line *l, const struct facts *f)
{
	if (f->event == EVENT_DEATH && f->state != ST_ESTABLISHED && f->state != ST_CLOSE_WAIT)
		say(l, ", in %s", state_name(f->state));
}

static void say_exit(struct line *l, const struct owner *o)
{
	if (!o->exiting)
		return;
	if (o->exit_code & 0x7f)
		say(l, "; the process was killed by signal %u (%s)", o->exit_code & 0x7f,
		    strsignal(o->exit_code & 0x7f));
	else
		say(l, "; the process exited with status %u", o->exit_code >> 8 & 0xff);
}

static void say_evidence(struct line *l, const struct evidence *e, enum verdict verdict)
{
	const struct facts *f = &e->facts;

	switch (verdict) {
	case VERDICT_closed_by_peer:
	case VERDICT_closed_here:
		say_volume(l, f);
		break;
	case VERDICT_unread_data:
		say(l, "closed with ");
		say_bytes(l, f->unread);
		say(l, " unread, so RST was sent");
		say_unusual_state(l, f);
		break;
	case VERDICT_linger_zero:
		say(l, "aborted with %s after ",
		    f->flags & FACT_LINGER_ZERO ? "SO_LINGER 0" : "TCP_LINGER2 < 0");
		say_ms(l, silence_ms(f));
		say(l, " of silence");
		say_unusual_state(l, f);
		break;
	case VERDICT_late_data:
		say_bytes(l, e->seg_len);
		say(l, " came after close, so RST was sent");
		break;
	case VERDICT_destroyed:
	case VERDICT_checkpointed:
	case VERDICT_listener_closed:
	case VERDICT_disconnected:
	case VERDICT_namespace_gone:
	case VERDICT_out_of_memory:
	case VERDICT_protocol_error:
		say_ended_in(l, f);
		break;
	case VERDICT_keepalive_user_timeout:
		say_keepalive_user_timeout(l, e);
		say_unusual_state(l, f);
		break;
	case VERDICT_keepalive_timeout:
		say_keepalive(l, e);
		say_unusual_state(l, f);
		break;
	case VERDICT_refused:
		say(l, "RST to our SYN: nothing listens there");
		break;
	case VERDICT_connect_failed:
		say(l,
		    e->tuple.lport ? "no SYN was sent" : "no SYN was sent: no local port was free");
		break;
	case VERDICT_close_race:
	case VERDICT_half_closed_reuse:
		say_half_closed(l, e);
		say_unusual_state(l, f);
		break;
	case VERDICT_keepalive_reset:
		say_keepalive(l, e);
		say(l, " but this one by RST");
		say_unusual_state(l, f);
		break;
	case VERDICT_reset_after_close:
	case VERDICT_backlog_reset:
	case VERDICT_peer_forgot:
	case VERDICT_peer_aborted:
		say_received_reset(l, e);
		break;
	case VERDICT_connect_timeout:
	case VERDICT_connect_unreachable:
	case VERDICT_connect_abandoned:
		say_syn(l, e);
		break;
	case VERDICT_zero_window_timeout:
		say(l, "window closed, %u probes; ", f->probes_out);
		say_unacknowledged(l, e);
		say_unusual_state(l, f);
		break;
	case VERDICT_egress_blocked:
		say_bytes(l, f->unsent);
		say(l, " could not leave this host, %u attempts", f->probes_out);
		say_unusual_state(l, f);
		break;
	case VERDICT_orphan_timeout:
	case VERDICT_unreachable:
	case VERDICT_user_timeout:
	case VERDICT_retransmit_timeout:
		say_unacknowledged(l, e);
		say_unusual_state(l, f);
		break;
	case VERDICT_no_listener:
	case VERDICT_late_data_time_wait:
	case VERDICT_late_segment:
	case VERDICT_stray_segment:
	case VERDICT_server_restarted:
		say_answered_segment(l, e);
		break;
	case VERDICT_accept_overflow_reset:
	case VERDICT_accept_overflow:
	case VERDICT_syn_dropped:
		say_overflow(l, e);
		break;
	case VERDICT_syn_queue_overflow:
	case VERDICT_syn_cookies:
		say_syn_queue(l, e);
		break;
	case VERDICT_write_after_close:
	case VERDICT_not_connected:
	case VERDICT_call_failed:
		say_call(l, e);
		break;
	case VERDICT_bad_descriptor:
		say_bad_fd(l, e);
		break;
	case VERDICT_unknown:
	case VERDICT_COUNT:
		say_all_facts(l, e);
		break;
	}
}

void story_words(char *out, size_t size, const struct evidence *e, enum verdict verdict)
{
	struct line line = { .out = out, .size = size };

	out[0] = '\0';
	if (is_likely(&e->facts, verdict))
		say(&line, "likely: ");
	say_evidence(&line, e, verdict);
	say_closed(&line, e);
	say_ttl(&line, e);
	say_exit(&line, &e->owner);
}
