/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which connections are to be watched, as the command line says it and as the kernel side
 * (bpf/filter.h) is told. Kinds that were not asked for are 0. All that these functions refuse is
 * EXIT_USAGE, but for a PID that no process has.
 */
#ifndef TCPWHY_FILTERS_H
#define TCPWHY_FILTERS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "failure.h"
#include "filter_settings.h"
#include "verdict.h"

#define FILTER_PIDS_MAX  256
#define FILTER_PEERS_MAX 256

struct filter {
	uint32_t pids[FILTER_PIDS_MAX]; /* thread group ids, after filter_find_processes() */
	unsigned int pid_count;
	bool children;             /* their descendants, too */
	uint32_t ports;            /* the kinds of enum port_flag that were asked for */
	uint8_t port_flags[PORTS]; /* enum port_flag, by port */
	bool ipv4, ipv6;           /* as addresses are shown; both are the same as none */
	struct network peers[FILTER_PEERS_MAX];
	unsigned int peer_count;
	uint32_t netns;        /* inode of the network namespace */
	char cgroup[PATH_MAX]; /* its directory */
	uint64_t verdicts;     /* bits by enum verdict */
	char text[512];        /* what was asked for but for the processes: ", port 80, IPv4" */
};

/* Of LISTs the items are separated by commas; those of several calls add up. 0, or -1 and *why. */
int filter_add_pids(struct filter *f, const char *list, struct failure *why);
int filter_add_ports(struct filter *f, enum port_flag flag, const char *list, struct failure *why);
int filter_add_peers(struct filter *f, const char *list, struct failure *why);
int filter_add_verdicts(struct filter *f, const char *list, struct failure *why);

/* The PIDs must be those of processes that are there now, or of their threads. 0, or -1 and *why.
 */
int filter_find_processes(struct filter *f, struct failure *why);

/* family: AF_INET or AF_INET6. */
void filter_add_family(struct filter *f, int family);

/* The only family that is wanted, AF_INET or AF_INET6; 0 = both. */
int filter_family(const struct filter *f);

/* A name as of ip netns, a path, or an inode. */
int filter_set_netns(struct filter *f, const char *text, struct failure *why);

/* A directory of the cgroup file system, or its path below the root of it. */
int filter_set_cgroup(struct filter *f, const char *text, struct failure *why);

/* Has any connection been asked for by its process, its ends, its namespace or its cgroup? */
bool filter_is_set(const struct filter *f);

/*
 * Of evidence that has been recorded: does it pass what is asked for, but for children, the cgroup
 * and the verdict? Its process is the one that is named.
 */
bool filter_matches(const struct filter *f, const struct evidence *e);

/* --verdict, the other filters being the kernel's own business. */
bool filter_wants_verdict(const struct filter *f, enum verdict verdict);

#endif
