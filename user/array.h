/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCPWHY_ARRAY_H
#define TCPWHY_ARRAY_H

/* The number of elements. */
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
