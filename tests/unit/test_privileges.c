// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is left after privileges_drop() and privileges_filter(): tried in a child, call by call, for
 * all sets of enum later. What is tried does no harm where it is not refused: there is nothing to
 * execute, no such process.
 */
#include "expect.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "privileges.h"

#define NEVER  0
#define ALWAYS UINT32_MAX
#define ALL    (LATER_PROC | LATER_COMMAND | LATER_SERVE | LATER_DRAW | LATER_STACKS | LATER_RECORD)
#define NOBODY (1 << 23) /* more than any PID */

static pid_t command; /* a process that a signal can be sent to */
static char *page;    /* that is mapped */

static void *nothing(void *arg)
{
	return arg;
}

/* A process that comes to be by it ends at once. */
static long try_fork(void)
{
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (!pid)
		_exit(0);
	return pid;
}

static long try_thread(void)
{
	pthread_t thread;
	int err = pthread_create(&thread, NULL, nothing, NULL);

	if (!err)
		pthread_join(thread, NULL);
	errno = err;
	return err ? -1 : 0;
}

static long try_to_run(void)
{
	static char *const nothings[] = { NULL };

	return execve("/nonexistent/nothing", nothings, nothings);
}

static long try_bpf(int command_of_bpf)
{
	return syscall(SYS_bpf, command_of_bpf, NULL, 0);
}

struct attempt {
	const char *name;
	long (*try)(void);
	uint32_t allowed; /* with one of these bits of enum later; or NEVER, ALWAYS */
};

#define ATTEMPT(name, call)                                                                        \
	static long name(void)                                                                     \
	{                                                                                          \
		return call;                                                                       \
	}

ATTEMPT(execveat_nothing, syscall(SYS_execveat, -1, "", NULL, NULL, 0))
ATTEMPT(trace, ptrace(PTRACE_ATTACH, NOBODY, NULL, NULL))
ATTEMPT(read_memory, syscall(SYS_process_vm_readv, NOBODY, NULL, 0, NULL, 0, 0))
ATTEMPT(write_memory, syscall(SYS_process_vm_writev, NOBODY, NULL, 0, NULL, 0, 0))
ATTEMPT(make_socket, socket(AF_INET, SOCK_STREAM, 0))
ATTEMPT(make_netlink, socket(AF_NETLINK, SOCK_RAW, 0))
ATTEMPT(connect_socket, connect(-1, NULL, 0))
ATTEMPT(bind_socket, bind(-1, NULL, 0))
ATTEMPT(accept_connection, accept4(-1, NULL, NULL, 0))
ATTEMPT(open_to_read, open("/proc/self/status", O_RDONLY | O_CLOEXEC))
ATTEMPT(open_directory, open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC))
ATTEMPT(open_to_write, open("/dev/null", O_WRONLY | O_CLOEXEC))
ATTEMPT(open_for_both, open("/dev/null", O_RDWR | O_CLOEXEC))
ATTEMPT(create_file, open("/nonexistent/file", O_RDONLY | O_CREAT | O_CLOEXEC, 0600))
ATTEMPT(truncate_file, open("/nonexistent/file", O_RDONLY | O_TRUNC | O_CLOEXEC))
ATTEMPT(remove_file, unlink("/nonexistent/file"))
ATTEMPT(rename_file, rename("/nonexistent/file", "/nonexistent/other"))
ATTEMPT(change_mode, chmod("/nonexistent/file", 0700))
ATTEMPT(load_program, try_bpf(BPF_PROG_LOAD))
ATTEMPT(make_map, try_bpf(BPF_MAP_CREATE))
ATTEMPT(attach_program, try_bpf(BPF_LINK_CREATE))
ATTEMPT(open_map, try_bpf(BPF_MAP_GET_FD_BY_ID))
ATTEMPT(pin_object, try_bpf(BPF_OBJ_PIN))
ATTEMPT(look_up, try_bpf(BPF_MAP_LOOKUP_ELEM))
ATTEMPT(run_iterator, try_bpf(BPF_ITER_CREATE))
ATTEMPT(enter_namespace, setns(-1, CLONE_NEWNET))
ATTEMPT(leave_namespace, unshare(0))
ATTEMPT(become_other_user, setuid(getuid()))
ATTEMPT(map_code, mmap(NULL, 4096, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
ATTEMPT(make_code, mprotect(page, 4096, PROT_READ | PROT_EXEC))
ATTEMPT(map_memory, (page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				 -1, 0)) == MAP_FAILED)
ATTEMPT(type_for_user, ioctl(-1, TIOCSTI, "x"))
ATTEMPT(ask_terminal, ioctl(-1, TIOCGWINSZ, NULL))
ATTEMPT(set_terminal, ioctl(-1, TCSETSW, NULL))
ATTEMPT(signal_other, kill(NOBODY, 0))
ATTEMPT(signal_parent, kill(getppid(), 0))
ATTEMPT(signal_command, kill(command, 0))
ATTEMPT(signal_self, kill(getpid(), 0))
ATTEMPT(become_dumpable, prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
ATTEMPT(name_thread, prctl(PR_SET_NAME, "tcpwhy", 0, 0, 0))
ATTEMPT(open_beneath, syscall(SYS_openat2, -1, "", NULL, 0))
ATTEMPT(wait_some, usleep(1))

static const struct attempt attempts[] = {
	{ "fork()", try_fork, NEVER },
	{ "execve()", try_to_run, NEVER },
	{ "execveat()", execveat_nothing, NEVER },
	{ "a thread", try_thread, NEVER },
	{ "ptrace()", trace, NEVER },
	{ "process_vm_readv()", read_memory, NEVER },
	{ "process_vm_writev()", write_memory, NEVER },
	{ "socket()", make_socket, NEVER },
	{ "socket() of netlink", make_netlink, NEVER },
	{ "connect()", connect_socket, NEVER },
	{ "bind()", bind_socket, NEVER },
	{ "accept4()", accept_connection, LATER_SERVE },
	{ "open() to read", open_to_read, ALWAYS },
	{ "openat2()", open_beneath, LATER_STACKS },
	{ "open() of a directory", open_directory, ALWAYS },
	{ "open() to write", open_to_write, LATER_RECORD },
	{ "open() to read and write", open_for_both, LATER_RECORD },
	{ "open() to create", create_file, LATER_RECORD },
	{ "open() to truncate", truncate_file, LATER_RECORD },
	{ "unlink()", remove_file, LATER_RECORD },
	{ "rename()", rename_file, LATER_RECORD },
	{ "chmod()", change_mode, NEVER },
	{ "bpf() to load a program", load_program, NEVER },
	{ "bpf() to make a map", make_map, NEVER },
	{ "bpf() to attach", attach_program, NEVER },
	{ "bpf() to open others' maps", open_map, NEVER },
	{ "bpf() to pin", pin_object, NEVER },
	{ "bpf() to look up", look_up, ALWAYS },
	{ "bpf() to iterate", run_iterator, ALWAYS },
	{ "setns()", enter_namespace, NEVER },
	{ "unshare()", leave_namespace, NEVER },
	{ "setuid()", become_other_user, NEVER },
	{ "mmap() of memory", map_memory, ALWAYS },
	{ "mmap() of code", map_code, NEVER },
	{ "mprotect() to code", make_code, NEVER },
	{ "ioctl() TIOCSTI", type_for_user, NEVER },
	{ "ioctl() TIOCGWINSZ", ask_terminal, ALWAYS },
	{ "ioctl() TCSETSW", set_terminal, LATER_DRAW },
	{ "kill() of a stranger", signal_other, NEVER },
	{ "kill() of the parent", signal_parent, NEVER },
	{ "kill() of the command", signal_command, LATER_COMMAND },
	{ "kill() of itself", signal_self, ALWAYS },
	{ "prctl() PR_SET_DUMPABLE", become_dumpable, NEVER },
	{ "prctl() PR_SET_NAME", name_thread, ALWAYS },
	{ "usleep()", wait_some, ALWAYS },
};

/* What became of each attempt, in memory that is shared with the child. */
static bool *refused;

/* In a child. Its status: 0 all was tried. */
static void __attribute__((noreturn)) try_all(uint32_t later)
{
	struct failure why;
	struct kept kept;

	if (privileges_drop(&kept, later, &why))
		_exit(1);
	privileges_filter(&kept, later, command);
	if (kept.unfiltered)
		_exit(2);
	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		errno = 0;
		attempts[i].try();
		refused[i] = errno == ENOSYS;
	}
	_exit(0);
}

static int end_of(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return status;
}

static int try_in_child(uint32_t later)
{
	pid_t pid = fork();

	if (!pid)
		try_all(later);
	return end_of(pid);
}

/* What LeakSanitizer does at the end is nothing that a filter should allow: privileges.c. */
static void skip_without_filter(void)
{
#ifdef __SANITIZE_ADDRESS__
	print_message("a build with sanitizers has no filter of system calls\n");
	skip();
#endif
}

static void only_what_is_needed_later_is_allowed(void **state)
{
	size_t wrong = 0;

	(void)state;
	skip_without_filter();
	for (uint32_t later = 0; later <= ALL; later++) {
		expect_number(try_in_child(later), 0);
		for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
			uint32_t with = attempts[i].allowed;
			bool allowed = with == ALWAYS || with & later;

			if (refused[i] == !allowed)
				continue;
			print_error("later %#x: %s is %s\n", later, attempts[i].name,
				    allowed ? "refused" : "allowed");
			wrong++;
		}
	}
	expect_number(wrong, 0);
}

static void without_a_filter_none_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		if (attempts[i].try == make_code || attempts[i].try == become_dumpable)
			continue; /* has lasting effects on the test itself */
		errno = 0;
		attempts[i].try();
		if (errno == ENOSYS)
			print_error("%s is not what it is taken for\n", attempts[i].name);
		assert_int_not_equal(errno, ENOSYS);
	}
}

/* The number behind a name in /proc/self/status, which is read after the drop. */
static uint64_t of_status(const char *name, int base)
{
	char text[4096];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	const char *at;

	close(fd);
	text[n < 0 ? 0 : n] = '\0';
	at = strstr(text, name);
	return at ? strtoull(at + strlen(name), NULL, base) : UINT64_MAX;
}

/* The status of the child: 0 all holds, 1 to 4 which does not. */
static int look_at_status(uint32_t later)
{
	struct failure why;
	struct kept kept;

	if (privileges_drop(&kept, later, &why))
		return 1;
	privileges_filter(&kept, later, 0);
	if (of_status("CapEff:", 16) != kept.capabilities ||
	    of_status("CapPrm:", 16) != kept.capabilities)
		return 2;
	if (of_status("CapInh:", 16) || of_status("CapAmb:", 16))
		return 3;
	return of_status("NoNewPrivs:", 10) == 1 && of_status("Seccomp:", 10) == 2 ? 0 : 4;
}

static void the_kernel_says_the_same(void **state)
{
	(void)state;
	skip_without_filter();
	for (uint32_t later = 0; later <= ALL; later++) {
		pid_t pid = fork();

		if (!pid)
			_exit(look_at_status(later));
		expect_number(WEXITSTATUS(end_of(pid)), 0);
	}
}

static void it_is_said_in_words(void **state)
{
	char text[KEPT_SIZE];

	(void)state;
	kept_format(text, &(struct kept){});
	assert_string_equal(text, "capabilities none, no_new_privs, system calls filtered");
	kept_format(text, &(struct kept){ .capabilities = UINT64_C(1) << 39 | 1 << 5,
					  .unfiltered = EINVAL });
	assert_string_equal(text, "capabilities CAP_KILL CAP_BPF, no_new_privs, system calls not "
				  "filtered: Invalid argument");
}

static int set_up(void **state)
{
	(void)state;
	refused = mmap(NULL, sizeof(attempts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	command = fork();
	if (!command)
		for (;;)
			pause();
	return refused == MAP_FAILED || command < 0;
}

static int tear_down(void **state)
{
	(void)state;
	kill(command, SIGKILL);
	return end_of(command) < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_is_needed_later_is_allowed),
		cmocka_unit_test(without_a_filter_none_is_refused),
		cmocka_unit_test(the_kernel_says_the_same),
		cmocka_unit_test(it_is_said_in_words),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
