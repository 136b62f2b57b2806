// SPDX-License-Identifier: GPL-2.0-only
#include "loopback.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define ADDRESSES 251

void make_namespace(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd;

	if (unshare(CLONE_NEWNET))
		err(1, "cannot make a network namespace");
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo))
		err(1, "cannot bring lo up");
	close(fd);
}

int listen_at(uint16_t port, int backlog)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)) || listen(fd, backlog))
		err(1, "cannot listen");
	return fd;
}

int begin_to_connect(uint16_t port, uint64_t number, int flags)
{
	struct sockaddr_in there = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number % ADDRESSES),
	};
	int fd = socket(AF_INET, SOCK_STREAM | flags, 0);

	if (fd < 0)
		err(1, "socket");
	if (!connect(fd, (struct sockaddr *)&there, sizeof(there)) || errno == EINPROGRESS)
		return fd;
	if (errno != ECONNREFUSED)
		err(1, "connect");
	close(fd);
	return -1;
}

int connect_to(uint16_t port, uint64_t number)
{
	int fd = begin_to_connect(port, number, 0);

	if (fd < 0)
		errx(1, "refused");
	return fd;
}

int accept_one(int listener)
{
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		err(1, "accept");
	return fd;
}

void *shared_memory(const char *path, size_t size)
{
	int fd = path ? open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
	void *memory;

	if (path && (fd < 0 || ftruncate(fd, size)))
		err(1, "%s", path);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | (path ? 0 : MAP_ANONYMOUS),
		      fd, 0);
	if (memory == MAP_FAILED)
		err(1, "memory");
	if (path)
		close(fd);
	return memory;
}

uint64_t number_of(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (!*text || *end)
		errx(2, "not a number: %s", text);
	return n;
}
