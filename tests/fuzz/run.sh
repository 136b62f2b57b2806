#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs the fuzzers, each for FUZZ_SECONDS (10), from its corpus, tests/fuzz/corpus/NAME.tar.gz; what makes one fail is kept in
# build/fuzz.
#
#     tests/fuzz/run.sh [NAME...]      without any, all of them
#
# FUZZ_GROW=1 adds to the corpora what reaches code that they did not reach: as few and as small inputs as do it.

set -uo pipefail
cd "$(dirname "$0")/../.." || exit

seconds=${FUZZ_SECONDS:-10}
passed=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# pack NAME : the least corpus that reaches what is reached now, the same for the same inputs
pack() {
	rm -rf "$work/least"
	mkdir "$work/least"
	"build/fuzz/$1" -merge=1 "$work/least" "$work/corpus" >>"build/fuzz/$1.log" 2>&1 || return
	tar -c -C "$work/least" --sort=name --owner=0 --group=0 --mode=644 --mtime=@0 . | gzip -9n >"tests/fuzz/corpus/$1.tar.gz"
}

# one NAME
one() {
	local name=$1 log=build/fuzz/$1.log
	rm -rf "$work/corpus"
	mkdir "$work/corpus"
	[ ! -e "tests/fuzz/corpus/$name.tar.gz" ] || tar -xzf "tests/fuzz/corpus/$name.tar.gz" -C "$work/corpus" || exit
	if "build/fuzz/$name" -max_total_time="$seconds" -max_len=12000 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix="build/fuzz/$name-" "$work/corpus" >"$log" 2>&1; then
		echo "ok $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in $seconds s"
		passed=$((passed + 1))
	else
		tail -n 40 "$log"
		echo "not ok $name: see $log"
		failed=$((failed + 1))
	fi
	[ -z "${FUZZ_GROW-}" ] || pack "$name"
}

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
	for source in tests/fuzz/*.c; do
		source=${source##*/}
		names+=("${source%.c}")
	done
fi
for name in "${names[@]}"; do
	one "$name"
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
