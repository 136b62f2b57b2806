// SPDX-License-Identifier: GPL-2.0-only
#include "ladder.h"

#include <stddef.h>
#include <string.h>

#include "array.h"

#define BIT(feature) (UINT32_C(1) << FEATURE_##feature)

static const struct ladder_text ladders[] = {
	[LADDER_HOOKS] = {
		"hooks",
		"the kernel's tracepoints",
		{
			{ BIT(kernel_btf), "typed by the kernel's BTF, fields read directly",
			  .programs = { "look_at_listeners" } },
			{ 0, "raw, each field read by a probe",
			  "no BTF in the kernel itself: each costs more, and there are no "
			  "iterators, no fentry and no socket storage",
			  .programs = { "look_at_one" } },
		},
	},
	[LADDER_STRAY_RESETS] = {
		"stray-resets",
		"resets without a connection",
		{
			{ BIT(stray_resets), "tracepoint tcp_send_reset", .reach = REACH_READ },
			{ BIT(fentry_resets), "fentry of tcp_v4_send_reset(), tcp_v6_send_reset()",
			  .programs = { "on_send_reset_v4", "on_send_reset_v6" } },
			{ BIT(kprobe_resets), "kprobe of tcp_v4_send_reset(), tcp_v6_send_reset()",
			  .programs = { "probe_send_reset_v4", "probe_send_reset_v6" } },
			{ 0, "none",
			  "tcp_send_reset is silent without a full socket, and there are "
			  "neither fentry nor kprobes",
			  REACH_NONE },
		},
	},
	[LADDER_GIVEN_UP] = {
		"given-up",
		"handshakes that were reset",
		{
			{ BIT(reset_reason), "reason of tcp_send_reset" },
			{ BIT(symbols), "tcp_check_req() on the kernel's stack" },
			{ 0, "from the accept queue",
			  "no reset reason, no addresses in /proc/kallsyms: told from "
			  "other resets by the full accept queue alone",
			  REACH_INFERRED },
		},
	},
	[LADDER_OVERFLOWS] = {
		"overflows",
		"full accept and SYN queues",
		{
			{ BIT(kernel_btf) | BIT(drop_socket) | BIT(overflow_reason),
			  "sk_drops, less what kfree_skb tells",
			  "SYNs that tcp_conn_request() drops while a queue is full count for that "
			  "queue, whatever the reason",
			  .programs = { "on_kfree_skb" } },
			{ BIT(fentry_listeners),
			  "fentry of tcp_conn_request(), tcp_v4_syn_recv_sock() and its like",
			  "SYNs that are dropped for another reason than a full queue are not seen",
			  .programs = { "on_conn_request", "on_syn_recv_v4", "on_syn_recv_v6" } },
			{ BIT(kprobe_listeners),
			  "kprobe of tcp_conn_request(), tcp_v4_syn_recv_sock() and its like",
			  "SYNs that are dropped for another reason than a full queue are not seen",
			  .programs = { "probe_conn_request", "probe_syn_recv_v4",
					"probe_syn_recv_v6" } },
			{ BIT(kernel_btf) | BIT(drop_socket),
			  "sk_drops, less what kfree_skb tells",
			  "no drop reason TCP_LISTEN_OVERFLOW, no fentry, no kprobes: an "
			  "ACK that is dropped while the accept queue is full counts as "
			  "the last one of a handshake",
			  REACH_INFERRED, .programs = { "on_kfree_skb" } },
			{ BIT(drop_socket), "sk_drops, less what kfree_skb tells",
			  "no iterators, no kprobes: of a listener that was there before "
			  "tcpwhy, SYNs are seen from its first other incident on",
			  REACH_INFERRED, .programs = { "on_kfree_skb" } },
			{ 0, "sk_drops while a queue is full",
			  "kfree_skb names no socket, no fentry, no kprobes: whatever a "
			  "listener drops while a queue is full counts as SYNs, an ACK "
			  "as two",
			  REACH_INFERRED },
		},
	},
	[LADDER_CALLS] = {
		"calls",
		"failed calls, and who uses a socket",
		{
			{ BIT(socket_calls), "tracepoints sock_send_length, sock_recv_length",
			  .programs = { "on_send_length", "on_recv_length" } },
			{ BIT(fexit_calls), "fexit of tcp_sendmsg(), tcp_recvmsg()",
			  "sendfile() and splice() are not seen, nor are calls on MPTCP sockets",
			  .programs = { "on_sendmsg", "on_recvmsg" } },
			{ 0, "none",
			  "no sock_send_length, no sock_recv_length, no fexit: -p sees connections "
			  "that another process accepted only when they are closed",
			  REACH_NONE },
		},
	},
	[LADDER_SENDS] = {
		"sends",
		"who was the last to send, under --stack",
		{
			{ BIT(socket_storage) | BIT(socket_calls), "tracepoint sock_send_length",
			  .programs = { "note_send" } },
			{ BIT(socket_storage) | BIT(fexit_calls), "fexit of tcp_sendmsg()",
			  "sendfile() and splice() are not seen, nor are sends on MPTCP sockets",
			  .programs = { "note_sendmsg" } },
			{ 0, "none",
			  "no socket storage, or neither sock_send_length nor fexit: --stack shows "
			  "only in which call a connection ended" },
		},
	},
	[LADDER_STACKS] = {
		"stacks",
		"who called, under --stack",
		{
			{ BIT(task_registers), "registers, and the top of the stack" },
			{ 0, "frame pointers",
			  "no bpf_task_pt_regs(): callers that have no frame pointers are "
			  "missing, and who called the C library" },
		},
	},
	[LADDER_SNAPSHOT] = {
		"snapshot",
		"sockets that were there before",
		{
			{ BIT(file_socket), "iterator over the descriptors of all processes",
			  .programs = { "find_sockets", "find_subflows" } },
			{ BIT(kernel_btf),
			  "iterators over descriptors, and over the sockets of each namespace",
			  "in other network namespaces they are found only with CAP_SYS_ADMIN",
			  .programs = { "find_sockets_again", "find_subflows" } },
			{ 0, "none",
			  "no iterators: a listener that was there before tcpwhy is known from its "
			  "first incident on, and its process is not; -p knows a connection when "
			  "the process next uses it" },
		},
	},
	[LADDER_HOLDERS] = {
		"holders",
		"who holds a socket that has died",
		{
			{ BIT(loop), "descriptor tables, without a reference to the files",
			  .programs = { "find_holders" } },
			{ BIT(kernel_btf), "iterator over the descriptors of all processes",
			  .programs = { "find_holders_by_file" } },
			{ 0, "descriptors in /proc",
			  "no iterators: the search is slow, and has to be in the initial PID "
			  "namespace" },
		},
	},
	[LADDER_MARKS] = {
		"marks",
		"sockets of a process, under -p",
		{
			{ BIT(socket_storage), "socket storage" },
			{ 0, "a table of addresses",
			  "65536 sockets at most, and listeners of one port that belong to several "
			  "processes are not told apart before their connections are "
			  "used or closed" },
		},
	},
	[LADDER_SILENCES] = {
		"silences",
		"how long a connection was silent before its peer closed it",
		{
			{ BIT(socket_storage), "socket storage" },
			{ 0, "a table of addresses", "16384 connections at most" },
		},
	},
	[LADDER_CGROUPS] = {
		"cgroups",
		"sockets of a cgroup, under --cgroup",
		{
			{ BIT(cgroup_iterator), "the cgroup's address", .programs = { "find_cgroup" } },
			{ 0, "the cgroup's number",
			  "cgroups more than 15 levels below the root are not found" },
		},
	},
	[LADDER_RETRANSMITS] = {
		"retransmits",
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

static bool has_all(uint32_t features, uint32_t needs)
{
	return (features & needs) == needs;
}

const struct rung *ladder_rung(const struct kernel *k, enum ladder ladder)
{
	const struct rung *rung = ladders[ladder].rungs;

	while (!has_all(k->features, rung->needs)) {
		if (has_all(k->features | k->unknown, rung->needs))
			return NULL;
		rung++;
	}
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
	{ VERDICT_late_segment, LADDER_STRAY_RESETS },
	{ VERDICT_late_segment, LADDER_GIVEN_UP },
	{ VERDICT_stray_segment, LADDER_STRAY_RESETS },
	{ VERDICT_stray_segment, LADDER_GIVEN_UP },
	{ VERDICT_server_restarted, LADDER_GIVEN_UP },
	{ VERDICT_accept_overflow_reset, LADDER_GIVEN_UP },
	{ VERDICT_accept_overflow, LADDER_OVERFLOWS },
	{ VERDICT_syn_queue_overflow, LADDER_OVERFLOWS },
	{ VERDICT_syn_dropped, LADDER_OVERFLOWS },
	{ VERDICT_write_after_close, LADDER_CALLS },
	{ VERDICT_not_connected, LADDER_CALLS },
	{ VERDICT_call_failed, LADDER_CALLS },
};

static const char not_tried[] = "what decides it on this kernel could not be tried";

/* Inferred on any kernel: is_likely(). */
static const char *always_inferred(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_backlog_reset:
		return "that the server's accept queue was full can only be guessed from here";
	case VERDICT_out_of_memory:
		return "by exclusion: what we had closed ended without an error";
	case VERDICT_unknown:
		return "by exclusion: no rule fits";
	default:
		return NULL;
	}
}

bool ladder_by_timestamps(enum verdict verdict)
{
	static const struct facts without_timestamps = {
		.event = EVENT_DEATH,
		.state = ST_ESTABLISHED,
		.err = ERR_CONNRESET,
	};

	return verdict_group(verdict) == GROUP_RESET && verdict != VERDICT_refused &&
	       !always_inferred(verdict) && is_likely(&without_timestamps, verdict);
}

/*
 * SYNs that are dropped for another reason than a full queue: only sk_drops counts them, and only
 * kfree_skb tells what else it counts.
 */
static bool is_beneath(const struct rung *rung, enum verdict verdict)
{
	return verdict == VERDICT_syn_dropped &&
	       !(rung->programs[0] && !strcmp(rung->programs[0], "on_kfree_skb"));
}

static enum reach reach_by(const struct rung *rung, enum verdict verdict, const char **why)
{
	*why = rung ? rung->weak : not_tried;
	if (!rung)
		return REACH_UNKNOWN;
	return is_beneath(rung, verdict) ? REACH_NONE : rung->reach;
}

enum reach ladder_reach(const struct kernel *k, enum verdict verdict, const char **why)
{
	enum reach worst = REACH_READ;

	*why = always_inferred(verdict);
	if (*why)
		return REACH_INFERRED;
	for (size_t i = 0; i < ARRAY_SIZE(reached_by); i++) {
		const struct rung *rung = ladder_rung(k, reached_by[i].ladder);
		const char *because;
		enum reach reach = reach_by(rung, verdict, &because);

		if (reached_by[i].verdict != verdict || reach <= worst)
			continue;
		worst = reach;
		*why = because;
	}
	return worst;
}
