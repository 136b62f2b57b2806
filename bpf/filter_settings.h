/* SPDX-License-Identifier: GPL-2.0-only */
/* What user space tells the filter (filter.h) beside single numbers: shared by both sides. */
#ifndef TCPWHY_FILTER_SETTINGS_H
#define TCPWHY_FILTER_SETTINGS_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define PORTS 65536

/* By which option a port is wanted. */
enum port_flag {
	PORT_EITHER = 1 << 0, /* -P: at either end */
	PORT_LOCAL = 1 << 1,  /* -L: at the end that is on this host */
	PORT_REMOTE = 1 << 2, /* -D: at the other end */
};

/* As many as this are compared one by one; more are looked up in a table of all. */
#define FEW_PORTS 4

struct port_rule {
	__u16 port;  /* 0 = none */
	__u16 flags; /* enum port_flag */
};

#define FAMILY_BITS 32

/* --peer: the key of a longest-prefix map. Addresses as they are shown: mapped ones are IPv4. */
struct network {
	__u32 bits;       /* FAMILY_BITS and the length of the prefix */
	__u32 family;     /* AF_INET or AF_INET6 */
	__u8 address[16]; /* an IPv4 address in the first 4 bytes */
};

_Static_assert(sizeof(struct network) == 24, "network is the key of a map");

#endif
