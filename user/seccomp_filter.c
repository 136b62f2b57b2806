// SPDX-License-Identifier: GPL-2.0-only
#include "seccomp_filter.h"

#include <endian.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
/* cppcheck-suppress preprocessorErrorDirective */
#error "the architecture's AUDIT_ARCH_ constant of linux/audit.h is missing here"
#endif

#define DATA(field) offsetof(struct seccomp_data, field)
#define LOW_HALF    (__BYTE_ORDER == __BIG_ENDIAN ? sizeof(uint32_t) : 0)

static void add(struct seccomp_filter *f, struct sock_filter instruction)
{
	if (f->size < SECCOMP_FILTER_MAX)
		f->code[f->size] = instruction;
	f->size++;
}

static void load_word(struct seccomp_filter *f, uint32_t offset)
{
	add(f, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
}

/* What is not equal goes on behind so many instructions. */
static void skip_unless(struct seccomp_filter *f, uint32_t value, uint8_t instructions)
{
	add(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, instructions));
}

static void answer(struct seccomp_filter *f, uint32_t action)
{
	add(f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* From here on the accumulator has the call's number, at each row. */
void seccomp_filter_begin(struct seccomp_filter *f)
{
	f->size = 0;
	load_word(f, DATA(arch));
	add(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
	answer(f, SECCOMP_RET_KILL);
	load_word(f, DATA(nr));
}

void seccomp_filter_allow(struct seccomp_filter *f, int call)
{
	skip_unless(f, call, 1);
	answer(f, SECCOMP_RET_ALLOW);
}

void seccomp_filter_allow_if(struct seccomp_filter *f, int call, unsigned int argument,
			     uint32_t mask, uint32_t value)
{
	skip_unless(f, call, 5);
	load_word(f, DATA(args) + argument * sizeof(uint64_t) + LOW_HALF);
	add(f, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
	skip_unless(f, value, 1);
	answer(f, SECCOMP_RET_ALLOW);
	load_word(f, DATA(nr));
}

/* 0, -errno, or the ID of a thread that could not follow. */
static long set_filter(const struct sock_fprog *program, unsigned int flags)
{
	long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);

	return result < 0 ? -errno : result;
}

int seccomp_filter_load(struct seccomp_filter *f, int error)
{
	struct sock_fprog program = { .filter = f->code };
	long result;

	answer(f, SECCOMP_RET_ERRNO | (error & SECCOMP_RET_DATA));
	if (f->size > SECCOMP_FILTER_MAX)
		return -E2BIG;
	program.len = f->size;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	result = set_filter(&program, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG);
	if (result == -EINVAL) /* logging came with Linux 4.14 */
		result = set_filter(&program, SECCOMP_FILTER_FLAG_TSYNC);
	return result > 0 ? -ESRCH : result;
}
