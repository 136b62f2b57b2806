#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# make install, make uninstall, make tarball. The Debian package has make test-deb, and two builds make test-reproducible.

load lib

# make_quiet TARGET... : of what was built for the tests
make_quiet() {
	run make -s -C "$TOP" SETUP=: "$@"
	assert_success
}

EXPECTED='0755 sbin/tcpwhy
0644 share/bash-completion/completions/tcpwhy
0644 share/doc/tcpwhy/CHANGELOG.md
0644 share/doc/tcpwhy/README.md
0644 share/doc/tcpwhy/check.schema.json
0644 share/doc/tcpwhy/record.schema.json
0644 share/fish/vendor_completions.d/tcpwhy.fish
0644 share/man/man7/tcpwhy-verdicts.7
0644 share/man/man8/tcpwhy.8
0644 share/zsh/site-functions/_tcpwhy'

# files_in DIRECTORY
files_in() {
	find "$1" ! -type d -printf '0%m %P\n' | LC_ALL=C sort -k 2
}

@test "make install puts all below DESTDIR and PREFIX, and make uninstall removes it" {
	local root=$BATS_TEST_TMPDIR/root
	(umask 077 && make_quiet install DESTDIR="$root" PREFIX=/opt/t)
	assert_equal "$(files_in "$root/opt/t")" "$EXPECTED"
	assert_equal "$(files_in "$root" | wc -l) files" "$(wc -l <<<"$EXPECTED") files"
	assert_equal "$("$root/opt/t/sbin/tcpwhy" --version)" "$("$TCPWHY" --version)"
	make_quiet uninstall DESTDIR="$root" PREFIX=/opt/t
	assert_equal "$(files_in "$root")" ""
}

# It must not creep up: CONTRIBUTING.md tells how to find out what has grown.
@test "what is installed is not larger than the README says" {
	local root=$BATS_TEST_TMPDIR/root limit size
	limit=$(sed -nE 's/.*One binary of at most ([0-9.]+) MB,.*/\1/p' "$TOP/README.md")
	[ -n "$limit" ] || fail "README.md does not say how large the binary is at most"
	make_quiet install DESTDIR="$root" PREFIX=/opt/t
	size=$(stat -c %s "$root/opt/t/sbin/tcpwhy")
	awk -v size="$size" -v limit="$limit" 'BEGIN { exit !(size <= limit * 1000000) }' ||
		fail "$size bytes, and at most $limit MB expected"
}

@test "the tarball has the same and the licence, and its program runs" {
	local name
	name=$("$TCPWHY" --version | tr ' ' -)-$(uname -m)
	make_quiet tarball
	tar -C "$BATS_TEST_TMPDIR" -xf "$TOP/build/$name.tar.xz"
	assert_equal "$(files_in "$BATS_TEST_TMPDIR/$name" | grep -v share/doc/tcpwhy/LICENSE)" "$EXPECTED"
	[ -s "$BATS_TEST_TMPDIR/$name/share/doc/tcpwhy/LICENSE" ] || fail "no LICENSE"
	assert_equal "$("$BATS_TEST_TMPDIR/$name/sbin/tcpwhy" --version)" "$("$TCPWHY" --version)"
}
