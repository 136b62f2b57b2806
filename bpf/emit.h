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

/* Atomic although per CPU: a softirq may interrupt a program on its own CPU. */
static __always_inline void count(enum counter which, __s64 n)
{
	__u32 zero = 0;
	struct counts *counts = bpf_map_lookup_elem(&counters, &zero);

	if (counts)
		__sync_fetch_and_add(&counts->other[which], n);
}

static __always_inline void count_verdict(enum verdict verdict, __s64 n)
{
	__u32 zero = 0;
	struct counts *counts = bpf_map_lookup_elem(&counters, &zero);

	if (counts && verdict < VERDICTS_MAX)
		__sync_fetch_and_add(&counts->verdict[verdict], n);
}

static __always_inline bool worth_a_record(enum verdict verdict)
{
	return show_orderly || verdict_group(verdict) != GROUP_ORDERLY;
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
