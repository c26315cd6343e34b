#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Networks as they are looked at: what goes through ports, and the map.
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
	has "^traffic: +eth0 received [0-9]+ packets, .*; guard dropped [1-9]" "$(berth info web)"
	same "traffic of info" "eth0 true" "$(berth info --json web | jq -r '.traffic[] | "\(.nic) \(.guard_dropped > 0)"')"
	same "traffic of info of a stopped machine" 0 "$(berth info --json off | jq '.traffic | length')"
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

# A tree of all that is connected, in the characters that the locale has.
case_map() {
	local address
	berth launch --wait --network lan bb web
	berth create bb alone
	berth set alone network=
	berth nic add web eth1 --network default
	berth forward add web tcp 8080:80
	address=$(field web network.address)
	berth network map >"$T/map"
	has "^network lan, bridge berth[^ ]+, 10.77.1.0/24, up$" "$(cat "$T/map")"
	has "^├─ web eth0, $address, running, default route$|^└─ web eth0, $address, running, default route$" "$(cat "$T/map")"
	has "^(│|   ) *└─ forward tcp-8080, 8080/tcp to 80$" "$(cat "$T/map")"
	has "^[├└]─ web eth1, 10\\..*, running$" "$(cat "$T/map")"
	has "^machine alone, stopped, no network$" "$(cat "$T/map")"
	LC_ALL=C berth network map >"$T/ascii"
	not grep -q "[^ -~]" "$T/ascii"
	has "^[|\`]- web eth0, $address" "$(cat "$T/ascii")"
	same "lines" "$(wc -l <"$T/map")" "$(wc -l <"$T/ascii")"
	# The link of the default route.
	ip link add up0 type veth peer name up1
	ip link set up0 up
	ip link set up1 up
	ip route add default dev up0
	has "^├─ uplink up0, NAT$" "$(berth network map)"
	same "uplinks" up0 "$(berth network map --format json | jq -r '.networks[] | select(.name == "lan").uplinks[]')"
	ip link del up0
	same "of json" "web eth0 true 8080" "$(berth network map --json | jq -r '.networks[] | select(.name == "lan").nics[0] |
		"\(.machine) \(.nic) \(.active) \(.forwards[0].port)"')"
	berth network map --format dot >"$T/dot"
	has '"network lan" -- "machine web" \[label="eth0 ' "$(cat "$T/dot")"
	has '"host " -- "machine web" \[label="forward tcp-8080' "$(cat "$T/dot")"
	same "braces" "strict graph berth { }" "$(head -n 1 "$T/dot") $(tail -n 1 "$T/dot")"
	fails 2 "it is tree, dot or json" berth network map --format svg
	gone web alone
}

# port_of MACHINE NETWORK
port_of() {
	ip -o link | sed -n "s/^[0-9]*: \(bp[^@:]*\).*alias $1\$/\1/p" | head -n 1
}

# What is broken is shown as broken, and stays as it is.
case_map_broken() {
	berth launch --wait --network lan bb web
	berth create --network lan bb bad
	echo "no key" >>"$BERTH_ROOT/lib/machines/bad/machine.conf"
	berth network create odd
	echo "no key" >>"$BERTH_ROOT/lib/networks/odd/network.conf"
	ip link set "$(port_of web)" nomaster
	has "web eth0, .*: broken: it is not connected to its network" "$(berth network map || true)"
	fails_silently berth network map
	has "^network odd: broken: .*network.conf" "$(berth network map || true)"
	has "^machine bad, broken: .*machine.conf" "$(berth network map || true)"
	berth network map --format dot >"$T/dot" || true
	has '"machine web" \[shape=box, color=red' "$(cat "$T/dot")"
	berth network up lan
	lacks "web eth0, .*broken" "$(berth network map || true)"
	nft flush ruleset
	has "web eth0, .*: broken: the rules of its port are missing" "$(berth network map || true)"
	has "^network lan, .*: broken: its firewall rules are missing" "$(berth network map || true)"
	# A look mends nothing.
	silent "rules after a look" nft list ruleset
	berth network up lan
	berth delete --force web bad 2>/dev/null || gone web bad
	sed -i '/^no key$/d' "$BERTH_ROOT/lib/networks/odd/network.conf" "$BERTH_ROOT"/lib/machines/*/machine.conf 2>/dev/null || true
	gone web bad
}

fails_silently() {
	local got=0
	"$@" >/dev/null 2>"$T/err" || got=$?
	same "exit code" 1 "$got"
	empty "what it says" "$T/err"
}

run_cases "$@"
