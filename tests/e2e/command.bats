#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The command itself: what it says when it starts, how it ends, where it writes to, and what it
# makes of bad input and of kernels and users that cannot.

load lib

setup() {
	make_netns
}

teardown() {
	kill_tcpwhy
	remove_netns
}

# ---- beginning and end ---------------------------------------------------------------------------

announces() {
	local began=${EPOCHREALTIME/./}
	kill_tcpwhy
	start_tcpwhy -P 7200
	TOOK=$(((${EPOCHREALTIME/./} - began) / 1000))
}

@test "on an idle host it says within a second what it watches" {
	if sanitized; then announces; else in_time 1000 announces; fi
	run cat "$ERR"
	assert_output "tcpwhy: watching TCP connections of all processes, port 7200; a line for each unhealthy death and incident; Ctrl-C ends"
}

# ends_by SIGNAL
ends_by() {
	local began status=0
	start_tcpwhy -P 7200
	began=${EPOCHREALTIME/./}
	kill -"$1" "$WATCHER"
	wait "$WATCHER" || status=$?
	TOOK=$(((${EPOCHREALTIME/./} - began) / 1000))
	WATCHER=
	assert_equal "status $status" "status 0"
	run grep -c '^tcpwhy: in .*: 0 deaths (0 orderly), 0 incidents, .* 0 records lost$' "$ERR"
	assert_output 1
}

@test "SIGINT ends it with a summary" {
	in_time 1000 ends_by INT
}

@test "SIGTERM ends it with a summary" {
	in_time 1000 ends_by TERM
}

# In TOOK, how many ms too late.
ends_by_itself() {
	run --separate-stderr timeout 60 "$TCPWHY" -d 0.5 -P 7200
	assert_success
	assert_output ""
	# shellcheck disable=SC2154
	assert_regex "$stderr" "tcpwhy: in [0-9]+\.[0-9] s: 0 deaths"
	TOOK=$(awk '/^tcpwhy: in / { printf "%.0f", 1000 * $3 - 500 }' <<<"$stderr")
	assert [ $TOOK -ge 0 ]
}

@test "-d ends it after so many seconds, neither before nor much later" {
	in_time 100 ends_by_itself
}

@test "a reader that goes away ends it quietly" {
	local status=0
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	head -n 1 <"$BATS_TEST_TMPDIR/pipe" >"$BATS_TEST_TMPDIR/first" &
	"$TCPWHY" -P 7200 >"$BATS_TEST_TMPDIR/pipe" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	WATCHER=$!
	wait_for 30 has watching "$BATS_TEST_TMPDIR/err"
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run refused -n $N -p 7200
	wait_for 20 gone "$WATCHER"
	wait "$WATCHER" || status=$?
	assert_equal "status $status" "status 0"
	assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/first")" 1
	assert_equal "$(grep -vc watching "$BATS_TEST_TMPDIR/err")" 0
}

# ---- counters ------------------------------------------------------------------------------------

rows() {
	grep -c '^[0-9]' "$OUT" || true
}

# rows_are N : or more
rows_are() {
	[ "$(rows)" -ge "$1" ]
}

# A pipe has room for 64 KB, and so has the buffer: some 800 lines, and each of 2000 connections has two.
@test "a reader that does not read cannot keep it from its end" {
	local status=0
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	exec {unread}<>"$BATS_TEST_TMPDIR/pipe"
	"$TCPWHY" -P 7200 --limit 0 >"$BATS_TEST_TMPDIR/pipe" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	WATCHER=$!
	wait_for 30 has watching "$BATS_TEST_TMPDIR/err"
	in_netns $PYTHON -c '
import socket
for _ in range(2000):
    socket.socket().connect_ex(("127.0.0.1", 7200))'
	sleep 1 # it waits for room, or in vain for events
	kill -TERM "$WATCHER"
	wait_for 10 gone "$WATCHER" || fail "it does not end"
	wait "$WATCHER" || status=$?
	assert_equal $status 7
	run cat "$BATS_TEST_TMPDIR/err"
	assert_line --regexp '^ +2000  refused '
	assert_line "tcpwhy: nobody has read stdout for a second: what was still to be written is lost"
}

@test "INTERVAL COUNT prints so many rows under one head, and ends" {
	start_tcpwhy -P 7200 0.1 5
	wait_for 30 grep -q '^tcpwhy: in ' "$ERR"
	wait "$WATCHER"
	WATCHER=
	assert_equal "$(wc -l <"$OUT") $(grep -c '^time' "$OUT") $(rows)" "6 1 5"
	run head -n 1 "$OUT"
	assert_output --regexp '^time '
}

@test "the sum of the rows is what happened, in the columns that matter, with a head for each new column" {
	local then
	start_tcpwhy -P 7200 0.1
	wait_for 20 rows_are 1 # of nothing
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run unread-data -n $N -p 7200
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run retransmit-timeout -n $N -p 7200
	# what happened after the last row is in none; and up to two had ended before, and were not shown yet
	then=$(rows)
	wait_for 20 rows_are $((then + 3))
	wait_for 20 rows_are 21
	stop_tcpwhy
	assert_equal "$(grep '^time' "$OUT" | head -n 1 | tr -s ' ')" "time deaths by verdict"
	assert_equal "$(grep '^time' "$OUT" | tail -n 1 | tr -s ' ')" "time deaths unhealthy retrans rst-sent rst-recv by verdict"
	assert_equal "$(grep '^time' "$OUT" | sort | uniq -d)" ""
	assert_equal "$(wc -l <"$OUT")" "$(($(grep -c '^time' "$OUT") + $(rows)))"
	run awk '{ while (match($0, /unread-data=[0-9]+/)) {
			n += substr($0, RSTART + 12)
			$0 = substr($0, RSTART + RLENGTH)
		} } END { print n + 0 }' "$OUT"
	assert_output $N
	run awk '/^time/ { unhealthy = $3 == "unhealthy"; next }
		{ deaths += $2; sick += unhealthy ? $3 : 0 } END { print deaths, sick }' "$OUT"
	assert_output "$((4 * N)) $((4 * N))"
}

@test "-y: each verdict has its column, whether it occurs or not" {
	start_tcpwhy -y -P 7200 0.1
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run unread-data -n $N -p 7200
	wait_for 20 rows_are $(($(rows) + 3))
	stop_tcpwhy
	assert_equal "$(head -n 1 "$OUT" | tr -s ' ' '\n' | tail -n +10)" "$("$TCPWHY" --verdicts | awk '/^  [a-z]/ { print $1 }')"
	assert_equal "$(awk '{ print NF }' "$OUT" | sort -u)" "$(head -n 1 "$OUT" | wc -w)"
	run awk 'NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
		{ deaths += $2; unread += $column["unread-data"]; aborted += $column["peer-aborted"]; refused += $column["refused"] }
		END { print deaths, unread, aborted, refused }' "$OUT"
	assert_output "$((2 * N)) $N $N 0"
}

@test "counters end with what it was per second" {
	start_tcpwhy -P 7200 0.1
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run unread-data -n $N -p 7200
	stop_tcpwhy
	run awk '/^tcpwhy: in / { seconds = $3; deaths = $5 } /^tcpwhy: per second: / { rate = $4 }
		END { print deaths, (rate * (seconds - 0.06) <= deaths && rate * (seconds + 0.06) >= deaths) }' "$ERR"
	assert_output "$((2 * N)) 1"
}

# ---- times ---------------------------------------------------------------------------------------

# time_of ARGS... : of the one line of a refused connection
time_of() {
	start_tcpwhy --verdict refused -P 7200 "$@"
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run refused -n 1 -p 7200 >/dev/null
	stop_tcpwhy
	awk '{ print $1 }' "$OUT"
}

# is_now TIME ZONE FORMAT : by minutes, of which one may just have ended
is_now() {
	[[ $1 =~ ^[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}$ ]] || fail "no time of day: $1"
	[[ ${1%:*} == "$(TZ=$2 date +%H:%M)" || ${1%:*} == "$(TZ=$2 date -d '-1 minute' +%H:%M)" ]] ||
		fail "$1 is not $(TZ=$2 date +%H:%M)"
}

@test "times are those of the day here, in UTC, or since the start" {
	local began
	export TZ=here-7:30
	is_now "$(time_of)" "$TZ"
	is_now "$(time_of -T)" "$TZ"
	is_now "$(time_of --utc)" UTC
	began=${EPOCHREALTIME/./}
	run time_of -t
	assert_output --regexp '^[0-9]+\.[0-9]{6}$'
	assert [ "$((10#${output/./}))" -lt $((${EPOCHREALTIME/./} - began)) ]
	start_tcpwhy -t -P 7200 0.2 3
	wait_for 30 grep -q '^tcpwhy: per second' "$ERR"
	wait "$WATCHER"
	WATCHER=
	run awk '/^[0-9]/ { print ($1 >= 0.2 * n && $1 < 0.2 * n + 30); n++ }' "$OUT"
	assert_output "1
1
1"
}

# ---- whose they were -----------------------------------------------------------------------------

# named_by_rows : of all rows together, "verdict<TAB>process<TAB>how many"; dies where more are named than counted
named_by_rows() {
	awk '
		/^time/ { first = NF - 1; next } # "by verdict"
		{
			for (i = first; i <= NF; i++) {
				if ($i ~ /^[a-z-]+=[0-9]+$/) {
					verdict = $i
					sub(/=.*/, "", verdict)
					left = substr($i, length(verdict) + 2)
				} else if ($i != "by" && $i != "-") {
					for (n = split($i, items, ","); n; n--) {
						number = process = items[n]
						sub(/.*:/, "", number)
						sub(/:[0-9]+$/, "", process)
						seen[verdict "\t" process] += number
						left -= number
					}
					if (left < 0)
						print "more named than counted: " $0
				}
			}
		}
		END { for (key in seen) print key "\t" seen[key] }' "$OUT" | sort
}

@test "the rows say whose they were: each verdict at its process, to the unit" {
	start_pair one 7200
	start_pair two 7201
	tell one listen
	start_tcpwhy -P 7200,8201 2 # what happens in the microseconds between two rows may be named in neither
	tell one open $N
	tell one unread
	tell two refused $N
	wait_for 20 has unread-data "$OUT"
	stop_tcpwhy
	# shellcheck disable=SC2154 # start_pair sets it
	assert_equal "$(named_by_rows)" "peer-aborted	one[$PAIR_one_PID]	$N
refused	two[$PAIR_two_PID]	$N
unread-data	one[$PAIR_one_PID]	$N"
}

@test "the rows name no more than was counted when not all have a record" {
	local many=7001 named thinned
	start_pair storm 6200
	start_tcpwhy -P 7200 0.2
	for _ in 1 2 3; do
		pause "$WATCHER"
		tell storm refused $many
		kill -CONT "$WATCHER"
		tell storm refused $N
	done
	sleep 0.5
	stop_tcpwhy
	assert_equal "$(said_by_counters | grep -w refused)" "refused	$((3 * many + 3 * N))"
	thinned=$(sed -n 's/^\([0-9]*\) events had no record, .*/\1/p' "$ERR")
	assert [ $(($(lost) + ${thinned:-0})) -gt 0 ]
	named=$(named_by_rows)
	refute_regex "$named" "more named than counted"
	# shellcheck disable=SC2154 # start_pair sets it
	assert_regex "$named" "^refused	storm\[$PAIR_storm_PID\]	[0-9]+$"
	assert [ "${named##*	}" -lt $((3 * many)) ]
}

@test "the retransmissions are those that the kernel counts" {
	start_tcpwhy -P 7200 30
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run retransmit-timeout -n $N -p 7200
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run connect-timeout -n $N -p 7200
	stop_tcpwhy
	assert_equal "$(sed -n 's/^tcpwhy: in .* \([0-9]*\) segments retransmitted.*/\1/p' "$ERR")" \
		"$(in_netns nstat -asz TcpRetransSegs | awk '/RetransSegs/ { print $2 }')"
}

@test "the resets are those that the kernel counts" {
	start_tcpwhy -P 7200 30
	for scenario in unread-data half-closed-reuse refused late-data accept-overflow-reset; do
		in_netns $PYTHON "$TOP/tests/e2e/peers.py" run $scenario -n $N -p 7200
	done
	stop_tcpwhy
	assert_equal "$(sed -n 's/^tcpwhy: in .* \([0-9]*\) resets sent.*/\1/p' "$ERR")" \
		"$(in_netns nstat -asz TcpOutRsts | awk '/OutRsts/ { print $2 }')"
}

@test "the counters are exact when the ring buffer overflows, and the loss is shown" {
	local many=7001 lines
	start_pair storm 6200
	start_tcpwhy -P 7200 --limit 0
	pause "$WATCHER"
	tell storm refused $many
	kill -CONT "$WATCHER"
	stop_tcpwhy
	assert_equal "$(said_by_counters)" "no-listener	$many
refused	$many"
	lines=$(wc -l <"$OUT")
	assert [ "$(lost)" -gt 0 ]
	assert_equal $((lines + $(lost))) $((2 * many))
}

# ---- output --------------------------------------------------------------------------------------

@test "a full disk is said, with status 7" {
	run --separate-stderr bash -c "'$TCPWHY' -P 7200 0.1 2 >/dev/full"
	assert_failure 7
	assert_regex "$stderr" "tcpwhy: cannot write to stdout: No space left on device"
}

@test "a closed stdout is said, with status 7" {
	run bash -c "'$TCPWHY' -P 7200 >&-"
	assert_failure 7
	assert_output "tcpwhy: stdout is closed: there is nowhere to write to"
}

@test "--help documents every option and every exit status" {
	run "$TCPWHY" --help
	assert_success
	for word in --port --local-port --remote-port --peer --ipv4 --ipv6 --pid --children --keep --cgroup \
		--netns --verdict= --all --errors --duration --verdicts --verbose INTERVAL COUNT "1 unexpected" \
		"2 bad option" "3" "4 the kernel has no BTF" "5 the kernel lacks" "6 no such" \
		"7 stdout"; do
		assert_output --partial -- "$word"
	done
}

# ---- bad input -----------------------------------------------------------------------------------

# refuses STATUS MESSAGE ARGS...: one line on stderr, nothing on stdout
refuses() {
	run --separate-stderr timeout 60 "$TCPWHY" "${@:3}"
	assert_failure "$1"
	assert_equal "${*:3}: $stderr" "${*:3}: tcpwhy: $2"
	assert_output ""
}

@test "bad ports are refused" {
	for port in 0 65536 99999999999999999999 -1 80x x "" " 80" 0x50; do
		refuses 2 "bad port '$port': give a number from 1 to 65535" "-P$port" ||
			refuses 2 "bad port '$port': give a number from 1 to 65535" -P "$port"
	done
}

@test "bad PIDs are refused" {
	for pid in 0 -1 x 1x 99999999; do
		refuses 2 "bad PID '$pid': give the number of a process" -p "$pid"
	done
	sleep 0 &
	wait $!
	refuses 6 "there is no process with PID $!" -p $!
}

@test "bad times and counts are refused" {
	for seconds in 0 -1 x 1x 1e9x ""; do
		refuses 2 "bad duration '$seconds': give seconds, from 0.01, for instance 10 or 0.5" \
			-d "$seconds"
	done
	refuses 2 "bad interval '0': give seconds, from 0.01, for instance 1 or 0.5" 0
	refuses 2 "bad interval 'x': give seconds, from 0.01, for instance 1 or 0.5" x
	refuses 2 "bad count '0': give the number of intervals, at least 1" 1 0
	refuses 2 "bad count '1.5': give the number of intervals, at least 1" 1 1.5
	refuses 2 "too many arguments: '3' follows INTERVAL and COUNT" 1 2 3
}

@test "an option that does not exist is refused" {
	run --separate-stderr "$TCPWHY" --nonsense
	assert_failure 2
	assert_output ""
	assert_regex "$stderr" "unrecognized option '--nonsense'"
}

# ---- users and kernels that cannot ---------------------------------------------------------------

KERNEL=$(uname -r | sed 's/[.+]/\\&/g') # for regular expressions

as_nobody() {
	cp "$TCPWHY" "$BATS_TEST_TMPDIR/tcpwhy"
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/test "$BATS_TEST_TMPDIR/tcpwhy"
	run --separate-stderr setpriv --reuid=65534 --regid=65534 --clear-groups "$@" \
		"$BATS_TEST_TMPDIR/tcpwhy" -d 0.3 -P 7200
}

@test "without the capabilities it says how to give them, with status 3" {
	as_nobody
	assert_failure 3
	assert_output ""
	assert_equal "$stderr" "tcpwhy: needs CAP_BPF and CAP_PERFMON: run it as root, or give it what it needs with 'setcap cap_bpf,cap_perfmon+ep $BATS_TEST_TMPDIR/tcpwhy'"
}

CAPS=+bpf,+perfmon

@test "with exactly these capabilities it works without root" {
	as_nobody --inh-caps=$CAPS --ambient-caps=$CAPS
	if [ "$status" -eq 3 ]; then
		assert_regex "$stderr" "^tcpwhy: $WANTS_LOCKED_MEMORY"
		ulimit -l unlimited
		as_nobody --inh-caps=$CAPS --ambient-caps=$CAPS
	fi
	assert_success
	assert_regex "$stderr" "^tcpwhy: watching .*Ctrl-C ends
tcpwhy: in [0-9.]+ s: "
}

@test "with exactly these capabilities it finds out that root's process holds a dead socket" {
	as_nobody # makes the copy that it can run
	cat >"$BATS_TEST_TMPDIR/as-nobody" <<-END
		#!/bin/sh
		exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=$CAPS \
			--ambient-caps=$CAPS "$BATS_TEST_TMPDIR/tcpwhy" "\$@"
	END
	chmod 755 "$BATS_TEST_TMPDIR/as-nobody"
	ulimit -l unlimited 2>/dev/null || : # where it is needed, see above, it may be done
	TCPWHY=$BATS_TEST_TMPDIR/as-nobody start_tcpwhy -P 7200
	hold_a_dead_socket 7200
	stop_tcpwhy
	assert_equal "$(said_by_lines)" "linger-zero	python3	1
peer-aborted	python3	1"
}

@test "a kernel without BTF is said, with status 4" {
	run --separate-stderr unshare --mount sh -c \
		"mount -t tmpfs none /sys/kernel/btf && exec '$TCPWHY' -d 1"
	assert_failure 4
	assert_output ""
	assert_regex "$stderr" "^tcpwhy: kernel $KERNEL has no BTF: .*No such file.*--btf.*linux-image-$KERNEL-dbg.*CONFIG_DEBUG_INFO_BTF=y[^
]*$"
}

# hidden_btf ARGS... : tcpwhy where the kernel's BTF cannot be read
hidden_btf() {
	run --separate-stderr unshare --mount sh -c 'mount -t tmpfs none /sys/kernel/btf && exec "$@"' sh "$TCPWHY" "$@"
}

@test "--btf gives the kernel's BTF where it cannot be read" {
	cp /sys/kernel/btf/vmlinux "$BATS_TEST_TMPDIR/btf"
	hidden_btf --btf "$BATS_TEST_TMPDIR/btf" -d 0.1 -p $$
	assert_success
	assert_regex "$stderr" "tcpwhy: in 0\.[0-9] s: 0 deaths"
}

@test "--btf names a file without BTF, with status 4" {
	local file
	echo nothing >"$BATS_TEST_TMPDIR/text"
	head -c 100000 /sys/kernel/btf/vmlinux >"$BATS_TEST_TMPDIR/half"
	for file in text half none; do
		hidden_btf --btf "$BATS_TEST_TMPDIR/$file" -d 0.1
		assert_failure 4
		assert_output ""
		assert_regex "$stderr" "^tcpwhy: no BTF can be read from $BATS_TEST_TMPDIR/$file: [A-Z][^
]*$"
	done
}

@test "--btf names a file that is not of this kernel, where the kernel cannot tell, with status 4" {
	# a file in which two fields of a socket have changed places
	$PYTHON - "$BATS_TEST_TMPDIR/btf" <<-'END'
		import sys
		types = open("/sys/kernel/btf/vmlinux", "rb").read()
		for old, new in (b"sport", b"moved"), (b"saddr", b"sport"), (b"moved", b"saddr"):
		    assert b"\0inet_" + old + b"\0" in types
		    types = types.replace(b"\0inet_" + old + b"\0", b"\0inet_" + new + b"\0")
		open(sys.argv[1], "wb").write(types)
	END
	run --separate-stderr "$TCPWHY" --without kernel-btf --btf "$BATS_TEST_TMPDIR/btf" -d 0.1
	assert_failure 4
	assert_output ""
	assert_regex "$stderr" "^tcpwhy: $BATS_TEST_TMPDIR/btf is not the BTF of the kernel that runs: [^
]*$"
	run --separate-stderr "$TCPWHY" --without kernel-btf --btf /sys/kernel/btf/vmlinux -d 0.1
	assert_success
}

# with_btf SED : a kernel whose BTF was changed so
with_btf() {
	sed "$1" /sys/kernel/btf/vmlinux >"$BATS_TEST_TMPDIR/btf"
	run --separate-stderr unshare --mount sh -c \
		"mount --bind '$BATS_TEST_TMPDIR/btf' /sys/kernel/btf/vmlinux && exec '$TCPWHY' -d 1"
}

@test "a kernel that gives no reasons will do" {
	with_btf s/SKB_DROP_REASON_TCP_LISTEN_OVERFLOW/SKB_DROP_REASON_TCP_GONE_OVERFLOWED/
	assert_success
	with_btf s/SK_RST_REASON_INVALID_SYN/SK_RST_REASON_INVALID_GON/
	assert_success
}

@test "a missing tracepoint is named, with status 5" {
	with_btf s/btf_trace_tcp_send_reset/btf_trace_tcp_gone_reset/
	assert_failure 5
	assert_output ""
	assert_regex "$stderr" "^tcpwhy: kernel $KERNEL has no tracepoint tcp_send_reset, [^
]*$"
}

@test "a kernel that is too old is said, with status 5" {
	without_leak_check
	# every bpf() fails as on a kernel that does not know what it is asked for
	run --separate-stderr strace -qq -o /dev/null -e inject=bpf:error=EINVAL "$TCPWHY" -d 1
	assert_failure 5
	assert_output ""
	assert_regex "$stderr" "^tcpwhy: kernel $KERNEL is too old or built without it: no BPF ring buffer[^
]*$"
}

@test "a program that the kernel refuses is said, with status 5" {
	without_leak_check
	strace -qq -f -e trace=bpf -o "$BATS_TEST_TMPDIR/trace" "$TCPWHY" -d 0.1
	local nth # libbpf tries again, for the verifier's log: so this one and all after it fail
	nth=$(grep -n 'prog_name="on_set_state"' "$BATS_TEST_TMPDIR/trace" | head -1 | cut -d: -f1)
	run --separate-stderr strace -qq -o /dev/null -e "inject=bpf:error=EACCES:when=$nth+" \
		"$TCPWHY" -d 1
	assert_failure 5
	assert_regex "$stderr" "^tcpwhy: the kernel refused the BPF programs: [^
]*$"
}
