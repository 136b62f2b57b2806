#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The index of docs/README.md, of the program's own table and of docs/errors.md. With --update it is put there; a test
# holds that it is.

set -eu
cd "$(dirname "$0")/.."

index() {
	echo '| group | verdict | meaning |'
	echo '|---|---|---|'
	./tcpwhy --verdicts | awk '
		/^[a-z]/ { sub(/:$/, ""); group = $0 }
		/^  [a-z]/ {
			name = $1
			sub(/^ +[^ ]+ +/, "")
			printf "| %s | [`%s`](verdicts/%s.md) | %s |\n", group, name, name, $0
			group = ""
		}'
	echo
	echo '| error message |'
	echo '|---|'
	awk '/^## / {
		title = substr($0, 4)
		anchor = tolower(title)
		gsub(/[^a-z0-9 -]/, "", anchor)
		gsub(/ /, "-", anchor)
		printf "| [%s](errors.md#%s) |\n", title, anchor
	}' docs/errors.md
}

case "${1-}" in
'') index ;;
--update)
	index >build/docs-index
	sed -i -e '/^<!-- index -->$/,/^<!-- end -->$/ { /^<!-- index -->$/r build/docs-index' \
		-e '/^<!--/!d }' docs/README.md
	;;
*)
	echo 'usage: tools/docs-index.sh [--update]' >&2
	exit 2
	;;
esac
