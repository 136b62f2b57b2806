// SPDX-License-Identifier: GPL-2.0-only
#include "pair.h"

#include <string.h>
#include <sys/socket.h>

#include "classify.h"

/* ---- addresses --------------------------------------------------------------------------- */

/* IPv4 addresses in the form in which an IPv6 socket would carry them. */
static void mapped(__u8 out[16], int family, const __u8 address[16])
{
	static const __u8 prefix[12] = { [10] = 0xff, [11] = 0xff };

	memcpy(out, address, 16);
	if (family != AF_INET)
		return;
	memcpy(out, prefix, sizeof(prefix));
	memcpy(out + sizeof(prefix), address, 4);
}

static bool same_address(const struct tuple *a, const __u8 *of_a, const struct tuple *b,
			 const __u8 *of_b)
{
	__u8 one[16], other[16];

	mapped(one, a->family, of_a);
	mapped(other, b->family, of_b);
	return !memcmp(one, other, sizeof(one));
}

/* The local end of one is the remote end of the other. */
static bool is_remote_of(const struct tuple *a, const struct tuple *b)
{
	return a->lport == b->rport && same_address(a, a->laddr, b, b->raddr);
}

static bool opposite(const struct tuple *a, const struct tuple *b)
{
	return is_remote_of(a, b) && is_remote_of(b, a);
}

bool pair_shares_end(const struct tuple *a, const struct tuple *b)
{
	return is_remote_of(a, b) || is_remote_of(b, a);
}

/* FNV-1a of one end; the sum of both does not depend on their order. */
static __u32 hash_end(int family, const __u8 *address, __u16 port)
{
	__u8 bytes[18];
	__u32 hash = 2166136261u;

	mapped(bytes, family, address);
	memcpy(bytes + 16, &port, 2);
	for (size_t i = 0; i < sizeof(bytes); i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return hash;
}

__u32 pair_hash_local(const struct tuple *t)
{
	return hash_end(t->family, t->laddr, t->lport);
}

__u32 pair_hash_remote(const struct tuple *t)
{
	return hash_end(t->family, t->raddr, t->rport);
}

__u32 pair_hash(const struct tuple *t)
{
	return pair_hash_local(t) + pair_hash_remote(t);
}

/* ---- sequence numbers -------------------------------------------------------------------- */

/* RFC 9293, 3.4: modulo 2^32. */
static bool between(__u32 seq, __u32 from, __u32 to)
{
	return seq - from <= to - from;
}

/* The death of a full socket has its sequence numbers; an incident has those of a segment. */
static bool is_death(const struct evidence *e)
{
	return e->facts.socket == SOCKET_FULL &&
	       (e->facts.event == EVENT_DEATH || e->facts.event == EVENT_RESET);
}

static bool is_about_segment(const struct evidence *e)
{
	return e->facts.socket != SOCKET_FULL &&
	       (e->facts.event == EVENT_RESET || e->facts.event == EVENT_ACK_DROP);
}

bool pair_possible(const struct evidence *e)
{
	return e->tuple.lport && e->tuple.rport && (is_death(e) || is_about_segment(e));
}

/*
 * A socket that was handed over in FIN_WAIT2 did not see the peer's FIN come: TIME_WAIT's minisock
 * acknowledged it.
 */
static bool expects_of(const struct evidence *receiver, const struct evidence *sender)
{
	__u32 fin = receiver->facts.state == ST_FIN_WAIT2 && !has(&receiver->facts, FACT_PEER_FIN);

	return between(receiver->rcv_nxt, sender->snd_una - fin, sender->snd_nxt);
}

/* A keepalive probe repeats the last number that was acknowledged: tcp_xmit_probe_skb(). */
static bool was_sent_by(const struct evidence *incident, const struct evidence *sender)
{
	return between(incident->seg_seq, sender->snd_una - 1, sender->snd_nxt);
}

bool pair_matches(const struct evidence *a, const struct evidence *b)
{
	return opposite(&a->tuple, &b->tuple) && pair_numbers_match(a, b);
}

bool pair_numbers_match(const struct evidence *a, const struct evidence *b)
{
	if (!pair_possible(a) || !pair_possible(b))
		return false;
	if (is_death(a) && is_death(b))
		return expects_of(a, b) && expects_of(b, a);
	if (is_death(a))
		return was_sent_by(b, a);
	return is_death(b) && was_sent_by(a, b);
}
