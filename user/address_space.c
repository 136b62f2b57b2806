// SPDX-License-Identifier: GPL-2.0-only
#include "address_space.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "procfs.h"
#include "regular_file.h"

/* ---- a process that lives -------------------------------------------------------------------- */

static int read_maps(struct address_space *space)
{
	char path[64];
	FILE *in;
	int err;

	snprintf(path, sizeof(path), "/proc/%u/maps", space->pid);
	in = fopen(path, "re");
	if (!in)
		return -1;
	err = maps_read(&space->maps, in);
	fclose(in);
	return err;
}

/*
 * Is the code where it was when the stack was taken? Else another process has this PID, or it runs
 * another program: its maps would tell tales.
 */
static bool is_the_same(const struct address_space *space, const struct stack_trace *taken)
{
	const struct mapping *m;

	if (!taken->user_n || taken->frames[0].status != STACK_FRAME_IN_FILE)
		return true;
	m = maps_find(&space->maps, taken->user[0]);
	return m && taken->user[0] - m->start + m->offset == taken->frames[0].offset;
}

/* The file that is mapped, also if its name is gone; or that of the name, if it is still the same.
 */
static int open_mapped(const struct address_space *space, const struct mapping *m)
{
	char path[128];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/map_files/%" PRIx64 "-%" PRIx64, space->pid,
		 m->start, m->end);
	fd = regular_file(path);
	if (fd >= 0)
		return fd;
	fd = regular_file_beneath(space->root, m->path);
	if (fd < 0 || (!fstat(fd, &st) && st.st_ino == m->inode))
		return fd;
	close(fd);
	return -1;
}

struct mapping *address_space_find(struct address_space *space, uint64_t address, uint64_t *offset)
{
	struct mapping *m = maps_find(&space->maps, address);
	int fd;

	if (!m)
		return NULL;
	*offset = address - m->start + m->offset;
	if (!m->tried && m->path[0] == '/') {
		fd = open_mapped(space, m);
		m->object = fd < 0 ? NULL : object_cache_get(space->cache, fd, m->path);
	}
	m->tried = true;
	return m;
}

static void forget_process(struct address_space *space)
{
	maps_free(&space->maps);
	if (space->root >= 0)
		close(space->root);
	space->root = -1;
}

/* ---- a process that is gone ------------------------------------------------------------------ */

/* The part of the file that is at the address there, where this offset is at this address. */
static void add_code(struct address_space *space, struct object *object, uint64_t address,
		     uint64_t offset, uint64_t begin, uint64_t size)
{
	struct mapping m = {
		.start = address - (offset - begin),
		.end = address - (offset - begin) + size,
		.offset = begin,
		.path = strdup(object_path(object)),
		.object = object,
		.tried = true,
	};

	if (!m.path || maps_add(&space->maps, &m))
		free(m.path);
}

/*
 * Is this file the executable? The path may mean another one to the process, and some file systems
 * tell another device than the kernel has for them.
 */
static bool is_exe(int fd, const struct stack_trace *taken)
{
	struct stat file, namespace;

	if (fstat(fd, &file) || file.st_ino != taken->exe_inode)
		return false;
	return file.st_dev == makedev(taken->exe_dev >> 20, taken->exe_dev & 0xfffff) ||
	       (!stat("/proc/self/ns/mnt", &namespace) && namespace.st_ino == taken->mnt_ns);
}

/* The components come last first. False: that was no path. */
static bool path_of_exe(const struct stack_trace *taken, char *path, size_t size)
{
	size_t end = taken->exe_n < sizeof(taken->exe) ? taken->exe_n : 0, at = 0;

	*path = '\0';
	while (end > 0) {
		size_t begin = end - 1; /* of the NUL */

		while (begin > 0 && taken->exe[begin - 1])
			begin--;
		at += snprintf(path + at, size - at, "/%.*s", (int)(end - begin),
			       taken->exe + begin);
		if (at >= size)
			return false;
		end = begin;
	}
	return at;
}

static void add_exe(struct address_space *space, const struct stack_trace *taken)
{
	char path[2 * STACK_EXE_SIZE];
	struct object *object;
	uint64_t begin, size;
	int fd;

	if (!taken->start || !path_of_exe(taken, path, sizeof(path)))
		return;
	fd = regular_file(path);
	if (fd >= 0 && !is_exe(fd, taken)) {
		close(fd);
		return;
	}
	object = fd < 0 ? NULL : object_cache_get(space->cache, fd, path);
	if (object && object_first_code(object, &begin, &size))
		add_code(space, object, taken->start, begin, begin, size);
}

#define OTHERS_MAX 64 /* processes that are looked at for a library */

struct search {
	struct address_space *space;
	const uint8_t *build_id;
	struct object *found;
	unsigned int processes;
};

/* Nearly all calls into the kernel come out of it. */
static bool is_c_library(const char *path)
{
	const char *name = strrchr(path, '/');

	return name && (!strncmp(name, "/libc.so", 8) || !strncmp(name, "/libc-2.", 8) ||
			!strncmp(name, "/libpthread", 11) || !strncmp(name, "/ld-musl-", 9));
}

static void search_process(void *ctx, __u32 pid, __u32 parent)
{
	struct search *s = ctx;
	struct address_space other = { .cache = s->space->cache, .pid = pid, .root = -1 };
	uint64_t offset;

	(void)parent;
	if (s->found || s->processes++ >= OTHERS_MAX || read_maps(&other))
		return;
	for (size_t i = 0; i < other.maps.n; i++)
		if (is_c_library(other.maps.mappings[i].path))
			address_space_find(&other, other.maps.mappings[i].start, &offset);
	forget_process(&other);
	s->found = object_cache_find(s->space->cache, s->build_id);
}

/* Of the C library, some other process has it too. */
static struct object *find_known(struct address_space *space, const uint8_t *build_id, bool *asked)
{
	struct search s = { .space = space, .build_id = build_id };

	s.found = object_cache_find(space->cache, build_id);
	if (!s.found && !*asked)
		procfs_for_each_process(search_process, &s);
	*asked = true;
	return s.found;
}

/* Files that others have, or had. */
static void add_known(struct address_space *space, const struct stack_trace *taken)
{
	bool asked = false;

	for (uint32_t i = 0; i < taken->user_n; i++) {
		const struct stack_frame *frame = &taken->frames[i];
		struct object *object;
		uint64_t begin, size;

		if (frame->status != STACK_FRAME_IN_FILE || maps_find(&space->maps, taken->user[i]))
			continue;
		object = find_known(space, frame->build_id, &asked);
		if (object && object_code_at(object, frame->offset, &begin, &size))
			add_code(space, object, taken->user[i], frame->offset, begin, size);
	}
}

/* ---- both ------------------------------------------------------------------------------------ */

void address_space_open(struct address_space *space, const struct stack_trace *taken,
			struct object_cache *cache)
{
	char path[64];

	memset(space, 0, sizeof(*space));
	space->cache = cache;
	space->pid = taken->pid;
	snprintf(path, sizeof(path), "/proc/%u/root", taken->pid);
	space->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (space->root >= 0 && !read_maps(space) && space->maps.n && is_the_same(space, taken))
		return;
	forget_process(space);
	add_exe(space, taken);
	add_known(space, taken);
}

void address_space_close(struct address_space *space)
{
	forget_process(space);
}
