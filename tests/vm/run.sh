#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs the end-to-end tests, as they are, under other kernels; a table of kernels and verdicts comes out.
#
#     tests/vm/run.sh [RELEASE...]     without any, all that can be had
#
# TESTS are the files to run there, or what tests/run.sh takes (e2e). With TEST_QUICK=1 these are tests/e2e/deaths.bats, and
# each of its scenarios is played over one family instead of three, by turns: five to eight minutes a kernel. What is said under
# each kernel is kept in $VM_CACHE/results, and the table beside it, in table.md; of another architecture, VM_ARCH, in a
# directory named after it. Exit status 0 only if nothing failed.

set -uo pipefail
cd "$(dirname "$0")/../.." || exit

cache=${VM_CACHE:-build/vm}
[[ ${VM_ARCH:-amd64} == amd64 ]] || cache+=/$VM_ARCH
results=$cache/results
quick=${TEST_QUICK-}
read -ra tests <<<"${TESTS:-${quick:+tests/e2e/deaths.bats}}"
((${#tests[@]})) || tests=(e2e)
export VM_SECONDS=${VM_SECONDS:-7200} # all tests of one kernel
without_btf=${VM_WITHOUT_BTF-}        # as kernels that were built without; then it comes from a file
btf=/run/vm/btf
slowdown=${TEST_SLOWDOWN:-6}          # of the emulation, which makes time-outs longer

passed=0 failed=0 skipped=0

count()
{
	grep -cE "$2" "$1"
}

# one RELEASE : the tests, or why there can be none
one()
{
	local log=$results/$1${without_btf:+-without-btf}.tap status=0 bad
	echo "== Linux $1"
	# shellcheck disable=SC2016
	tools/vm run "$1" sh -c 'echo "# $(uname -r)"; ./tcpwhy "$@"' sh ${without_btf:+--btf "$btf"} -d 1 >"$log" 2>&1 || status=$?
	cat "$log"
	if ((status)); then
		echo "not ok tcpwhy starts (exit status $status)" | tee -a "$log"
	else
		echo "ok tcpwhy starts" | tee -a "$log"
		tools/vm run "$1" env "TEST_SLOWDOWN=$slowdown" "TEST_QUICK=$quick" "TEST_BTF=${without_btf:+$btf}" tests/run.sh "${tests[@]}" 2>&1 | tee -a "$log"
		status=${PIPESTATUS[0]}
		# the guest itself may have failed, or stopped half way
		((status < 2)) || echo "not ok the tests come to an end (exit status $status)" | tee -a "$log"
	fi
	skipped=$((skipped + $(count "$log" '^ok .*# (SKIP|skip)')))
	passed=$((passed + $(grep -E '^ok ' "$log" | grep -vcE '# (SKIP|skip)')))
	bad=$(count "$log" '^not ok ')
	failed=$((failed + bad))
	((status == 0 || bad)) || { echo "not ok tests (exit status $status)" | tee -a "$log"; failed=$((failed + 1)); }
}

mkdir -p "$results" || exit
if (($#)); then
	kernels=("$@")
else
	mapfile -t kernels < <(tools/vm list -q)
	((${#kernels[@]})) || exit 1
	rm -f "$results"/*.tap
fi

logs=()
for kernel in "${kernels[@]}"; do
	one "$kernel"
	logs+=("$results/$kernel${without_btf:+-without-btf}.tap")
done

echo
if [[ ${tests[*]} != *smoke.bats ]]; then # that has too few verdicts for a table
	/usr/bin/python3 tests/vm/table.py "${logs[@]}" | tee "$results/table.md"
	echo
fi
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
