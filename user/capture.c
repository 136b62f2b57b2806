// SPDX-License-Identifier: GPL-2.0-only
#include "capture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture_parts.h"
#include "procfs.h"

static bool verbose_libbpf;

/* Everything that libbpf has to say is for -v: what fails is said by us, once. */
static int print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	return verbose_libbpf && level <= LIBBPF_INFO ? vfprintf(stderr, format, args) : 0;
}

void capture_set_verbose(bool verbose)
{
	verbose_libbpf = verbose;
	libbpf_set_print(print_libbpf);
}

/* ---- records ----------------------------------------------------------------------------- */

static void take_evidence(struct capture *c, const struct evidence *e,
			  const struct stack_trace *stacks)
{
	struct evidence complete = *e;

	if (e->facts.flags & FACT_QUEUE_FULL)
		c->queue_filled = true;
	if (e->closer_key)
		add_closer(c, &complete);
	c->sink.evidence(c->sink.ctx, &complete, stacks);
}

static int take_record(void *ctx, void *data, size_t size)
{
	const struct record_head *head = data;
	struct capture *c = ctx;

	if (size < sizeof(*head) || head->size > size) {
		c->rejected++;
		return 0;
	}
	if (head->type == RECORD_EVIDENCE && head->size == sizeof(struct evidence)) {
		take_evidence(c, data, NULL);
	} else if (head->type == RECORD_EVIDENCE &&
		   head->size == sizeof(struct evidence_with_stacks)) {
		const struct evidence_with_stacks *both = data;

		take_evidence(c, &both->e, &both->stacks);
	} else if (head->type == RECORD_CLOSER && head->size == sizeof(struct closer_record)) {
		const struct closer_record *record = data;

		c->sink.closer(c->sink.ctx, record->sock_id, &record->owner);
	} else if (head->type == RECORD_QUEUE_FULL) {
		c->queue_filled = true;
	} else {
		c->rejected++;
	}
	return 0;
}

static int open_ring(struct capture *c, struct failure *why)
{
	c->ring = ring_buffer__new(bpf_map__fd(c->skel->maps.records), take_record, c, NULL);
	if (!c->ring)
		return failed(why, EXIT_FAILED, "cannot map the BPF ring buffer: %s",
			      strerror(errno));
	return 0;
}

int capture_try(const struct kernel *k, const struct capture_settings *settings, bool attach,
		struct failure *why)
{
	struct capture *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return failed(why, EXIT_FAILED, "out of memory");
	c->kernel = *k;
	c->cpus = libbpf_num_possible_cpus();
	err = load_programs(c, settings, why) || open_ring(c, why);
	if (!err && attach)
		err = attach_programs(c, why) || attach_iterators(c, why);
	capture_close(c);
	return err ? -1 : 0;
}

struct capture *capture_open(const struct capture_settings *settings,
			     const struct capture_sink *sink, struct failure *why)
{
	struct capture *c = calloc(1, sizeof(*c));

	if (!c) {
		failed(why, EXIT_FAILED, "out of memory");
		return NULL;
	}
	c->sink = *sink;
	c->cpus = libbpf_num_possible_cpus();
	capture_set_verbose(settings->verbose);
	if (kernel_look(&c->kernel, settings->without, why) || load_programs(c, settings, why) ||
	    attach_programs(c, why) || open_ring(c, why) || open_closers(c, why) ||
	    begin_to_watch(c, settings->filter, why) || take_snapshot(c, why) ||
	    attach_iterators(c, why)) {
		capture_close(c);
		return NULL;
	}
	return c;
}

void capture_close(struct capture *c)
{
	if (!c)
		return;
	bpf_link__destroy(c->look);
	bpf_link__destroy(c->search);
	bpf_link__destroy(c->cgroup);
	ring_buffer__free(c->ring);
	close_closers(c);
	tcpwhy__destroy(c->skel);
	free(c);
}

bool capture_reads_proc(const struct capture *c)
{
	return !has_iterators(c);
}

int capture_fd(const struct capture *c)
{
	return ring_buffer__epoll_fd(c->ring);
}

int capture_drain(struct capture *c)
{
	int n = ring_buffer__consume(c->ring);

	return n > 0 ? n : 0;
}

/* ---- listeners --------------------------------------------------------------------------- */

/* Said once. */
static void say_unseen_listeners(struct capture *c)
{
	if (c->unseen_said || !c->skel->bss->listeners_unseen)
		return;
	fprintf(stderr,
		"tcpwhy: more than %u sockets listen: overflows of the others are not seen; -L, -P "
		"and -p do not help, --netns does\n",
		bpf_map__max_entries(c->skel->maps.listeners));
	c->unseen_said = true;
}

/* 0 or -errno. */
static int look_at_one(struct capture *c, __u64 address)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &address, .ctx_size_in = sizeof(address));

	return bpf_prog_test_run_opts(bpf_program__fd(c->skel->progs.look_at_one), &opts);
}

/* Where there are no iterators. An entry may go at any time, and then its successor is not known.
 */
static int look_at_each(struct capture *c)
{
	int map = bpf_map__fd(c->skel->maps.listeners), err = 0;
	__u64 address, next;

	if (bpf_map_get_next_key(map, NULL, &next))
		return 0;
	do {
		address = next;
		err = look_at_one(c, address);
	} while (!err && !bpf_map_get_next_key(map, &address, &next));
	return err;
}

int capture_look_at_listeners(struct capture *c, bool last)
{
	int err;

	say_unseen_listeners(c);
	c->queue_filled = false;
	c->skel->bss->last_look = last;
	c->skel->bss->listeners_full = 0;
	err = has_iterators(c) ? run_iterator(c->look) : look_at_each(c);
	return err ? err : (int)c->skel->bss->listeners_full;
}

bool capture_queue_filled(const struct capture *c)
{
	return c->queue_filled;
}

/* ---- owners ------------------------------------------------------------------------------ */

static void ask(struct capture *c, const struct wanted *wanted, size_t n)
{
	int map = bpf_map__fd(c->skel->maps.wanted);

	for (size_t i = 0; i < n; i++)
		bpf_map_update_elem(map, &wanted[i].socket, &wanted[i], BPF_ANY);
}

static void take_answers(struct capture *c, struct wanted *wanted, size_t n)
{
	int map = bpf_map__fd(c->skel->maps.wanted);
	struct wanted answer;

	for (size_t i = 0; i < n; i++)
		if (!bpf_map_lookup_elem(map, &wanted[i].socket, &answer) &&
		    answer.inode == wanted[i].inode)
			wanted[i].owner = answer.owner;
	for (size_t i = 0; i < n; i++)
		bpf_map_delete_elem(map, &wanted[i].socket);
}

void capture_find_holders(struct capture *c, struct wanted *wanted, size_t n)
{
	if (!has_iterators(c)) {
		procfs_find_holders(wanted, n);
		return;
	}
	ask(c, wanted, n);
	c->skel->bss->wanted_left = n;
	run_iterator(c->search);
	take_answers(c, wanted, n);
}

/* ---- counters ---------------------------------------------------------------------------- */

static void add_counts(struct counts *sum, const struct counts *one)
{
	for (int i = 0; i < VERDICTS_MAX; i++) {
		sum->verdict[i] += one->verdict[i];
		sum->thinned[i] += one->thinned[i];
	}
	for (int i = 0; i < COUNTER_MAX; i++)
		sum->other[i] += one->other[i];
}

static void add_lines(struct counts *sum, const struct cpu_line lines[CLOSER_RINGS], int cpus)
{
	for (int i = 0; i < cpus && i < CLOSER_RINGS; i++) {
		for (int verdict = 0; verdict < ORDERLY_VERDICTS; verdict++)
			sum->verdict[verdict] += lines[i].orderly[verdict];
		sum->other[COUNT_DESTROYED] += lines[i].destroyed;
	}
}

static uint64_t misses(const struct bpf_program *prog)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len) ? 0
									  : info.recursion_misses;
}

/*
 * From 6.1 a program that is running on a CPU is not run a second time there. Those of system calls
 * are run for all processes, and some kernels (7.3) let another one have the CPU meanwhile: what
 * they miss is seldom anything of ours, and is counted apart.
 */
static void add_misses(const struct capture *c, struct capture_counts *sum)
{
	struct bpf_program *prog;

	sum->missed = 0;
	bpf_object__for_each_program (prog, c->skel->obj) {
		if (prog == c->skel->progs.on_sys_enter || prog == c->skel->progs.on_sys_exit)
			sum->counts.other[COUNT_CALLS_MISSED] += misses(prog);
		else
			sum->missed += misses(prog);
	}
}

/* 0 or -errno. */
static int sum_counts(const struct capture *c, struct counts *sum)
{
	struct counts *per_cpu;
	__u32 zero = 0;
	int err;

	memset(sum, 0, sizeof(*sum));
	if (c->cpus < 1)
		return c->cpus;
	per_cpu = calloc(c->cpus, sizeof(*per_cpu));
	if (!per_cpu)
		return -ENOMEM;
	err = bpf_map_lookup_elem(bpf_map__fd(c->skel->maps.counters), &zero, per_cpu);
	for (int cpu = 0; !err && cpu < c->cpus; cpu++)
		add_counts(sum, &per_cpu[cpu]);
	free(per_cpu);
	/* Later than those, which may take back what is counted in these. */
	add_lines(sum, c->skel->bss->cpu_lines, c->cpus);
	return err;
}

int capture_read_thinned(const struct capture *c, uint64_t thinned[VERDICTS_MAX])
{
	struct counts sum = {};
	int err = c->skel->bss->has_thinned ? sum_counts(c, &sum) : 0;

	memcpy(thinned, sum.thinned, sizeof(sum.thinned));
	return err;
}

int capture_read_counts(const struct capture *c, struct capture_counts *sum)
{
	int err = sum_counts(c, &sum->counts);

	add_misses(c, sum);
	sum->rejected = c->rejected;
	return err;
}
