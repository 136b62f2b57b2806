#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Builds the tarball and the Debian package of HEAD twice, without network: in directories of different length, a year
# apart, and with another time zone, language, umask and number of jobs. Both must be the same to the bit.

set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d "${TMPDIR:-/var/tmp}/reproducible.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
first=$work/first second=$work/in-a-directory-with-a-longer-name/second

# build DIRECTORY COMMAND... : its make, that is; what it said is shown if it fails
build()
{
	git clone -q . "$1"
	unshare --net "${@:2}" make -C "$1" WERROR=1 tarball deb >"$work/log" 2>&1 || {
		tail -n 40 "$work/log" >&2
		exit 1
	}
}

# unpack FILE DIRECTORY
unpack()
{
	mkdir -p "$2"
	case $1 in
	*.deb) dpkg-deb --raw-extract "$1" "$2" ;;
	*) tar -C "$2" -xf "$1" ;;
	esac
}

# The files in two archives that differ.
differences()
{
	unpack "$1" "$work/differences/a"
	unpack "$2" "$work/differences/b"
	(cd "$work/differences" && diff -rq a b) || :
	rm -r "$work/differences"
}

[[ -z $(git status --porcelain) ]] || echo 'reproducible: HEAD is built, without the changes not yet committed' >&2
build "$first"
build "$second" env -u SOURCE_DATE_EPOCH TZ=Pacific/Kiritimati LC_ALL=C.UTF-8 MAKEFLAGS=-j2 faketime -f +400d \
	sh -c 'umask 027 && exec "$@"' build

status=0
cd "$first/build"
for file in *.tar.xz *.deb; do
	if cmp -s "$file" "$second/build/$file"; then
		echo "the same: $(sha256sum "$file")"
	else
		echo "differs: $file"
		differences "$file" "$second/build/$file"
		status=1
	fi
done
exit $status
