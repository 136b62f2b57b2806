/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * --stack and --kstack: which code it was. The stack of the task in whose call the connection died,
 * or else of the one that was the last to send, which every send has to be remembered for; and the
 * kernel's, of the event. Without these options none of it is loaded.
 */
#ifndef TCPWHY_TAKE_STACK_H
#define TCPWHY_TAKE_STACK_H

#include "emit.h"
#include "filter.h"
#include "owner.h"

#define BPF_F_USER_STACK    (1ULL << 8) /* include/uapi/linux/bpf.h */
#define BPF_F_USER_BUILD_ID (1ULL << 11)

/* The stack of the last send. */
struct sent_stack {
	__u32 writing; /* it is incomplete */
	__u32 pad;
	struct stack_trace trace;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct sent_stack);
} sent_stacks SEC(".maps");

/* ---- what it runs: it may have exited when user space would look ----------------------------- */

#define PATH_COMPONENTS 24

static __always_inline const struct mount *mount_of(const struct vfsmount *mnt)
{
	return (const void *)mnt - bpf_core_field_offset(struct mount, mnt);
}

/*
 * The path of the executable, as seen from the root of all its mounts. A function of its own, which
 * the verifier walks through once. Returns nothing of use.
 */
__noinline int take_exe(struct stack_trace *s)
{
	const struct task_struct *task = (const void *)bpf_get_current_task();
	const struct file *exe = BPF_CORE_READ(task, mm, exe_file);
	const struct dentry *dentry = BPF_CORE_READ(exe, f_path.dentry), *parent;
	const struct mount *mount = mount_of(BPF_CORE_READ(exe, f_path.mnt)), *above;
	__u32 used = 0;
	long n;

	if (!s)
		return 0;
	for (int i = 0; i < PATH_COMPONENTS; i++) {
		parent = BPF_CORE_READ(dentry, d_parent);
		if (dentry == BPF_CORE_READ(mount, mnt.mnt_root) || dentry == parent) {
			above = BPF_CORE_READ(mount, mnt_parent);
			if (!above || above == mount)
				break;
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = above;
			continue;
		}
		/* so that the verifier sees the same bounds each time round */
		barrier_var(used);
		used &= STACK_EXE_SIZE / 2 - 1;
		n = bpf_probe_read_kernel_str(&s->exe[used], STACK_EXE_SIZE / 2,
					      BPF_CORE_READ(dentry, d_name.name));
		if (n <= 0 || used + n >= STACK_EXE_SIZE / 2)
			return 0;
		used += n;
		dentry = parent;
	}
	s->exe_n = used;
	s->exe_inode = BPF_CORE_READ(exe, f_inode, i_ino);
	s->exe_dev = BPF_CORE_READ(exe, f_inode, i_sb, s_dev);
	s->mnt_ns = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	return 0;
}

/* ---- where the task is ----------------------------------------------------------------------- */

/* The top of its stack; the less, the nearer its end, or what is not in memory, is. */
static __always_inline __u32 read_stack(struct stack_trace *s)
{
	const void *sp = (const void *)s->sp;

	if (!bpf_probe_read_user(s->bytes, STACK_BYTES, sp))
		return STACK_BYTES;
	if (!bpf_probe_read_user(s->bytes, STACK_BYTES / 4, sp))
		return STACK_BYTES / 4;
	return bpf_probe_read_user(s->bytes, STACK_BYTES / 16, sp) ? 0 : STACK_BYTES / 16;
}

static __always_inline void take_registers(struct stack_trace *s)
{
	const struct task_struct *task;
	const struct pt_regs *regs;

	s->bytes_n = 0;
	if (!offers(task_registers))
		return;
	task = bpf_get_current_task_btf();
	regs = (const void *)bpf_task_pt_regs((struct task_struct *)task);
	s->pc = USER_PC(regs);
	s->sp = USER_SP(regs);
	s->fp = USER_FP(regs);
	s->lr = USER_LR(regs);
	s->bytes_n = read_stack(s);
}

/* Another process than the one whose stack was there before, or another program? */
static __always_inline bool is_new(const struct stack_trace *s, __u64 start)
{
	return s->pid != bpf_get_current_pid_tgid() >> 32 || s->start != start;
}

static __always_inline void take_current(void *ctx, struct stack_trace *s, __u8 moment)
{
	const struct task_struct *task = (const void *)bpf_get_current_task();
	__u64 start = BPF_CORE_READ(task, mm, start_code);
	long size;

	if (is_new(s, start))
		take_exe(s);
	s->start = start;

	bpf_get_stack(ctx, s->frames, sizeof(s->frames), BPF_F_USER_STACK | BPF_F_USER_BUILD_ID);
	size = bpf_get_stack(ctx, s->user, sizeof(s->user), BPF_F_USER_STACK);
	s->moment = moment;
	s->pid = bpf_get_current_pid_tgid() >> 32;
	s->user_n = size > 0 ? size / sizeof(s->user[0]) : 0;
	take_registers(s);
}

/* ---- the last send --------------------------------------------------------------------------- */

/* Of two threads that send at once, the first is remembered. */
static __always_inline void remember_send(void *ctx, struct sock *sk)
{
	struct tcp_sock *tp = passing_sock(sk);
	struct sent_stack *sent;

	if (!tp || !offers(socket_storage))
		return;
	sent = bpf_sk_storage_get(&sent_stacks, tp, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!sent || sent->writing)
		return;
	sent->writing = 1;
	barrier();
	take_current(ctx, &sent->trace, STACK_LAST_SEND);
	barrier();
	sent->writing = 0;
}

static __always_inline void recall_send(struct stack_trace *s, struct tcp_sock *tp)
{
	struct sent_stack *sent;

	if (!offers(socket_storage))
		return;
	sent = bpf_sk_storage_get(&sent_stacks, tp, NULL, 0);
	if (sent && !sent->writing && sent->trace.moment)
		bpf_probe_read_kernel(s, sizeof(*s), &sent->trace);
}

/* ---- with the evidence ----------------------------------------------------------------------- */

/* Not if it is closed in our name: owner.h. */
static __always_inline void take_stack_of_caller(void *ctx, struct evidence *e)
{
	struct stack_trace *s = stacks_of(e);

	if (!user_stacks || bpf_get_current_pid_tgid() >> 32 == snapshot_pid)
		return;
	take_current(ctx, s, STACK_AT_EVENT);
}

static __always_inline void take_kernel_stack(void *ctx, struct evidence *e)
{
	struct stack_trace *s = stacks_of(e);
	long size;

	if (!kernel_stacks)
		return;
	size = bpf_get_stack(ctx, s->kernel, sizeof(s->kernel), 0);
	s->kernel_n = size > 0 ? size / sizeof(s->kernel[0]) : 0;
}

/* Of a socket that its process had closed before. */
static __always_inline void take_stacks_of_orphan(void *ctx, struct evidence *e,
						  struct tcp_sock *tp)
{
	if (user_stacks)
		recall_send(stacks_of(e), tp);
	take_kernel_stack(ctx, e);
}

/* Of a full socket that has died. ss -K holds its lock too, and is not to be blamed. */
static __always_inline void take_stacks_of_death(void *ctx, struct evidence *e, struct tcp_sock *tp)
{
	const struct facts *f = &e->facts;

	if (user_stacks && has(f, FACT_OWNED) && f->err != ERR_CONNABORTED)
		take_stack_of_caller(ctx, e);
	else if (user_stacks)
		recall_send(stacks_of(e), tp);
	take_kernel_stack(ctx, e);
}

#endif
