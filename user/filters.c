// SPDX-License-Identifier: GPL-2.0-only
#include "filters.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "cgroup.h"
#include "list.h"
#include "number.h"

#define MAPPED_LEN 96 /* RFC 4291: ::ffff:0:0/96 */

/* Notes it for people. What finds no room is left out: the text ends in dots then. */
static void note(struct filter *f, const char *what, const char *value)
{
	size_t used = strlen(f->text), room = sizeof(f->text) - used;

	if ((size_t)snprintf(f->text + used, room, ", %s%s", what, value) >= room)
		memcpy(f->text + sizeof(f->text) - 4, "...", 4);
}

/* ---- processes --------------------------------------------------------------------------- */

/* The thread group that a thread id belongs to; 0 if there is no such thread. */
static uint32_t thread_group(uint64_t tid)
{
	unsigned int tgid = 0;
	char line[128];
	FILE *status;

	snprintf(line, sizeof(line), "/proc/%llu/status", (unsigned long long)tid);
	status = fopen(line, "re");
	if (!status)
		return 0;
	while (fgets(line, sizeof(line), status) && sscanf(line, "Tgid: %u", &tgid) != 1)
		;
	fclose(status);
	return tgid;
}

static int add_pid(struct filter *f, const char *item, struct failure *why)
{
	uint64_t pid;

	if (parse_whole(&pid, item, 1, 1 << 22))
		return failed(why, EXIT_USAGE, "bad PID '%s': give the number of a process", item);
	if (f->pid_count == FILTER_PIDS_MAX)
		return failed(
			why, EXIT_USAGE,
			"more than %d processes: watch their parent with --children, or their "
			"cgroup",
			FILTER_PIDS_MAX);
	f->pids[f->pid_count++] = pid;
	return 0;
}

int filter_add_pids(struct filter *f, const char *list, struct failure *why)
{
	char item[ITEM_SIZE];

	while (next_item(&list, item))
		if (add_pid(f, item, why))
			return -1;
	return 0;
}

static bool is_among(uint32_t pid, const uint32_t *pids, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

int filter_find_processes(struct filter *f, struct failure *why)
{
	unsigned int n = f->pid_count;

	f->pid_count = 0;
	for (unsigned int i = 0; i < n; i++) {
		uint32_t tgid = thread_group(f->pids[i]);

		if (!tgid)
			return failed(why, EXIT_NO_PROCESS, "there is no process with PID %u",
				      f->pids[i]);
		if (!is_among(tgid, f->pids, f->pid_count))
			f->pids[f->pid_count++] = tgid;
	}
	return 0;
}

/* ---- ports ------------------------------------------------------------------------------- */

static const char *port_kind(enum port_flag flag)
{
	return flag == PORT_LOCAL ? "local port " : flag == PORT_REMOTE ? "remote port " : "port ";
}

int filter_add_ports(struct filter *f, enum port_flag flag, const char *list, struct failure *why)
{
	const char *rest = list;
	char item[ITEM_SIZE];
	uint64_t port;

	while (next_item(&rest, item)) {
		if (parse_whole(&port, item, 1, PORTS - 1))
			return failed(why, EXIT_USAGE,
				      "bad port '%s': give a number from 1 to 65535", item);
		f->port_flags[port] |= flag;
	}
	f->ports |= flag;
	note(f, port_kind(flag), list);
	return 0;
}

/* ---- addresses --------------------------------------------------------------------------- */

void filter_add_family(struct filter *f, int family)
{
	bool *wanted = family == AF_INET ? &f->ipv4 : &f->ipv6;

	if (!*wanted)
		note(f, family == AF_INET ? "IPv4" : "IPv6", "");
	*wanted = true;
}

int filter_family(const struct filter *f)
{
	if (f->ipv4 == f->ipv6)
		return 0;
	return f->ipv4 ? AF_INET : AF_INET6;
}

/* 0, or -1 if the text is no address. */
static int parse_address(struct network *n, const char *text)
{
	if (inet_pton(AF_INET, text, n->address) == 1)
		n->family = AF_INET;
	else if (inet_pton(AF_INET6, text, n->address) == 1)
		n->family = AF_INET6;
	else
		return -1;
	return 0;
}

/* As it would be shown: an IPv4-mapped one is IPv4. */
static void unmap(struct network *n, uint64_t *len)
{
	if (n->family != AF_INET6 || *len < MAPPED_LEN ||
	    !IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)n->address))
		return;
	n->family = AF_INET;
	*len -= MAPPED_LEN;
	memmove(n->address, n->address + 12, 4);
	memset(n->address + 4, 0, 12);
}

/* ADDRESS or ADDRESS/LENGTH: 0 or -1. The item is cut at the slash. */
static int parse_network(struct network *n, char *item)
{
	char *slash = strchr(item, '/');
	uint64_t max, len;

	if (slash)
		*slash = '\0';
	memset(n, 0, sizeof(*n));
	if (parse_address(n, item))
		return -1;
	max = len = n->family == AF_INET ? 32 : 128;
	if (slash && parse_whole(&len, slash + 1, 0, max))
		return -1;
	unmap(n, &len);
	n->bits = FAMILY_BITS + len;
	return 0;
}

static int add_peer(struct filter *f, const char *item, struct failure *why)
{
	char text[ITEM_SIZE];

	if (f->peer_count == FILTER_PEERS_MAX)
		return failed(why, EXIT_USAGE,
			      "more than %d peers: give networks that hold several, such as "
			      "10.0.0.0/8",
			      FILTER_PEERS_MAX);
	snprintf(text, sizeof(text), "%s", item);
	if (parse_network(&f->peers[f->peer_count], text))
		return failed(why, EXIT_USAGE,
			      "bad peer '%s': give an address or a network, such as 192.0.2.1, "
			      "10.0.0.0/8 or 2001:db8::/32",
			      item);
	f->peer_count++;
	return 0;
}

int filter_add_peers(struct filter *f, const char *list, struct failure *why)
{
	const char *rest = list;
	char item[ITEM_SIZE];

	while (next_item(&rest, item))
		if (add_peer(f, item, why))
			return -1;
	note(f, "peer ", list);
	return 0;
}

/* ---- verdicts ---------------------------------------------------------------------------- */

static int add_verdict(struct filter *f, const char *item, struct failure *why)
{
	for (int i = 0; i < VERDICT_COUNT; i++) {
		if (strcmp(verdict_text(i)->name, item))
			continue;
		f->verdicts |= 1ULL << i;
		return 0;
	}
	return failed(why, EXIT_USAGE, "there is no verdict '%s': tcpwhy --verdicts lists them",
		      item);
}

int filter_add_verdicts(struct filter *f, const char *list, struct failure *why)
{
	const char *rest = list;
	char item[ITEM_SIZE];

	while (next_item(&rest, item))
		if (add_verdict(f, item, why))
			return -1;
	note(f, "verdict ", list);
	return 0;
}

bool filter_wants_verdict(const struct filter *f, enum verdict verdict)
{
	return !f->verdicts || f->verdicts >> verdict & 1;
}

/* ---- places ------------------------------------------------------------------------------ */

/* The inode of the network namespace that the file is; 0 if it is none. */
static uint32_t netns_of_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint32_t inode = 0;
	struct stat st;

	if (fd < 0)
		return 0;
	if (ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET && !fstat(fd, &st))
		inode = st.st_ino;
	close(fd);
	return inode;
}

int filter_set_netns(struct filter *f, const char *text, struct failure *why)
{
	char path[PATH_MAX];
	uint64_t inode = 0;

	snprintf(path, sizeof(path), "%s%s", strchr(text, '/') ? "" : "/run/netns/", text);
	inode = netns_of_file(path);
	if (!inode && parse_whole(&inode, text, 1, UINT32_MAX))
		return failed(why, EXIT_USAGE,
			      "'%s' is no network namespace: give a name that 'ip netns' shows, a "
			      "path such as /proc/PID/ns/net, or its inode",
			      text);
	f->netns = inode;
	note(f, "network namespace ", text);
	return 0;
}

static bool is_cgroup(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC;
}

int filter_set_cgroup(struct filter *f, const char *text, struct failure *why)
{
	char root[PATH_MAX / 2];

	cgroup_find_root(root, sizeof(root));
	snprintf(f->cgroup, sizeof(f->cgroup), "%s", text);
	if (*text != '/' || !is_cgroup(text))
		snprintf(f->cgroup, sizeof(f->cgroup), "%s/%s", root, text);
	if (!*text || !is_cgroup(f->cgroup))
		return failed(why, EXIT_USAGE,
			      "'%s' is no cgroup of version 2: give its directory, or its path "
			      "below %s as in /proc/PID/cgroup",
			      text, *root ? root : "the cgroup file system, which is not mounted,");
	note(f, "cgroup ", text);
	return 0;
}

/* ---- in all ------------------------------------------------------------------------------ */

bool filter_is_set(const struct filter *f)
{
	return f->pid_count || f->ports || filter_family(f) || f->peer_count || f->netns ||
	       *f->cgroup;
}
