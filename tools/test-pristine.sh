#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Proves that two commands are enough on a fresh Debian 12: makes one with debootstrap, clones HEAD into it and runs
# `make run ARGS='-d 2'` and `make test` there. Exits with 0 only if both do. With -p it installs a package instead, and
# the tree has nothing else: no compiler, no git.
#
# The script starts itself once more in a mount namespace of its own and mounts only there. So the outer one, which
# removes the tree, sees no mount in it, and nothing stays mounted however this ends. The kernel, the network and the
# process ids are the host's: a tracer must see them as they are.

set -euo pipefail
shopt -s inherit_errexit

suite=bookworm
include=git,make,ca-certificates
source=/root/tcpwhy

usage()
{
	cat <<-END
		usage: tools/test-pristine.sh [-k] [-p PACKAGE] [-c COMMAND]...
		  -k          keep the tree, and say where it is
		  -p PACKAGE  a .deb to be installed in place of a clone of HEAD
		  -c COMMAND  run this instead of 'make run' and 'make test'
	END
}

say()
{
	printf 'pristine: %s\n' "$*" >&2
}

die()
{
	say "$*"
	exit 1
}

# Runs a command quietly; what it said is shown if it fails.
quietly()
{
	if ! "$@" >"$dir/log" 2>&1 </dev/null; then
		tail -n 40 "$dir/log" >&2
		die "failed: $1"
	fi
}

# ------------------------------------------------------------------------------------------- outside: make and remove

# The parts of Debian that this machine's apt uses: "URI RELEASE CODENAME COMPONENT", a line each.
sources()
{
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(CODENAME) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' |
		awk -v suite="$suite" '$5 == "Debian" && ($3 == suite || $3 == suite "-updates" || $3 == suite "-security") {
			print $1, $2, $3, $4
		}' | sort -u
}

prepare()
{
	[[ $(id -u) == 0 ]] || die 'must be root, to make a root file system'
	command -v apt-get >/dev/null || die 'needs a Debian 12 to take the package sources from: no apt-get here'
	[[ -n $(sources) ]] || quietly apt-get -qq update
	[[ -n $(sources) ]] || die "apt here has no source of Debian $suite"
	if ! command -v debootstrap >/dev/null; then
		say 'installing debootstrap'
		quietly apt-get -qq update
		quietly env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends debootstrap
	fi

	if [[ -n $package ]]; then
		cp "$package" "$dir/package.deb" || die "no package: $package"
		return
	fi
	local repo branch refs
	repo=$(cd "$(dirname "$0")" && git rev-parse --show-toplevel) || die 'not in a git repository'
	refs=(HEAD)
	! branch=$(git -C "$repo" symbolic-ref -q HEAD) || refs+=("$branch")
	[[ -z $(git -C "$repo" status --porcelain) ]] || say 'note: HEAD is tested, without the changes not yet committed'
	quietly git -C "$repo" bundle create "$dir/bundle" "${refs[@]}"
}

outside()
{
	local status=0
	dir=$(mktemp -d "${TMPDIR:-/var/tmp}/pristine.XXXXXX")
	chmod 755 "$dir"
	trap remove EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	prepare
	unshare --mount --propagation private -- "$0" --inside "$dir" "$@" || status=$?
	return $status
}

remove()
{
	cd /
	if ((keep)); then
		say "kept: $dir"
	elif grep -qF " $dir/" /proc/self/mountinfo; then
		say "something is mounted in $dir: not removed"
	else
		rm -rf --one-file-system "$dir"
	fi
}

# ---------------------------------------------------------------------------------------------- inside: fill and run

bootstrap()
{
	local mirror
	mirror=$(sources | awk -v suite="$suite" '$3 == suite && $4 == "main" { print $1; exit }')
	[[ -n $mirror ]] || die "apt here has no source of $suite main"
	[[ ! -e $dir/package.deb ]] || include=ca-certificates
	quietly debootstrap --variant=minbase --include="$include" "$suite" "$root" "$mirror"

	sources | awk '{ print "deb", $1, $2, $4 }' >"$root/etc/apt/sources.list"
	# how to get there is the network's matter, not Debian's
	apt-config dump | grep -E '^Acquire::(Check-|Retries|https?::([^ ]+::)?(Proxy|Verify|CaInfo) )' \
		>"$root/etc/apt/apt.conf.d/90host" || :
	cp --dereference /etc/resolv.conf /etc/hosts "$root/etc/"
}

mounts()
{
	mount --bind "$root" "$root" # `ip netns exec` wants / to be a mount point
	mount -t proc proc "$root/proc"
	mount --rbind /sys "$root/sys"
	mount --rbind /dev "$root/dev"
	mount -t tmpfs -o mode=755 tmpfs "$root/run"
	mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
}

# What has been left running in the tree.
stop_leftovers()
{
	local p
	for p in /proc/[0-9]*; do
		if [[ $(readlink "$p/root") == "$root" ]]; then
			kill -KILL "${p#/proc/}" || :
		fi
	done 2>/dev/null
}

enter()
{
	local name environment=(HOME=/root LANG=C.UTF-8 "TERM=${TERM:-dumb}"
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
	for name in {http,https,ftp,no}_proxy {HTTP,HTTPS,FTP,NO}_PROXY; do
		[[ -z ${!name-} ]] || environment+=("$name=${!name}")
	done
	env -i "${environment[@]}" chroot "$root" /bin/sh -c "$1"
}

inside()
{
	local command status=0 since
	dir=$1 root=$1/root
	shift
	mkdir "$root"
	trap stop_leftovers EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM

	since=$SECONDS
	bootstrap
	mounts
	if [[ -e $dir/package.deb ]]; then
		cp "$dir/package.deb" "$root/tmp/"
		quietly enter 'dpkg -i /tmp/package.deb'
		source=/
	else
		cp "$dir/bundle" "$root/tmp/bundle"
		quietly enter "git clone -q /tmp/bundle $source"
	fi
	say "a fresh Debian $(<"$root/etc/debian_version") took $((SECONDS - since)) s"

	for command; do
		since=$SECONDS
		say "$ $command"
		if enter "cd $source && { $command"$'\n}'; then
			say "ok, $((SECONDS - since)) s: $command"
		else
			say "FAILED ($?), $((SECONDS - since)) s: $command"
			status=1
		fi
	done
	return $status
}

# -------------------------------------------------------------------------------------------------------------- main

if [[ ${1-} == --inside ]]; then
	shift
	inside "$@"
	exit
fi

keep=0
package=
commands=()
while getopts kp:c:h option; do
	case $option in
	k) keep=1 ;;
	p) package=$OPTARG ;;
	c) commands+=("$OPTARG") ;;
	h)
		usage
		exit 0
		;;
	*)
		usage >&2
		exit 2
		;;
	esac
done
shift $((OPTIND - 1))
if (($#)); then
	usage >&2
	exit 2
fi
((${#commands[@]})) || [[ -n $package ]] || commands=("make run ARGS='-d 2'" 'make test')
outside "${commands[@]}"
