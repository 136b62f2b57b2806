#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What is told of recordings: of tests/data, which golden.sh has made of the scenarios of peers.py, and of what is made of
# them here. Nothing is watched, and no privilege is needed.

load lib

DATA=$TOP/tests/data
MIXED=$DATA/mixed.trace

# replay ARGS... : of mixed.trace, unless a file is given by FILE
replay() {
	run --separate-stderr "$TCPWHY" replay "${FILE:-$MIXED}" "$@"
}

# refuses STATUS SAID COMMAND... : one line on stderr, and nothing else
refuses() {
	run --separate-stderr "${@:3}"
	# shellcheck disable=SC2154 # stderr is set by run
	assert_equal "${*:4}: status $status: $output$stderr" "${*:4}: status $1: tcpwhy: $2"
}

@test "every scenario of peers.py has a golden recording, and what is told of it is what was told" {
	local name
	assert_equal "$(cd "$DATA" && printf '%s\n' *.trace | sed 's/\.trace$//' | LC_ALL=C sort)" "$(peers list | cut -f1 | LC_ALL=C sort)"
	for name in $(peers list | cut -f1); do
		assert_equal "$name: $("$DATA/told.sh" "$DATA/$name.trace")" "$name: $(cat "$DATA/$name.txt")"
	done
}

@test "what is told of the golden recordings is what peers.py has caused" {
	local name
	for name in $(peers list | cut -f1); do
		assert_equal "$name: $(awk '$2 == "count" { print $3 "\t" $4 }' "$DATA/$name.txt" | LC_ALL=C sort)" \
			"$name: $(peers expect "$name" -n 3 | by_verdict | LC_ALL=C sort)"
	done
}

@test "the verdict is found again from the facts: it is not in the recording" {
	run $PYTHON - "$DATA/unread-data.trace" "$BATS_TEST_TMPDIR/read.trace" <<-'END'
		import struct, sys, zlib
		HEAD, ITEM = "<8sHHII", "<HHIQ"
		data, out, at = open(sys.argv[1], "rb").read(), b"", 0
		while at < len(data):
		    magic, version, pad, stored, length = struct.unpack_from(HEAD, data, at)
		    items = bytearray(zlib.decompress(data[at + 24:at + 24 + stored]))
		    at += 24 + stored
		    i = 0
		    while i < len(items):
		        kind, _, size, _ = struct.unpack_from(ITEM, items, i)
		        if kind == 3:                                   # evidence: behind both heads and 32 bytes are the facts
		            struct.pack_into("<I", items, i + 16 + 40 + 12, 0)  # unread
		        i += size
		    body = zlib.compress(bytes(items))
		    head = struct.pack(HEAD, magic, version, pad, len(body), len(items))
		    out += head + struct.pack("<I", zlib.crc32(head + body)) + body
		open(sys.argv[2], "wb").write(out)
	END
	assert_success
	FILE=$BATS_TEST_TMPDIR/read.trace replay
	refute_output --partial "  unread-data  "
	FILE=$DATA/unread-data.trace replay
	assert_output --partial "  unread-data  "
}

@test "times are those of the recording, in every style" {
	local start refused time
	read -r start refused time < <("$TCPWHY" replay -j "$MIXED" 2>/dev/null | jq -rs '
		[(.[0].monotonic_ns), (.[] | select(.verdict == "refused") | .monotonic_ns, .time)] | @tsv')
	replay --utc --fields time --verdict refused
	assert_output "${time:11:12}"
	TZ=UTC-3 replay --fields time --verdict refused
	assert_output "$(date -u -d "$time 3 hours" +%T.%3N)"
	replay -t --fields time --verdict refused
	assert_output "$(awk -v ns=$((refused - start)) 'BEGIN { printf "%.6f", ns / 1e9 }')"
	replay -j --verdict refused
	assert_line --index 0 --partial '"host":"golden"'
	# not now, but when the file was made
	[[ $time < $(date -u -r "$MIXED" +%FT%TZ) ]] || [[ $time < $(date -u -d '-1 minute' +%FT%TZ) ]]
}

@test "-j is JSON Lines by the schema, and says the same as the lines" {
	replay -a --limit 0
	assert_success
	OUT=$BATS_TEST_TMPDIR/out
	echo "$output" >"$OUT"
	"$TCPWHY" replay -a -j "$MIXED" >"$BATS_TEST_TMPDIR/json"
	assert_equal "$($PYTHON "$TOP/tests/e2e/records.py" lines "$BATS_TEST_TMPDIR/json")" "$(said_by_lines | LC_ALL=C sort)"
	assert_equal "$(said_by_lines | LC_ALL=C sort)" "$(peers expect mixed | LC_ALL=C sort)"
}

@test "counters of intervals add up to what was recorded, with and without -a, in text, JSON and OpenMetrics" {
	local all interval
	all=$(peers expect mixed | by_verdict | LC_ALL=C sort)
	for interval in 0.05 0.7 1 3; do # what is beyond the last whole interval is in the summary
		"$TCPWHY" replay -j "$MIXED" $interval >"$BATS_TEST_TMPDIR/json"
		assert_equal "$interval: $($PYTHON "$TOP/tests/e2e/records.py" counters "$BATS_TEST_TMPDIR/json")" "$interval: $all"
	done
	assert_equal "$("$TCPWHY" replay -j "$MIXED" 0.05 2>/dev/null | jq -s '[.[] | select(.type == "interval").deaths] | add')" 12
	replay -y 0.05
	assert_equal "$(awk 'NR > 1 { n += $2 } END { print n }' <<<"$output")" 12
	replay 1
	assert_line --regexp '  2 +0 +2 +2 .* refused=1 by why-client\[[0-9]+\]:1 half-closed-reuse=1 '
	replay --format openmetrics 1
	assert_line --regexp '^tcpwhy_deaths_total\{verdict="refused",service_port="7000",side="client"\} 1$'
	assert_line --partial 'tcpwhy_build_info{version='
	replay -y 1 2
	assert_equal "${#lines[@]} lines" "3 lines"
}

# shown ARGS... : the verdicts of the lines
shown() {
	"$TCPWHY" replay "$MIXED" --fields verdict "$@" 2>/dev/null | LC_ALL=C sort | uniq -c | awk '{ print $2 "=" $1 }' | xargs
}

@test "filters choose what is shown of a recording, and what is counted" {
	local all client="connect-abandoned=1 half-closed-reuse=1 peer-aborted=4 refused=1" pid
	all=$(shown)
	assert_equal "$(shown -P 7000)" "$all"
	assert_equal "$(shown -P 80)" ""
	assert_equal "$(shown -D 7000)" "$client"
	assert_equal "$(shown -L 7000)" "accept-overflow=1 late-data-time-wait=1 linger-zero=1 listener-closed=2 no-listener=1 unread-data=1"
	assert_equal "$(shown -L 7000 -D 7000)" ""
	assert_equal "$(shown -4)" "$all"
	assert_equal "$(shown -6)" ""
	assert_equal "$(shown -D 7000 --peer 127.0.0.0/30)" "$client"
	assert_equal "$(shown --peer 127.0.0.2,10.0.0.0/8,::/0)" ""
	assert_equal "$(shown --netns 1)" ""
	pid=$("$TCPWHY" replay "$MIXED" --fields pid --verdict refused 2>/dev/null)
	assert_equal "$(shown -p "$pid")" "$client"
	assert_equal "$(shown -p 4194303)" "" # no process need have that PID
	assert_equal "$(shown --verdict refused,closed-here)" "closed-here=1 refused=1"
	replay --limit 1
	assert_line --regexp '  listener-closed  .*  1 more within a second, not shown; by why-server\[[0-9]+\] 1$'
	replay -D 7000
	# shellcheck disable=SC2154
	assert_equal "$(grep 'in .* deaths' <<<"$stderr" | sed 's/.* s: \([0-9]* deaths ([0-9]* orderly), [0-9]* incidents\).*/\1/')" \
		"7 deaths (0 orderly), 0 incidents"
	replay -d 2.2 # after the third of five
	assert_line --regexp '  refused  '
	refute_line --regexp '  linger-zero  '
}

@test "what cannot hold for a recording is refused, with status 2" {
	local option
	for option in --children --keep --cgroup=/ --btf=x --without=loop -e --listen=1 --rotate-size=1M; do
		run --separate-stderr "$TCPWHY" replay "$MIXED" "$option"
		assert_equal "$option: status $status, $(wc -l <<<"$stderr") line" "$option: status 2, 1 line"
		[[ $output$stderr == "tcpwhy: "*"${option%=*}"* || $option == --cgroup=/ ]] || fail "$option: $stderr"
	done
	refuses 2 "a command is not for replay: nothing is watched" "$TCPWHY" replay "$MIXED" -- true
	refuses 2 "replay needs a FILE" "$TCPWHY" replay
	refuses 2 "record needs a FILE" "$TCPWHY" record
	refuses 2 "-j is not for record: it records all; give it to tcpwhy replay" "$TCPWHY" record -j file
	refuses 2 "too many arguments: '1' follows record" "$TCPWHY" record file 1
	refuses 2 "--rotate-keep needs --rotate-size: without it nothing is rotated" "$TCPWHY" record --rotate-keep 1 file
	refuses 2 "bad size '5T': give bytes, for instance 100M, with K, M or G" "$TCPWHY" record --rotate-size 5T file
}

@test "a recording that is damaged is told up to there, with one error and status 8" {
	local size whole
	size=$(stat -c %s "$MIXED")
	whole=$("$TCPWHY" replay "$MIXED" 2>/dev/null)
	head -c $((size - 1)) "$MIXED" >"$BATS_TEST_TMPDIR/torn"
	FILE=$BATS_TEST_TMPDIR/torn replay
	assert_equal "$status" 8
	assert_equal "$output" "$(head -n ${#lines[@]} <<<"$whole")" # what is in the blocks before
	[ "${#lines[@]}" -ge 10 ]
	assert_equal "$(tail -n 1 <<<"$stderr" | sed 's/at byte [0-9]*/at byte N/')" \
		"tcpwhy: $BATS_TEST_TMPDIR/torn ends within the block at byte N, as if the recorder had been stopped while it wrote; what is before it can be read"
	head -c $((size / 2)) "$MIXED" >"$BATS_TEST_TMPDIR/half"
	FILE=$BATS_TEST_TMPDIR/half replay
	assert_equal "$status" 8
	assert_equal "$output" "$(head -n ${#lines[@]} <<<"$whole")"
	[ "${#lines[@]}" -gt 0 ]
	cp "$MIXED" "$BATS_TEST_TMPDIR/spoilt"
	printf x | dd of="$BATS_TEST_TMPDIR/spoilt" bs=1 seek=$((size - 100)) conv=notrunc status=none
	FILE=$BATS_TEST_TMPDIR/spoilt replay -j
	assert_equal "$status" 8
	assert_line --index $((${#lines[@]} - 1)) --partial '"type":"summary"'
	assert_equal "$(tail -n 1 <<<"$stderr" | sed 's/at byte [0-9]*/at byte N/')" \
		"tcpwhy: $BATS_TEST_TMPDIR/spoilt is damaged in the block at byte N: its checksum is wrong; what is before it can be read"
}

@test "what is no recording is said to be none, with status 8" {
	local file
	: >"$BATS_TEST_TMPDIR/empty"
	gzip -c "$MIXED" >"$BATS_TEST_TMPDIR/gzip"
	refuses 8 "$BATS_TEST_TMPDIR/empty is empty: it is no recording" "$TCPWHY" replay "$BATS_TEST_TMPDIR/empty"
	for file in "$BATS_TEST_TMPDIR/gzip" "$TOP/README.md" "$TCPWHY" "$DATA/mixed.txt"; do
		refuses 8 "$file is no recording: give a file that tcpwhy record has written" "$TCPWHY" replay "$file"
	done
	refuses 8 "cannot open nowhere: No such file or directory" "$TCPWHY" replay nowhere
	refuses 8 "cannot read /tmp: Is a directory" "$TCPWHY" replay /tmp
}

@test "sessions follow each other, each with its own host, times and summary; also from stdin" {
	cat "$DATA/refused.trace" "$DATA/unread-data.trace" >"$BATS_TEST_TMPDIR/both"
	FILE=$BATS_TEST_TMPDIR/both replay
	assert_success
	assert_equal "$output" "$("$TCPWHY" replay "$DATA/refused.trace" 2>/dev/null && "$TCPWHY" replay "$DATA/unread-data.trace" 2>/dev/null)"
	assert_equal "$(grep -c ' deaths (' <<<"$stderr") summaries" "2 summaries"
	assert_equal "$("$TCPWHY" replay - <"$BATS_TEST_TMPDIR/both" 2>/dev/null)" "$output"
	assert_equal "$("$TCPWHY" replay - <"$BATS_TEST_TMPDIR/both" 2>/dev/null | head -n 1)" "${lines[0]}"
}
