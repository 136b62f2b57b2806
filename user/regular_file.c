// SPDX-License-Identifier: GPL-2.0-only
#include "regular_file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIZE_MOST ((off_t)1 << 30)

/* fd: opened with O_PATH; is closed. */
static int reopen(int fd)
{
	char path[64];
	struct stat st;
	int reopened = -1;

	if (fd < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size <= SIZE_MOST)
		reopened = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	close(fd);
	return reopened;
}

int regular_file(const char *path)
{
	return reopen(open(path, O_PATH | O_CLOEXEC));
}

int regular_file_beneath(int root, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };

	return root < 0 ? -1 : reopen(syscall(SYS_openat2, root, path, &how, sizeof(how)));
}
