// SPDX-License-Identifier: GPL-2.0-only
/* Reads what check_sysctl.c judges: /proc/sys, /proc/net, and the sockets by sock_diag(7). */
#include "check_sysctl.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- files ------------------------------------------------------------------------------- */

/* The first line, without its end; "" if there is none. */
static void read_line(char *out, size_t size, const char *path)
{
	FILE *file = fopen(path, "re");

	*out = '\0';
	if (!file)
		return;
	if (!fgets(out, size, file))
		*out = '\0';
	out[strcspn(out, "\n")] = '\0';
	fclose(file);
}

/* net.ipv4.tcp_rmem is /proc/sys/net/ipv4/tcp_rmem, which has tabs between its figures. */
static void read_sysctl(char *out, size_t size, const char *name)
{
	char path[96] = "/proc/sys/";
	size_t len = strlen(path);

	snprintf(path + len, sizeof(path) - len, "%s", name);
	for (char *c = path + len; *c; c++)
		if (*c == '.')
			*c = '/';
	read_line(out, size, path);
	for (char *c = out; *c; c++)
		if (*c == '\t')
			*c = ' ';
}

/*
 * The value beneath a name, in two lines of words: "TcpExt: SyncookiesSent ..." and "TcpExt: 0
 * ...". NOT_COUNTED if the name is not there.
 */
static uint64_t value_beneath(const char *names, const char *values, const char *name)
{
	size_t len = strlen(name);

	while (*names && *values) {
		size_t word = strcspn(names, " \n");

		if (word == len && !strncmp(names, name, len))
			return strtoull(values, NULL, 10);
		names += word + strspn(names + word, " \n");
		values += strcspn(values, " \n");
		values += strspn(values, " \n");
	}
	return NOT_COUNTED;
}

static void read_counters(struct host *h)
{
	static const char *const names[] = {
#define HOST_COUNTER(name) [HOST_##name] = #name,
		HOST_COUNTERS(HOST_COUNTER)
#undef HOST_COUNTER
	};
	FILE *file = fopen("/proc/net/netstat", "re");
	char *head = NULL, *line = NULL;
	size_t head_size = 0, line_size = 0;

	for (int i = 0; i < HOST_COUNTER_COUNT; i++)
		h->counter[i] = NOT_COUNTED;
	if (!file)
		return;
	if (getline(&head, &head_size, file) > 0 && getline(&line, &line_size, file) > 0)
		for (int i = 0; i < HOST_COUNTER_COUNT; i++)
			h->counter[i] = value_beneath(head, line, names[i]);
	free(head);
	free(line);
	fclose(file);
}

/* Of each CPU in hexadecimal: the second is what was dropped, the eleventh what the flow limit did.
 */
static void read_softnet(struct host *h)
{
	FILE *file = fopen("/proc/net/softnet_stat", "re");
	unsigned int dropped, flow_limit;
	char line[256];

	h->softnet_dropped = NOT_COUNTED;
	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*x %x %*x %*x %*x %*x %*x %*x %*x %*x %x", &dropped,
			   &flow_limit) != 2)
			continue;
		if (h->softnet_dropped == NOT_COUNTED)
			h->softnet_dropped = 0;
		h->softnet_dropped += dropped > flow_limit ? dropped - flow_limit : 0;
	}
	fclose(file);
}

static void read_sockstat(struct host *h)
{
	FILE *file = fopen("/proc/net/sockstat", "re");
	unsigned long long orphans, time_wait;
	char line[256];

	h->orphans = h->time_wait = NOT_COUNTED;
	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "TCP: inuse %*u orphan %llu tw %llu", &orphans, &time_wait) != 2)
			continue;
		h->orphans = orphans;
		h->time_wait = time_wait;
	}
	fclose(file);
}

static void read_files(struct host *h)
{
	unsigned long long open;
	char line[128];

	read_line(line, sizeof(line), "/proc/sys/fs/file-nr");
	h->files = sscanf(line, "%llu", &open) == 1 ? open : NOT_COUNTED;
}

/* The module may be there, and no rule make use of it: then nothing is counted. */
static void read_conntrack(struct host *h)
{
	char count[32], timeout[32];

	read_sysctl(count, sizeof(count), "net.netfilter.nf_conntrack_count");
	read_sysctl(timeout, sizeof(timeout), "net.netfilter.nf_conntrack_tcp_timeout_established");
	h->conntrack_s = strtoul(count, NULL, 10) ? strtoul(timeout, NULL, 10) : 0;
}

struct range {
	unsigned int first, last;
};

static struct range local_range(const struct host *h)
{
	struct range r;

	if (sscanf(h->value[SYSCTL_local_port_range], "%u %u", &r.first, &r.last) != 2)
		return (struct range){ 1, 0 };
	return r;
}

/* How many of "8080,9000-9100" are in the range. */
static uint32_t reserved_in(const char *list, struct range range)
{
	uint32_t n = 0;

	while (*list) {
		unsigned int first, last;
		int fields = sscanf(list, "%u-%u", &first, &last);

		if (fields < 1)
			break;
		if (fields == 1)
			last = first;
		if (first < range.first)
			first = range.first;
		if (last > range.last)
			last = range.last;
		n += last >= first ? last - first + 1 : 0;
		list += strcspn(list, ",");
		list += *list == ',';
	}
	return n;
}

static void read_reserved_ports(struct host *h)
{
	static char list[65536]; /* the kernel gives no more */

	read_sysctl(list, sizeof(list), "net.ipv4.ip_local_reserved_ports");
	h->reserved_ports = reserved_in(list, local_range(h));
}

/* ---- sockets ----------------------------------------------------------------------------- */

#define STATE_TIME_WAIT 6
#define STATE_LISTEN    10

typedef void socket_fn(void *context, const struct inet_diag_msg *socket, uint64_t drops);

static int ask(int fd, uint8_t family)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 request;
	} message = {
		.head = { .nlmsg_len = sizeof(message),
			  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.request = { .sdiag_family = family,
			     .sdiag_protocol = IPPROTO_TCP,
			     .idiag_ext = 1 << (INET_DIAG_SKMEMINFO - 1),
			     .idiag_states = ~0u },
	};

	return send(fd, &message, sizeof(message), 0) == sizeof(message) ? 0 : -1;
}

/* Of the attributes behind a socket the one with sk_drops; 0: there is none. */
static uint64_t drops_of(const struct nlmsghdr *message)
{
	const struct inet_diag_msg *socket = NLMSG_DATA(message);
	const struct rtattr *a = (const void *)(socket + 1);
	int len = message->nlmsg_len - NLMSG_LENGTH(sizeof(*socket));

	for (; RTA_OK(a, len); a = RTA_NEXT(a, len))
		if (a->rta_type == INET_DIAG_SKMEMINFO &&
		    RTA_PAYLOAD(a) >= (SK_MEMINFO_DROPS + 1) * sizeof(uint32_t))
			return ((const uint32_t *)RTA_DATA(a))[SK_MEMINFO_DROPS];
	return 0;
}

/* What came in one piece. 1: that was all, 0: there is more, -1: an error. */
static int take(const char *buffer, int len, socket_fn *fn, void *context)
{
	const struct nlmsghdr *message = (const void *)buffer;

	for (; NLMSG_OK(message, (unsigned int)len); message = NLMSG_NEXT(message, len)) {
		if (message->nlmsg_type == NLMSG_DONE)
			return 1;
		if (message->nlmsg_type == NLMSG_ERROR)
			return -1;
		fn(context, NLMSG_DATA(message), drops_of(message));
	}
	return 0;
}

/* Calls fn for each TCP socket of the family. 0, or -1: they cannot be listed. */
static int list_family(uint8_t family, socket_fn *fn, void *context)
{
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG), done = -1;
	static char buffer[32768] __attribute__((aligned(NLMSG_ALIGNTO)));

	if (fd < 0)
		return -1;
	if (!ask(fd, family)) {
		do {
			int len = recv(fd, buffer, sizeof(buffer), 0);

			done = len > 0 ? take(buffer, len, fn, context) : -1;
		} while (!done);
	}
	close(fd);
	return done > 0 ? 0 : -1;
}

static int list_sockets(socket_fn *fn, void *context)
{
	return list_family(AF_INET, fn, context) | list_family(AF_INET6, fn, context);
}

static void note_listener(struct host *h, const struct inet_diag_msg *socket, uint64_t drops)
{
	uint32_t limit = socket->idiag_wqueue;
	bool at = limit == strtoul(h->value[SYSCTL_somaxconn], NULL, 10);
	struct listener_use *use = at ? &h->at_somaxconn : &h->elsewhere;

	if (use->port && drops <= use->drops)
		return;
	use->port = ntohs(socket->id.idiag_sport);
	use->limit = limit;
	use->drops = drops;
}

/* ---- ports towards one peer -------------------------------------------------------------- */

/* Which of the connections to the same peer there are most of: by a number for each peer. */
struct peers {
	struct host *host;
	struct range range;
	uint64_t *number; /* one for each connection */
	size_t n, room;
	uint64_t wanted; /* in the second round: the peer's number */
	bool failed;     /* out of memory */
};

/* FNV-1a, of both addresses and the remote port. */
static uint64_t number_of_peer(const struct inet_diag_msg *socket)
{
	const struct inet_diag_sockid *id = &socket->id;
	struct {
		uint32_t source[4], destination[4];
		uint16_t port, family;
	} key = { .port = id->idiag_dport, .family = socket->idiag_family };
	const unsigned char *bytes = (const void *)&key;
	uint64_t hash = 0xcbf29ce484222325;

	memcpy(key.source, id->idiag_src, sizeof(key.source));
	memcpy(key.destination, id->idiag_dst, sizeof(key.destination));
	for (size_t i = 0; i < sizeof(key); i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3;
	return hash;
}

static bool has_local_port(const struct peers *p, const struct inet_diag_msg *socket)
{
	unsigned int port = ntohs(socket->id.idiag_sport);

	return socket->idiag_state != STATE_LISTEN && port >= p->range.first &&
	       port <= p->range.last;
}

static void note_socket(void *context, const struct inet_diag_msg *socket, uint64_t drops)
{
	struct peers *p = context;

	if (socket->idiag_state == STATE_LISTEN)
		note_listener(p->host, socket, drops);
	if (!has_local_port(p, socket) || p->failed)
		return;
	if (p->n == p->room) {
		size_t room = p->room ? 2 * p->room : 1024;
		uint64_t *number = reallocarray(p->number, room, sizeof(*number));

		p->failed = !number;
		if (!number)
			return;
		p->number = number;
		p->room = room;
	}
	p->number[p->n++] = number_of_peer(socket);
}

static void count_port(void *context, const struct inet_diag_msg *socket, uint64_t drops)
{
	struct peers *p = context;
	struct port_use *use = &p->host->ports;
	char address[INET6_ADDRSTRLEN] = "?";

	(void)drops;
	if (!has_local_port(p, socket) || number_of_peer(socket) != p->wanted)
		return;
	inet_ntop(socket->idiag_family, socket->id.idiag_dst, address, sizeof(address));
	snprintf(use->peer, sizeof(use->peer),
		 socket->idiag_family == AF_INET6 ? "[%s]:%u" : "%s:%u", address,
		 ntohs(socket->id.idiag_dport));
	use->used++;
	use->time_wait += socket->idiag_state == STATE_TIME_WAIT;
}

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The number that is there most often; there is one at least. */
static uint64_t most_frequent(uint64_t *number, size_t n)
{
	uint64_t best = number[0];
	size_t most = 0;

	qsort(number, n, sizeof(*number), compare_numbers);
	for (size_t i = 0, begin = 0; i < n; i++) {
		if (number[i] != number[begin])
			begin = i;
		if (i - begin + 1 > most) {
			most = i - begin + 1;
			best = number[i];
		}
	}
	return best;
}

static void read_sockets(struct host *h)
{
	struct peers p = { .host = h, .range = local_range(h) };

	h->sockets_seen = !list_sockets(note_socket, &p) && !p.failed;
	if (p.n) {
		p.wanted = most_frequent(p.number, p.n);
		list_sockets(count_port, &p);
	}
	free(p.number);
}

void host_collect(struct host *h)
{
	memset(h, 0, sizeof(*h));
	for (int i = 0; i < SYSCTL_COUNT; i++)
		read_sysctl(h->value[i], sizeof(h->value[i]), sysctl_name(i));
	read_counters(h);
	read_softnet(h);
	read_sockstat(h);
	read_files(h);
	read_conntrack(h);
	read_reserved_ports(h);
	read_sockets(h);
}
