#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Installs what building or testing tcpwhy takes, from Debian's packages, and says nothing when all is there. Servers
# that only the tests use are neither started nor enabled.
#
# Exit status: 1 apt failed, 2 usage, 3 this user or system cannot.

set -eu

build='gcc make clang llvm libbpf-dev libelf-dev libdw-dev liblzma-dev libstdc++-12-dev libjson-c-dev libmicrohttpd-dev libncurses-dev zlib1g-dev libc6-dev bpftool
ncurses-bin pkg-config'
install='scdoc xz-utils'
deb='debhelper faketime lintian'
demo='iproute2 nftables python3'
test='g++ bats bats-assert bats-support libcmocka-dev iproute2 jq nftables procps util-linux python3 python3-jsonschema python3-prometheus-client redis-server
prometheus python3-yaml libcap2-bin strace tmux shellcheck clang-format clang-tidy codespell cppcheck zsh fish'
real='bats bats-assert bats-support curl default-jdk-headless golang-github-go-sql-driver-mysql-dev golang-go haproxy hping3 iproute2
mariadb-client mariadb-server nftables nginx-light nodejs procps prometheus python3 redis-server redis-tools util-linux'
bench='iproute2 python3 libbpf-tools bpftrace bpfcc-tools util-linux coreutils' # coreutils: stdbuf
fuzz='libclang-rt-14-dev'
valgrind='valgrind libc6-dbg curl'
vm='busybox-static cpio kmod qemu-system-x86 xz-utils zstd' # virtiofsd comes with qemu-system-common
# To build for arm64, and to run it in qemu. If this machine is one, its own compiler will do, and the guest has its root.
arm64='gcc-aarch64-linux-gnu libc6-dev-arm64-cross libstdc++-12-dev-arm64-cross'
vm_arm64='cpio kmod qemu-system-arm qemu-system-common xz-utils zstd'
[ "$(uname -m)" != aarch64 ] || arm64='' vm_arm64="$vm_arm64 busybox-static $test"

policy=/usr/sbin/policy-rc.d # asked by package scripts before they start a service: invoke-rc.d(8)
own_policy=
log=

say()
{
	printf 'setup: %s\n' "$*" >&2
}

# Those of the named packages that are not installed.
missing()
{
	# dpkg-query fails as soon as it does not know one of them
	# shellcheck disable=SC2016
	known=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null) || :
	for package; do
		printf '%s\n' "$known" | grep -qxF "$package installed" || printf '%s ' "$package"
	done
}

cleanup()
{
	[ -z "$own_policy" ] || rm -f "$policy"
	[ -z "$log" ] || rm -f "$log"
}

# Runs apt-get without questions; shows what it said only if it fails.
apt()
{
	# needrestart would restart services of its own accord
	if ! DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
		apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1 </dev/null; then
		cat "$log" >&2
		say "apt-get $1 failed"
		exit 1
	fi
}

install()
{
	log=$(mktemp)
	if [ ! -e "$policy" ]; then
		own_policy=yes
		printf '#!/bin/sh\nexit 101\n' >"$policy" # 101: action forbidden
		chmod 755 "$policy"
	fi
	apt update
	apt install -y --no-install-recommends "$@"
	! command -v systemctl >/dev/null || for package; do
		case $package in
		haproxy | prometheus | redis-server) unit=$package ;;
		mariadb-server) unit=mariadb ;;
		nginx-light) unit=nginx ;;
		*) continue ;;
		esac
		systemctl --quiet disable "$unit" >"$log" 2>&1 || :
	done
}

case "${1-} $#" in
'build 1') wanted=$build ;;
'install 1') wanted="$build $install" ;;
'deb 1') wanted="$build $install $deb" ;;
'demo 1') wanted="$build $demo" ;;
'test 1') wanted="$build $install $test" ;;
'real 1') wanted="$build $real" ;;
'fuzz 1') wanted="$build $fuzz" ;;
'valgrind 1') wanted="$build $install $test $valgrind" ;;
'bench 1') wanted="$build $bench" ;;
'vm 1') wanted="$build $install $test $vm" ;;
'arm64 1') wanted="$build $arm64" ;;
'vm-arm64 1') wanted="$build $arm64 $vm_arm64" ;;
*)
	echo 'usage: tools/setup.sh build|install|deb|demo|test|real|fuzz|valgrind|bench|vm|arm64|vm-arm64' >&2
	exit 2
	;;
esac

# shellcheck disable=SC2046,SC2086 # they are words
set -- "$1" $(missing $wanted)
for_what=$1
shift
[ $# -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
	say "no apt-get here; to $for_what, install what Debian calls: $*"
	exit 3
fi
if [ "$(id -u)" != 0 ]; then
	say "to $for_what, packages are missing; as root: apt-get install --no-install-recommends $*"
	exit 3
fi

trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
say "installing, to $for_what: $*"
install "$@"
