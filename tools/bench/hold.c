// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opens many connections in a network namespace of its own, says "open", and holds them until stdin
 * ends. Each process can have so many descriptors only, so children share the work.
 */
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loopback.h"

#define SPARE 64 /* descriptors for other things */
#define PORT  7100

/* How many connections, with both ends, a process can have. */
static uint64_t most_of_one(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	return (limit.rlim_cur - SPARE) / 2;
}

static void open_some(uint64_t n, uint16_t port)
{
	int listener = listen_at(port, 128);

	for (uint64_t i = 0; i < n; i++) {
		connect_to(port, i);
		accept_one(listener);
	}
}

struct pipes {
	int ready[2]; /* a byte from each child */
	int end[2];   /* closed by us: the children end */
};

/* A child that opens n connections, says so, and holds them. */
static void start_child(uint64_t n, uint16_t port, const struct pipes *pipes)
{
	pid_t pid = fork();
	char byte;

	if (pid < 0)
		err(1, "fork");
	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(pipes->end[1]);
	open_some(n, port);
	if (write(pipes->ready[1], "x", 1) != 1)
		err(1, "pipe");
	close(pipes->ready[1]);
	_exit(read(pipes->end[0], &byte, 1) == 0 ? 0 : 1);
}

/* Returns how many children it takes. */
static int open_all(uint64_t left, const struct pipes *pipes)
{
	uint64_t most = most_of_one();
	int children = 0;

	for (; left; children++) {
		uint64_t n = left < most ? left : most;

		start_child(n, PORT + children, pipes);
		left -= n;
	}
	return children;
}

int main(int argc, char **argv)
{
	int children, ready = 0;
	struct pipes pipes;
	char byte;

	if (argc != 2)
		errx(2, "usage: hold CONNECTIONS");
	make_namespace();
	if (pipe2(pipes.ready, O_CLOEXEC) || pipe2(pipes.end, O_CLOEXEC))
		err(1, "pipe");
	children = open_all(number_of(argv[1]), &pipes);
	close(pipes.ready[1]);
	while (read(pipes.ready[0], &byte, 1) == 1)
		ready++;
	if (ready != children)
		errx(1, "not all connections could be opened");
	puts("open");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	close(pipes.end[1]);
	while (wait(NULL) > 0)
		;
	return 0;
}
