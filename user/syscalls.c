// SPDX-License-Identifier: GPL-2.0-only
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <termios.h>
#include <unistd.h>

#include "array.h"
#include "privileges.h"

#define WHOLE UINT32_MAX /* of an int: the kernel takes no more of it either */

/* Allowed whatever their arguments. Some are what the C library takes on one architecture only. */
static const int any_arguments[] = {
	/* what is open */
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(pread64),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(pwrite64),
	SCMP_SYS(lseek),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(close),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(sendto), /* to the command's gate */
	SCMP_SYS(recvfrom),
	/* /proc, cgroups, time zones */
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	SCMP_SYS(fstatfs),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64),
	/* memory, threads, signals */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	/* times, names, numbers */
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(uname),
	SCMP_SYS(getrandom),
};

static const int to_serve[] = {
	SCMP_SYS(accept4),    SCMP_SYS(sendmsg),    SCMP_SYS(sendfile),    SCMP_SYS(shutdown),
	SCMP_SYS(setsockopt), SCMP_SYS(getsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
};

/* A file that follows a full one is made, locked and looked at; what a full disk took is cut off.
 */
static const int to_record[] = {
	SCMP_SYS(openat), SCMP_SYS(rename),     SCMP_SYS(renameat), SCMP_SYS(renameat2),
	SCMP_SYS(unlink), SCMP_SYS(unlinkat),   SCMP_SYS(flock),    SCMP_SYS(ftruncate),
	SCMP_SYS(fstat),  SCMP_SYS(newfstatat), SCMP_SYS(read),     SCMP_SYS(write),
	SCMP_SYS(close),
};

static const int to_draw[] = {
	SCMP_SYS(getpgrp), SCMP_SYS(getpgid),                         /* is it in the foreground? */
	SCMP_SYS(access),  SCMP_SYS(faccessat), SCMP_SYS(faccessat2), /* terminfo */
};

static const int to_read_files[] = {
	SCMP_SYS(openat2), /* its flags are in memory, which no filter sees */
};

/* Allowed if this argument has this value in the bits of the mask. Of several rows one must hold.
 */
struct argument {
	int call;
	unsigned int position;
	scmp_datum_t mask, value;
};

static const struct argument some_arguments[] = {
	{ SCMP_SYS(openat), 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY },
	{ SCMP_SYS(mmap), 2, PROT_EXEC, 0 },
	{ SCMP_SYS(mprotect), 2, PROT_EXEC, 0 },
	{ SCMP_SYS(prctl), 0, WHOLE, PR_SET_NAME },
	{ SCMP_SYS(bpf), 0, WHOLE, BPF_MAP_LOOKUP_ELEM },
	{ SCMP_SYS(bpf), 0, WHOLE, BPF_MAP_UPDATE_ELEM },
	{ SCMP_SYS(bpf), 0, WHOLE, BPF_MAP_DELETE_ELEM },
	{ SCMP_SYS(bpf), 0, WHOLE, BPF_MAP_GET_NEXT_KEY },
	{ SCMP_SYS(bpf), 0, WHOLE, BPF_OBJ_GET_INFO_BY_FD },
	{ SCMP_SYS(bpf), 0, WHOLE, BPF_PROG_TEST_RUN },
	{ SCMP_SYS(bpf), 0, WHOLE, BPF_ITER_CREATE },
	{ SCMP_SYS(fcntl), 1, WHOLE, F_GETFD },
	{ SCMP_SYS(fcntl), 1, WHOLE, F_SETFD },
	{ SCMP_SYS(fcntl), 1, WHOLE, F_GETFL },
	{ SCMP_SYS(fcntl), 1, WHOLE, F_SETFL },
	{ SCMP_SYS(ioctl), 1, WHOLE, TCGETS },
	{ SCMP_SYS(ioctl), 1, WHOLE, TIOCGWINSZ },
	{ SCMP_SYS(ioctl), 1, WHOLE, PERF_EVENT_IOC_DISABLE }, /* libbpf: kprobes, at the end */
};

static const struct argument arguments_to_draw[] = {
	{ SCMP_SYS(ioctl), 1, WHOLE, TCSETS },    { SCMP_SYS(ioctl), 1, WHOLE, TCSETSW },
	{ SCMP_SYS(ioctl), 1, WHOLE, TCSETSF },   { SCMP_SYS(ioctl), 1, WHOLE, TCFLSH },
	{ SCMP_SYS(ioctl), 1, WHOLE, TIOCGPGRP }, { SCMP_SYS(ioctl), 1, WHOLE, FIONREAD },
};

/* 0 or -errno, as all that follows. */
static int allow_calls(scmp_filter_ctx filter, const int *calls, size_t n)
{
	int err = 0;

	for (size_t i = 0; !err && i < n; i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return err;
}

static int allow_arguments(scmp_filter_ctx filter, const struct argument *arguments, size_t n)
{
	int err = 0;

	for (size_t i = 0; !err && i < n; i++) {
		const struct argument *a = &arguments[i];
		struct scmp_arg_cmp argument =
			SCMP_CMP64(a->position, SCMP_CMP_MASKED_EQ, a->mask, a->value);

		err = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, a->call, 1, &argument);
	}
	return err;
}

/* To ourselves, to end or to stop; and to the command. */
static int allow_signals(scmp_filter_ctx filter, pid_t command)
{
	const struct argument to[] = {
		{ SCMP_SYS(tgkill), 0, WHOLE, getpid() },
		{ SCMP_SYS(kill), 0, WHOLE, getpid() },
		{ SCMP_SYS(kill), 0, WHOLE, command },
		{ SCMP_SYS(wait4), 0, WHOLE, command },
	};

	return allow_arguments(filter, to, command ? ARRAY_SIZE(to) : 2);
}

static int allow_all(scmp_filter_ctx filter, uint32_t later, pid_t command)
{
	int err = allow_calls(filter, any_arguments, ARRAY_SIZE(any_arguments));

	if (!err)
		err = allow_arguments(filter, some_arguments, ARRAY_SIZE(some_arguments));
	if (!err)
		err = allow_signals(filter, later & LATER_COMMAND ? command : 0);
	if (!err && later & LATER_SERVE)
		err = allow_calls(filter, to_serve, ARRAY_SIZE(to_serve));
	if (!err && later & LATER_STACKS)
		err = allow_calls(filter, to_read_files, ARRAY_SIZE(to_read_files));
	if (!err && later & LATER_RECORD)
		err = allow_calls(filter, to_record, ARRAY_SIZE(to_record));
	if (!err && later & LATER_DRAW)
		err = allow_calls(filter, to_draw, ARRAY_SIZE(to_draw));
	if (!err && later & LATER_DRAW)
		err = allow_arguments(filter, arguments_to_draw, ARRAY_SIZE(arguments_to_draw));
	return err;
}

/* Logging came with Linux 4.14; where it is not, it is not needed. */
static int load(scmp_filter_ctx filter)
{
	int err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

	seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
	return err ? err : seccomp_load(filter);
}

int syscalls_restrict(uint32_t later, pid_t command)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int err;

	if (!filter)
		return -ENOMEM;
	err = allow_all(filter, later, command);
	if (!err)
		err = load(filter);
	seccomp_release(filter);
	return err;
}
