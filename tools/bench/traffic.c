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
 * Prints one line of JSON.
 */
#include <err.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "loopback.h"
#include "quiet.h"

#define WARM_UP  500 /* connections that are made first and not measured */
#define REQUEST  64  /* bytes */
#define RESPONSE 256

struct clocks {
	uint64_t wall, own,
		host; /* ns: CLOCK_MONOTONIC, CPU time of this process, of the whole host */
};

static uint64_t clock_of(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* What all CPUs have done, from the first line of /proc/stat; in steps of a tick. */
static uint64_t host_cpu(void)
{
	unsigned long long user, nice, system, idle, iowait, irq, softirq;
	FILE *file = fopen("/proc/stat", "re");

	if (!file || fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system,
			    &idle, &iowait, &irq, &softirq) != 7)
		err(1, "/proc/stat");
	fclose(file);
	return (user + nice + system + irq + softirq) * (1000000000 / sysconf(_SC_CLK_TCK));
}

/* server: its process, or 0 */
static struct clocks read_clocks(pid_t server)
{
	struct clocks clocks = {
		.wall = clock_of(CLOCK_MONOTONIC),
		.own = clock_of(CLOCK_PROCESS_CPUTIME_ID),
		.host = host_cpu(),
	};
	clockid_t of_server;

	if (server && !clock_getcpuclockid(server, &of_server))
		clocks.own += clock_of(of_server);
	return clocks;
}

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

static void print_result(uint64_t n, const struct clocks *before, const struct clocks *after,
			 struct quiet *quiet)
{
	double seconds = (after->wall - before->wall) / 1e9;

	printf("{\"connections\": %" PRIu64 ", \"made\": %" PRIu64 ", \"seconds\": %.6f, "
	       "\"rate\": %.0f, \"own_us\": %.3f, \"host_us\": %.3f, \"quiet_us\": %.4f}\n",
	       n, n + WARM_UP, seconds, n / seconds, (after->own - before->own) / 1e3 / n,
	       (after->host - before->host) / 1e3 / n, quiet_us(quiet));
}

int main(int argc, char **argv)
{
	uint64_t n = 20000, port = 7000;
	struct clocks before, after;
	static struct quiet quiet;
	bool two = false;
	int option, listener;
	pid_t server = 0;

	while ((option = getopt(argc, argv, "2n:p:")) != -1) {
		if (option == '2')
			two = true;
		else if (option == 'n')
			n = number_of(optarg);
		else if (option == 'p')
			port = number_of(optarg);
		else
			errx(2, "usage: traffic [-2] [-n CONNECTIONS] [-p PORT]");
	}
	make_namespace();
	listener = listen_at(port, 128);
	if (two)
		server = fork_server(listener);
	for (uint64_t i = 0; i < WARM_UP; i++)
		connect_once(listener, port, i, two);
	before = read_clocks(server);
	quiet_begin(&quiet);
	for (uint64_t i = 0; i < n; i++) {
		connect_once(listener, port, i, two);
		quiet_count(&quiet);
	}
	after = read_clocks(server);
	print_result(n, &before, &after, &quiet);
	if (server)
		kill(server, SIGKILL);
	return 0;
}
