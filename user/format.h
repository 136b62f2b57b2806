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
