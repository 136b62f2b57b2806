#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Process 1 of the guest that tools/vm starts, twice: in the initramfs, where busybox is all there is, and then in the
# machine's own root file system, which it has mounted over virtiofs beneath a tmpfs. What it is told and what it tells
# is in /run/vm, the directory shared with the outside. Where the kernel has no modules, all is in the initramfs, and what
# it tells are serial ports.

fail()
{
	echo "vm-guest: $*" >/dev/console
	leave
}

# Straight away: nothing in here is to be kept. qemu ends when the machine restarts.
leave()
{
	sync
	echo 1 >/proc/sys/kernel/sysrq
	echo b >/proc/sysrq-trigger
	sleep 60
}

mount_kernel()
{
	mount -t proc proc /proc
	mount -t sysfs sysfs /sys
	mount -t devtmpfs devtmpfs /dev
}

first()
{
	/bin/busybox --install -s /bin
	mount_kernel
	while read -r module; do
		insmod "/modules/$module" || fail "cannot load $module"
	done </modules/order

	mount -t virtiofs -o ro root /lower || fail 'cannot mount the root file system'
	mount -t tmpfs -o size=60% tmpfs /upper
	mkdir /upper/changes /upper/work
	mount -t overlay -o lowerdir=/lower,upperdir=/upper/changes,workdir=/upper/work overlay /newroot ||
		fail 'cannot mount the overlay'
	mount -t tmpfs -o mode=755 tmpfs /newroot/run
	mkdir /newroot/run/vm
	mount -t virtiofs exchange /newroot/run/vm || fail 'cannot mount the shared directory'
	cp /init /newroot/run/vm-guest.sh
	mount --move /proc /newroot/proc
	mount --move /sys /newroot/sys
	mount --move /dev /newroot/dev
	exec switch_root /newroot /bin/sh /run/vm-guest.sh second
}

alone()
{
	port=1
	mount_kernel
	for name in output status up; do
		stty -F /dev/ttyS$port raw
		ln -s /dev/ttyS$port /run/vm/$name
		port=$((port + 1))
	done
	second
}

mounts()
{
	ln -s /proc/self/fd /dev/fd
	ln -s fd/0 /dev/stdin
	ln -s fd/1 /dev/stdout
	ln -s fd/2 /dev/stderr
	mkdir -p /dev/pts /dev/shm
	mount -t devpts devpts /dev/pts
	mount -t tmpfs -o mode=1777 tmpfs /dev/shm
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	mount -t bpf bpf /sys/fs/bpf
	mount -t tracefs tracefs /sys/kernel/tracing
	mount -t debugfs debugfs /sys/kernel/debug
	# shellcheck disable=SC2154
	if [ -n "$modules" ]; then
		mkdir -p "/lib/modules/$(uname -r)"
		mount --bind "$modules" "/lib/modules/$(uname -r)"
	fi
}

# The kernel would load them when they are asked for, but slowly, while a test waits. Not every kernel has them all.
load_modules()
{
	modprobe -qa veth sch_netem nf_tables nft_ct nft_reject_inet nft_reject_ipv4 tcp_diag inet_diag mptcp_diag ||
		:
}

# As a kernel that was built without BTF: what is outside takes it from the memory. A copy stays in /run/vm/btf.
lose_btf()
{
	cp /sys/kernel/btf/vmlinux /run/vm/btf
	grep -E ' (btf_vmlinux|bpf_ctx_convert|btf_parse_vmlinux)$' /proc/kallsyms >/run/vm/symbols.new
	mv /run/vm/symbols.new /run/vm/symbols
	until [ -e /run/vm/without-btf ]; do
		sleep 0.1
	done
	mount -t tmpfs tmpfs /sys/kernel/btf
}

second()
{
	export PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin HOME=/root LANG=C.UTF-8 TERM=dumb
	# shellcheck source=/dev/null
	. /run/vm/where # sets top, modules, console, program, without_btf
	mounts
	load_modules
	ip link set lo up
	# the one of this architecture, in this machine's place; the overlay keeps it in here
	# shellcheck disable=SC2154
	[ -z "$program" ] || cp -f "$top/$program" "$top/tcpwhy"
	[ -z "$without_btf" ] || lose_btf
	uname -r >/run/vm/up
	case " $(cat /proc/cmdline) " in
	*' vm=shell '*)
		# shellcheck disable=SC2154
		cd "$top" && setsid -c bash -i <"/dev/$console" >"/dev/$console" 2>&1
		;;
	*)
		bash /run/vm/command </dev/null >>/run/vm/output 2>&1
		echo $? >/run/vm/status
		;;
	esac
	leave
}

case ${1-} in
second) second ;;
*) if [ -e /run/vm/where ]; then alone; else first; fi ;;
esac
