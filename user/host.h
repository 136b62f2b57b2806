/* SPDX-License-Identifier: GPL-2.0-only */
/* Whose connections are told of: this host's, or those of the one where a recording was made. */
#ifndef TCPWHY_HOST_H
#define TCPWHY_HOST_H

#include <sys/utsname.h>

const struct utsname *host_watched(void);

/* It is another one from now on. */
void host_set_watched(const struct utsname *host);

#endif
