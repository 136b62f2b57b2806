#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Formatting, what cppcheck finds, shell scripts, spelling, licence lines. Says what is wrong; exit status 1 if anything is.

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
# LIBBPF_OPTS is of a header that it is not given: a declaration.
# shellcheck disable=SC2046
check cppcheck -q --std=c11 --enable=warning,portability,performance --error-exitcode=1 --inline-suppr \
	--suppressions-list=tools/lint-exceptions.txt -Iuser -Ibpf -D_GNU_SOURCE '-DTCPWHY_VERSION="0"' \
	'-DLIBBPF_OPTS(type,name,...)=struct type name' $(git ls-files 'user/*.c')
# shellcheck disable=SC2046
check codespell $(git ls-files ':!LICENSE' ':!vmlinux/vmlinux.h' ':!tests/fuzz/corpus' ':!tests/data/*.trace')

for file in $(git ls-files ':!LICENSE' ':!README.md' ':!.gitignore' ':!.editorconfig' ':!debian/copyright' ':!debian/source/format' \
	':!tests/fuzz/corpus' ':!tests/data/*.t*'); do
	head -n 3 "$file" | grep -q 'SPDX-License-Identifier: GPL-2.0-only' || {
		echo "$file: no SPDX line"
		status=1
	}
done
exit $status
