/* SPDX-License-Identifier: GPL-2.0-only */
/* Scripts by which shells complete the command line, made of the table of options. */
#ifndef TCPWHY_COMPLETIONS_H
#define TCPWHY_COMPLETIONS_H

#include <stdio.h>

#include "failure.h"

/* Writes the script for the shell ("bash", "zsh" or "fish"). 0, or -1 and *why. */
int completions_print(FILE *out, const char *shell, struct failure *why);

/*
 * Is it known what may be given for this argument of the table of options, such as "PID,..."? Of
 * what is not known, nothing is completed.
 */
_Bool completions_know(const char *argument);

#endif
