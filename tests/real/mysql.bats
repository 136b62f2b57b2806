#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# S2: a Go service with a pool, and a MariaDB that ends its idle connections.

load lib

setup_file() {
	build_client
}

setup() {
	need mariadbd mariadb go
	make_hosts client server
	start_mariadb server
	DSN="root@tcp(10.77.1.2:$PORT)/"
}

teardown() {
	kill_tcpwhy
	remove_hosts
}

# start_service PARAMETERS : with one connection in its pool, idle
start_service() {
	start_fed SERVICE client "$CLIENT" mysql "$DSN$1"
	feed SERVICE 'SELECT "first"'
	says SERVICE 'ok: first'
	wait_sockets 1 server established "( sport = :$PORT )"
}

# The administrator's KILL of the service's connection.
kill_connection() {
	sql server "KILL $(sql server "SELECT id FROM information_schema.processlist WHERE command = 'Sleep'")"
}

# MariaDB ends idle connections with SO_LINGER 0: the RST comes at once, and the pool holds a dead connection.
@test "S2: wait_timeout ends an idle connection of the pool" {
	sql server 'SET GLOBAL wait_timeout = 2'
	start_service
	watch
	wait_sockets 0 server established "( sport = :$PORT )"
	sleep 0.5
	feed SERVICE 'SELECT "again"' # the driver looks before it writes, and connects anew
	says SERVICE 'ok: again'
	assert_seen <<-END
		linger-zero  mariadbd[$MARIADB]  10.77.1.2:$PORT -> 10.77.1.1:any  aborted with SO_LINGER 0 after @(1.9?|2.0?) s of silence
		& peer-aborted  go-client[$SERVICE]  10.77.1.1:any -> 10.77.1.2:$PORT  RST by a living socket in ESTABLISHED after 2.0? s of silence; # bytes sent and acknowledged, # received
	END
	assert_regex "$(remedy peer-aborted)" 'MySQL/MariaDB closes after 2\.0. s without a query \(wait_timeout\): Go: db.SetConnMaxIdleTime\(1600\*time.Millisecond\)'
	assert_regex "$(remedy linger-zero)" 'MySQL/MariaDB aborted it after (1\.9|2\.0). s without a query'
}

@test "S2: wait_timeout, and a driver that does not look" {
	sql server 'SET GLOBAL wait_timeout = 2'
	start_service '?checkConnLiveness=false'
	watch
	wait_sockets 0 server established "( sport = :$PORT )"
	sleep 0.5
	feed SERVICE 'SELECT "again"'
	says SERVICE 'ok: again' # the connection is known to be dead: database/sql tries another
	assert_seen <<-END
		linger-zero  mariadbd[$MARIADB]  10.77.1.2:$PORT -> 10.77.1.1:any  aborted with SO_LINGER 0 after @(1.9?|2.0?) s of silence
		& peer-aborted  go-client[$SERVICE]  10.77.1.1:any -> 10.77.1.2:$PORT  RST by a living socket in ESTABLISHED after 2.0? s of silence; # bytes sent and acknowledged, # received
	END
}

# After KILL there is a FIN. The driver finds it before it writes, and says goodbye to nobody: the five bytes are COM_QUIT.
@test "S2: KILL, and the service uses the connection again" {
	start_service
	watch
	kill_connection
	wait_sockets 0 server established "( sport = :$PORT )"
	sleep 0.5
	feed SERVICE 'SELECT "again"'
	says SERVICE 'ok: again'
	assert_seen <<-END
		half-closed-reuse  go-client[$SERVICE]  10.77.1.1:any -> 10.77.1.2:$PORT  peer @(had closed|closed after #.# s of silence); wrote 5 bytes @([5-9]?? ms|[12].?? s) later, answered by RST
		& late-data-time-wait  mariadbd[$MARIADB]  10.77.1.2:$PORT -> 10.77.1.1:any  RST sent in answer to 5 bytes; closed @(# ms|#.# s) before@(|, after #.# s of silence)
	END
}

# This is what the write-ups found in their logs.
@test "S2: KILL, and a driver that does not look" {
	start_service '?checkConnLiveness=false'
	watch
	kill_connection
	wait_sockets 0 server established "( sport = :$PORT )"
	sleep 2
	feed SERVICE 'SELECT "again"'
	says SERVICE 'unexpected EOF'
	says SERVICE 'error: invalid connection'
	assert_seen <<-END
		half-closed-reuse  go-client[$SERVICE]  10.77.1.1:any -> 10.77.1.2:$PORT  peer @(had closed|closed after #.# s of silence); wrote 19 bytes 2.?? s later, answered by RST
		& late-data-time-wait  mariadbd[$MARIADB]  10.77.1.2:$PORT -> 10.77.1.1:any  RST sent in answer to 19 bytes; closed @(# ms|#.# s) before@(|, after #.# s of silence)
	END
}
