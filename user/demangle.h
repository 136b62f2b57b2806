/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TCPWHY_DEMANGLE_H
#define TCPWHY_DEMANGLE_H

/* What the programmer calls a function of C++ or (before 1.59) Rust; others as they are. Allocated;
 * NULL: no memory. */
char *demangle(const char *name);

#endif
