/* SPDX-License-Identifier: GPL-2.0-only */
/* Who holds a descriptor of a socket? Found in /proc, in one pass for many sockets. */
#ifndef TCPWHY_OWNER_H
#define TCPWHY_OWNER_H

#include <stddef.h>

#include "evidence.h"

/*
 * Names the owner of each of n sockets, given by inode, that some process holds now. owners[i] is
 * filled (source OWNER_FD) or left alone. An inode of 0 is nobody's.
 */
void owner_find(const __u64 *inodes, struct owner *owners, size_t n);

/*
 * Reading /proc/PID/fd holds each file for a moment. A process that closes its socket just then
 * leaves the last hold to us, and the kernel ends the connection in our name. Names the process
 * that owner_find() was looking at when (CLOCK_MONOTONIC, ns); leaves *owner alone if none.
 */
void owner_looked_at(__u64 when, struct owner *owner);

#endif
