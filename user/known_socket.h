/* SPDX-License-Identifier: GPL-2.0-only */
/* A socket of which all is known, to find out whether a file's types fit this kernel: bpf/fits.h */
#ifndef TCPWHY_KNOWN_SOCKET_H
#define TCPWHY_KNOWN_SOCKET_H

#include <stdint.h>

struct known_socket {
	int fd;
	uint16_t port; /* of 127.0.0.1, chosen by the kernel */
};

/* Makes it, as bpf/fits_socket.h says. 0 or -errno. */
int known_socket_open(struct known_socket *s);
void known_socket_close(struct known_socket *s);

#endif
