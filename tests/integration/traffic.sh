#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Networks as they are looked at: what goes through ports.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

set_up() {
	busybox_template bb
	berth network create lan --subnet 10.77.1.0/24
}

# traffic MACHINE EXPRESSION: of network info, of the network lan.
traffic() {
	berth network info --json lan | jq -r --arg name "$1" ".leases[] | select(.machine == \$name).traffic | $2"
}

more_than() {
	(($(traffic web ".$1") > $2))
}

# Each packet is counted on its way in and out, and a packet with an address of another as dropped.
case_counts() {
	local received sent
	berth launch --wait --network lan bb web
	berth create --network lan bb off
	received=$(traffic web .received_bytes) sent=$(traffic web .sent_bytes)
	berth exec web -- ping -c 3 -W 5 -s 1000 10.77.1.1 >/dev/null
	retry 10 more_than received_bytes $((received + 3000))
	retry 10 more_than sent_bytes $((sent + 3000))
	retry 10 more_than received_packets 2
	retry 10 more_than sent_packets 2
	same "dropped of what is right" 0 "$(traffic web .guard_dropped)"
	berth exec web -- ip addr add 10.77.1.77/32 dev eth0
	berth exec web -- ping -c 1 -W 1 -I 10.77.1.77 10.77.1.1 >/dev/null || true
	retry 10 more_than guard_dropped 0
	has "^traffic: +web received [0-9]+ packets, .*; sent [0-9]+ packets, .*; guard dropped [1-9]" "$(berth network info lan)"
	# A machine without a port has none.
	berth start off
	berth stop --force off
	same "of a stopped machine" null "$(traffic off .)"
	lacks "off received" "$(berth network info lan)"
	# Rules that are made anew begin anew.
	nft flush ruleset
	berth network up lan
	same "after a flush" 0 "$(traffic web .guard_dropped)"
	berth exec web -- ping -c 1 -W 1 -I 10.77.1.77 10.77.1.1 >/dev/null || true
	retry 10 more_than guard_dropped 0
	gone web off
}

run_cases "$@"
