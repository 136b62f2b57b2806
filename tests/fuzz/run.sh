#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs the fuzzers, each from its corpus, tests/fuzz/corpus/NAME.tar.gz; what makes one fail is kept in build/fuzz. Without
# FUZZ_SECONDS each makes so many inputs, the same each time, as take some ten seconds: a change that breaks nothing does not fail
# by chance. With it, each looks for so long for what nobody has tried yet.
#
#     tests/fuzz/run.sh [NAME...]      without any, all of them
#
# FUZZ_GROW=1 adds to the corpora what reaches code that they did not reach: as few and as small inputs as do it.

set -uo pipefail
cd "$(dirname "$0")/../.." || exit

seconds=${FUZZ_SECONDS-}
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

# how_many NAME : inputs that take it about ten seconds; of fuzz_http, which has a thread, and so would not make the same each time,
# only those of the corpus
how_many() {
	case $1 in
	fuzz_btf) echo 3000 ;;
	fuzz_explain) echo 4000 ;;
	fuzz_evidence) echo 5000 ;;
	fuzz_process | fuzz_names | fuzz_options) echo 100000 ;;
	fuzz_environment) echo 20000 ;;
	fuzz_join) echo 6000 ;;
	fuzz_http) echo 0 ;;
	*) echo 10000 ;;
	esac
}

# one NAME
one() {
	local name=$1 log=build/fuzz/$1.log limit=(-max_total_time="$seconds" -rss_limit_mb=1024)
	[ -n "$seconds" ] || limit=(-seed=1 -runs="$(how_many "$name")" -rss_limit_mb=1024)
	case $name in
	fuzz_process) limit+=(-detect_leaks=0) ;; # libelf leaks what it has read of damaged files
	fuzz_environment) # ncurses does, much more: so it begins anew now and then, where it runs for long
		limit+=(-detect_leaks=0)
		[ -z "$seconds" ] || limit+=(-fork=1 -rss_limit_mb=4096)
		;;
	esac
	rm -rf "$work/corpus"
	mkdir "$work/corpus"
	[ ! -e "tests/fuzz/corpus/$name.tar.gz" ] || tar -xzf "tests/fuzz/corpus/$name.tar.gz" -C "$work/corpus" || exit
	SECONDS=0
	if "build/fuzz/$name" "${limit[@]}" -max_len=16000 -timeout=10 -print_final_stats=1 \
		-artifact_prefix="build/fuzz/$name-" "$work/corpus" >"$log" 2>&1; then
		echo "ok $name: $(sed -nE 's/^(stat::number_of_executed_units: *|#)([0-9]+).*/\2/p' "$log" | tail -n 1) inputs in $SECONDS s"
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
