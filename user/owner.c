// SPDX-License-Identifier: GPL-2.0-only
#include "owner.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

/* One search: what is looked for, and how much is still missing. */
struct search {
	const __u64 *inodes;
	struct owner *owners;
	size_t n;
	size_t missing;
};

/* The inode of a link such as "socket:[4711]", or 0. */
static __u64 socket_inode(int dir, const char *name)
{
	static const char prefix[] = "socket:[";
	char target[64];
	ssize_t len = readlinkat(dir, name, target, sizeof(target) - 1);

	if (len < (ssize_t)sizeof(prefix))
		return 0;
	target[len] = '\0';
	if (strncmp(target, prefix, sizeof(prefix) - 1))
		return 0;
	return strtoull(target + sizeof(prefix) - 1, NULL, 10);
}

static void read_comm(int pid, char comm[TASK_NAME_LEN])
{
	char path[64];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	len = read(fd, comm, TASK_NAME_LEN);
	close(fd);
	if (len > 0 && comm[len - 1] == '\n')
		comm[len - 1] = '\0';
}

static void found(struct search *s, __u64 inode, int pid)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->inodes[i] != inode || s->owners[i].pid)
			continue;
		s->owners[i].pid = pid;
		s->owners[i].source = OWNER_FD;
		read_comm(pid, s->owners[i].comm);
		s->missing--;
	}
}

/* Returns whether there are any descriptors. */
static bool search_descriptors(struct search *s, int pid, const char *path)
{
	struct dirent *entry;
	bool any = false;
	DIR *dir = opendir(path);

	if (!dir)
		return false;
	while (s->missing && (entry = readdir(dir))) {
		__u64 inode = socket_inode(dirfd(dir), entry->d_name);

		any = any || entry->d_name[0] != '.';
		if (inode)
			found(s, inode, pid);
	}
	closedir(dir);
	return any;
}

/* A process whose first thread has ended shows its descriptors at the other threads only. */
static void search_threads(struct search *s, int pid)
{
	struct dirent *entry;
	char path[320];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return;
	while (s->missing && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/task/%s/fd", pid, entry->d_name);
		if (entry->d_name[0] != '.' && search_descriptors(s, pid, path))
			break;
	}
	closedir(dir);
}

#define VISITS 4096 /* processes last looked at, a power of two */

/* When which process was looked at, until the next one was; pid 0: the search was over. */
static struct visit {
	__u64 since;
	int pid;
} visits[VISITS];
static size_t n_visits;

static void note_visit(int pid)
{
	visits[n_visits++ % VISITS] = (struct visit){ .since = monotonic_ns(), .pid = pid };
}

void owner_looked_at(__u64 when, struct owner *owner)
{
	for (size_t i = n_visits; i > 0 && n_visits - i < VISITS; i--) {
		const struct visit *visit = &visits[(i - 1) % VISITS];

		if (visit->since > when)
			continue;
		if (visit->pid) {
			owner->pid = visit->pid;
			owner->source = OWNER_FD;
			read_comm(visit->pid, owner->comm);
		}
		return;
	}
}

static void search_process(struct search *s, int pid)
{
	char path[64];

	note_visit(pid);

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	if (!search_descriptors(s, pid, path))
		search_threads(s, pid);
}

void owner_find(const __u64 *inodes, struct owner *owners, size_t n)
{
	struct search search = { .inodes = inodes, .owners = owners, .n = n };
	struct dirent *entry;
	DIR *proc;

	for (size_t i = 0; i < n; i++)
		search.missing += inodes[i] && !owners[i].pid;
	proc = search.missing ? opendir("/proc") : NULL;
	if (!proc)
		return;
	while (search.missing && (entry = readdir(proc)))
		if (isdigit((unsigned char)entry->d_name[0]))
			search_process(&search, atoi(entry->d_name));
	note_visit(0);
	closedir(proc);
}
