/* SPDX-License-Identifier: GPL-2.0-only */
/* Times, ends and processes as text, the same in every output. */
#ifndef TCPWHY_FORMAT_H
#define TCPWHY_FORMAT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "escape.h"
#include "evidence.h"

/* ---- times: all are CLOCK_MONOTONIC in ns, as the records have them ----------------------------
 */

#define RFC3339_SIZE sizeof("2026-11-21T10:31:07.412345678Z")

/* Always UTC, with nanoseconds. */
void format_rfc3339(char out[RFC3339_SIZE], uint64_t when);

/* How people are told times from now on; before, it is the time of day here. */
enum time_style {
	TIME_OF_DAY,
	TIME_SINCE_START, /* seconds */
};

struct time_settings {
	enum time_style style;
	bool utc; /* TIME_OF_DAY in UTC */
};

/* start: what TIME_SINCE_START counts from. */
void format_set_times(const struct time_settings *settings, uint64_t start);

#define TIME_SIZE 32

/* "10:31:07.412", or "12.345678". */
void format_time(char out[TIME_SIZE], uint64_t when);

/* TIME_OF_DAY of a time in ns since 1970. */
void format_wall(char out[TIME_SIZE], uint64_t wall);

/* The same without fractions of a second of the day: "10:31:07", or "12.345". */
void format_seconds(char out[TIME_SIZE], uint64_t when);

#define DURATION_SIZE sizeof("4294967 s")

/* As precise as it is useful: "12 ms", "1.50 s", "61 s". */
void format_duration(char out[DURATION_SIZE], uint32_t ms);

/* ---- ends ---------------------------------------------------------------------------------- */

#define ADDRESS_SIZE  INET6_ADDRSTRLEN
#define ENDPOINT_SIZE (ADDRESS_SIZE + sizeof("[]:65535"))

/* An IPv4 address is shown as one, also where an IPv6 socket carries it. */
void format_address(char out[ADDRESS_SIZE], const struct tuple *t, const uint8_t *address);

void format_local(char out[ENDPOINT_SIZE], const struct tuple *t);

/* "*" if there is no one peer: of a listener that dropped SYNs. */
void format_remote(char out[ENDPOINT_SIZE], const struct tuple *t);

/* ---- processes ------------------------------------------------------------------------------- */

#define PROCESS_SIZE (ESCAPED_SIZE(TASK_NAME_LEN) + 16)

/* "name[pid]"; "-" if it is unknown. */
void format_process(char out[PROCESS_SIZE], const struct owner *owner);

#endif
