# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Plays the scenarios of special.py: what must be said of each, and nothing else.

SPECIAL=$TOP/tests/slow/special.py

setup() {
	make_netns
	start_pulse # a stall while a connection is made lengthens its round trip, by which races are told
}

teardown() {
	stop_pulse
	kill_tcpwhy
	remove_netns
}

# compare WHAT EXPECTED : lines and counters must both be "verdict<TAB>comm<TAB>how many"
compare() {
	assert_equal "$1: $(said_by_lines)" "$1: $2"
	assert_equal "$1 counters: $(said_by_counters)" "$1 counters: $(by_verdict <<<"$2")"
	assert_equal "$1: $(lost) lost" "$1: 0 lost"
}

# watch_it PORT COMMAND... : what it did not do, tcpwhy cannot have seen. In BUSY, that the machine was too busy for it.
watch_it() {
	local status
	BUSY=
	start_tcpwhy -a --limit 0 -P "$1"
	start_referee
	run --separate-stderr in_netns "${@:2}"
	# shellcheck disable=SC2154 # stderr is set by run
	[ "$status" -ne 77 ] || skip "$stderr"
	if [ "$status" -eq 75 ]; then
		BUSY=$stderr
		stop_tcpwhy
		return
	fi
	assert_equal "${*:3}: $status $stderr" "${*:3}: 0 "
	sleep 0.15
	stop_tcpwhy
}

# special SCENARIO FAMILY... : what it said of the last is left in $OUT
special() {
	local port=7200 family try
	for family in "${@:2}"; do
		for try in 1 2 3 4 5; do
			port=$((port + 1))
			watch_it "$port" "$PYTHON" "$SPECIAL" run "$1" -n "$N" -f "$family" -p "$port"
			[ -n "$BUSY" ] || break
		done
		[ -z "$BUSY" ] || skip "$BUSY, $try times of $try"
		compare "$1 over $family" "$($PYTHON "$SPECIAL" expect "$1" -n "$N" | sort)"
	done
}
