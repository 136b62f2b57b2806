#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The unit or the container of a process, by the cgroup that it is in.

load lib

ID=3f2a9c1b7d4e8f60123456789abcdef0123456789abcdef0123456789abcdef0

setup() {
	make_netns
	CGROUPS=$(findmnt -fnt cgroup2 -o TARGET) || skip "no cgroup2 is mounted"
	TREE=$CGROUPS/tcpwhy-test-$$-$BATS_TEST_NUMBER
}

teardown() {
	kill_tcpwhy
	remove_netns
	remove_groups
}

remove_groups() {
	[ -z "${TREE-}" ] || find "$TREE" -depth -type d -exec rmdir {} + 2>/dev/null || true
}

# group PATH : makes it, and says where it is
group() {
	mkdir -p "$TREE/$1"
	echo "$TREE/$1"
}

# One process in the first group aborts a connection, and another in the second one holds its dead end, until this is told
# or, with a third argument, not at all.
abort_between() {
	# not "ip netns exec": that hides the cgroups
	nsenter --net="/run/netns/$NETNS" $PYTHON - "$1" "$2" "$OUT" "${3-}" <<-END
		import os, socket, struct, sys, time

		def enter(group):
		    with open(group + "/cgroup.procs", "w") as procs:
		        procs.write("0")

		def told():
		    return "peer-aborted  " in open(sys.argv[3]).read()

		listener = socket.create_server(("127.0.0.1", 7200))
		if not os.fork():
		    enter(sys.argv[2])
		    near = socket.create_connection(("127.0.0.1", 7200))
		    while near.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != 7:      # TCP_CLOSE
		        time.sleep(0.001)
		    end = time.monotonic() + 20
		    while not sys.argv[4] and not told() and time.monotonic() < end:
		        time.sleep(0.01)
		    sys.exit()
		enter(sys.argv[1])
		far, _ = listener.accept()
		far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
		far.close()
		os.wait()
	END
}

# What follows the words of the verdict, without PIDs.
homes() {
	sed -nE "s/^[^ ]+ +($1) .* after [^;]* of silence(; [0-9]+ bytes sent and acknowledged, [0-9]+ received)?//p" "$OUT" |
		sed -E 's/\[[0-9]+\]//'
}

@test "the unit and the container of both ends are said" {
	start_tcpwhy -P 7200
	abort_between "$(group system.slice/web.service)" "$(group docker/$ID)"
	stop_tcpwhy
	run homes linger-zero
	assert_output "; unit web.service; other end: python3 peer-aborted, container 3f2a9c1b7d4e"
	run homes peer-aborted
	assert_output "; container 3f2a9c1b7d4e; other end: python3 linger-zero, unit web.service"
}

@test "a plain group is not worth a word" {
	start_tcpwhy -P 7200
	abort_between "$(group user.slice/session-3.scope)" "$(group limited)"
	stop_tcpwhy
	run homes linger-zero
	assert_output "; other end: python3 peer-aborted"
}

@test "a unit is known that is gone when its line is written" {
	local web worker
	web=$(group system.slice/web.service) worker=$(group system.slice/worker.service)
	start_tcpwhy -P 7200
	wait_for 20 has poll "/proc/$WATCHER/stack" # it has learnt which groups there are
	pause "$WATCHER"
	abort_between "$web" "$worker" at-once
	remove_groups
	assert [ ! -e "$TREE" ]
	kill -CONT "$WATCHER"
	stop_tcpwhy
	run homes linger-zero
	assert_output "; unit web.service; other end: python3 peer-aborted, unit worker.service"
}

@test "a hostile name is escaped" {
	start_tcpwhy -P 7200
	abort_between "$(group $'\033[31m  red.service')" "$(group limited)"
	stop_tcpwhy
	run homes linger-zero
	assert_output "; unit \\x1b[31m\\x20\\x20red.service; other end: python3 peer-aborted"
}
