#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Protection between machines on one network: no machine can send as another. Without the protection each can.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# spoof ATTACKER: $T/spoof has the patterns that reach machine victim.
spoof() {
	local gateway bridge
	gateway=$(field "$1" network.gateway)
	bridge=$(ip -o -4 addr | sed -n "s/^[0-9]*: *\([^ ]*\) *inet $gateway\/.*/\1/p")
	route_ipv6 "$bridge"
	# The host would otherwise reassemble fragments that only pass it.
	echo 0 | tee /proc/sys/net/bridge/bridge-nf-call-ip*tables >/dev/null 2>&1 || true
	# The host may have believed the last packet.
	ip neigh flush dev "$bridge"
	retry 10 ping -c 1 -W 5 "$(address_of victim)"
	"$top/tests/attack/spoof" "$(field "$1" init)" "$(field victim init)" "$gateway" \
		"$(mac_of "$bridge")" "$(mac_of "$(port_of "$1")")" | tee "$T/spoof"
}

mac_of() {
	ip -o link show dev "$1" | sed 's/.*link\/ether \([^ ]*\).*/\1/'
}

# route_ipv6 BRIDGE: routes a prefix to machines, as an administrator does.
route_ipv6() {
	local victim
	victim=2001:db8:7:0:$(field victim network.mac | awk -F : '{ printf "12%s:%sff:fe%s:%s%s", $2, $3, $4, $5, $6 }')
	echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
	ip addr replace 2001:db8:7::1/64 dev "$1" nodad
	berth exec victim -- ip addr add "$victim/64" dev eth0 2>/dev/null || true
	retry 10 ping -6 -c 1 -W 5 "$victim" >/dev/null
}

# without_the_networks_wall COMMAND...
without_the_networks_wall() {
	local table
	table=$(nft list tables inet | sed -n 's/^table inet \(berth-.*\)/\1/p')
	nft flush chain inet "$table" forward
	"$@"
	berth network up default
}

address_of() {
	field "$1" network.address
}

# port_of MACHINE: its link on the host.
port_of() {
	ip -o link | sed -n "s/^[0-9]*: \(bp[0-9a-f]*\)@.*alias $1\$/\1/p"
}

# tables: lists the tables of guards.
tables() {
	nft list tables netdev
}

set_up() {
	busybox_template bb
	berth launch --wait bb victim
	berth launch --wait bb rogue
	retry 20 reaches rogue "$(address_of victim)"
}

# The number of patterns that ended is the number of all patterns.
all_were_tried() {
	[[ $(grep -c '^own-' "$T/spoof") -ge 3 && $(grep -vc '^own-' "$T/spoof") -ge 40 ]] || fault "tried: $(cat "$T/spoof")"
}

case_each_speaks_for_itself() {
	spoof rogue
	silent "own words" sed -n '/^own-/{/ arrives$/!p}' "$T/spoof"
	silent "others' words" sed -n '/^own-/!{/ contained$/!p}' "$T/spoof"
	all_were_tried
}

# The bridge has not learnt a wrong address.
case_nothing_is_learnt() {
	[[ -s $T/spoof ]] || spoof rogue
	lacks 10:66:6a:fe:fe:fe "$(bridge fdb show)"
}

is_another() {
	[[ $(field rogue booted) == true && $(field rogue init) != "$1" ]]
}

case_a_reboot_keeps_the_wall() {
	local before
	before=$(field rogue init)
	berth exec rogue -- reboot || true
	retry 20 is_another "$before"
	retry 20 reaches rogue "$(address_of victim)"
	case_each_speaks_for_itself
}

# Every pattern is a real attack: without the protection all arrive.
case_without_the_wall() {
	berth set rogue security.spoofing=yes
	berth restart --wait --force rogue
	without_the_networks_wall spoof rogue
	silent "what does not come" sed '/ arrives$/d' "$T/spoof"
	all_were_tried
	grep -q 10:66:6a:fe:fe:fe <<<"$(bridge fdb show)"
	berth unset rogue security.spoofing
	berth restart --wait --force rogue
}

case_another_address() {
	berth stop --force rogue
	berth set rogue network.address="$(address_of victim | sed 's/[0-9]*$/77/')"
	berth start --wait rogue
	retry 20 reaches rogue "$(address_of victim)"
	case_each_speaks_for_itself
}

# A firewall program that starts again removes all rules.
case_rules_are_put_back() {
	nft flush ruleset
	has "'rogue' has lost" "$(berth doctor || true)"
	spoof rogue
	grep -q 'arp-of-the-gateway arrives' "$T/spoof"
	berth network up default
	case_each_speaks_for_itself
	lacks "has lost" "$(berth doctor)"
	nft flush ruleset
	berth launch --wait bb third
	case_each_speaks_for_itself
	has "berth-$(port_of third)" "$(tables)"
	berth delete --force third
	nft delete table netdev "berth-$(port_of rogue)"
	berth set rogue security.spoofing=yes
	berth network up default
	lacks "$(port_of rogue)" "$(tables)"
	berth unset rogue security.spoofing
	berth network up default
	case_each_speaks_for_itself
}

# by_the_host: sends to unused addresses of its own network, through the hardware address of the gateway.
by_the_host() {
	local bridge
	bridge=$(ip -o -4 addr | sed -n "s/^[0-9]*: *\([^ ]*\) *inet $(field rogue network.gateway)\/.*/\1/p")
	ip neigh flush dev "$bridge"
	nsenter --net="/proc/$(field rogue init)/ns/net" python3 - "$(field rogue network.gateway)" <<-'END'
		import ipaddress, socket, subprocess, sys
		gateway = ipaddress.ip_address(sys.argv[1])
		subprocess.run(["ip", "route", "add", f"{gateway + 1024 - 1}/24", "via", sys.argv[1]], check=True)
		to = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		for i in range(200):
		    to.sendto(b"x", (str(gateway + 1024 + i), 9))
		subprocess.run(["ip", "route", "del", f"{gateway + 1024 - 1}/24"], check=True)
	END
	ip -4 neigh show dev "$bridge" nud all | wc -l
}

# The kernel has one table of neighbours for all namespaces, which these packets must not fill.
case_no_neighbours_are_looked_for() {
	local known
	known=$(by_the_host)
	[[ $known -lt 20 ]]
	known=$(without_the_networks_wall by_the_host)
	[[ $known -ge 150 ]]
}

# reaches MACHINE ADDRESS
reaches() {
	berth exec "$1" -- ping -c 1 -w 3 "$2" >/dev/null
}

case_isolated_ports() {
	local gateway
	gateway=$(field rogue network.gateway)
	retry 10 reaches rogue "$(address_of victim)"
	berth set rogue security.port_isolation=yes
	berth restart --wait --force rogue
	# One isolated port alone still reaches the others.
	retry 10 reaches rogue "$(address_of victim)"
	berth set victim security.port_isolation=yes
	berth restart --wait --force victim
	retry 10 reaches victim "$gateway"
	retry 10 reaches rogue "$gateway"
	not reaches rogue "$(address_of victim)"
	not reaches victim "$(address_of rogue)"
	berth exec rogue -- nslookup victim "$gateway"
	# The way through the host, which would route packets back to the bridge, is closed too.
	berth exec rogue -- ip route add "$(address_of victim)" via "$gateway"
	berth exec victim -- ip route add "$(address_of rogue)" via "$gateway"
	not reaches rogue "$(address_of victim)"
	not reaches victim "$(address_of rogue)"
	retry 10 reaches rogue "$gateway"
	berth unset rogue security.port_isolation
	berth unset victim security.port_isolation
}

# idle MACHINE COUNT: opens connections to the DNS server of its network, and keeps the accepted ones.
idle() {
	local began
	began=$T/idle
	rm -f "$began"
	nsenter --target "$(field "$1" init)" --net python3 -c '
import signal, socket, sys, time
kept = [socket.socket() for _ in range(int(sys.argv[2]))]
for one in kept:
    one.setblocking(False)
    one.connect_ex((sys.argv[1], 53))
time.sleep(1)
open(sys.argv[3], "w").close()
signal.pause()' "$(field "$1" network.gateway)" "$2" "$began" &
	idler=$!
	retry 20 test -e "$began"
}

# asks_over_tcp MACHINE NAME
asks_over_tcp() {
	nsenter --target "$(field "$1" init)" --net python3 -c '
import socket, struct, sys
question = struct.pack(">6H", 1, 0x100, 1, 0, 0, 0)
question += b"".join(bytes([len(part)]) + part.encode() for part in sys.argv[2].split(".")) + b"\0\0\1\0\1"
with socket.create_connection((sys.argv[1], 53), 5) as one:
    one.sendall(struct.pack(">H", len(question)) + question)
    answer = one.recv(512)
assert len(answer) > 8 and struct.unpack(">H", answer[8:10])[0] >= 1, answer' "$(field "$1" network.gateway)" "$2"
}

# dnsmasq has 20 processes for TCP, for all machines together.
case_idle_connections_to_the_servers_port() {
	local idler table
	idle rogue 60
	retry 20 asks_over_tcp victim victim.berth
	# The machine has its share, and gets more as it closes connections.
	same "its connections" 4 "$(ss -Htn state established "( sport = :53 )" | wc -l)"
	not asks_over_tcp rogue victim.berth
	kill "$idler"
	wait "$idler" || true
	retry 20 asks_over_tcp rogue victim.berth
	# The same without the protection.
	table=$(nft list tables inet | sed -n 's/^table inet \(berth-.*\)/\1/p')
	nft flush chain inet "$table" input
	idle rogue 60
	not asks_over_tcp victim victim.berth
	kill "$idler"
	wait "$idler" || true
	berth network up default
	retry 20 asks_over_tcp victim victim.berth
}

# No table is left after any kind of end.
case_no_table_is_left() {
	has berth-bp "$(tables)"
	kill -KILL "$(pgrep -f '^berth-keeper rogue$')"
	retry 10 state_is rogue failed
	berth list >/dev/null
	berth start --wait rogue
	berth stop --force rogue victim
	silent tables tables
}

run_cases "$@"
