// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes healthy connections, one after the other: connect, request, response, close by the client,
 * close by the server.
 *
 * Both ends are one thread, so that nothing waits for a wake-up or another CPU: on loopback the
 * kernel delivers within the system call that sends. So a connection takes CPU time only, and what
 * watches it shows as much as it can. With -2 the server is a process of its own, as in real life.
 *
 * All takes place in a network namespace that is made here and goes with the process, and with it
 * what is in TIME_WAIT. Each connection goes to another of many addresses (127.0.0.0/8), so ports
 * do not run out.
 *
 * Prints one line of JSON; or, with -c, makes connections until it is killed, and their number so
 * far stands in the first eight bytes of a file.
 */
#include <err.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "loopback.h"

#define REQUEST  64 /* bytes */
#define RESPONSE 256

static void send_all(int fd, size_t len)
{
	static const char bytes[RESPONSE];

	if (write(fd, bytes, len) != (ssize_t)len)
		err(1, "write");
}

static void receive_all(int fd, size_t len)
{
	char bytes[RESPONSE];
	ssize_t n;

	for (; len; len -= n) {
		n = read(fd, bytes, len);
		if (n <= 0)
			err(1, "read");
	}
}

static void close_last(int fd)
{
	char byte;

	if (read(fd, &byte, 1))
		err(1, "no end of the connection");
	close(fd);
}

static void run_server(int listener)
{
	for (;;) {
		int fd = accept_one(listener);

		receive_all(fd, REQUEST);
		send_all(fd, RESPONSE);
		close_last(fd);
	}
}

static pid_t fork_server(int listener)
{
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	run_server(listener);
	return 0;
}

/* server: does another process play the server? */
static void connect_once(int listener, uint16_t port, uint64_t number, bool server)
{
	int near = connect_to(port, number), far = server ? -1 : accept_one(listener);

	send_all(near, REQUEST);
	if (!server) {
		receive_all(far, REQUEST);
		send_all(far, RESPONSE);
	}
	receive_all(near, RESPONSE);
	close(near);
	if (!server)
		close_last(far);
}

int main(int argc, char **argv)
{
	uint64_t n = 20000, port = 7000, *made;
	const char *path = NULL;
	bool two = false;
	int option, listener;
	pid_t server = 0;

	while ((option = getopt(argc, argv, "2c:n:p:")) != -1) {
		if (option == '2')
			two = true;
		else if (option == 'c')
			path = optarg;
		else if (option == 'n')
			n = number_of(optarg);
		else if (option == 'p')
			port = number_of(optarg);
		else
			errx(2, "usage: traffic [-2] [-n CONNECTIONS|-c FILE] [-p PORT]");
	}
	made = shared_memory(path, sizeof(*made));
	make_namespace();
	listener = listen_at(port, 128);
	if (two)
		server = fork_server(listener);
	while (path || *made < n) {
		connect_once(listener, port, *made, two);
		++*made;
	}
	printf("{\"made\": %" PRIu64 "}\n", *made);
	if (server)
		kill(server, SIGKILL);
	return 0;
}
