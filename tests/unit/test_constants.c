// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads of settings become moves where it is certain what they load, and nowhere else. Calls to
 * functions of the kernel's are dropped, and no others.
 */
#include "expect.h"

#include "constants.h"

#define MAP       7
#define OTHER_MAP 8
#define MAX       16

static const unsigned char values[24] = { 0x2a, 0, 0xff, 0xff, 0x78, 0x56, 0x34, 0xf2, 1, 0, 0, 0,
					  1,    0, 0,    0,    5,    0,    0,    0,    0, 0, 0, 0 };

#define BYTE_AT_0 0x2a
#define HALF_AT_2 0xffff
#define WORD_AT_4 0xf2345678

#define ADDRESS(reg, map, at)                                                                      \
	{ .code = BPF_LD | BPF_IMM | BPF_DW,                                                       \
	  .dst_reg = BPF_REG_##reg,                                                                \
	  .src_reg = BPF_PSEUDO_MAP_VALUE,                                                         \
	  .imm = (map) },                                                                          \
	{                                                                                          \
		.imm = (at)                                                                        \
	}
#define LOAD(size, dst, src, at)                                                                   \
	{                                                                                          \
		.code = BPF_LDX | BPF_MEM | (size), .dst_reg = BPF_REG_##dst,                      \
		.src_reg = BPF_REG_##src, .off = (at)                                              \
	}
#define MOVE(dst, value)                                                                           \
	{                                                                                          \
		.code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = BPF_REG_##dst, .imm = (int)(value)   \
	}
#define NOP                                                                                        \
	{                                                                                          \
		.code = BPF_JMP | BPF_JA                                                           \
	}
#define GOTO(n)                                                                                    \
	{                                                                                          \
		.code = BPF_JMP | BPF_JA, .off = (n)                                               \
	}
#define IF_0(reg, n)                                                                               \
	{                                                                                          \
		.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = BPF_REG_##reg, .off = (n)            \
	}
#define CALL                                                                                       \
	{                                                                                          \
		.code = BPF_JMP | BPF_CALL, .imm = 1                                               \
	}
#define SUBPROGRAM(n)                                                                              \
	{                                                                                          \
		.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = (n)                 \
	}
#define KERNEL_CALL(n)                                                                             \
	{                                                                                          \
		.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .imm = (n)           \
	}
#define EXIT                                                                                       \
	{                                                                                          \
		.code = BPF_JMP | BPF_EXIT                                                         \
	}
#define ADD(dst, n)                                                                                \
	{                                                                                          \
		.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_##dst, .imm = (n)          \
	}
#define STORE(dst, src, at)                                                                        \
	{                                                                                          \
		.code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_##dst,                       \
		.src_reg = BPF_REG_##src, .off = (at)                                              \
	}
#define FETCH_ADD(dst, src)                                                                        \
	{                                                                                          \
		.code = BPF_STX | BPF_ATOMIC | BPF_DW, .dst_reg = BPF_REG_##dst,                   \
		.src_reg = BPF_REG_##src, .imm = BPF_ADD | BPF_FETCH                               \
	}

/* `after` is empty where nothing must change. */
static const struct {
	const char *what;
	struct bpf_insn before[MAX], after[MAX];
} cases[] = {
	{ "a load into the register of its address",
	  { ADDRESS(1, MAP, 0), LOAD(BPF_B, 1, 1, 0), EXIT },
	  { NOP, NOP, MOVE(1, BYTE_AT_0), EXIT } },
	{ "a load into another one: somebody may still want the address",
	  { ADDRESS(1, MAP, 0), LOAD(BPF_H, 2, 1, 2), EXIT },
	  { ADDRESS(1, MAP, 0), MOVE(2, HALF_AT_2), EXIT } },
	{ "what has the highest bit set, at an offset in the address",
	  { ADDRESS(1, MAP, 4), LOAD(BPF_W, 1, 1, 0), EXIT },
	  { NOP, NOP, MOVE(1, WORD_AT_4), EXIT } },
	{ "several loads, the last one into the register of the address",
	  { ADDRESS(6, MAP, 0), LOAD(BPF_B, 1, 6, 0), CALL, LOAD(BPF_W, 6, 6, 4), EXIT },
	  { ADDRESS(6, MAP, 0), MOVE(1, BYTE_AT_0), CALL, MOVE(6, WORD_AT_4), EXIT } },
	{ "after a branch that is not taken, and a store that changes no register",
	  { ADDRESS(1, MAP, 0), IF_0(2, 2), STORE(10, 1, -8), LOAD(BPF_B, 2, 1, 0), EXIT },
	  { ADDRESS(1, MAP, 0), IF_0(2, 2), STORE(10, 1, -8), MOVE(2, BYTE_AT_0), EXIT } },
	{ "where a jump leads that comes from behind the address, too",
	  { ADDRESS(1, MAP, 0), IF_0(2, 1), ADD(3, 1), LOAD(BPF_B, 2, 1, 0), EXIT },
	  { ADDRESS(1, MAP, 0), IF_0(2, 1), ADD(3, 1), MOVE(2, BYTE_AT_0), EXIT } },
	{ "eight bytes that are in 32 bits",
	  { ADDRESS(1, MAP, 8), LOAD(BPF_DW, 1, 1, 8), EXIT },
	  { NOP, NOP, MOVE(1, 5), EXIT } },
	{ "eight bytes that are not", { ADDRESS(1, MAP, 8), LOAD(BPF_DW, 1, 1, 0), EXIT }, {} },
	{ "another map", { ADDRESS(1, OTHER_MAP, 0), LOAD(BPF_B, 1, 1, 0), EXIT }, {} },
	{ "before the map", { ADDRESS(1, MAP, 0), LOAD(BPF_B, 1, 1, -1), EXIT }, {} },
	{ "beyond the map", { ADDRESS(1, MAP, 21), LOAD(BPF_W, 1, 1, 0), EXIT }, {} },
	{ "another register", { ADDRESS(1, MAP, 0), LOAD(BPF_B, 1, 2, 0), EXIT }, {} },
	{ "an address that was changed",
	  { ADDRESS(1, MAP, 0), ADD(1, 4), LOAD(BPF_B, 1, 1, 0), EXIT },
	  {} },
	{ "an address that a call has taken",
	  { ADDRESS(1, MAP, 0), CALL, LOAD(BPF_B, 1, 1, 0), EXIT },
	  {} },
	{ "an address that was exchanged for what was at another",
	  { ADDRESS(1, MAP, 0), FETCH_ADD(2, 1), LOAD(BPF_B, 1, 1, 0), EXIT },
	  {} },
	{ "another address in the same register",
	  { ADDRESS(1, MAP, 0), ADDRESS(1, OTHER_MAP, 0), LOAD(BPF_B, 1, 1, 0), EXIT },
	  {} },
	{ "a load that is jumped to",
	  { IF_0(2, 2), ADDRESS(1, MAP, 0), LOAD(BPF_B, 1, 1, 0), EXIT },
	  {} },
	{ "a load after one that is jumped to, from behind",
	  { ADDRESS(1, MAP, 0), ADD(3, 1), LOAD(BPF_B, 1, 1, 0), IF_0(1, -3), EXIT },
	  {} },
	{ "a load where two jumps lead, one of them from before the address",
	  { IF_0(2, 4), ADDRESS(1, MAP, 0), IF_0(2, 1), ADD(3, 1), LOAD(BPF_B, 2, 1, 0), EXIT },
	  {} },
	{ "a load that is behind a jump",
	  { ADDRESS(1, MAP, 0), GOTO(1), LOAD(BPF_B, 1, 1, 0), EXIT },
	  {} },
	{ "the end of the program", { ADDRESS(1, MAP, 0) }, {} },
};

/* Instructions of code 0 are none: they fill up. */
static size_t length(const struct bpf_insn insns[MAX])
{
	size_t n = MAX;

	while (n && !insns[n - 1].code && !insns[n - 1].imm)
		n--;
	return n;
}

static void loads_become_moves(void **state)
{
	const struct constants c = { .map_fd = MAP, .values = values, .size = sizeof(values) };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct bpf_insn *after =
			length(cases[i].after) ? cases[i].after : cases[i].before;
		struct bpf_insn insns[MAX];

		memcpy(insns, cases[i].before, sizeof(insns));
		constants_fold(insns, length(insns), &c);
		for (int k = 0; k < MAX; k++)
			if (memcmp(&insns[k], &after[k], sizeof(insns[k])))
				fail_msg("%s: instruction %d: code %#x, register %u, imm %#x; "
					 "expected %#x, %u, %#x",
					 cases[i].what, k, insns[k].code, insns[k].dst_reg,
					 insns[k].imm, after[k].code, after[k].dst_reg,
					 after[k].imm);
	}
}

static void calls_to_the_kernel_are_dropped(void **state)
{
	/* the second half of a load of 64 bits is no call, whatever it looks like */
	struct bpf_insn insns[] = { ADDRESS(1, MAP, 0), ADDRESS(2, MAP, 0), CALL, SUBPROGRAM(0),
				    KERNEL_CALL(0),     KERNEL_CALL(1),     EXIT };
	struct bpf_insn after[] = {
		ADDRESS(1, MAP, 0), ADDRESS(2, MAP, 0), CALL, SUBPROGRAM(0), NOP, NOP, EXIT
	};
	static const struct bpf_insn call = KERNEL_CALL(0);

	(void)state;
	insns[3] = after[3] = call;
	constants_drop_calls(insns, ARRAY_SIZE(insns));
	assert_memory_equal(insns, after, sizeof(after));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_become_moves),
		cmocka_unit_test(calls_to_the_kernel_are_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
