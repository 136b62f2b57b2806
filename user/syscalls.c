// SPDX-License-Identifier: GPL-2.0-only
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "array.h"
#include "privileges.h"
#include "seccomp_filter.h"

#define WHOLE UINT32_MAX /* of an int: the kernel takes no more of it either */

/* Allowed whatever their arguments. */
static const int any_arguments[] = {
	/* what is open */
	SYS_read,
	SYS_readv,
	SYS_pread64,
	SYS_write,
	SYS_writev,
	SYS_pwrite64,
	SYS_lseek,
	SYS_fsync,
	SYS_fdatasync,
	SYS_close,
	SYS_epoll_ctl,
	SYS_epoll_pwait,
	SYS_ppoll,
	SYS_pselect6,
	SYS_sendto, /* to the command's gate */
	SYS_recvfrom,
	/* /proc, cgroups, time zones */
	SYS_fstat,
	SYS_newfstatat,
	SYS_statx,
	SYS_fstatfs,
	SYS_readlinkat,
	SYS_getdents64,
	/* memory, threads, signals */
	SYS_brk,
	SYS_munmap,
	SYS_mremap,
	SYS_madvise,
	SYS_futex,
	SYS_set_robust_list,
	SYS_rseq,
	SYS_sched_yield,
	SYS_sched_getaffinity,
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_restart_syscall,
	SYS_exit,
	SYS_exit_group,
	/* times, names, numbers */
	SYS_clock_gettime,
	SYS_clock_getres,
	SYS_gettimeofday,
	SYS_nanosleep,
	SYS_clock_nanosleep,
	SYS_getpid,
	SYS_gettid,
	SYS_getuid,
	SYS_geteuid,
	SYS_getgid,
	SYS_getegid,
	SYS_uname,
	SYS_getrandom,
};

/* What the C library takes where the architecture has it. */
static const int older_calls[] = {
#ifdef SYS_open
	SYS_epoll_wait,
	SYS_poll,
	SYS_select,
	SYS_readlink,
#endif
};

static const int to_serve[] = {
	SYS_accept4,    SYS_sendmsg,    SYS_sendfile,    SYS_shutdown,
	SYS_setsockopt, SYS_getsockopt, SYS_getsockname, SYS_getpeername,
};

/* A file that follows a full one is made, locked and looked at; what a full disk took is cut off.
 */
static const int to_record[] = {
	SYS_openat, SYS_renameat,   SYS_renameat2, SYS_unlinkat, SYS_flock, SYS_ftruncate,
	SYS_fstat,  SYS_newfstatat, SYS_read,      SYS_write,    SYS_close,
#ifdef SYS_open
	SYS_rename, SYS_unlink,
#endif
};

static const int to_draw[] = {
	SYS_getpgid,                   /* is it in the foreground? */
	SYS_faccessat, SYS_faccessat2, /* terminfo */
#ifdef SYS_open
	SYS_getpgrp,   SYS_access,
#endif
};

static const int to_read_files[] = {
	SYS_openat2, /* its flags are in memory, which no filter sees */
};

/* Allowed if this argument has this value in the bits of the mask. Of several rows one must hold.
 */
struct argument {
	int call;
	unsigned int position;
	uint32_t mask, value;
};

static const struct argument some_arguments[] = {
	{ SYS_openat, 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY },
	{ SYS_mmap, 2, PROT_EXEC, 0 },
	{ SYS_mprotect, 2, PROT_EXEC, 0 },
	{ SYS_prctl, 0, WHOLE, PR_SET_NAME },
	{ SYS_bpf, 0, WHOLE, BPF_MAP_LOOKUP_ELEM },
	{ SYS_bpf, 0, WHOLE, BPF_MAP_UPDATE_ELEM },
	{ SYS_bpf, 0, WHOLE, BPF_MAP_DELETE_ELEM },
	{ SYS_bpf, 0, WHOLE, BPF_MAP_GET_NEXT_KEY },
	{ SYS_bpf, 0, WHOLE, BPF_OBJ_GET_INFO_BY_FD },
	{ SYS_bpf, 0, WHOLE, BPF_PROG_TEST_RUN },
	{ SYS_bpf, 0, WHOLE, BPF_ITER_CREATE },
	{ SYS_fcntl, 1, WHOLE, F_GETFD },
	{ SYS_fcntl, 1, WHOLE, F_SETFD },
	{ SYS_fcntl, 1, WHOLE, F_GETFL },
	{ SYS_fcntl, 1, WHOLE, F_SETFL },
	{ SYS_ioctl, 1, WHOLE, TCGETS },
	{ SYS_ioctl, 1, WHOLE, TIOCGWINSZ },
	{ SYS_ioctl, 1, WHOLE, PERF_EVENT_IOC_DISABLE }, /* libbpf: kprobes, at the end */
};

static const struct argument arguments_to_draw[] = {
	{ SYS_ioctl, 1, WHOLE, TCSETS },    { SYS_ioctl, 1, WHOLE, TCSETSW },
	{ SYS_ioctl, 1, WHOLE, TCSETSF },   { SYS_ioctl, 1, WHOLE, TCFLSH },
	{ SYS_ioctl, 1, WHOLE, TIOCGPGRP }, { SYS_ioctl, 1, WHOLE, FIONREAD },
};

static void allow_calls(struct seccomp_filter *filter, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++)
		seccomp_filter_allow(filter, calls[i]);
}

static void allow_arguments(struct seccomp_filter *filter, const struct argument *arguments,
			    size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct argument *a = &arguments[i];

		seccomp_filter_allow_if(filter, a->call, a->position, a->mask, a->value);
	}
}

/* To ourselves, to end or to stop; and to the command. */
static void allow_signals(struct seccomp_filter *filter, pid_t command)
{
	const struct argument to[] = {
		{ SYS_tgkill, 0, WHOLE, getpid() },
		{ SYS_kill, 0, WHOLE, getpid() },
		{ SYS_kill, 0, WHOLE, command },
		{ SYS_wait4, 0, WHOLE, command },
	};

	allow_arguments(filter, to, command ? ARRAY_SIZE(to) : 2);
}

int syscalls_restrict(uint32_t later, pid_t command)
{
	struct seccomp_filter filter;

	seccomp_filter_begin(&filter);
	allow_calls(&filter, any_arguments, ARRAY_SIZE(any_arguments));
	allow_calls(&filter, older_calls, ARRAY_SIZE(older_calls));
	allow_arguments(&filter, some_arguments, ARRAY_SIZE(some_arguments));
	allow_signals(&filter, later & LATER_COMMAND ? command : 0);
	if (later & LATER_SERVE)
		allow_calls(&filter, to_serve, ARRAY_SIZE(to_serve));
	if (later & LATER_STACKS)
		allow_calls(&filter, to_read_files, ARRAY_SIZE(to_read_files));
	if (later & LATER_RECORD)
		allow_calls(&filter, to_record, ARRAY_SIZE(to_record));
	if (later & LATER_DRAW) {
		allow_calls(&filter, to_draw, ARRAY_SIZE(to_draw));
		allow_arguments(&filter, arguments_to_draw, ARRAY_SIZE(arguments_to_draw));
	}
	return seccomp_filter_load(&filter, ENOSYS);
}
