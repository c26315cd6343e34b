#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Networks of kind macvlan and ipvlan: machines that share an interface of the host's, with the addresses of its LAN.
needs_faults="case_killed"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/world.sh
. "$(dirname "$0")/../world.sh"

# The host's interface "uplink", and behind it the router of a LAN, which serves DHCP.
set_up() {
	busybox_template bb
	make_the_world
	in_the_world ip addr add fd00:51::1/64 dev eth0 nodad
	in_the_world dnsmasq --conf-file=/dev/null --port=0 --pid-file="$T/dhcp.pid" --log-facility="$T/dhcp.log" \
		--interface=eth0 --bind-interfaces --dhcp-authoritative --dhcp-leasefile="$T/dhcp.leases" \
		--dhcp-range=198.51.100.100,198.51.100.199,255.255.255.0,1h --dhcp-option=option:router,198.51.100.1
	berth network create lan kind=macvlan parent=uplink subnet=198.51.100.0/24 gateway=198.51.100.1 \
		subnet6=fd00:51::/64 gateway6=fd00:51::1 2>"$T/created"
}

tear_down() {
	kill "$(cat "$T/dhcp.pid")"
	end_the_world
}

# asks_dhcp MACHINE [LINK]: as a DHCP client of a distribution does.
asks_dhcp() {
	berth exec "$1" -- sh -c 'cat >/tmp/got <<"END"
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add "$ip/$mask" dev "$interface"
END
chmod +x /tmp/got'
	berth exec "$1" -- udhcpc -i "${2:-eth0}" -n -q -t 20 -T 1 -s /tmp/got
}

address_in() {
	berth exec "$1" -- ip -o -4 addr show dev "${2:-eth0}" | sed -n 's/.*inet \([0-9.]*\).*/\1/p'
}

mode_of() {
	nsenter --net="/proc/$(field "$1" init)/ns/net" ip -d link show dev "${2:-eth0}" | sed -n 's/.*macvlan mode \([a-z]*\).*/\1/p'
}

# fixed NAME LAST [NETWORK]: a machine that runs with the address 198.51.100.LAST.
fixed() {
	berth create --network "${3:-lan}" bb "$1"
	berth set "$1" network.address="198.51.100.$2"
	berth start "$1"
}

# The interface is the machine's alone: the host has no end of it, and does not reach the machine by it.
case_dhcp() {
	local links address
	has "'lan': the host itself does not reach its machines by 'uplink', nor they it; no guard" "$(cat "$T/created")"
	links=$(ip -o link | grep -v " uplink")
	berth launch --network lan bb web
	same "links of the host" "$links" "$(ip -o link | grep -v " uplink")"
	same "hardware address" "$(berth nic list --json web | jq -r '.[0].mac')" \
		"$(berth exec web -- cat /sys/class/net/eth0/address)"
	asks_dhcp web
	address=$(address_in web)
	has "^198\.51\.100\.1[0-9][0-9]$" "$address"
	in_the_world ping -c 1 -W 5 "$address"
	not ping -c 1 -W 1 "$address"
	has "^web +running .*$address" "$(berth list)"
	has "address: +$address/24" "$(berth info web)"
	has "web +eth0 +lan +$address" "$(berth nic list)"
	has "kind: +macvlan" "$(berth network info lan)"
	has "mode: +bridge" "$(berth network info lan)"
	has "web received [1-9][0-9]* packets, .*; sent [1-9].*; no guard" "$(berth network info lan)"
	same "network" "lan macvlan uplink true 1 1" \
		"$(berth network list --json | jq -r '.[] | "\(.name) \(.kind) \(.parent) \(.up) \(.leases) \(.ports)"')"
	same "map" '["uplink"] web eth0 true null' "$(berth network map --json |
		jq -r '.networks[] | select(.name == "lan") | "\(.uplinks) \(.nics[] | "\(.machine) \(.nic) \(.active) \(.error)")"')"
	has "ok.*'lan' \(macvlan uplink\) is up" "$(berth doctor || true)"
	fails 1 "network 'lan': 1 machine is on it: 'web'; stop it first" berth network delete --force lan
	# A restart makes it anew, with the same hardware address, for which the LAN has the same address.
	berth restart --force web
	asks_dhcp web
	same "after a restart" "$address" "$(address_in web)"
	berth stop --force web
	same "ports" 0 "$(berth network info --json lan | jq .ports)"
	same "links after the end" "$links" "$(ip -o link | grep -v " uplink")"
	find "$BERTH_ROOT/run/networks" -path "*/inside*" >"$T/notes"
	empty "notes" "$T/notes"
	gone web
}

# Both families are set before init, and machines on one interface reach each other.
case_fixed() {
	berth create --network lan bb one
	berth set one network.address=198.51.100.20 network.address6=fd00:51::20
	berth start one
	fixed two 21
	in_the_world ping -c 1 -W 5 198.51.100.20
	in_the_world ping -6 -c 1 -W 5 fd00:51::20
	berth exec two -- ping -c 1 -W 5 198.51.100.20
	has "default via 198.51.100.1 dev eth0" "$(berth exec one -- ip route)"
	has "default via fd00:51::1 dev eth0" "$(berth exec one -- ip -6 route)"
	berth exec one -- reboot || true
	retry 30 berth exec one -- ping -c 1 -W 5 198.51.100.1
	in_the_world ping -6 -c 1 -W 5 fd00:51::20
	gone one two
}

# An interface of a running machine: added, changed and taken away, also under another name.
case_nic() {
	berth launch --network= bb mnic
	berth nic add mnic lan0 --network lan --address 198.51.100.30
	in_the_world ping -c 1 -W 5 198.51.100.30
	berth nic set mnic lan0 address=198.51.100.31 mtu=1400
	in_the_world ping -c 1 -W 5 198.51.100.31
	same "MTU inside" 1400 "$(berth exec mnic -- cat /sys/class/net/lan0/mtu)"
	fails 1 "'mnic' is to have mtu 9000, but that of the host's 'uplink' is 1500" berth nic set mnic lan0 mtu=9000
	in_the_world ping -c 1 -W 5 198.51.100.31
	fails 1 "VLAN 7 cannot be chosen on a network of kind macvlan.*interface of that VLAN as parent" \
		berth nic set mnic lan0 vlan=7
	berth exec mnic -- sh -c 'ip link set lan0 down; ip link set lan0 name other'
	berth nic remove mnic lan0
	same "links" lo "$(berth exec mnic -- ls /sys/class/net)"
	berth exec mnic -- ip link add lan0 type veth peer name peer0
	fails 1 "machine 'mnic' has a link 'lan0' of its own already" berth nic add mnic lan0 --network lan
	has "lan0 lo" "$(berth exec mnic -- ls /sys/class/net | xargs)"
	same "nics" "[]" "$(berth nic list --json mnic)"
	gone mnic
}

# Private machines do not reach each other, and passthru gives the interface to one.
case_modes() {
	berth network create apart kind=macvlan mode=private parent=uplink subnet=198.51.100.0/24
	fixed one 40 apart
	fixed two 41 apart
	same "mode" private "$(mode_of one)"
	in_the_world ping -c 1 -W 5 198.51.100.40
	not berth exec two -- ping -c 1 -W 1 198.51.100.40
	fails 1 "network 'apart': 2 machines are on it: 'one', 'two'; stop them first" berth network set apart mode=vepa
	gone one two
	berth network set apart mode=passthru
	fixed one 42 apart
	in_the_world ping -c 1 -W 5 198.51.100.42
	same "the interface's own address" "$(ip -j link show uplink | jq -r ".[].address")" "$(berth nic list --json one | jq -r '.[0].mac')"
	has "^mac: +$(ip -j link show uplink | jq -r ".[].address")" "$(berth info one)"
	berth create --network apart bb two
	fails 1 "network 'apart': in mode passthru 'two' has the host's 'uplink' for itself, which carries other links" berth start two
	gone one two
	berth network delete apart
	# An isolated machine alone.
	berth create --network lan bb one
	berth set one network.address=198.51.100.43 security.port_isolation=yes
	berth start one
	same "mode of an isolated machine" private "$(mode_of one)"
	gone one
}

case_capture() {
	fixed web 50
	captures_over_a_restart web 198.51.100.50
	gone web
}

# A parent that goes takes the interfaces along, and one that comes back gets them again.
case_parent_again() {
	ip link add nic0 type veth peer name nic1
	ip link set nic0 up
	ip link set nic1 up
	berth network create usb kind=macvlan parent=nic0 subnet=10.66.0.0/24
	fixed_on_usb() {
		berth create --network usb bb stays
		berth set stays network.address=10.66.0.5
		berth start stays
	}
	fixed_on_usb
	ip link del nic0
	has "the host has no link 'nic0', which is to be the parent of its machines; plug it in" "$(berth doctor || true)"
	has "machine 'stays' is cut off" "$(berth doctor || true)"
	same "links" lo "$(berth exec stays -- ls /sys/class/net)"
	# It could not start again.
	fails 1 "the host has no link 'nic0'" berth restart stays
	state_is stays running
	ip link add nic0 type veth peer name nic1
	ip link set nic0 up
	ip link set nic1 up
	berth network up usb
	ip addr add 10.66.0.1/24 dev nic1
	same "address again" 10.66.0.5 "$(address_in stays)"
	gone stays
	berth network delete usb
	ip link del nic0
}

# What was begun is completed, or ends with the machine.
case_killed() {
	local point
	for point in inside-noted inside-made; do
		berth launch --network= bb hit
		not env BERTH_FAULT="$point:1" berth nic add hit lan0 --network lan --address 198.51.100.60
		# The nic is in the settings, as for any network; the same command completes it, or its removal ends it.
		berth nic remove hit lan0
		same "links, $point" lo "$(berth exec hit -- ls /sys/class/net)"
		berth nic add hit lan0 --network lan --address 198.51.100.60
		in_the_world ping -c 1 -W 5 198.51.100.60
		# Nothing is left when keeper and guest are gone at once.
		kill -KILL "$(field hit keeper)"
		retry 20 not in_the_world ping -c 1 -W 1 198.51.100.60
		berth start hit
		in_the_world ping -c 1 -W 5 198.51.100.60
		gone hit
		berth create --network lan bb hit
		not env BERTH_FAULT="$point:1" berth start hit
		berth start hit
		asks_dhcp hit
		gone hit
	done
	find "$BERTH_ROOT/run/networks" -path "*/inside*" >"$T/notes"
	empty "notes" "$T/notes"
}

# Each sentence names the object, the cause and the remedy, before anything is made.
case_refused() {
	local kind
	for kind in macvlan ipvlan; do
		fails 1 "network 'bad': a network of kind $kind has no parent; name the interface of the host" \
			berth network create bad kind="$kind"
		fails 1 "network 'bad': the host's link 'lo' has no hardware address" berth network create bad kind="$kind" parent=lo
		fails 1 "network 'bad': isolated is yes" berth network create bad kind="$kind" parent=uplink isolated=yes
		fails 1 "network 'bad': nat is for networks of berth's own" berth network create bad kind="$kind" parent=uplink nat=yes
	done
	fails 1 "mode is 'l2', but a network of kind macvlan has one of bridge, private, vepa and passthru" \
		berth network create bad kind=macvlan parent=uplink mode=l2
	fails 1 "mode is 'vepa', but a network of kind ipvlan has one of l2, l3 and l3s" \
		berth network create bad kind=ipvlan parent=uplink mode=vepa
	fails 1 "mode is 'vepa', but a network of kind bridge has no mode" berth network create bad mode=vepa
	fails 2 "mode cannot be 'no'" berth network create bad kind=macvlan parent=uplink mode=no
	fails 1 "'lan' is of kind macvlan and cannot become one of kind join" berth network set lan kind=join
	fails 1 "no network 'bad'" berth network info bad
	ip link add link uplink name mv0 type macvlan mode bridge
	fails 1 "the host's link 'mv0' is on another interface itself" berth network create bad kind=macvlan parent=mv0
	ip link del mv0
	# A parent that is no port of a bridge now may be one at the start.
	ip link add br-x type bridge
	ip link add nic0 type veth peer name nic1
	ip link set nic0 up master br-x
	berth network create port kind=macvlan parent=nic0
	berth create --network port bb mport
	fails 1 "network 'port': the host's 'nic0' is a port of a bridge or bond" berth start mport
	ip link del nic0
	fails 1 "network 'port': the host has no link 'nic0', which is to be the parent of its machines; plug it in or make it" \
		berth start mport
	gone mport
	berth network delete port
	ip link del br-x
	# A parent may come later, and a wrong name is told.
	for kind in join macvlan ipvlan; do
		has "network 'later': the host has no link 'nosuch' now; machines start on the network once it is there" \
			"$(berth network create later kind="$kind" parent=nosuch 2>&1)"
		has "the host has no link 'nosuch', which is to be" "$(berth doctor || true)"
		berth network delete later
	done
}

# Of ipvlan, machines have the hardware address of the host's interface.
case_ipvlan() {
	berth network create shared kind=ipvlan parent=uplink subnet=198.51.100.0/24 gateway=198.51.100.1
	berth create --network shared bb one
	berth set one network.address=198.51.100.70
	if ! ip link add link uplink name iv0 type ipvlan mode l2; then
		fails 1 "network 'shared': the kernel has no ipvlan; load it \(modprobe ipvlan\)" berth start one
		skip "this kernel has no ipvlan"
		gone one
		berth network delete shared
		return 0
	fi
	ip link del iv0
	berth start one
	in_the_world ping -c 1 -W 5 198.51.100.70
	same "the interface's own address" "$(ip -j link show uplink | jq -r ".[].address")" "$(berth nic list --json one | jq -r '.[0].mac')"
	not berth exec one -- ip link set eth0 address 02:00:00:00:00:99
	gone one
	berth network delete shared
}

run_cases "$@"
