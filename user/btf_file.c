// SPDX-License-Identifier: GPL-2.0-only
#include "btf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "btf_check.h"
#include "object_parts.h"

#define SIZE_MOST (256 << 20) /* bytes of BTF; kernels have some 5 MB to 10 MB */

static struct btf *load(const void *bytes, size_t size)
{
	if (btf_is_sound(bytes, size))
		return btf__new(bytes, size);
	errno = EBADMSG;
	return NULL;
}

static struct btf *load_section(int fd)
{
	Elf *elf = elf_version(EV_CURRENT) == EV_NONE ? NULL : elf_begin(fd, ELF_C_READ, NULL);
	Elf_Scn *section;
	GElf_Shdr header;
	Elf_Data *data;
	struct btf *btf = NULL;

	section = elf && section_names_end(elf) ? find_section(elf, ".BTF", &header) : NULL;
	data = section ? elf_rawdata(section, NULL) : NULL;
	if (data && data->d_buf)
		btf = load(data->d_buf, data->d_size);
	else
		errno = ENODATA;
	elf_end(elf);
	return btf;
}

static struct btf *load_whole(int fd, size_t size)
{
	char *bytes = malloc(size);
	struct btf *btf = NULL;
	size_t done = 0;
	ssize_t n = 1;

	while (bytes && done < size && n > 0) {
		n = pread(fd, bytes + done, size - done, done);
		done += n > 0 ? n : 0;
	}
	if (bytes && n >= 0)
		btf = load(bytes, done);
	free(bytes);
	return btf;
}

static struct btf *load_opened(int fd)
{
	char magic[SELFMAG];
	struct stat st;

	if (fstat(fd, &st))
		return NULL;
	if (pread(fd, magic, sizeof(magic), 0) == SELFMAG && !memcmp(magic, ELFMAG, SELFMAG))
		return load_section(fd);
	errno = EBADMSG;
	return st.st_size > 0 && st.st_size <= SIZE_MOST ? load_whole(fd, st.st_size) : NULL;
}

struct btf *btf_file_load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err;
	struct btf *btf;

	if (fd < 0)
		return NULL;
	btf = load_opened(fd);
	err = errno;
	close(fd);
	errno = err;
	return btf;
}
