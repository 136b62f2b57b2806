// SPDX-License-Identifier: GPL-2.0-only
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWN_NETNS "/proc/self/ns/net"

__u32 netns_own(void)
{
	struct stat st;

	return stat(OWN_NETNS, &st) ? 0 : st.st_ino;
}

static int visit_and_return(int there, int home, int (*visit)(void *ctx), void *ctx)
{
	int err;

	if (setns(there, CLONE_NEWNET))
		return -errno;
	err = visit(ctx);
	if (setns(home, CLONE_NEWNET))
		abort(); /* whatever we did from now on, we would do to strangers */
	return err;
}

int netns_visit(__u32 pid, int (*visit)(void *ctx), void *ctx)
{
	int home = open(OWN_NETNS, O_RDONLY | O_CLOEXEC), there, err;
	char path[64];

	if (home < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/%u/ns/net", pid);
	there = open(path, O_RDONLY | O_CLOEXEC);
	err = there < 0 ? -errno : visit_and_return(there, home, visit, ctx);
	if (there >= 0)
		close(there);
	close(home);
	return err;
}
