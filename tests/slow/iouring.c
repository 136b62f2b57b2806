// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lets io_uring close the server's ends of N connections on lo, without liburing.
 *
 *     e2e-iouring (unread|linger|killed-ring) (inline|worker|poller) N PORT
 *
 * A child, `why-client`, connects and (unless for linger) writes 45 bytes. The server,
 * `why-server`, accepts and closes by IORING_OP_CLOSE: inline, in the system call that submits; or
 * in an io-wq worker (IOSQE_ASYNC). With killed-ring the descriptors are the ring's own
 * (IORING_REGISTER_FILES) and nobody closes them: the server is killed, and the kernel puts them
 * when it tears the ring down. Exit status: 0 all happened, 1 it did not, 77 this kernel has no
 * io_uring for us.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX   256
#define BYTES 45

struct ring {
	int fd;
	unsigned int *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
};

__attribute__((format(printf, 2, 3), noreturn)) static void quit(int status, const char *format,
								 ...)
{
	va_list args;

	va_start(args, format);
	fputs("iouring: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(status);
}

static void need(int ok, const char *what)
{
	if (!ok)
		quit(1, "%s: %s", what, strerror(errno));
}

/* ---- the ring -------------------------------------------------------------------------------- */

static void *map_ring(const struct ring *r, size_t size, off_t offset)
{
	void *at =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd, offset);

	need(at != MAP_FAILED, "mmap of the ring");
	return at;
}

static void open_ring(struct ring *r, unsigned int flags)
{
	struct io_uring_params p = { .flags = flags };
	char *sq, *cq;

	r->fd = syscall(SYS_io_uring_setup, MAX, &p);
	if (r->fd < 0)
		quit(77, "io_uring_setup: %s", strerror(errno));
	sq = map_ring(r, p.sq_off.array + p.sq_entries * sizeof(unsigned int), IORING_OFF_SQ_RING);
	cq = map_ring(r, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe),
		      IORING_OFF_CQ_RING);
	r->sqes = map_ring(r, p.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
	r->sq_tail = (unsigned int *)(sq + p.sq_off.tail);
	r->sq_mask = (unsigned int *)(sq + p.sq_off.ring_mask);
	r->sq_array = (unsigned int *)(sq + p.sq_off.array);
	r->cq_head = (unsigned int *)(cq + p.cq_off.head);
	r->cq_tail = (unsigned int *)(cq + p.cq_off.tail);
	r->cq_mask = (unsigned int *)(cq + p.cq_off.ring_mask);
	r->cqes = (struct io_uring_cqe *)(cq + p.cq_off.cqes);
}

static void close_by_ring(struct ring *r, const int *fds, int n, unsigned char flags)
{
	unsigned int tail = *r->sq_tail;

	for (int i = 0; i < n; i++) {
		unsigned int at = tail++ & *r->sq_mask;

		memset(&r->sqes[at], 0, sizeof(r->sqes[at]));
		r->sqes[at].opcode = IORING_OP_CLOSE;
		r->sqes[at].flags = flags;
		r->sqes[at].fd = fds[i];
		r->sq_array[at] = at;
	}
	__atomic_store_n(r->sq_tail, tail, __ATOMIC_RELEASE);
	need(syscall(SYS_io_uring_enter, r->fd, n, n,
		     IORING_ENTER_GETEVENTS | IORING_ENTER_SQ_WAKEUP, NULL, 0) == n,
	     "io_uring_enter");
	for (int i = 0; i < n; i++) {
		int result = r->cqes[(*r->cq_head + i) & *r->cq_mask].res;

		if (result)
			quit(1, "IORING_OP_CLOSE: %s", strerror(-result));
	}
}

/* ---- the two ends ---------------------------------------------------------------------------- */

static void client(const struct sockaddr_in *server, int n, int writes, int go)
{
	static const char data[BYTES];
	int fds[MAX], error;
	char byte;

	prctl(PR_SET_NAME, "why-client");
	prctl(PR_SET_PDEATHSIG, 0);
	for (int i = 0; i < n; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
		need(!connect(fds[i], (const struct sockaddr *)server, sizeof(*server)), "connect");
		if (writes)
			need(write(fds[i], data, BYTES) == BYTES, "write");
	}
	need(write(go, "!", 1) == 1, "pipe");
	for (int i = 0; i < n; i++) {
		error = read(fds[i], &byte, 1) < 0 ? errno : 0;
		if (error != ECONNRESET)
			quit(1, "the client got %s", strerror(error));
	}
	exit(0);
}

static void serve(int listener, int n, const char *how, const char *where)
{
	unsigned int setup = strcmp(where, "poller") ? 0 : IORING_SETUP_SQPOLL;
	struct linger zero = { .l_onoff = 1 };
	int fds[MAX], unread;
	struct ring ring;

	prctl(PR_SET_NAME, "why-server");
	open_ring(&ring, setup);
	for (int i = 0; i < n; i++) {
		fds[i] = accept(listener, NULL, NULL);
		need(fds[i] >= 0, "accept");
		if (!strcmp(how, "linger"))
			setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &zero, sizeof(zero));
		for (unread = 0; strcmp(how, "linger") && unread < BYTES;)
			need(!ioctl(fds[i], FIONREAD, &unread), "FIONREAD");
	}
	if (strcmp(how, "killed-ring")) {
		close_by_ring(&ring, fds, n, strcmp(where, "worker") ? 0 : IOSQE_ASYNC);
		exit(0);
	}
	need(!syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_FILES, fds, n),
	     "IORING_REGISTER_FILES");
	for (int i = 0; i < n; i++)
		close(fds[i]);
	raise(SIGKILL);
}

static int status_of(pid_t pid)
{
	int status;

	need(waitpid(pid, &status, 0) == pid, "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	pid_t server_pid, client_pid;
	int listener, go[2], n, status;
	char byte;

	if (argc != 5)
		quit(2, "usage: (unread|linger|killed-ring) (inline|worker|poller) N PORT");
	n = atoi(argv[3]);
	need(n > 0 && n <= MAX, "N");
	address.sin_port = htons(atoi(argv[4]));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	alarm(20);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	need(!bind(listener, (struct sockaddr *)&address, sizeof(address)), "bind");
	need(!listen(listener, MAX), "listen");
	need(!pipe2(go, O_CLOEXEC), "pipe");
	client_pid = fork();
	if (!client_pid)
		client(&address, n, strcmp(argv[1], "linger"), go[1]);
	need(read(go[0], &byte, 1) == 1, "the client");
	server_pid = fork();
	if (!server_pid)
		serve(listener, n, argv[1], argv[2]);
	status = status_of(server_pid);
	if (status) {
		kill(client_pid, SIGKILL);
		return status;
	}
	return status_of(client_pid);
}
