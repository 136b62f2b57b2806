/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The stacks that go with a piece of evidence under --stack and --kstack, as the BPF program took
 * them: in the ring buffer, behind the evidence. Without these options no record has room for them.
 * user/call_stack.h makes functions and lines of it. Shared by both sides.
 */
#ifndef TCPWHY_STACK_TRACE_H
#define TCPWHY_STACK_TRACE_H

#include "evidence.h"

#define STACK_USER_FRAMES   48
#define STACK_KERNEL_FRAMES 32
#define STACK_BYTES         4096
#define STACK_EXE_SIZE      512

/* Of which task, and when, the user stack is. */
enum stack_moment {
	STACK_NONE = 0,
	STACK_AT_EVENT,  /* of the current task: in its call it happened */
	STACK_LAST_SEND, /* of the one that was the last to send, when it had */
};

#define STACK_FRAME_IN_FILE 1 /* BPF_STACK_BUILD_ID_VALID */

/* struct bpf_stack_build_id of the kernel's ABI. */
struct stack_frame {
	__s32 status;      /* STACK_FRAME_IN_FILE: what follows is known */
	__u8 build_id[20]; /* of the ELF file in which the code is; shorter ones end with zeros */
	__u64 offset;      /* in the file, in bytes */
};

/*
 * The frames are those that frame pointers lead to, innermost first. Code without them hides its
 * callers: so there are the registers too, and the top of the stack itself, for unwinding by what
 * ELF files tell (.eh_frame).
 */
struct stack_trace {
	__u8 moment; /* enum stack_moment */
	__u8 pad[3];
	__u32 pid;       /* thread group id in the initial PID namespace; 0: no user stack */
	__u32 user_n;    /* frames */
	__u32 kernel_n;  /* likewise */
	__u32 bytes_n;   /* from sp upwards; 0: the registers are not known either */
	__u32 exe_n;     /* of exe[], in bytes */
	__u32 mnt_ns;    /* inode of the mount namespace in which that is its path */
	__u32 exe_dev;   /* of the executable: 12 bits major, 20 bits minor */
	__u64 exe_inode; /* likewise, 0 = unknown */
	__u64 start;     /* where the code of the executable begins: mm->start_code; 0 = unknown */
	__u64 pc, sp;    /* of the task, as it entered the kernel */
	__u64 fp, lr;    /* lr: of arm64 only */
	__u64 kernel[STACK_KERNEL_FRAMES];            /* addresses, innermost first: of the event */
	__u64 user[STACK_USER_FRAMES];                /* addresses in the process */
	struct stack_frame frames[STACK_USER_FRAMES]; /* the same, in files */
	__u8 bytes[STACK_BYTES];
	/* The path of the executable, the last component first, a NUL after each. */
	char exe[STACK_EXE_SIZE];
};

/* A RECORD_EVIDENCE of this size. */
struct evidence_with_stacks {
	struct evidence e;
	struct stack_trace stacks;
};

_Static_assert(sizeof(struct stack_frame) == 32, "as the kernel's struct bpf_stack_build_id");
_Static_assert(sizeof(struct stack_trace) % 8 == 0, "no hidden padding");

#endif
