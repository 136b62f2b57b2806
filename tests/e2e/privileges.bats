#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Least privilege: what tcpwhy still has and may do while it watches, whoever starts it; that it does its work with that; and
# that the command after -- has what it would have without tcpwhy. tests/unit/test_privileges.c tries the calls one by one.

load lib

PORT=7600

setup() {
	make_netns
}

teardown() {
	kill_tcpwhy
	remove_netns
}

# status_of PID NAME... : these lines of its status, each once over all its threads
status_of() {
	local name
	for name in "${@:2}"; do
		awk -v name="$name:" '$1 == name { print $1, $2 }' "/proc/$1/task/"*/status | sort -u
	done
}

# mask CAPABILITY... : as /proc has it
mask() {
	local name mask=0
	local -A number=([CAP_DAC_READ_SEARCH]=2 [CAP_KILL]=5 [CAP_SYS_PTRACE]=19 [CAP_BPF]=39)
	for name; do
		mask=$((mask | 1 << ${number[$name]}))
	done
	printf '%016x' $mask
}

# What every kernel before 5.19 asks for at each bpf(), unless anybody may use it.
for_bpf() {
	local major minor
	IFS=.- read -r major minor _ < <(uname -r)
	[ $((major * 100 + minor)) -ge 519 ] || [ "$(cat /proc/sys/kernel/unprivileged_bpf_disabled)" = 0 ] || echo CAP_BPF
}

need_filter() {
	! sanitized || skip "a build with sanitizers has no filter of system calls"
}

filtered_or_not() {
	sanitized && echo "system calls not filtered: Operation not supported" || echo "system calls filtered"
}

# has_only PID CAPABILITY... : in any of its sets, and a filter in all its threads
has_only() {
	assert_equal "$(status_of "$1" CapEff CapPrm CapInh CapAmb NoNewPrivs Seccomp)" "CapEff: $(mask "${@:2}")
CapPrm: $(mask "${@:2}")
CapInh: $(mask)
CapAmb: $(mask)
NoNewPrivs: 1
Seccomp: $(sanitized && echo 0 || echo 2)"
}

# does_its_work : two deaths are named
does_its_work() {
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run unread-data -n $N -p $PORT
	wait_for 10 lines_are $((2 * N))
	stop_tcpwhy
	assert_equal "$(said_by_lines)" "peer-aborted	why-client	$N
unread-data	why-server	$N"
}

lines_are() {
	[ "$(wc -l <"$OUT")" -ge "$1" ]
}

# ---- what is kept --------------------------------------------------------------------------------

@test "started by root, it keeps nothing that its loop does not need" {
	# shellcheck disable=SC2046 # a word or none
	{
		start_tcpwhy -P $PORT -v
		has_only "$WATCHER" $(for_bpf)
		assert_equal "$(grep -c "^tcpwhy: keeps to the end: capabilities $(for_bpf | grep . || echo none), no_new_privs, $(filtered_or_not)$" "$ERR")" 1
	}
	does_its_work
}

@test "nor does the thread that serves metrics" {
	start_tcpwhy -P $PORT --listen "127.0.0.1:9437"
	assert_equal "$(find "/proc/$WATCHER/task" -mindepth 1 -maxdepth 1 | wc -l) threads" "2 threads"
	# shellcheck disable=SC2046
	has_only "$WATCHER" $(for_bpf)
	does_its_work
}

@test "where owners are looked for in /proc, it keeps what that takes, and finds another user's process" {
	start_tcpwhy -P $PORT --without kernel-btf
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/test # the other user reads what it says
	# shellcheck disable=SC2046
	has_only "$WATCHER" CAP_DAC_READ_SEARCH CAP_SYS_PTRACE $(for_bpf)
	hold_a_dead_socket $PORT setpriv --reuid=65534 --regid=65534 --clear-groups
	stop_tcpwhy
	assert_equal "$(said_by_lines)" "linger-zero	python3	1
peer-aborted	python3	1"
}

@test "check says what is kept" {
	run --separate-stderr "$TCPWHY" check --json
	assert_success
	assert_equal "$(jq -c .privileges.kept <<<"$output")" "$(for_bpf | jq -Rnc '[inputs]')"
	assert_equal "$(jq .privileges.no_new_privs,.privileges.filtered <<<"$output")" "true
$(sanitized && echo false || echo true)"
	run "$TCPWHY" check
	assert_line --regexp "^  kept to the end +capabilities $(for_bpf | grep . || echo none), no_new_privs, $(filtered_or_not)$"
}

# ---- without root --------------------------------------------------------------------------------

@test "with setcap cap_bpf,cap_perfmon+ep another user does the same, and keeps no more" {
	local copy=$BATS_TEST_TMPDIR/tcpwhy
	cp "$TCPWHY" "$copy"
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/test "$copy"
	setcap cap_bpf,cap_perfmon+ep "$copy"
	ulimit -l unlimited 2>/dev/null || : # before 5.11 BPF maps count as locked memory
	printf '#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups "%s" "$@"\n' "$copy" >"$BATS_TEST_TMPDIR/as-nobody"
	chmod 755 "$BATS_TEST_TMPDIR/as-nobody"
	TCPWHY=$BATS_TEST_TMPDIR/as-nobody start_tcpwhy -P $PORT
	assert_equal "$(status_of "$WATCHER" Uid)" "Uid: 65534"
	# shellcheck disable=SC2046
	has_only "$WATCHER" $(for_bpf)
	does_its_work
}

# ---- the command ---------------------------------------------------------------------------------

@test "the command has the privileges that it would have without tcpwhy" {
	local what=(sh -c 'grep -E "^(Cap.*|NoNewPrivs|Seccomp):" /proc/self/status; umask; id')
	run --separate-stderr "$TCPWHY" -- "${what[@]}"
	assert_success
	assert_equal "$output" "$("${what[@]}")"
}

@test "a signal reaches a command that has become another user" {
	local status=0
	start_tcpwhy -P $PORT -- setpriv --reuid=65534 --regid=65534 --clear-groups sh -c 'echo ready; exec sleep 60'
	# shellcheck disable=SC2046
	has_only "$WATCHER" CAP_KILL $(for_bpf)
	wait_for 10 has ready "$OUT"
	kill -TERM "$WATCHER"
	wait "$WATCHER" || status=$?
	WATCHER=
	assert_equal "status $status" "status $((128 + 15))"
}

# ---- the filter refuses nothing that is needed ---------------------------------------------------

# refused_by ARGUMENTS... : which calls, of a tcpwhy that sees deaths of all kinds of sockets
refused_by() {
	local trace=$BATS_TEST_TMPDIR/trace
	printf '#!/bin/sh\nexec strace -D -f -qq -o "%s" "%s" "$@"\n' "$trace" "$TCPWHY" >"$BATS_TEST_TMPDIR/traced"
	chmod 755 "$BATS_TEST_TMPDIR/traced"
	TCPWHY=$BATS_TEST_TMPDIR/traced start_tcpwhy "$@"
	for scenario in unread-data refused accept-overflow-syn; do
		in_netns $PYTHON "$TOP/tests/e2e/peers.py" run $scenario -n 2 -p $PORT >/dev/null
	done
	[[ "$*" != *--listen* ]] || curl --noproxy '*' -s -m 10 -o /dev/null http://127.0.0.1:9437/metrics
	stop_tcpwhy
	wait_for 10 sh -c "tail -n 1 '$trace' | grep -q exit_group"
	grep -q 'SECCOMP_SET_MODE_FILTER.* = 0$' "$trace" || fail "there is no filter"
	sed '1,/SECCOMP_SET_MODE_FILTER.* = 0$/d' "$trace" | grep ENOSYS || true
}

@test "none of its calls is refused: lines" {
	need_filter
	assert_equal "$(refused_by -P $PORT -a -v -t)" ""
}

@test "none of its calls is refused: failed calls, descendants, JSON" {
	need_filter
	assert_equal "$(refused_by -e -p $$ --children -j)" ""
}

@test "none of its calls is refused: rows, over HTTP and on stdout" {
	need_filter
	assert_equal "$(refused_by -P $PORT 0.1 --listen 9437)" ""
}

@test "none of its calls is refused: top, with keys and another size" {
	need_filter
	local terminal=(tmux -L "tcpwhy-privileges-$$" -f /dev/null) trace=$BATS_TEST_TMPDIR/trace
	"${terminal[@]}" new-session -d -x 120 -y 40 "strace -f -qq -o '$trace' '$TCPWHY' top -P $PORT 0.2"
	wait_for 20 sh -c "${terminal[*]} capture-pane -p | grep -q '^VERDICT'" || {
		"${terminal[@]}" kill-server
		fail "top shows nothing"
	}
	"${terminal[@]}" send-keys s p
	"${terminal[@]}" resize-window -x 100 -y 30
	"${terminal[@]}" send-keys q
	wait_for 20 sh -c "tail -n 1 '$trace' | grep -q exit_group"
	"${terminal[@]}" kill-server 2>/dev/null || true
	grep -q 'SECCOMP_SET_MODE_FILTER.* = 0$' "$trace" || fail "there is no filter"
	assert_equal "$(sed '1,/SECCOMP_SET_MODE_FILTER.* = 0$/d' "$trace" | grep ENOSYS || true)" ""
}

@test "none of its calls is refused: by kprobes and /proc" {
	need_filter
	assert_equal "$(refused_by -P $PORT --without kernel-btf)" ""
}
