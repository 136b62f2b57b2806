/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tcpwhy join: what several hosts saw of the same connections, put together, so that each death
 * shows what became of the other end. It takes neither privileges nor BTF.
 */
#ifndef TCPWHY_JOIN_H
#define TCPWHY_JOIN_H

#include "failure.h"
#include "options.h"

/*
 * Of options->files, to stdout; on stderr what the files were like. An exit status, EXIT_INPUT if
 * some lines could not be used, or -1 and *why.
 */
int join(const struct options *options, struct failure *why);

#endif
