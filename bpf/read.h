/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the programs read what they are given.
 *
 * The programs are compiled twice. Where the kernel has BTF of its own, the verifier knows what the
 * arguments of a tracepoint point to, and lets the fields be read directly. Where it has none
 * (PROBES_ONLY), tracepoints are raw, and all is read by probes, at the places that a file with
 * the kernel's BTF tells; then there are no iterators, no fentry and no socket storage.
 */
#ifndef TCPWHY_READ_H
#define TCPWHY_READ_H

/*
 * READ(pointer, field): of a pointer that the verifier trusts, if it trusts any: an argument of a
 * tracepoint, and what such a one leads to. Of any other pointer: BPF_CORE_READ().
 */
#ifdef PROBES_ONLY
#define READ(pointer, field)          BPF_CORE_READ(pointer, field)
#define READ_BITFIELD(pointer, field) BPF_CORE_READ_BITFIELD_PROBED(pointer, field)
#else
#define READ(pointer, field)          ((pointer)->field)
#define READ_BITFIELD(pointer, field) BPF_CORE_READ_BITFIELD(pointer, field)
#endif

/*
 * Of a pointer that is trusted in some programs and not in others: a probe takes some 30 ns more.
 * trusted: a constant when the programs are loaded, as which the verifier walks only one way.
 */
#define READ_AS(trusted, pointer, field)                                                           \
	((trusted) ? READ(pointer, field) : BPF_CORE_READ(pointer, field))

/*
 * Of the hot path: what follows a branch that is taken is in no cache, and in a tracepoint's
 * program, which runs once in a while, that is most of what it costs. So healthy connections take
 * none.
 */
#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

#endif
