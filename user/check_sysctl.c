// SPDX-License-Identifier: GPL-2.0-only
#include "check_sysctl.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *sysctl_name(enum sysctl sysctl)
{
	static const char *const names[] = {
#define SYSCTL(id, name) [SYSCTL_##id] = name,
		SYSCTLS(SYSCTL)
#undef SYSCTL
	};

	return names[sysctl];
}

/* ---- what judges are made of ------------------------------------------------------------- */

__attribute__((format(printf, 4, 5))) static void find(struct finding *f,
						       enum implication implication,
						       const char *advice, const char *why, ...)
{
	va_list args;

	f->implication = implication;
	f->advice = advice;
	va_start(args, why);
	vsnprintf(f->why, sizeof(f->why), why, args);
	va_end(args);
}

uint64_t host_limit(const struct host *h, enum sysctl sysctl)
{
	return strtoull(h->value[sysctl], NULL, 10);
}

bool host_is_near(uint64_t used, uint64_t limit)
{
	return used >= limit - limit / 5;
}

/* Something that is used now, of which there may not be more than the sysctl says. */
static void judge_use(struct finding *f, uint64_t used, uint64_t limit, const char *what,
		      const char *advice)
{
	if (used == NOT_COUNTED)
		find(f, NOT_KNOWN, advice, "%s could not be read", what);
	else
		find(f, host_is_near(used, limit) ? NEAR_ITS_LIMIT : NOT_IMPLICATED, advice,
		     "%s: %" PRIu64 " of %" PRIu64, what, used, limit);
}

/* No counter of the kernel depends on it. */
static void judge_none(struct finding *f, const char *why, const char *advice)
{
	find(f, NOT_IMPLICATED, advice, "%s", why);
}

/* A counter that nothing else moves. */
static void judge_counter(struct finding *f, uint64_t count, const char *what, const char *advice)
{
	if (count == NOT_COUNTED)
		find(f, NOT_KNOWN, advice, "%s could not be read", what);
	else
		find(f, count ? IMPLICATED : NOT_IMPLICATED, advice, "%s: %" PRIu64, what, count);
}

/* ---- listeners --------------------------------------------------------------------------- */

/* enqueue_to_backlog() */
static void judge_netdev_max_backlog(struct finding *f, const struct host *h)
{
	judge_counter(f, h->softnet_dropped, "packets dropped by full CPU backlogs (softnet_stat)",
		      h->softnet_dropped && h->softnet_dropped != NOT_COUNTED
			      ? "double it, and see whether the number stops growing"
			      : "leave it: no packet was ever dropped for want of it");
}

/*
 * The kernel counts overflows by namespace and drops by listener. So an overflow is somaxconn's
 * where a listener that it limits has dropped something.
 */
static void judge_somaxconn(struct finding *f, const struct host *h)
{
	uint64_t overflows = h->counter[HOST_ListenOverflows];
	const struct listener_use *l = &h->at_somaxconn, *other = &h->elsewhere;

	if (overflows == NOT_COUNTED || (overflows && !h->sockets_seen))
		find(f, NOT_KNOWN, "look at ss -tln: Recv-Q above Send-Q is a full accept queue",
		     "ListenOverflows or the listeners could not be read");
	else if (!overflows)
		find(f, NOT_IMPLICATED, "leave it: no accept queue ever overflowed",
		     "ListenOverflows: 0");
	else if (l->drops)
		find(f, IMPLICATED,
		     "raise it and the listen() backlog, then restart the server; if the process "
		     "does not accept at all, no limit helps",
		     "ListenOverflows: %" PRIu64
		     "; the listener on port %u, whose limit of %" PRIu32
		     " is this one, has dropped %" PRIu64,
		     overflows, l->port, l->limit, l->drops);
	else if (other->drops)
		find(f, NOT_IMPLICATED,
		     "leave it: that server's own limit holds; raise its listen() backlog",
		     "ListenOverflows: %" PRIu64
		     "; the listener on port %u, whose own limit is %" PRIu32
		     ", has dropped %" PRIu64,
		     overflows, other->port, other->limit, other->drops);
	else
		find(f, NOT_KNOWN, "when it happens again, tcpwhy --verdict accept-overflow tells",
		     "ListenOverflows: %" PRIu64 ", of no listener that is open now", overflows);
}

/* tcp_conn_request(): it is looked at only without cookies, and has no counter of its own. */
static void judge_max_syn_backlog(struct finding *f, const struct host *h)
{
	uint64_t drops = h->counter[HOST_ListenDrops];
	uint64_t others = h->counter[HOST_ListenOverflows] + h->counter[HOST_TCPReqQFullDrop];

	if (host_limit(h, SYSCTL_syncookies))
		judge_none(f, "it counts only while tcp_syncookies is 0", "leave it");
	else if (drops == NOT_COUNTED || h->counter[HOST_ListenOverflows] == NOT_COUNTED ||
		 h->counter[HOST_TCPReqQFullDrop] == NOT_COUNTED)
		find(f, NOT_KNOWN, "set net.ipv4.tcp_syncookies to 1",
		     "ListenDrops could not be read");
	else if (drops > others)
		find(f, NOT_KNOWN, "set net.ipv4.tcp_syncookies to 1: then it does not count",
		     "%" PRIu64
		     " drops by listeners that were no full queue: of this or another cause",
		     drops - others);
	else
		find(f, NOT_IMPLICATED, "leave it",
		     "no drops by listeners but those of full queues");
}

static void judge_synack_retries(struct finding *f, const struct host *h)
{
	uint64_t drops = h->counter[HOST_TCPReqQFullDrop];

	judge_none(f, "it only sets how long an unanswered handshake is kept",
		   drops && drops != NOT_COUNTED ? "leave it; against the full SYN queues of this "
						   "host set tcp_syncookies to 1"
						 : "leave it");
}

static void judge_syn_retries(struct finding *f, const struct host *h)
{
	(void)h;
	judge_none(f, "it only sets how long connect() tries",
		   "leave it: give programs a connect timeout of their own");
}

/* tcp_check_req(), listen_overflow: counted as an embryonic reset too. */
static void judge_abort_on_overflow(struct finding *f, const struct host *h)
{
	uint64_t overflows = h->counter[HOST_ListenOverflows];
	uint64_t resets = h->counter[HOST_EmbryonicRsts];

	if (!host_limit(h, SYSCTL_abort_on_overflow))
		judge_none(f, "it is off", "leave it off: clients wait out a short peak");
	else if (overflows == NOT_COUNTED || resets == NOT_COUNTED)
		find(f, NOT_KNOWN, "set it to 0", "ListenOverflows could not be read");
	else
		find(f, overflows && resets ? IMPLICATED : NOT_IMPLICATED,
		     "set it to 0, unless clients must fail fast: then they wait out a short peak",
		     "it is on; ListenOverflows: %" PRIu64 ", EmbryonicRsts: %" PRIu64, overflows,
		     resets);
}

/* tcp_syn_flood_action() */
static void judge_syncookies(struct finding *f, const struct host *h)
{
	uint64_t sent = h->counter[HOST_SyncookiesSent];
	uint64_t mode = host_limit(h, SYSCTL_syncookies);

	if (!mode)
		judge_counter(f, h->counter[HOST_TCPReqQFullDrop],
			      "SYNs dropped by full SYN queues (TCPReqQFullDrop)",
			      "set it to 1: SYNs are answered with cookies then");
	else if (mode == 2)
		judge_counter(f, sent, "cookies sent without need (SyncookiesSent)",
			      "set it to 1: 2 is for tests, connections may lack window scaling");
	else
		find(f, sent == NOT_COUNTED ? NOT_KNOWN : NOT_IMPLICATED,
		     "leave it at 1: where cookies are sent, raise that listener's backlog",
		     "no SYN is dropped for a full SYN queue; cookies sent instead: %" PRIu64,
		     sent == NOT_COUNTED ? 0 : sent);
}

/* ---- ports and TIME_WAIT ----------------------------------------------------------------- */

uint32_t host_local_ports(const struct host *h)
{
	unsigned int first, last, size;

	if (sscanf(h->value[SYSCTL_local_port_range], "%u %u", &first, &last) != 2 || first > last)
		return 0;
	size = last - first + 1;
	return size > h->reserved_ports ? size - h->reserved_ports : 0;
}

/* Is connect() about to fail with EADDRNOTAVAIL, or failing? The kernel does not count that. */
static enum implication ports_left(const struct host *h)
{
	uint32_t ports = host_local_ports(h);

	if (!h->sockets_seen)
		return NOT_KNOWN;
	if (h->ports.used >= ports)
		return IMPLICATED;
	return host_is_near(h->ports.used, ports) ? NEAR_ITS_LIMIT : NOT_IMPLICATED;
}

static void judge_local_port_range(struct finding *f, const struct host *h)
{
	enum implication left = ports_left(h);
	const char *advice = "keep connections open and reuse them; else widen it, for instance "
			     "1024 65535";

	if (left == NOT_KNOWN)
		find(f, left, advice, "the sockets could not be listed");
	else if (!h->ports.used)
		find(f, left, "leave it", "no port of it is in use");
	else
		find(f, left, left == NOT_IMPLICATED ? "leave it" : advice,
		     "ports in use towards one peer: at most %" PRIu32 " of %" PRIu32 ", %" PRIu32
		     " of them in TIME_WAIT, towards %s",
		     h->ports.used, host_local_ports(h), h->ports.time_wait, h->ports.peer);
}

static void judge_tw_reuse(struct finding *f, const struct host *h)
{
	enum implication left = ports_left(h);

	if (host_limit(h, SYSCTL_tw_reuse) == 1)
		judge_none(f, "it is on", "leave it");
	else if (left == NOT_KNOWN)
		find(f, left, "leave it, unless ports run out", "the sockets could not be listed");
	else if (left != NOT_IMPLICATED && h->ports.time_wait > h->ports.used / 2)
		find(f, left,
		     "set it to 1: connect() takes ports in TIME_WAIT then, after a second",
		     "ports towards %s: %" PRIu32 " in use, %" PRIu32 " of them in TIME_WAIT",
		     h->ports.peer, h->ports.used, h->ports.time_wait);
	else
		judge_none(f, "no ports run out for TIME_WAIT", "leave it");
}

static void judge_fin_timeout(struct finding *f, const struct host *h)
{
	(void)h;
	judge_none(f, "it is about FIN_WAIT2 without a process, not about TIME_WAIT", "leave it");
}

/* inet_twsk_alloc() */
static void judge_max_tw_buckets(struct finding *f, const struct host *h)
{
	uint64_t overflows = h->counter[HOST_TCPTimeWaitOverflow];

	judge_use(f, h->time_wait, host_limit(h, SYSCTL_max_tw_buckets), "sockets in TIME_WAIT",
		  "leave it: never lower it");
	if (f->implication == NEAR_ITS_LIMIT)
		f->advice = "raise it; find out who closes so many connections first";
	if (overflows && overflows != NOT_COUNTED)
		find(f, IMPLICATED,
		     "raise it: connections above it are closed without TIME_WAIT, and late "
		     "segments of them meet new ones or are answered by RST",
		     "TCPTimeWaitOverflow: %" PRIu64, overflows);
}

/* ---- memory ------------------------------------------------------------------------------ */

/* tcp_check_oom(). Memory is never at its end without having been under pressure before. */
static void judge_max_orphans(struct finding *f, const struct host *h)
{
	uint64_t aborts = h->counter[HOST_TCPAbortOnMemory];
	uint64_t pressures = h->counter[HOST_TCPMemoryPressures];
	const char *advice = "lower tcp_orphan_retries to 3, so that orphans go sooner; raise this "
			     "only with memory to match";

	judge_use(f, h->orphans, host_limit(h, SYSCTL_max_orphans), "orphans",
		  "leave it: no orphan was ever dropped for it");
	if (f->implication == NEAR_ITS_LIMIT)
		f->advice = advice;
	if (!aborts)
		return;
	if (aborts == NOT_COUNTED)
		find(f, NOT_KNOWN, advice, "TCPAbortOnMemory could not be read");
	else if (pressures)
		find(f, NOT_KNOWN, "dmesg tells: too many orphaned sockets, or out of memory",
		     "TCPAbortOnMemory: %" PRIu64 "; memory was short too (TCPMemoryPressures)",
		     aborts);
	else
		find(f, IMPLICATED, advice,
		     "TCPAbortOnMemory: %" PRIu64 ", while memory was never short", aborts);
}

static void judge_rmem_max(struct finding *f, const struct host *h)
{
	(void)h;
	judge_none(f, "it only limits what programs may ask for with SO_RCVBUF",
		   "leave it: TCP sizes its buffers by tcp_rmem");
}

static void judge_wmem_max(struct finding *f, const struct host *h)
{
	(void)h;
	judge_none(f, "it only limits what programs may ask for with SO_SNDBUF",
		   "leave it: TCP sizes its buffers by tcp_wmem");
}

/* tcp_prune_queue() */
static void judge_tcp_rmem(struct finding *f, const struct host *h)
{
	uint64_t pruned = h->counter[HOST_RcvPruned];

	judge_counter(f, pruned, "times data was dropped as a receive buffer was full (RcvPruned)",
		      pruned && pruned != NOT_COUNTED
			      ? "raise its last figure, unless those sockets have set SO_RCVBUF; "
				"look for processes that do not read (ss -tm)"
			      : "leave it: no receive buffer ever dropped data");
}

/* tcp_fragment() */
static void judge_tcp_wmem(struct finding *f, const struct host *h)
{
	uint64_t refused = h->counter[HOST_TCPWqueueTooBig];

	judge_counter(f, refused,
		      "segments that could not be split in a full send buffer (TCPWqueueTooBig)",
		      refused && refused != NOT_COUNTED
			      ? "raise its last figure, unless those sockets have set SO_SNDBUF"
			      : "leave it: a full send buffer only makes the process wait");
}

/* ---- the rest ---------------------------------------------------------------------------- */

static void judge_keepalive_time(struct finding *f, const struct host *h)
{
	(void)h;
	judge_none(f, "it is for sockets with SO_KEEPALIVE that have no TCP_KEEPIDLE",
		   "leave it, unless a firewall forgets idle connections earlier: then below that");
}

static void judge_keepalive_intvl(struct finding *f, const struct host *h)
{
	(void)h;
	judge_none(f, "it is for sockets with SO_KEEPALIVE that have no TCP_KEEPINTVL", "leave it");
}

static void judge_keepalive_probes(struct finding *f, const struct host *h)
{
	(void)h;
	judge_none(f, "it is for sockets with SO_KEEPALIVE that have no TCP_KEEPCNT", "leave it");
}

static void judge_file_max(struct finding *f, const struct host *h)
{
	uint64_t max = host_limit(h, SYSCTL_file_max);

	judge_use(f, h->files, max, "open files",
		  "leave it: \"too many open files\" is mostly a process's own limit (ulimit -n)");
	if (f->implication != NEAR_ITS_LIMIT)
		return;
	f->advice = "find who has them (lsof, ls /proc/*/fd); else raise it";
	if (h->files >= max)
		f->implication = IMPLICATED;
}

void sysctl_judge(struct finding *f, const struct host *h, enum sysctl sysctl)
{
	static void (*const judges[])(struct finding * f, const struct host *h) = {
#define SYSCTL(id, name) [SYSCTL_##id] = judge_##id,
		SYSCTLS(SYSCTL)
#undef SYSCTL
	};

	if (*h->value[sysctl])
		judges[sysctl](f, h);
	else
		find(f, NOT_KNOWN, "look at it on the host, outside of this network namespace",
		     "it cannot be seen here");
}
