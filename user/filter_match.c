// SPDX-License-Identifier: GPL-2.0-only
/* The filter as bpf/filter.h has it, for what has been recorded. */
#include <netinet/in.h>
#include <string.h>

#include "filters.h"

static bool matches_ports(const struct filter *f, const struct tuple *t)
{
	uint8_t local = f->port_flags[t->lport], remote = f->port_flags[t->rport];
	uint8_t held =
		((local | remote) & PORT_EITHER) | (local & PORT_LOCAL) | (remote & PORT_REMOTE);

	return !(f->ports & ~held);
}

/* The other end as it is shown: an IPv4-mapped address is IPv4. */
static void peer_of(struct network *peer, const struct tuple *t)
{
	const struct in6_addr *local = (const void *)t->laddr, *remote = (const void *)t->raddr;
	bool mapped = t->family == AF_INET6 &&
		      (IN6_IS_ADDR_V4MAPPED(local) || IN6_IS_ADDR_V4MAPPED(remote));

	memset(peer, 0, sizeof(*peer));
	peer->family = mapped ? AF_INET : t->family;
	memcpy(peer->address, t->raddr + (mapped ? 12 : 0), peer->family == AF_INET ? 4 : 16);
}

static bool is_in(const struct network *net, const struct network *peer)
{
	uint32_t bits = net->bits - FAMILY_BITS, bytes = bits / 8;
	uint8_t mask = 0xff00 >> bits % 8;

	return net->family == peer->family && !memcmp(net->address, peer->address, bytes) &&
	       !(bits % 8 && (net->address[bytes] ^ peer->address[bytes]) & mask);
}

static bool matches_addresses(const struct filter *f, const struct tuple *t)
{
	int family = filter_family(f);
	struct network peer;

	peer_of(&peer, t);
	if (family && (uint32_t)family != peer.family)
		return false;
	for (unsigned int i = 0; i < f->peer_count; i++)
		if (t->rport && is_in(&f->peers[i], &peer))
			return true;
	return !f->peer_count;
}

static bool matches_process(const struct filter *f, const struct owner *owner)
{
	for (unsigned int i = 0; i < f->pid_count; i++)
		if (f->pids[i] == owner->pid)
			return true;
	return !f->pid_count;
}

bool filter_matches(const struct filter *f, const struct evidence *e)
{
	return matches_ports(f, &e->tuple) && matches_addresses(f, &e->tuple) &&
	       (!f->netns || f->netns == e->netns) && matches_process(f, &e->owner);
}
