#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The index of docs/README.md, of the program's own table and of docs/errors.md. With --update it is put there; a test
# holds that it is.

set -eu
cd "$(dirname "$0")/.."

index() {
	# shellcheck disable=SC2016 # the quotes are of Markdown
	tools/readme-table.sh | sed 's/`\([a-z-]*\)`/[&](verdicts\/\1.md)/'
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
