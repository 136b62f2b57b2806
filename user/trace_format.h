/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a recording is like. It is a row of blocks, and nothing else. A block is a head (struct
 * trace_block) and deflated bytes (zlib, RFC 1950); inflated these are a row of items. An item is a
 * head (struct trace_item_head) and a body by its type. Numbers are little-endian, as the structs
 * have them on the machines for which tcpwhy is built.
 *
 * The first item is a session: who recorded what, and where. One that is recorded into the same
 * file later, or appended by cat, begins with its own; whatever follows is its own.
 *
 * Facts only: a verdict is never read from a recording, but found again by the rules of the reader.
 * Counters are by verdict, as the kernel side counts; a session has their names, so that a reader
 * whose table is another one finds them.
 *
 * Versions: a block has that of its format, and a reader refuses those above its own. It stays the
 * same where an older reader can still do its work: it skips items of a type, an event, a socket or
 * an owner that it does not know, and counts them as rejected; of a body that is longer than its
 * own struct it takes the beginning; of evidence that is shorter it takes what there is, the rest
 * being 0. So fields are added at the end, not in padding, which would seem to be 0 in what was
 * recorded before. It is raised when a field goes or changes its meaning.
 */
#ifndef TCPWHY_TRACE_FORMAT_H
#define TCPWHY_TRACE_FORMAT_H

#include "evidence.h"

#define TRACE_VERSION    1
#define TRACE_MAGIC      "\x89tcpwhy\n" /* without its NUL: shows transfers that spoil bytes */
#define TRACE_MAGIC_SIZE 8
#define TRACE_BLOCK_MAX                                                                            \
	(1 << 20) /* bytes of items in a block, inflated; deflated no more either                  \
		   */
#define TRACE_GAP_MAX_NS (30ULL * 24 * 3600 * 1000000000) /* between items: more is damage */

struct trace_block {
	char magic[TRACE_MAGIC_SIZE];
	__u16 version;
	__u16 pad;
	__u32 stored; /* bytes that follow */
	__u32 length; /* bytes when they are inflated */
	__u32 crc;    /* crc32() of zlib, of this head up to here and of the bytes that follow */
};

enum trace_type {
	TRACE_SESSION = 1, /* struct trace_session */
	TRACE_COUNTS,      /* struct trace_counts: first in each block, those of its end */
	TRACE_EVIDENCE,    /* struct evidence, as the kernel side sent it, with its closer */
	TRACE_CLOSER,      /* struct closer_record */
	TRACE_SEARCH,      /* struct trace_search and what it found */
	TRACE_CGROUP,      /* struct trace_cgroup: before the first item that has its id */
};

struct trace_item_head {
	__u16 type; /* enum trace_type */
	__u16 pad;
	__u32 size;   /* of the item with this head, bytes */
	__u64 now_ns; /* when the recorder had it, CLOCK_MONOTONIC; never less than before */
};

enum trace_flag {
	TRACE_ORDERLY = 1 << 0,   /* orderly ends have records: -a */
	TRACE_ERRORS = 1 << 1,    /* failed calls have: -e */
	TRACE_CONTINUED = 1 << 2, /* the session began in the file before this one: rotation */
};

#define TRACE_VERDICTS     64 /* VERDICTS_MAX of version 1 */
#define TRACE_VERDICT_NAME 32
#define TRACE_COUNTERS     16 /* enum counter has fewer; new ones at its end */

/* Texts are any bytes up to a NUL, or all of them. */
struct trace_session {
	__u64 started_ns;    /* of the session, or of this file of it: CLOCK_MONOTONIC */
	__s64 wall_ahead_ns; /* CLOCK_REALTIME is so much ahead of it */
	__u32 flags;         /* enum trace_flag */
	__u32 without;       /* --without: bits by enum feature of the recorder */
	char version[32];    /* of the recorder */
	char host[64];       /* uname -n */
	char release[64];    /* uname -r */
	char machine[64];    /* uname -m */
	char settings[1024]; /* the command line, without its first word */
	char watched[1024];  /* in words: "all processes, port 80" */
	char verdicts[TRACE_VERDICTS][TRACE_VERDICT_NAME]; /* their names, by number */
};

/* Follows a session with what had been counted before it, and begins each other block. */
struct trace_counts {
	__u64 at_ns; /* when they were read, CLOCK_MONOTONIC */
	__s64 wall_ahead_ns;
	__u64 missed, rejected; /* struct capture_counts */
	__u64 other[TRACE_COUNTERS];
	__u64 verdict[TRACE_VERDICTS];  /* since the session began */
	__u64 recorded[TRACE_VERDICTS]; /* of these, what has a record */
};

/* A search for the holders of all sockets without an owner: settle_searched(). */
struct trace_search {
	__u32 found;
	__u32 size; /* of each struct wanted that follows */
};

struct trace_cgroup {
	__u64 id;
	__u32 kind; /* enum cgroup_kind */
	__u32 pad;
	char name[64];
};

_Static_assert(sizeof(struct trace_block) == 24, "a block's head is a file format");
_Static_assert(sizeof(struct trace_item_head) == 16, "an item's head is a file format");
_Static_assert(sizeof(struct trace_session) == 4344, "a session is a file format");
_Static_assert(sizeof(struct trace_counts) == 1184, "counts are a file format");
_Static_assert(sizeof(struct trace_cgroup) == 80, "a cgroup is a file format");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "recordings are little-endian");

#endif
