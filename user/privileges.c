// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two system calls and a mask: libcap-ng would do them too, for 20 KB, a constructor that reads
 * /proc at each start, and stand-ins for initgroups() and getpwuid(), which a static binary cannot
 * have.
 */
#include "privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "syscalls.h"

#define BIT(capability) (UINT64_C(1) << (capability))
#define WORDS           _LINUX_CAPABILITY_U32S_3

/*
 * What LeakSanitizer does at the end, ptrace() of itself, and valgrind all the time, code in pages
 * that were written, is nothing that a filter should allow.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(NO_FILTER)
#define FILTER false
#else
#define FILTER true
#endif

/* ---- capabilities ------------------------------------------------------------------------ */

struct capability_sets {
	uint64_t effective, permitted;
};

static int get_capabilities(struct capability_sets *sets)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[WORDS] = {};

	if (syscall(SYS_capget, &header, data))
		return -errno;
	sets->effective = (uint64_t)data[1].effective << 32 | data[0].effective;
	sets->permitted = (uint64_t)data[1].permitted << 32 | data[0].permitted;
	return 0;
}

/* Inheritable ones, and with them ambient ones, are for those who exec: we do not. */
static int set_capabilities(const struct capability_sets *sets)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[WORDS] = {
		{ .effective = sets->effective, .permitted = sets->permitted },
		{ .effective = sets->effective >> 32, .permitted = sets->permitted >> 32 },
	};

	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

uint64_t privileges_effective(void)
{
	struct capability_sets sets;

	return get_capabilities(&sets) ? 0 : sets.effective;
}

const char *capability_name(int capability)
{
	switch (capability) {
	case CAP_BPF:
		return "CAP_BPF";
	case CAP_SYS_ADMIN:
		return "CAP_SYS_ADMIN";
	case CAP_SYS_PTRACE:
		return "CAP_SYS_PTRACE";
	case CAP_DAC_READ_SEARCH:
		return "CAP_DAC_READ_SEARCH";
	case CAP_CHECKPOINT_RESTORE:
		return "CAP_CHECKPOINT_RESTORE";
	case CAP_KILL:
		return "CAP_KILL";
	}
	return NULL;
}

/*
 * Where unprivileged BPF is off, kernels before 5.19 ask for CAP_BPF at every bpf(2), also for what
 * one has in hand already. So it is tried: without anything in effect, on a map of our own.
 */
static bool bpf_needs_capability(const struct capability_sets *sets)
{
	const struct capability_sets lowered = { .permitted = sets->permitted };
	int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, NULL, 4, 4, 1, NULL), err = 0;
	__u32 zero = 0, value;

	if (map < 0)
		return false; /* there is nothing in hand */
	if (!set_capabilities(&lowered)) {
		err = bpf_map_lookup_elem(map, &zero, &value);
		set_capabilities(sets);
	}
	close(map);
	return err == -EPERM;
}

static uint64_t needed_later(const struct capability_sets *sets, uint32_t later)
{
	uint64_t needed = 0;

	if (bpf_needs_capability(sets))
		needed |= sets->permitted & BIT(CAP_BPF) ? BIT(CAP_BPF) : BIT(CAP_SYS_ADMIN);
	/* /proc/PID/fd of all processes, and where its links lead */
	if (later & (LATER_PROC | LATER_STACKS))
		needed |= BIT(CAP_SYS_PTRACE) | BIT(CAP_DAC_READ_SEARCH);
	/* /proc/PID/map_files */
	if (later & LATER_STACKS)
		needed |= BIT(CAP_CHECKPOINT_RESTORE);
	/* the command may have become another user, by sudo for one */
	if (later & LATER_COMMAND)
		needed |= BIT(CAP_KILL);
	return needed;
}

/* ---- all of it --------------------------------------------------------------------------- */

int privileges_drop(struct kept *kept, uint32_t later, struct failure *why)
{
	struct capability_sets sets;
	int err = get_capabilities(&sets);

	if (!err) {
		sets.permitted &= needed_later(&sets, later);
		sets.effective = sets.permitted;
		err = set_capabilities(&sets);
	}
	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err = -errno;
	if (err)
		return failed(why, EXIT_FAILED, "cannot give up privileges: %s", strerror(-err));
	*kept = (struct kept){ .capabilities = sets.permitted, .unfiltered = ENOTSUP };
	return 0;
}

void privileges_filter(struct kept *kept, uint32_t later, pid_t command)
{
	kept->unfiltered = FILTER ? -syscalls_restrict(later, command) : ENOTSUP;
}

void kept_format(char out[KEPT_SIZE], const struct kept *kept)
{
	size_t used = snprintf(out, KEPT_SIZE, "capabilities");

	for (int i = 0; i <= CAP_LAST_CAP; i++)
		if (kept->capabilities & BIT(i))
			used += snprintf(out + used, KEPT_SIZE - used, " %s", capability_name(i));
	used += snprintf(out + used, KEPT_SIZE - used, "%s, no_new_privs, ",
			 kept->capabilities ? "" : " none");
	if (kept->unfiltered)
		snprintf(out + used, KEPT_SIZE - used, "system calls not filtered: %s",
			 strerror(kept->unfiltered));
	else
		snprintf(out + used, KEPT_SIZE - used, "system calls filtered");
}
