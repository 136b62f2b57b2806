// SPDX-License-Identifier: GPL-2.0-only
#include "unwind.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

/* The numbers that DWARF gives to registers, and where the machine keeps a return address. */
#if defined(__aarch64__)
enum { FP = 29, LR = 30, SP = 31, RETURN = LR };
#else
enum { FP = 6, LR = 16, SP = 7, RETURN = LR }; /* LR: no such register, but a column */
#endif

#define NO_CHAIN SIZE_MAX

struct state {
	const struct stack_trace *stacks;
	uint64_t pc, sp, fp, lr;
	bool has_fp, has_lr; /* they are known */
	size_t chain;        /* the frame behind this one, by frame pointers */
	uint64_t chain_fp;   /* what fp is, if it still holds */
};

static uint64_t without_signature(uint64_t address)
{
#if defined(__aarch64__)
	address &= (UINT64_C(1) << 48) - 1; /* pointer authentication */
#endif
	return address;
}

static bool read_word(const struct state *s, uint64_t at, uint64_t *word)
{
	uint64_t offset = at - s->stacks->sp;

	if (offset > s->stacks->bytes_n || s->stacks->bytes_n - offset < sizeof(*word))
		return false;
	memcpy(word, s->stacks->bytes + offset, sizeof(*word));
	return true;
}

static bool read_register(const struct state *s, uint64_t number, uint64_t *value)
{
	if (number == SP) {
		*value = s->sp;
		return true;
	}
	*value = s->fp;
	return number == FP && s->has_fp;
}

/* A register and an offset; other expressions are seldom, and end it. */
static bool find_cfa(const struct state *s, Dwarf_Frame *frame, uint64_t *cfa, bool *by_fp)
{
	uint64_t number, offset, base;
	Dwarf_Op *ops;
	size_t n;

	if (dwarf_frame_cfa(frame, &ops, &n) || n != 1)
		return false;
	if (ops[0].atom == DW_OP_bregx) {
		number = ops[0].number;
		offset = ops[0].number2;
	} else if (ops[0].atom >= DW_OP_breg0 && ops[0].atom <= DW_OP_breg31) {
		number = ops[0].atom - DW_OP_breg0;
		offset = ops[0].number;
	} else {
		return false;
	}
	if (!read_register(s, number, &base))
		return false;
	*cfa = base + offset;
	*by_fp = number == FP;
	return true;
}

enum rule {
	RULE_SAME,      /* the caller's is what it is now */
	RULE_SAVED,     /* in memory */
	RULE_UNDEFINED, /* not to be recovered */
	RULE_OTHER,
};

/* *at: where the caller's value is saved. */
static enum rule find_rule(Dwarf_Frame *frame, int number, uint64_t cfa, uint64_t *at)
{
	Dwarf_Op mem[3], *ops;
	size_t n;

	if (dwarf_frame_register(frame, number, mem, &ops, &n))
		return RULE_OTHER;
	if (!n)
		return ops ? RULE_UNDEFINED : RULE_SAME;
	if (ops[0].atom != DW_OP_call_frame_cfa)
		return RULE_OTHER;
	*at = cfa;
	if (n == 2 && ops[1].atom == DW_OP_plus_uconst)
		*at += ops[1].number;
	else if (n != 1)
		return RULE_OTHER;
	return RULE_SAVED;
}

static bool find_return(const struct state *s, Dwarf_Frame *frame, uint64_t cfa, uint64_t *address)
{
	uint64_t at;
	enum rule rule = find_rule(frame, RETURN, cfa, &at);

	if (rule == RULE_SAVED)
		return read_word(s, at, address);
	*address = s->lr;
	/* on arm64 it stays in its register until it is saved; libdw knows no default for it */
	return RETURN != 16 && rule != RULE_OTHER && s->has_lr;
}

/* A function that does not mention it has left it alone: it belongs to the caller. */
static void find_fp(struct state *s, Dwarf_Frame *frame, uint64_t cfa)
{
	uint64_t at;
	enum rule rule = find_rule(frame, FP, cfa, &at);

	if (rule == RULE_SAVED)
		s->has_fp = read_word(s, at, &s->fp);
	else if (rule == RULE_OTHER)
		s->has_fp = false;
}

static bool chain_holds(const struct state *s)
{
	return s->has_fp && s->fp == s->chain_fp;
}

/* To the caller; false: no further. */
static bool step(struct state *s, Dwarf_Frame *frame)
{
	uint64_t cfa, address;
	bool by_fp, linked;

	if (!find_cfa(s, frame, &cfa, &by_fp) || cfa < s->sp ||
	    !find_return(s, frame, cfa, &address) || !address)
		return false;
	linked = by_fp && chain_holds(s);
	find_fp(s, frame, cfa);
	if (linked && s->chain != NO_CHAIN) {
		s->chain++;
		s->chain_fp = s->fp;
	}
	s->pc = without_signature(address);
	s->sp = cfa;
	s->has_lr = false;
	return true;
}

/* The outermost function says that there is nobody to return to. */
static bool is_outermost(Dwarf_Frame *frame)
{
	uint64_t at;

	return RETURN == 16 && find_rule(frame, RETURN, 0, &at) == RULE_UNDEFINED;
}

size_t unwind(const struct stack_trace *stacks, frame_at_fn frame_at, void *ctx,
	      uint64_t *addresses, size_t most, size_t *chain)
{
	struct state s = {
		.stacks = stacks,
		.pc = stacks->pc,
		.sp = stacks->sp,
		.fp = stacks->fp,
		.lr = stacks->lr,
		.has_fp = true,
		.has_lr = true,
		.chain = 1,
		.chain_fp = stacks->fp,
	};
	size_t n = 0;
	bool ended = false, goes_on = stacks->bytes_n > 0;

	while (goes_on && n < most) {
		Dwarf_Frame *frame;

		addresses[n++] = s.pc;
		frame = frame_at(ctx, n > 1 ? s.pc - 1 : s.pc);
		ended = frame && is_outermost(frame);
		goes_on = frame && !ended && step(&s, frame);
		free(frame);
	}
	*chain = !ended && n < most && chain_holds(&s) ? s.chain : NO_CHAIN;
	return n;
}
