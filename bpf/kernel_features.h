/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the running kernel has to offer, of that in which kernels differ. User space finds it out
 * (user/kernel.c) before the programs are loaded, so the verifier drops what cannot be used: where
 * one thing is missing, another one takes its place (user/ladder.c). Shared by both sides.
 */
#ifndef TCPWHY_KERNEL_FEATURES_H
#define TCPWHY_KERNEL_FEATURES_H

/* FEATURE(id, name, meaning); the number is the version of Linux that brought it. */
#define FEATURES                                                                                   \
	FEATURE(kernel_btf, "kernel-btf",                                                          \
		"BTF of its own, not only in a file: typed tracepoints, iterators")                \
	FEATURE(fentry_resets, "fentry-resets", "fentry of tcp_v4_send_reset() and its like, 5.5") \
	FEATURE(kprobe_resets, "kprobe-resets", "kprobes of the same")                             \
	FEATURE(fentry_listeners, "fentry-listeners",                                              \
		"fentry of tcp_conn_request(), tcp_v4_syn_recv_sock() and its like, 5.5")          \
	FEATURE(kprobe_listeners, "kprobe-listeners", "kprobes of the same")                       \
	FEATURE(fexit_calls, "fexit-calls", "fexit of tcp_sendmsg(), tcp_recvmsg(), 5.5")          \
	FEATURE(symbols, "symbols", "addresses of functions, in /proc/kallsyms")                   \
	FEATURE(task_pointer, "task-pointer", "bpf_get_current_task_btf(), 5.11")                  \
	FEATURE(file_socket, "file-socket", "bpf_sock_from_file(), 5.11")                          \
	FEATURE(socket_storage, "socket-storage", "socket storage for tracing programs, 5.11")     \
	FEATURE(global_pointers, "global-pointers", "pointers as arguments of functions, 5.12")    \
	FEATURE(task_registers, "task-registers", "bpf_task_pt_regs(), 5.15")                      \
	FEATURE(loop, "loop", "bpf_loop(), 5.17")                                                  \
	FEATURE(cgroup_iterator, "cgroup-iterator", "iterator over cgroups, 6.1")                  \
	FEATURE(socket_calls, "socket-calls",                                                      \
		"tracepoints sock_send_length, sock_recv_length, 6.3")                             \
	FEATURE(stray_resets, "stray-resets", "tcp_send_reset without a full socket, 6.10")        \
	FEATURE(reset_reason, "reset-reason", "tcp_send_reset says why, 6.10")                     \
	FEATURE(drop_socket, "drop-socket", "kfree_skb says at which socket, 6.11")                \
	FEATURE(overflow_reason, "overflow-reason", "drop reason TCP_LISTEN_OVERFLOW, 6.16")       \
	FEATURE(retransmit_error, "retransmit-error", "tcp_retransmit_skb of what failed, 6.17")   \
	FEATURE(preemptible_hooks, "preemptible-hooks",                                            \
		"tracepoints leave preemption on, bpf_preempt_disable() turns it off, 7.0")

enum feature {
#define FEATURE(id, name, meaning) FEATURE_##id,
	FEATURES
#undef FEATURE
		FEATURE_COUNT
};

#endif
