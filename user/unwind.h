/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From the registers and the top of a stack to the callers, by what the ELF files say of each
 * function (.eh_frame, .debug_frame): it takes no frame pointers. Only as far as the bytes reach.
 */
#ifndef TCPWHY_UNWIND_H
#define TCPWHY_UNWIND_H

#include <elfutils/libdw.h>
#include <stddef.h>

#include "stack_trace.h"

/* How to unwind from an address of the process; to be freed; NULL: unknown. */
typedef Dwarf_Frame *(*frame_at_fn)(void *ctx, uint64_t address);

/*
 * Fills in addresses, innermost first, at most `most`; the first is where the task was. Returns how
 * many. *chain: from which one of the frames that frame pointers lead to (stacks->user) on it goes
 * on behind the last; SIZE_MAX: they have lost their way, or this is the end of the stack.
 */
size_t unwind(const struct stack_trace *stacks, frame_at_fn frame_at, void *ctx,
	      uint64_t *addresses, size_t most, size_t *chain);

#endif
