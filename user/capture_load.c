// SPDX-License-Identifier: GPL-2.0-only
#include "capture_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <bpf/btf.h>

#include "constants.h"
#include "kernel_btf.h"
#include "known_socket.h"
#include "ladder.h"
#include "packed.h"

#define DESCENDANTS_MAX   65536 /* processes that --children can follow at a time */
#define MESSAGE_SOCKS_MAX 16384 /* of MPTCP, that -p remembers as its processes' */
#define STACKED_RING_SIZE                                                                          \
	(16U << 20) /* bytes: records with stacks are some twenty times as large */

bool has_iterators(const struct capture *c)
{
	return kernel_has(&c->kernel, FEATURE_kernel_btf);
}

static void load_if(struct bpf_program *prog, bool condition)
{
	bpf_program__set_autoload(prog, condition);
}

static void load_rung(struct capture *c, const struct rung *rung, bool condition)
{
	for (int i = 0; i < RUNG_PROGRAMS_MAX && rung->programs[i]; i++)
		load_if(bpf_object__find_program_by_name(c->skel->obj, rung->programs[i]),
			condition);
}

/* Of the programs of a ladder, those of the rung that holds on this kernel, or none. */
static void load_ladder(struct capture *c, enum ladder ladder, bool condition)
{
	const struct ladder_text *text = ladder_text(ladder);

	for (int i = 0; i < RUNGS_MAX && text->rungs[i].how; i++)
		load_rung(c, &text->rungs[i], false);
	load_rung(c, ladder_rung(&c->kernel, ladder), condition);
}

/* Hooks that cost something for each call are there only if asked for. */
static void choose_programs(struct capture *c, const struct capture_settings *settings)
{
	const struct filter *filter = settings->filter;
	bool calls = settings->errors, syscalls = settings->errors && filter->pid_count;

	for (int ladder = 0; ladder < LADDER_COUNT; ladder++)
		load_ladder(c, ladder, true);
	load_ladder(c, LADDER_CALLS, calls || filter->pid_count);
	load_ladder(c, LADDER_SENDS, settings->user_stacks);
	load_ladder(c, LADDER_CGROUPS, *filter->cgroup);
	load_if(c->skel->progs.on_probe, calls);
	load_if(c->skel->progs.on_sys_enter, syscalls);
	load_if(c->skel->progs.on_sys_exit, syscalls);
	load_if(c->skel->progs.on_process_free, filter->pid_count);
	load_if(c->skel->progs.on_fork, filter->children);
	load_if(c->skel->progs.find_children, filter->children && has_iterators(c));
	c->skel->rodata->watch_ttl = calls;
	c->skel->rodata->watch_errors = calls;
}

static int set_stacks(struct capture *c, const struct capture_settings *settings)
{
	c->skel->rodata->user_stacks = settings->user_stacks;
	c->skel->rodata->kernel_stacks = settings->kernel_stacks;
	bpf_map__set_autocreate(c->skel->maps.sent_stacks,
				settings->user_stacks &&
					kernel_has(&c->kernel, FEATURE_socket_storage));
	if (!settings->user_stacks && !settings->kernel_stacks)
		return 0;
	return bpf_map__set_max_entries(c->skel->maps.records, STACKED_RING_SIZE);
}

static bool is_loaded(const struct bpf_program *prog)
{
	return bpf_program__autoload(prog);
}

static void set_kernel(struct capture *c)
{
	const struct kernel *k = &c->kernel;

	c->skel->rodata->tick_us = kernel_tick_us();
	c->skel->rodata->features = k->features;
	c->skel->rodata->check_req_start = k->check_req_start;
	c->skel->rodata->check_req_end = k->check_req_end;
	c->skel->rodata->recvmsg_args = k->recvmsg_args;
	c->skel->rodata->closers_per_ring = closer_ring_size(c->cpus);
	c->skel->rodata->hook_syns = is_loaded(c->skel->progs.on_conn_request) ||
				     is_loaded(c->skel->progs.probe_conn_request);
	bpf_map__set_autocreate(c->skel->maps.watched_addresses,
				!kernel_has(k, FEATURE_socket_storage));
	bpf_map__set_autocreate(c->skel->maps.watched_ports,
				!kernel_has(k, FEATURE_socket_storage));
	bpf_map__set_autocreate(c->skel->maps.fin_silence_addresses,
				!kernel_has(k, FEATURE_socket_storage));
}

static void set_ports(struct capture *c, const struct filter *f)
{
	unsigned int few = 0;

	memcpy(c->skel->bss->port_flags, f->port_flags, sizeof(f->port_flags));
	for (unsigned int port = 0; port < PORTS; port++) {
		if (!f->port_flags[port])
			continue;
		if (few == FEW_PORTS)
			return;
		c->skel->rodata->few_ports[few].port = port;
		c->skel->rodata->few_ports[few++].flags = f->port_flags[port];
	}
	c->skel->rodata->ports_are_few = true;
}

/* Before loading: the verifier drops the filters that are not set. */
static int set_filter(struct capture *c, const struct filter *f)
{
	unsigned int most_processes = f->children ? DESCENDANTS_MAX : FILTER_PIDS_MAX;

	c->skel->rodata->filters = filter_is_set(f);
	c->skel->rodata->filter_ports = f->ports;
	set_ports(c, f);
	c->skel->rodata->filter_family = filter_family(f);
	c->skel->rodata->filter_peers = f->peer_count > 0;
	c->skel->rodata->filter_netns = f->netns;
	c->skel->rodata->filter_cgroup = *f->cgroup != '\0';
	c->skel->rodata->filter_processes = f->pid_count > 0;
	c->skel->rodata->filter_verdicts = f->verdicts;
	if (bpf_map__set_max_entries(c->skel->maps.peers, FILTER_PEERS_MAX))
		return -errno;
	if (f->pid_count &&
	    (bpf_map__set_max_entries(c->skel->maps.processes, most_processes) ||
	     bpf_map__set_max_entries(c->skel->maps.used_message_socks, MESSAGE_SOCKS_MAX)))
		return -errno;
	return 0;
}

/* The skeleton asks for it, once. */
static enum packed wanted_object;

const void *tcpwhy__elf_bytes(size_t *sz)
{
	return unpack(wanted_object, sz);
}

/* ---- programs at tracepoints: settings go into their instructions ---------------------------- */

#define TRACEPOINT_PREFIX "tp_btf/"

/* libbpf hands on nothing by which it could be told from the program. */
static const struct capture *being_loaded;

/* The map is there, and what is in it will not change. */
static int put_constants_in(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	const struct capture *c = being_loaded;
	size_t n = bpf_program__insn_cnt(prog);
	struct constants constants = { .map_fd = bpf_map__fd(c->skel->maps.rodata),
				       .values = (const void *)c->skel->rodata,
				       .size = sizeof(*c->skel->rodata) };
	struct bpf_insn *insns = malloc(n * sizeof(*insns));
	int err;

	(void)opts;
	(void)cookie;
	if (!insns)
		return -ENOMEM;
	memcpy(insns, bpf_program__insns(prog), n * sizeof(*insns));
	if (!kernel_has(&c->kernel, FEATURE_preemptible_hooks))
		constants_drop_calls(insns, n);
	constants_fold(insns, n, &constants);
	err = bpf_program__set_insns(prog, insns, n);
	free(insns);
	return err;
}

static int attach_tracepoint(const struct bpf_program *prog, long cookie, struct bpf_link **link)
{
	(void)cookie;
	*link = bpf_program__attach_trace(prog);
	return *link ? 0 : -errno;
}

static int handler; /* of libbpf; 0 = not registered yet */

/* Once: programs keep a pointer to what is registered. 0 or -errno. */
static int take_tracepoints_over(void)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = put_constants_in,
		    .prog_attach_fn = attach_tracepoint);

	if (handler <= 0)
		handler = libbpf_register_prog_handler(TRACEPOINT_PREFIX, BPF_PROG_TYPE_TRACING,
						       BPF_TRACE_RAW_TP, &opts);
	return handler > 0 ? 0 : handler;
}

/* At the very end: libbpf 1.1 cannot register another one when none is left. */
static void __attribute__((destructor)) give_tracepoints_back(void)
{
	if (handler > 0)
		libbpf_unregister_prog_handler(handler);
}

/* libbpf's own handler would have looked for the tracepoint. 0 or errno. */
static int set_tracepoints(struct capture *c)
{
	struct bpf_program *prog;
	const char *section;
	int err = 0;

	bpf_object__for_each_program (prog, c->skel->obj) {
		section = bpf_program__section_name(prog);
		if (!err && is_loaded(prog) &&
		    !strncmp(section, TRACEPOINT_PREFIX, strlen(TRACEPOINT_PREFIX)))
			err = -bpf_program__set_attach_target(prog, 0,
							      section + strlen(TRACEPOINT_PREFIX));
	}
	return err;
}

/* 0 or -errno. */
static int open_object(struct capture *c)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = c->kernel.btf_file);
	struct bpf_object_skeleton *skeleton;
	int err = take_tracepoints_over();

	if (err)
		return err;
	wanted_object = has_iterators(c) ? PACKED_TYPED : PACKED_PROBES;
	c->skel = calloc(1, sizeof(*c->skel));
	if (!c->skel || tcpwhy__create_skeleton(c->skel))
		return -ENOMEM;
	skeleton = c->skel->skeleton;
	err = -ENOMEM;
	if (skeleton->data)
		err = bpf_object__open_skeleton(skeleton, &opts);
	free((void *)skeleton->data);
	skeleton->data = NULL;
	return err;
}

static int open_skeleton(struct capture *c, const struct capture_settings *settings,
			 struct failure *why)
{
	int err = open_object(c);

	if (err)
		return failed(why, EXIT_FAILED, "cannot open the BPF programs: %s", strerror(-err));
	c->skel->rodata->show_orderly = settings->orderly;
	c->skel->rodata->records_per_slice = settings->records_per_slice;
	choose_programs(c, settings);
	set_kernel(c);
	if (set_filter(c, settings->filter) || set_stacks(c, settings))
		return failed(why, EXIT_FAILED, "cannot set the sizes of the BPF maps: %s",
			      strerror(errno));
	/* Iterators run when they are read, see below. */
	bpf_program__set_autoattach(c->skel->progs.find_sockets, false);
	bpf_program__set_autoattach(c->skel->progs.find_sockets_again, false);
	bpf_program__set_autoattach(c->skel->progs.find_subflows, false);
	bpf_program__set_autoattach(c->skel->progs.find_holders, false);
	bpf_program__set_autoattach(c->skel->progs.find_holders_by_file, false);
	bpf_program__set_autoattach(c->skel->progs.look_at_listeners, false);
	bpf_program__set_autoattach(c->skel->progs.look_at_one, false);
	bpf_program__set_autoattach(c->skel->progs.types_fit, false);
	bpf_program__set_autoattach(c->skel->progs.find_children, false);
	bpf_program__set_autoattach(c->skel->progs.find_cgroup, false);
	return 0;
}

/*
 * A function of its own is verified once for all arguments, unless the kernel has no words for its
 * argument: then as a part of each of its callers. The verifier goes by what BTF says of it.
 */
static void make_functions_static(struct bpf_object *obj)
{
	struct btf *btf = bpf_object__btf(obj);

	for (__u32 id = 1; id < btf__type_cnt(btf); id++) {
		struct btf_type *type = (struct btf_type *)btf__type_by_id(btf, id);

		if (btf_is_func(type) && btf_vlen(type) == BTF_FUNC_GLOBAL)
			type->info ^= BTF_FUNC_GLOBAL ^ BTF_FUNC_STATIC;
	}
}

/* Up to 5.10 maps count as locked memory; bpf_get_current_task_btf() came with the end of that. */
static bool lacks_locked_memory(const struct capture *c, int err, struct rlimit *limit)
{
	return err == EPERM && !kernel_has(&c->kernel, FEATURE_task_pointer) &&
	       !getrlimit(RLIMIT_MEMLOCK, limit) && limit->rlim_cur != RLIM_INFINITY;
}

/* 0 or -errno: -ESTALE if something is not where the types say. */
static int try_types(struct capture *c, const struct known_socket *s)
{
	__u64 args[] = { s->fd, s->port };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(args));
	int err = bpf_prog_test_run_opts(bpf_program__fd(c->skel->progs.types_fit), &opts);

	return err || opts.retval ? err : -ESTALE;
}

/* Types that do not fit would make us tell tales: the kernel does not compare them itself. */
static int check_types(struct capture *c, struct failure *why)
{
	struct known_socket s;
	int err;

	if (has_iterators(c))
		return 0;
	err = known_socket_open(&s);
	if (!err)
		err = try_types(c, &s);
	known_socket_close(&s);
	if (err == -ESTALE)
		return failed(
			why, EXIT_NO_BTF,
			"%s is not the BTF of the kernel that runs: what it says of tasks and "
			"sockets does not fit; give that of this very build with --btf",
			c->kernel.btf_file);
	if (err)
		return failed(why, EXIT_FAILED,
			      "cannot find out whether the BTF fits this kernel: %s",
			      strerror(-err));
	return 0;
}

static int load_skeleton(struct capture *c, struct failure *why)
{
	struct rlimit limit;
	int err;

	if (!kernel_has(&c->kernel, FEATURE_global_pointers))
		make_functions_static(c->skel->obj);
	being_loaded = c;
	kernel_btf_select(bpf_object__btf(c->skel->obj));
	err = set_tracepoints(c);
	if (!err && tcpwhy__load(c->skel))
		err = errno;
	kernel_btf_forget();
	if (lacks_locked_memory(c, err, &limit))
		return failed(
			why, EXIT_PRIVILEGE,
			"BPF maps count as locked memory before Linux 5.11, and %llu KB are "
			"allowed: "
			"raise that (ulimit -l unlimited), or give it CAP_SYS_RESOURCE too, so "
			"that it does so itself",
			(unsigned long long)limit.rlim_cur / 1024);
	if (err)
		return failed(
			why, EXIT_KERNEL,
			"the kernel refused the BPF programs: %s; -v shows the verifier's reason%s",
			strerror(err),
			kernel_btf_given() ? "; --btf must be of the kernel that runs" : "");
	return check_types(c, why);
}

int attach_programs(struct capture *c, struct failure *why)
{
	if (tcpwhy__attach(c->skel))
		return failed(why, EXIT_KERNEL, "cannot attach to the kernel's tracepoints: %s",
			      strerror(errno));
	return 0;
}

int load_programs(struct capture *c, const struct capture_settings *settings, struct failure *why)
{
	return open_skeleton(c, settings, why) || load_skeleton(c, why) ? -1 : 0;
}
