/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a cgroup (v2) stands for: a systemd unit or a container. The kernel gives its id, which is
 * the inode number of its directory; the rest is in the names of the path to it.
 */
#ifndef TCPWHY_CGROUP_H
#define TCPWHY_CGROUP_H

#include <linux/types.h>
#include <stddef.h>

#define CGROUP_NAME_LEN 64

enum cgroup_kind {
	CGROUP_PLAIN = 0, /* nothing worth a word: the root, slices, sessions of users */
	CGROUP_UNIT,      /* of systemd: a service or a scope */
	CGROUP_CONTAINER, /* of docker, podman, containerd, CRI-O, LXC, ... */
};

struct cgroup_home {
	enum cgroup_kind kind;
	char name[CGROUP_NAME_LEN]; /* "nginx.service"; 12 digits of the id; any bytes, cut */
};

/*
 * From a path beneath the mount, such as "/system.slice/nginx.service". The innermost container
 * counts, or else the innermost unit.
 */
void cgroup_parse(struct cgroup_home *home, const char *path);

/* Where the file system of version 2 is mounted; "" if it is not. */
void cgroup_find_root(char *root, size_t size);

/* Learns what is there now, so that it is known also when it is gone. */
void cgroup_learn_all(void);

/*
 * Looks the id up in the mounted hierarchy and remembers what is there, also when it is gone: ids
 * are not used again. So ask as early as possible. NULL if it is plain, unknown or 0.
 */
const struct cgroup_home *cgroup_find(__u64 id);

/* Frees what is known: at the end. */
void cgroup_forget_all(void);

/*
 * A recording is read: forgets all that is known, and looks no more at this host. What is known
 * then is what is told by cgroup_tell().
 */
void cgroup_begin_recording(void);
void cgroup_tell(__u64 id, const struct cgroup_home *home);

#endif
