// SPDX-License-Identifier: GPL-2.0-only
#include "output.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#define PATIENCE_MS 1000

static struct output {
	int fd;
	const int *signals;
	const bool *ended;
	int error; /* nothing is written after it */
} output;

/* false: it is to end, and nobody reads. */
static bool wait_for_room(const struct output *o)
{
	struct pollfd fds[] = { { .fd = o->fd, .events = POLLOUT },
				{ .fd = *o->signals, .events = POLLIN } };

	if (!*o->ended)
		poll(fds, 2, -1);
	if (!fds[0].revents)
		poll(fds, 1, PATIENCE_MS);
	return fds[0].revents;
}

/* 0 or errno. A pipe that has room has it for so many bytes: pipe(7). */
static int write_some(struct output *o, const char *bytes, size_t size, size_t *written)
{
	ssize_t n;

	if (!wait_for_room(o))
		return EINTR;
	n = write(o->fd, bytes, size < PIPE_BUF ? size : PIPE_BUF);
	if (n < 0)
		return errno;
	*written += n;
	return 0;
}

static ssize_t write_all(void *cookie, const char *bytes, size_t size)
{
	struct output *o = cookie;
	size_t written = 0;

	while (written < size && !o->error)
		o->error = write_some(o, bytes + written, size - written, &written);
	errno = o->error;
	return written;
}

FILE *output_open(int fd, const int *signals, const bool *ended)
{
	const cookie_io_functions_t functions = { .write = write_all };

	output = (struct output){ .fd = fd, .signals = signals, .ended = ended };
	return fopencookie(&output, "w", functions);
}

int output_error(void)
{
	return output.error;
}
