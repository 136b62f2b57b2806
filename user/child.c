// SPDX-License-Identifier: GPL-2.0-only
#include "child.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child. The gate closes by itself if exec succeeds; else it tells why not. */
static void __attribute__((noreturn)) become(int gate, char *const *argv)
{
	char go;

	if (read(gate, &go, 1) == 1) {
		execvp(argv[0], argv);
		send(gate, &errno, sizeof(errno), MSG_NOSIGNAL);
	}
	_exit(EXIT_FAILED);
}

int child_start(struct child *child, char *const *argv, struct failure *why)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return failed(why, EXIT_FAILED, "cannot start '%s': %s", argv[0], strerror(errno));
	child->gate = ends[0];
	child->pid = fork();
	if (!child->pid) {
		close(ends[0]);
		become(ends[1], argv);
	}
	close(ends[1]);
	if (child->pid > 0)
		return 0;
	close(ends[0]);
	child->pid = 0;
	return failed(why, EXIT_FAILED, "cannot start '%s': %s", argv[0], strerror(errno));
}

int child_go(struct child *child, const char *name, struct failure *why)
{
	int err = 0;

	send(child->gate, "", 1, MSG_NOSIGNAL);
	if (read(child->gate, &err, sizeof(err)) != sizeof(err))
		return 0;
	return failed(why, err == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE,
		      "cannot execute '%s': %s", name, strerror(err));
}

int child_end(struct child *child)
{
	int status = 0;

	close(child->gate);
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	child->pid = 0;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
