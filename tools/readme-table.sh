#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Prints the README's table of verdicts, out of the binary. With --update it is put into README.md,
# between its two marks. A test holds that it is up to date.

set -eu
cd "$(dirname "$0")/.."

table() {
	echo '| group | verdict | meaning |'
	echo '|---|---|---|'
	./tcpwhy --verdicts | awk '
		/^[a-z]/ { sub(/:$/, ""); group = $0 }
		/^  [a-z]/ {
			name = $1
			sub(/^ +[^ ]+ +/, "")
			printf "| %s | `%s` | %s |\n", group, name, $0
			group = ""
		}'
}

case "${1-}" in
'') table ;;
--update)
	table >build/readme-table
	sed -i -e '/^<!-- verdicts -->$/,/^<!-- end -->$/ { /^<!-- verdicts -->$/r build/readme-table' \
		-e '/^<!--/!d }' README.md
	;;
*)
	echo 'usage: tools/readme-table.sh [--update]' >&2
	exit 2
	;;
esac
