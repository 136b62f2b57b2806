/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a program at a tracepoint begins and ends:
 *
 *	TRACEPOINT("tcp_receive_reset")
 *	int HOOK(on_receive_reset, struct sock *sk)
 *	{
 *		...
 *	}
 *
 * From Linux 7.0 a tracepoint leaves preemption on (guard(srcu_fast_notrace) in __DECLARE_TRACE()).
 * A program that is running on a CPU is not run a second time there: active in __bpf_trace_run().
 * So as long as another task has the CPU in the midst of it, all that it would have seen there is
 * missed, and that may be a whole slice. Therefore it keeps the CPU.
 */
#ifndef TCPWHY_HOOK_H
#define TCPWHY_HOOK_H

#ifdef PROBES_ONLY

#define TRACEPOINT(name) SEC("raw_tp/" name)

static __always_inline void keep_cpu(void)
{
}

static __always_inline void release_cpu(void)
{
}

#else

#define TRACEPOINT(name) SEC("tp_btf/" name)

/* Only a kernel that offers preemptible_hooks sees the calls: constants_drop_calls(). */
extern void bpf_preempt_disable(void) __weak __ksym;
extern void bpf_preempt_enable(void) __weak __ksym;
extern void bpf_local_irq_save(unsigned long *flags) __weak __ksym;
extern void bpf_local_irq_restore(unsigned long *flags) __weak __ksym;

static __always_inline void keep_cpu(void)
{
	bpf_preempt_disable();
}

/*
 * preempt_enable() gives the CPU up at once if a tick has asked for that meanwhile; but not where
 * interrupts are off. Then that is done when the kernel turns preemption on the next time, which is
 * behind the end of the program: migrate_enable() in __bpf_trace_run().
 */
static __always_inline void release_cpu(void)
{
	unsigned long flags;

	bpf_local_irq_save(&flags);
	bpf_preempt_enable();
	bpf_local_irq_restore(&flags);
}

#endif

/* As BPF_PROG() of libbpf: the arguments by their types, and ctx as they came. */
#define HOOK(name, args...)                                                                        \
	name(unsigned long long *ctx);                                                             \
	static __always_inline int in_##name(unsigned long long *ctx, ##args);                     \
	int name(unsigned long long *ctx)                                                          \
	{                                                                                          \
		keep_cpu();                                                                        \
		_Pragma("GCC diagnostic push");                                                    \
		_Pragma("GCC diagnostic ignored \"-Wint-conversion\"");                            \
		in_##name(___bpf_ctx_cast(args));                                                  \
		_Pragma("GCC diagnostic pop");                                                     \
		release_cpu();                                                                     \
		return 0;                                                                          \
	}                                                                                          \
	static __always_inline int in_##name(unsigned long long *ctx, ##args)

#endif
