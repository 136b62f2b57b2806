/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Count, and send. Counting comes first and cannot fail; the ring buffer can be full, and then
 * the record is counted as lost.
 */
#ifndef TCPWHY_EMIT_H
#define TCPWHY_EMIT_H

#include "classify.h"
#include "sock.h"
#include "stack_trace.h"

const volatile bool show_orderly = false;  /* -a */
const volatile __u64 filter_verdicts = 0;  /* --verdict: bits by enum verdict, 0 = all */
const volatile bool user_stacks = false;   /* --stack */
const volatile bool kernel_stacks = false; /* --kstack */

/*
 * In a storm, nearly all that it costs is to make records, of which nobody reads that many. So of
 * each verdict a CPU makes this many in a slice of time, 131 ms, and STORM_SHARE of it in each
 * slice after one in which they did not suffice; what is beyond is counted twice, as the verdict
 * and as thinned. 0 = no end.
 */
const volatile __u32 records_per_slice = 0;

#define SLICE_US_SHIFT 17
#define STORM_SHARE(n) ((n) / 8)

struct slice {
	__u32 number; /* of the latest in which one was due */
	__u32 left;   /* so many more may be made in it */
};

struct slices {
	struct slice of[VERDICTS_MAX]; /* by enum verdict */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slices);
} slices SEC(".maps");

bool has_thinned = false; /* user space need not look for what was, as long as nothing was */

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

struct cpu_line cpu_lines[CLOSER_RINGS] __attribute__((aligned(64))) = {};

/* Of a judgement: a verdict, with this set or not. */
#define WORTH_A_RECORD 0x100

static __always_inline bool is_wanted(__u32 verdict)
{
	return !filter_verdicts || filter_verdicts >> verdict & 1;
}

static __always_inline bool is_worth_a_record(enum verdict verdict)
{
	if (filter_verdicts)
		return is_wanted(verdict);
	return show_orderly || is_news(verdict);
}

/* classify(), and is it worth a record? Where most facts are constants, few rules are left. */
static __always_inline int judge_inline(const struct facts *facts)
{
	enum verdict verdict = classify(facts);

	return is_worth_a_record(verdict) ? verdict | WORTH_A_RECORD : verdict;
}

/* A function of its own, which the verifier walks through once for facts of any origin. */
__noinline int judge(const struct facts *facts)
{
	return facts ? judge_inline(facts) : VERDICT_unknown;
}

/*
 * Of an attempt to connect that has failed: all of its facts that the rules look at
 * (tests/unit/test_classify.c).
 */
__noinline int judge_attempt(__u32 shutdown, __u32 err, __u32 segs_in, __u32 segs_out)
{
	const struct facts facts = {
		.event = EVENT_DEATH,
		.socket = SOCKET_FULL,
		.state = ST_SYN_SENT,
		.shutdown = shutdown,
		.err = err,
		.segs_in = segs_in,
		.segs_out = segs_out,
	};

	return judge_inline(&facts);
}

/* Atomic although per CPU: a softirq may interrupt a program on its own CPU. */
static __always_inline void count(enum counter which, __s64 n)
{
	__u32 zero = 0;
	struct counts *counts = bpf_map_lookup_elem(&counters, &zero);

	if (likely(counts))
		__sync_fetch_and_add(&counts->other[which], n);
}

static __always_inline struct cpu_line *this_cpu_line(void)
{
	return &cpu_lines[closer_ring_of(bpf_get_smp_processor_id())];
}

/* Of classify_orderly(): VERDICT_closed_by_peer or VERDICT_closed_here. */
static __always_inline void count_orderly(enum verdict verdict)
{
	_Static_assert(VERDICT_closed_by_peer < ORDERLY_VERDICTS &&
			       VERDICT_closed_here < ORDERLY_VERDICTS,
		       "orderly verdicts come first");

	if (likely(is_wanted(verdict)))
		__sync_fetch_and_add(&this_cpu_line()->orderly[verdict & 1], 1);
}

/* judgement: of judge() */
static __always_inline void count_verdict(__u32 judgement, __s64 n)
{
	__u32 zero = 0, verdict = judgement & (VERDICTS_MAX - 1);
	struct counts *counts = bpf_map_lookup_elem(&counters, &zero);

	if (likely(counts && is_wanted(verdict)))
		__sync_fetch_and_add(&counts->verdict[verdict], n);
}

static __always_inline void begin_slice(struct slice *slice, __u32 now)
{
	bool storm = slice->number + 1 == now && !slice->left;

	slice->number = now;
	slice->left = storm ? STORM_SHARE(records_per_slice) : records_per_slice;
}

static __always_inline __u32 slice_number(void)
{
	return bpf_jiffies64() * tick_us >> SLICE_US_SHIFT;
}

/* The latest of a verdict on this CPU. */
static __always_inline struct slice *latest_slice(__u32 verdict)
{
	__u32 zero = 0;
	struct slices *all = bpf_map_lookup_elem(&slices, &zero);

	return all ? &all->of[verdict & (VERDICTS_MAX - 1)] : NULL;
}

static __always_inline void count_thinned(__u32 verdict, __u32 n)
{
	__u32 zero = 0;
	struct counts *counts = bpf_map_lookup_elem(&counters, &zero);

	if (counts)
		__sync_fetch_and_add(&counts->thinned[verdict & (VERDICTS_MAX - 1)], n);
	if (!has_thinned)
		has_thinned = true;
}

/*
 * Is the record of a verdict, which stands for n events, one too many? Then it is counted. A
 * function of its own because of its frame: the verifier adds them up.
 */
__noinline int thin(__u32 verdict, __u32 n)
{
	struct slice *slice = latest_slice(verdict);
	__u32 now = slice_number();

	if (!slice)
		return false;
	if (slice->number != now)
		begin_slice(slice, now);
	if (slice->left) {
		slice->left--;
		return false;
	}
	count_thinned(verdict, n);
	return true;
}

/* The same where that is known without the facts, and else nothing is counted. */
static __always_inline bool is_thinned_already(__u32 verdict, __u32 n)
{
	const struct slice *slice = latest_slice(verdict);

	if (!slice || !records_per_slice)
		return false;
	if (slice->left || slice->number != slice_number())
		return false;
	count_thinned(verdict, n);
	return true;
}

static __always_inline bool is_thinned(const struct facts *facts, __u32 verdict, __u32 n)
{
	return records_per_slice && !may_be_replaced(facts, verdict) && thin(verdict, n);
}

/* What is behind the first `cleared` bytes is anything. */
static __always_inline void *reserve_room(enum record_type type, __u16 size, __u16 cleared)
{
	struct record_head *head = bpf_ringbuf_reserve(&records, size, 0);

	if (!head) {
		count(COUNT_LOST, 1);
		return NULL;
	}
	__builtin_memset(head, 0, cleared);
	head->type = type;
	head->size = size;
	return head;
}

static __always_inline void *reserve_record(enum record_type type, __u16 size)
{
	return reserve_room(type, size, size);
}

/* Of a record that was made with room for them, under --stack and --kstack. */
static __always_inline struct stack_trace *stacks_of(struct evidence *e)
{
	return &((struct evidence_with_stacks *)e)->stacks;
}

static __always_inline struct evidence *reserve_evidence(const struct facts *facts)
{
	struct evidence *e;

	if (user_stacks || kernel_stacks)
		e = reserve_room(RECORD_EVIDENCE, sizeof(struct evidence_with_stacks),
				 offsetof(struct evidence_with_stacks, stacks.kernel));
	else
		e = reserve_record(RECORD_EVIDENCE, sizeof(*e));
	if (!e)
		return NULL;
	e->time_ns = bpf_ktime_get_ns();
	e->jiffies = bpf_jiffies64();
	e->facts = *facts;
	e->count = 1;
	return e;
}

/* Counts n events of this judgement. Returns the record to be filled and sent, NULL if none is due.
 */
static __always_inline struct evidence *report_judged(const struct facts *facts, int judgement,
						      __u32 n)
{
	struct evidence *e = NULL;

	count_verdict(judgement, n);
	if (judgement & WORTH_A_RECORD && !is_thinned(facts, judgement & ~WORTH_A_RECORD, n))
		e = reserve_evidence(facts);
	if (e)
		e->count = n;
	return e;
}

static __always_inline struct evidence *report(const struct facts *facts, __u32 n)
{
	return report_judged(facts, judge(facts), n);
}

static __always_inline void send(void *record)
{
	bpf_ringbuf_submit(record, 0);
}

#endif
