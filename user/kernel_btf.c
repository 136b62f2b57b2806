// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_btf.h"

#include <errno.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "btf_file.h"
#include "core_types.h"

#define SHOWN_BY_KERNEL "/sys/kernel/btf/vmlinux"

static const char *given;

/* For libbpf, whose they are when it has asked for them. */
static struct btf *all_types, *few_types;

void kernel_btf_use(const char *path)
{
	kernel_btf_forget();
	given = path;
}

bool kernel_btf_given(void)
{
	return given;
}

bool kernel_btf_shown(void)
{
	return !access(SHOWN_BY_KERNEL, R_OK);
}

const char *kernel_btf_path(void)
{
	if (given)
		return given;
	return kernel_btf_shown() ? SHOWN_BY_KERNEL : NULL;
}

/*
 * libbpf asks itself for the kernel's BTF, and has no option for where it is; and where it has one,
 * it believes whatever is in the file, and looks at all of it. The linker puts these in between
 * (--wrap).
 */
struct btf *__real_btf__load_vmlinux_btf(void);
struct btf *__wrap_btf__load_vmlinux_btf(void);
struct btf *__real_btf__parse(const char *path, struct btf_ext **ext);
struct btf *__wrap_btf__parse(const char *path, struct btf_ext **ext);
int __wrap_bpf_btf_get_next_id(__u32 start, __u32 *next);

static struct btf *hand_over(struct btf **kept)
{
	struct btf *btf = *kept;

	*kept = NULL;
	return btf;
}

struct btf *__wrap_btf__load_vmlinux_btf(void)
{
	if (all_types)
		return hand_over(&all_types);
	return given ? btf_file_load(given) : __real_btf__load_vmlinux_btf();
}

struct btf *__wrap_btf__parse(const char *path, struct btf_ext **ext)
{
	if (few_types)
		return hand_over(&few_types);
	return given ? btf_file_load(path) : __real_btf__parse(path, ext);
}

/*
 * What the kernel does not have, modules do not have either: nothing that tcpwhy wants is theirs.
 * So there is none. libbpf 1.1 would read the BTF of each, and fail without CAP_SYS_ADMIN.
 */
int __wrap_bpf_btf_get_next_id(__u32 start, __u32 *next)
{
	(void)start;
	(void)next;
	errno = ENOENT;
	return -ENOENT;
}

static int no_btf(int err, struct failure *why)
{
	struct utsname name;
	const char *release = uname(&name) ? "?" : name.release;
	char reason[128] = "There is no BTF in it, or it is damaged";

	if (err != EBADMSG)
		libbpf_strerror(err, reason, sizeof(reason));
	if (given)
		return failed(why, EXIT_NO_BTF,
			      "no BTF can be read from %s: %s; give a copy of " SHOWN_BY_KERNEL
			      ", or a vmlinux with a section .BTF, of kernel %s",
			      given, reason, release);
	if (access(SHOWN_BY_KERNEL, R_OK))
		libbpf_strerror(errno, reason, sizeof(reason));
	return failed(why, EXIT_NO_BTF,
		      "kernel %s has no BTF: " SHOWN_BY_KERNEL " cannot be read (%s); give it "
		      "with --btf: a copy of that file, vmlinux-%s of the package "
		      "linux-image-%s-dbg, or what pahole makes of a vmlinux with debugging "
		      "information; or boot a kernel built with CONFIG_DEBUG_INFO_BTF=y, as every "
		      "Debian kernel since 5.10 is",
		      release, reason, release, release);
}

struct btf *kernel_btf_load(struct failure *why)
{
	struct btf *btf = btf__load_vmlinux_btf();

	if (!btf)
		no_btf(errno, why);
	return btf;
}

void kernel_btf_give_back(struct btf *btf)
{
	btf__free(all_types);
	all_types = btf;
}

void kernel_btf_select(const struct btf *object)
{
	btf__free(few_types);
	if (!all_types)
		all_types = btf__load_vmlinux_btf();
	few_types = all_types ? core_types(all_types, object) : NULL;
}

void kernel_btf_forget(void)
{
	btf__free(hand_over(&all_types));
	btf__free(hand_over(&few_types));
}
