#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Each DHCP client of Debian's that configures the link of its machine keeps the one address of each family, and the static
# route of the network, over ten restarts and a renewal.
needs_debian="bookworm"
needs_roots="dhcpcd=dhcpcd5,iputils-ping manager=network-manager,iputils-ping dhclient=resolvconf,iputils-ping,isc-dhcp-client
	resolved=systemd-resolved,iputils-ping,sudo openresolv=openresolv,iputils-ping,udhcpc,busybox"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

set_up() {
	busybox_template bb
	berth network create lan --subnet 10.77.1.0/24 subnet6=fd00:77:1:2::/64 routes='10.9.0.0/16 via 10.77.1.9'
	berth launch --network lan --wait bb peer
}

# machine ROOT: one of that root, whose addresses are kept in $T/ROOT.
machine() {
	debian_template "$1"
	berth launch --network lan --wait "$1" "$1"
	berth info --json "$1" | jq -r '.network | "\(.address) \(.address6)"' >"$T/$1"
}

# kept MACHINE: it has the addresses that it was made with, those of its lease, and no other ones.
kept() {
	local four six
	read -r four six <"$T/$1"
	same "lease" "$four $six" "$(berth info --json "$1" | jq -r '.network | "\(.address) \(.address6)"')" || return
	same "IPv4 of $1" "$four" "$(berth exec "$1" -- ip -4 -o addr show dev eth0 scope global | awk '{ print $4 }' | cut -d / -f 1)" || return
	same "IPv6 of $1" "$six" "$(berth exec "$1" -- ip -6 -o addr show dev eth0 scope global | awk '{ print $4 }' | cut -d / -f 1)"
}

# from MACHINE FAMILY: its address of that family is one that its client has set, and that ends one day.
from() {
	has "dynamic" "$(berth exec "$1" -- ip "-$2" -o addr show dev eth0 scope global)"
}

reaches() {
	berth exec "$1" -- ping -c 1 -W 5 "$(field peer network.address)" || return
	berth exec "$1" -- ping -6 -c 1 -W 5 "$(berth info --json peer | jq -r .network.address6)" || return
	berth exec peer -- ping -c 1 -W 5 "$(field "$1" network.address)" || return
	has "^default via 10.77.1.1 dev eth0" "$(berth exec "$1" -- ip route)" || return
	has "^default " "$(berth exec "$1" -- ip -6 route)"
}

# The script of Debian's udhcpc sets no static routes.
is_well() {
	kept "$1" && reaches "$1" &&
		{ [[ $1 == openresolv ]] || berth exec "$1" -- ip route | grep "^10.9.0.0/16 via 10.77.1.9 dev eth0"; }
}

# ten_restarts MACHINE [FUNCTION]: after each, the function has the client ask, unless its service does.
ten_restarts() {
	local n
	for ((n = 0; n < 10; n++)); do
		berth restart --wait "$1"
		"${2:-true}" "$1"
		retry 40 is_well "$1"
	done
}

forget() {
	berth delete --force "$1"
	berth template delete "$1"
}

# As it is installed, it finds no link without udev, and leaves it alone; "nodev" makes it a client.
case_dhcpcd() {
	machine dhcpcd
	is_well dhcpcd
	berth exec dhcpcd -- sh -c 'echo nodev >>/etc/dhcpcd.conf'
	ten_restarts dhcpcd
	retry 40 from dhcpcd 4
	retry 40 from dhcpcd 6
	has "10.77.1.1" "$(berth exec dhcpcd -- dhcpcd -U -4 eth0)"
	berth exec dhcpcd -- dhcpcd -n eth0
	retry 40 is_well dhcpcd
	forget dhcpcd
}

# As it is installed, it shows the link as one of another's; a connection of its own makes it a client.
case_network_manager() {
	machine manager
	is_well manager
	has "eth0:connected \(externally\)" "$(berth exec manager -- nmcli -t -f DEVICE,STATE device)"
	berth exec manager -- nmcli connection add type ethernet ifname eth0 con-name wired ipv4.method auto ipv6.method auto
	asks_manager manager
	retry 40 from manager 6
	is_well manager
	ten_restarts manager asks_manager
	retry 40 from manager 4
	retry 40 from manager 6
	berth exec manager -- nmcli device reapply eth0
	retry 40 is_well manager
	forget manager
}

asks_manager() {
	retry 20 berth exec "$1" -- nmcli --wait 40 connection up wired
}

case_networkd() {
	machine resolved
	berth exec resolved -- sh -c 'printf "[Match]\nName=eth0\n[Network]\nDHCP=yes\n" >/etc/systemd/network/eth0.network
		systemctl enable systemd-networkd'
	ten_restarts resolved
	retry 40 from resolved 4
	berth exec resolved -- networkctl renew eth0
	retry 40 is_well resolved
	forget resolved
}

# The kernel brings the route to the prefix back by the next advertisement, after a minute.
case_dhclient() {
	machine dhclient
	ten_restarts dhclient asks_dhclient
	asks_dhclient dhclient
	is_well dhclient
	asks_dhclient6 dhclient
	retry 10 from dhclient 6
	retry 90 is_well dhclient
	forget dhclient
}

asks_dhclient() {
	berth exec "$1" -- timeout 120 dhclient -1 eth0
}

asks_dhclient6() {
	retry 10 not berth exec "$1" -- sh -c 'ip -6 addr show dev eth0 scope link | grep tentative'
	berth exec "$1" -- timeout 120 dhclient -6 -1 eth0
}

case_udhcpc() {
	machine openresolv
	ten_restarts openresolv asks_udhcpc
	asks_udhcpc openresolv
	is_well openresolv
	forget openresolv
}

asks_udhcpc() {
	berth exec "$1" -- timeout 120 udhcpc -i eth0 -n -q -O staticroutes
}

run_cases "$@"
