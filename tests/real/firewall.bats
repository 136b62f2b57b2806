#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# S3c: a firewall between client and server forgets an idle connection after 2 s.

load lib

setup() {
	need redis-server
	make_hosts client firewall server
	on client ip route add 10.77.2.0/24 via 10.77.1.2
	on server ip route add 10.77.1.0/24 via 10.77.2.1
	# what conntrack did not see from the start is not taken up
	on firewall sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_established=2 net.netfilter.nf_conntrack_tcp_loose=0 ||
		skip "no conntrack in this kernel"
	start_redis server
}

teardown() {
	kill_tcpwhy
	remove_hosts
}

# firewall VERDICT : for what is neither new nor known
firewall() {
	on firewall nft -f - <<-END
		table ip real {
			chain through {
				type filter hook forward priority 0
				ct state established,related accept
				tcp flags & (fin | syn | rst | ack) == syn accept
				counter $1
			}
		}
	END
}

start_client() {
	start_fed CLIENT client redis-cli -h 10.77.2.2 -p "$PORT"
	feed CLIENT ping
	says CLIENT PONG
}

@test "S3c: it drops what it forgot" {
	firewall drop
	on client sysctl -qw net.ipv4.tcp_retries2=2
	local began=$SECONDS most
	start_client
	watch
	sleep 3.5
	feed CLIENT ping
	most=$((SECONDS - began + 1))
	says CLIENT Error
	assert_seen <<-END
		retransmit-timeout  redis-cli[$CLIENT]  10.77.1.1:any -> 10.77.2.2:$PORT  14 bytes unacknowledged after [23] retransmissions, peer last heard #.# s ago, written after about @($(seq -s "|" 4 $most)) s of silence, tcp_retries2 2
	END
}

@test "S3c: it answers with RST" {
	firewall 'reject with tcp reset'
	start_client
	watch -e # the TTL of segments is looked at
	feed CLIENT ping
	wait_for 30 has_two_answers
	sleep 3.5
	feed CLIENT ping
	says CLIENT Error
	assert_seen <<-END
		peer-forgot  redis-cli[$CLIENT]  10.77.1.1:any -> 10.77.2.2:$PORT  RST by no living socket in ESTABLISHED after 3.[5-9]? s of silence, 14 bytes unacknowledged; # bytes sent and acknowledged, # received; the RST came with TTL 64, the connection's segments with 63: something between made it
		call-failed  redis-cli[$CLIENT]  10.77.1.1:any -> 10.77.2.2:$PORT  receive gave ECONNRESET in CLOSE
	END
}

has_two_answers() {
	[ "$(grep -c PONG "$BATS_TEST_TMPDIR/CLIENT.log")" = 2 ]
}

# The other way round: redis answers after 3.5 s.
@test "S3c: it answers the server's data with RST" {
	firewall 'reject with tcp reset'
	start_client
	watch -e # the TTL of segments is looked at
	feed CLIENT ping
	wait_for 30 has_two_answers
	feed CLIENT 'blpop nothing 3.5'
	wait_for 30 sockets_are 0 server established "( sport = :$PORT )"
	assert_seen <<-END
		peer-forgot  redis-server[$REDIS]  10.77.2.2:$PORT -> 10.77.1.1:any  RST by no living socket in ESTABLISHED after 3.[5-9]? s of silence, 5 bytes unacknowledged; # bytes sent and acknowledged, # received; the RST came with TTL 64, the connection's segments with 63: something between made it
		call-failed  redis-server[$REDIS]  10.77.2.2:$PORT -> 10.77.1.1:any  receive gave ECONNRESET in CLOSE
	END
}
