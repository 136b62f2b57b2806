// SPDX-License-Identifier: GPL-2.0-only
#include "trace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace_reader.h"

struct trace_file {
	struct trace_place place;
	int fd;
	uint64_t size;
};

/* ---- what is there already --------------------------------------------------------------- */

/* Reads on to the end. */
static void read_all(struct trace_reader *r, struct failure *why)
{
	why->status = EXIT_OK;
	why->text[0] = '\0';
	while (trace_next(r, why))
		;
}

/* What a recorder did not finish. Nothing can be appended to damage of another kind. */
static int cut_torn_block(struct trace_file *f, uint64_t whole, struct failure *why)
{
	if (ftruncate(f->fd, whole))
		return failed(why, EXIT_OUTPUT, "cannot cut %s: %s", f->place.path,
			      strerror(errno));
	fprintf(stderr,
		"tcpwhy: %s ended within a block, as if its recorder had been stopped while it "
		"wrote: cut off the last %llu bytes\n",
		f->place.path, (unsigned long long)(f->size - whole));
	f->size = whole;
	return 0;
}

static int check_content(struct trace_file *f, FILE *file, struct failure *why)
{
	struct trace_reader *r = trace_reader_new(file, f->place.path);
	int err = 0;

	if (!r)
		return failed(why, EXIT_FAILED, "out of memory");
	read_all(r, why);
	if (why->status)
		err = trace_is_torn(r) ? cut_torn_block(f, trace_whole_bytes(r), why) : -1;
	trace_reader_free(r);
	return err;
}

/* By a descriptor of its own, whose position is its own. */
static int check_recording(struct trace_file *f, struct failure *why)
{
	char path[64];
	FILE *file;
	int err;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", f->fd);
	file = fopen(path, "re");
	if (!file)
		return failed(why, EXIT_INPUT, "cannot read %s: %s", f->place.path,
			      strerror(errno));
	err = check_content(f, file, why);
	fclose(file);
	return err;
}

/* ---- opening ----------------------------------------------------------------------------- */

static int cannot_open(const char *path, struct failure *why)
{
	if (errno == ELOOP)
		return failed(why, EXIT_INPUT, "%s is a symbolic link: give the file that is meant",
			      path);
	return failed(why, EXIT_OUTPUT, "cannot open %s: %s", path, strerror(errno));
}

/* O_NONBLOCK: a FIFO without a reader would keep us. */
static int open_file(struct trace_file *f, int flags, struct failure *why)
{
	const char *path = f->place.path;
	struct stat st;

	f->fd = open(path,
		     flags | O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
		     0600);
	if (f->fd < 0 || fstat(f->fd, &st))
		return cannot_open(path, why);
	if (!S_ISREG(st.st_mode))
		return failed(why, EXIT_INPUT,
			      "%s is no regular file: give another name to record to", path);
	if (flock(f->fd, LOCK_EX | LOCK_NB))
		return failed(why, EXIT_OUTPUT, "%s is being recorded to: give another name", path);
	f->size = st.st_size;
	return 0;
}

/* FILE.n; n = 0 is FILE. */
static void name_of(char name[PATH_MAX], const struct trace_file *f, uint64_t n)
{
	if (n)
		snprintf(name, PATH_MAX, "%s.%llu", f->place.path, (unsigned long long)n);
	else
		snprintf(name, PATH_MAX, "%s", f->place.path);
}

/* May FILE.n be dropped? Only if there is none, or if it begins as recordings do. */
static int check_replaceable(const char *name, struct failure *why)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char magic[TRACE_MAGIC_SIZE];
	ssize_t n;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return cannot_open(name, why);
	n = read(fd, magic, sizeof(magic));
	close(fd);
	if (n == sizeof(magic) && !memcmp(magic, TRACE_MAGIC, sizeof(magic)))
		return 0;
	return failed(why, EXIT_INPUT,
		      "%s is no recording, and rotation would take its place: move it away", name);
}

static int check_names(const struct trace_file *f, struct failure *why)
{
	char name[PATH_MAX];

	if (strlen(f->place.path) > PATH_MAX - 32)
		return failed(why, EXIT_USAGE, "the name of the recording is too long");
	for (uint64_t n = 1; f->place.rotate_size && n <= f->place.rotate_keep; n++) {
		name_of(name, f, n);
		if (check_replaceable(name, why))
			return -1;
	}
	return 0;
}

struct trace_file *trace_file_open(const struct trace_place *place, struct failure *why)
{
	struct trace_file *f = calloc(1, sizeof(*f));

	if (!f) {
		failed(why, EXIT_FAILED, "out of memory");
		return NULL;
	}
	f->place = *place;
	f->fd = -1;
	if (!check_names(f, why) && !open_file(f, 0, why) && (!f->size || !check_recording(f, why)))
		return f;
	trace_file_close(f);
	return NULL;
}

void trace_file_close(struct trace_file *f)
{
	if (!f)
		return;
	if (f->fd >= 0)
		close(f->fd);
	free(f);
}

/* ---- writing ----------------------------------------------------------------------------- */

static int cannot_write(struct trace_file *f, int err, struct failure *why)
{
	if (ftruncate(f->fd, f->size))
		err = errno;
	return failed(why, EXIT_OUTPUT,
		      "cannot write to %s: %s; what was recorded before can be replayed",
		      f->place.path, strerror(err));
}

int trace_file_append(struct trace_file *f, const void *bytes, size_t size, struct failure *why)
{
	size_t written = 0;

	while (written < size) {
		ssize_t n = write(f->fd, (const char *)bytes + written, size - written);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cannot_write(f, errno, why);
		written += n;
	}
	f->size += size;
	return 0;
}

bool trace_file_is_full(const struct trace_file *f)
{
	return f->place.rotate_size && f->size >= f->place.rotate_size;
}

/* ---- rotation ---------------------------------------------------------------------------- */

static int cannot_rotate(const char *name, struct failure *why)
{
	return failed(why, EXIT_OUTPUT, "cannot rotate %s: %s", name, strerror(errno));
}

/* FILE.1 becomes FILE.2, and so on; the oldest goes. With none to be kept FILE itself goes. */
static int move_names(const struct trace_file *f, struct failure *why)
{
	char from[PATH_MAX], to[PATH_MAX];

	name_of(to, f, f->place.rotate_keep);
	if (!f->place.rotate_keep)
		return unlink(to) ? cannot_rotate(to, why) : 0;
	if (check_replaceable(to, why))
		return -1;
	for (uint64_t n = f->place.rotate_keep; n; n--) {
		name_of(from, f, n - 1);
		name_of(to, f, n);
		if (rename(from, to) && errno != ENOENT)
			return cannot_rotate(from, why);
	}
	return 0;
}

int trace_file_rotate(struct trace_file *f, struct failure *why)
{
	if (move_names(f, why))
		return -1;
	close(f->fd);
	return open_file(f, O_EXCL, why);
}
