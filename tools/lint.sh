#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Formatting, shell scripts, spelling, licence lines. Says what is wrong; exit status 1 if anything is.

set -u
cd "$(dirname "$0")/.." || exit
status=0

check() {
	"$@" || status=1
}

# shellcheck disable=SC2046 # file names here have no blanks
check clang-format --dry-run --Werror $(git ls-files '*.[ch]' ':!vmlinux/vmlinux.h')
# shellcheck disable=SC2046
check shellcheck $(git ls-files '*.sh' '*.bash' tools/sysroot tools/vm .ci/run)
# shellcheck disable=SC2046
check codespell $(git ls-files ':!LICENSE' ':!vmlinux/vmlinux.h' ':!tests/fuzz/corpus')

for file in $(git ls-files ':!LICENSE' ':!README.md' ':!.gitignore' ':!.editorconfig' ':!debian/copyright' ':!debian/source/format'); do
	head -n 3 "$file" | grep -q 'SPDX-License-Identifier: GPL-2.0-only' || {
		echo "$file: no SPDX line"
		status=1
	}
done
exit $status
