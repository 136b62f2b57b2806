# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# An apt of our own, which knows other suites or another architecture than this machine's and nothing of this machine's
# state: for packages that are unpacked and never installed. The mirrors' addresses are those that this machine's apt
# has. To be sourced; the caller has die(), and in private_apt_at the directory of this apt.

# "SUITE CODENAME URI" of what this machine's apt has of Debian
mirrors()
{
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(RELEASE) $(CODENAME) $(REPO_URI) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' |
		awk '$4 == "main" && $5 == "Debian" { print $1, $2, $3 }' | sort -u
}

# Lines for sources.list: of any suites. Those of -security have a mirror of their own.
sources_of_suites()
{
	local suite
	for suite; do
		mirrors | awk -v suite="$suite" '($2 ~ /-security$/) == (suite ~ /-security$/) { print "deb", $3, suite, "main" }' |
			sed -n 1p
	done
}

# Lines for sources.list: the suites of this machine's own release.
sources_of_this_release()
{
	local codename
	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
	mirrors | awk -v ours="$codename" '$2 == ours || $2 == ours "-updates" || $2 == ours "-security" {
		print "deb", $3, $1, "main" }'
}

# configure_apt ARCHITECTURE SOURCES
configure_apt()
{
	local at=${private_apt_at:?}
	command -v apt-get >/dev/null || die 'no apt-get here to find packages with'
	[[ -n $2 ]] || die 'apt here knows no source of Debian (before apt-get update it does not)'
	mkdir -p "$at"/{lists,cache/archives}/partial
	printf '%s\n' "$2" >"$at/sources.list"
	: >"$at/status"
	cat >"$at/apt.conf" <<-END
		Dir::Etc::sourcelist "$at/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::State "$at";
		Dir::State::status "$at/status";
		Dir::Cache "$at/cache";
		APT::Architecture "$1";
		APT::Architectures "$1";
		APT::Sandbox::User "root";
		Acquire::Languages "none";
		Acquire::Retries "3";
	END
}

# private_apt COMMAND... : apt-get or apt-cache, as configured
private_apt()
{
	APT_CONFIG=$private_apt_at/apt.conf "$@"
}

# unpack_into TREE DEB... : as in a Debian whose /bin, /lib and /sbin are links into /usr
unpack_into()
{
	local tree=$1 deb directory
	shift
	for directory in bin lib sbin; do
		mkdir -p "$tree/usr/$directory"
		[[ -L $tree/$directory ]] || ln -s "usr/$directory" "$tree/$directory"
	done
	for deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$tree"
	done
}
