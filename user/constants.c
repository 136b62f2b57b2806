// SPDX-License-Identifier: GPL-2.0-only
#include "constants.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const struct bpf_insn nop = { .code = BPF_JMP | BPF_JA };

static bool is_wide(const struct bpf_insn *insn)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW);
}

static bool is_jump(const struct bpf_insn *insn)
{
	unsigned int class = BPF_CLASS(insn->code), op = BPF_OP(insn->code);

	return (class == BPF_JMP || class == BPF_JMP32) && op != BPF_CALL && op != BPF_EXIT;
}

/* Where the jumps to an instruction come from: the first one and the last one, from 1; 0 = none. */
struct sources {
	size_t first, last;
};

/* By instruction. NULL: out of memory. */
static struct sources *find_sources(const struct bpf_insn *insns, size_t n)
{
	struct sources *sources = calloc(n, sizeof(*sources));

	for (size_t i = 0; sources && i < n; i += is_wide(&insns[i]) ? 2 : 1) {
		bool is_far = insns[i].code == (BPF_JMP32 | BPF_JA); /* gotol, of -mcpu=v4 */
		size_t target = i + 1 + (is_far ? insns[i].imm : insns[i].off);

		if (!is_jump(&insns[i]) || target >= n)
			continue;
		if (!sources[target].first)
			sources[target].first = i + 1;
		sources[target].last = i + 1;
	}
	return sources;
}

/* May somebody come to `at` who has not come by way of `first`, from which all led on to here? */
static bool has_strangers(const struct sources *sources, size_t first, size_t at)
{
	return sources[at].first && (sources[at].first <= first || sources[at].last > at);
}

/* May it change the register? */
static bool changes(const struct bpf_insn *insn, unsigned int reg)
{
	switch (BPF_CLASS(insn->code)) {
	case BPF_JMP:
		return BPF_OP(insn->code) == BPF_CALL && reg <= BPF_REG_5;
	case BPF_JMP32:
	case BPF_ST:
		return false;
	case BPF_STX: /* atomic ones fetch into the source, or into r0 */
		return BPF_MODE(insn->code) == BPF_ATOMIC &&
		       (insn->src_reg == reg || reg == BPF_REG_0);
	default:
		return insn->dst_reg == reg;
	}
}

static bool ends_line(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_EXIT) || insn->code == (BPF_JMP | BPF_JA) ||
	       insn->code == (BPF_JMP32 | BPF_JA);
}

static size_t load_size(const struct bpf_insn *insn)
{
	switch (BPF_SIZE(insn->code)) {
	case BPF_B:
		return 1;
	case BPF_H:
		return 2;
	case BPF_W:
		return 4;
	default:
		return 8;
	}
}

/* The value that a load of the address and its offset finds; false if no move has room for it. */
static bool read_constant(const struct constants *c, const struct bpf_insn *load, int64_t address,
			  uint32_t *value)
{
	size_t size = load_size(load);
	int64_t at = address + load->off;
	uint64_t wide = 0;

	if (at < 0 || (uint64_t)at + size > c->size)
		return false;
	/* BPF is of this machine's byte order: little-endian */
	memcpy(&wide, c->values + at, size);
	*value = wide;
	return wide <= UINT32_MAX;
}

/* A move of 32 bits clears the upper half. */
static void make_move(struct bpf_insn *insn, uint32_t value)
{
	*insn = (struct bpf_insn){ .code = BPF_ALU | BPF_MOV | BPF_K,
				   .dst_reg = insn->dst_reg,
				   .imm = (int32_t)value };
}

static bool is_load_of(const struct bpf_insn *insn, unsigned int reg)
{
	return BPF_CLASS(insn->code) == BPF_LDX && BPF_MODE(insn->code) == BPF_MEM &&
	       insn->src_reg == reg;
}

/* What follows the instruction at `line`, which takes the address. */
static void fold_line(struct bpf_insn *insns, size_t n, const struct sources *sources, size_t line,
		      const struct constants *c)
{
	unsigned int reg = insns[line].dst_reg;
	int64_t address = insns[line + 1].imm;
	size_t first = line + 2;
	uint32_t value;

	for (size_t i = first; i < n && !has_strangers(sources, first, i);
	     i += is_wide(&insns[i]) ? 2 : 1) {
		bool ends = ends_line(&insns[i]) || changes(&insns[i], reg);

		if (is_load_of(&insns[i], reg) && read_constant(c, &insns[i], address, &value)) {
			if (i == first && ends) /* and nobody else has the address */
				insns[line] = insns[line + 1] = nop;
			make_move(&insns[i], value);
		}
		if (ends)
			return;
	}
}

void constants_drop_calls(struct bpf_insn *insns, size_t n)
{
	for (size_t i = 0; i < n; i += is_wide(&insns[i]) ? 2 : 1)
		if (insns[i].code == (BPF_JMP | BPF_CALL) &&
		    insns[i].src_reg == BPF_PSEUDO_KFUNC_CALL)
			insns[i] = nop;
}

void constants_fold(struct bpf_insn *insns, size_t n, const struct constants *c)
{
	struct sources *sources = find_sources(insns, n);

	for (size_t i = 0; sources && i + 1 < n; i++) {
		if (!is_wide(&insns[i]))
			continue;
		if (insns[i].src_reg == BPF_PSEUDO_MAP_VALUE && insns[i].imm == c->map_fd)
			fold_line(insns, n, sources, i, c);
		i++;
	}
	free(sources);
}
