/* SPDX-License-Identifier: GPL-2.0-only */
/* What the servers of stack.bats have in common: they accept one connection, and end it. */
#ifndef STACK_SERVER_H
#define STACK_SERVER_H

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* The connection, with data in it that nobody has read; its sender has come back from the call. */
static inline int accept_with_data(const char *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1, fd;
	char byte;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1))
		exit(1);
	puts("ready");
	fflush(stdout);
	fd = accept(listener, NULL, NULL);
	recv(fd, &byte, 1, MSG_PEEK);
	usleep(200000);
	return fd;
}

#endif
