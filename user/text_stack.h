/* SPDX-License-Identifier: GPL-2.0-only */
/* Stacks as text. Names that the process chose are escaped. */
#ifndef TCPWHY_TEXT_STACK_H
#define TCPWHY_TEXT_STACK_H

#include <stdio.h>

#include "call_stack.h"

/* Beneath the line of a death: a head for each stack, then a line for each call, innermost first.
 */
void text_stacks(FILE *out, const struct call_stack *stack);

/* On one line, as flame graphs want it: functions, outermost first, with semicolons between. */
void format_folded(char *out, size_t size, const struct frame *frames, size_t n);

#endif
