// SPDX-License-Identifier: GPL-2.0-only
#include "procfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"

/* ---- processes --------------------------------------------------------------------------- */

/* 0: the name is no PID. */
static __u32 pid_of_name(const char *name)
{
	char *end;
	unsigned long pid = strtoul(name, &end, 10);

	return *end ? 0 : pid;
}

/* The content of /proc/PID/name as a string; false if it cannot be read. */
static bool read_file(__u32 pid, const char *name, char *content, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, content, size - 1);
	close(fd);
	content[n < 0 ? 0 : n] = '\0';
	return n > 0;
}

/* The inode of its directory: cgroups of version 2 have the line "0::PATH". */
static __u64 cgroup_of(__u32 pid)
{
	char lines[2 * PATH_MAX], root[PATH_MAX], path[2 * PATH_MAX];
	struct stat st;
	char *line;

	if (!read_file(pid, "cgroup", lines, sizeof(lines)))
		return 0;
	line = !strncmp(lines, "0::", 3) ? lines : strstr(lines, "\n0::");
	if (!line)
		return 0;
	line = strchr(line, '/');
	if (!line)
		return 0;
	cgroup_find_root(root, sizeof(root));
	snprintf(path, sizeof(path), "%s%.*s", root, (int)strcspn(line, "\n"), line);
	return *root && !stat(path, &st) ? st.st_ino : 0;
}

static void owner_of_process(struct owner *o, __u32 pid)
{
	char comm[TASK_NAME_LEN + 1];

	memset(o, 0, sizeof(*o));
	if (!read_file(pid, "comm", comm, sizeof(comm)))
		return;
	comm[strcspn(comm, "\n")] = '\0';
	o->pid = pid;
	o->source = OWNER_FD;
	o->cgroup = cgroup_of(pid);
	memcpy(o->comm, comm, strlen(comm));
}

void procfs_for_each_process(procfs_process_fn found, void *ctx)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	if (!proc)
		return;
	while ((entry = readdir(proc))) {
		__u32 pid = pid_of_name(entry->d_name), parent;
		char stat[256], *end;

		/* "PID (comm) state PPID": comm may have anything in it. */
		if (!pid || !read_file(pid, "stat", stat, sizeof(stat)))
			continue;
		end = strrchr(stat, ')');
		if (end && sscanf(end + 1, " %*c %u", &parent) == 1)
			found(ctx, pid, parent);
	}
	closedir(proc);
}

/* ---- descriptors ------------------------------------------------------------------------- */

struct search {
	struct wanted *wanted;
	size_t n;
	size_t left;
};

/* NULL: it is not wanted, or has been found. */
static struct wanted *find_wanted(const struct search *s, uint64_t inode)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->wanted[i].inode == inode && !s->wanted[i].owner.pid)
			return &s->wanted[i];
	return NULL;
}

static void search_process(void *ctx, __u32 pid, __u32 parent)
{
	struct search *s = ctx;
	struct dirent *entry;
	struct wanted *w;
	char path[64], target[64];
	uint64_t inode;
	ssize_t n;
	DIR *fds;

	(void)parent;
	snprintf(path, sizeof(path), "/proc/%u/fd", pid);
	fds = s->left ? opendir(path) : NULL;
	while (fds && s->left && (entry = readdir(fds))) {
		n = readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		if (sscanf(target, "socket:[%" SCNu64 "]", &inode) != 1)
			continue;
		w = find_wanted(s, inode);
		if (!w)
			continue;
		owner_of_process(&w->owner, pid);
		s->left -= w->owner.pid != 0;
	}
	if (fds)
		closedir(fds);
}

void procfs_find_holders(struct wanted *wanted, size_t n)
{
	struct search s = { .wanted = wanted, .n = n, .left = n };

	procfs_for_each_process(search_process, &s);
}
