// SPDX-License-Identifier: GPL-2.0-only
#include "capture_parts.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define CLOSER_TABLE_SIZE (CLOSERS * sizeof(struct closer))

int open_closers(struct capture *c, struct failure *why)
{
	int map = bpf_map__fd(c->skel->maps.closers);
	void *table = mmap(NULL, CLOSER_TABLE_SIZE, PROT_READ, MAP_SHARED, map, 0);

	if (table == MAP_FAILED)
		return failed(why, EXIT_FAILED, "cannot map the table of closers: %s",
			      strerror(errno));
	c->closer_table = table;
	c->closers = closers_new(table, c->skel->bss->closer_rings, c->cpus);
	return c->closers ? 0 : failed(why, EXIT_FAILED, "out of memory");
}

void close_closers(struct capture *c)
{
	closers_free(c->closers);
	if (c->closer_table)
		munmap(c->closer_table, CLOSER_TABLE_SIZE);
}

static uint64_t tick_ns(const struct capture *c)
{
	return c->skel->rodata->tick_us * UINT64_C(1000);
}

static uint32_t jiffies_to_ms(const struct capture *c, uint32_t jiffies)
{
	return (uint64_t)jiffies * c->skel->rodata->tick_us / 1000;
}

/* When it closed, CLOCK_MONOTONIC in ns, to a tick. */
static uint64_t closed_at(const struct capture *c, const struct evidence *e,
			  const struct closer *closer)
{
	return e->time_ns - (e->jiffies - closer->jiffies) * tick_ns(c);
}

/* If another process has taken its slot, or its PID, it has only its number. */
static void owner_of_closer(const struct capture *c, struct evidence *e,
			    const struct closer *closer)
{
	uint64_t latest = closed_at(c, e, closer) + tick_ns(c);
	struct owner *o = &e->owner;
	__u32 slot = closer->pid & (CLOSING_PROCESSES - 1);
	struct closing_process p;

	if (!bpf_map_lookup_elem(bpf_map__fd(c->skel->maps.closing_processes), &slot, &p) &&
	    p.owner.pid == closer->pid && p.started < latest)
		*o = p.owner;
	o->pid = closer->pid;
	o->exiting = closer->exiting;
	o->exit_code = closer->exit_code;
	o->source = OWNER_CLOSER;
}

void add_closer(struct capture *c, struct evidence *e)
{
	struct closer closer;

	if (!closers_find(c->closers, e->closer_key, &closer))
		return;
	owner_of_closer(c, e, &closer);
	e->closed_ms = jiffies_to_ms(c, e->jiffies - closer.jiffies);
	if (closer.silence)
		e->fin_silence_ms = jiffies_to_ms(c, closer.silence);
}
