/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tcpwhy -j wrote on several hosts, read line by line. A line that cannot be used is noted,
 * and the rest is read all the same. Of a record is kept what tells whose other end it is, and the
 * line itself, of which is made what is shown: memory is linear in the input.
 */
#ifndef TCPWHY_JOIN_READ_H
#define TCPWHY_JOIN_READ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "verdict.h"

#define JOIN_LINE_MAX (1 << 20) /* bytes; a longer line is none of ours */

/* One death or incident. */
struct join_record {
	char *text; /* its JSON object */
	/*
	 * Of it: time_ns (since 1970, by the clock of its host), tuple, sequence numbers, and of
	 * the facts event, socket, state, srtt_us and FACT_PEER_FIN. EVENT_CALL stands for all
	 * events that have no other end.
	 */
	struct evidence e;
	enum verdict verdict;
	unsigned int file; /* index in join.files */
	int host;          /* index in join.hosts, -1: unknown */
	bool was_joined;   /* tcpwhy, or an earlier join, has said who the other end is */
	bool through_nat;  /* the other end was found by sequence numbers, with other addresses */
	struct join_record *other; /* the other end, or NULL */
	/* of join_match(): who may be the other end through NAT; there are several; it may be
	 * chance */
	struct join_record *candidate;
	bool ambiguous, doubtful;
};

struct join_file {
	const char *name; /* as given */
	uint64_t lines, records;
	uint64_t withheld;       /* deaths and incidents that it says it has no records of */
	uint64_t bad;            /* lines that cannot be used */
	uint64_t first_bad;      /* the number of the first, from 1 */
	char first_bad_why[160]; /* what is wrong with it */
	int read_error;          /* an errno: the rest of the file could not be read; 0 = none */
	int64_t clock_ahead_ns;  /* of the first file's clock, see join_clock.h */
	uint64_t clock_samples;  /* by so many connections */
	bool clock_known;
};

struct join {
	struct join_file *files;
	unsigned int file_count;
	struct join_record *records; /* as they came, file by file */
	size_t record_count, record_room;
	char **hosts; /* as the records have them: escaped */
	int host_count;
};

/* Reads one file to its end, and notes in join->files[file] what it was like. 0, or -1: out of
 * memory. */
int join_read(struct join *join, unsigned int file, FILE *in);

/* Of what join_read() allocated. */
void join_free(struct join *join);

#endif
