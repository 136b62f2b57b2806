#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The benchmark's shared part under another kernel, in qemu without KVM: an emulator has other times, so only the ratios mean
# anything. The peers that need kprobes run there. Writes the result to tools/bench/results.
#
#     tools/bench/vm.sh RELEASE

set -euo pipefail
cd "$(dirname "$0")/../.."

[[ $# == 1 ]] || { echo 'usage: tools/bench/vm.sh RELEASE' >&2; exit 2; }
result=tools/bench/results/$(date +%F)-vm-linux-$1.md
said=$(mktemp)
trap 'rm -f "$said"' EXIT

# several tools with a compiler in each take more memory than the tests
VM_MEMORY=${VM_MEMORY:-3072} VM_SECONDS=${VM_SECONDS:-3600} tools/vm run "$1" env BENCH_CONNECTIONS=1000 BENCH_ROUNDS=2 \
	BENCH_READY_SECONDS=180 ${BENCH_SUBJECTS:+"BENCH_SUBJECTS=$BENCH_SUBJECTS"} /usr/bin/python3 tools/bench/bench.py shared | tee "$said"
{
	printf '<!-- SPDX-License-Identifier: GPL-2.0-only; made by make bench-vm, see ../README.md -->\n\n'
	printf 'In an emulator: only the ratios mean anything.\n\n'
	grep -v '^bench: ' "$said"
} >"$result"
echo "bench: the result is in $result" >&2
