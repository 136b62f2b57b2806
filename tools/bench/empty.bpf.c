// SPDX-License-Identifier: GPL-2.0-only
/* The floor: what any program costs that sees the changes of state of all connections. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

SEC("tp_btf/inet_sock_set_state")
/* NOLINTNEXTLINE(misc-unused-parameters): those of the tracepoint */
int BPF_PROG(empty, struct sock *sk, int old, int new)
{
	return 0;
}
