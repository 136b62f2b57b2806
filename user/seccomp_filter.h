/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A filter of system calls that allows what is listed: the classic BPF program of seccomp(2), row
 * after row. libseccomp makes the same, and brings the names and numbers of the calls of all
 * architectures: a twentieth of the binary.
 */
#ifndef TCPWHY_SECCOMP_FILTER_H
#define TCPWHY_SECCOMP_FILTER_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#define SECCOMP_FILTER_MAX 1024 /* instructions */

struct seccomp_filter {
	struct sock_filter code[SECCOMP_FILTER_MAX];
	size_t size; /* instructions; more than SECCOMP_FILTER_MAX: it was too small */
};

/* Of this machine's calls; those of another architecture kill the thread. */
void seccomp_filter_begin(struct seccomp_filter *f);

/* `call`: __NR_read, say; whatever its arguments. */
void seccomp_filter_allow(struct seccomp_filter *f, int call);

/* Only if (argument & mask) == value: of its lower 32 bits. `argument`: 0 to 5. */
void seccomp_filter_allow_if(struct seccomp_filter *f, int call, unsigned int argument,
			     uint32_t mask, uint32_t value);

/*
 * All other calls fail with `error`, for all threads and from now on; the kernel logs them where it
 * can. Sets no_new_privs. 0 or -errno; -ESRCH: a thread has another filter.
 */
int seccomp_filter_load(struct seccomp_filter *f, int error);

#endif
