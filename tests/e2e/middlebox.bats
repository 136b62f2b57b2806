#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# client -- middle -- server: a router in the middle ends connections in the server's name.

load lib

setup() {
	NETNS=tcpwhy-test-$$-$BATS_TEST_NUMBER
	MIDDLE=$NETNS-middle SERVER=$NETNS-server
	ip netns add "$NETNS"
	ip netns add "$MIDDLE"
	ip netns add "$SERVER"
	connect "$NETNS" 10.1.0.2 10.1.0.1
	connect "$SERVER" 10.2.0.2 10.2.0.1
	ip netns exec "$MIDDLE" sysctl -qw net.ipv4.ip_forward=1
	for ns in "$NETNS" "$SERVER"; do
		ip netns exec "$ns" sysctl -qw net.ipv4.tcp_orphan_retries=2
	done
}

# connect NETNS ADDRESS MIDDLE-ADDRESS : by a veth pair to the middle, which is the default route
connect() {
	local link=v${2//./}
	ip -n "$1" link add name near type veth peer name "$link" netns "$MIDDLE"
	ip -n "$1" addr add "$2/24" dev near
	ip -n "$1" link set near up
	ip -n "$1" link set lo up
	ip -n "$MIDDLE" addr add "$3/24" dev "$link"
	ip -n "$MIDDLE" link set "$link" up
	ip -n "$1" route add default via "$3"
}

teardown() {
	kill_tcpwhy
	ip netns exec "$MIDDLE" nft flush ruleset 2>/dev/null || true
	for ns in "$SERVER" "$NETNS"; do
		ip netns pids "$ns" 2>/dev/null | xargs -r kill -KILL
	done
	for ns in "$SERVER" "$NETNS"; do
		wait_for 3 is_quiet "$ns" || true
	done
	for ns in "$NETNS" "$SERVER" "$MIDDLE"; do
		ip netns del "$ns" 2>/dev/null || true
	done
}

# serve : answers every line with "ok", for as long as the client stays
serve() {
	ip netns exec "$SERVER" $PYTHON -c '
import socket, threading
listener = socket.create_server(("10.2.0.2", 7100), backlog=100)
def answer(c):
    try:
        while c.recv(100):
            c.sendall(b"ok")
    except OSError:
        pass
while True:
    threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
' 3>&- &
	disown
	wait_for 30 eval "ip netns exec '$SERVER' ss -Hltn sport = 7100 | grep -q 7100"
}

# N connections speak, the middle begins to reject, they speak again. The client says for how many ms they were silent, at
# least and at most.
start_client() {
	mkfifo "$BATS_TEST_TMPDIR/go"
	ip netns exec "$NETNS" $PYTHON -c '
import socket, sys, time
clients = [socket.create_connection(("10.2.0.2", 7100)) for _ in range(int(sys.argv[1]))]
def now():
    return int(time.monotonic() * 1000)
first = now()
for c in clients:
    c.sendall(b"hello")
    assert c.recv(2) == b"ok"
last = now()
print("ready", flush=True)
sys.stdin.readline()
least = now() - last
for c in clients:
    c.sendall(b"again")
for c in clients:
    try:
        c.recv(2)
    except ConnectionResetError:
        pass
print("reset", least, now() - first, flush=True)
' $N <"$BATS_TEST_TMPDIR/go" >"$BATS_TEST_TMPDIR/client" 3>&- &
	disown
	exec {GO}>"$BATS_TEST_TMPDIR/go"
}

reject() {
	ip netns exec "$MIDDLE" nft -f - <<-END
		table inet fw {
			chain forward {
				type filter hook forward priority 0
				ip saddr 10.1.0.2 tcp dport 7100 reject with tcp reset
			}
		}
	END
}

reset_in_the_middle() {
	serve
	start_tcpwhy "$@" -P 7100
	start_client
	wait_for 30 has ready "$BATS_TEST_TMPDIR/client"
	sleep 0.3
	reject
	echo go >&"$GO"
	wait_for 30 has reset "$BATS_TEST_TMPDIR/client"
	stop_tcpwhy
	# under -e the client's recv() is reported too
	assert_equal "$(said_by_lines | grep -v '^call-failed')" "peer-forgot	python3	$N"
}

@test "a connection that a firewall resets is peer-forgot, with the silence before" {
	reset_in_the_middle
	local least most
	read -r _ least most < <(grep reset "$BATS_TEST_TMPDIR/client")
	assert [ "$least" -ge 300 ]
	run sed -nE 's/.*RST by no living socket in ESTABLISHED after ([0-9.]+ m?s) of silence, 5 bytes unacknowledged.*/\1/p' "$OUT"
	assert_equal "${#lines[@]}" $N
	# in ticks of 4 ms, or in hundredths of a second
	assert_equal "$(awk -v least="$least" -v most="$most" '{ ms = $2 == "ms" ? $1 : $1 * 1000 }
		ms < least - 11 || ms > most + 5 { print $0 " is not from " least " to " most " ms" }' <<<"$output")" ""
	assert_equal "$(grep -c TTL "$OUT")" 0
}

@test "with -e the TTL shows that the RST was made on the way" {
	reset_in_the_middle -e
	assert_equal "$(grep -c 'the RST came with TTL 64, the connection.s segments with 63: something between made it$' "$OUT")" $N
}

@test "with -e an RST of the peer itself shows no other TTL" {
	serve
	start_tcpwhy -e -P 7100
	start_client
	wait_for 30 has ready "$BATS_TEST_TMPDIR/client"
	ip netns exec "$SERVER" ss -Ktn sport = 7100 >/dev/null
	sleep 0.2
	stop_tcpwhy
	assert_equal "$(said_by_lines)" "destroyed	python3	$N
peer-aborted	python3	$N"
	assert_equal "$(grep -c TTL "$OUT")" 0
}
