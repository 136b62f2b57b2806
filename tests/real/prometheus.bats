#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Debian's Prometheus scrapes tcpwhy on loopback, with the rules of tools/fleet; what it answers is what happened.

load lib

setup() {
	need prometheus curl jq
	make_hosts host
	start_prometheus
}

teardown() {
	kill_tcpwhy
	remove_hosts
}

# start_prometheus : on the host, at port 9090
start_prometheus() {
	local dir=$BATS_TEST_TMPDIR/prometheus
	mkdir "$dir"
	cp "$TOP"/tools/fleet/*.rules.yml "$dir"
	cat >"$dir/prometheus.yml" <<-END
		global: { scrape_interval: 1s, evaluation_interval: 1s }
		rule_files: [ "*.rules.yml" ]
		scrape_configs:
		  - job_name: tcpwhy
		    static_configs:
		      - targets: [ "127.0.0.1:9436" ]
	END
	start PROMETHEUS host prometheus --config.file="$dir/prometheus.yml" --storage.tsdb.path="$dir/data" \
		--web.listen-address=127.0.0.1:9090 --log.level=warn
	wait_for 60 on host curl -sf --noproxy '*' http://127.0.0.1:9090/-/ready || fail "$(cat "$BATS_TEST_TMPDIR/PROMETHEUS.log")"
}

# api PATH ARGUMENTS... : the data of the answer
api() {
	on host curl -sfG --noproxy '*' "http://127.0.0.1:9090/api/v1/$1" "${@:2}" | jq -c .data
}

# query PROMQL : "labels value", sorted
query() {
	api query --data-urlencode "query=$1" |
		jq -r '.result[] | "\(.metric | del(.__name__) | to_entries | map("\(.key)=\(.value)") | join(",")) \(.value[1])"' | sort
}

# answers EXPECTED PROMQL : within some scrapes
answers() {
	wait_for 20 is_answer "$@" || assert_equal "$2: $(query "$2")" "$2: $1"
}

is_answer() {
	[ "$(query "$2")" = "$1" ]
}

@test "Prometheus scrapes tcpwhy, and a query says how many died, of what" {
	# in the namespace, as its address is of there
	start WATCH host "$TCPWHY" -P "$PORT" --listen 127.0.0.1:9436
	says WATCH watching
	answers "instance=127.0.0.1:9436,job=tcpwhy 1" 'up'
	on host $PYTHON "$TOP/tests/e2e/peers.py" run half-closed-reuse -n $N -p "$PORT"
	on host $PYTHON "$TOP/tests/e2e/peers.py" run refused -n $N -p "$PORT"
	answers "verdict=half-closed-reuse $N
verdict=refused $N" "sum by (verdict) (tcpwhy_deaths_total{service_port=\"$PORT\"}) > 0"
	answers "side=server,verdict=no-listener $N
side=unknown,verdict=late-data-time-wait $N" "sum by (verdict, side) (tcpwhy_incidents_total{service_port=\"$PORT\"}) > 0"
	# orderly ends, and whatever has no record, are in the sums
	answers " $((3 * N))" 'sum(tcpwhy_deaths_total)'
	# the recording rules see it, and no rule fails
	answers " 1" 'count(instance:tcpwhy_deaths:rate5m > 0)'
	wait_for 20 all_evaluated || fail "$(api rules)"
	kill -INT "$WATCH"
	ended WATCH
}

all_evaluated() {
	[ "$(api rules | jq -c '[.groups[].rules[].health] | unique')" = '["ok"]' ]
}
