#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Networks that are not berth's own: machines on a bridge of the host's, with the addresses of the LAN behind it.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/world.sh
. "$(dirname "$0")/../world.sh"

# A bridge that the administrator has made, and behind it another host, which serves DHCP.
set_up() {
	busybox_template bb
	ip link add br-lan address 02:00:00:00:00:01 mtu 1450 type bridge
	ip link set br-lan up
	make_the_world
	ip addr flush dev uplink
	ip link set uplink mtu 1450 master br-lan
	in_the_world ip link set eth0 mtu 1450
	in_the_world dnsmasq --conf-file=/dev/null --port=0 --pid-file="$T/dhcp.pid" --log-facility="$T/dhcp.log" \
		--interface=eth0 --bind-interfaces --dhcp-authoritative --dhcp-leasefile="$T/dhcp.leases" \
		--dhcp-range=198.51.100.100,198.51.100.199,255.255.255.0,1h --dhcp-option=option:router,198.51.100.1
	berth network create lan kind=join parent=br-lan subnet=198.51.100.0/24 gateway=198.51.100.1
}

tear_down() {
	kill "$(cat "$T/dhcp.pid")"
	end_the_world
	ip link del br-lan
}

# asks_dhcp MACHINE [LINK]: as a DHCP client of a distribution does.
asks_dhcp() {
	berth exec "$1" -- sh -c 'cat >/tmp/got <<"END"
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add "$ip/$mask" dev "$interface"
ip route add default via "$router"
END
chmod +x /tmp/got'
	berth exec "$1" -- udhcpc -i "${2:-eth0}" -n -q -t 20 -T 1 -s /tmp/got
}

address_in() {
	berth exec "$1" -- ip -o -4 addr show dev "${2:-eth0}" | sed -n 's/.*inet \([0-9.]*\).*/\1/p'
}

bridge_now() {
	ip -o link show br-lan | sed 's/^[0-9]*: //; s/ state [A-Z]*//'
	ip -o -4 addr show br-lan
}

# What the LAN's DHCP has given is seen from inside, and the other hosts there reach the machine by it.
case_dhcp() {
	local before address
	before=$(bridge_now)
	berth launch --network lan bb web
	same "before it has asked" "[null,[]]" "$(berth list --json web | jq -c '.[0] | [.address, .addresses]')"
	lacks "0\.0\.0\.0" "$(berth list; berth info web; berth nic list; berth network info lan)"
	asks_dhcp web
	address=$(address_in web)
	has "^198\.51\.100\.1[0-9][0-9]$" "$address"
	same "list" "$address" "$(berth list --json web | jq -r '.[0].address')"
	has "^web +running .*$address" "$(berth list)"
	has "address: +$address/24" "$(berth info web)"
	same "info" "$address 24" "$(field web network.address) $(field web network.prefix)"
	has "web +eth0 +lan +$address" "$(berth nic list)"
	in_the_world ping -c 1 -W 5 "$address"
	berth exec web -- ping -c 1 -W 5 198.51.100.1
	same "the bridge" "$before" "$(bridge_now)"
	same "MTU inside" 1450 "$(berth exec web -- cat /sys/class/net/eth0/mtu)"
	lacks "table (inet|ip|ip6|bridge) " "$(nft list tables)"
	same "network" "lan join br-lan true 1 1" \
		"$(berth network list --json | jq -r '.[] | "\(.name) \(.kind) \(.parent) \(.up) \(.leases) \(.ports)"')"
	fails 1 "network 'lan': 1 machine is on it: 'web'; stop it first" berth network delete --force lan
	fails 1 "network 'lan': 1 machine is on it" berth network down lan
	berth stop --force web
	same "stopped" null "$(berth list --json web | jq '.[0].address')"
	same "the bridge after" "$before" "$(bridge_now)"
	fails 1 "1 machine has an address there: 'web'" berth network delete lan
	gone web
}

# A machine may use its own hardware address only, and with a fixed address only that.
case_guard() {
	berth launch --network lan bb any
	berth create --network lan bb fixed
	berth set fixed network.address=198.51.100.20
	berth start fixed
	for machine in any fixed; do
		berth exec "$machine" -- ip addr add 198.51.100.66/24 dev eth0
	done
	berth exec any -- ping -c 1 -W 5 -I 198.51.100.66 198.51.100.1
	in_the_world ip neigh flush dev eth0
	not berth exec fixed -- ping -c 1 -W 1 -I 198.51.100.66 198.51.100.1
	berth exec fixed -- ping -c 1 -W 5 -I 198.51.100.20 198.51.100.1
	for machine in any fixed; do
		berth exec "$machine" -- sh -c 'ip link set eth0 down; ip link set eth0 address 02:aa:bb:cc:dd:ee; ip link set eth0 up'
		not berth exec "$machine" -- ping -c 1 -W 1 198.51.100.1
	done
	lacks "02:aa:bb:cc:dd:ee" "$(in_the_world ip neigh)"
	# A server of DHCP in a machine would give the LAN wrong addresses.
	has "(udp|th) dport 68 .*drop|@th,16,16 (68|0x44) .*drop" "$(nft list tables netdev |
		while read -r _ family name; do nft list table "$family" "$name"; done)"
	gone any fixed
}

# A fixed address, its gateway, and the name servers that the host asks.
case_fixed() {
	berth create --network lan bb mfixed
	berth set mfixed network.address=198.51.100.30
	same "the lease" 198.51.100.30 "$(berth start mfixed >/dev/null && field mfixed network.address)"
	same "gateway" 198.51.100.1 "$(field mfixed network.gateway)"
	has "default via 198.51.100.1 dev eth0" "$(berth exec mfixed -- ip route)"
	in_the_world ping -c 1 -W 5 198.51.100.30
	fails 1 "address 198.51.100.30 " berth create --network lan --set network.address=198.51.100.30 bb other
	fails 1 "address 198.51.100.1 cannot be a machine's: the subnet is 198.51.100.0/24 and the gateway 198.51.100.1" \
		berth create --network lan --set network.address=198.51.100.1 bb other
	fails 1 "address 10.1.1.1 cannot be a machine's" berth create --network lan --set network.address=10.1.1.1 bb other
	berth network set lan dns.servers=198.51.100.53
	berth restart mfixed
	has "^nameserver 198.51.100.53$" "$(berth exec mfixed -- cat /etc/resolv.conf)"
	lacks "search" "$(berth exec mfixed -- cat /etc/resolv.conf)"
	berth network unset lan dns.servers
	# Without the fixed address it has none.
	berth stop --force mfixed
	berth unset mfixed network.address
	berth start mfixed
	lacks "inet " "$(berth exec mfixed -- ip addr show dev eth0)"
	same "lease" null "$(berth list --json mfixed | jq '.[0].address')"
	berth rename mfixed www 2>/dev/null || { berth stop --force mfixed; berth rename mfixed www; berth start www; }
	same "lease of the new name" www "$(berth network info --json lan | jq -r '.leases[].machine')"
	same "files of the lease" www "$(ls "$BERTH_ROOT/lib/networks/lan/hosts")"
	gone www
}

# IPv6 of a LAN: a fixed address is all that the machine has; else the router's prefix makes one, which is seen.
case_ipv6() {
	if [[ ! -e /proc/sys/net/ipv6 ]]; then
		skip "this kernel has no IPv6"
		return 0
	fi
	berth network create lan6 kind=join parent=br-lan subnet6=fd00:51::/64 gateway6=fd00:51::1
	in_the_world ip addr add fd00:51::1/64 dev eth0 nodad
	berth create --network lan6 bb mipv6
	berth set mipv6 network.address6=fd00:51::20
	berth start mipv6
	same "address" "fd00:51::20 fd00:51::1" "$(field mipv6 network.address6) $(field mipv6 network.gateway6)"
	has "address6: +fd00:51::20/64, gateway fd00:51::1" "$(berth info mipv6)"
	berth exec mipv6 -- ping -6 -c 1 -W 5 fd00:51::1
	berth exec mipv6 -- ip addr add fd00:51::66/64 dev eth0
	not berth exec mipv6 -- ping -6 -c 1 -W 1 -I fd00:51::66 fd00:51::1
	berth launch --network lan6 bb any
	berth exec any -- ip addr add fd00:51::77/64 dev eth0
	retry 10 seen any network.address6 fd00:51::77
	berth exec any -- ping -6 -c 1 -W 5 -I fd00:51::77 fd00:51::1
	has "^any +running .*fd00:51::77" "$(berth list)"
	gone mipv6 any
	berth network delete lan6
	in_the_world ip addr del fd00:51::1/64 dev eth0
}

seen() {
	[[ $(field "$1" "$2") == "$3" ]]
}

# A further interface on the LAN, while the machine runs.
case_nic() {
	local before
	before=$(bridge_now)
	berth launch --network= bb mnic
	berth nic add mnic lan0 --network lan
	asks_dhcp mnic lan0
	same "seen" "$(address_in mnic lan0)" "$(berth nic list --json mnic | jq -r '.[0].address')"
	has "^mnic +running .*$(address_in mnic lan0)" "$(berth list)"
	berth nic set mnic lan0 address=198.51.100.40
	in_the_world ping -c 1 -W 5 198.51.100.40
	silent "no note of an address that is kept" berth nic set mnic lan0 address=
	lacks "inet " "$(berth exec mnic -- ip addr show dev lan0)"
	berth nic set mnic lan0 mtu=1400
	same "MTU inside, of the bridge" "1400 1450" \
		"$(berth exec mnic -- cat /sys/class/net/lan0/mtu) $(ip -o link show br-lan | sed 's/.* mtu \([0-9]*\).*/\1/')"
	berth nic remove mnic lan0
	not berth exec mnic -- ip link show dev lan0
	same "the bridge" "$before" "$(bridge_now)"
	gone mnic
}

# Each sentence names the object, the cause and the remedy, before anything is made.
case_refused() {
	fails 1 "network 'bad': a network of kind join has no parent; name the bridge of the host" \
		berth network create bad kind=join
	fails 1 "network 'bad': the host's link 'uplink' is no bridge but a veth" berth network create bad kind=join parent=uplink
	fails 1 "network 'bad': parent is 'br-lan', but a network of kind bridge has a bridge of berth's" \
		berth network create bad parent=br-lan
	fails 1 "network 'bad': nat is for networks of berth's own" berth network create bad kind=join parent=br-lan nat=yes
	fails 1 "network 'bad': bridge is 'x', but" berth network create bad kind=join parent=br-lan bridge=x
	fails 1 "network 'bad': gateway is 10.9.9.1, which is not in subnet '10.9.8.0/24'" \
		berth network create bad kind=join parent=br-lan subnet=10.9.8.0/24 gateway=10.9.9.1
	fails 1 "network 'bad': subnet6 is auto" berth network create bad kind=join parent=br-lan subnet6=auto
	fails 1 "'lan' is of kind join and cannot become one of kind bridge" berth network set lan kind=bridge
	fails 2 "parent is chosen when the network is made" berth network set lan parent=other
	fails 1 "no network 'bad'" berth network info bad
	berth network create own --subnet 10.77.3.0/24 bridge=br-own
	fails 1 "'br-own' is the bridge of a network that berth has made" berth network create bad kind=join parent=br-own
	berth network delete own
	# The parent may come later; until then a start says what is missing.
	berth network create later kind=join parent=br-later
	has "later +join +br-later +- +- +down" "$(berth network list)"
	berth create --network later bb mrefused
	fails 1 "network 'later': the host has no link 'br-later', which is to be the bridge of its machines; make that bridge" \
		berth start mrefused
	ip link add br-later type bridge
	has "is down, so that machines reach nobody" "$(berth start mrefused 2>&1)"
	gone mrefused
	ip link del br-later
	berth create --network lan bb fwd
	fails 1 "forward 'tcp-8080' cannot lead to machine 'fwd': its network 'lan' is not one of berth's" \
		berth forward add fwd tcp 8080:80
	gone fwd
	berth network delete later
}

# Without a network behind it: the interface is there, and leads nowhere.
# The keeper of a machine on a network of others has left nothing when that is deleted.
case_deleted() {
	berth network create once kind=join parent="$(berth network get lan parent)"
	berth launch --network once bb brief
	berth delete --force brief
	berth network delete once
	not ls -d "$BERTH_ROOT/run/networks/once"
}

case_none() {
	berth network create nowhere kind=none subnet=10.99.0.0/24
	fails 1 "a network of kind none leads nowhere" berth network create bad kind=none parent=br-lan
	berth create --network nowhere bb mnone
	berth set mnone network.address=10.99.0.5
	berth start mnone
	same "address" 10.99.0.5 "$(address_in mnone)"
	has "UP" "$(berth exec mnone -- ip -o link show dev eth0)"
	has " bp[0-9a-f]+@.* alias mnone$" "$(ip -o link | grep 'alias mnone')"
	lacks " master " "$(ip -o link | grep 'alias mnone')"
	not berth exec mnone -- ping -c 1 -W 1 10.99.0.1
	berth launch --network= bb alone
	same "links with no network at all" "lo" "$(berth exec alone -- ls /sys/class/net)"
	gone mnone alone
	berth network delete nowhere
}

# Only a file of apply is needed.
case_apply() {
	cat >"$T/lan.berth" <<-END
		[network office]
		kind = join
		parent = br-lan
		subnet = 198.51.100.0/24
		gateway = 198.51.100.1

		[machine mapply]
		template = bb
		network = office
		network.address = 198.51.100.50
	END
	berth apply "$T/lan.berth"
	in_the_world ping -c 1 -W 5 198.51.100.50
	same "again" "nothing to do" "$(berth apply "$T/lan.berth" 2>&1)"
	gone mapply
	berth network delete office
}

# A bridge that was removed and made anew has its ports back.
case_bridge_again() {
	berth launch --network lan bb again
	asks_dhcp again
	ip link del br-lan
	ip link add br-lan address 02:00:00:00:00:01 mtu 1450 type bridge
	ip link set br-lan up
	ip link set uplink master br-lan
	has "cut off|is not on" "$(berth doctor 2>&1 || true)"
	berth network up lan
	retry 10 in_the_world ping -c 1 -W 5 "$(field again network.address)"
	gone again
}

# A bridge that does not filter would put the machine into all VLANs.
case_vlan_refused() {
	berth launch --network= bb mvlan
	fails 1 "network 'lan': 'mvlan' is to be in VLAN 7, but the host's bridge 'br-lan' does not filter VLANs" \
		berth nic add mvlan eth2 --network lan --vlan 7
	same "nics after the refusal" "[]" "$(berth nic list --json mvlan)"
	fails 2 "vlan cannot be '4095'" berth nic add mvlan eth2 --network lan --vlan 4095
	berth network create own --subnet 10.67.0.0/24
	fails 1 "network 'own': VLAN 7 cannot be chosen on a network of kind bridge" \
		berth nic add mvlan eth2 --network own --vlan 7
	fails 1 "network 'own': VLAN 7 cannot be chosen" berth create --network own --set network.vlan=7 bb e
	fails 1 "network.vlan is 7 but there is no network" berth create --network= --set network.vlan=7 bb e
	not berth info e
	berth create --network lan --set network.vlan=7 bb e
	fails 1 "does not filter VLANs" berth start e
	gone mvlan e
	berth network delete own
}

# vlans_of MACHINE: of the host end of its eth0, as bridge(8) shows them.
vlans_of() {
	local port
	port=$(ip -o link | sed -n "/alias $1\$/s/^[0-9]*: \([^:@]*\).*/\1/p")
	bridge -j vlan show dev "$port" | jq -r '.[].vlans[] | "\(.vlan) \(.flags | join(","))"'
}

# Machines in one VLAN of a bridge that filters them reach each other, and no other VLAN.
case_vlan() {
	if ! ip link add br-vlan type bridge vlan_filtering 1; then
		skip "this kernel's bridges do not filter VLANs (CONFIG_BRIDGE_VLAN_FILTERING)"
		return 0
	fi
	ip link set br-vlan up
	berth network create trunk kind=join parent=br-vlan subnet=10.66.0.0/24
	for machine in a:10:1 b:10:2 c:20:3; do
		IFS=: read -r name vlan last <<<"$machine"
		berth create --network trunk --set network.vlan="$vlan" --set network.address="10.66.0.$last" bb "$name"
		berth start "$name"
	done
	same "VLANs of a port" "10 PVID,Egress Untagged" "$(vlans_of a)"
	berth exec a -- ping -c 1 -W 5 10.66.0.2
	not berth exec a -- ping -c 1 -W 1 10.66.0.3
	berth create --network trunk --set network.address=10.66.0.4 bb d
	berth start d
	same "without a VLAN, the bridge's own" "1 PVID,Egress Untagged" "$(vlans_of d)"
	has "eth0, network trunk, .*VLAN 10|vlan: +10" "$(berth info a)"
	same "JSON" 10 "$(berth nic list --json a | jq '.[0].vlan')"
	# A bridge that is made anew.
	ip link del br-vlan
	ip link add br-vlan type bridge vlan_filtering 1
	ip link set br-vlan up
	berth network up trunk
	same "VLANs of the port again" "10 PVID,Egress Untagged" "$(vlans_of a)"
	retry 10 berth exec a -- ping -c 1 -W 5 10.66.0.2
	# A nic of a running machine.
	gone c d
	berth launch --network= bb c
	berth nic add c eth1 --network trunk --vlan 10 --address 10.66.0.9
	berth exec a -- ping -c 1 -W 5 10.66.0.9
	berth nic set c eth1 vlan=20
	not berth exec a -- ping -c 1 -W 1 10.66.0.9
	gone a b c
	berth network delete trunk
	ip link del br-vlan
}

run_cases "$@"
