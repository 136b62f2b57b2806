// SPDX-License-Identifier: GPL-2.0-only
#include "capture_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netns.h"
#include "procfs.h"

int run_iterator(const struct bpf_link *link)
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

int begin_to_watch(struct capture *c, const struct filter *f, struct failure *why)
{
	return add_processes(c, f, why) || add_peers(c, f, why) || find_cgroup(c, f, why) ? -1 : 0;
}

int take_snapshot(struct capture *c, struct failure *why)
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

int attach_iterators(struct capture *c, struct failure *why)
{
	return attach_look(c, why) || attach_search(c, why) ? -1 : 0;
}
