/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who holds a descriptor of a socket? Asked by user space for sockets that a packet or a timer has
 * ended. All descriptors of all tasks are walked through, without a reference to any (files.h).
 *
 * What is compared is the address of the struct socket and its inode number: the address alone may
 * be that of a successor.
 */
#ifndef TCPWHY_HOLDERS_H
#define TCPWHY_HOLDERS_H

#include "files.h"
#include "owner.h"

#define BATCH 64 /* descriptors read at once: a table's size is a multiple of it */

/* Filled by user space before each search. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WANTED_MAX);
	__type(key, __u64); /* struct socket */
	__type(value, struct wanted);
} wanted SEC(".maps");

__u32 wanted_left = 0; /* not found yet; user space sets it */

/* One search at a time, so its state may be global. */
static struct files_struct *searched_files; /* the last table of descriptors */
static struct file *batch[BATCH];

/* The task under search. */
struct searched {
	const struct task_struct *task;
	struct files_struct *files;
	struct file **fd;
	struct owner owner;
};

/* It is that socket's; and the table was still the task's when the file was found in it. */
static __always_inline bool holds(const struct searched *s, const struct file *file, __u64 inode)
{
	return is_socket(file) && BPF_CORE_READ(file, f_inode, i_ino) == inode &&
	       files_of(s->task) == s->files;
}

/*
 * An iterator holds the file while it is looked at: if its process closes it now, that is to be
 * told to its name, see note_let_go().
 */
static __always_inline void search_held_file(const struct task_struct *task,
					     const struct file *file, __u32 fd)
{
	__u64 socket = (__u64)BPF_CORE_READ(file, private_data);
	struct wanted *w = bpf_map_lookup_elem(&wanted, &socket);
	struct owner owner = {};

	note_held(task, file, fd, (__u64)stream_of_file(file));
	if (!w || w->owner.pid || BPF_CORE_READ(file, f_inode, i_ino) != w->inode)
		return;
	owner_of_task(&owner, task);
	owner.source = OWNER_FD;
	w->owner = owner;
	wanted_left--;
}

static long search_file(__u32 i, struct searched *s)
{
	struct file *file = batch[i & (BATCH - 1)];
	struct wanted *w;
	__u64 socket;

	if (!file)
		return 0;
	socket = (__u64)BPF_CORE_READ(file, private_data);
	w = bpf_map_lookup_elem(&wanted, &socket);
	if (w && !w->owner.pid && holds(s, file, w->inode)) {
		w->owner = s->owner;
		wanted_left--;
	}
	return 0;
}

static long search_batch(__u32 i, struct searched *s)
{
	if (!bpf_probe_read_kernel(batch, sizeof(batch), s->fd + i * BATCH))
		bpf_loop(BATCH, search_file, s, 0);
	return 0;
}

/* Threads share the table of their group's leader, unless he has ended; other tasks may share too.
 */
static __always_inline bool searched_already(const struct task_struct *task,
					     const struct files_struct *files)
{
	const struct task_struct *leader = task->group_leader;

	return files == searched_files || (leader != task && leader->files == files);
}

/* n counts the tasks of this search from 0. */
static __always_inline void search_task(const struct task_struct *task, __u64 n)
{
	struct files_struct *files = task->files;
	struct searched s = { .task = task, .files = files };
	struct fdtable *table;

	if (!n)
		searched_files = NULL;
	if (!wanted_left || !files || searched_already(task, files))
		return;
	owner_of_task(&s.owner, task);
	if (!s.owner.pid)
		return;
	s.owner.source = OWNER_FD;
	searched_files = files;
	table = BPF_CORE_READ(files, fdt);
	s.fd = BPF_CORE_READ(table, fd);
	bpf_loop(BPF_CORE_READ(table, max_fds) / BATCH, search_batch, &s, 0);
}

#endif
