/* SPDX-License-Identifier: GPL-2.0-only */
/* Exit statuses, and a failure on its way to the one place that prints it: main(). */
#ifndef TCPWHY_FAILURE_H
#define TCPWHY_FAILURE_H

enum exit_status {
	EXIT_OK = 0,
	EXIT_FAILED = 1,           /* something unexpected */
	EXIT_USAGE = 2,            /* bad option or argument */
	EXIT_PRIVILEGE = 3,        /* capabilities are missing */
	EXIT_NO_BTF = 4,           /* the kernel has no BTF */
	EXIT_KERNEL = 5,           /* the kernel lacks a hook or a feature, or refused a program */
	EXIT_NO_PROCESS = 6,       /* no process has that PID */
	EXIT_OUTPUT = 7,           /* stdout, or a recording, cannot be written */
	EXIT_INPUT = 8,            /* of the input not all can be read; the rest was used */
	EXIT_FOUND = 9,            /* check: it works, and something was found on this host */
	EXIT_NOT_EXECUTABLE = 126, /* the command is there and cannot be executed */
	EXIT_NOT_FOUND = 127,      /* there is no such command */
};

struct failure {
	enum exit_status status;
	char text[1024]; /* what failed, on what, why, and what to try; one line */
};

/* Notes the failure. Always returns -1, for "return failed(why, ...)". */
int failed(struct failure *why, enum exit_status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
