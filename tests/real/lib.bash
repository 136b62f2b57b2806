# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the tests on real software have in common: hosts (network namespaces) joined by veth pairs,
# servers started in them, packets lost on the way in, and a comparison with what tcpwhy said.

load ../e2e/lib.bash

# Below the range of local ports, and another for each run: tcpwhy sees the whole host, -P only the test's own.
PORT=$((20000 + (BASHPID * 8 + BATS_TEST_NUMBER) % 12000))

# For Go without network: the driver is Debian's, the cache is kept between runs.
export GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$TOP/build/go-cache GOFLAGS=-buildvcs=false

# need COMMAND... : the test is skipped where Debian's package of it is not there
need() {
	local command
	for command; do
		command -v "$command" >/dev/null || skip "no $command: make test-real installs it"
	done
}

# ---- hosts ---------------------------------------------------------------------------------------

# make_hosts NAME NAME... : a row of hosts, each joined to the next. Between the first and the second the net is
# 10.77.1.0/24, between the second and the third 10.77.2.0/24; the left end has .1, the right one .2.
make_hosts() {
	local name i=0 left=
	trace_tests_only
	start_pulse # of the machine: time-outs of real servers are read off to hundredths of a second
	HOSTS=()
	for name; do
		ip netns add "$(netns "$name")"
		HOSTS+=("$name")
		on "$name" ip link set lo up
		# what died must not live on for minutes; nor may an IPv6 neighbour search disturb
		on "$name" sysctl -qw net.ipv4.tcp_orphan_retries=2 net.ipv6.conf.all.disable_ipv6=1 \
			net.ipv4.ip_forward=1 net.ipv4.icmp_ratemask=0
		[ -z "$left" ] || join "$left" "$name" $((++i))
		left=$name
	done
}

join() {
	ip link add "right$3" netns "$(netns "$1")" type veth peer name "left$3" netns "$(netns "$2")"
	on "$1" ip addr add "10.77.$3.1/24" dev "right$3"
	on "$2" ip addr add "10.77.$3.2/24" dev "left$3"
	on "$1" ip link set "right$3" up
	on "$2" ip link set "left$3" up
}

netns() {
	echo "tcpwhy-real-$$-$BATS_TEST_NUMBER-$1"
}

# on HOST COMMAND...
on() {
	ip netns exec "$(netns "$1")" "${@:2}"
}

# Whatever still runs on the hosts was started by this test.
remove_hosts() {
	local name pids
	stop_pulse
	for name in "${HOSTS[@]}"; do
		pids=$(ip netns pids "$(netns "$name")" 2>/dev/null) || continue
		# shellcheck disable=SC2086
		[ -z "$pids" ] || kill -KILL $pids 2>/dev/null || true
	done
	for name in "${HOSTS[@]}"; do
		ip netns del "$(netns "$name")" 2>/dev/null || true
	done
	HOSTS=()
}

# rules HOST RULE... : what the host does with packets that come in; none: all are let in
rules() {
	{
		echo "table ip real"
		echo "delete table ip real"
		echo "table ip real {"
		echo "chain in { type filter hook input priority 0"
		printf '%s\n' "${@:2}"
		echo "}"
		echo "}"
	} | on "$1" nft -f -
}

# The count of packets that matched rules with a counter.
counted() {
	on "$1" nft list table ip real | sed -n 's/.*counter packets \([0-9]*\) .*/\1/p' | paste -sd' '
}

# ---- processes -----------------------------------------------------------------------------------

# start NAME HOST COMMAND... : in the background; its pid in NAME, what it says in $BATS_TEST_TMPDIR/NAME.log
start() {
	local -n pid=$1
	local log=$BATS_TEST_TMPDIR/$1.log
	ip netns exec "$(netns "$2")" "${@:3}" >"$log" 2>&1 3>&- </dev/null &
	pid=$!
	disown
}

# start_fed NAME HOST COMMAND... : as start; feed NAME LINE... writes to its stdin
# shellcheck disable=SC2034 # they are names for other variables
start_fed() {
	local -n pid=$1 in=${1}_IN
	local fifo=$BATS_TEST_TMPDIR/$1.in log=$BATS_TEST_TMPDIR/$1.log
	mkfifo "$fifo"
	ip netns exec "$(netns "$2")" "${@:3}" >"$log" 2>&1 3>&- <"$fifo" &
	pid=$!
	disown
	exec {in}>"$fifo"
}

feed() {
	local -n in=${1}_IN
	printf '%s\n' "${@:2}" >&"$in"
}

# ended NAME : it has ended, or ends within a minute
ended() {
	wait_for "${2-60}" gone "${!1}" || fail "$1 does not end: $(tail -n 20 "$BATS_TEST_TMPDIR/$1.log")"
}

# says NAME TEXT [SECONDS] : its log has a line with TEXT, or gets it
says() {
	wait_for "${3-60}" grep -qF -- "$2" "$BATS_TEST_TMPDIR/$1.log" ||
		fail "$1 does not say '$2': $(tail -n 20 "$BATS_TEST_TMPDIR/$1.log")"
}

# sockets HOST STATE FILTER : how many
sockets() {
	on "$1" ss -Htn state "$2" "${@:3}" | wc -l
}

# wait_sockets COUNT HOST STATE FILTER
wait_sockets() {
	local count=$1
	shift
	wait_for 30 sockets_are "$count" "$@" ||
		fail "not $count but $(sockets "$@") sockets $*: $(on "$1" ss -tnaoi)"
}

sockets_are() {
	[ "$(sockets "${@:2}")" = "$1" ]
}

# ---- servers -------------------------------------------------------------------------------------

# start_redis HOST OPTION...
start_redis() {
	start REDIS "$1" redis-server --port $PORT --bind 0.0.0.0 --protected-mode no --save '' \
		--dir "$BATS_TEST_TMPDIR" --enable-debug-command yes "${@:2}"
	wait_for 30 on "$1" redis-cli -p $PORT ping || fail "redis: $(cat "$BATS_TEST_TMPDIR/REDIS.log")"
}

# start_mariadb HOST OPTION... : without InnoDB and grants it needs no data, and is there in an instant
start_mariadb() {
	mkdir -p "$BATS_TEST_TMPDIR/db/mysql"
	start MARIADB "$1" mariadbd --no-defaults --user=root --datadir="$BATS_TEST_TMPDIR/db" \
		--socket="$BATS_TEST_TMPDIR/db/sock" --pid-file="$BATS_TEST_TMPDIR/db/pid" --port=$PORT \
		--bind-address=0.0.0.0 --skip-grant-tables --skip-innodb --default-storage-engine=MyISAM \
		--skip-name-resolve --skip-log-bin "${@:2}"
	wait_for 15 sql "$1" 'SELECT 1' || fail "mariadbd: $(cat "$BATS_TEST_TMPDIR/MARIADB.log")"
}

# sql HOST STATEMENT : beside the network, through the unix socket
sql() {
	on "$1" mariadb --no-defaults -N -S "$BATS_TEST_TMPDIR/db/sock" -e "$2"
}

# start_nginx HOST LISTEN-OPTIONS DIRECTIVE... : one worker (or NGINX_WORKERS), its pid in NGINX_WORKER
start_nginx() {
	local dir=$BATS_TEST_TMPDIR/nginx
	mkdir -p "$dir/www"
	echo hello >"$dir/www/index.html"
	truncate -s 64M "$dir/www/big"
	cat >"$dir/conf" <<-END
		user root;
		daemon off;
		pid $dir/pid;
		error_log stderr;
		worker_processes ${NGINX_WORKERS-1};
		events { worker_connections 512; }
		http {
			access_log off;
			client_body_temp_path $dir/body;
			proxy_temp_path $dir/proxy;
			fastcgi_temp_path $dir/fastcgi;
			uwsgi_temp_path $dir/uwsgi;
			scgi_temp_path $dir/scgi;
			server {
				listen $PORT $2;
				root $dir/www;
				$(printf '%s\n' "${@:3}")
			}
		}
	END
	start NGINX "$1" nginx -c "$dir/conf" -e stderr
	wait_for 30 on "$1" curl -sfo /dev/null "http://127.0.0.1:$PORT/" ||
		fail "nginx: $(cat "$BATS_TEST_TMPDIR/NGINX.log")"
	# shellcheck disable=SC2034 # the tests use it
	NGINX_WORKER=$(pgrep -P "$NGINX")
}

# ---- what tcpwhy said ----------------------------------------------------------------------------

# watch OPTION... : orderly ends are seen too, for the books
watch() {
	counters before
	start_tcpwhy -a --limit 0 -P $PORT "$@"
	start_referee
	WATCHED="$*"
}

# counters NAME : the kernel's counters of all hosts, when they have stopped moving
counters() {
	local host pids=()
	for host in "${HOSTS[@]}"; do
		on "$host" "$PYTHON" "$TOP/tests/slow/books.py" counters >"$BATS_TEST_TMPDIR/$1-$host" 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	cat "$BATS_TEST_TMPDIR/$1"-* >"$BATS_TEST_TMPDIR/$1"
}

# What was counted must be what the kernels of all hosts have counted, see slow/books.py.
assert_books() {
	run "$PYTHON" "$TOP/tests/slow/books.py" balance "$OUT" "$ERR" "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	# shellcheck disable=SC2154 # output is set by run
	echo "$output"
	assert_success
}

# The lines of unhealthy ends without their time: "verdict  process  local -> remote  evidence", ports that are not the service's as *.
seen() {
	sed -E -e 's/^[0-9:.]+ +//' -e 's/ {2,}/  /g' \
		-e "s/^([^ ]+  [^ ]+  [0-9.]+:)([0-9]+)( -> )/\1<\2>\3/" -e 's/( -> [0-9.]+:)([0-9]+)/\1<\2>/' \
		-e "s/<$PORT>/$PORT/g" -e 's/:<[0-9]+>/:any/g' -e '/^closed-(here|by-peer) /d' "$OUT" | sort
}

# matches LINE PATTERN : a pattern is an extended bash glob, but # is a number and [number] a pid, not a class
matches() {
	local pattern
	pattern=$(sed -E 's/([a-z0-9])\[([0-9]+)\]/\1\\[\2\\]/g' <<<"$2")
	shopt -s extglob
	# shellcheck disable=SC2053
	[[ $1 == ${pattern//#/+([0-9])} ]]
}

# other_end LINE : how the line of the other end names this one
other_end() {
	awk -F'  ' '{ printf "; other end: %s %s", $2, $1 }' <<<"$1"
}

# remedy VERDICT : what the summary says to do
remedy() {
	awk -v verdict="$1" '/^ +[0-9]+  [a-z]/ { wanted = $2 == verdict } wanted && sub(/^ +fix: /, "")' "$ERR"
}

# Ends tcpwhy. It must have said what stdin says, a pattern for each line, in any order, and nothing else; a pattern that
# begins with + is for one line or more, and "& " joins it to the one before: they are both ends of one connection, and
# each names the other. And its counters must agree with its lines, and nothing may be lost.
assert_seen() {
	local expected=() left=() lines=() line i other=
	mapfile -t expected
	for i in "${!expected[@]}"; do
		[[ ${expected[i]} == "& "* ]] || continue
		expected[i]=${expected[i]#& }
		line=${expected[i - 1]}
		expected[i - 1]+=$(other_end "${expected[i]}")
		expected[i]+=$(other_end "$line")
	done
	counters after
	stop_tcpwhy
	mapfile -t lines < <(seen)
	left=("${expected[@]}")
	for line in "${lines[@]}"; do
		for i in "${!expected[@]}"; do
			matches "$line" "${expected[i]#+}" || continue
			if [ -n "${left[i]-}" ] || [[ ${expected[i]} == +* ]]; then
				unset "left[$i]"
				continue 2
			fi
		done
		other=yes
	done
	if [ -n "$other" ] || [ "${#left[@]}" -gt 0 ]; then
		printf '%s\n' "${lines[@]}" | batslib_decorate "seen" >&2
		printf '%s\n' "${expected[@]}" | batslib_decorate "expected" >&2
		fail "other deaths or incidents than expected"
	fi
	assert_equal "$(said_by_counters)" "$(said_by_lines | by_verdict)"
	assert_equal "$(lost) lost" "0 lost"
	[[ $WATCHED == *-p* ]] || assert_books # of one process only, they are not known
}

# ---- the client with a pool ----------------------------------------------------------------------

# build_client : once for a file of tests; nothing if there is no Go
build_client() {
	export CLIENT=$BATS_FILE_TMPDIR/go-client
	! command -v go >/dev/null || go build -o "$CLIENT" "$TOP/tests/real/client.go"
}
