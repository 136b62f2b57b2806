/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * --stack and --kstack: from what the BPF program took (bpf/stack_trace.h) to functions, files and
 * lines. That is done as the evidence comes in, as the process may be gone when it is shown.
 */
#ifndef TCPWHY_CALL_STACK_H
#define TCPWHY_CALL_STACK_H

#include <stddef.h>
#include <stdint.h>

#include "stack_trace.h"

#define FRAME_NAME_MAX 256 /* bytes of a name that are shown */

/* One call. What is unknown is NULL, "" or 0. Names are the process's choice: any bytes. */
struct frame {
	char *function; /* demangled */
	char *source;   /* the source file */
	unsigned int line;
	char *object; /* the path of the ELF file as the process sees it; the kernel's module */
	char build_id[2 * 20 + 1]; /* in hexadecimal */
	uint64_t offset;           /* bytes: in the file; of the kernel, in the function */
	uint64_t address;          /* in the process or the kernel, where nothing else is known */
};

struct call_stack {
	enum stack_moment moment; /* of the user stack; STACK_NONE: there is none */
	size_t user_n, kernel_n;
	struct frame *user, *kernel; /* innermost first */
};

struct call_stacks;

/* NULL: out of memory. */
struct call_stacks *call_stacks_new(void);

/*
 * From now on this process gets no more than 512 MB of memory (RLIMIT_DATA): a process that is
 * looked at may run a file whose .eh_frame names a register so large that libdw asks for 2 GB.
 */
void call_stacks_limit_memory(void);

/*
 * For kernel stacks: reads the kernel's symbols, which may take a capability. Our own programs are
 * among them if they are loaded, and are left out of what is shown.
 */
void call_stacks_learn_kernel(struct call_stacks *stacks);
void call_stacks_free(struct call_stacks *stacks);

/* Those of this evidence; the process is looked at now. */
void call_stacks_add(struct call_stacks *stacks, const struct evidence *e,
		     const struct stack_trace *taken);

/* What is known for this evidence, of the 1024 newest; or NULL. */
const struct call_stack *call_stacks_find(const struct call_stacks *stacks,
					  const struct evidence *e);

#endif
