// SPDX-License-Identifier: GPL-2.0-only
#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "closer_index.h"
#include "known_socket.h"
#include "kernel_btf.h"
#include "ladder.h"
#include "netns.h"
#include "packed.h"
#include "procfs.h"
#include "tcpwhy.skel.h"

#define DESCENDANTS_MAX   65536 /* processes that --children can follow at a time */
#define MESSAGE_SOCKS_MAX 16384 /* of MPTCP, that -p remembers as its processes' */

struct capture {
	struct tcpwhy *skel;
	struct kernel kernel;
	struct ring_buffer *ring;
	struct bpf_link *look;       /* the iterator over the listeners */
	struct bpf_link *search;     /* the iterator over the tasks */
	struct bpf_link *cgroup;     /* holds the cgroup of the filter, or NULL */
	struct closer *closer_table; /* mapped; NULL: not yet */
	struct closers *closers;
	struct capture_sink sink;
	uint64_t rejected;
	bool queue_filled;
	bool unseen_said;
	int cpus;
};

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

/* ---- loading ----------------------------------------------------------------------------- */

/* Without BTF of its own the kernel has no iterators. */
static bool has_iterators(const struct capture *c)
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

static bool is_loaded(const struct bpf_program *prog)
{
	return bpf_program__autoload(prog);
}

/* Of the recent closers each CPU has an equal share, a power of two: bpf/closers.h. */
static unsigned int ring_size(const struct capture *c)
{
	unsigned int size = bpf_map__max_entries(c->skel->maps.closers);

	for (int shared = 1; shared < c->cpus && size > 1; shared *= 2)
		size /= 2;
	return size;
}

static void set_kernel(struct capture *c)
{
	const struct kernel *k = &c->kernel;

	c->skel->rodata->tick_us = kernel_tick_us();
	c->skel->rodata->features = k->features;
	c->skel->rodata->check_req_start = k->check_req_start;
	c->skel->rodata->check_req_end = k->check_req_end;
	c->skel->rodata->recvmsg_args = k->recvmsg_args;
	c->skel->rodata->closers_per_ring = ring_size(c);
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

/*
 * libbpf 1.1 looks for types that this kernel lacks in its modules too, and fails if it may not:
 * that takes CAP_SYS_ADMIN. It does not if it is told where the kernel's BTF is.
 */
static const char *btf_to_name(const struct capture *c)
{
	return kernel_is_admin() ? NULL : c->kernel.btf_file;
}

/* The skeleton asks for it, once. */
static enum packed wanted_object;

const void *tcpwhy__elf_bytes(size_t *size)
{
	return unpack(wanted_object, size);
}

/* 0 or -errno. */
static int open_object(struct capture *c)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = btf_to_name(c));
	struct bpf_object_skeleton *skeleton;
	int err = -ENOMEM;

	wanted_object = has_iterators(c) ? PACKED_TYPED : PACKED_PROBES;
	c->skel = calloc(1, sizeof(*c->skel));
	if (!c->skel || tcpwhy__create_skeleton(c->skel))
		return err;
	skeleton = c->skel->skeleton;
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
	choose_programs(c, settings);
	set_kernel(c);
	if (set_filter(c, settings->filter))
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
	err = tcpwhy__load(c->skel) ? errno : 0;
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

static int attach_skeleton(struct capture *c, struct failure *why)
{
	if (tcpwhy__attach(c->skel))
		return failed(why, EXIT_KERNEL, "cannot attach to the kernel's tracepoints: %s",
			      strerror(errno));
	return 0;
}

/* Runs an iterator once, from its first to its last element. */
static int run_iterator(const struct bpf_link *link)
{
	char nothing[64];
	ssize_t n;
	int fd;

	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0)
		return -errno;
	do
		n = read(fd, nothing, sizeof(nothing));
	while (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)));
	n = n < 0 ? -errno : 0;
	close(fd);
	return n;
}

/* Runs an iterator that needs no arguments and is not needed again; prog: struct bpf_program. */
static int run_once(void *prog)
{
	struct bpf_link *link = bpf_program__attach_iter(prog, NULL);
	int err = link ? run_iterator(link) : -errno;

	bpf_link__destroy(link);
	return err;
}

/* Its connections are watched all the same, but by whom they are owned may stay unknown. */
static void subflows_unseen(const struct capture *c, __u32 netns, int err)
{
	const char *which = kernel_has(&c->kernel, FEATURE_file_socket) ? "MPTCP" : "TCP";

	fprintf(stderr,
		"tcpwhy: cannot list the %s sockets in the network namespace %u: %s; overflows "
		"of its listeners are not seen (CAP_SYS_ADMIN is needed to look there)\n",
		which, netns, strerror(-err));
}

/* The TCP sockets that are to be found again, in each of their namespaces. */
static void find_subflows(struct capture *c)
{
	int map = bpf_map__fd(c->skel->maps.held_namespaces), err;
	struct bpf_program *prog = c->skel->progs.find_subflows;
	__u32 netns, pid, *previous = NULL;

	for (; !bpf_map_get_next_key(map, previous, &netns); previous = &netns) {
		if (netns == netns_own())
			err = run_once(prog);
		else if (!bpf_map_lookup_elem(map, &netns, &pid))
			err = netns_visit(pid, run_once, prog);
		else
			err = 0;
		if (err && err != -ENOENT) /* the process has ended: its sockets too */
			subflows_unseen(c, netns, err);
	}
}

/* Its own children may need another pass. */
static void add_child(void *ctx, __u32 pid, __u32 parent)
{
	struct capture *c = ctx;
	int processes = bpf_map__fd(c->skel->maps.processes);
	__u8 yes = 1;

	if (bpf_map_lookup_elem(processes, &parent, &yes) ||
	    !bpf_map_lookup_elem(processes, &pid, &yes))
		return;
	if (!bpf_map_update_elem(processes, &pid, &yes, BPF_NOEXIST))
		c->skel->bss->children_found++;
}

/*
 * The children of children, until a pass finds no more; those born meanwhile are seen by the
 * hook.
 */
static int add_descendants(struct capture *c)
{
	int err = 0;

	do {
		c->skel->bss->children_found = 0;
		if (has_iterators(c))
			err = run_once(c->skel->progs.find_children);
		else
			procfs_for_each_process(add_child, c);
	} while (!err && c->skel->bss->children_found);
	return err;
}

static int add_processes(struct capture *c, const struct filter *f, struct failure *why)
{
	int processes = bpf_map__fd(c->skel->maps.processes), err = 0;
	__u8 yes = 1;

	for (unsigned int i = 0; !err && i < f->pid_count; i++)
		err = bpf_map_update_elem(processes, &f->pids[i], &yes, BPF_ANY);
	if (!err && f->children)
		err = add_descendants(c);
	if (err)
		return failed(why, EXIT_KERNEL, "cannot watch the processes: %s", strerror(-err));
	return 0;
}

static int add_peers(struct capture *c, const struct filter *f, struct failure *why)
{
	int peers = bpf_map__fd(c->skel->maps.peers), err = 0;
	__u8 yes = 1;

	for (unsigned int i = 0; !err && i < f->peer_count; i++)
		err = bpf_map_update_elem(peers, &f->peers[i], &yes, BPF_ANY);
	if (err)
		return failed(why, EXIT_KERNEL, "cannot filter by peers: %s", strerror(-err));
	return 0;
}

/* The number of a cgroup is the inode of its directory. */
static int note_cgroup_id(struct capture *c, const struct filter *f, struct failure *why)
{
	struct stat st;

	if (stat(f->cgroup, &st))
		return failed(why, EXIT_KERNEL, "cannot watch cgroup %s: %s", f->cgroup,
			      strerror(errno));
	c->skel->bss->cgroup_id = st.st_ino;
	return 0;
}

/* Asks the kernel where the cgroup is. The link holds it, so its address stays its own. */
static int find_cgroup(struct capture *c, const struct filter *f, struct failure *why)
{
	union bpf_iter_link_info info = { .cgroup.order = BPF_CGROUP_ITER_SELF_ONLY };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));
	int fd, err = 0;

	if (!*f->cgroup)
		return 0;
	if (!kernel_has(&c->kernel, FEATURE_cgroup_iterator))
		return note_cgroup_id(c, f, why);
	fd = open(f->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	info.cgroup.cgroup_fd = fd;
	c->cgroup = fd < 0 ? NULL : bpf_program__attach_iter(c->skel->progs.find_cgroup, &opts);
	err = c->cgroup ? run_iterator(c->cgroup) : -errno;
	if (fd >= 0)
		close(fd);
	if (err)
		return failed(why, EXIT_KERNEL, "cannot watch cgroup %s: %s", f->cgroup,
			      strerror(-err));
	return 0;
}

/* The hooks are attached, and nothing passes before this. */
static int begin_to_watch(struct capture *c, const struct filter *f, struct failure *why)
{
	return add_processes(c, f, why) || add_peers(c, f, why) || find_cgroup(c, f, why) ? -1 : 0;
}

/* What was there before us. The hooks are attached already, so nothing falls between. */
static int take_snapshot(struct capture *c, struct failure *why)
{
	bool by_file = kernel_has(&c->kernel, FEATURE_file_socket);
	int err;

	if (!has_iterators(c))
		return 0;
	err = run_once(by_file ? c->skel->progs.find_sockets : c->skel->progs.find_sockets_again);
	if (err)
		return failed(why, EXIT_KERNEL, "cannot list the sockets that are open already: %s",
			      strerror(-err));
	find_subflows(c);
	return 0;
}

static int attach_look(struct capture *c, struct failure *why)
{
	union bpf_iter_link_info info = {
		.map.map_fd = bpf_map__fd(c->skel->maps.listeners),
	};
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));

	if (!has_iterators(c))
		return 0;
	c->look = bpf_program__attach_iter(c->skel->progs.look_at_listeners, &opts);
	if (!c->look)
		return failed(why, EXIT_KERNEL, "cannot iterate over the listening sockets: %s",
			      strerror(errno));
	return 0;
}

static int attach_search(struct capture *c, struct failure *why)
{
	bool by_table = kernel_has(&c->kernel, FEATURE_loop);

	if (!has_iterators(c))
		return 0;
	c->search = bpf_program__attach_iter(
		by_table ? c->skel->progs.find_holders : c->skel->progs.find_holders_by_file, NULL);
	if (!c->search)
		return failed(why, EXIT_KERNEL, "cannot iterate over the tasks: %s",
			      strerror(errno));
	return 0;
}

/* ---- closers ----------------------------------------------------------------------------- */

#define CLOSER_TABLE_SIZE (CLOSERS * sizeof(struct closer))

static int open_closers(struct capture *c, struct failure *why)
{
	int map = bpf_map__fd(c->skel->maps.closers);
	void *table = mmap(NULL, CLOSER_TABLE_SIZE, PROT_READ, MAP_SHARED, map, 0);

	if (table == MAP_FAILED)
		return failed(why, EXIT_FAILED, "cannot map the table of closers: %s",
			      strerror(errno));
	c->closer_table = table;
	c->closers = closers_new(table, c->skel->bss->closer_rings, ring_size(c), c->cpus);
	return c->closers ? 0 : failed(why, EXIT_FAILED, "out of memory");
}

static uint32_t jiffies_to_ms(const struct capture *c, uint32_t jiffies)
{
	return (uint64_t)jiffies * c->skel->rodata->tick_us / 1000;
}

/* If another process has taken its slot, it has only its number. */
static void owner_of_closer(const struct capture *c, struct owner *o, const struct closer *closer)
{
	__u32 slot = closer->pid & (CLOSING_PROCESSES - 1);
	struct closing_process p;

	if (!bpf_map_lookup_elem(bpf_map__fd(c->skel->maps.closing_processes), &slot, &p) &&
	    p.owner.pid == closer->pid)
		*o = p.owner;
	o->pid = closer->pid;
	o->exiting = closer->exiting;
	o->exit_code = closer->exit_code;
	o->source = OWNER_CLOSER;
}

/* The evidence of a socket that had been closed, or shut down, gets what is known of that. */
static void add_closer(struct capture *c, struct evidence *e)
{
	struct closer closer;

	if (!closers_find(c->closers, e->closer_key, &closer))
		return;
	owner_of_closer(c, &e->owner, &closer);
	e->closed_ms = jiffies_to_ms(c, e->jiffies - closer.jiffies);
	if (closer.silence)
		e->fin_silence_ms = jiffies_to_ms(c, closer.silence);
}

/* ---- records ----------------------------------------------------------------------------- */

static void take_evidence(struct capture *c, const struct evidence *e)
{
	struct evidence complete = *e;

	if (e->facts.flags & FACT_QUEUE_FULL)
		c->queue_filled = true;
	if (e->closer_key)
		add_closer(c, &complete);
	c->sink.evidence(c->sink.ctx, &complete);
}

static int take_record(void *ctx, void *data, size_t size)
{
	const struct record_head *head = data;
	struct capture *c = ctx;

	if (size < sizeof(*head) || head->size > size) {
		c->rejected++;
	} else if (head->type == RECORD_EVIDENCE && head->size == sizeof(struct evidence)) {
		take_evidence(c, data);
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
	err = open_skeleton(c, settings, why) || load_skeleton(c, why) || open_ring(c, why);
	if (!err && attach)
		err = attach_skeleton(c, why) || attach_look(c, why) || attach_search(c, why);
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
	if (kernel_look(&c->kernel, settings->without, why) || open_skeleton(c, settings, why) ||
	    load_skeleton(c, why) || attach_skeleton(c, why) || open_ring(c, why) ||
	    open_closers(c, why) || begin_to_watch(c, settings->filter, why) ||
	    take_snapshot(c, why) || attach_look(c, why) || attach_search(c, why)) {
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
	closers_free(c->closers);
	if (c->closer_table)
		munmap(c->closer_table, CLOSER_TABLE_SIZE);
	tcpwhy__destroy(c->skel);
	free(c);
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
	for (int i = 0; i < VERDICTS_MAX; i++)
		sum->verdict[i] += one->verdict[i];
	for (int i = 0; i < COUNTER_MAX; i++)
		sum->other[i] += one->other[i];
}

/* From 6.1 a program that is running on a CPU is not run a second time there. */
static uint64_t missed_events(const struct capture *c)
{
	struct bpf_program *prog;
	uint64_t missed = 0;

	bpf_object__for_each_program (prog, c->skel->obj) {
		struct bpf_prog_info info = {};
		__u32 len = sizeof(info);

		if (!bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			missed += info.recursion_misses;
	}
	return missed;
}

int capture_read_counts(const struct capture *c, struct capture_counts *sum)
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
		add_counts(&sum->counts, &per_cpu[cpu]);
	free(per_cpu);
	sum->missed = missed_events(c);
	sum->rejected = c->rejected;
	return err;
}
