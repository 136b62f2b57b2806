/* SPDX-License-Identifier: GPL-2.0-only */
/* A socket of which all is known, to find out whether a file's types fit this kernel: bpf/fits.h */
#ifndef TCPWHY_USER_FITS_H
#define TCPWHY_USER_FITS_H

#include <stdint.h>

struct fits_socket {
	int fd;
	uint16_t port; /* of 127.0.0.1, chosen by the kernel */
};

/* Makes it, as bpf/fits_socket.h says. 0 or -errno. */
int fits_socket_open(struct fits_socket *s);
void fits_socket_close(struct fits_socket *s);

#endif
