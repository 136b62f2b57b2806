// SPDX-License-Identifier: GPL-2.0-only
#include "kernel.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

/* Every tracepoint that the programs hang on. */
static const char *const tracepoints[] = {
	"inet_sock_set_state",	 "tcp_send_reset",   "tcp_receive_reset", "tcp_retransmit_skb",
	"tcp_retransmit_synack", "tcp_destroy_sock", "kfree_skb",
};

static const char *release(void)
{
	static struct utsname name;

	return uname(&name) ? "?" : name.release;
}

static bool have_capability(const struct __user_cap_data_struct *data, int capability)
{
	return data[capability / 32].effective & 1U << capability % 32;
}

/* Kernels before 5.8 have neither CAP_BPF nor CAP_PERFMON; CAP_SYS_ADMIN stands for both. */
static int check_privileges(struct failure *why)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};
	char self[PATH_MAX] = "tcpwhy";
	ssize_t n;

	if (syscall(SYS_capget, &header, data))
		return failed(why, EXIT_FAILED, "cannot read this process's capabilities: %s",
			      strerror(errno));
	if (have_capability(data, CAP_SYS_ADMIN) ||
	    (have_capability(data, CAP_BPF) && have_capability(data, CAP_PERFMON)))
		return 0;
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0)
		self[n] = '\0';
	return failed(
		why, EXIT_PRIVILEGE,
		"needs CAP_BPF and CAP_PERFMON: run it as root, or give it what it needs with "
		"'setcap cap_bpf,cap_perfmon,cap_sys_ptrace,cap_dac_read_search+ep %s'",
		self);
}

static int check_btf(struct btf **btf, struct failure *why)
{
	*btf = btf__load_vmlinux_btf();
	if (*btf)
		return 0;
	return failed(
		why, EXIT_NO_BTF,
		"kernel %s has no BTF: /sys/kernel/btf/vmlinux cannot be read (%s); boot a kernel "
		"built with CONFIG_DEBUG_INFO_BTF=y (every Debian kernel since 5.10 is)",
		release(), strerror(errno));
}

static int check_tracepoints(const struct btf *btf, struct failure *why)
{
	char type[64];

	for (unsigned int i = 0; i < sizeof(tracepoints) / sizeof(tracepoints[0]); i++) {
		snprintf(type, sizeof(type), "btf_trace_%s", tracepoints[i]);
		if (btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF) < 0)
			return failed(why, EXIT_KERNEL,
				      "kernel %s has no tracepoint %s, which tcpwhy needs; it is "
				      "known to work "
				      "from Linux 6.12",
				      release(), tracepoints[i]);
	}
	return 0;
}

static int check_maps(struct failure *why)
{
	static const struct {
		enum bpf_map_type type;
		const char *name, *since;
	} needed[] = {
		{ BPF_MAP_TYPE_RINGBUF, "BPF ring buffer", "5.8" },
		{ BPF_MAP_TYPE_SK_STORAGE, "BPF socket storage", "5.2" },
	};

	for (unsigned int i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (libbpf_probe_bpf_map_type(needed[i].type, NULL) == 1)
			continue;
		return failed(why, EXIT_KERNEL,
			      "kernel %s is too old or built without it: no %s (Linux %s)",
			      release(), needed[i].name, needed[i].since);
	}
	return 0;
}

int kernel_check(struct failure *why)
{
	struct btf *btf = NULL;
	int err;

	err = check_privileges(why);
	if (!err)
		err = check_btf(&btf, why);
	if (!err)
		err = check_tracepoints(btf, why);
	if (!err)
		err = check_maps(why);
	btf__free(btf);
	return err;
}

/* The coarse clocks advance by jiffies, and say so: TICK_NSEC. */
uint32_t kernel_tick_us(void)
{
	struct timespec tick;

	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) || tick.tv_nsec < 1000)
		return 4000;
	return tick.tv_nsec / 1000;
}
