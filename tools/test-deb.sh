#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Installs the package in a fresh Debian that has nothing else, and uses it there: each command must succeed.
#
#     tools/test-deb.sh PACKAGE

set -euo pipefail
[[ $# == 1 ]] || {
	echo 'usage: tools/test-deb.sh PACKAGE' >&2
	exit 2
}
version=$(dpkg-deb -f "$1" Version)

# Ends with the command's status, and has told its death.
watches="tcpwhy -- bash -c ': </dev/tcp/127.0.0.1/9' 2>&1 | grep 'refused  *bash\\[[0-9]*\\] '"

exec "$(dirname "$0")/test-pristine.sh" -p "$1" \
	-c "tcpwhy --version | grep -x 'tcpwhy $version'" \
	-c "tcpwhy check | grep -x 'tcpwhy works here'" \
	-c "$watches" \
	-c "tcpwhy explain 'write: broken pipe' | grep half-closed-reuse" \
	-c "bash -c '. /usr/share/bash-completion/completions/tcpwhy && complete -p tcpwhy'" \
	-c 'zcat /usr/share/man/man8/tcpwhy.8.gz | grep "EXIT STATUS"' \
	-c 'dpkg --verify tcpwhy' \
	-c 'dpkg --purge tcpwhy && ! find / -xdev -name "*tcpwhy*" ! -path "/tmp/*" | grep .'
