#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# IPv6 in machines whose own network managers configure the link, by router advertisements and DHCPv6.
needs_debian="trixie"
needs_roots="dhclient=resolvconf,iputils-ping,isc-dhcp-client"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

set_up() {
	busybox_template bb
	debian_template trixie
	debian_template dhclient
	printf '[Match]\nName=eth0\n[Network]\nDHCP=yes\n' >"$T/eth0.network"
	berth network create lan --subnet 10.77.1.0/24 subnet6=fd00:77:1:2::/64
	berth launch --network lan --wait bb peer
	managed net lan
}

# managed MACHINE NETWORK: a machine of Debian whose systemd-networkd configures eth0.
managed() {
	berth create --network "$2" trixie "$1"
	berth push "$T/eth0.network" "$1:/etc/systemd/network/eth0.network"
	berth start --wait "$1"
	berth exec "$1" -- systemctl enable systemd-networkd 2>"$T/said"
	berth restart --wait "$1"
}

six() {
	berth info --json "$1" | jq -r .network.address6
}

ping6_from() {
	retry 10 berth exec "$1" -- ping -6 -c 1 -W 5 "$2"
}

# pid_of NETWORK: of its dnsmasq.
pid_of() {
	pgrep -f -- "--pid-file=$BERTH_ROOT.*/$1/dnsmasq.pid"
}

# leased MACHINE: its eth0 has its address6 from DHCPv6, ready for use, and no other one.
leased() {
	local have
	have=$(berth exec "$1" -- ip -6 -o addr show dev eth0 scope global)
	[[ $(wc -l <<<"$have") == 1 && $have == *"inet6 $(six "$1")/128 "*dynamic* && $have != *tentative* ]]
}

# routes MACHINE PATTERN: its routes of IPv6 have the pattern.
routes() {
	berth exec "$1" -- ip -6 route | grep -Eq "$2"
}

reaches() {
	retry 20 routes "$1" '^default .*via (fe80|fd00:77:1:2)::.* dev eth0'
	retry 20 routes "$1" '^fd00:77:1:2::/64 dev eth0'
	ping6_from "$1" fd00:77:1:2::1
	ping6_from "$1" "$(six peer)"
	ping6_from peer "$(six "$1")"
}

# systemd-networkd drops the address that was set, and gets the same one again.
case_networkd() {
	local before
	before=$(six net)
	retry 20 leased net
	reaches net
	has "fd00:77:1:2::1" "$(berth exec net -- networkctl status --no-pager eth0)"
	berth exec net -- networkctl reconfigure eth0
	retry 20 leased net
	reaches net
	berth restart --wait net
	same "after a restart" "$before" "$(six net)"
	retry 20 leased net
	reaches net
}

# A machine that is added needs no new dnsmasq; one that takes the address of another has a client with another identifier.
case_address_of_another() {
	local pid before before4
	pid=$(pid_of lan)
	managed gone lan
	same "dnsmasq" "$pid" "$(pid_of lan)"
	retry 20 leased gone
	before=$(six gone)
	before4=$(field gone network.address)
	berth delete --force gone
	berth create --network lan --set network.address="$before4" trixie next
	berth push "$T/eth0.network" next:/etc/systemd/network/eth0.network
	berth start --wait next
	same "address" "$before" "$(six next)"
	berth exec next -- systemctl enable --now systemd-networkd 2>"$T/said"
	retry 20 leased next
	reaches next
	berth delete --force next
}

# asks MACHINE: dhclient gets the machine's address. It needs a link-local one, and leaves the routes to the kernel.
asks() {
	retry 10 not berth exec "$1" -- sh -c 'ip -6 addr show dev eth0 scope link | grep tentative'
	berth exec "$1" -- timeout 120 dhclient -6 -1 eth0
	retry 10 leased "$1"
	retry 90 routes "$1" '^fd00:77:1:2::/64 dev eth0'
	reaches "$1"
}

case_dhclient() {
	local before
	berth launch --network lan --wait dhclient dh
	before=$(six dh)
	reaches dh
	asks dh
	berth restart --wait dh
	same "after a restart" "$before" "$(six dh)"
	asks dh
	berth delete --force dh
}

# The kernel of a guest without such programs keeps the set default route, as the only one, and makes no address.
case_set_by_hand() {
	berth exec peer -- sh -c 'for i in 1 2 3; do ip link set eth0 down; ip link set eth0 up; done'
	retry 20 routes peer '^fd00:77:1:2::/64 dev eth0 .*expires'
	not routes peer ^default
	silent "addresses" berth exec peer -- ip -6 -o addr show dev eth0 scope global
	berth restart --wait peer
	same "default routes" 1 "$(berth exec peer -- ip -6 route | grep -c '^default')"
	reaches peer
}

# A private network has DHCPv6 too, and no default route.
case_private() {
	berth network create shut --subnet 10.77.3.0/24 kind=private subnet6=fd00:77:3::/80
	managed inside shut
	retry 20 leased inside
	retry 20 routes inside '^fd00:77:3::/80 dev eth0'
	lacks default "$(berth exec inside -- ip -6 route)"
	berth delete --force inside
	berth network delete shut
}

case_without_subnet6() {
	berth network create plain --subnet 10.77.4.0/24
	berth launch --network plain --wait bb four
	lacks "enable-ra|ra-param|option6|fd00" "$(tr '\0' ' ' <"/proc/$(pid_of plain)/cmdline")"
	has "dhcp-lease-max=255 " "$(tr '\0' ' ' <"/proc/$(pid_of plain)/cmdline")"
	berth delete --force four
	berth network delete plain
}

run_cases "$@"
