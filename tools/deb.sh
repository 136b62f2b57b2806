#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Makes the Debian package of the files as they are now, but for those that git ignores: in a copy, build/deb, with a
# debian/changelog that has the newest release of CHANGELOG.md. The packages are put into build/; lintian must be content.
#
#     tools/deb.sh VERSION DATE

set -eu
cd "$(dirname "$0")/.."
[ $# = 2 ] || {
	echo 'usage: tools/deb.sh VERSION DATE' >&2
	exit 2
}
tree=build/deb/tcpwhy-$1

rm -rf build/deb
mkdir -p "$tree"
git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- -c | tar -C "$tree" -x
{
	printf 'tcpwhy (%s) unstable; urgency=medium\n\n  * %s: see CHANGELOG.md.\n\n' "$1" "$1"
	printf ' -- %s  %s\n' "$(sed -n 's/^Maintainer: //p' debian/control)" "$(LC_ALL=C date -uRd "$2")"
} >"$tree/debian/changelog"
(cd "$tree" && dpkg-buildpackage --build=binary --no-sign) >build/deb/log 2>&1 || {
	tail -n 40 build/deb/log >&2
	exit 1
}
mv build/deb/*.deb build/deb/*.changes build/deb/*.buildinfo build/
lintian --allow-root --fail-on error,warning --info build/tcpwhy_"$1"_*.changes
