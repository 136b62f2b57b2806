// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file for --btf: it is refused with one clear line, or what it says of the kernel is read, and
 * libbpf relocates the BPF programs by it. No BPF call gets to the kernel: --wrap=syscall. The
 * first byte of an input says what is done with the others, which are the file.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "kernel.h"
#include "kernel_btf.h"
#include "packed.h"

static bool loads; /* what is asked for is made */

/* A number of a map or program, which is none. */
static long answer_bpf(int command)
{
	if (loads && (command == BPF_MAP_CREATE || command == BPF_PROG_LOAD))
		return memfd_create("bpf", MFD_CLOEXEC);
	if (loads && (command == BPF_MAP_UPDATE_ELEM || command == BPF_MAP_FREEZE))
		return 0;
	errno = EINVAL;
	return -1;
}

long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	return number == SYS_bpf ? answer_bpf(a) : __real_syscall(number, a, b, c, d, e, f);
}

static void read_features(void)
{
	struct need_state needs[NEED_COUNT];
	struct kernel k;

	loads = false;
	kernel_survey(&k, 0, needs);
	must(k.features < UINT32_C(1) << FEATURE_COUNT);
	if (needs[NEED_BTF].found == FOUND_YES)
		return;
	must(needs[NEED_BTF].why.status == EXIT_NO_BTF && *needs[NEED_BTF].why.text);
	must(is_harmless(needs[NEED_BTF].why.text, strlen(needs[NEED_BTF].why.text)));
}

static void relocate(enum packed what, const char *path, bool named)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = named ? path : NULL);
	struct bpf_object *object;
	size_t size;
	void *bytes = unpack(what, &size);

	must(bytes);
	object = bpf_object__open_mem(bytes, size, &opts);
	must(object);
	loads = true;
	if (named)
		kernel_btf_select(bpf_object__btf(object));
	bpf_object__load(object);
	kernel_btf_forget();
	bpf_object__close(object);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[32];
	int fd;

	if (!size)
		return 0;
	fd = memfd_create("btf", MFD_CLOEXEC);
	must(fd >= 0 && write(fd, data + 1, size - 1) == (ssize_t)size - 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	libbpf_set_print(NULL);
	kernel_btf_use(path);
	read_features();
	relocate((data[0] & 7) == 1 ? PACKED_PROBES : PACKED_SNAPSHOT, path, data[0] & 8);
	close(fd);
	return 0;
}
