/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stdout, where it is no terminal: whoever reads it may stop to, and then a write lasts. A signal
 * must end the watch all the same.
 */
#ifndef TCPWHY_OUTPUT_H
#define TCPWHY_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Writes to the descriptor, and waits for room. If the watch has *ended, or a signal that is to end
 * it waits in *signals, a signalfd, it waits for a second; then it fails, with EINTR, now and for
 * ever: what was still to be written is lost. All must stay; there is but one such stream at a
 * time. To be closed with fclose(), which leaves the descriptors alone; NULL and errno.
 */
FILE *output_open(int fd, const int *signals, const bool *ended);

/* Of the first write that failed: errno; 0 = none has. */
int output_error(void);

#endif
