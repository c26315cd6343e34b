#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Static routes of networks and of interfaces, of both families: before init, live, by DHCP, and after a kill.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/faults.sh
. "$top/tests/faults.sh"

# shellcheck disable=SC2034 # of tests/cases.sh
needs_faults="case_killed"

# A machine that has the networks behind it as addresses of its own.
set_up() {
	busybox_template bb
	berth network create lan --subnet 10.77.1.0/24 subnet6=fd77:1::/64 \
		routes='10.9.0.0/16  via 10.77.1.7,fd09:0::/48 via fd77:1:0::7'
	berth network create side --subnet 10.77.2.0/24 subnet6=fd77:2::/64
	berth launch --wait --network lan --set network.address=10.77.1.7 --set network.address6=fd77:1::7 \
		--set security.spoofing=yes bb router
	berth exec router -- sh -c 'ip addr add 10.9.0.1/32 dev lo; ip addr add fd09::1/128 dev lo'
	berth launch --wait --network lan bb web
}

# routes_of MACHINE FAMILY: those of berth's, "TO VIA LINK", sorted.
routes_of() {
	nsenter --net="/proc/$(field "$1" init)/ns/net" ip "-$2" -j route |
		jq -r '.[] | select(.protocol == "66") | "\(.dst) \(.gateway) \(.dev)"' | sort | paste -sd ,
}

pings() {
	berth exec web -- ping -c 1 -W 5 "$1"
}

case_of_a_network() {
	same "canonical" "10.9.0.0/16 via 10.77.1.7, fd09::/48 via fd77:1::7" "$(berth network get lan routes)"
	has "^routes: +10.9.0.0/16 via 10.77.1.7, fd09::/48 via fd77:1::7" "$(berth network info lan)"
	same "object" "10.9.0.0/16 10.77.1.7,fd09::/48 fd77:1::7" \
		"$(berth network info --json lan | jq -r '.routes[] | "\(.to) \(.via)"' | paste -sd ,)"
	has "^routes: +10.9.0.0/16 via 10.77.1.7, fd09" "$(berth info web)"
	same "of a machine" 2 "$(berth info --json web | jq '.network.routes | length')"
	has "yes +10.9.0.0/16 via 10.77.1.7, fd09::/48 via fd77:1::7$" "$(berth nic list web)"
	same "IPv4" "10.9.0.0/16 10.77.1.7 eth0" "$(routes_of web 4)"
	same "IPv6" "fd09::/48 fd77:1::7 eth0" "$(routes_of web 6)"
	pings 10.9.0.1
	pings fd09::1
	berth restart --force web
	same "IPv4 again" "10.9.0.0/16 10.77.1.7 eth0" "$(routes_of web 4)"
}

# Machines that run get and lose them at once; a route of their own stays.
case_live() {
	berth exec web -- ip route add 10.10.0.0/16 via 10.77.1.7
	berth network set lan routes='10.11.0.0/16 via 10.77.1.7'
	same "IPv4" "10.11.0.0/16 10.77.1.7 eth0" "$(routes_of web 4)"
	silent "IPv6" routes_of web 6
	has "10.10.0.0/16 via 10.77.1.7" "$(berth exec web -- ip route)"
	berth network unset lan routes
	silent "IPv4 without" routes_of web 4
	berth network set lan routes='10.9.0.0/16 via 10.77.1.7, fd09::/48 via fd77:1::7'
	pings fd09::1
	# A gateway that is in the subnet no more.
	berth network set side routes='fd09::/48 via fd77:2::7'
	fails 1 "the route to fd09::/48 leads by fd77:2::7, which is not in subnet6 'fd77:5::/64'" berth network set side subnet6=fd77:5::/64
	fails 1 "and there is no subnet6 that this gateway could be in" berth network set side subnet6=none
	berth network unset side routes
	pings 10.9.0.1
}

# One of an interface takes the place of that of its network.
case_of_a_nic() {
	berth nic add web eth1 --network side --routes '10.12.0.0/16 via 10.77.2.9,fd12::/48 via fd77:2::9'
	same "beside those of eth0" "10.12.0.0/16 10.77.2.9 eth1,10.9.0.0/16 10.77.1.7 eth0" "$(routes_of web 4)"
	has "eth1 .*10.12.0.0/16 via 10.77.2.9, fd12::/48 via fd77:2::9" "$(berth nic list web)"
	has "^nic: +eth1, .*routes 10.12.0.0/16 via 10.77.2.9" "$(berth info web)"
	berth nic set web eth1 routes='10.13.0.0/16 via 10.77.2.9'
	same "changed" "10.13.0.0/16 10.77.2.9 eth1,10.9.0.0/16 10.77.1.7 eth0" "$(routes_of web 4)"
	lacks "fd12" "$(routes_of web 6)"
	berth network set side routes='10.13.0.0/16 via 10.77.2.8, 10.14.0.0/16 via 10.77.2.8'
	same "over the network's" "10.13.0.0/16 10.77.2.9 eth1,10.14.0.0/16 10.77.2.8 eth1,10.9.0.0/16 10.77.1.7 eth0" "$(routes_of web 4)"
	berth restart --force web
	same "after a restart" "10.13.0.0/16 10.77.2.9 eth1,10.14.0.0/16 10.77.2.8 eth1,10.9.0.0/16 10.77.1.7 eth0" "$(routes_of web 4)"
	berth set web network.routes='10.9.0.0/16 via 10.77.1.8'
	berth restart --force web
	same "of eth0" "10.9.0.0/16 10.77.1.8 eth0" "$(routes_of web 4 | tr , '\n' | grep 'eth0$')"
	has "^routes: +10.9.0.0/16 via 10.77.1.8" "$(berth info web)"
	berth unset web network.routes
	berth network unset side routes
	berth nic remove web eth1
	berth restart --force web
	same "at last" "10.9.0.0/16 10.77.1.7 eth0" "$(routes_of web 4)"
}

# Clients of DHCP get those of IPv4, and the default route among them.
case_dhcp() {
	printf '#!/bin/sh\necho "$1 $staticroutes" >>/tmp/said\n' >"$T/script"
	chmod 755 "$T/script"
	berth push "$T/script" web:/tmp/script 2>/dev/null || berth exec web -- sh -c 'cat >/tmp/script; chmod 755 /tmp/script' <"$T/script"
	berth exec web -- busybox udhcpc -n -q -f -t 10 -i eth0 -O staticroutes -s /tmp/script
	has "bound 10.9.0.0/16 10.77.1.7 0.0.0.0/0 10.77.1.1" "$(berth exec web -- cat /tmp/said)"
}

# The mark of a change that was killed brings the routes to the machines.
case_killed() {
	not_kindly env BERTH_FAULT=network-set:1 berth network set lan routes='10.15.0.0/16 via 10.77.1.7'
	same "before" "10.9.0.0/16 10.77.1.7 eth0" "$(routes_of web 4)"
	berth network up lan
	same "after" "10.15.0.0/16 10.77.1.7 eth0" "$(routes_of web 4)"
	silent "the mark" find "$BERTH_ROOT/lib/networks/lan" -name renumbering
	berth network set lan routes='10.9.0.0/16 via 10.77.1.7, fd09::/48 via fd77:1::7'
}

case_refused() {
	local set=(berth network set lan)
	fails 2 "routes 'x' is no list of routes; use NETWORK/BITS via ADDRESS" "${set[@]}" routes=x
	fails 2 "routes '10.1.0.0/16 via' is no list" "${set[@]}" routes="10.1.0.0/16 via"
	fails 2 "has a destination without a prefix" "${set[@]}" routes="10.1.0.0 via 10.77.1.7"
	fails 2 "has a destination that is no network" "${set[@]}" routes="10.1.0.0/33 via 10.77.1.7"
	fails 2 "has a destination with bits behind its prefix" "${set[@]}" routes="10.1.2.3/16 via 10.77.1.7"
	fails 2 "has the default route, which is no static one; key route of a nic says" "${set[@]}" routes="0.0.0.0/0 via 10.77.1.7"
	fails 2 "of one family and a gateway of the other" "${set[@]}" routes="10.1.0.0/16 via fd77:1::7"
	fails 2 "has a gateway that is no address" "${set[@]}" routes="10.1.0.0/16 via web"
	fails 2 "has a gateway that no machine can be" "${set[@]}" routes="10.1.0.0/16 via 127.0.0.1"
	fails 2 "has two routes to one network" "${set[@]}" routes="10.1.0.0/16 via 10.77.1.7, 10.1.0.0/16 via 10.77.1.8"
	fails 2 "has more than 16 routes" "${set[@]}" routes="$(seq -f '10.%g.0.0/16 via 10.77.1.7' -s , 1 17)"
	fails 1 "the route to 10.1.0.0/16 leads by 10.77.2.7, which is not in subnet '10.77.1.0/24'" "${set[@]}" routes="10.1.0.0/16 via 10.77.2.7"
	fails 1 "the route to 10.77.1.0/24 is one to subnet itself" "${set[@]}" routes="10.77.1.0/24 via 10.77.1.7"
	fails 1 "there is no subnet that this gateway could be in" berth network create new routes="10.1.0.0/16 via 10.77.3.7"
	fails 1 "there is no subnet6 that this gateway could be in; name the subnet6" \
		berth network create new subnet6=auto routes="fd01::/48 via fd77:3::7"
	fails 1 "nic 'eth0' on network 'lan': the route to 10.1.0.0/16 leads by 10.77.2.7, which is not in" \
		berth set web network.routes="10.1.0.0/16 via 10.77.2.7"
	fails 1 "nic 'eth5' on network 'side': the route to 10.1.0.0/16 leads by 10.77.1.7" \
		berth nic add web eth5 --network side --routes "10.1.0.0/16 via 10.77.1.7"
	berth nic add web eth1 --network side --routes "10.1.0.0/16 via 10.77.2.7"
	fails 1 "nics 'eth0' and 'eth1' both have a route to 10.1.0.0/16|nics 'eth1' and 'eth0'|nic" \
		berth set web network.routes="10.1.0.0/16 via 10.77.1.7"
	berth nic remove web eth1
	same "routes" "10.9.0.0/16 via 10.77.1.7, fd09::/48 via fd77:1::7" "$(berth network get lan routes)"
}

# A file whose routes do not fit changes nothing, also not another network of it.
case_applied() {
	printf '%s\n' '[network other]' '[network new]' 'subnet = 10.78.5.0/24' 'routes = 10.1.0.0/16 via 10.78.6.1' >"$T/new.apply"
	fails 1 "network 'new': the route to 10.1.0.0/16 leads by 10.78.6.1, which is not in" berth apply "$T/new.apply"
	fails 1 "network 'other'" berth network info other
	printf '%s\n' '[network lan]' 'routes = 10.1.0.0/16 via 10.77.2.7' >"$T/lan.apply"
	fails 1 "network 'lan': the route to 10.1.0.0/16 leads by 10.77.2.7, which is not in" berth apply "$T/lan.apply"
	printf '%s\n' '[network lan]' 'routes = 10.1.0.0/16 via 10.77.1.7' >"$T/lan.apply"
	berth apply "$T/lan.apply"
	same "routes" "10.1.0.0/16 via 10.77.1.7" "$(berth network get lan routes)"
}

run_cases "$@"
