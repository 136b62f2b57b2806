#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The ladders of user/ladder.c: without a feature of the kernel, as on an older one, the next rung tells the same. Where a
# kernel has not got that rung, there is nothing to test.

load ../e2e/lib

teardown() {
	kill_tcpwhy
	remove_netns
}

# hooks FEATURES : how each is done on this kernel without these, a line each
hooks() {
	"$TCPWHY" --without "$1" check --json |
		$PYTHON -c 'import json, sys; print(*(hook["how"] for hook in json.load(sys.stdin)["hooks"]), sep="\n")'
}

# without FEATURES HOW SCENARIO... : the scenarios of deaths.bats pass all the same
without() {
	local n=$(($# - 2)) scenarios
	hooks "$1" | grep -qF "$2" || skip "this kernel offers no $2"
	scenarios=$(IFS='|' && echo "${*:3}")
	# not the PATH of bats itself, which has its innards first
	run env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin BATS_LIB_PATH="$BATS_LIB_PATH" TEST_SLOWDOWN="${TEST_SLOWDOWN:-1}" TEST_QUICK=1 \
		TEST_WITHOUT="$1" bats --tap -f "^($scenarios):" "$TOP/tests/e2e/deaths.bats"
	assert_success
	assert_equal "$(grep -cE '^ok [0-9]+ ' <<<"$output") passed: $output" "$n passed: $output"
}

@test "who called tells of handshakes that were reset, where there is no reason" {
	without reset-reason "tcp_check_req() on the kernel's stack" accept-overflow-reset server-restarted
}

@test "the queue tells of handshakes that were reset, where there is neither a reason nor a symbol" {
	without reset-reason,symbols "from the accept queue" accept-overflow-reset server-restarted
}

@test "kfree_skb tells of full queues, where it gives another reason" {
	without overflow-reason,fentry-listeners,kprobe-listeners "less what kfree_skb tells" \
		accept-overflow-syn accept-overflow-ack accept-overflow-reset
}

@test "fentry tells of full queues, where kfree_skb names no socket" {
	without drop-socket "fentry of tcp_conn_request()" accept-overflow-syn accept-overflow-ack accept-overflow-reset
}

@test "kprobes tell of full queues, where there is no fentry" {
	without drop-socket,fentry-listeners "kprobe of tcp_conn_request()" \
		accept-overflow-syn accept-overflow-ack accept-overflow-reset
}

@test "sk_drops tells of full queues, where there is nothing else" {
	without drop-socket,fentry-listeners,kprobe-listeners "sk_drops while a queue is full" \
		accept-overflow-syn accept-overflow-reset
}

@test "what is inferred for want of anything better is said to be likely" {
	make_netns
	TEST_WITHOUT=drop-socket,fentry-listeners,kprobe-listeners start_tcpwhy -P 7300
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run accept-overflow-syn -n $N -p 7300
	stop_tcpwhy
	assert_equal "$(said_by_counters | grep '^accept-overflow	')" "accept-overflow	$N"
	assert_equal "$(grep ' accept-overflow ' "$OUT" | grep -cv 'likely: ')" 0
}

@test "fentry tells of resets without a connection, where tcp_send_reset does not" {
	without stray-resets "fentry of tcp_v4_send_reset()" refused peer-forgot half-closed-reuse
}

@test "kprobes tell of resets without a connection, where there is no fentry" {
	without stray-resets,fentry-resets "kprobe of tcp_v4_send_reset()" refused peer-forgot half-closed-reuse
}

@test "without BTF in the kernel itself, raw tracepoints and probes tell the same" {
	without kernel-btf "raw, each field read by a probe" \
		orderly-client-closes unread-data late-data late-data-acked half-closed-reuse refused server-restarted \
		keepalive-timeout user-timeout zero-window-timeout connect-abandoned listener-closed destroyed disconnected \
		orphan-timeout accept-overflow-syn accept-overflow-ack process-killed
}

# skip_if_weaker FEATURES HOOK : where tcpwhy check says that without these it cannot tell as much, and why
skip_if_weaker() {
	local weaker
	weaker=$("$TCPWHY" check --json --without "$1" | $PYTHON -c '
import json, sys
print(*(hook["what"] + ": " + hook["weaker"] for hook in json.load(sys.stdin)["hooks"]
        if hook["name"] == sys.argv[1] and hook["weaker"]))' "$2")
	[ -z "$weaker" ] || skip "$weaker"
}

# pass_without FEATURES N REGEX : so many tests of filters.bats, cgroup.bats and stack.bats have names like that, and pass
pass_without() {
	run env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin BATS_LIB_PATH="$BATS_LIB_PATH" TEST_SLOWDOWN="${TEST_SLOWDOWN:-1}" \
		TEST_WITHOUT="$1" bats --tap -f "$3" "$TOP"/tests/e2e/{filters,cgroup,stack}.bats
	assert_success
	assert_equal "$(grep -cE '^ok [0-9]+ ' <<<"$output") passed: $output" "$2 passed: $output"
}

@test "without iterators, /proc tells the children that are there and who holds a dead socket" {
	hooks kernel-btf | grep -qF "descriptors in /proc" || fail "there is no rung for it"
	pass_without kernel-btf 2 '^(--children sees .* born later$|the unit and the container of both ends)'
	# connections that were there before are known when the process uses them
	skip_if_weaker kernel-btf calls
	pass_without kernel-btf 3 '^(--children sees .* there before|-p sees the connections whose|-p sees a worker)'
}

@test "without registers, frame pointers tell who called" {
	hooks task-registers | grep -qx "frame pointers" || fail "there is no rung for it"
	pass_without task-registers 1 '^the calls that closed'
}

@test "without socket storage there is no last send, and all else of --stack" {
	pass_without socket-storage 3 '^(the calls that closed|without frame pointers too|nothing of it is loaded)'
}

@test "helpers that an older kernel does not have are not needed" {
	without task-pointer,file-socket,socket-storage,global-pointers,loop,cgroup-iterator,retransmit-error \
		"the sockets of each namespace" \
		unread-data process-killed retransmit-timeout half-closed-reuse listener-closed accept-overflow-ack
}
