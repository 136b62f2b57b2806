#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Lines are limited to so many a second for each verdict; what is withheld is said, and counted.

load lib

BURST=131 # a prime above the default limit

setup() {
	make_netns
}

teardown() {
	kill_tcpwhy
	remove_netns
}

# burst OPTION... : so many connections are refused at once
burst() {
	start_tcpwhy -P 7950 "$@"
	in_netns $PYTHON "$TOP/tests/e2e/peers.py" run refused -n $BURST -p 7950
	stop_tcpwhy
	assert_equal "$(said_by_counters)" "$(printf '%s\t%s\n' no-listener $BURST refused $BURST)"
	assert_equal "$(lost) lost" "0 lost"
}

# of VERDICT : how many lines it has, how many others are said to be withheld, and in how many seconds
of() {
	awk -v verdict="$1" '$2 == verdict {
		if (match($0, /[0-9]+ more within a second, not shown/)) {
			withheld += substr($0, RSTART) + 0
			seconds++
		} else
			shown++
	} END { print shown + 0, withheld + 0, seconds + 0 }' "$OUT"
}

# What happens takes less than a second, but on a slow machine.
@test "so many lines a second for each verdict, and the number of the others" {
	local verdict shown withheld seconds
	burst --limit 7
	for verdict in refused no-listener; do
		read -r shown withheld seconds < <(of $verdict)
		echo "$verdict: $shown shown, $withheld withheld in $seconds seconds"
		assert_equal "$((shown + withheld)) $verdict" "$BURST $verdict"
		assert [ "$seconds" -ge 1 ]
		assert [ "$shown" -ge 7 ]
		assert [ "$shown" -le $((7 * (seconds + 1))) ]
	done
	run grep -cE '^[0-9:.]+  refused +-  +\*  +[0-9]+ more within a second, not shown; by why-client\[[0-9]+\] [0-9]+$' "$OUT"
	assert_output "$(of refused | cut -d' ' -f3)"
}

@test "without an option 100 lines a second" {
	local shown withheld seconds
	burst
	read -r shown withheld seconds < <(of refused)
	echo "$shown shown, $withheld withheld in $seconds seconds"
	assert_equal $((shown + withheld)) $BURST
	# in one second they are 100; in more there is room for all
	assert [ "$shown" -eq 100 -o "$shown" -eq $BURST -o "$seconds" -gt 1 ]
}

@test "--limit 0 shows all" {
	burst --limit 0
	assert_equal "$(of refused)" "$BURST 0 0"
	assert_equal "$(of no-listener)" "$BURST 0 0"
}

# The kernel makes so many records that those who had most of it can be named, and no more.
@test "in a storm what is beyond the limit needs no record, and is told all the same" {
	local seconds=2 counters=$BATS_TEST_TMPDIR/counters records
	start_tcpwhy --netns "$NETNS"
	in_netns "$TOP/build/bench/storm" -H -t $seconds refused >"$counters"
	stop_tcpwhy
	run "$PYTHON" "$TOP/tests/storm/storm.py" refused "$counters" "$OUT" "$ERR"
	echo "$output"
	assert_success
	(($(sed -n 's|^\([0-9]*\)/s, .*|\1|p' <<<"$output") > 5000 * $(nproc))) || skip "this machine is too slow for a storm"
	run grep -E '^[0-9]+ events had no record, there were too many at once: they are counted above, but not by process$' "$ERR"
	assert_success
	records=$(($(said_by_counters | awk '{ sum += $2 } END { print sum }') - ${output%% *}))
	echo "$records records"
	# 512 in the first slice of 131 ms, and 64 in the others; where the storm is interrupted, there are more firsts
	assert [ $records -le $((2 * $(nproc) * 512 * (seconds * 8 + 1) / 2)) ]
	assert [ $records -ge $((2 * 512)) ]
}

@test "--limit 0 makes a record of each" {
	start_tcpwhy --netns "$NETNS" --limit 0
	in_netns "$TOP/build/bench/storm" -H -t 1 refused >"$BATS_TEST_TMPDIR/counters"
	stop_tcpwhy
	refute grep 'had no record' "$ERR"
}

@test "a limit that is none is refused" {
	run "$TCPWHY" --limit many
	assert_failure 2
	assert_output "tcpwhy: bad limit 'many': give how many lines a second each verdict may have, 0 for all"
	run "$TCPWHY" --limit 20 1
	assert_failure 2
	assert_output "tcpwhy: --limit and INTERVAL exclude each other: there are no lines to limit"
}
