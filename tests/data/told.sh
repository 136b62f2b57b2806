#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# told.sh RECORDING: what replay tells of it, as far as it must stay the same when words change: how many of each verdict,
# whose, in which state, how sure, which key words are said, and the other end's process and verdict; and the counters. On one
# CPU or another ends die in another order, so lines are sorted.

set -eu
tcpwhy=$(dirname "$0")/../../tcpwhy
words='RST|SYN|ACK|FIN|ICMP|silence|unread|unacknowledged|retransmission|probes|queue|window|TCP_USER_TIMEOUT|SO_LINGER|signal|port'

"$tcpwhy" replay -a -j --limit 0 "$1" | jq -r --arg words "$words" '
	def said: [match($words; "g").string] | unique | join(" ");
	if .type == "death" or .type == "incident" then
		["line", .verdict, .comm // "-", .state // "-", .sure, (.words | said),
		 "other end: \(.other_end.comm // "-") \(.other_end.verdict // "-")"]
	elif .type == "summary" then
		(.verdicts | to_entries[] | ["count", .key, .value.count]),
		["deaths", .deaths, "incidents", .incidents, "lost", .records_lost + .records_rejected + .events_missed,
		 "retransmitted", .segments_retransmitted, "resets", .resets_sent, .resets_received]
	else
		empty
	end | @tsv' 2>/dev/null | LC_ALL=C sort | uniq -c | sed 's/^ *//'
