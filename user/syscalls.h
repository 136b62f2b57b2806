/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The filter of our own system calls (seccomp). What is not listed, or has other
 * arguments, fails with ENOSYS and is not done; the kernel logs it (audit, type 1326).
 *
 * Not EPERM, and not SIGSYS: a C library that meets ENOSYS falls back to an older call, which
 * is why newer ones do no harm; a process that is killed over one that nobody foresaw takes the
 * whole watch with it. To whoever has taken over the process it makes no difference.
 */
#ifndef TCPWHY_SYSCALLS_H
#define TCPWHY_SYSCALLS_H

#include <stdint.h>
#include <sys/types.h>

/*
 * From now on, for all threads. `later`: bits of enum later. Sets no_new_privs too. `command`: to
 * which signals may be sent, 0 = none. 0 or -errno: there is none.
 */
int syscalls_restrict(uint32_t later, pid_t command);

#endif
