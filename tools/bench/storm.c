// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lets connections die as fast as it can, for a time, a number, or until it is killed (-c: then
 * their number so far stands in the first eight bytes of a file), on one process for each CPU:
 *
 *   refused   connects to a port where nothing listens
 *   unread    the server closes with unread data, so the client is reset
 *   overflow  connects to a listener that never accepts, and whose queue is full
 *
 * All takes place in a network namespace that is made here, or, with -H, in the present one. When
 * every socket is closed it prints one line of JSON: how many, how fast, and what the kernel's own
 * counters of the namespace say.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "loopback.h"

#define PORT    7000
#define BACKLOG 1
#define UNREAD  45 /* bytes */

struct storm {
	const char *name;
	bool listens; /* each process at a port of its own, from PORT */
	void (*once)(int listener, uint16_t port, uint64_t number);
};

/* Shared by the processes, and with -c by whoever reads the file. */
struct progress {
	_Atomic uint64_t made;
	_Atomic bool over;
};

static void refuse_one(int listener, uint16_t port, uint64_t number)
{
	int fd = begin_to_connect(port, number, 0);

	(void)listener;
	if (fd >= 0)
		errx(1, "something listens at port %u", port);
}

static void leave_one_unread(int listener, uint16_t port, uint64_t number)
{
	static const char bytes[UNREAD];
	int near = connect_to(port, number), far = accept_one(listener);

	if (write(near, bytes, sizeof(bytes)) != sizeof(bytes))
		err(1, "write");
	close(far);
	close(near);
}

static void overflow_one(int listener, uint16_t port, uint64_t number)
{
	int fd = begin_to_connect(port, number, SOCK_NONBLOCK);

	(void)listener;
	close(fd);
}

static const struct storm storms[] = {
	{ "refused", false, refuse_one },
	{ "unread", true, leave_one_unread },
	{ "overflow", true, overflow_one },
};

static const struct storm *storm_named(const char *name)
{
	for (size_t i = 0; i < sizeof(storms) / sizeof(storms[0]); i++)
		if (!strcmp(storms[i].name, name))
			return &storms[i];
	errx(2, "no storm '%s': there are refused, unread, overflow", name);
}

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Fills the queue first: those connections end with the listener. */
static void run_one(const struct storm *storm, int job, struct progress *progress, uint64_t most)
{
	int listener = storm->listens ? listen_at(PORT + job, BACKLOG) : -1;

	for (uint64_t i = 0; !progress->over && (!most || i < most); i++) {
		storm->once(listener, PORT + job, i);
		progress->made++;
	}
	close(listener);
}

static void fork_all(const struct storm *storm, int jobs, struct progress *progress, uint64_t most)
{
	for (int i = 0; i < jobs; i++) {
		pid_t pid = fork();

		if (pid < 0)
			err(1, "fork");
		if (pid)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run_one(storm, i, progress, most);
		_exit(0);
	}
}

static void wait_for_all(void)
{
	int status;

	while (wait(&status) > 0)
		if (!WIFEXITED(status) || WEXITSTATUS(status))
			errx(1, "a process of the storm failed");
}

/* The counters of one of the files, which has pairs of lines: names, values. */
static void print_counters(const char *path, const char *heading)
{
	char names[8192], values[8192], *next_name, *next_value, *name, *value;
	FILE *file = fopen(path, "re");

	if (!file)
		err(1, "%s", path);
	while (fgets(names, sizeof(names), file) && fgets(values, sizeof(values), file)) {
		if (strncmp(names, heading, strlen(heading)))
			continue;
		strtok_r(names, " \n", &next_name); /* the heading */
		strtok_r(values, " \n", &next_value);
		while ((name = strtok_r(NULL, " \n", &next_name)) &&
		       (value = strtok_r(NULL, " \n", &next_value)))
			printf(", \"%s\": %s", name, value);
	}
	fclose(file);
}

int main(int argc, char **argv)
{
	int option, jobs = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t seconds = 0, most = 0;
	struct progress *progress;
	const struct storm *storm;
	double started, took;
	const char *path = NULL;
	bool here = false;

	while ((option = getopt(argc, argv, "c:Hj:n:t:")) != -1) {
		if (option == 'c')
			path = optarg;
		else if (option == 'H')
			here = true;
		else if (option == 'j')
			jobs = number_of(optarg);
		else if (option == 'n')
			most = number_of(optarg);
		else if (option == 't')
			seconds = number_of(optarg);
		else
			optind = argc + 1;
	}
	if (optind + 1 != argc || !!most + !!seconds + !!path != 1)
		errx(2, "usage: storm [-H] [-j PROCESSES] -n NUMBER|-t SECONDS|-c FILE "
			"refused|unread|overflow");
	storm = storm_named(argv[optind]);
	if (!here)
		make_namespace();
	progress = shared_memory(path, sizeof(*progress));
	started = seconds_now();
	fork_all(storm, jobs, progress, most / jobs);
	if (seconds) {
		sleep(seconds);
		progress->over = true;
	}
	wait_for_all();
	took = seconds_now() - started;
	printf("{\"made\": %" PRIu64 ", \"seconds\": %.6f, \"rate\": %.0f", progress->made, took,
	       progress->made / took);
	print_counters("/proc/net/snmp", "Tcp:");
	print_counters("/proc/net/netstat", "TcpExt:");
	puts("}");
	return 0;
}
