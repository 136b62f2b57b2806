#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# tcpwhy check: what it says of this kernel, and of users and kernels that cannot.

load lib

KERNEL=$(uname -r | sed 's/[.+]/\\&/g') # for regular expressions

# The sockets and sysctls of a network namespace of its own, where nothing else is going on: what this machine's are is not
# known. What all namespaces share may be implicated here all the same, then the status is 9.
setup() {
	make_netns
	IN_NETNS=(ip netns exec "$NETNS")
	ONLY=(--netns "$NETNS")
}

teardown() {
	remove_netns
}

assert_works() {
	[ "$status" -eq 9 ] || assert_success
}

# check_json ARGS... : its output as JSON that is what the schema says, in $output; its exit status is the JSON's
check_json() {
	run --separate-stderr "${IN_NETNS[@]}" "${CHECK[@]:-$TCPWHY}" check --json "${ONLY[@]}" "$@"
	validate
}

validate() {
	assert_equal "${stderr-}" ""
	$PYTHON - "$TOP/user/check.schema.json" "$status" 3<<<"$output" <<-END
		import json, jsonschema, sys
		said = json.load(open(3))
		jsonschema.validate(said, json.load(open(sys.argv[1])), jsonschema.Draft7Validator)
		assert said["status"] == int(sys.argv[2]), said["status"]
		found = [one["name"] for one in said["accidents"] if one["found"]]
		found += [one["name"] for one in said["sysctls"] if one["implication"] in ("implicated", "near_its_limit")]
		assert bool(said["failures"]) == (said["status"] not in (0, 9)), said["failures"]
		assert said["failures"] or said["status"] == (9 if found else 0), found
	END
}

# ask EXPRESSION : of the JSON in $output, with hook(NAME), feature(NAME) and verdict(NAME)
ask() {
	$PYTHON - "$1" 3<<<"$output" <<-END
		import json, sys
		said = json.load(open(3))
		def named(kind):
		    return lambda name: next(one for one in said[kind] if one["name"] == name)
		hook, feature, verdict = named("hooks"), named("features"), named("verdicts")
		print(eval(sys.argv[1]))
	END
}

# Before a command: on a kernel without BTF
# shellcheck disable=SC2016
WITHOUT_BTF=(unshare --mount sh -c 'mount -t tmpfs none /sys/kernel/btf && exec "$@"' sh)

as_nobody() {
	cp "$TCPWHY" "$BATS_TEST_TMPDIR/tcpwhy"
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/test "$BATS_TEST_TMPDIR/tcpwhy"
	CHECK=(setpriv --reuid=65534 --regid=65534 --clear-groups "$@" "$BATS_TEST_TMPDIR/tcpwhy")
}

# ---- where it works ------------------------------------------------------------------------------

@test "as text: the kernel, privileges, programs, features, hooks, verdicts, and that it works" {
	run --separate-stderr in_netns "$TCPWHY" check --netns "$NETNS"
	assert_works
	assert_equal "$stderr" ""
	assert_line --regexp "^  release +Linux $KERNEL$"
	assert_line --regexp "^  BTF +/sys/kernel/btf/vmlinux, $(stat -c %s /sys/kernel/btf/vmlinux) bytes$"
	assert_line --regexp '^  CAP_BPF +present, needed: '
	assert_line --regexp '^  none: loaded and attached in [0-9]+ ms$'
	assert_line --regexp '^  socket-storage +(yes|no) +socket storage for tracing programs, 5\.11$'
	assert_line --regexp '^  resets without a connection: (tracepoint|fentry|kprobe) '
	assert_line --regexp '^  read: closed-by-peer, closed-here, '
	assert_line --regexp '^  read; inferred for connections without TCP timestamps .*: close-race, '
	assert_line --regexp '^    out-of-memory: by exclusion'
	assert_line "  looked at: 0 sockets that processes hold, in one network namespace"
	assert_line "  none found"
	assert_line "tcpwhy works here"
	refute_output --partial $'\033'
}

@test "as JSON: it is what the schema says" {
	check_json
	assert_works
	assert_equal "$(ask 'said["kernel"]["release"]')" "$(uname -r)"
	assert_equal "$(ask 'said["sockets"]["seen"], said["sockets"]["netns"] is None, said["sockets"]["failure"]')" "(0, False, None)"
	assert_equal "$(ask 'said["programs"][0]["attached"]')" True
	assert_equal "$(ask 'said["features"] == [one for one in said["features"] if one["present"] is not None]')" True
}

@test "every verdict has its reach, in JSON and with -v" {
	local names
	names=$("$TCPWHY" --verdicts | awk '/^  [a-z]/ { print $1 }')
	check_json
	assert_equal "$(ask '"\n".join(one["name"] for one in said["verdicts"])')" "$names"
	run "$TCPWHY" check -v 2>/dev/null
	for name in $names; do
		assert_line --regexp "^  $name: (read|inferred|out of reach)"
	done
}

@test "what it says of the programs is what happens" {
	check_json
	assert_equal "$(ask '[one["options"] for one in said["programs"] if one["loaded"]]')" "['none', 'all at once']"
	run "$TCPWHY" -d 0.1
	assert_success
	run "$TCPWHY" -d 0.1 -e --children -p $$ --peer ::1 -P 1 -L 2 -D 3 -6 --netns /proc/self/ns/net
	assert_success
}

# All on one line, without what may differ from one time to the next: times, and what is in use.
words() {
	tr -s ' \n' ' ' | sed -E 's/ in [0-9]+ ms//g; s/[0-9]+ of [0-9]+/N of N/g; s/(ip_local_port_range = )[^;]*;/\1;/'
}

@test "on a terminal the words are wrapped to its width, and lose nothing" {
	local words
	words=$(in_netns "$TCPWHY" check --netns "$NETNS" | words)
	run in_netns env TERM=xterm $PYTHON "$TOP/tests/e2e/terminal.py" 80 "$TCPWHY" check --netns "$NETNS" --color=never
	assert_works
	assert [ "$(awk '{ if (length($0) > n) n = length($0) } END { print n }' <<<"$output")" -le 80 ]
	assert_equal "$(words <<<"$output")" "$words"
	run env TERM=xterm $PYTHON "$TOP/tests/e2e/terminal.py" 80 "$TCPWHY" check
	assert_output --partial $'\033[1mkernel\033[0m'
}

# ---- with less of the kernel ---------------------------------------------------------------------

@test "without a reset reason the next rung holds; without symbols the last, and verdicts are inferred" {
	check_json --without reset-reason
	assert_equal "$(ask 'hook("given-up")["rung"], hook("given-up")["how"]')" \
		"(2, \"tcp_check_req() on the kernel's stack\")"
	assert_equal "$(ask 'verdict("server-restarted")["reach"]')" read
	check_json --without reset-reason,symbols
	assert_works
	assert_equal "$(ask 'hook("given-up")["rung"], feature("symbols")["masked"], feature("symbols")["present"]')" \
		"(3, True, False)"
	for name in server-restarted accept-overflow-reset; do
		assert_equal "$(ask "verdict('$name')['reach'], verdict('$name')['why'] == hook('given-up')['weaker']")" \
			"('inferred', True)"
	done
	run "$TCPWHY" check --without reset-reason,symbols
	assert_line --regexp '^  symbols +no +.*\(masked by --without\)$'
	assert_line "    weaker: no reset reason, no addresses in /proc/kallsyms: told from other resets by the full accept queue alone"
	assert_line --regexp '^[0-9]+ verdicts are weaker than on other kernels$'
}

@test "without all that tells of stray resets, their verdicts are out of reach" {
	check_json --without stray-resets,fentry-resets,kprobe-resets
	assert_works
	assert_equal "$(ask 'hook("stray-resets")["rung"]')" 4
	assert_equal "$(ask 'verdict("no-listener")["reach"], verdict("late-data-time-wait")["reach"]')" \
		"('out_of_reach', 'out_of_reach')"
	assert_equal "$(ask 'verdict("unread-data")["reach"]')" read
}

# ---- where it does not work ----------------------------------------------------------------------

@test "without the capabilities: what is known all the same, with status 3" {
	as_nobody
	run --separate-stderr "${CHECK[@]}" check
	assert_failure 3
	assert_line --regexp '^  effective user +65534$'
	assert_line --regexp '^  CAP_BPF +missing, needed: '
	assert_line --regexp '^  BTF +/sys/kernel/btf/vmlinux, '
	assert_line '  none: not tried'
	assert_line "tcpwhy does not work here: needs CAP_BPF and CAP_PERFMON: run it as root, or give it what it needs with 'setcap cap_bpf,cap_perfmon+ep $BATS_TEST_TMPDIR/tcpwhy'"
	check_json
	assert_failure 3
	assert_equal "$(ask 'feature("fentry-resets")["present"], said["programs"]')" "(None, [])"
}

# works_with_capabilities ARGS... : CAP_BPF and CAP_PERFMON, and where the kernel counts BPF's memory as locked, no limit of that
works_with_capabilities() {
	as_nobody --inh-caps=+bpf,+perfmon --ambient-caps=+bpf,+perfmon
	check_json "$@"
	if [ "$status" -eq 3 ]; then
		assert_regex "$(ask 'said["failures"][0]["text"]')" "$WANTS_LOCKED_MEMORY"
		ulimit -l unlimited
		check_json "$@"
	fi
	assert_works
	assert_equal "$(ask 'said["privileges"]["effective_uid"], said["programs"][0]["attached"]')" "(65534, True)"
}

@test "with exactly these capabilities it works" {
	works_with_capabilities
}

# libbpf 1.1 looks for such a function in modules, which takes CAP_SYS_ADMIN.
@test "with these capabilities it works also where a function of newer kernels is missing" {
	sed 's/bpf_local_irq_restore/bpf_local_irq_restorf/g' /sys/kernel/btf/vmlinux >"$BATS_TEST_TMPDIR/btf"
	works_with_capabilities --btf "$BATS_TEST_TMPDIR/btf"
}

@test "capabilities of a user namespace are not enough, which is said, with status 3" {
	unshare --user --map-root-user true || skip "no user namespaces here"
	CHECK=(unshare --user --map-root-user "$TCPWHY")
	check_json
	assert_failure 3
	assert_regex "$(ask 'said["failures"][0]["text"]')" "in a container they must be the host's"
	run --separate-stderr "${CHECK[@]}" -d 0.1
	assert_failure 3
}

@test "without BTF: what is known all the same, with status 4" {
	run --separate-stderr "${WITHOUT_BTF[@]}" "$TCPWHY" check
	assert_failure 4
	assert_equal "$stderr" ""
	assert_line --regexp '^  BTF +none$'
	assert_line --regexp '^  CAP_BPF +present, needed: '
	assert_line --regexp '^    no-listener: what decides it .* could not be tried$'
	assert_line --regexp "^tcpwhy does not work here: kernel $KERNEL has no BTF: "
	CHECK=("${WITHOUT_BTF[@]}" "$TCPWHY")
	check_json
	assert_failure 4
	assert_equal "$(ask 'said["btf"]["present"], verdict("no-listener")["reach"]')" "(False, 'not_known')"
}

@test "without BTF and capabilities it says both, with the status of the first" {
	as_nobody
	CHECK=("${WITHOUT_BTF[@]}" "${CHECK[@]}")
	check_json
	assert_failure 3
	assert_equal "$(ask '[one["status"] for one in said["failures"]]')" "[3, 4]"
}

@test "a missing tracepoint is named, with status 5" {
	sed s/btf_trace_tcp_send_reset/btf_trace_tcp_gone_reset/ /sys/kernel/btf/vmlinux >"$BATS_TEST_TMPDIR/btf"
	# shellcheck disable=SC2016
	CHECK=(unshare --mount sh -c 'mount --bind "$0" /sys/kernel/btf/vmlinux && exec "$@"' "$BATS_TEST_TMPDIR/btf" "$TCPWHY")
	check_json
	assert_failure 5
	assert_equal "$(ask 'said["kernel"]["tracepoints"], said["kernel"]["maps"]')" "(False, True)"
	assert_regex "$(ask 'said["failures"][0]["text"]')" "has no tracepoint tcp_send_reset"
}

@test "a program that the kernel refuses is said, with status 5" {
	without_leak_check
	strace -qq -f -e trace=bpf -o "$BATS_TEST_TMPDIR/trace" "$TCPWHY" check >/dev/null
	local nth # libbpf tries again, for the verifier's log: so this one and all after it fail
	nth=$(grep -n 'prog_name="on_set_state"' "$BATS_TEST_TMPDIR/trace" | head -1 | cut -d: -f1)
	CHECK=(strace -qq -o /dev/null -e "inject=bpf:error=EACCES:when=$nth+" "$TCPWHY")
	check_json
	assert_failure 5
	assert_equal "$(ask 'said["programs"][0]["loaded"], len(said["programs"])')" "(False, 1)"
	run --separate-stderr "${CHECK[@]}" check
	assert_failure 5
	assert_line --partial "tcpwhy does not work here: the kernel refused the BPF programs: "
}

@test "if the programs of all options at once are refused, it says which options do not work" {
	without_leak_check
	strace -qq -f -e trace=bpf -o "$BATS_TEST_TMPDIR/trace" "$TCPWHY" check >/dev/null
	local nth # of the second time
	nth=$(grep -n 'prog_name="on_set_state"' "$BATS_TEST_TMPDIR/trace" | sed -n 2p | cut -d: -f1)
	run --separate-stderr strace -qq -o /dev/null -e "inject=bpf:error=EACCES:when=$nth+" "$TCPWHY" check
	assert_works
	assert_line "tcpwhy works here"
	assert_line "it does not work with -p, --children"
}

# ---- the command line ----------------------------------------------------------------------------

@test "options that are about what is watched are refused, with status 2" {
	run --separate-stderr "$TCPWHY" check -p 1
	assert_failure 2
	assert_equal "$output$stderr" "tcpwhy: -p is not for check: nothing is watched"
	run --separate-stderr "$TCPWHY" check --fields pid
	assert_failure 2
	assert_equal "$output$stderr" "tcpwhy: --fields is not for check: nothing is watched"
	run --separate-stderr "$TCPWHY" check --netns /proc/self/ns/net -p 1
	assert_failure 2
	assert_equal "$output$stderr" "tcpwhy: -p is not for check: nothing is watched"
	run --separate-stderr "$TCPWHY" explain --netns /proc/self/ns/net refused
	assert_failure 2
	assert_equal "$output$stderr" "tcpwhy: --netns is not for explain: nothing is watched"
}

@test "options that are about sockets that are open are for check only, with status 2" {
	run --separate-stderr "$TCPWHY" -d 0.1 --stuck 5
	assert_failure 2
	assert_equal "$output$stderr" "tcpwhy: --stuck is for tcpwhy check only"
	run --separate-stderr "$TCPWHY" explain --idle 5 refused
	assert_failure 2
	assert_equal "$output$stderr" "tcpwhy: --idle is not for explain"
	run --separate-stderr "$TCPWHY" check --idle never
	assert_failure 2
	assert_equal "$output$stderr" "tcpwhy: bad --idle 'never': give seconds, for instance 60"
}

@test "a full disk is said, with status 7" {
	run --separate-stderr bash -c "'$TCPWHY' check --json >/dev/full"
	assert_failure 7
	assert_equal "$stderr" "tcpwhy: cannot write to stdout: No space left on device"
}
