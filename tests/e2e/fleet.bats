#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What is in tools/fleet is right: by promtool, by systemd-analyze, and by what tcpwhy has.

load lib

FLEET=$TOP/tools/fleet

teardown() {
	kill_tcpwhy
}

fleet() {
	$PYTHON "$TOP/tests/e2e/fleet.py" "$1"
}

# need COMMAND PACKAGE
need() {
	command -v "$1" >/dev/null || skip "no $1: make setup installs it, from Debian's package $2"
}

# ---- Prometheus and Grafana ----------------------------------------------------------------------

@test "rules are valid, and each alert fires when it should, and only then" {
	need promtool prometheus
	run promtool check rules "$FLEET"/*.rules.yml
	assert_success
	assert_line --regexp "SUCCESS: [1-9][0-9]* rules found"
	run promtool test rules "$FLEET/alerts.test.yml"
	assert_success
}

@test "each alert has a severity and a summary, says what to do, and has been seen to fire" {
	assert_equal "$(fleet untold)" ""
	for alert in $(sed -n 's/^ *- alert: //p' "$FLEET/alerts.rules.yml"); do
		grep -A 4 "alertname: $alert\$" "$FLEET/alerts.test.yml" | grep -q exp_labels || fail "$alert is not seen to fire"
	done
}

@test "each verdict has an alert, or the page says why it has none" {
	assert_equal "$({ fleet verdicts && fleet silent; } | sort)" \
		"$("$TCPWHY" --verdicts | awk '/^  [a-z]/ { print $1 }' | sort)"
}

@test "each expression of the dashboard is valid" {
	need promtool prometheus
	fleet expressions >"$BATS_TEST_TMPDIR/dashboard.yml"
	run promtool check rules "$BATS_TEST_TMPDIR/dashboard.yml"
	assert_success
	assert_line --partial "SUCCESS: $(grep -c '"expr"' "$FLEET/grafana-dashboard.json") rules found"
}

@test "rules and dashboard use metrics and labels that tcpwhy has" {
	"$TCPWHY" ${TEST_BTF:+--btf "$TEST_BTF"} --format openmetrics 0.01 1 >"$BATS_TEST_TMPDIR/metrics" 2>"$BATS_TEST_TMPDIR/err" || fail "$(cat "$BATS_TEST_TMPDIR/err")"
	assert_equal "$(fleet metrics)" "$(sed -nE 's/^# TYPE ([a-z_]+) counter$/\1_total/p; s/^# TYPE ([a-z_]+) info$/\1_info/p' \
		"$BATS_TEST_TMPDIR/metrics" | sort)"
	# what a series has only once something happened is in the sources
	for label in $(fleet labels); do
		grep -q "[{,\"]$label\(=\|\"\)" "$BATS_TEST_TMPDIR/metrics" "$TOP/user/metrics.c" || fail "no label $label"
	done
}

# ---- systemd -------------------------------------------------------------------------------------

# The unit, with this binary.
unit() {
	need systemd-analyze systemd
	sed "s,/usr/local/sbin/tcpwhy,$TCPWHY," "$FLEET/tcpwhy.service" >"$BATS_TEST_TMPDIR/tcpwhy.service"
	UNIT=$BATS_TEST_TMPDIR/tcpwhy.service
}

@test "systemd-analyze finds nothing wrong with the unit, and little that it may do" {
	unit
	run systemd-analyze verify --man=no "$UNIT"
	assert_success
	assert_output ""
	run systemd-analyze security --offline=true --threshold=20 "$UNIT"
	assert_success
}

# setting NAME : of the unit
setting() {
	sed -n "s/^$1=//p" "$FLEET/tcpwhy.service"
}

@test "with the unit's capabilities, system calls and socket families it watches and serves" {
	without_leak_check
	unit
	need strace strace
	local caps port=19436 allowed
	caps=$(setting AmbientCapabilities | tr 'A-Z ' 'a-z,' | sed 's/cap_/+/g')
	assert_equal "$(setting CapabilityBoundingSet)" "$(setting AmbientCapabilities)"
	ERR=$BATS_TEST_TMPDIR/err
	ulimit -l "$(setting LimitMEMLOCK | sed s/infinity/unlimited/)" 2>/dev/null || true # only kernels before 5.11 need it
	cp "$TCPWHY" "$BATS_TEST_TMPDIR/tcpwhy" # where another user may execute it
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test"
	strace -f -e trace=all -o "$BATS_TEST_TMPDIR/strace" setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs \
		--inh-caps="-all,$caps" --ambient-caps="-all,$caps" --bounding-set="-all,$caps" \
		"$BATS_TEST_TMPDIR/tcpwhy" ${TEST_BTF:+--btf "$TEST_BTF"} -j -P 1 --listen 127.0.0.1:$port >"$BATS_TEST_TMPDIR/out" 2>"$ERR" 3>&- &
	WATCHER=$!
	wait_for 60 has watching "$ERR" || fail "$(cat "$ERR")"
	run $PYTHON "$TOP/tests/e2e/metrics.py" sums http://127.0.0.1:$port/metrics
	assert_success
	kill -INT "$(pgrep -P "$WATCHER")"
	wait "$WATCHER"
	WATCHER=
	# from when tcpwhy itself runs
	awk 'seen { print } / execve\(".*\/tcpwhy"/ { seen = 1 }' "$BATS_TEST_TMPDIR/strace" >"$BATS_TEST_TMPDIR/calls"
	allowed=$(systemd-analyze syscall-filter | awk '/^@/ { name = $1 } /^    [a-z@]/ { print name, $1 }' >"$BATS_TEST_TMPDIR/sets"
		allow @system-service; setting SystemCallFilter | tr ' ' '\n' | grep -v @)
	assert_equal "$(sed -nE 's/^[0-9]+ +([a-z0-9_]+)\(.*/\1/p' "$BATS_TEST_TMPDIR/calls" | sort -u | grep -vxF "$allowed")" ""
	assert_equal "$(sed -nE 's/^[0-9]+ +socket\(([A-Z0-9_]+),.*/\1/p' "$BATS_TEST_TMPDIR/calls" | sort -u |
		grep -vxF "$(setting RestrictAddressFamilies | tr ' ' '\n')")" ""
}

# allow SET : the system calls in it, and in its sets
allow() {
	local one
	for one in $(awk -v set="$1" '$1 == set { print $2 }' "$BATS_TEST_TMPDIR/sets"); do
		if [[ $one == @* ]]; then allow "$one"; else echo "$one"; fi
	done
}

# ---- containers ----------------------------------------------------------------------------------

@test "the DaemonSet is one, with no more rights than it needs, and an image of our own" {
	assert_equal "$(fleet manifest)" ""
}

@test "in a root with nothing but the binary, as in the image, it works" {
	! sanitized || skip "a build with sanitizers needs shared objects"
	local root=$BATS_TEST_TMPDIR/root
	mkdir -p "$root/proc" "$root/sys"
	cp "$TCPWHY" "$root"
	[ -z "${TEST_BTF-}" ] || skip "this kernel's BTF is in a file"
	ulimit -l unlimited 2>/dev/null || true # only kernels before 5.11 need it
	run --separate-stderr unshare --mount sh -c 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" &&
		mount --rbind /sys "$1/sys" && mount --bind /proc "$1/proc" &&
		setpriv --no-new-privs --bounding-set=-all,+bpf,+perfmon,+sys_chroot chroot "$1" /tcpwhy -j -P 1 -d 0.1' - "$root"
	assert_equal "exit status $status: $stderr" "exit status 0: $(grep '^tcpwhy: watching' <<<"$stderr")"
	assert_equal "$(jq -r .type <<<"$output")" "start
summary"
}
