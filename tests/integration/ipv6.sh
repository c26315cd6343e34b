#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# IPv6 beside IPv4 on berth's own bridges: subnets, addresses of machines, walls, and hosts without IPv6.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/world.sh
. "$(dirname "$0")/../world.sh"

set_up() {
	busybox_template bb
	berth network create lan --subnet 10.77.1.0/24 subnet6=fd00:77:1:2::/64
	berth launch --network lan --wait bb one
	berth launch --network lan --wait bb two
}

tear_down() {
	end_the_world
}

# six MACHINE: its IPv6 address.
six() {
	berth info --json "$1" | jq -r .network.address6
}

# of NETWORK EXPRESSION: of network info.
of() {
	berth network info --json "$1" | jq -r "$2"
}

# addresses_of MACHINE: of its eth0, as the kernel has them; without link-local ones.
addresses_of() {
	berth exec "$1" -- ip -6 -o addr show dev eth0 scope global
}

# ping6_from MACHINE ADDRESS [SECONDS]: it answers; with seconds: at once, or not at all.
ping6_from() {
	if [[ -n ${3:-} ]]; then
		berth exec "$1" -- ping -6 -c 1 -W "$3" "$2" >/dev/null
	else
		retry 10 berth exec "$1" -- ping -6 -c 1 -W 5 "$2"
	fi
}

# The last 32 bits are the IPv4 address, so that no two machines have the same.
made_of() {
	python3 -IS -c 'import ipaddress, sys
net = ipaddress.ip_network(sys.argv[1])
print(net[int(ipaddress.ip_address(sys.argv[2]))])' "$(of lan .subnet6)" "$1"
}

case_addresses() {
	local bridge
	bridge=$(of lan .bridge)
	same gateway fd00:77:1:2::1 "$(of lan .gateway6)"
	has "inet6 fd00:77:1:2::1/64 .*nodad" "$(ip -6 -o addr show dev "$bridge")"
	same "address of one" "$(made_of "$(field one network.address)")" "$(six one)"
	[[ $(six one) != "$(six two)" ]]
	has "inet6 $(six one)/64" "$(addresses_of one)"
	lacks tentative "$(addresses_of one)"
	has "default via fd00:77:1:2::1 dev eth0" "$(berth exec one -- ip -6 route)"
	ping6_from one "$(six two)"
	ping6_from two "$(six one)"
	ping6_from one fd00:77:1:2::1
	ping -6 -c 1 -W 5 "$(six one)"
	# Other networks are as they were.
	berth launch bb plain
	same "without subnet6" null "$(six plain)"
	silent "addresses" addresses_of plain
	berth delete --force plain
}

# init has the address before its first instruction, and waits for nobody to say that it is free.
case_before_init() {
	berth create --network lan bb early
	cat >"$T/first" <<-'END'
		#!/bin/sh
		ip -6 -o addr show dev eth0 scope global >/seen
		ip -6 route >>/seen
		exec sleep 1000
	END
	chmod 755 "$T/first"
	berth push "$T/first" early:/first
	berth set early init=/first
	berth start early
	retry 10 berth exec early -- grep -q default /seen
	has "inet6 $(six early)/64 scope global" "$(berth exec early cat /seen)"
	lacks tentative "$(berth exec early cat /seen)"
	berth delete --force early
}

case_kept_and_drawn() {
	local before clone
	before=$(six two)
	berth restart --wait two
	same "after a restart" "$before" "$(six two)"
	berth stop two
	berth rename two deux
	berth start --wait deux
	same "after a rename" "$before" "$(six deux)"
	has "inet6 $before/64" "$(addresses_of deux)"
	berth clone deux copy
	berth start --wait copy
	clone=$(six copy)
	[[ -n $clone && $clone != "$before" ]] || fault "the clone has '$clone'"
	has "inet6 $clone/64" "$(addresses_of copy)"
	ping6_from copy "$before"
	berth delete --force copy
	berth stop deux
	berth rename deux two
	berth start --wait two
}

case_fixed() {
	berth create --network lan --set network.address6=FD00:77:1:2::0:100 bb fixed
	berth start --wait fixed
	same "fixed" fd00:77:1:2::100 "$(six fixed)"
	has "inet6 fd00:77:1:2::100/64" "$(addresses_of fixed)"
	ping6_from one fd00:77:1:2::100
	fails 1 "IPv6 address fd00:77:9::1 cannot be a machine's: the subnet is fd00:77:1:2::/64" \
		berth set two network.address6=fd00:77:9::1
	fails 1 "machine 'fixed' has the address .*::100, which is not in subnet6 then; take it away first: berth unset fixed network.address6" \
		berth network set lan subnet6=none
	fails 1 "machine 'fixed' has the address" berth network unset lan subnet6
	fails 1 "machine 'fixed' has the address" berth network set lan subnet6=fd00:77:5:5::/64
	fails 1 "cannot be a machine's" berth set two network.address6=fd00:77:1:2::1
	fails 1 "address fd00:77:1:2::100 belongs to 'fixed'" berth set two network.address6=fd00:77:1:2::100
	fails 1 "is that of the machine with address 10.77.1.9" berth set two network.address6=fd00:77:1:2::a4d:109
	fails 2 "network.address6 cannot be 'fe80::5': no machine can have that address" berth set two network.address6=fe80::5
	fails 2 "cannot be '10.1.2.3': use an IPv6 address" berth set two network.address6=10.1.2.3
	berth network create plain
	fails 1 "network 'plain' has no IPv6 network that fd00:77:1:2::7 could be in" \
		berth create --network plain --set network.address6=fd00:77:1:2::7 bb never
	fails 1 "there is no machine 'never'|no machine" berth info never
	berth network delete plain
	# A clone gets one of its own, and is told so.
	has "network.address6 fd00:77:1:2::100 stays with 'fixed'" "$(berth clone fixed copy 2>&1)"
	same "wish of the clone" "[]" "[$(berth get copy network.address6)]"
	berth delete copy
	# The address is free as soon as a stopped machine has given it up.
	berth stop --force fixed
	berth set fixed network.address6=
	berth create --network lan --set network.address6=fd00:77:1:2::100 bb other
	berth delete other
	berth start --wait fixed
	same "without the wish" "$(made_of "$(field fixed network.address)")" "$(six fixed)"
	berth delete --force fixed
}

case_nics() {
	berth network create far --subnet 10.77.2.0/24 subnet6=fd00:77:2::/80
	berth nic add one eth1 --network far --address6 fd00:77:2::5
	has "inet6 fd00:77:2::5/80" "$(berth exec one -- ip -6 -o addr show dev eth1)"
	same "in nic list" fd00:77:2::5 "$(berth nic list --json one | jq -r '.[] | select(.name == "eth1") | .address6')"
	has "default via fd00:77:1:2::1 dev eth0" "$(berth exec one -- ip -6 route)"
	berth nic set one eth1 address6= route=yes
	has "inet6 $(berth nic list --json one | jq -r '.[] | select(.name == "eth1") | .address6')/80" \
		"$(berth exec one -- ip -6 -o addr show dev eth1)"
	has "default via fd00:77:2::1 dev eth1" "$(berth exec one -- ip -6 route)"
	fails 1 "cannot be a machine's" berth nic set one eth1 address6=fd00:77:1:2::5
	berth nic remove one eth1
	has "default via fd00:77:1:2::1 dev eth0" "$(berth exec one -- ip -6 route)"
	berth network delete far
}

# auto draws a prefix once; both subnets of two roots differ.
case_auto() {
	local drawn other
	berth network create drawn subnet6=auto
	drawn=$(of drawn .subnet6)
	has '^fd[0-9a-f]{2}:[0-9a-f:]+::/64$' "$drawn"
	has "'drawn' has the subnet6 $drawn already and keeps it; for another one: berth network unset drawn subnet6" "$(berth network set drawn subnet6=auto 2>&1)"
	same "drawn again" "$drawn" "$(of drawn .subnet6)"
	other=$(BERTH_ROOT=$T/second berth network create drawn subnet6=auto &&
		BERTH_ROOT=$T/second berth network info --json drawn | jq -r .subnet6)
	[[ $other == fd*::/64 && $other != "$drawn" ]]
	BERTH_ROOT=$T/second berth network delete drawn
	fails 1 "$drawn collides with that of network 'drawn'" berth network create twin subnet6="$drawn"
	ip link add taken type bridge
	ip link set taken up
	ip addr add fd00:99::1/64 dev taken
	fails 1 "collides with a route of this host to fd00:99::/64" berth network create twin subnet6=fd00:99::/64
	# A part of a wider route is for an administrator to choose.
	ip -6 route add fd00:98::/48 dev taken
	berth network create part subnet6=fd00:98:0:7::/64
	berth network delete part
	ip link delete taken
	fails 2 "subnet6 cannot be 'fd00::5/64': that is one address; its network is fd00::/64" berth network create twin subnet6=fd00::5/64
	fails 2 "use an IPv6 network with 64 to 96 bits" berth network create twin subnet6=fd00::/48
	berth network delete drawn
}

# asks NAME TYPE: answers of the network's DNS to machine one.
asks() {
	berth exec one -- busybox nslookup -type="$2" "$1" 10.77.1.1
}

# names MACHINE: the name that its IPv6 address leads to.
names() {
	berth exec one -- busybox nslookup "$(six "$1")" 10.77.1.1
}

case_names() {
	retry 10 asks two.berth aaaa
	has "Address: $(six two)" "$(asks two.berth aaaa)"
	has "Address: $(field two network.address)" "$(asks two.berth a)"
	has "name = two.berth" "$(names two)"
	berth exec one -- ping -6 -c 1 -W 5 two.berth
	berth stop two
	berth rename two deux
	berth start --wait deux
	retry 10 asks deux.berth aaaa
	has "name = deux.berth" "$(names deux)"
	lacks "Address: fd00" "$(asks two.berth aaaa || true)"
	berth stop deux
	berth rename deux two
	berth start --wait two
}

# routes_of MACHINE: its default routes of IPv6.
routes_of() {
	berth exec "$1" -- ip -6 route show default
}

# A network gets IPv6, another subnet of it, and loses it, while machines run there: addresses, routes and names follow.
case_changed() {
	berth exec one -- ip -6 address add fd00:99::1/64 dev eth0
	berth network set lan subnet6=none 2>"$T/note"
	has "machines that run on network 'lan' have no IPv6 on it any more$" "$(cat "$T/note")"
	lacks fd00:77 "$(ip -6 -o addr show dev "$(of lan .bridge)")"
	lacks fd00:77 "$(addresses_of one)"
	silent "routes" routes_of one
	same "address6" null "$(six one)"
	lacks fd00:77 "$(grep -rs . "$BERTH_ROOT/lib/networks/lan/names" "$BERTH_ROOT/lib/networks/lan/hosts"; echo .)"
	lacks fd00 "$(berth exec two -- nslookup one.berth 2>&1 || true)"
	# An address that the machine has given itself stays.
	has fd00:99::1 "$(addresses_of one)"
	berth exec one -- ip -6 address del fd00:99::1/64 dev eth0

	berth network set lan subnet6=fd00:77:1:3::/64 2>"$T/note"
	has "machines that run on network 'lan' have IPv6 addresses on it now" "$(cat "$T/note")"
	has fd00:77:1:3: "$(six one)"
	has "$(six one)" "$(addresses_of one)"
	has "via fd00:77:1:3::1" "$(routes_of one)"
	retry 10 ping6_from one "$(six two)"
	retry 10 berth exec one -- ping -6 -c 1 -W 2 two

	berth network set lan subnet6=fd00:77:1:2::/64 2>"$T/note"
	has "machines that run on network 'lan' have other IPv6 addresses on it now" "$(cat "$T/note")"
	has "inet6 fd00:77:1:2::1/64" "$(ip -6 -o addr show dev "$(of lan .bridge)")"
	lacks fd00:77:1:3: "$(addresses_of one)"
	retry 10 ping6_from one "$(six two)"
	retry 10 berth exec one -- ping -6 -c 1 -W 2 two
	berth restart --wait one two
	retry 10 ping6_from one "$(six two)"
}

# After a kill between the settings and the machines, network up, or the same command, completes the change.
case_change_completed() {
	local before
	before=$(six one)
	# The state of a kill right after the settings: the note, and another subnet in them.
	printf 'fd00:77:1:2::/64 ' >"$BERTH_ROOT/lib/networks/lan/renumbering"
	sed -i 's|^subnet6 = .*|subnet6 = fd00:77:1:4::/64|' "$BERTH_ROOT/lib/networks/lan/network.conf"
	berth network up lan
	has fd00:77:1:4: "$(six one)"
	has "$(six one)" "$(addresses_of one)"
	lacks "$before" "$(addresses_of one)"
	retry 10 ping6_from one "$(six two)"
	[[ ! -e $BERTH_ROOT/lib/networks/lan/renumbering ]]
	berth network set lan subnet6=fd00:77:1:2::/64 2>"$T/note"
	[[ ! -e $BERTH_ROOT/lib/networks/lan/renumbering ]]
	same "as before" "$before" "$(six one)"
	lacks fd00:77:1:4: "$(addresses_of one)"
}

# ---- Walls

mac_of() {
	ip -o link show dev "$1" | sed 's/.*link\/ether \([^ ]*\).*/\1/'
}

port_of() {
	ip -o link | sed -n "s/^[0-9]*: \(bp[0-9a-f]*\)@.*alias $1\$/\1/p"
}

# spoof: $T/spoof has the patterns of machine two that reach machine one. The host forwards.
spoof() {
	local bridge
	bridge=$(of lan .bridge)
	echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
	echo 0 | tee /proc/sys/net/bridge/bridge-nf-call-ip*tables >/dev/null 2>&1 || true
	ip neigh flush dev "$bridge"
	ping -6 -c 1 -W 5 "$(six one)" >/dev/null
	"$top/tests/attack/spoof" "$(field two init)" "$(field one init)" 10.77.1.1 "$(mac_of "$bridge")" \
		"$(mac_of "$(port_of two)")" "$(six two)" "$(six one)" fd00:77:1:2::1 | tee "$T/spoof"
}

case_each_speaks_for_itself() {
	spoof
	silent "own words" sed -n '/^own-/{/ arrives$/!p}' "$T/spoof"
	silent "others' words" sed -n '/^own-/!{/ contained$/!p}' "$T/spoof"
	[[ $(grep -c '^own-' "$T/spoof") -ge 9 && $(grep -vc '^own-' "$T/spoof") -ge 25 ]] || fault "tried: $(cat "$T/spoof")"
}

# Every pattern is a real attack: without the protection all arrive.
# known: the IPv6 addresses, sorted, whose hardware address the host need not ask for.
known() {
	ip -6 neigh show nud permanent dev "$(of lan .bridge)" | cut -d ' ' -f 1 | sort | xargs
}

# The host asks no machine for its hardware address, because a machine that does not answer would hold up dnsmasq.
case_neighbours() {
	local own link before
	berth launch --network lan bb deaf
	own=$(six deaf)
	link=$(berth exec deaf -- ip -6 -o addr show dev eth0 scope link | sed 's/.*inet6 \([^/]*\).*/\1/')
	has "(^| )$own( |$)" "$(known)"
	has "(^| )$link( |$)" "$(known)"
	nsenter --net="/proc/$(field deaf init)/ns/net" nft -f - <<-'END'
		table ip6 deaf {
			chain in {
				type filter hook input priority 0;
				icmpv6 type nd-neighbor-solicit drop;
			}
		}
	END
	ping -6 -c 1 -W 5 "$own"
	# The bridge is made anew, with what was on it.
	before=$(known)
	ip link del "$(of lan .bridge)"
	berth network up lan
	same "after a repair" "$before" "$(known)"
	# They go with the machine, and with its address.
	berth stop --force deaf
	lacks "$own|$link" "$(known)"
	berth set deaf network.address6=fd00:77:1:2::99
	berth start deaf
	has "fd00:77:1:2::99" "$(known)"
	lacks "$own" "$(known)"
	kill -9 "$(field deaf keeper)"
	retry 20 state_is deaf failed
	berth delete --force deaf
	lacks "fd00:77:1:2::99|$link" "$(known)"
	# A nic has them too, as long as it is there.
	berth launch bb two-nics
	berth nic add two-nics eth1 --network lan --address6 fd00:77:1:2::98
	has "fd00:77:1:2::98" "$(known)"
	berth nic remove two-nics eth1
	lacks "fd00:77:1:2::98" "$(known)"
	berth delete --force two-nics
}

case_without_the_walls() {
	local table
	berth set two security.spoofing=yes
	berth restart --wait --force two
	table=berth-$(of lan .bridge)
	nft flush chain inet "$table" forward
	spoof
	berth network up lan
	silent "contained" sed '/ arrives$/d' "$T/spoof"
	berth unset two security.spoofing
	berth restart --wait --force two
}

# Isolated machines reach the host and not each other, also not by the host.
case_isolated() {
	berth network set lan isolated=yes 2>"$T/note"
	berth restart --wait one two
	not ping6_from one "$(six two)" 1
	ping6_from one fd00:77:1:2::1
	berth network unset lan isolated 2>"$T/note"
	berth restart --wait one two
	ping6_from one "$(six two)"
}

# A private network: its machines reach each other, and neither the host nor other networks.
case_private() {
	berth network create away --subnet 10.77.3.0/24 subnet6=fd00:77:3::/64
	berth launch --network away --wait bb outside
	echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
	ping6_from outside "$(six one)"
	berth network set lan kind=private 2>"$T/note"
	lacks default "$(berth exec one -- ip -6 route)"
	private_holds
	berth restart --wait one two
	lacks default "$(berth exec one -- ip -6 route)"
	private_holds
	nft flush ruleset
	berth network up lan away
	private_holds
	# Without the walls all of it is reached.
	nft delete table inet "berth-$(of lan .bridge)"
	berth exec one -- ip -6 route add default via fd00:77:1:2::1
	ping6_from one fd00:77:1:2::1
	ping6_from one "$(six outside)"
	berth exec one -- ip -6 route del default
	berth network set lan kind=bridge 2>"$T/note"
	has "default via fd00:77:1:2::1" "$(berth exec one -- ip -6 route)"
	ping6_from one fd00:77:1:2::1
	berth delete --force outside
	berth network delete away
}

private_holds() {
	ping6_from one "$(six two)"
	berth exec one -- sh -c 'ip -6 route | grep -q ^default || ip -6 route add default via fd00:77:1:2::1'
	not ping6_from one fd00:77:1:2::1 1
	not ping6_from one "$(six outside)" 1
	not ping6_from outside "$(six one)" 1
	not ping -6 -c 1 -W 1 "$(six one)"
	not berth exec one -- busybox nc -w 1 fd00:77:1:2::1 22
	berth exec one -- ip -6 route del default
}

# ---- Outside

# the_world6: 2001:db8:99::1, reached by IPv6 through "uplink"; the host's default route is not there yet.
the_world6() {
	make_the_world
	ip addr add 2001:db8:99::2/64 dev uplink nodad
	in_the_world ip addr add 2001:db8:99::1/64 dev eth0 nodad
}

# advertise: the router of the world tells of itself.
advertise() {
	in_the_world python3 -IS -c '
import socket, struct
out = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58)
out.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
out.sendto(struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0), ("ff02::1", 0, 0, socket.if_nametoindex("eth0")))'
}

advertised() {
	advertise
	ip -6 route | grep -q '^default via fe80:.* proto ra'
}

# The host goes on to take the advertisements of its own router, and machines reach the world by its address.
case_nat6() {
	berth network set lan nat6=no
	echo 0 >/proc/sys/net/ipv6/conf/all/forwarding
	the_world6
	echo 1 >/proc/sys/net/ipv6/conf/uplink/accept_ra
	retry 10 advertised
	not ping6_from one 2001:db8:99::1 1
	berth network set lan nat6=yes 2>"$T/note"
	has "this host forwards IPv6 now; accept_ra is 2, so that it still takes router advertisements from these links: .*uplink" "$(cat "$T/note")"
	same forwarding 1 "$(cat /proc/sys/net/ipv6/conf/all/forwarding)"
	same "accept_ra of the uplink" 2 "$(cat /proc/sys/net/ipv6/conf/uplink/accept_ra)"
	same "accept_ra of the bridge" 0 "$(cat "/proc/sys/net/ipv6/conf/$(of lan .bridge)/accept_ra")"
	has "^default via fe80:.* proto ra" "$(ip -6 route)"
	ip -6 route del default proto ra
	retry 10 advertised
	same nat6 true "$(of lan .nat6)"
	ping6_from one 2001:db8:99::1
	# The world has no route back, so only the host's own address can have asked.
	not in_the_world ping -6 -c 1 -W 1 "$(six one)"
	# It is said once, and each start makes what is missing.
	silent "second time" berth network set lan nat6=yes
	nft flush ruleset
	berth network up lan
	ping6_from one 2001:db8:99::1
	# Without translation the world needs a route.
	berth network set lan nat6=no
	not ping6_from one 2001:db8:99::1 1
	in_the_world ip -6 route add fd00:77:1:2::/64 via 2001:db8:99::2
	ping6_from one 2001:db8:99::1
	in_the_world ping -6 -c 1 -W 5 "$(six one)"
	# A private network has no way out with one either.
	berth network set lan nat6=yes kind=private 2>"$T/note"
	same nat6 false "$(of lan .nat6)"
	berth exec one -- ip -6 route add default via fd00:77:1:2::1
	not ping6_from one 2001:db8:99::1 1
	not in_the_world ping -6 -c 1 -W 1 "$(six one)"
	berth exec one -- ip -6 route del default
	berth network set lan kind=bridge 2>"$T/note"
	ping6_from one 2001:db8:99::1
}

# ---- Hosts without IPv6

case_switched_off() {
	berth stop one two
	berth network down lan
	echo 1 | tee /proc/sys/net/ipv6/conf/{all,default}/disable_ipv6 >/dev/null
	has "IPv6 is switched off .*IPv4 only" "$(berth start --wait one 2>&1)"
	berth exec one -- ping -c 1 -W 5 10.77.1.1
	silent "addresses" addresses_of one
	lacks default "$(berth exec one -- ip -6 route)"
	same state up "$(berth network list --json | jq -r '.[] | select(.name == "lan") | if .up then "up" else "down" end')"
	# A wish cannot be met, and does not matter.
	berth set two network.address6=fd00:77:1:2::200
	berth start --wait two 2>"$T/note"
	berth exec two -- ping -c 1 -W 5 "$(field one network.address)"
	berth stop one two
	berth network down lan
	echo 0 | tee /proc/sys/net/ipv6/conf/{all,default}/disable_ipv6 >/dev/null
	berth start --wait one two
	same "as wished" fd00:77:1:2::200 "$(six two)"
	ping6_from one "$(six two)"
	berth stop two
	berth set two network.address6=
	berth start --wait two
}

run_cases "$@"
