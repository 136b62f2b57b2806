#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# tcpwhy join: client -- middle -- server, two hosts of which each is watched by a tcpwhy of its own; then what the two have
# written is put together. The middle may be NAT of the client, of the server, or of both.

load lib

CLIENT=10.1.0.2 SERVER=10.2.0.2 MIDDLE_NEAR=10.1.0.1 MIDDLE_FAR=10.2.0.1

setup_file() {
	export NETNS=tcpwhy-test-$$-join
	export MIDDLE=$NETNS-middle HOST=$NETNS-server
	local ns
	for ns in "$NETNS" "$MIDDLE" "$HOST"; do
		ip netns add "$ns"
		ip -n "$ns" link set lo up
	done
	link "$NETNS" $CLIENT $MIDDLE_NEAR
	link "$HOST" $SERVER $MIDDLE_FAR
	ip netns exec "$MIDDLE" sysctl -qw net.ipv4.ip_forward=1
	see direct $SERVER ""
	see masquerade $SERVER "chain out { type nat hook postrouting priority 100; ip saddr $CLIENT masquerade; }"
	see dnat $MIDDLE_NEAR "chain in { type nat hook prerouting priority -100; ip daddr $MIDDLE_NEAR dnat to $SERVER; }"
	see both $MIDDLE_NEAR "chain in { type nat hook prerouting priority -100; ip daddr $MIDDLE_NEAR dnat to $SERVER; }
		chain out { type nat hook postrouting priority 100; ip saddr $CLIENT masquerade; }"
}

teardown_file() {
	local ns
	for ns in "$NETNS" "$HOST" "$MIDDLE"; do
		ip netns pids "$ns" 2>/dev/null | xargs -r kill -KILL
		ip netns del "$ns" 2>/dev/null || true
	done
}

# link NETNS ADDRESS MIDDLE-ADDRESS : by a veth pair to the middle, which is the default route
link() {
	local name=v${2//./}
	ip -n "$1" link add name near type veth peer name "$name" netns "$MIDDLE"
	ip -n "$1" addr add "$2/24" dev near
	ip -n "$1" link set near up
	ip -n "$MIDDLE" addr add "$3/24" dev "$name"
	ip -n "$MIDDLE" link set "$name" up
	ip -n "$1" route add default via "$3"
}

# watch NETNS HOST FILE : under another host's name; returns when it watches, its PID in WATCHER
watch() {
	unshare --uts sh -c 'hostname "$1"; shift; exec "$@"' - "$2" "$TCPWHY" -j -P 7400,7401,7402 --netns "$1" >"$3" 2>"$3.err" 3>&- &
	WATCHER=$!
	wait_for 30 has watching "$3.err" || { cat "$3.err"; return 1; }
}

# see NAME ADDRESS RULES : what both hosts see of N deaths of each kind, in $BATS_FILE_TMPDIR/NAME-{client,server}.jsonl
see() {
	local to=$BATS_FILE_TMPDIR/$1 watchers server
	ip netns exec "$MIDDLE" nft -f - <<-END
		flush ruleset
		table ip nat {
			$3
		}
	END
	watch "$NETNS" web1 "$to-client.jsonl"
	watchers=$WATCHER
	watch "$HOST" db1 "$to-server.jsonl"
	watchers+=" $WATCHER"
	ip netns exec "$HOST" $PYTHON "$TOP/tests/e2e/join_peers.py" server $SERVER >"$to-ready" 3>&- &
	server=$!
	disown
	wait_for 30 has ready "$to-ready"
	ip netns exec "$NETNS" $PYTHON "$TOP/tests/e2e/join_peers.py" client "$2" $N
	# shellcheck disable=SC2086
	kill -INT $watchers
	# shellcheck disable=SC2086
	wait $watchers
	kill -KILL $server
}

# join NAME ARGUMENTS... : of these two, in $OUT; what it says of the files is in $ERR
join() {
	OUT=$BATS_TEST_TMPDIR/out ERR=$BATS_TEST_TMPDIR/err
	local status=0
	"$TCPWHY" join "${@:2}" "$BATS_FILE_TMPDIR/$1-client.jsonl" "$BATS_FILE_TMPDIR/$1-server.jsonl" >"$OUT" 2>"$ERR" || status=$?
	assert_equal "exit status $status: $(cat "$ERR")" "exit status ${STATUS:-0}: $(cat "$ERR")"
}

# The records as "verdict other's-verdict through_nat", and how many there are.
pairs() {
	jq -r 'select(.verdict) | "\(.verdict) \(.other_end.verdict) \(.other_end.through_nat)"' "$OUT" | sort | uniq -c |
		sed 's/^ *//'
}

# all_joined NAT
all_joined() {
	assert_equal "$(pairs)" "$N half-closed-reuse late-data-time-wait $1
$N late-data-time-wait half-closed-reuse $1
$N no-listener refused $1
$N peer-aborted unread-data $1
$N refused no-listener $1
$N unread-data peer-aborted $1"
	# each is of the very connection: what the one sends and sees is its own
	assert_equal "$(jq -r 'select(.verdict == "peer-aborted") | .bytes_unacked + .bytes_acked - 1 - .other_end.bytes_unread' "$OUT" |
		sort -u)" 0
}

@test "both ends are joined, and in the order of time" {
	join direct -j
	all_joined null
	assert_equal "$(jq -c 'select(.type == "join") | [.joined, .through_nat, .joined_before, .doubtful]' "$OUT")" "[$((6 * N)),0,0,0]"
	assert_equal "$(jq -r '.time // empty' "$OUT" | sort)" "$(jq -r '.time // empty' "$OUT")"
	run $PYTHON "$TOP/tests/e2e/records.py" schema "$OUT"
	assert_success
}

@test "lines name the other end and the hosts" {
	join direct --utc
	assert_equal "$(wc -l <"$OUT")" $((6 * N))
	assert_regex "$(cat "$ERR")" "direct-server.jsonl: $((3 * N)) records, its clock the same within 1 ms, by $((3 * N)) connections
tcpwhy: of $((6 * N)) records $((6 * N)) joined, 0 of them through NAT; 0 were joined before$"
	assert_equal "$(grep -cE "^[0-9:.]{12}  peer-aborted            why-client\[[0-9]+\] +$CLIENT:[0-9]+ -> $SERVER:7400 +RST by .*; host web1; other end: why-server\[[0-9]+\] unread-data, host db1$" "$OUT")" $N
}

@test "through NAT of the client, of the server, and of both: said, with the addresses that the other end saw" {
	local nat
	for nat in masquerade dnat; do
		join $nat -j
		all_joined true
	done
	join masquerade
	assert_equal "$(grep -cE "  peer-aborted .* $CLIENT:[0-9]+ -> $SERVER:7400 .*; other end, through NAT: why-server\[[0-9]+\] unread-data, host db1, there $SERVER:7400 -> $MIDDLE_FAR:[0-9]+$" "$OUT")" $N
	# where no address is left, a segment alone is not enough: connections are joined, refusals are not
	join both -j
	assert_equal "$(pairs)" "$N half-closed-reuse null null
$N late-data-time-wait null null
$N no-listener null null
$N peer-aborted unread-data true
$N refused null null
$N unread-data peer-aborted true"
}

@test "a clock that is an hour ahead, or behind, is found out, and lines are told by the first one's" {
	local of=$BATS_FILE_TMPDIR shift
	cp "$of/direct-client.jsonl" "$of/skewed-client.jsonl"
	for shift in 3600.5 -3600.5; do
		$PYTHON "$TOP/tests/e2e/join_peers.py" shift $shift <"$of/direct-server.jsonl" >"$of/skewed-server.jsonl"
		join skewed --utc
		assert_regex "$(cat "$ERR")" "skewed-server.jsonl: $((3 * N)) records, its clock 3600\.(49[0-9]|50[0-9]) s $([[ $shift == -* ]] && echo behind || echo ahead), by $((3 * N)) connections"
		# one kind of death after the other, as they were caused
		assert_equal "$(awk '{ print $2 }' "$OUT" | sed 's/peer-aborted/unread-data/; s/no-listener/refused/
			s/late-data-time-wait/half-closed-reuse/' | uniq -c | sed 's/^ *//')" "$((2 * N)) unread-data
$((2 * N)) refused
$((2 * N)) half-closed-reuse"
		assert_equal "$(awk '{ print substr($1, 1, 5) }' "$OUT" | sort -u | wc -l)" \
			"$(jq -r '.time[11:16]' "$of"/direct-{client,server}.jsonl | sort -u | wc -l)"
	done
	join skewed -j
	assert_equal "$(jq '.files[1].clock_ahead_ns / 1e9 | round' <(head -1 "$OUT"))" -3601
	all_joined null
}

@test "of two files of strangers nobody is joined" {
	local of=$BATS_FILE_TMPDIR
	cp "$of/masquerade-client.jsonl" "$of/strangers-client.jsonl"
	cp "$of/dnat-server.jsonl" "$of/strangers-server.jsonl"
	join strangers -j
	assert_equal "$(jq -c 'select(.other_end)' "$OUT")" ""
	assert_equal "$(jq 'select(.verdict) | 1' "$OUT" | wc -l)" $((6 * N))
}

@test "what was joined stays, by whomever: joining again changes nothing" {
	join direct -j
	cp "$OUT" "$BATS_TEST_TMPDIR/once"
	"$TCPWHY" join -j - <"$BATS_TEST_TMPDIR/once" >"$BATS_TEST_TMPDIR/twice" 2>"$BATS_TEST_TMPDIR/said"
	assert_equal "$(tail -n +2 "$BATS_TEST_TMPDIR/twice")" "$(tail -n +2 "$BATS_TEST_TMPDIR/once")"
	assert_equal "$(jq -c 'select(.type == "join") | [.joined, .joined_before]' "$BATS_TEST_TMPDIR/twice")" "[0,$((6 * N))]"
	# in words too
	join direct
	cut -f 2- -d ' ' "$OUT" >"$BATS_TEST_TMPDIR/lines"
	assert_equal "$("$TCPWHY" join "$BATS_TEST_TMPDIR/once" 2>/dev/null | cut -f 2- -d ' ')" "$(cat "$BATS_TEST_TMPDIR/lines")"
}

# ---- bad input -----------------------------------------------------------------------------------

@test "a line that is cut off is named, and the rest is used: status 8" {
	local of=$BATS_FILE_TMPDIR file=$BATS_FILE_TMPDIR/cut-server.jsonl
	cp "$of/direct-client.jsonl" "$of/cut-client.jsonl"
	sed '5s/.\{40\}$//; 7s/"verdict"/"verdict/' "$of/direct-server.jsonl" >"$file"
	STATUS=8 join cut -j
	assert_equal "$(head -1 "$ERR")" "tcpwhy: $file:5: the line is cut off; 1 more lines like this; the rest is used"
	assert_equal "$(jq 'select(.other_end) | 1' "$OUT" | wc -l)" $((6 * N - 4))
	assert_equal "$(jq 'select(.verdict) | 1' "$OUT" | wc -l)" $((6 * N - 2))
}

# bad CONTENT MESSAGE : as the second file
bad() {
	local of=$BATS_FILE_TMPDIR
	cp "$of/direct-client.jsonl" "$of/bad-client.jsonl"
	printf "$1" >"$of/bad-server.jsonl"
	STATUS=8 join bad
	assert_equal "$(head -1 "$ERR")" "tcpwhy: $of/bad-server.jsonl:$2"
	assert_equal "$(wc -l <"$OUT")" $((3 * N))
}

@test "foreign files are told from ours" {
	bad 'hello\n' "1: no JSON: unexpected character; the file has no record of tcpwhy -j"
	bad '\n{"type":"apple"}\n{}\n[]\n' "2: no object of tcpwhy -j; 2 more lines like this; the file has no record of tcpwhy -j"
	bad '\177ELF\0\0\0' "1: no JSON: it has a NUL in it; the file has no record of tcpwhy -j"
	bad '{"type":"start","schema":2}\n{"type":"death"}\n' \
		"2: a record of another version's schema than 1; the file has no record of tcpwhy -j"
	bad '{"type":"death","verdict":"refused"}\n' "1: a record without its time, verdict, words or addresses; it takes what tcpwhy -j writes without --fields; the file has no record of tcpwhy -j"
	bad "$(head -c 1100000 /dev/zero | tr '\0' x)" "1: longer than any line of tcpwhy -j; the file has no record of tcpwhy -j"
}

# refuses MESSAGE ARGS...
refuses() {
	run --separate-stderr "$TCPWHY" "${@:2}"
	assert_failure 2
	assert_equal "$stderr" "tcpwhy: $1"
	assert_output ""
}

@test "bad arguments are refused before anything is read" {
	local file=$BATS_FILE_TMPDIR/direct-client.jsonl
	refuses "join needs files: what tcpwhy -j wrote on each host, or - for stdin" join
	refuses "cannot open '/nowhere': No such file or directory" join "$file" /nowhere
	refuses "'/' is a directory: give files of tcpwhy -j" join /
	refuses "'$file' is given twice" join "$file" "$file"
	refuses "-P is not for join: nothing is watched" join -P 80 "$file"
}

@test "a full disk is said, with status 7" {
	run --separate-stderr bash -c "'$TCPWHY' join '$BATS_FILE_TMPDIR/direct-client.jsonl' >/dev/full"
	assert_failure 7
	assert_regex "$stderr" "tcpwhy: cannot write to stdout: No space left on device"
}
