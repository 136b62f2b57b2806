/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Count, and send. Counting comes first and cannot fail; the ring buffer can be full, and then
 * the record is counted as lost.
 */
#ifndef TCPWHY_EMIT_H
#define TCPWHY_EMIT_H

#include "classify.h"

const volatile bool show_orderly = false; /* -a */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} records SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counts);
} counters SEC(".maps");

/*
 * classify(), and is it worth a record? A function of its own, which the verifier walks through
 * once for any facts, not once for each way in which they can have come about. Returns the
 * verdict, with WORTH_A_RECORD set or not.
 */
#define WORTH_A_RECORD 0x100

__noinline int judge(const struct facts *facts)
{
	enum verdict verdict;

	if (!facts)
		return VERDICT_unknown;
	verdict = classify(facts);
	if (show_orderly || verdict_group(verdict) != GROUP_ORDERLY)
		return verdict | WORTH_A_RECORD;
	return verdict;
}

/* Atomic although per CPU: a softirq may interrupt a program on its own CPU. */
static __always_inline void count(enum counter which, __s64 n)
{
	__u32 zero = 0;
	struct counts *counts = bpf_map_lookup_elem(&counters, &zero);

	if (counts)
		__sync_fetch_and_add(&counts->other[which], n);
}

/* judgement: of judge() */
static __always_inline void count_verdict(__u32 judgement, __s64 n)
{
	__u32 zero = 0, verdict = judgement & (VERDICTS_MAX - 1);
	struct counts *counts = bpf_map_lookup_elem(&counters, &zero);

	if (counts)
		__sync_fetch_and_add(&counts->verdict[verdict], n);
}

static __always_inline void *reserve_record(enum record_type type, __u16 size)
{
	struct record_head *head = bpf_ringbuf_reserve(&records, size, 0);

	if (!head) {
		count(COUNT_LOST, 1);
		return NULL;
	}
	__builtin_memset(head, 0, size);
	head->type = type;
	head->size = size;
	return head;
}

static __always_inline struct evidence *reserve_evidence(const struct facts *facts)
{
	struct evidence *e = reserve_record(RECORD_EVIDENCE, sizeof(*e));

	if (!e)
		return NULL;
	e->time_ns = bpf_ktime_get_ns();
	e->facts = *facts;
	e->count = 1;
	return e;
}

static __always_inline void send(void *record)
{
	bpf_ringbuf_submit(record, 0);
}

#endif
