// SPDX-License-Identifier: GPL-2.0-only
#include "known_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fits_socket.h"

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

int known_socket_open(struct known_socket *s)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(at);

	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* IP_FREEBIND: a new network namespace has no address at all */
	if (s->fd < 0 || set(s->fd, IPPROTO_IP, IP_FREEBIND, 1) ||
	    set(s->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, FITS_USER_TIMEOUT_MS) ||
	    set(s->fd, IPPROTO_TCP, TCP_KEEPCNT, FITS_KEEPALIVE_PROBES) ||
	    bind(s->fd, (struct sockaddr *)&at, sizeof(at)) || listen(s->fd, FITS_BACKLOG) ||
	    getsockname(s->fd, (struct sockaddr *)&at, &len))
		return -errno;
	s->port = ntohs(at.sin_port);
	return 0;
}

void known_socket_close(struct known_socket *s)
{
	if (s->fd >= 0)
		close(s->fd);
}
