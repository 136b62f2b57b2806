// SPDX-License-Identifier: GPL-2.0-only
/* Closers are found that were written, and none that was not, or no longer. */
#include "expect.h"

#include <stdlib.h>

#include "array.h"
#include "closer_index.h"

#define CPUS     4
#define PER_RING (CLOSERS / CPUS)

struct bench {
	struct closer table[CLOSERS];
	struct cpu_line lines[CLOSER_RINGS];
	struct closers *closers;
	__u32 per_ring;
};

static struct bench *new_bench_of(__u32 cpus)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->per_ring = closer_ring_size(cpus);
	b->closers = closers_new(b->table, b->lines, cpus);
	assert_non_null(b->closers);
	return b;
}

static struct bench *new_bench(void)
{
	return new_bench_of(CPUS);
}

static void free_bench(struct bench *b)
{
	closers_free(b->closers);
	free(b);
}

/* The hash is in the upper half. */
static __u64 key_of(__u32 hash, __u32 ports)
{
	return (__u64)hash << 32 | ports;
}

/* The place of the next one, as bpf/closers.h has it. */
static struct closer *next_of(struct bench *b, __u32 cpu)
{
	__u32 ring = closer_ring_of(cpu);
	__u32 number;

	do
		number = closer_number(ring, b->per_ring, b->lines[ring].closers++);
	while (!number);
	return &b->table[number];
}

static struct closer *write_closer(struct bench *b, __u32 cpu, __u64 key, __u32 pid)
{
	struct closer *closer = next_of(b, cpu);

	*closer = (struct closer){ .key = key, .pid = pid };
	return closer;
}

/* Its PID, 0 if there is none. */
static __u32 found(struct bench *b, __u64 key)
{
	struct closer closer;

	return closers_find(b->closers, key, &closer) ? closer.pid : 0;
}

static void each_is_found_on_its_cpu(void **state)
{
	struct bench *b = new_bench();

	(void)state;
	for (__u32 i = 0; i < 100; i++)
		write_closer(b, i % CPUS, key_of(i * 7919, i + 1), 1000 + i);
	for (__u32 i = 0; i < 100; i++)
		expect_number(found(b, key_of(i * 7919, i + 1)), 1000 + i);
	expect_number(found(b, key_of(0, 77)), 0);
	free_bench(b);
}

static void of_equal_hashes_the_ports_decide(void **state)
{
	struct bench *b = new_bench();

	(void)state;
	for (__u32 i = 1; i <= 20; i++)
		write_closer(b, 0, key_of(5, i), i);
	for (__u32 i = 1; i <= 20; i++)
		expect_number(found(b, key_of(5, i)), i);
	free_bench(b);
}

static void of_equal_keys_the_newest_is_meant(void **state)
{
	struct bench *b = new_bench();

	(void)state;
	write_closer(b, 0, key_of(9, 9), 1);
	expect_number(found(b, key_of(9, 9)), 1);
	write_closer(b, 0, key_of(9, 9), 2);
	expect_number(found(b, key_of(9, 9)), 2);
	free_bench(b);
}

static void what_was_overwritten_is_forgotten(void **state)
{
	struct bench *b = new_bench();

	(void)state;
	write_closer(b, 1, key_of(1, 1), 7);
	for (__u32 i = 0; i < 3 * PER_RING; i++)
		write_closer(b, 1, key_of(i + 100000, 2), 8);
	expect_number(found(b, key_of(1, 1)), 0);
	expect_number(found(b, key_of(3 * PER_RING - 1 + 100000, 2)), 8);
	expect_number(found(b, key_of(2 * PER_RING + 100000, 2)), 8);
	free_bench(b);
}

/* Searches by turns with writing, as in a storm. */
static void a_ring_goes_round_while_it_is_read(void **state)
{
	struct bench *b = new_bench();

	(void)state;
	for (__u32 i = 1; i < 5 * PER_RING; i++) {
		write_closer(b, 0, key_of(i * 40503, i), i);
		if (i % 1000 == 0)
			expect_number(found(b, key_of(i * 40503, i)), i);
	}
	for (__u32 i = 4 * PER_RING + 1; i < 5 * PER_RING; i += 97)
		expect_number(found(b, key_of(i * 40503, i)), i);
	free_bench(b);
}

static void what_is_being_written_is_waited_for(void **state)
{
	struct bench *b = new_bench();
	struct closer *closer;

	(void)state;
	closer = write_closer(b, 2, 0, 3);
	write_closer(b, 2, key_of(4, 4), 4);
	expect_number(found(b, key_of(3, 3)), 0);
	closer->key = key_of(3, 3);
	expect_number(found(b, key_of(3, 3)), 3);
	expect_number(found(b, key_of(4, 4)), 4);
	free_bench(b);
}

/* As many rings as CPUs, up to CLOSER_RINGS; all of the table is in use, nothing twice. */
static void rings_share_the_table(void **state)
{
	static const __u32 cpus[] = { 1, 2, 3, 255, 256, 257, 1000, 1024, 1025, 4096, 8192 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cpus); i++) {
		__u32 rings = cpus[i] < CLOSER_RINGS ? cpus[i] : CLOSER_RINGS;
		__u32 size = closer_ring_size(cpus[i]);

		expect_number(size & (size - 1), 0);
		assert_true(rings * size <= CLOSERS && 2 * rings * size > CLOSERS);
		expect_number(closer_number(rings - 1, size, size - 1), rings * size - 1);
		expect_number(closer_number(rings - 1, size, size), (uint64_t)(rings - 1) * size);
		expect_number(closer_ring_of(CLOSER_RINGS + 3), 3);
	}
}

static void each_of_many_cpus_is_read(void **state)
{
	struct bench *b = new_bench_of(3000);

	(void)state;
	for (__u32 cpu = 1; cpu < 3000; cpu++)
		write_closer(b, cpu, key_of(cpu * 7919, cpu), cpu);
	for (__u32 cpu = 1; cpu < 3000; cpu++)
		expect_number(found(b, key_of(cpu * 7919, cpu)), cpu);
	free_bench(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_found_on_its_cpu),
		cmocka_unit_test(of_equal_hashes_the_ports_decide),
		cmocka_unit_test(of_equal_keys_the_newest_is_meant),
		cmocka_unit_test(what_was_overwritten_is_forgotten),
		cmocka_unit_test(a_ring_goes_round_while_it_is_read),
		cmocka_unit_test(what_is_being_written_is_waited_for),
		cmocka_unit_test(rings_share_the_table),
		cmocka_unit_test(each_of_many_cpus_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
