/* SPDX-License-Identifier: GPL-2.0-only */
/* Connections on loopback, for the programs of the benchmark. What fails ends the program, with a
 * message. */
#ifndef BENCH_LOOPBACK_H
#define BENCH_LOOPBACK_H

#include <stddef.h>
#include <stdint.h>

/* A network namespace of its own for this process, with lo up; it ends with the process, and all in
 * TIME_WAIT with it. */
void make_namespace(void);

/* A socket that listens at this port of all addresses. */
int listen_at(uint16_t port, int backlog);

/* Of many addresses in 127.0.0.0/8 the number-th, by turns, so that ports do not run out. Returns
 * the socket. */
int connect_to(uint16_t port, uint64_t number);

/* The same with flags of socket(2), such as SOCK_NONBLOCK; -1 if it is refused. */
int begin_to_connect(uint16_t port, uint64_t number, int flags);

int accept_one(int listener);

/* Where the number of connections made so far stands, for who reads the file meanwhile: shared
 * memory of so many bytes, at least eight, all of them 0. NULL: of no file, for this process and
 * its children. */
void *shared_memory(const char *path, size_t size);

/* A whole number of the command line. */
uint64_t number_of(const char *text);

#endif
