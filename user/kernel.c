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

#define OLDEST_KERNEL "6.16"

/* Every tracepoint that the programs hang on. */
static const char *const tracepoints[] = {
	"inet_sock_set_state",   "tcp_send_reset",   "tcp_receive_reset", "tcp_retransmit_skb",
	"tcp_retransmit_synack", "tcp_destroy_sock", "kfree_skb",
};

static const char *release(void)
{
	static struct utsname name;

	return uname(&name) ? "?" : name.release;
}

/* Effective capabilities, as a bit mask; 0 if they cannot be read. */
static uint64_t capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};

	if (syscall(SYS_capget, &header, data))
		return 0;
	return (uint64_t)data[1].effective << 32 | data[0].effective;
}

static bool have(uint64_t mask, int capability)
{
	return mask >> capability & 1;
}

/* Kernels before 5.8 have neither CAP_BPF nor CAP_PERFMON; CAP_SYS_ADMIN stands for both. */
static int check_privileges(struct failure *why)
{
	uint64_t caps = capabilities();
	char self[PATH_MAX] = "tcpwhy";
	ssize_t n;

	if (have(caps, CAP_SYS_ADMIN) || (have(caps, CAP_BPF) && have(caps, CAP_PERFMON)))
		return 0;
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0)
		self[n] = '\0';
	return failed(
		why, EXIT_PRIVILEGE,
		"needs CAP_BPF and CAP_PERFMON: run it as root, or give it what it needs with "
		"'setcap cap_bpf,cap_perfmon+ep %s'",
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

/* btf_trace_NAME is a typedef of a pointer to the function that a probe is; 0 if there is none. */
static __s32 find_tracepoint(const struct btf *btf, const char *name)
{
	char type[64];
	__s32 id;

	snprintf(type, sizeof(type), "btf_trace_%s", name);
	id = btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF);
	return id > 0 ? id : 0;
}

/* Of a tracepoint that exists; the void * that comes before them is not counted. */
static int tracepoint_args(const struct btf *btf, const char *name)
{
	const struct btf_type *type = btf__type_by_id(btf, find_tracepoint(btf, name));

	type = btf__type_by_id(btf, type->type); /* the pointer */
	return btf_vlen(btf__type_by_id(btf, type->type)) - 1;
}

static int check_tracepoints(const struct btf *btf, struct failure *why)
{
	for (unsigned int i = 0; i < sizeof(tracepoints) / sizeof(tracepoints[0]); i++)
		if (!find_tracepoint(btf, tracepoints[i]))
			return failed(why, EXIT_KERNEL,
				      "kernel %s has no tracepoint %s, which tcpwhy needs; it is "
				      "known to work from Linux " OLDEST_KERNEL,
				      release(), tracepoints[i]);
	return 0;
}

static bool has_enumerator(const struct btf *btf, const char *type, const char *name)
{
	__s32 id = btf__find_by_name_kind(btf, type, BTF_KIND_ENUM);
	const struct btf_type *t = id < 0 ? NULL : btf__type_by_id(btf, id);

	for (int i = 0; t && i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_enum(t)[i].name_off), name))
			return true;
	return false;
}

/* Without these, drops and resets could not be told apart: better no answer than a wrong one. */
static int check_reasons(const struct btf *btf, struct failure *why)
{
	if (has_enumerator(btf, "skb_drop_reason", "SKB_DROP_REASON_TCP_LISTEN_OVERFLOW") &&
	    has_enumerator(btf, "sk_rst_reason", "SK_RST_REASON_INVALID_SYN"))
		return 0;
	return failed(
		why, EXIT_KERNEL,
		"kernel %s does not say why it drops handshakes and sends resets "
		"(SKB_DROP_REASON_TCP_LISTEN_OVERFLOW, enum sk_rst_reason); it is known to work "
		"from Linux " OLDEST_KERNEL,
		release());
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

int kernel_check(struct kernel_features *features, struct failure *why)
{
	struct btf *btf = NULL;
	int err;

	err = check_privileges(why);
	if (!err)
		err = check_btf(&btf, why);
	if (!err)
		err = check_tracepoints(btf, why);
	if (!err)
		err = check_reasons(btf, why);
	if (!err)
		err = check_maps(why);
	if (!err)
		features->retransmit_has_err = tracepoint_args(btf, "tcp_retransmit_skb") > 2;
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
