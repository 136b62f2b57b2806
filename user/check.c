// SPDX-License-Identifier: GPL-2.0-only
#include "check.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "clock.h"
#include "netns.h"
#include "snapshot.h"

/* ---- programs ---------------------------------------------------------------------------- */

static const struct {
	const char *options;
	bool processes, cgroup, ends, errors, stacks;
} trials[] = {
	[TRIAL_PLAIN] = { "none" },
	[TRIAL_ALL] = { "all at once", .processes = true, .cgroup = true, .ends = true,
			.errors = true, .stacks = true },
	[TRIAL_PROCESSES] = { "-p, --children", .processes = true },
	[TRIAL_CGROUP] = { "--cgroup", .cgroup = true },
	[TRIAL_ENDS] = { "-P, -L, -D, --peer, --netns, -4, -6", .ends = true },
	[TRIAL_ERRORS] = { "-e", .ends = true, .errors = true },
	[TRIAL_STACKS] = { "--stack, --kstack", .stacks = true },
};

const char *trial_options(enum trial_kind kind)
{
	return trials[kind].options;
}

/* What is filtered by does not matter: nothing comes. */
static void filter_of_trial(struct filter *f, enum trial_kind kind)
{
	memset(f, 0, sizeof(*f));
	f->pid_count = trials[kind].processes;
	f->children = trials[kind].processes;
	if (trials[kind].cgroup)
		strcpy(f->cgroup, "/");
	if (trials[kind].ends) {
		f->ports = PORT_EITHER | PORT_LOCAL | PORT_REMOTE;
		f->ipv4 = true;
		f->peer_count = 1;
		f->netns = 1;
	}
}

static void try_programs(struct check *c, enum trial_kind kind)
{
	static struct filter filter;
	struct capture_settings settings = { .filter = &filter,
					     .errors = trials[kind].errors,
					     .user_stacks = trials[kind].stacks,
					     .kernel_stacks = trials[kind].stacks };
	struct trial *trial = &c->trials[kind];
	uint64_t started = monotonic_ns();

	filter_of_trial(&filter, kind);
	trial->tried = true;
	trial->taken = !capture_try(&c->kernel, &settings, kind == TRIAL_PLAIN, &trial->why);
	trial->took_ns = monotonic_ns() - started;
}

static void try_all_programs(struct check *c)
{
	try_programs(c, TRIAL_PLAIN);
	if (c->trials[TRIAL_PLAIN].taken)
		try_programs(c, TRIAL_ALL);
	if (!c->trials[TRIAL_ALL].tried || c->trials[TRIAL_ALL].taken)
		return;
	for (int kind = TRIAL_ALL + 1; kind < TRIAL_COUNT; kind++)
		try_programs(c, kind);
}

/* ---- sockets ----------------------------------------------------------------------------- */

static void take_socket(void *ctx, const struct held_socket *s)
{
	accidents_add(ctx, s);
}

static void look_at_sockets(struct check *c)
{
	c->sockets_seen = !snapshot_take(&c->kernel, take_socket, &c->accidents, &c->unseen);
	accidents_end(&c->accidents);
}

static void set_limits(struct check *c, const struct options *options)
{
	c->accidents.limits = (struct accident_limits){
		.netns = options->filter.netns,
		.own_netns = netns_own(),
		.stuck_ms = options->stuck_ns / 1000000,
		.idle_ms = options->idle_ns / 1000000,
		.conntrack_ms = c->host.conntrack_s * 1000,
	};
}

/* ---- all of it --------------------------------------------------------------------------- */

void check_collect(struct check *c, const struct options *options)
{
	capture_set_verbose(options->verbose);
	memset(c, 0, sizeof(*c));
	uname(&c->system);
	c->uid = geteuid();
	c->without = options->without;
	kernel_privileges(c->privileges);
	kernel_survey(&c->kernel, options->without, c->needs);
	host_collect(&c->host);
	set_limits(c, options);
	accidents_of_host(&c->accidents, &c->host);
	if (check_failure(c)) {
		c->unseen = *check_failure(c);
		return;
	}
	look_at_sockets(c);
	try_all_programs(c);
}

const struct failure *check_failure(const struct check *c)
{
	for (int need = 0; need < NEED_COUNT; need++)
		if (c->needs[need].found == FOUND_NO)
			return &c->needs[need].why;
	if (c->trials[TRIAL_PLAIN].tried && !c->trials[TRIAL_PLAIN].taken)
		return &c->trials[TRIAL_PLAIN].why;
	return NULL;
}

bool check_found(const struct check *c)
{
	struct finding f;

	for (int s = 0; s < SYSCTL_COUNT; s++) {
		sysctl_judge(&f, &c->host, s);
		if (sysctl_is_found(&f))
			return true;
	}
	return accidents_found(&c->accidents);
}

int check_status(const struct check *c)
{
	const struct failure *failure = check_failure(c);

	if (failure)
		return failure->status;
	return check_found(c) ? EXIT_FOUND : EXIT_OK;
}

unsigned int check_weaker(const struct check *c)
{
	static const struct kernel best = { .features = UINT32_MAX };
	unsigned int n = 0;
	const char *why;

	for (int v = 0; v < VERDICT_COUNT; v++)
		n += ladder_reach(&c->kernel, v, &why) != ladder_reach(&best, v, &why);
	return n;
}

int check(const struct options *options, struct failure *why)
{
	static struct check c;
	int err = 0;

	check_collect(&c, options);
	if (privileges_drop(&c.kept, 0, why))
		return -1;
	privileges_filter(&c.kept, 0, 0);
	if (options->format == FORMAT_JSON)
		err = check_json(stdout, &c);
	else
		check_text(stdout, &c, options->verbose);
	if (err)
		return failed(why, EXIT_FAILED, "out of memory");
	if (fflush(stdout) || ferror(stdout))
		return failed(why, EXIT_OUTPUT, "cannot write to stdout: %s", strerror(errno));
	return check_status(&c);
}
