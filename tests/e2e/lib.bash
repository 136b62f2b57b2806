# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the end-to-end tests have in common: a network namespace for each test, tcpwhy in the
# background, and what it said as tables that can be compared.

bats_require_minimum_version 1.5.0
# Every test reads this anew. What the libraries' own load.bash does takes two processes a file, and seconds in an emulator.
for library in "$BATS_LIB_PATH"/bats-{support,assert}/src/*.bash; do
	# shellcheck disable=SC1090
	. "$library"
done

TOP=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
TCPWHY=$TOP/${TEST_BUILD+$TEST_BUILD/}tcpwhy
PYTHON=/usr/bin/python3
N=23 # a prime: doubles and losses show

# make test-asan: the tested program was built with sanitizers. It has no filter of system calls, since LeakSanitizer makes calls of its
# own at the end; it takes more memory; and it is linked to shared objects.
sanitized() {
	[ -n "${TEST_BUILD-}" ]
}

# Before a test's first strace: LeakSanitizer does not work beneath it.
without_leak_check() {
	export ASAN_OPTIONS=detect_leaks=0
}

# From within a test, also its setup. bats notes the line of each command, by a trap that takes 0.3 ms, and 5 ms in an emulator.
# From now on functions that are called do not have it. The line of the test is known that called one.
trace_tests_only() {
	set +T
}

# Of files that have none of their own.
setup() {
	trace_tests_only
}

# ---- namespaces ----------------------------------------------------------------------------------

make_netns() {
	trace_tests_only
	NETNS=tcpwhy-test-$$-$BATS_TEST_NUMBER
	ip netns add "$NETNS"
	in_netns ip link set lo up
	# orphans outlive their namespace, and would be seen by the next test
	in_netns sysctl -qw net.ipv4.tcp_orphan_retries=2
}

in_netns() {
	ip netns exec "$NETNS" "$@"
}

has_mptcp() {
	in_netns $PYTHON -c 'import socket; socket.socket(proto=socket.IPPROTO_MPTCP)' 2>/dev/null
}

need_mptcp() {
	has_mptcp || skip "this kernel has no MPTCP"
}

need_netfilter() {
	in_netns $PYTHON -c 'import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)' 2>/dev/null ||
		skip "this kernel has no nf_tables"
}

is_quiet() {
	[ -z "$(ip netns exec "$1" ss -Htan state connected exclude time-wait exclude syn-recv)" ]
}

# Whatever still runs in the namespace was started by this test. Its packets must get through at
# last: orphans that nobody answers outlive the namespace, and would be seen by the next test.
remove_netns() {
	local pids
	shell_on_failure
	[ -n "${NETNS-}" ] || return 0
	in_netns nft flush ruleset 2>/dev/null || true
	pids=$(ip netns pids "$NETNS" 2>/dev/null) || return 0
	# shellcheck disable=SC2086
	[ -z "$pids" ] || kill -KILL $pids 2>/dev/null || true
	wait_for 3 is_quiet "$NETNS" || true
	ip netns del "$NETNS"
}

# ---- tcpwhy --------------------------------------------------------------------------------------

# start_tcpwhy ARGS... : returns when it watches. TEST_WITHOUT: what of the kernel's it must do without, as on older ones.
# TEST_BTF: where its BTF is, if the kernel has none itself.
start_tcpwhy() {
	trace_tests_only
	OUT=$BATS_TEST_TMPDIR/out ERR=$BATS_TEST_TMPDIR/err
	rm -f "$OUT" "$ERR" # what an earlier one said is not what this one says
	"$TCPWHY" ${TEST_WITHOUT:+--without "$TEST_WITHOUT"} ${TEST_BTF:+--btf "$TEST_BTF"} "$@" >"$OUT" 2>"$ERR" 3>&- &
	WATCHER=$!
	wait_for 30 has watching "$ERR" || {
		cat "$ERR"
		fail "tcpwhy $* does not watch"
	}
}

# Ends it as Ctrl-C does; its exit status must be 0.
stop_tcpwhy() {
	local status=0
	stop_referee
	kill -INT "$WATCHER"
	wait "$WATCHER" || status=$?
	WATCHER=
	try_again_if_missed
	try_again_if_stalled
	assert_equal "exit status $status: $(cat "$ERR")" "exit status 0: $(cat "$ERR")"
}

# Said to those who have no CAP_SYS_RESOURCE, by kernels before 5.11. Then what it advises must do.
# shellcheck disable=SC2034 # tests use it
WANTS_LOCKED_MEMORY='BPF maps count as locked memory before Linux 5\.11, and .* allowed: raise that \(ulimit -l unlimited\), or '

# What the kernel did not show, tcpwhy cannot count. It runs no program that it has interrupted itself, which tcpwhy says;
# and it may hide events, which the referee tells. A test that fails then is tried again, twice at most.
try_again_if_missed() {
	local missed
	missed=$(sed -nE -e 's/^([0-9]+) events missed: .*/\1/p' -e 's/^\{"type":"summary",.*"events_missed":([0-9]+).*/\1/p' "$ERR" "$OUT")
	[ "${missed:-0}" -gt 0 ] || [ "${HIDDEN:-0}" -gt 0 ] || return 0
	echo "# the kernel missed ${missed:-0} events and hid ${HIDDEN:-0}: if this fails, it is tried again" >&3
	# shellcheck disable=SC2034 # bats reads it
	BATS_TEST_RETRIES=4
}

# For tests that hold others to times: a test that fails is tried again if the machine let nobody run for longer than
# these. How many ms at most, is noted in the file.
start_pulse() {
	local file=$BATS_TEST_TMPDIR/pulse
	echo 0 >"$file"
	(
		most=0
		while :; do
			before=${EPOCHREALTIME/./}
			nap 20
			gap=$(((${EPOCHREALTIME/./} - before) / 1000))
			if [ "$gap" -gt "$most" ]; then
				most=$gap
				echo "$most" >"$file"
			fi
		done
	) >/dev/null 2>&1 3>&- &
	PULSE=$!
	disown
}

stop_pulse() {
	[ -z "${PULSE-}" ] || kill "$PULSE" 2>/dev/null || true
}

try_again_if_stalled() {
	local most
	[ -e "$BATS_TEST_TMPDIR/pulse" ] || return 0
	most=$(cat "$BATS_TEST_TMPDIR/pulse")
	[ "${most:-0}" -gt 100 ] || return 0
	echo "# the machine let nobody run for $most ms: if this fails, it is tried again" >&3
	# shellcheck disable=SC2034 # bats reads it
	BATS_TEST_RETRIES=4
}

# For tests with many deaths by timers: after start_tcpwhy, before anything happens. See referee.py.
start_referee() {
	coproc REFEREE { exec unshare --mount "$TOP/tests/e2e/referee.py" 2>/dev/null 3>&-; }
	ask_referee
}

# The number of events that were hidden since it started, in HIDDEN.
ask_referee() {
	HIDDEN=0
	[ -n "${REFEREE_PID-}" ] && kill -0 "$REFEREE_PID" || return 0
	echo >&"${REFEREE[1]}"
	read -r -t 60 HIDDEN <&"${REFEREE[0]}" || HIDDEN=0
}

stop_referee() {
	ask_referee
	[ -z "${REFEREE_PID-}" ] || kill "$REFEREE_PID" 2>/dev/null || true
}

# First of all in teardown. With SHELL_ON_FAILURE=1 a test that has failed says why, and gives a shell in its namespace with all
# as it is; it goes on when that ends.
shell_on_failure() {
	local inside=()
	[ -n "${SHELL_ON_FAILURE-}" ] && [ -n "${BATS_TEARDOWN_STARTED-}" ] && [ -z "${BATS_TEST_COMPLETED-}${BATS_TEST_SKIPPED-}${SHELL_WAS_THERE-}" ] ||
		return 0
	SHELL_WAS_THERE=1
	[ ! -e "/run/netns/${NETNS-}" ] || inside=(ip netns exec "$NETNS")
	{
		printf '\n---- failed: %s\n' "$BATS_TEST_DESCRIPTION"
		cat "$BATS_OUT"
		printf -- '---- a shell in %s; what tcpwhy said is in out and err; exit goes on\n' "${inside[*]:+its network namespace and }$BATS_TEST_TMPDIR"
		cd "$BATS_TEST_TMPDIR" && PS1='failed# ' "${inside[@]}" bash --norc -i
	} </dev/tty >/dev/tty 2>&1 3>&- || true
}

kill_tcpwhy() {
	shell_on_failure
	[ -z "${WATCHER-}" ] || kill -KILL "$WATCHER" 2>/dev/null || true
}

# wait_for SECONDS COMMAND... : until it succeeds. Where all is slow, as in an emulator, TEST_SLOWDOWN says how many times.
wait_for() {
	local slowdown=${TEST_SLOWDOWN:-1} end
	end=$((${EPOCHREALTIME/./} + $1 * slowdown * 1000000))
	shift
	until "$@" 2>/dev/null; do
		((${EPOCHREALTIME/./} < end)) || return 1
		nap $((20 * slowdown))
	done
}

# nap MS : without a process, which takes more of a slow machine's time than what it is to wait for
nap() {
	local never=$BATS_RUN_TMPDIR/never # nobody writes to it
	[ -p "$never" ] || mkfifo "$never"
	printf -v REPLY '%d.%03d' $(($1 / 1000)) $(($1 % 1000))
	read -r -t "$REPLY" <>"$never" || true
}

# has TEXT FILE : without a process, too
has() {
	local all=
	read -r -d '' all <"$2" || true
	[[ $all == *"$1"* ]]
}

# Stopped for good: a signal alone does not say that it has arrived.
pause() {
	kill -STOP "$1"
	wait_for 20 grep -q '^State:.*T (stopped)' "/proc/$1/status"
}

gone() {
	! kill -0 "$1" 2>/dev/null
}

# How many times slower than an ordinary machine this one is, where TEST_SLOWDOWN says that it is slow: by a loop that takes
# 50 ms there.
slowness() {
	[ "${TEST_SLOWDOWN:-1}" -gt 1 ] || { echo 1; return; }
	$PYTHON -c '
import time
began = time.perf_counter()
for _ in range(2000000):
    pass
print(max(1, round((time.perf_counter() - began) / 0.05)))'
}

# in_time MS COMMAND... : the command leaves in TOOK how many ms it took. It must have taken less in one of five tries, before
# all others who want the processor: as if the host were idle. On an ordinary machine; a slow one is measured.
in_time() {
	local try times
	renice -n -20 $BASHPID >/dev/null 2>&1 || true
	for try in 1 2 3 4 5; do
		"${@:2}"
		times=$(slowness)
		[ "$TOOK" -ge $(($1 * times)) ] || return 0
		echo "# ${*:2} took $TOOK ms on a machine $times times slower than others, try $try"
	done
	fail "${*:2} took too long, and not less than $1 ms for an ordinary machine in any of five tries"
}

# ---- what it said --------------------------------------------------------------------------------

# The lines as "verdict<TAB>comm<TAB>how many". A line for SYNs says how many it stands for.
said_by_lines() {
	awk '{
		n = 1
		if (match($0, /[0-9]+ SYNs? dropped/))
			n = substr($0, RSTART) + 0
		sub(/\[[0-9]+\]$/, "", $3)
		seen[$2 "\t" $3] += n
	} END { for (key in seen) print key "\t" seen[key] }' "$OUT" | sort
}

# The kernel's counters, from the summary, as "verdict<TAB>how many".
said_by_counters() {
	awk '/^ +[0-9]+  [a-z]/ { print $2 "\t" $1 }' "$ERR" | sort
}

# Sums the last column of "verdict<TAB>comm<TAB>how many" by verdict.
by_verdict() {
	awk -F'\t' 'NF { seen[$1] += $3 } END { for (key in seen) print key "\t" seen[key] }' | sort
}

lost() {
	sed -n 's/^tcpwhy: in .* \([0-9]*\) records lost$/\1/p' "$ERR"
}

# ---- peers ---------------------------------------------------------------------------------------

peers() {
	$PYTHON "$TOP/tests/e2e/peers.py" "$@"
}

# peers_expect SCENARIO : "verdict<TAB>comm<TAB>how many"
peers_expect() {
	peers expect "$1" -n $N | sort
}

# start_pair NAME PORT [ADDRESS] : pair.py in the namespace, its descriptors in PAIR_NAME_{PID,IN,OUT}
# shellcheck disable=SC2034 # pid is a name for another variable
start_pair() {
	local -n in=PAIR_$1_IN out=PAIR_$1_OUT pid=PAIR_$1_PID
	local dir=$BATS_TEST_TMPDIR/pair-$1
	mkdir "$dir"
	mkfifo "$dir/in" "$dir/out"
	ip netns exec "$NETNS" $PYTHON "$TOP/tests/e2e/pair.py" "$2" "$1" "${@:3}" <"$dir/in" >"$dir/out" 3>&- &
	pid=$!
	disown
	exec {in}>"$dir/in" {out}<"$dir/out"
}

# tell NAME COMMAND... : returns when it is done. If not all was as it is meant to be, a test that fails is tried again.
tell() {
	local -n in=PAIR_$1_IN out=PAIR_$1_OUT
	local answer
	echo "${*:2}" >&"$in"
	read -r -t $((60 * ${TEST_SLOWDOWN:-1})) answer <&"$out"
	if [[ $answer == "ok, but "* ]]; then
		echo "# ${answer#ok, but }: if this fails, it is tried again" >&3
		# shellcheck disable=SC2034 # bats reads it
		BATS_TEST_RETRIES=4
		answer=ok
	fi
	assert_equal "$*: $answer" "$*: ok"
}

# assert_said_on_pages CLIENT... : what the client of says.py says of each death is on the page of the verdict, and leads to it
assert_said_on_pages() {
	local verdict said n=0
	while IFS=$'\t' read -r verdict said; do
		n=$((n + 1))
		[ "$said" != - ] || continue
		grep '`' "$TOP/docs/verdicts/$verdict.md" | grep -qF "$said" || fail "the page of $verdict lacks: $said"
		"$TCPWHY" explain "$said" | grep -q "^  - $verdict:" || fail "'$said' does not lead to $verdict"
	done < <(in_netns $PYTHON "$TOP/tests/e2e/says.py" "$@")
	assert_equal "$n deaths" "10 deaths"
}

# Clients never see a SYN-ACK, so handshakes stay under way and fill the SYN queue.
lose_syn_acks() {
	need_netfilter
	in_netns nft -f - <<-END
		table inet lose {
			chain input {
				type filter hook input priority 0
				tcp flags & (syn | ack) == syn | ack drop
			}
		}
	END
}

# hold_a_dead_socket PORT COMMAND... : a Python, started by the command (setpriv) if there is one, aborts a connection, and holds its other
# end until that end's death is told in $OUT
hold_a_dead_socket() {
	in_netns "${@:2}" $PYTHON - "$OUT" "$1" <<-'END'
		import socket, struct, sys, time
		listener = socket.create_server(("127.0.0.1", int(sys.argv[2])))
		near = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
		far, _ = listener.accept()
		far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
		far.close()
		end = time.monotonic() + 20
		while "peer-aborted  " not in open(sys.argv[1]).read() and time.monotonic() < end:
		    time.sleep(0.01)
	END
}
