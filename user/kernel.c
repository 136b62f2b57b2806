// SPDX-License-Identifier: GPL-2.0-only
#include "kernel.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "array.h"
#include "kernel_btf.h"
#include "privileges.h"

#define BIT(feature) (UINT32_C(1) << FEATURE_##feature)

/* ---- names ------------------------------------------------------------------------------- */

static const char *const names[] = {
#define FEATURE(id, name, meaning) [FEATURE_##id] = name,
	FEATURES
#undef FEATURE
};

static const char *const meanings[] = {
#define FEATURE(id, name, meaning) [FEATURE_##id] = meaning,
	FEATURES
#undef FEATURE
};

const char *feature_name(enum feature feature)
{
	return names[feature];
}

const char *feature_meaning(enum feature feature)
{
	return meanings[feature];
}

/* ---- what there must be ------------------------------------------------------------------ */

/* Every tracepoint for which nothing else can stand in. */
static const char *const tracepoints[] = {
	"inet_sock_set_state", "tcp_send_reset",        "tcp_receive_reset",
	"tcp_retransmit_skb",  "tcp_retransmit_synack", "tcp_destroy_sock",
};

static const char *release(void)
{
	static struct utsname name;

	return uname(&name) ? "?" : name.release;
}

static bool have(uint64_t mask, int capability)
{
	return mask >> capability & 1;
}

void kernel_privileges(struct privilege privileges[PRIVILEGES])
{
	static const struct {
		int capability;
		bool needed;
		const char *name, *use;
	} known[PRIVILEGES] = {
		{ CAP_BPF, true, "CAP_BPF", "to load BPF programs" },
		{ CAP_PERFMON, true, "CAP_PERFMON", "to attach them to the kernel" },
		{ CAP_SYS_ADMIN, false, "CAP_SYS_ADMIN",
		  "stands for both; to list sockets of other network namespaces; for kprobes, "
		  "where kernel.perf_event_paranoid is 3" },
		{ CAP_SYS_RESOURCE, false, "CAP_SYS_RESOURCE",
		  "to lock memory for BPF maps, before Linux 5.11" },
		{ CAP_SYSLOG, false, "CAP_SYSLOG",
		  "for addresses of functions, where kernel.kptr_restrict hides them" },
	};
	uint64_t caps = privileges_effective();

	for (int i = 0; i < PRIVILEGES; i++) {
		privileges[i].name = known[i].name;
		privileges[i].use = known[i].use;
		privileges[i].needed = known[i].needed;
		privileges[i].present = have(caps, known[i].capability);
	}
}

/* Kernels before 5.8 have neither CAP_BPF nor CAP_PERFMON; CAP_SYS_ADMIN stands for both. */
static int check_privileges(struct failure *why)
{
	uint64_t caps = privileges_effective();
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
	*btf = kernel_btf_load(why);
	return *btf ? 0 : -1;
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

static int check_tracepoints(const struct btf *btf, struct failure *why)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(tracepoints); i++)
		if (!find_tracepoint(btf, tracepoints[i]))
			return failed(why, EXIT_KERNEL,
				      "kernel %s has no tracepoint %s, which tcpwhy needs; Linux "
				      "has it from 4.16 on",
				      release(), tracepoints[i]);
	return 0;
}

/* In a user namespace of its own a process has all capabilities, and they are worth nothing here.
 */
static bool may_not_make_maps(void)
{
	int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, NULL, 4, 4, 1, NULL);

	if (map < 0)
		return errno == EPERM;
	close(map);
	return false;
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

	for (unsigned int i = 0; i < ARRAY_SIZE(needed); i++) {
		if (libbpf_probe_bpf_map_type(needed[i].type, NULL) == 1)
			continue;
		if (may_not_make_maps())
			return failed(why, EXIT_PRIVILEGE,
				      "the kernel does not let it make BPF maps, capabilities "
				      "notwithstanding: in a container they must be the host's, "
				      "not those of a user namespace");
		return failed(why, EXIT_KERNEL,
			      "kernel %s is too old or built without it: no %s (Linux %s)",
			      release(), needed[i].name, needed[i].since);
	}
	return 0;
}

/* ---- what differs ------------------------------------------------------------------------ */

/* Of a tracepoint; the void * that comes before them is not counted. 0 if there is none. */
static int tracepoint_args(const struct btf *btf, const char *name)
{
	__s32 id = find_tracepoint(btf, name);
	const struct btf_type *type = btf__type_by_id(btf, id);

	if (!id)
		return 0;
	type = btf__type_by_id(btf, type->type);
	if (!btf_is_ptr(type))
		return 0;
	type = btf__type_by_id(btf, type->type);
	return btf_is_func_proto(type) ? btf_vlen(type) - 1 : 0;
}

/* The id of a function that programs can be attached to, 0 if there is none. */
static __s32 find_function(const struct btf *btf, const char *name)
{
	__s32 id = btf__find_by_name_kind(btf, name, BTF_KIND_FUNC);

	return id > 0 ? id : 0;
}

static unsigned int function_args(const struct btf *btf, const char *name)
{
	__s32 id = find_function(btf, name);
	const struct btf_type *type = id ? btf__type_by_id(btf, id) : NULL;

	return type ? btf_vlen(btf__type_by_id(btf, type->type)) : 0;
}

/* NULL if there is none. */
static const struct btf_type *find_enum(const struct btf *btf, const char *name)
{
	__s32 id = btf__find_by_name_kind(btf, name, BTF_KIND_ENUM);

	return id < 0 ? NULL : btf__type_by_id(btf, id);
}

static bool has_enumerator(const struct btf *btf, const struct btf_type *t, const char *name)
{
	for (int i = 0; t && i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_enum(t)[i].name_off), name))
			return true;
	return false;
}

static uint32_t feature_if(bool condition, enum feature feature)
{
	return (uint32_t)condition << feature;
}

/* What BTF tells. Helpers came together with what else is needed to make use of them. */
static uint32_t features_of_btf(const struct btf *btf)
{
	static const struct {
		const char *helper;
		enum feature feature;
	} helpers[] = {
		{ "BPF_FUNC_get_current_task_btf", FEATURE_task_pointer },
		{ "BPF_FUNC_sock_from_file", FEATURE_file_socket },
		{ "BPF_FUNC_sock_from_file", FEATURE_socket_storage },
		{ "BPF_FUNC_check_mtu", FEATURE_global_pointers },
		{ "BPF_FUNC_task_pt_regs", FEATURE_task_registers },
		{ "BPF_FUNC_loop", FEATURE_loop },
	};
	const struct btf_type *ids = find_enum(btf, "bpf_func_id");
	bool reason = tracepoint_args(btf, "tcp_send_reset") > 2;
	bool drop_socket = tracepoint_args(btf, "kfree_skb") > 3;
	uint32_t found = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(helpers); i++)
		found |=
			feature_if(has_enumerator(btf, ids, helpers[i].helper), helpers[i].feature);
	found |= feature_if(find_function(btf, "bpf_iter_cgroup"), FEATURE_cgroup_iterator);
	found |= feature_if(find_tracepoint(btf, "sock_send_length") &&
				    find_tracepoint(btf, "sock_recv_length"),
			    FEATURE_socket_calls);
	found |= feature_if(reason, FEATURE_stray_resets);
	found |= feature_if(reason && has_enumerator(btf, find_enum(btf, "sk_rst_reason"),
						     "SK_RST_REASON_INVALID_SYN"),
			    FEATURE_reset_reason);
	found |= feature_if(drop_socket, FEATURE_drop_socket);
	found |= feature_if(drop_socket && has_enumerator(btf, find_enum(btf, "skb_drop_reason"),
							  "SKB_DROP_REASON_TCP_LISTEN_OVERFLOW"),
			    FEATURE_overflow_reason);
	found |= feature_if(tracepoint_args(btf, "tcp_retransmit_skb") > 2,
			    FEATURE_retransmit_error);
	/* the type of the guard in __DECLARE_TRACE() */
	found |= feature_if(
		btf__find_by_name_kind(btf, "class_srcu_fast_notrace_t", BTF_KIND_TYPEDEF) > 0 &&
			find_function(btf, "bpf_preempt_disable") &&
			find_function(btf, "bpf_local_irq_save"),
		FEATURE_preemptible_hooks);
	return found;
}

/* ---- what must be tried ------------------------------------------------------------------ */

/* A program that does nothing, for where types tell the kernel what it is attached to. */
static int load_nothing(enum bpf_attach_type type, __s32 attach_btf_id)
{
	static const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = type,
		    .attach_btf_id = attach_btf_id);

	return bpf_prog_load(BPF_PROG_TYPE_TRACING, "tcpwhy_try", "GPL", nothing, 2, &opts);
}

/* Has the kernel BTF itself, or is there only a file that somebody has given us? */
static bool has_btf_itself(const struct btf *btf)
{
	int prog;

	if (kernel_btf_shown())
		return true;
	prog = load_nothing(BPF_TRACE_RAW_TP, find_tracepoint(btf, "inet_sock_set_state"));
	if (prog < 0)
		return false;
	close(prog);
	return true;
}

/* What programs are attached to where tracepoints do not tell. */
static const struct {
	const char *functions[4];
	enum feature fentry, kprobe; /* FEATURE_COUNT: not used */
} attached[] = {
	{ { "tcp_v4_send_reset", "tcp_v6_send_reset" },
	  FEATURE_fentry_resets,
	  FEATURE_kprobe_resets },
	{ { "tcp_conn_request", "tcp_v4_syn_recv_sock", "tcp_v6_syn_recv_sock" },
	  FEATURE_fentry_listeners,
	  FEATURE_kprobe_listeners },
	{ { "tcp_sendmsg", "tcp_recvmsg" }, FEATURE_fexit_calls, FEATURE_COUNT },
};

/* Not to be attached: what has more arguments than the kernel can pass on, or no BTF. */
static bool can_fentry(const struct btf *btf, const char *function)
{
	__s32 id = find_function(btf, function);
	int prog, link;

	if (!id)
		return false;
	prog = load_nothing(BPF_TRACE_FENTRY, id);
	if (prog < 0)
		return false;
	link = bpf_raw_tracepoint_open(NULL, prog);
	close(prog);
	if (link >= 0)
		close(link);
	return link >= 0;
}

/* The type of the events of kprobes, 0 if there are none. */
static unsigned int kprobe_type(void)
{
	FILE *file = fopen("/sys/bus/event_source/devices/kprobe/type", "re");
	unsigned int type = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%u", &type) != 1)
		type = 0;
	fclose(file);
	return type;
}

static bool can_kprobe(unsigned int type, const char *function)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = type,
		.config1 = (uintptr_t)function, /* kprobe_func */
	};
	int fd;

	if (!type)
		return false;
	fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static uint32_t try_functions(const struct btf *btf)
{
	unsigned int type = kprobe_type();
	uint32_t found = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(attached); i++) {
		bool fentry = true, kprobe = attached[i].kprobe != FEATURE_COUNT;

		for (const char *const *name = attached[i].functions; *name; name++) {
			fentry = fentry && can_fentry(btf, *name);
			kprobe = kprobe && can_kprobe(type, *name);
		}
		found |= feature_if(fentry, attached[i].fentry);
		found |= kprobe ? feature_if(true, attached[i].kprobe) : 0;
	}
	return found;
}

/* Its end is where the next one begins, which need not be the next line. */
static bool find_check_req(struct kernel *k)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	uint64_t start = 0, end = UINT64_MAX, address;
	char line[512], name[256];

	if (!file)
		return false;
	while (!start && fgets(line, sizeof(line), file))
		if (sscanf(line, "%" SCNx64 " %*c %255s", &address, name) == 2 &&
		    !strcmp(name, "tcp_check_req"))
			start = address;
	rewind(file);
	while (start && fgets(line, sizeof(line), file))
		if (sscanf(line, "%" SCNx64, &address) == 1 && address > start && address < end)
			end = address;
	fclose(file);
	k->check_req_start = start;
	k->check_req_end = end;
	return start;
}

/* ---- all of it --------------------------------------------------------------------------- */

/* Those that no BTF tells. */
static const uint32_t tried = BIT(fentry_resets) | BIT(kprobe_resets) | BIT(fentry_listeners) |
			      BIT(kprobe_listeners) | BIT(fexit_calls) | BIT(symbols);

/* Those that a kernel without BTF of its own has no use for. */
static const uint32_t by_kernel_btf = BIT(fentry_resets) | BIT(fentry_listeners) |
				      BIT(fexit_calls) | BIT(task_pointer) | BIT(file_socket) |
				      BIT(socket_storage) | BIT(task_registers) | BIT(loop) |
				      BIT(cgroup_iterator) | BIT(preemptible_hooks);

static const uint32_t all_features = (UINT32_C(1) << FEATURE_COUNT) - 1;

static void read_btf(struct kernel *k, const struct btf *btf)
{
	btf__raw_data(btf, &k->btf_size);
	k->btf_file = kernel_btf_path();
	k->features = features_of_btf(btf);
	k->features |= feature_if(has_btf_itself(btf), FEATURE_kernel_btf);
	k->recvmsg_args = function_args(btf, "tcp_recvmsg");
}

/* Only what is used in place of something that is missing. */
static void try_what_is_used(struct kernel *k, const struct btf *btf, uint32_t without)
{
	uint32_t for_functions =
		BIT(kernel_btf) | BIT(stray_resets) | BIT(overflow_reason) | BIT(socket_calls);
	uint32_t found = k->features & ~without;

	if (~found & for_functions)
		k->features |= try_functions(btf);
	if (~found & BIT(reset_reason))
		k->features |= feature_if(find_check_req(k), FEATURE_symbols);
}

static void leave_out(struct kernel *k, uint32_t without)
{
	k->features &= ~without;
	k->unknown &= ~without;
	if (kernel_found(k, FEATURE_kernel_btf) == FOUND_NO)
		k->features &= ~by_kernel_btf;
}

static int look_for(enum need need, struct btf **btf, struct failure *why)
{
	switch (need) {
	case NEED_PRIVILEGES:
		return check_privileges(why);
	case NEED_BTF:
		return check_btf(btf, why);
	case NEED_TRACEPOINTS:
		return check_tracepoints(*btf, why);
	case NEED_MAPS:
		return check_maps(why);
	case NEED_COUNT:
		break;
	}
	return 0;
}

int kernel_look(struct kernel *k, uint32_t without, struct failure *why)
{
	struct btf *btf = NULL;
	int err = 0;

	memset(k, 0, sizeof(*k));
	for (int need = 0; !err && need < NEED_COUNT; need++)
		err = look_for(need, &btf, why);
	if (!err) {
		read_btf(k, btf);
		try_what_is_used(k, btf, without);
		leave_out(k, without);
	}
	kernel_btf_give_back(btf);
	return err;
}

/* Without BTF no tracepoint is found, and without privileges no map is made: that means nothing. */
static bool can_look_for(enum need need, const struct need_state needs[NEED_COUNT])
{
	if (need == NEED_TRACEPOINTS)
		return needs[NEED_BTF].found == FOUND_YES;
	return need != NEED_MAPS || needs[NEED_PRIVILEGES].found == FOUND_YES;
}

void kernel_survey(struct kernel *k, uint32_t without, struct need_state needs[NEED_COUNT])
{
	struct btf *btf = NULL;

	memset(k, 0, sizeof(*k));
	memset(needs, 0, NEED_COUNT * sizeof(*needs));
	for (int need = 0; need < NEED_COUNT; need++)
		if (can_look_for(need, needs))
			needs[need].found =
				look_for(need, &btf, &needs[need].why) ? FOUND_NO : FOUND_YES;
	k->unknown = all_features;
	if (btf) {
		read_btf(k, btf);
		k->unknown = tried | (kernel_btf_shown() ? 0 : BIT(kernel_btf));
	}
	if (btf && needs[NEED_MAPS].found == FOUND_YES) {
		k->features |= try_functions(btf);
		k->features |= feature_if(find_check_req(k), FEATURE_symbols);
		k->unknown = 0;
	}
	leave_out(k, without);
	kernel_btf_give_back(btf);
}

/* The coarse clocks advance by jiffies, and say so: TICK_NSEC. */
uint32_t kernel_tick_us(void)
{
	struct timespec tick;

	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) || tick.tv_nsec < 1000)
		return 4000;
	return tick.tv_nsec / 1000;
}
