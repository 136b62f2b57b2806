/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Opens files that somebody else has named: a name may lead to a FIFO, which would make us wait, or
 * to a device, which does things when it is opened. So it is looked at first, without opening it.
 */
#ifndef TCPWHY_REGULAR_FILE_H
#define TCPWHY_REGULAR_FILE_H

/* For reading; -1 if it is no regular file of 1 GB at most, or cannot be opened. */
int regular_file(const char *path);

/* The same of a path from the directory root, which no link in it leads out of. */
int regular_file_beneath(int root, const char *path);

#endif
