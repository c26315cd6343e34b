#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Bridge, addresses, names, NAT, and conflicts with the host.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/world.sh
. "$(dirname "$0")/../world.sh"

set_up() {
	busybox_template bb
}

tear_down() {
	end_the_world
}

# Berth's own server does not have the port before the other one.
case_port_53_taken() {
	delete_each list 'delete --force'
	berth network down default 2>/dev/null || true
	python3 -IS -c '
import signal, socket, sys
s = [socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
for one in s:
    one.bind(("0.0.0.0", 53))
s[1].listen()
open(sys.argv[1], "w").close()
signal.pause()' "$T/taken" &
	local holder=$!
	retry 20 test -e "$T/taken"
	berth launch bb five >"$T/out" 2>&1 || true
	kill "$holder"
	wait "$holder" || true
	# dnsmasq serves beside the other server (bound to its own address only), or the error names the conflict.
	if ! state_is five running; then
		has "53|dnsmasq|in use" "$(cat "$T/out")"
	fi
	berth delete --force five || true
	berth network down default
}

# the_world: makes it, with a conflicting route on the host.
the_world() {
	if [[ ! -e $T/world ]]; then
		make_the_world
		# The subnet must not overlap with this route, as a VPN would add it.
		ip route add 10.0.0.0/9 via 198.51.100.1
		berth network list >"$T/networks"
		! grep -q '^default ' "$T/networks" || berth network delete default
	fi
}

# two_machines: machines one and two run, and the world is there.
two_machines() {
	the_world
	up one
	berth info two >/dev/null 2>&1 || berth clone one two
	berth start --wait two
}

case_addresses() {
	local one two
	two_machines
	berth network list
	one=$(field one network.address)
	two=$(field two network.address)
	[[ $one != "$two" ]]
	not grep -E '^10\.([0-9]|[0-9][0-9]|1[01][0-9]|12[0-7])\.' <<<"$one"
	has "inet $one/" "$(berth exec one -- ip addr show eth0)"
	has "default via $(field one network.gateway)" "$(berth exec one -- ip route)"
	has "10:66:6a" "$(berth exec one -- ip link show eth0)"
	[[ $(field one network.mac) != "$(field two network.mac)" ]]
}

# A guest that advertises itself as a router gives the host no routes. A guest cannot make others miss multicast
# packets.
case_a_bridge_that_believes_no_router() {
	local bridge
	up one
	bridge=$(berth network list --json | python3 -IS -c 'import json, sys; print(json.load(sys.stdin)[0]["bridge"])')
	same "routes by advertisements" 0 "$(cat "/proc/sys/net/ipv6/conf/$bridge/accept_ra")"
	has 'mcast_snooping 0 ' "$(ip -details link show dev "$bridge")"
}

case_ping_by_address() {
	two_machines
	berth exec one -- ping -c 1 -W 5 "$(field two network.address)"
	berth exec two -- ping -c 1 -W 5 "$(field one network.address)"
	berth exec one -- ping -c 1 -W 5 "$(field one network.gateway)"
	ping -c 1 -W 5 "$(field one network.address)"
}

# Busybox has no ping for users, so the host's Python does it as a user in the machine.
case_ping_as_a_user() {
	two_machines
	same "groups that may" "0 65535" "$(berth exec one -- cat /proc/sys/net/ipv4/ping_group_range | tr '\t' ' ')"
	nsenter --target "$(field one init)" --user --net setpriv --reuid=1000 --regid=1000 --clear-groups \
		--bounding-set=-all python3 -IS -c '
import socket, sys
ping = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
ping.settimeout(5)
ping.connect((sys.argv[1], 0))
ping.send(b"\x08\0\0\0\0\0\0\1")
assert ping.recv(64)[0] == 0' "$(field two network.address)"
}

case_ping_by_name() {
	two_machines
	retry 10 berth exec one -- ping -c 1 -W 5 two
	retry 10 berth exec two -- ping -c 1 -W 5 one
	berth exec one -- ping -c 1 -W 5 two.berth
}

# The machine keeps its address with any DHCP client of the guest.
case_dhcp_gives_the_same() {
	local address
	two_machines
	address=$(field one network.address)
	berth exec one -- sh -c 'printf "#!/bin/sh\necho \$1 \$ip >>/tmp/dhcp\n" >/tmp/script; chmod +x /tmp/script'
	berth exec one -- busybox udhcpc -i eth0 -n -q -t 5 -s /tmp/script
	has "bound $address" "$(berth exec one cat /tmp/dhcp)"
}

case_nat() {
	two_machines
	berth exec one -- ping -c 1 -W 5 198.51.100.1
	# The world has no route back, so only the host's own address can have asked.
	not in_the_world ping -c 1 -W 1 "$(field one network.address)"
	has "berth" "$(nft list tables)"
}

# berth changes no rules of others, and rules of others do not stay in berth's table.
case_firewall_table_is_our_own() {
	two_machines
	nft add table inet others
	berth restart one two
	has "inet others" "$(nft list tables)"
	nft delete table inet others
}

# After a flush of all rules the next command restores berth's own.
case_repair() {
	local bridge
	two_machines
	nft flush ruleset
	berth network up default
	berth exec one -- ping -c 1 -W 5 198.51.100.1
	bridge=$(berth network list --json | python3 -IS -c 'import json, sys; print(json.load(sys.stdin)[0]["bridge"])')
	ip link set "$bridge" down
	berth network up default
	berth exec one -- ping -c 1 -W 5 "$(field two network.address)"
}

# both_reach: the two machines reach each other and the world.
both_reach() {
	berth exec one -- ping -c 1 -W 5 "$(field two network.address)" &&
		berth exec two -- ping -c 1 -W 5 "$(field one network.address)" &&
		berth exec two -- ping -c 1 -W 5 198.51.100.1
}

case_a_bridge_that_was_removed() {
	local bridge port
	two_machines
	bridge=$(berth network list --json | python3 -IS -c 'import json, sys; print(json.load(sys.stdin)[0]["bridge"])')
	ip link delete "$bridge"
	has "'one' is cut off" "$(berth doctor || true)"
	berth network up default
	retry 10 both_reach
	lacks "cut off" "$(berth doctor)"
	# The next start does the same.
	ip link delete "$bridge"
	berth restart --wait two
	retry 10 both_reach
	# If the link itself is gone, eth0 is a new one.
	port=$(ip -o link | sed -n 's/^[0-9]*: \(bp[0-9a-f]*\)@.*alias one$/\1/p')
	ip link delete "$port"
	not berth exec one -- ip link show eth0
	has "'one' is cut off" "$(berth doctor || true)"
	berth network up default
	retry 10 both_reach
	has "$(field one network.mac)" "$(berth exec one -- ip link show eth0)"
	has "berth-bp" "$(nft list tables netdev | grep "$(ip -o link | sed -n 's/^[0-9]*: \(bp[0-9a-f]*\)@.*alias one$/\1/p')")"
}

# The bridge is left from an older state, in which the network had another subnet.
case_an_address_of_another_subnet() {
	berth network create --subnet 10.177.0.0/24 moved
	berth network up moved
	sed -i 's/10\.177\.0\.0/10.178.0.0/' "$BERTH_ROOT/lib/networks/moved/network.conf"
	berth network up moved
	same addresses "10.178.0.1/24" "$(ip -4 -o addr | sed -n 's/.*inet \(10\.17[78]\.[^ ]*\).*/\1/p')"
	berth network delete moved
}

case_restart_keeps_the_address() {
	local address
	two_machines
	address=$(field two network.address)
	berth restart --wait two
	same address "$address" "$(field two network.address)"
	retry 10 berth exec two -- ping -c 1 -W 5 one
	berth exec one -- ping -c 1 -W 5 "$address"
}

case_a_wanted_address() {
	local gateway wanted
	two_machines
	gateway=$(field one network.gateway)
	wanted=${gateway%.*}.77
	berth launch --set network.address="$wanted" --wait bb three
	same address "$wanted" "$(field three network.address)"
	fails 1 "$wanted" berth launch --set network.address="$wanted" bb four
	fails 1 "no machine 'four'" berth info four
	fails 1 "203.0.113.5" berth launch --set network.address=203.0.113.5 bb four
	fails 1 "no machine 'four'" berth info four
	berth delete --force three
	berth create --set network.address="$wanted" bb four
	berth delete four
}

# leases NETWORK
leases() {
	berth network list --json | python3 -IS -c '
import json, sys
print(*(one["leases"] for one in json.load(sys.stdin) if one["name"] == sys.argv[1]))' "$1"
}

# Two random numbers of 24 bits can be equal.
case_equal_hardware_addresses() {
	local mac
	two_machines
	mac=$(field one network.mac)
	berth create bb twin
	sed -i "s/^network.mac.*/network.mac = $mac/" "$BERTH_ROOT/lib/machines/twin/machine.conf"
	berth start --wait twin
	[[ $(field twin network.mac) != "$mac" ]]
	has "$(field twin network.mac)" "$(berth exec twin -- ip link show eth0)"
	has "network.mac = $(field twin network.mac)" "$(cat "$BERTH_ROOT/lib/machines/twin/machine.conf")"
	retry 10 berth exec twin -- ping -c 1 -W 5 "$(field one network.address)"
	ping -c 1 -W 5 "$(field twin network.address)"
	ping -c 1 -W 5 "$(field one network.address)"
	# An older berth has given both the same address.
	berth stop --force twin
	mac=$(field twin network.mac)
	sed -i "s/$mac/$(field one network.mac)/" "$BERTH_ROOT"/lib/machines/twin/machine.conf \
		"$BERTH_ROOT"/lib/networks/default/{hosts,names}/*
	berth start --wait twin
	[[ $(field twin network.mac) != "$(field one network.mac)" ]]
	berth delete --force twin
}

case_a_machine_that_moves() {
	local before address
	up one
	before=$(leases default)
	berth network create second
	berth launch --wait bb nomad
	same "leases there" $((before + 1)) "$(leases default)"
	address=$(field nomad network.address)
	# A running machine keeps its network, and its address is shown.
	berth set nomad network=second
	same address "$address" "$(field nomad network.address)"
	has "^nomad .*$address" "$(berth list)"
	same "leases there" $((before + 1)) "$(leases default)"
	berth restart --wait --force nomad
	same "leases there" "$before" "$(leases default)"
	same "leases here" 1 "$(leases second)"
	berth stop --force nomad
	berth set nomad network=default
	same "leases here" 0 "$(leases second)"
	berth network delete second
	berth delete nomad
}

case_a_clone_has_no_address_of_its_own() {
	local wanted
	up one
	wanted=$(field one network.gateway)
	wanted=${wanted%.*}.88
	berth create --set network.address="$wanted" bb fixed
	berth clone fixed free 2>"$T/err"
	has "network.address $wanted stays with 'fixed'" "$(cat "$T/err")"
	berth clone --set network.address="${wanted%.*}.89" fixed given 2>"$T/err"
	not grep -q stays "$T/err"
	berth delete fixed free given
}

case_no_network() {
	berth launch --set network= --wait bb alone
	not berth exec alone -- ip link show eth0
	silent address field alone network
	berth delete --force alone
}

# A machine that leaves its network while it runs keeps its address until it stops, and its lease no longer.
case_network_left() {
	local how
	for how in restart "stop start"; do
		berth launch --wait bb leaves
		test -e "$BERTH_ROOT/lib/networks/default/names/leaves"
		berth set leaves network=
		test -e "$BERTH_ROOT/lib/networks/default/names/leaves"
		for verb in $how; do
			berth "$verb" leaves
		done
		not test -e "$BERTH_ROOT/lib/networks/default/names/leaves"
		gone leaves
	done
}

case_delete_while_in_use() {
	two_machines
	fails 1 "default.*'one', 'two'" berth network delete default
	fails 1 "default.*'one', 'two'" berth network down default
	berth exec one -- ping -c 1 -W 5 two
}

case_bridge_name_taken() {
	ip link add taken0 type veth peer name taken1
	if berth network create --bridge taken0 third >"$T/out" 2>&1; then
		fails 1 "taken0" berth launch --network third bb six
	else
		has taken0 "$(cat "$T/out")"
	fi
	fails 1 "no machine 'six'" berth info six
	# Links of others are left alone.
	ip link show taken0
	berth network delete --force third || true
	ip link show taken0
	ip link delete taken0
}

case_bad_networks() {
	the_world
	fails 2 "subnet|10.1.2.3" berth network create --subnet 10.1.2.3/40 bad
	fails 1 "198.51.100" berth network create --subnet 198.51.100.0/24 bad
	fails "[12]" "bridge|name" berth network create --bridge a-name-that-is-too-long bad
	fails 1 "bad" berth network delete bad
}

case_what_is_left_of_a_machine() {
	local before
	two_machines
	before=$(ip -o link | wc -l)
	berth stop two
	[[ $(ip -o link | wc -l) -eq $((before - 1)) ]]
	berth delete two
	berth delete --force one
	# The name is free for another machine, with another address or the same.
	berth launch --wait bb two
	berth delete --force two
	berth network down default
	[[ $(ip -o link | grep -c berth) -eq 0 ]]
}

run_cases "$@"
