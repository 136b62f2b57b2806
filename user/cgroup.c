// SPDX-License-Identifier: GPL-2.0-only
#include "cgroup.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <search.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

#define ID_DIGITS  64 /* of a container, hexadecimal */
#define ID_SHOWN   12 /* as docker ps shows them */
#define KNOWN_MAX  65536
#define WALK_REST  20 /* after a walk, rest so many times as long as it took */
#define LXC_PREFIX "lxc.payload."

/* ---- names --------------------------------------------------------------------------------- */

/* One name of a path: not terminated. */
struct name {
	const char *text;
	size_t len;
};

static bool begins(struct name n, const char *prefix)
{
	return n.len >= strlen(prefix) && !memcmp(n.text, prefix, strlen(prefix));
}

static bool ends(struct name n, const char *suffix)
{
	size_t len = strlen(suffix);

	return n.len >= len && !memcmp(n.text + n.len - len, suffix, len);
}

static bool is(struct name n, const char *text)
{
	return n.len == strlen(text) && begins(n, text);
}

static void set_home(struct cgroup_home *home, enum cgroup_kind kind, const char *text, size_t len)
{
	if (!len)
		return;
	if (len >= sizeof(home->name))
		len = sizeof(home->name) - 1;
	home->kind = kind;
	memcpy(home->name, text, len);
	home->name[len] = '\0';
}

/*
 * The id of a container at the end of a name: bare, as in docker/ID; or after its manager, as in
 * docker-ID.scope, libpod-ID.scope, kubepods-...slice:cri-containerd:ID. NULL if there is none.
 * conmon only watches over a container, from outside.
 */
static const char *container_id(struct name n)
{
	const char *id;

	if (ends(n, ".scope"))
		n.len -= strlen(".scope");
	if (n.len < ID_DIGITS || memmem(n.text, n.len, "conmon", strlen("conmon")))
		return NULL;
	id = n.text + n.len - ID_DIGITS;
	for (size_t i = 0; i < ID_DIGITS; i++)
		if (!isxdigit((unsigned char)id[i]))
			return NULL;
	return id == n.text || id[-1] == '-' || id[-1] == ':' ? id : NULL;
}

/* What systemd makes for those who log in is no unit that one would look for. */
static bool is_unit(struct name n)
{
	if (ends(n, ".service"))
		return !begins(n, "user@");
	return ends(n, ".scope") && !begins(n, "session-") && !is(n, "init.scope");
}

static void parse_name(struct cgroup_home *home, struct name n, struct name parent)
{
	const char *id = container_id(n);

	if (id)
		set_home(home, CGROUP_CONTAINER, id, ID_SHOWN);
	else if (begins(n, LXC_PREFIX))
		set_home(home, CGROUP_CONTAINER, n.text + strlen(LXC_PREFIX),
			 n.len - strlen(LXC_PREFIX));
	else if (is(parent, "lxc") || is(parent, "lxc.payload"))
		set_home(home, CGROUP_CONTAINER, n.text, n.len);
	else if (home->kind != CGROUP_CONTAINER && is_unit(n))
		set_home(home, CGROUP_UNIT, n.text, n.len);
}

void cgroup_parse(struct cgroup_home *home, const char *path)
{
	struct name name, parent = { .text = "" };

	memset(home, 0, sizeof(*home));
	for (path += strspn(path, "/"); *path; path += strspn(path, "/")) {
		name = (struct name){ .text = path, .len = strcspn(path, "/") };
		parse_name(home, name, parent);
		parent = name;
		path += name.len;
	}
}

/* ---- what is known ------------------------------------------------------------------------- */

struct known {
	__u64 id;
	struct cgroup_home home;
};

static void *known; /* a tree of struct known, by id */
static size_t n_known;
static bool is_recorded; /* this host has nothing to do with it */

static int compare(const void *a, const void *b)
{
	__u64 one = ((const struct known *)a)->id, other = ((const struct known *)b)->id;

	return one < other ? -1 : one > other;
}

/* NULL: never seen. */
static const struct cgroup_home *recall(__u64 id)
{
	struct known wanted = { .id = id }, **found = tfind(&wanted, &known, compare);

	return found ? &(*found)->home : NULL;
}

void cgroup_forget_all(void)
{
	tdestroy(known, free);
	known = NULL;
	n_known = 0;
}

void cgroup_tell(__u64 id, const struct cgroup_home *home)
{
	struct known *new;

	if (recall(id))
		return;
	if (n_known == KNOWN_MAX)
		cgroup_forget_all();
	new = malloc(sizeof(*new));
	if (!new)
		return;
	new->id = id;
	new->home = *home;
	if (tsearch(new, &known, compare))
		n_known++;
	else
		free(new);
}

static void learn(__u64 id, const char *path)
{
	struct cgroup_home home;

	if (recall(id))
		return;
	cgroup_parse(&home, path);
	cgroup_tell(id, &home);
}

void cgroup_begin_recording(void)
{
	cgroup_forget_all();
	is_recorded = true;
}

/* ---- the hierarchy ------------------------------------------------------------------------- */

/* Takes the descriptor of the directory at the path, and learns what is in it. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the path is long, and as there are descriptors */
static void walk(int fd, char path[PATH_MAX], size_t len)
{
	struct dirent *entry;
	DIR *dir = fdopendir(fd);

	if (!dir) {
		close(fd);
		return;
	}
	while ((entry = readdir(dir))) {
		size_t n = strlen(entry->d_name);

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' || len + 1 + n >= PATH_MAX)
			continue;
		path[len] = '/';
		memcpy(path + len + 1, entry->d_name, n + 1);
		learn(entry->d_ino, path);
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			walk(fd, path, len + 1 + n);
	}
	closedir(dir);
}

void cgroup_find_root(char *root, size_t size)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *mount;

	*root = '\0';
	while (mounts && !*root && (mount = getmntent(mounts)))
		if (!strcmp(mount->mnt_type, "cgroup2"))
			snprintf(root, size, "%s", mount->mnt_dir);
	if (mounts)
		endmntent(mounts);
}

void cgroup_learn_all(void)
{
	char root[PATH_MAX], path[PATH_MAX] = "";
	int fd;

	cgroup_find_root(root, sizeof(root));
	fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		walk(fd, path, 0);
}

const struct cgroup_home *cgroup_find(__u64 id)
{
	static uint64_t rests_until;
	const struct cgroup_home *home = id ? recall(id) : NULL;
	uint64_t now;

	if (id && !home && !is_recorded && (now = monotonic_ns()) >= rests_until) {
		cgroup_learn_all();
		learn(id, ""); /* what cannot be seen now will not be later */
		rests_until = monotonic_ns() + WALK_REST * (monotonic_ns() - now);
		home = recall(id);
	}
	return home && home->kind != CGROUP_PLAIN ? home : NULL;
}
