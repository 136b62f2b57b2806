#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs the end-to-end tests, as they are, under other kernels; a table of kernels and verdicts comes out.
#
#     tests/vm/run.sh [RELEASE...]     without any, all that can be had
#
# TESTS are the files to run there, or what tests/run.sh takes (e2e). With TEST_QUICK=1 these are tests/e2e/deaths.bats, and
# each of its scenarios is played over one family instead of three, by turns: five to eight minutes a kernel. What is said under
# each kernel is kept in $VM_CACHE/results, one log for each run, and the table beside them, in table.md: for each kernel and each
# file of tests it takes the newest, or what tests/vm/kernels.md has. So the table can be filled in several runs. Of another
# architecture, VM_ARCH, it is in a directory named after it, and made of that alone. Exit status 0 only if nothing failed in this run.

set -uo pipefail
cd "$(dirname "$0")/../.." || exit

cache=${VM_CACHE:-build/vm}
former=(tests/vm/kernels.md)
[[ ${VM_ARCH:-amd64} == amd64 ]] || cache+=/$VM_ARCH former=()
results=$cache/results
quick=${TEST_QUICK-}
read -ra tests <<<"${TESTS:-${quick:+tests/e2e/deaths.bats}}"
((${#tests[@]})) || tests=(e2e)
export VM_SECONDS=${VM_SECONDS:-14400} # all tests of one kernel
without_btf=${VM_WITHOUT_BTF-}         # as kernels that were built without; then it comes from a file
btf=/run/vm/btf
slowdown=${TEST_SLOWDOWN:-6} # of the emulation, which makes time-outs longer

# In the guest, before the tests: what it is, what tcpwhy says of it, and whether it starts.
# shellcheck disable=SC2016
in_guest='
	echo "# kernel $(uname -r)"
	echo "# check $(./tcpwhy check --json ${TEST_BTF:+--btf "$TEST_BTF"} | tr -d "\n")"
	./tcpwhy ${TEST_BTF:+--btf "$TEST_BTF"} -d 1 || {
		echo "not ok tcpwhy starts (exit status $?)"
		exit 1
	}
	echo "ok tcpwhy starts"
	# Kernels of which there are no modules have neither nf_tables nor veth, and their guests not all programs.
	[ "$*" != e2e ] || [ -d "/lib/modules/$(uname -r)" ] ||
		set -- deaths.bats errors.bats listeners.bats rare.bats
	exec tests/run.sh "$@"'

passed=0 failed=0 skipped=0

count()
{
	grep -cE "$2" "$1"
}

# one RELEASE : the tests, or why there can be none
one()
{
	local log=$results/$1${without_btf:+-without-btf} status bad
	mkdir -p "$log" || exit
	log+=/$(date -u +%Y%m%d-%H%M%S).tap
	echo "== Linux $1"
	echo "# run $(date -u +%F) $(git describe --always --dirty)${quick:+ quick}" >"$log"
	tools/vm run "$1" env "TEST_SLOWDOWN=$slowdown" "TEST_QUICK=$quick" "TEST_BTF=${without_btf:+$btf}" \
		sh -c "$in_guest" sh "${tests[@]}" 2>&1 | tee -a "$log"
	status=${PIPESTATUS[0]}
	# the guest itself may have failed, or stopped half way
	((status < 2)) || echo "not ok the tests come to an end (exit status $status)" | tee -a "$log"
	skipped=$((skipped + $(count "$log" '^ok .*# (SKIP|skip)')))
	passed=$((passed + $(grep -E '^ok ' "$log" | grep -vcE '# (SKIP|skip)')))
	bad=$(count "$log" '^not ok ')
	failed=$((failed + bad))
	((status == 0 || bad)) || { echo "not ok tests (exit status $status)" | tee -a "$log"; failed=$((failed + 1)); }
}

if (($#)); then
	kernels=("$@")
else
	mapfile -t kernels < <(tools/vm list -q)
	((${#kernels[@]})) || exit 1
fi

for kernel in "${kernels[@]}"; do
	one "$kernel"
done

echo
if [[ ${tests[*]} != *smoke.bats ]]; then # that has too few verdicts for a table
	/usr/bin/python3 tests/vm/table.py "$results" "${former[@]}" | tee "$results/table.md"
	echo
fi
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
