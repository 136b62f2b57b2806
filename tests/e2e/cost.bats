#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What tcpwhy costs must not grow unnoticed. Times differ from machine to machine, so these are figures that do not: how many
# instructions the verifier walks through, how large the programs are, how often the kernel's types are read, and how long the
# programs run beside an empty one through which the same connections pass. Who makes them cheaper lowers the bounds. (bpf/evidence.h asserts the size of the
# records.)

load lib

teardown() {
	kill_tcpwhy
}

# Of each program, at most: instructions that the verifier walks through, bytes of machine code on x86_64.
BOUNDS='
on_set_state           8500  22000
on_send_reset          9500  22000
on_kfree_skb           5500   8000
on_receive_reset         50    300
on_retransmit_skb       100    400
on_retransmit_synack    200    700
on_destroy_sock         250   1000
find_holders            350   1400
find_sockets            800   3800
find_subflows           600   2200
look_at_listeners      6000   9800
types_fit                10    100
'

# Older kernels, which lack something that tcpwhy uses, have other verifiers and compilers, and other programs: that of 6.1 walks
# 19,500 instructions of on_set_state where the newest walk 7,300, and writes a tenth more for some programs.
is_current() {
	! "$TCPWHY" check | tail -n 1 | grep -q weaker
}

@test "no program has grown beyond its bound" {
	local name verified jited most_verified most_jited times=1
	command -v bpftool >/dev/null || skip 'no bpftool here'
	is_current || times=3
	start_tcpwhy
	"$TOP/tools/bench/bpfstats.py" "$WATCHER" >"$BATS_TEST_TMPDIR/sizes"
	stop_tcpwhy
	cat "$BATS_TEST_TMPDIR/sizes"
	[ -s "$BATS_TEST_TMPDIR/sizes" ] || fail 'no programs'
	while read -r name verified jited; do
		if ! read -r _ most_verified most_jited < <(grep "^$name " <<<"$BOUNDS"); then
			[ $times = 3 ] || fail "$name has no bound"
			continue
		fi
		[ "$verified" = - ] || [ "$verified" -le $((times * most_verified)) ] ||
			fail "$name: $verified instructions verified, $((times * most_verified)) are the bound"
		[ "$(uname -m)" != x86_64 ] || [ "$jited" -le $((times * most_jited)) ] ||
			fail "$name: $jited bytes of machine code, $((times * most_jited)) are the bound"
	done <"$BATS_TEST_TMPDIR/sizes"
}

# They are some megabytes. libbpf gets those that were read already, and compares few of them, where it was linked in.
@test "the kernel's types are read once, before it watches" {
	local reads=$BATS_TEST_TMPDIR/reads
	! sanitized || skip 'libbpf is not linked in'
	[ -r /sys/kernel/btf/vmlinux ] || skip 'the kernel shows no BTF'
	run strace -f -o "$reads" -e trace=openat "$TCPWHY" -d 0.1
	assert_success
	assert_equal "$(grep -c '"/sys/kernel/btf/vmlinux"' "$reads") times read" '1 times read'
}

@test "all programs together run at most 3.5 times as long as an empty one" {
	local ratio
	[ -z "${TEST_SLOWDOWN-}" ] || skip 'an emulator has other ratios'
	BENCH_CONNECTIONS=3000 BENCH_ROUNDS=5 run --separate-stderr "$TOP/tools/bench/bench.py" hooks
	echo "$output"
	assert_success
	ratio=$(sed -n 's/^| all of tcpwhy .*| \([0-9]*\)\.\([0-9][0-9]\) ([^|]*) |.*|$/\1\2/p' <<<"$output")
	assert [ "$ratio" -le 350 ]
	assert [ "$ratio" -ge 100 ]
}
