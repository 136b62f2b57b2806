// SPDX-License-Identifier: GPL-2.0-only
#include "ladder.h"

#include <stddef.h>

#define BIT(feature) (UINT32_C(1) << FEATURE_##feature)

static const struct ladder_text ladders[] = {
	[LADDER_STRAY_RESETS] = {
		"resets without a connection",
		{
			{ BIT(stray_resets), "tracepoint tcp_send_reset", .reach = REACH_READ },
			{ BIT(fentry_resets), "fentry of tcp_v4_send_reset(), tcp_v6_send_reset()",
			  .programs = { "on_send_reset_v4", "on_send_reset_v6" } },
			{ BIT(kprobe_resets), "kprobe of tcp_v4_send_reset(), tcp_v6_send_reset()",
			  .programs = { "probe_send_reset_v4", "probe_send_reset_v6" } },
			{ 0, "none",
			  "tcp_send_reset does not tell of them here, and there are neither fentry "
			  "nor kprobes",
			  REACH_NONE },
		},
	},
	[LADDER_GIVEN_UP] = {
		"handshakes that were reset",
		{
			{ BIT(reset_reason), "reason of tcp_send_reset" },
			{ BIT(symbols), "tcp_check_req() on the kernel's stack" },
			{ 0, "from the accept queue",
			  "the kernel gives no reset reason, and /proc/kallsyms no addresses",
			  REACH_INFERRED },
		},
	},
	[LADDER_OVERFLOWS] = {
		"full accept and SYN queues",
		{
			{ BIT(drop_socket) | BIT(overflow_reason),
			  "sk_drops, less what kfree_skb tells",
			  .programs = { "on_kfree_skb" } },
			{ BIT(fentry_listeners), "fentry of tcp_conn_request(), tcp_v4_syn_recv_sock()",
			  .programs = { "on_conn_request", "on_syn_recv_v4", "on_syn_recv_v6" } },
			{ BIT(kprobe_listeners), "kprobe of tcp_conn_request(), tcp_v4_syn_recv_sock()",
			  .programs = { "probe_conn_request", "probe_syn_recv_v4",
					"probe_syn_recv_v6" } },
			{ BIT(drop_socket), "sk_drops, less what kfree_skb tells",
			  "the kernel has no drop reason TCP_LISTEN_OVERFLOW, and neither fentry "
			  "nor kprobes: an ACK that is dropped while the accept queue is full is "
			  "taken for the last one of a handshake",
			  REACH_INFERRED, .programs = { "on_kfree_skb" } },
			{ 0, "sk_drops while a queue is full",
			  "kfree_skb does not say at which socket, and there are neither fentry "
			  "nor kprobes: whatever a listener drops while its queue is full is taken "
			  "for SYNs, ACKs for two",
			  REACH_INFERRED },
		},
	},
	[LADDER_CALLS] = {
		"failed calls, and who uses a socket",
		{
			{ BIT(socket_calls), "tracepoints sock_send_length, sock_recv_length",
			  .programs = { "on_send_length", "on_recv_length" } },
			{ BIT(fexit_calls), "fexit of tcp_sendmsg(), tcp_recvmsg()",
			  .programs = { "on_sendmsg", "on_recvmsg" } },
			{ 0, "none",
			  "the kernel has neither the tracepoints sock_send_length and "
			  "sock_recv_length nor fexit; -p sees connections that another process "
			  "accepted only when they are closed",
			  REACH_NONE },
		},
	},
	[LADDER_SNAPSHOT] = {
		"sockets that were there before",
		{
			{ BIT(file_socket), "iterator over the descriptors of all processes",
			  .programs = { "find_sockets" } },
			{ 0, "iterators over descriptors, and over the sockets of each namespace",
			  .programs = { "find_sockets_again" } },
		},
	},
	[LADDER_HOLDERS] = {
		"who holds a socket that has died",
		{
			{ BIT(loop), "descriptor tables, without a reference to the files",
			  .programs = { "find_holders" } },
			{ 0, "iterator over the descriptors of all processes",
			  .programs = { "find_holders_by_file" } },
		},
	},
	[LADDER_MARKS] = {
		"sockets of a process, under -p",
		{
			{ BIT(socket_storage), "socket storage" },
			{ 0, "a table of addresses",
			  "listeners of one port that belong to several processes are not told "
			  "apart before their connections are used or closed, and for how long a "
			  "connection was silent before its peer closed it is not known" },
		},
	},
	[LADDER_CGROUPS] = {
		"sockets of a cgroup, under --cgroup",
		{
			{ BIT(cgroup_iterator), "the cgroup's address", .programs = { "find_cgroup" } },
			{ 0, "the cgroup's number",
			  "cgroups more than 16 levels below the root are not found" },
		},
	},
	[LADDER_RETRANSMITS] = {
		"retransmissions",
		{
			{ BIT(retransmit_error), "tracepoint tcp_retransmit_skb, less what failed" },
			{ 0, "tracepoint tcp_retransmit_skb" },
		},
	},
};

const struct ladder_text *ladder_text(enum ladder ladder)
{
	return &ladders[ladder];
}

const struct rung *ladder_rung(const struct kernel *k, enum ladder ladder)
{
	const struct rung *rung = ladders[ladder].rungs;

	while ((k->features & rung->needs) != rung->needs)
		rung++;
	return rung;
}

/* ---- verdicts ---------------------------------------------------------------------------- */

/* Those of which the socket alone does not tell: by which ladders they are reached. */
static const struct {
	enum verdict verdict;
	enum ladder ladder;
} reached_by[] = {
	{ VERDICT_no_listener, LADDER_STRAY_RESETS },
	{ VERDICT_late_data_time_wait, LADDER_STRAY_RESETS },
	{ VERDICT_stray_segment, LADDER_STRAY_RESETS },
	{ VERDICT_stray_segment, LADDER_GIVEN_UP },
	{ VERDICT_server_restarted, LADDER_GIVEN_UP },
	{ VERDICT_accept_overflow_reset, LADDER_GIVEN_UP },
	{ VERDICT_accept_overflow, LADDER_OVERFLOWS },
	{ VERDICT_syn_queue_overflow, LADDER_OVERFLOWS },
	{ VERDICT_write_after_close, LADDER_CALLS },
	{ VERDICT_not_connected, LADDER_CALLS },
	{ VERDICT_call_failed, LADDER_CALLS },
};

/* Inferred on any kernel: is_likely(). */
static const char *always_inferred(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_backlog_reset:
		return "that the server's accept queue was full is likely only";
	case VERDICT_out_of_memory:
		return "by exclusion: an orphan ended without an error";
	default:
		return NULL;
	}
}

/* SYNs that are dropped for another reason than a full queue: only sk_drops counts them. */
static enum reach reach_of_syn_dropped(const struct kernel *k, const char **why)
{
	if (kernel_has(k, FEATURE_drop_socket) && kernel_has(k, FEATURE_overflow_reason))
		return REACH_READ;
	*why = "the kernel does not say which of the segments that a listener drops are SYNs";
	return REACH_NONE;
}

enum reach ladder_reach(const struct kernel *k, enum verdict verdict, const char **why)
{
	enum reach reach = REACH_READ;

	*why = always_inferred(verdict);
	if (*why)
		return REACH_INFERRED;
	if (verdict == VERDICT_syn_dropped)
		return reach_of_syn_dropped(k, why);
	for (size_t i = 0; i < sizeof(reached_by) / sizeof(reached_by[0]); i++) {
		const struct rung *rung = ladder_rung(k, reached_by[i].ladder);

		if (reached_by[i].verdict != verdict || rung->reach <= reach)
			continue;
		reach = rung->reach;
		*why = rung->weak;
	}
	return reach;
}
