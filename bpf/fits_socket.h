/* SPDX-License-Identifier: GPL-2.0-only */
/* The socket by which user space finds out whether types fit: what is set on it. See fits.h. */
#ifndef TCPWHY_FITS_SOCKET_H
#define TCPWHY_FITS_SOCKET_H

#define FITS_BACKLOG          3
#define FITS_USER_TIMEOUT_MS  71999
#define FITS_KEEPALIVE_PROBES 119

#endif
