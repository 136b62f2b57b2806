// SPDX-License-Identifier: GPL-2.0-only
#include "derived.h"

#include "classify.h"

/* Our FIN takes a sequence number too, but is not data. It is the last to be acknowledged. */
static __u32 our_fin(const struct facts *f)
{
	bool written = f->state == ST_FIN_WAIT1 || f->state == ST_CLOSING ||
		       f->state == ST_LAST_ACK || f->state == ST_CLOSE;

	return written && f->unacked + f->unsent > 0;
}

__u32 data_in_flight(const struct facts *f)
{
	return f->unacked - (f->unsent == 0 && our_fin(f));
}

__u32 data_pending(const struct facts *f)
{
	return f->unacked + f->unsent - our_fin(f);
}

/* Our SYN (if we connected) and our FIN are acknowledged like bytes, but are none. */
__u64 data_acked(const struct facts *f)
{
	bool fin_acked = f->state == ST_FIN_WAIT2 ||
			 (f->unacked == 0 && (f->state == ST_CLOSING || f->state == ST_LAST_ACK));
	__u64 others = fin_acked + !(f->flags & FACT_PASSIVE);

	return f->bytes_acked > others ? f->bytes_acked - others : 0;
}

/* The peer's FIN is counted like a byte. */
__u64 data_received(const struct facts *f)
{
	__u64 fin = f->bytes_received && f->flags & FACT_PEER_FIN;

	return f->bytes_received - fin;
}

__u32 silence_ms(const struct facts *f)
{
	if (f->unacked || f->heard_ms < f->sent_ms)
		return f->heard_ms;
	return f->sent_ms;
}

__u32 silence_before_write(const struct facts *f)
{
	return f->heard_ms > f->sent_ms ? f->heard_ms - f->sent_ms : 0;
}

/* tcp_connect() sets retrans_stamp; nothing has been measured yet that RTO_MIN_MS would give way
 * to. */
bool connecting_ms(const struct evidence *e, __u32 *ms)
{
	if (e->facts.state != ST_SYN_SENT || e->written_ms < RTO_MIN_MS)
		return false;
	*ms = e->written_ms - RTO_MIN_MS;
	return true;
}
