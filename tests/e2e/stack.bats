#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# --stack and --kstack: which code ended a connection, or was the last to send. The servers of stack/ close with unread
# data; the client is Python.

load lib

PORT=7600

setup() {
	make_netns
}

teardown() {
	kill_tcpwhy
	remove_netns
}

# build NAME FLAGS... : a server of stack/server.c or .cc
build() {
	local source=$TOP/tests/e2e/stack/server.c compiler=gcc
	if [ "$1" = c++ ]; then
		source=${source}c compiler=g++
	fi
	SERVER=$BATS_TEST_TMPDIR/$1
	"$compiler" -O2 "${@:2}" -o "$SERVER" "$source"
}

is_ready() {
	grep -q ready "$BATS_TEST_TMPDIR/said"
}

# died VERDICT : a line for it is there
died() {
	grep -q "$1" "$OUT"
}

# drop VERDICT ARGS... : the server, with these arguments behind the port, ends the connection; tcpwhy has said so
drop() {
	in_netns "$SERVER" $PORT "${@:2}" >"$BATS_TEST_TMPDIR/said" 3>&- &
	disown
	wait_for 10 is_ready
	mkfifo "$BATS_TEST_TMPDIR/hold"
	in_netns $PYTHON "$TOP/tests/e2e/stack/client.py" $PORT <"$BATS_TEST_TMPDIR/hold" 3>&- &
	disown
	# shellcheck disable=SC2034 # it stays open until the test is over
	exec {HELD}>"$BATS_TEST_TMPDIR/hold"
	wait_for 10 died "$1" || fail "no $1: $(cat "$OUT")"
	wait_for 10 died peer-aborted || fail "no peer-aborted: $(cat "$OUT")"
	stop_tcpwhy
}

# line_of TEXT : in stack/server.c
line_of() {
	grep -nF "$1" "$TOP/tests/e2e/stack/server.c" | head -n 1 | cut -d : -f 1
}

# frames VERDICT FIELD : of the JSON, "function source:line" each, innermost first
frames() {
	jq -r "select(.verdict == \"$1\") | .$2[]? | \"\(.function // \"?\") \((.source // \"-\") | sub(\".*/\"; \"\")):\(.line // 0)\"" "$OUT"
}

# check FILTER : what tcpwhy check says, asked by jq
check() {
	"$TCPWHY" check --json ${TEST_WITHOUT:+--without "$TEST_WITHOUT"} ${TEST_BTF:+--btf "$TEST_BTF"} >"$BATS_TEST_TMPDIR/check" || true
	jq -er "$1" "$BATS_TEST_TMPDIR/check" >/dev/null
}

# Before Linux 5.15 the kernel shows no registers: callers that have no frame pointers are missing.
sees_registers() {
	check '.features[] | select(.name == "task-registers") | .present and (.masked | not)'
}

sees_sends() {
	check '.hooks[] | select(.name == "sends") | .how != "none"'
}

need_registers() {
	sees_registers || skip 'no bpf_task_pt_regs() here (5.15): who called the C library has no frame'
}

@test "the calls that closed, with file and line; and who had been the last to send" {
	build server -g -fno-omit-frame-pointer
	start_tcpwhy -P $PORT --stack
	drop unread-data 10
	run cat "$OUT"
	assert_line --regexp '^ +in this call of the process:$'
	if sees_registers; then
		assert_line --regexp "^ +drop_client  .*/server\.c:$(line_of 'here it is dropped')\$"
	else
		refute_line --regexp '^ +drop_client '
	fi
	assert_line --regexp "^ +serve  .*/server\.c:$(line_of 'return drop_client')\$"
	assert_line --regexp "^ +main  .*/server\.c:$(line_of 'int err = serve')\$"
	if sees_registers && sees_sends; then
		assert_line --regexp '^ +the last to send was:$'
		assert_line --regexp '^ +_PyEval_EvalFrameDefault  /usr/bin/python3'
	fi
	sees_sends || refute_line --regexp '^ +the last to send was:$'
	refute_line --regexp 'in the kernel'
}

# Some file systems, as overlayfs, tell another device than the kernel has for them. Then an executable is known only while it runs,
# if that is in another mount namespace: address_space.c.
device_is_told() {
	[ "$(stat -c '%Hd:%Ld' "$1")" = "$(findmnt -no MAJ:MIN -T "$1" | tr -d ' ')" ]
}

@test "without frame pointers too, and by the time the process has exited; as JSON" {
	need_registers
	local lives=10
	build server -g -fomit-frame-pointer
	! device_is_told "$SERVER" || lives=
	start_tcpwhy -P $PORT --stack -j
	drop unread-data $lives
	run frames unread-data stack
	assert_line "drop_client server.c:$(line_of 'here it is dropped')"
	assert_line "serve server.c:$(line_of 'return drop_client')"
	assert_equal "$(jq -r 'select(.verdict == "unread-data") | .stack_moment' "$OUT")" event
	! sees_sends || assert_equal "$(jq -r 'select(.verdict == "peer-aborted") | .stack_moment' "$OUT")" last-send
	run $PYTHON "$TOP/tests/e2e/records.py" lines "$OUT"
	assert_success
}

@test "of a stripped file, build id and offset" {
	need_registers
	local id
	build server -s -Wl,--build-id
	id=$(readelf -n "$SERVER" | sed -n 's/.*Build ID: //p')
	start_tcpwhy -P $PORT --stack
	drop unread-data 10
	grep -qE "^ +\?  $SERVER\+0x[0-9a-f]+  build id $id\$" "$OUT" || fail "no frame of build $id: $(cat "$OUT")"
}

@test "C++ by the names that are in the source" {
	need_registers
	build c++ -g
	start_tcpwhy -P $PORT --stack -j
	drop linger-zero 10
	run frames linger-zero stack
	assert_output --partial close
	assert_line --regexp '^shop::session<int>::abort_now\(linger\) server\.cc:[0-9]+$'
}

@test "Go, stripped, by its own table" {
	command -v go >/dev/null || skip 'no Go here'
	SERVER=$BATS_TEST_TMPDIR/go
	HOME=$BATS_TEST_TMPDIR go build -ldflags='-s -w' -o "$SERVER" "$TOP/tests/e2e/stack/server.go"
	start_tcpwhy -P $PORT --stack -j
	drop unread-data
	run frames unread-data stack
	assert_line 'main.dropClient -:0'
	assert_line 'main.main -:0'
}

@test "the kernel's functions, of the event" {
	grep -q ' tcp_close$' /proc/kallsyms || skip 'the kernel hides the names of its functions'
	build server
	start_tcpwhy -P $PORT --kstack -j
	drop unread-data
	run frames unread-data kstack
	assert_line 'tcp_close -:0'
	refute_line --partial bpf
	run frames unread-data stack
	assert_output ''
}

# of_tcpwhy programs|maps : of those of the running one, the names
of_tcpwhy() {
	sed -n "s/^$1:\t*//p" /proc/"$WATCHER"/fdinfo/* | sort -u
}

@test "nothing of it is loaded unless it is asked for" {
	command -v bpftool >/dev/null || skip 'no bpftool here'
	local ids
	start_tcpwhy -P $PORT
	ids=$(of_tcpwhy map_id)
	run bpftool map show
	refute_line --regexp "^($(tr '\n' '|' <<<"$ids")none):.* name sent_stacks "
	ids=$(of_tcpwhy prog_id)
	run bpftool prog show
	refute_line --regexp "^($(tr '\n' '|' <<<"$ids")none):.* name note_send"
	stop_tcpwhy
	start_tcpwhy -P $PORT --stack
	ids=$(of_tcpwhy map_id)
	run bpftool map show
	if sees_sends; then
		assert_line --regexp "^($(tr '\n' '|' <<<"$ids")none):.* name sent_stacks "
	fi
	stop_tcpwhy
}

@test "--stack is not for counters" {
	run "$TCPWHY" --stack 1
	assert_failure 2
	assert_output --partial '--stack and INTERVAL exclude each other'
}

# Files of a process may be made so that reading them takes more than there is.
@test "with --stack it takes no more than 512 MB, whatever is in the files that processes run" {
	! sanitized || skip "AddressSanitizer maps terabytes that it hardly uses"
	start_tcpwhy -P $PORT --stack
	assert_equal "$(awk '/^Max data size/ { print $4 }' "/proc/$WATCHER/limits")" $((512 << 20))
	stop_tcpwhy
}
