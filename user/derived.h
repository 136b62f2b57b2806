/* SPDX-License-Identifier: GPL-2.0-only */
/* What follows from the facts of a connection's own socket: data without FIN and SYN, and silences.
 */
#ifndef TCPWHY_DERIVED_H
#define TCPWHY_DERIVED_H

#include <stdbool.h>

#include "evidence.h"

/* Bytes of data, without our FIN: sent and not acknowledged; the same, or written and not sent. */
__u32 data_in_flight(const struct facts *f);
__u32 data_pending(const struct facts *f);

/* Bytes in the life of the connection, without SYN and FIN: acknowledged by the peer; received. */
__u64 data_acked(const struct facts *f);
__u64 data_received(const struct facts *f);

/* How long nothing had come of it, ms: what waits for an answer does not end a silence. */
__u32 silence_ms(const struct facts *f);

/* From the last that came of the peer to our last data, ms. */
__u32 silence_before_write(const struct facts *f);

/*
 * Since connect() sent its first SYN, ms, of a socket that is still connecting. False: it is not
 * known.
 */
bool connecting_ms(const struct evidence *e, __u32 *ms);

#endif
