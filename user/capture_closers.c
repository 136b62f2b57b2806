// SPDX-License-Identifier: GPL-2.0-only
#include "capture_parts.h"

int open_closers(struct capture *c, struct failure *why)
{
	c->closers = closers_new(c->skel->bss->closers, c->skel->bss->cpu_lines, c->cpus);
	return c->closers ? 0 : failed(why, EXIT_FAILED, "out of memory");
}

void close_closers(struct capture *c)
{
	closers_free(c->closers);
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
	struct closing_process p =
		c->skel->bss->closing_processes[closer->pid & (CLOSING_PROCESSES - 1)];

	if (p.owner.pid == closer->pid && p.started < latest)
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
