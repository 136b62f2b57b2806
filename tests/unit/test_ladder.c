// SPDX-License-Identifier: GPL-2.0-only
/* Which rung holds on which kernel, and what that means for the verdicts. */
#include "expect.h"

#include "ladder.h"

#define BIT(feature) (UINT32_C(1) << FEATURE_##feature)

/* What Debian's kernels of these releases offer. */
#define LINUX_5_10                                                                                 \
	(BIT(kernel_btf) | BIT(fentry_resets) | BIT(kprobe_resets) | BIT(fentry_listeners) |       \
	 BIT(kprobe_listeners) | BIT(fexit_calls) | BIT(symbols))
/* tcp_conn_request() cannot be attached to by fentry there. */
#define LINUX_6_1                                                                                  \
	((LINUX_5_10 & ~BIT(fentry_listeners)) | BIT(task_pointer) | BIT(file_socket) |            \
	 BIT(socket_storage) | BIT(global_pointers) | BIT(task_registers) | BIT(loop) |            \
	 BIT(cgroup_iterator))
#define LINUX_6_12                                                                                 \
	(LINUX_6_1 | BIT(fentry_listeners) | BIT(socket_calls) | BIT(stray_resets) |               \
	 BIT(reset_reason) | BIT(drop_socket))
#define LINUX_6_18 (LINUX_6_12 | BIT(overflow_reason) | BIT(retransmit_error))

/* What is left where the kernel was built without BTF and a file has it. */
#define LINUX_6_1_WITHOUT_BTF                                                                      \
	(BIT(kprobe_resets) | BIT(kprobe_listeners) | BIT(symbols) | BIT(global_pointers))

#define NO_FUNCTIONS                                                                               \
	(BIT(fentry_resets) | BIT(kprobe_resets) | BIT(fentry_listeners) | BIT(kprobe_listeners) | \
	 BIT(fexit_calls))

static const struct {
	const char *name;
	uint32_t features;
	int rungs[LADDER_COUNT]; /* from 1 */
} kernels[] = {
	{ "5.10",
	  LINUX_5_10,
	  { [LADDER_HOOKS] = 1,
	    [LADDER_STRAY_RESETS] = 2,
	    [LADDER_GIVEN_UP] = 2,
	    [LADDER_OVERFLOWS] = 2,
	    [LADDER_CALLS] = 2,
	    [LADDER_SENDS] = 3,
	    [LADDER_STACKS] = 2,
	    [LADDER_SNAPSHOT] = 2,
	    [LADDER_HOLDERS] = 2,
	    [LADDER_MARKS] = 2,
	    [LADDER_SILENCES] = 2,
	    [LADDER_CGROUPS] = 2,
	    [LADDER_RETRANSMITS] = 2 } },
	{ "6.1",
	  LINUX_6_1,
	  { [LADDER_HOOKS] = 1,
	    [LADDER_STRAY_RESETS] = 2,
	    [LADDER_GIVEN_UP] = 2,
	    [LADDER_OVERFLOWS] = 3,
	    [LADDER_CALLS] = 2,
	    [LADDER_SENDS] = 2,
	    [LADDER_STACKS] = 1,
	    [LADDER_SNAPSHOT] = 1,
	    [LADDER_HOLDERS] = 1,
	    [LADDER_MARKS] = 1,
	    [LADDER_SILENCES] = 1,
	    [LADDER_CGROUPS] = 1,
	    [LADDER_RETRANSMITS] = 2 } },
	{ "6.12",
	  LINUX_6_12,
	  { [LADDER_HOOKS] = 1,
	    [LADDER_STRAY_RESETS] = 1,
	    [LADDER_GIVEN_UP] = 1,
	    [LADDER_OVERFLOWS] = 2,
	    [LADDER_CALLS] = 1,
	    [LADDER_SENDS] = 1,
	    [LADDER_STACKS] = 1,
	    [LADDER_SNAPSHOT] = 1,
	    [LADDER_HOLDERS] = 1,
	    [LADDER_MARKS] = 1,
	    [LADDER_SILENCES] = 1,
	    [LADDER_CGROUPS] = 1,
	    [LADDER_RETRANSMITS] = 2 } },
	{ "6.12 without fentry and kprobes",
	  LINUX_6_12 & ~NO_FUNCTIONS,
	  { [LADDER_HOOKS] = 1,
	    [LADDER_STRAY_RESETS] = 1,
	    [LADDER_GIVEN_UP] = 1,
	    [LADDER_OVERFLOWS] = 4,
	    [LADDER_CALLS] = 1,
	    [LADDER_SENDS] = 1,
	    [LADDER_STACKS] = 1,
	    [LADDER_SNAPSHOT] = 1,
	    [LADDER_HOLDERS] = 1,
	    [LADDER_MARKS] = 1,
	    [LADDER_SILENCES] = 1,
	    [LADDER_CGROUPS] = 1,
	    [LADDER_RETRANSMITS] = 2 } },
	{ "6.18",
	  LINUX_6_18,
	  { [LADDER_HOOKS] = 1,
	    [LADDER_STRAY_RESETS] = 1,
	    [LADDER_GIVEN_UP] = 1,
	    [LADDER_OVERFLOWS] = 1,
	    [LADDER_CALLS] = 1,
	    [LADDER_SENDS] = 1,
	    [LADDER_STACKS] = 1,
	    [LADDER_SNAPSHOT] = 1,
	    [LADDER_HOLDERS] = 1,
	    [LADDER_MARKS] = 1,
	    [LADDER_SILENCES] = 1,
	    [LADDER_CGROUPS] = 1,
	    [LADDER_RETRANSMITS] = 1 } },
	{ "6.1 built without BTF",
	  LINUX_6_1_WITHOUT_BTF,
	  { [LADDER_HOOKS] = 2,
	    [LADDER_STRAY_RESETS] = 3,
	    [LADDER_GIVEN_UP] = 2,
	    [LADDER_OVERFLOWS] = 3,
	    [LADDER_CALLS] = 3,
	    [LADDER_SENDS] = 3,
	    [LADDER_STACKS] = 2,
	    [LADDER_SNAPSHOT] = 3,
	    [LADDER_HOLDERS] = 3,
	    [LADDER_MARKS] = 2,
	    [LADDER_SILENCES] = 2,
	    [LADDER_CGROUPS] = 2,
	    [LADDER_RETRANSMITS] = 2 } },
	{ "6.18 built without BTF and kprobes",
	  BIT(stray_resets) | BIT(reset_reason) | BIT(drop_socket) | BIT(overflow_reason) |
		  BIT(socket_calls) | BIT(retransmit_error) | BIT(global_pointers),
	  { [LADDER_HOOKS] = 2,
	    [LADDER_STRAY_RESETS] = 1,
	    [LADDER_GIVEN_UP] = 1,
	    [LADDER_OVERFLOWS] = 5,
	    [LADDER_CALLS] = 1,
	    [LADDER_SENDS] = 3,
	    [LADDER_STACKS] = 2,
	    [LADDER_SNAPSHOT] = 3,
	    [LADDER_HOLDERS] = 3,
	    [LADDER_MARKS] = 2,
	    [LADDER_SILENCES] = 2,
	    [LADDER_CGROUPS] = 2,
	    [LADDER_RETRANSMITS] = 1 } },
	{ "nothing",
	  0,
	  { [LADDER_HOOKS] = 2,
	    [LADDER_STRAY_RESETS] = 4,
	    [LADDER_GIVEN_UP] = 3,
	    [LADDER_OVERFLOWS] = 6,
	    [LADDER_CALLS] = 3,
	    [LADDER_SENDS] = 3,
	    [LADDER_STACKS] = 2,
	    [LADDER_SNAPSHOT] = 3,
	    [LADDER_HOLDERS] = 3,
	    [LADDER_MARKS] = 2,
	    [LADDER_SILENCES] = 2,
	    [LADDER_CGROUPS] = 2,
	    [LADDER_RETRANSMITS] = 2 } },
};

static void rungs_of_kernels(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kernels); i++) {
		const struct kernel k = { .features = kernels[i].features };

		for (int l = 0; l < LADDER_COUNT; l++) {
			const struct ladder_text *text = ladder_text(l);
			int seen = ladder_rung(&k, l) - text->rungs + 1;

			if (seen == kernels[i].rungs[l])
				continue;
			print_error("%s, %s: rung seen: %d, expected: %d\n", kernels[i].name,
				    text->what, seen, kernels[i].rungs[l]);
			fail();
		}
	}
}

/* ---- verdicts ---------------------------------------------------------------------------- */

/* All others are read; those that are inferred on any kernel are in always[]. */
static const struct {
	const char *name;
	uint32_t features;
	struct {
		enum verdict verdict;
		enum reach reach;
	} exceptions[12];
} reaches[] = {
	{ "5.10", LINUX_5_10, { { VERDICT_syn_dropped, REACH_NONE } } },
	{ "6.1", LINUX_6_1, { { VERDICT_syn_dropped, REACH_NONE } } },
	{ "6.12", LINUX_6_12, { { VERDICT_syn_dropped, REACH_NONE } } },
	{ "6.18", LINUX_6_18, { { 0 } } },
	{ "6.1 built without BTF",
	  LINUX_6_1_WITHOUT_BTF,
	  { { VERDICT_syn_dropped, REACH_NONE },
	    { VERDICT_write_after_close, REACH_NONE },
	    { VERDICT_not_connected, REACH_NONE },
	    { VERDICT_call_failed, REACH_NONE } } },
	{ "6.12 without fentry and kprobes",
	  LINUX_6_12 & ~NO_FUNCTIONS,
	  { { VERDICT_accept_overflow, REACH_INFERRED },
	    { VERDICT_syn_queue_overflow, REACH_INFERRED },
	    { VERDICT_syn_dropped, REACH_INFERRED } } },
	{ "6.1 without fentry and kprobes",
	  LINUX_6_1 & ~NO_FUNCTIONS,
	  { { VERDICT_no_listener, REACH_NONE },
	    { VERDICT_late_data_time_wait, REACH_NONE },
	    { VERDICT_late_segment, REACH_NONE },
	    { VERDICT_stray_segment, REACH_NONE },
	    { VERDICT_accept_overflow, REACH_INFERRED },
	    { VERDICT_syn_queue_overflow, REACH_INFERRED },
	    { VERDICT_syn_dropped, REACH_NONE },
	    { VERDICT_write_after_close, REACH_NONE },
	    { VERDICT_not_connected, REACH_NONE },
	    { VERDICT_call_failed, REACH_NONE } } },
	{ "6.1 without symbols",
	  LINUX_6_1 & ~BIT(symbols),
	  { { VERDICT_accept_overflow_reset, REACH_INFERRED },
	    { VERDICT_server_restarted, REACH_INFERRED },
	    { VERDICT_late_segment, REACH_INFERRED },
	    { VERDICT_stray_segment, REACH_INFERRED },
	    { VERDICT_syn_dropped, REACH_NONE } } },
};

static const enum verdict always[] = { VERDICT_backlog_reset, VERDICT_out_of_memory,
				       VERDICT_unknown };

static bool is_always_inferred(enum verdict verdict)
{
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		if (always[i] == verdict)
			return true;
	return false;
}

static enum reach expected_reach(size_t kernel, enum verdict verdict)
{
	for (size_t i = 0; i < ARRAY_SIZE(reaches[0].exceptions); i++)
		if (verdict && reaches[kernel].exceptions[i].verdict == verdict)
			return reaches[kernel].exceptions[i].reach;
	return is_always_inferred(verdict) ? REACH_INFERRED : REACH_READ;
}

static void verdicts_of_kernels(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(reaches); i++) {
		const struct kernel k = { .features = reaches[i].features };

		for (int v = 0; v < VERDICT_COUNT; v++) {
			const char *why = "";
			enum reach seen = ladder_reach(&k, v, &why);

			if (seen == expected_reach(i, v) && (seen == REACH_READ) == !why)
				continue;
			print_error("%s, %s: reach seen: %d, expected: %d; why: %s\n",
				    reaches[i].name, verdict_text(v)->name, seen,
				    expected_reach(i, v), why ? why : "none");
			fail();
		}
	}
}

/* What could not be tried is not known, unless something better is there. */
static void what_is_not_known(void **state)
{
	const struct kernel older = { .unknown = NO_FUNCTIONS | BIT(symbols) };
	const struct kernel newer = { .features = LINUX_6_18 & ~NO_FUNCTIONS,
				      .unknown = NO_FUNCTIONS };
	const char *why;

	(void)state;
	assert_null(ladder_rung(&older, LADDER_STRAY_RESETS));
	assert_null(ladder_rung(&older, LADDER_GIVEN_UP));
	assert_non_null(ladder_rung(&older, LADDER_HOLDERS));
	expect_number(ladder_reach(&older, VERDICT_no_listener, &why), REACH_UNKNOWN);
	assert_non_null(why);
	expect_number(ladder_reach(&older, VERDICT_unread_data, &why), REACH_READ);
	for (int l = 0; l < LADDER_COUNT; l++)
		assert_ptr_equal(ladder_rung(&newer, l), &ladder_text(l)->rungs[0]);
	expect_number(ladder_reach(&newer, VERDICT_no_listener, &why), REACH_READ);
}

/* ---- against the rules ------------------------------------------------------------------- */

static uint32_t next_random(void)
{
	static uint64_t x = 88172645463325252ULL; /* xorshift: the same each time */

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x >> 16;
}

static uint32_t one_of(const uint32_t *values, size_t n)
{
	return values[next_random() % n];
}

static struct facts any_death(void)
{
	static const uint32_t errors[] = { 0, ERR_PIPE, ERR_CONNRESET, ERR_TIMEDOUT, 113 };
	static const uint32_t few[] = { 0, 1, 2, 1500 };

	return (struct facts){
		.event = EVENT_DEATH,
		.state = next_random() % (ST_CLOSING + 1),
		.err = one_of(errors, ARRAY_SIZE(errors)),
		/* on a kernel that says all it can */
		.flags = next_random() & (next_random() | FACT_TSTAMP_OK) & ~FACT_INFERRED,
		.shutdown = next_random() & 1 ? SHUT_BOTH : 0,
		.unacked = one_of(few, ARRAY_SIZE(few)),
		.probes_out = one_of(few, 2),
		.heard_ms = one_of(few, ARRAY_SIZE(few)),
		.sent_ms = one_of(few, ARRAY_SIZE(few)),
		.bytes_received = one_of(few, ARRAY_SIZE(few)),
	};
}

/* A verdict is by timestamps if the rules call it likely without them, and sure with them. */
static void by_timestamps_as_the_rules_have_it(void **state)
{
	bool likely[VERDICT_COUNT] = {}, sure[VERDICT_COUNT] = {};

	(void)state;
	for (int i = 0; i < 1000000; i++) {
		struct facts f = any_death();
		enum verdict v = classify(&f);

		if (is_likely(&f, v))
			likely[v] = true;
		else
			sure[v] = true;
	}
	for (int v = 0; v < VERDICT_COUNT; v++) {
		if (ladder_by_timestamps(v) == (likely[v] && sure[v]) &&
		    (!likely[v] || sure[v] || is_always_inferred(v)))
			continue;
		print_error("%s: by timestamps %d, but seen likely %d, sure %d\n",
			    verdict_text(v)->name, ladder_by_timestamps(v), likely[v], sure[v]);
		fail();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rungs_of_kernels),
		cmocka_unit_test(verdicts_of_kernels),
		cmocka_unit_test(what_is_not_known),
		cmocka_unit_test(by_timestamps_as_the_rules_have_it),
	};

	return cmocka_run_group_tests_name("ladder", tests, NULL, NULL);
}
