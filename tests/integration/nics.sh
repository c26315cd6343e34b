#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Network interfaces of machines beside eth0: added, changed and removed, of a running machine or not, and their walls.
needs_faults="case_killed case_start_killed"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

set_up() {
	busybox_template bb
	berth network create lan --subnet 10.77.1.0/24
	berth network create far --subnet 10.77.2.0/24
}

# nic MACHINE NAME EXPRESSION: of nic list.
nic() {
	berth nic list --json "$1" | jq -r --arg name "$2" ".[] | select(.name == \$name) | $3"
}

# link_of MACHINE NAME: the link in the machine, as ip shows it.
link_of() {
	berth exec "$1" -- ip -o addr show dev "$2"
}

# route_of MACHINE: the interface that the default route leads through.
route_of() {
	berth exec "$1" -- ip route | sed -n 's/^default .* dev \([^ ]*\).*/\1/p'
}

# leases NETWORK: names of the leases there.
leases() {
	ls "$BERTH_ROOT/lib/networks/$1/names"
}

ports() {
	ip -o link | grep -c ' bp[0-9a-f]' || true
}

# A running machine has a nic at once, and at its next start.
case_live() {
	local address mac before
	berth launch bb web
	berth launch --network lan bb other
	berth nic add web eth1 --network lan
	address=$(nic web eth1 .address) mac=$(nic web eth1 .mac)
	has "$address/24" "$(link_of web eth1)"
	has "$mac" "$(berth exec web -- ip link show dev eth1)"
	same active true "$(nic web eth1 .active)"
	same "eth0 is listed" "default true true" "$(nic web eth0 '"\(.network) \(.route) \(.active)"')"
	same "the default route" eth0 "$(route_of web)"
	berth exec web -- ping -c 1 -W 5 "$(field other network.address)"
	berth exec other -- ping -c 1 -W 5 "$address"
	retry 10 berth exec other -- ping -c 1 -W 5 web
	has "^web +running .*,$address " "$(berth list)"
	same addresses "$(field web network.address) $address" "$(berth list --json web | jq -r '.[0].addresses | join(" ")')"
	has "nic: +eth1, network lan, $address/24, $mac" "$(berth info web)"
	same "nics of info" "eth0 eth1" "$(berth info --json web | jq -r '[.nics[].name] | join(" ")')"
	has "web +eth1 +lan +$address +$mac +- +no +yes" "$(berth nic list)"
	berth restart web
	has "$address/24" "$(link_of web eth1)"
	same "MAC after a restart" "$mac" "$(nic web eth1 .mac)"
	berth exec web -- ping -c 1 -W 5 "$(field other network.address)"
	before=$(field web init)
	berth exec web -- reboot || true
	retry 20 booted_again web "$before"
	has "$address/24" "$(link_of web eth1)"
	berth nic remove web eth1
	not berth exec web -- ip link show dev eth1
	same "leases after" other "$(leases lan)"
	same "ports after" 2 "$(ports)"
	berth exec web -- ping -c 1 -W 5 "$(field web network.gateway)"
	not grep -q nic "$BERTH_ROOT/lib/machines/web/machine.conf"
	gone web other
}

# Added to a stopped machine, it is there with the start; removed, it is not.
case_stopped() {
	berth create bb web
	berth nic add web lan0 --network lan --address 10.77.1.50 --mac 10:66:6a:00:00:50 --mtu 1400
	same "the lease is taken at once" "10.77.1.50 false" "$(nic web lan0 '"\(.address) \(.active)"')"
	berth start web
	has "10.77.1.50/24" "$(link_of web lan0)"
	has "mtu 1400 .*10:66:6a:00:00:50" "$(berth exec web -- ip -o link show dev lan0)"
	# A stop leaves no port, and keeps the address.
	berth stop --force web
	same "ports of a stopped machine" 0 "$(ports)"
	same "address of a stopped machine" 10.77.1.50 "$(nic web lan0 .address)"
	berth nic remove web lan0
	silent "leases after" leases lan
	berth start web
	not berth exec web -- ip link show dev lan0
	gone web
}

# The default route leads through the nic that is to have it, and back.
case_route() {
	berth launch bb web
	berth nic add web eth1 --network lan --route
	same added eth1 "$(route_of web)"
	same "eth0 has it no more" false "$(nic web eth0 .route)"
	berth restart web
	same "after a restart" eth1 "$(route_of web)"
	berth nic set web eth1 route=no
	same "set to no" eth0 "$(route_of web)"
	berth nic set web eth1 route=yes
	berth nic remove web eth1
	same removed eth0 "$(route_of web)"
	gone web
}

# All that can be changed, on a running machine and a stopped one.
case_set() {
	local mac
	berth launch bb web
	berth nic add web eth1 --network lan
	mac=$(nic web eth1 .mac)
	berth nic set web eth1 address=10.77.1.9 mtu=1300
	has "10.77.1.9/24" "$(link_of web eth1)"
	has "mtu 1300 .*$mac" "$(berth exec web -- ip -o link show dev eth1)"
	same "one lease" "10.77.1.9" "$(ls "$BERTH_ROOT/lib/networks/lan/hosts")"
	berth nic set web eth1 network=far address=
	has "10\.77\.2\.[0-9]+/24" "$(link_of web eth1)"
	silent "the old lease" leases lan
	same "the new lease" web "$(leases far)"
	berth nic set web eth1 mac=10:66:6a:00:00:51
	has 10:66:6a:00:00:51 "$(berth exec web -- ip -o link show dev eth1)"
	berth exec web -- ping -c 1 -W 5 10.77.2.1
	berth stop --force web
	berth nic set web eth1 address=10.77.2.9 mtu=0
	same "of a stopped machine" "10.77.2.9 " "$(nic web eth1 '"\(.address) \(.mtu // "")"')"
	same "one line a key" 1 "$(grep -c '^address' "$BERTH_ROOT/lib/machines/web/machine.conf")"
	# What cannot be is told, and nothing is changed.
	cp "$BERTH_ROOT/lib/machines/web/machine.conf" "$T/conf.before"
	berth start web
	fails 1 "the subnet is 10.77.2.0/24" berth nic set web eth1 address=10.77.1.9
	fails 1 "network" berth nic set web eth1 network=none
	fails 1 "which eth0 is on" berth nic set web eth1 network=default
	fails 2 "no|known" berth nic set web eth1 speed=10
	fails 1 "nic 'eth0' of machine 'web' is the one of its keys network" berth nic set web eth0 mtu=1400
	fails 1 "has no nic 'eth7'" berth nic set web eth7 mtu=1400
	cmp "$T/conf.before" "$BERTH_ROOT/lib/machines/web/machine.conf"
	has "10.77.2.9/24" "$(link_of web eth1)"
	gone web
}

# Each fault is told at once, in one sentence, and changes nothing.
case_refused() {
	berth launch bb web
	berth launch --network lan bb other
	cp "$BERTH_ROOT/lib/machines/web/machine.conf" "$T/conf.before"
	fails 1 "the subnet is 10.77.1.0/24" berth nic add web eth1 --network lan --address 10.88.1.9
	fails 1 "the subnet is 10.77.1.0/24 and the gateway 10.77.1.1" berth nic add web eth1 --network lan --address 10.77.1.1
	fails 1 "belongs to 'other'" berth nic add web eth1 --network lan --address "$(field other network.address)"
	fails 1 "hardware address .* belongs to 'other'" berth nic add web eth1 --network lan --mac "$(field other network.mac)"
	fails 1 "16 characters; the kernel takes at most 15" berth nic add web abcdefghijklmnop --network lan
	fails 1 "choose another name" berth nic add web eth0 --network lan
	fails 1 "the kernel uses itself" berth nic add web lo --network lan
	fails 1 "there is no network 'none'" berth nic add web eth1 --network none
	fails 1 "cannot be on network 'default', which eth0 is on" berth nic add web eth1
	fails 2 "name" berth nic add web 'eth 1' --network lan
	fails 2 "mac" berth nic add web eth1 --network lan --mac 11:22
	fails 2 "address" berth nic add web eth1 --network lan --address here
	fails 2 "mtu" berth nic add web eth1 --network lan --mtu 70000
	fails 2 "mtu cannot be '100': use 0 for the kernel's default, or 1280 to 65535" berth nic add web eth1 --network lan --mtu 100
	fails 1 "there is no machine|no machine" berth nic add none eth1 --network lan
	fails 1 "no machine" berth nic list none
	fails 1 "has no nic 'eth1'" berth nic remove web eth1
	fails 1 "is the one of its keys network" berth nic remove web eth0
	# A link of the guest's own.
	berth exec web -- ip link add mine type dummy || berth exec web -- ip link add mine type bridge
	fails 1 "machine 'web' has a link 'mine' of its own already" berth nic add web mine --network lan
	cmp "$T/conf.before" "$BERTH_ROOT/lib/machines/web/machine.conf"
	same "leases" other "$(leases lan)"
	same "ports" 2 "$(ports)"
	berth nic add web eth1 --network lan
	fails 1 "has a nic 'eth1' already" berth nic add web eth1 --network far
	fails 1 "on the same network 'lan'" berth nic add web eth2 --network lan
	fails 1 "which eth0 is on|on network" berth set web network=lan
	gone web other
}

# A copy has addresses of its own on every network; a restore keeps them.
case_copies() {
	berth create bb web
	berth nic add web eth1 --network lan --address 10.77.1.60
	berth snapshot web s
	berth restore web s
	same restored "10.77.1.60" "$(nic web eth1 .address)"
	has "address 10.77.1.60 of nic 'eth1' stays with 'web'" "$(berth clone web copy 2>&1)"
	[[ $(nic copy eth1 .mac) != "$(nic web eth1 .mac)" ]]
	berth start web copy
	[[ $(nic copy eth1 .address) != 10.77.1.60 ]]
	berth exec web -- ping -c 1 -W 5 "$(nic copy eth1 .address)"
	berth stop --force web
	berth rename web site
	same "address of a renamed machine" 10.77.1.60 "$(nic site eth1 .address)"
	berth delete --force site copy
	silent "leases after" leases lan
}

# A guest can use no other's address on a further nic, and what a firewall has cleared is made again.
case_walls() {
	local bridge
	berth launch bb web
	berth launch --network lan bb other
	berth nic add web eth1 --network lan
	berth exec web -- ip addr add 10.77.1.99/24 dev eth1
	not berth exec web -- ping -c 1 -W 1 -I 10.77.1.99 "$(field other network.address)"
	same "a guard each" 3 "$(nft list tables netdev | grep -c berth-bp)"
	nft flush ruleset
	has "machine 'web' has lost the firewall rules" "$(berth doctor 2>&1)"
	berth network up lan default
	same "guards again" 3 "$(nft list tables netdev | grep -c berth-bp)"
	not berth exec web -- ping -c 1 -W 1 -I 10.77.1.99 "$(field other network.address)"
	# The kernel first gives up asking for the neighbour with the other's address.
	retry 10 berth exec web -- ping -c 1 -W 1 "$(field other network.address)"
	# A bridge that was removed comes back with the ports on it.
	bridge=$(berth network list --json | jq -r '.[] | select(.name == "lan") | .bridge')
	ip link delete "$bridge"
	has "machine 'web' is cut off: .*'lan'" "$(berth doctor 2>&1)"
	berth network up lan
	retry 10 berth exec web -- ping -c 1 -W 5 "$(field other network.address)"
	fails 1 "machine" berth network down lan
	gone web other
}

# Two machines that are kept apart do not reach each other on any network.
case_isolation() {
	local name
	for name in one two; do
		berth create --set security.port_isolation=yes bb "$name"
		berth nic add "$name" eth1 --network lan
		berth start "$name"
	done
	not berth exec one -- ping -c 1 -W 1 "$(nic two eth1 .address)"
	berth exec one -- ping -c 1 -W 5 10.77.1.1
	gone one two
}

# A file describes nics, and finds nothing to do when all is so.
case_described() {
	local mac
	printf '%s\n' '[machine web]' 'template = bb' 'state = running' '[nic eth1]' 'network = lan' >"$T/described"
	berth apply "$T/described"
	mac=$(nic web eth1 .mac)
	has "10\.77\.1\." "$(link_of web eth1)"
	has "nothing to do" "$(berth apply "$T/described" 2>&1)"
	echo 'mtu = 1400' >>"$T/described"
	berth apply "$T/described"
	has "mtu 1400 .*$mac" "$(berth exec web -- ip -o link show dev eth1)"
	sed -i 's/lan$/none/' "$T/described"
	fails 1 "nic 'eth1': there is no network 'none'" berth apply "$T/described"
	sed -i '/nic/,$d' "$T/described"
	berth apply "$T/described"
	not berth exec web -- ip link show dev eth1
	gone web
}

# A hand-written section without a hardware address gets one, and a wrong one is told with its line.
case_by_hand() {
	local conf=$BERTH_ROOT/lib/machines/web/machine.conf
	berth create bb web
	printf '\n[nic eth1]\nnetwork = lan\n' >>"$conf"
	berth start web
	has "10:66:6a:" "$(sed -n '/nic eth1/,$p' "$conf")"
	berth stop --force web
	sed -i 's/^network = lan/network = lan\nspeed = 10/' "$conf"
	fails 1 "machine.conf:[0-9]+.*speed" berth start web
	sed -i '/^speed/d' "$conf"
	gone web
}

# A kill at any place of a change leaves a machine whose next command succeeds, and no port, rule or lease of nothing.
case_killed() {
	local point
	berth launch bb web
	for point in added leased noted attached plugged; do
		killed "nic-$point" berth nic add web eth1 --network lan
		whole "after $point"
		berth nic remove web eth1
		clean "$point"
	done
	for point in unplugged released removed; do
		berth nic add web eth1 --network lan
		killed "nic-$point" berth nic remove web eth1
		whole "after $point"
		berth nic remove web eth1 2>"$T/err" || has "has no nic" "$(cat "$T/err")"
		clean "$point"
	done
	for point in unplugged released set leased noted attached plugged; do
		berth nic add web eth1 --network lan
		killed "nic-$point" berth nic set web eth1 network=far
		whole "after $point"
		berth nic set web eth1 network=far mtu=1400
		has "10\.77\.2\." "$(link_of web eth1)"
		berth nic remove web eth1
		clean "$point"
	done
	# A machine that stops after such a kill leaves nothing either.
	for point in noted attached plugged; do
		killed "nic-$point" berth nic add web eth1 --network lan
		berth stop --force web
		same "ports after $point" 0 "$(ports)"
		silent "guards after $point" guards
		berth nic remove web eth1
		silent "leases after $point" leases lan
		berth start web
	done
	gone web
}

killed() {
	local code=0
	BERTH_FAULT=$1:1 "${@:2}" >"$T/out" 2>&1 || code=$?
	same "end at $1" 137 "$code"
}

guards() {
	nft list tables netdev | grep berth-bp
	return 0
}

# The machine runs, and its settings are good.
whole() {
	same "state $1" running "$(field web state)"
	berth nic list >"$T/out"
	berth exec web -- ping -c 1 -W 5 "$(field web network.gateway)" >"$T/out"
}

clean() {
	same "ports after $1" 1 "$(ports)"
	same "guards after $1" 1 "$(guards | wc -l)"
	silent "leases after $1" leases lan
	silent "leases after $1 of the other" leases far
	not berth exec web -- ip link show dev eth1
}

# A start with two nics, killed with its keeper-to-be, leaves nothing, and the next one succeeds.
case_start_killed() {
	local point
	berth create bb web
	berth nic add web eth1 --network lan
	for point in start-leased:1 start-leased:2 start-attached:1 start-attached:2; do
		BERTH_FAULT=$point berth start web >"$T/out" 2>&1 && fault "$point was not passed"
		retry 10 no_ports
		silent "guards after $point" guards
		berth start web
		has "10\.77\.1\." "$(link_of web eth1)"
		berth stop --force web
		silent "guards after a stop" guards
	done
	gone web
}

no_ports() {
	[[ $(ports) == 0 ]]
}

run_cases "$@"
