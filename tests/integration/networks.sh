#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Settings of networks: set, get, unset, info; what a change does to a network that is up, and to its machines.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/world.sh
. "$(dirname "$0")/../world.sh"

set_up() {
	busybox_template bb
	make_the_world
	nsenter --net="/proc/$(cat "$T/world")/ns/net" python3 -IS -c '
import socket
server = socket.create_server(("198.51.100.1", 7))
while True:
    server.accept()[0].close()' &
	echo $! >"$T/server"
	berth network create lan --subnet 10.77.1.0/24
	berth launch --network lan bb one
	berth launch --network lan bb two
}

tear_down() {
	kill "$(cat "$T/server")"
	end_the_world
}

# of NETWORK EXPRESSION: of network info --json.
of() {
	berth network info --json "$1" | jq -r "$2"
}

# conf NETWORK: its file.
conf() {
	echo "$BERTH_ROOT/lib/networks/$1/network.conf"
}

dnsmasq_of() {
	cat "$BERTH_ROOT/run/networks/$1/dnsmasq.pid"
}

# By TCP: a ping of another run with the same number would be taken for one of the connection that was there before.
reaches_the_world() {
	berth exec "$1" -- busybox nc -w 2 198.51.100.1 7 </dev/null
}

# asks MACHINE NAME: the address that the network's DNS has for it.
asks() {
	berth exec "$1" -- busybox nslookup "$2" 10.77.1.1 | sed -n '/^Name/,$s/^Address[^:]*: *//p'
}

case_verbs() {
	berth network create other domain=lan.example nat=no
	same domain lan.example "$(berth network get other domain)"
	same nat false "$(berth network get --json other nat)"
	same "what would change" '["mtu",0,1400]' "$(berth network set other --dry-run --json dhcp.lease=12h mtu=1400 | jq -c '.[] | [.key, .from, .to]')"
	same mtu 0 "$(berth network get --json other mtu)"
	# A prefix is drawn by the change itself.
	same "a prefix to come" '["subnet6","none","auto"]' "$(berth network set other --dry-run --json subnet6=auto | jq -c '.[] | [.key, .from, .to]')"
	berth network set other subnet6=auto
	silent "a change to what it has" berth network set --dry-run other subnet6=auto
	berth network unset other subnet6
	fails 1 "collide|mtu|dns.servers" berth network set --dry-run other "dns.servers=$(berth network info --json other | jq -r .gateway)"
	berth network set other dhcp.lease=1h mtu=1400
	same lease 3600 "$(berth network get --json other | jq '."dhcp.lease"')"
	has "^kind = bridge$" "$(berth network get other)"
	berth network unset other mtu domain
	same "unset" "0 berth" "$(berth network get other mtu) $(berth network get other domain)"
	has "^mtu = |^domain = " "$(cat "$(conf other)" && echo 'mtu = none')"
	lacks "^domain" "$(cat "$(conf other)")"
	has "state: +down" "$(berth network info other)"
	same info "other 10.77.1.0/24 up 2" "other $(of lan '"\(.subnet) \(if .up then "up" else "down" end) \(.ports)"')"
	same leases "one $(field one network.address) $(field one network.mac)" \
		"$(of lan '.leases[] | select(.machine == "one") | "\(.machine) \(.address) \(.mac)"')"
	has "^ +two $(field two network.address) $(field two network.mac)" "$(berth network info lan)"
	berth network delete other
}

# All or none: a value that is refused leaves the file as it was, and says one sentence.
case_refused() {
	local before
	before=$(cat "$(conf lan)")
	fails 2 "did you mean 'domain'" berth network set lan nat=no domian=x
	fails 2 "subnet is chosen when the network is made and cannot change; make another: berth network create NAME subnet=VALUE" \
		berth network set lan subnet=10.77.9.0/24
	fails 1 "bridge is chosen when" berth network unset lan bridge
	fails 2 "mtu cannot be 'x'" berth network set lan nat=no mtu=x
	fails 2 "mtu cannot be '100': use 0 for the kernel's default, or 1280 to 65535" berth network set lan nat=no mtu=100
	fails 2 "kind cannot be 'wide': use bridge, ipvlan, join, macvlan, none, physical or private" berth network set lan kind=wide
	fails 2 "dns.servers cannot be 'nine'" berth network set lan dns.servers=nine
	fails 1 "dns.servers has 10.77.1.1, which is the network's own" berth network set lan dns.servers="9.9.9.9 10.77.1.1"
	fails 2 "subnet" berth network set lan subnet=10.99.0.0/24
	fails 2 "no value" berth network set lan nat
	fails 1 "no network 'lam'; did you mean 'lan'" berth network set lam nat=no
	fails 2 "did you mean 'nat'" berth network create bad natt=no
	fails 2 "mtu cannot be '70000': use 0 for the kernel's default, or 1280 to 65535" berth network create bad mtu=70000
	fails 2 "mtu cannot be '100'" berth network create bad mtu=100
	fails 1 "no network 'bad'" berth network info bad
	fails 2 "'subnet' is given twice" berth network create --subnet 10.78.1.0/24 bad subnet=10.78.2.0/24
	fails 2 "subnet" berth network create bad subnet=10.78.2.1/24
	fails 1 "collides with 10.77.1.0/24 of network 'lan'" berth network create bad subnet=10.77.1.0/25
	berth network create fine subnet=10.78.2.0/24 bridge=br-fine
	same "what was chosen" "10.78.2.0/24 br-fine" "$(berth network get fine subnet) $(berth network get fine bridge)"
	silent "one name twice" berth network delete fine fine
	# --force is no way out while machines run there.
	fails 1 "'lan': 2 machines are on its bridge .*: 'one', 'two'; stop them first" berth network delete lan
	fails 1 "stop them first" berth network delete --force lan
	same "settings" "$before" "$(cat "$(conf lan)")"
	# A comment of the administrator stays.
	echo "# mine" >>"$(conf lan)"
	berth network set lan dhcp.lease=2h
	has "^# mine$" "$(cat "$(conf lan)")"
	berth network unset lan dhcp.lease
}

# A change of nat, and of what dnsmasq is told, reaches a network that is up at once.
case_live() {
	local before
	retry 10 reaches_the_world one
	berth network set lan nat=no
	not reaches_the_world one
	berth network unset lan nat
	retry 10 reaches_the_world one
	before=$(dnsmasq_of lan)
	berth network set lan nat=yes
	same "dnsmasq, which the change does not concern" "$before" "$(dnsmasq_of lan)"
	berth network set lan dhcp=no
	retry 10 not kill -0 "$before"
	not asks one two
	berth network set lan dhcp=yes
	retry 10 berth exec one -- ping -c 1 -W 5 two
	same "guards" 2 "$(nft list tables netdev | grep -c "berth-bp")"
}

# The name servers are those of the network, not of the host.
case_servers() {
	in_the_world dnsmasq --conf-file=/dev/null --no-resolv --no-hosts --pid-file="$T/dns.pid" --port=53 \
		--listen-address=198.51.100.1 --bind-interfaces --address=/there.example/203.0.113.9
	berth network set lan dns.servers=198.51.100.1
	retry 10 asked_there
	same "a machine" "$(field two network.address)" "$(asks one two.berth)"
	berth network set lan dns.servers=none
	not asked_there
	same "a machine" "$(field two network.address)" "$(asks one two.berth)"
	berth network unset lan dns.servers
	kill "$(cat "$T/dns.pid")"
}

asked_there() {
	[[ $(asks one there.example) == 203.0.113.9 ]]
}

# Machines of a private network reach each other, the DNS and the DHCP there, and nothing else; nothing reaches them.
case_private() {
	local address
	address=$(field two network.address)
	berth launch bb outside
	berth forward add one tcp 18081:80
	has "'lan' is private; .*; it is left out" "$(berth network set lan kind=private 2>&1)"
	lacks 18081 "$(nft list ruleset)"
	lacks default "$(berth exec one -- ip route)"
	private_holds "$address"
	berth restart --wait one two
	lacks default "$(berth exec one -- ip route)"
	private_holds "$address"
	same "the route of its interface" false "$(berth nic list --json one | jq '.[0].route')"
	same "on the map" false "$(berth network map --format json | jq '[.. | objects | select(.machine? == "one")][0].route')"
	lacks default "$(lease_by_dhcp one)"
	fails 1 "'lan' is private; put it on another: berth set one network=NETWORK" berth forward add one tcp 18080:80
	# After a flush of all rules a start, and network up, make the walls again.
	nft flush ruleset
	berth network up lan default
	private_holds "$address"
	berth network set lan kind=bridge
	retry 10 reaches_the_world one
	retry 10 reaches_the_world two
	berth forward remove one 18081
	berth exec one -- ping -c 1 -W 5 10.77.1.1
	berth delete --force outside
}

private_holds() {
	local gateway
	gateway=$(berth network info --json default | jq -r .gateway)
	berth exec one -- ping -c 1 -W 5 "$1"
	retry 10 berth exec one -- ping -c 1 -W 5 two.berth
	# With a route that a guest makes by itself, too.
	berth exec one -- sh -c 'ip route | grep -q ^default || ip route add default via 10.77.1.1'
	not reaches_the_world one
	not berth exec one -- ping -c 1 -W 1 10.77.1.1
	not berth exec one -- ping -c 1 -W 1 "$gateway"
	not berth exec one -- ping -c 1 -W 1 "$(field outside network.address)"
	not berth exec outside -- ping -c 1 -W 1 "$1"
	not ping -c 1 -W 1 "$1"
	not berth exec one -- busybox nc -w 1 10.77.1.1 22
	berth exec one -- sh -c 'ip route del default'
	retry 10 reaches_the_world outside
}

# lease_by_dhcp MACHINE: what udhcpc was told.
lease_by_dhcp() {
	berth exec "$1" -- sh -c 'printf "#!/bin/sh\necho \$1 \$ip default=\$router mtu=\$mtu >>/tmp/dhcp\n" | sed "s/default=\$/&/" >/tmp/script
		chmod +x /tmp/script; rm -f /tmp/dhcp; busybox udhcpc -i eth0 -n -q -t 5 -O mtu -s /tmp/script >/dev/null 2>&1
		sed "s/default= //" /tmp/dhcp'
}

case_mtu() {
	berth network create wide
	berth nic add two eth1 --network wide --mtu 1300
	silent "set mtu" berth network set lan mtu=1400
	has "mtu 1400" "$(berth exec one -- ip link show eth0)"
	has "mtu 1400" "$(berth exec two -- ip link show eth0)"
	has "mtu 1400" "$(ip link show master "$(berth network get lan bridge)")"
	lacks "mtu 1500" "$(ip link show master "$(berth network get lan bridge)")"
	berth restart --wait one
	has "mtu 1400" "$(berth exec one -- ip link show eth0)"
	has "mtu=1400" "$(lease_by_dhcp one)"
	has "mtu 1300" "$(berth exec two -- ip link show eth1)"
	berth nic remove two eth1
	berth network delete wide
	berth network unset lan mtu
	has "mtu 1500" "$(berth exec one -- ip link show eth0)"
}

case_isolated() {
	berth exec one -- ping -c 1 -W 5 "$(field two network.address)"
	silent "set isolated" berth network set lan isolated=yes
	not berth exec one -- ping -c 1 -W 1 "$(field two network.address)"
	retry 10 reaches_the_world one
	berth exec one -- ping -c 1 -W 5 10.77.1.1
	berth network unset lan isolated
	berth exec one -- ping -c 1 -W 5 "$(field two network.address)"
}

# A change that cannot be made is not made: the bridge's name is another link's now.
case_not_made() {
	local before bridge
	berth network create taken
	berth network up taken
	bridge=$(of taken .bridge)
	berth network down taken
	ip link add "$bridge" type bridge
	before=$(cat "$(conf taken)")
	fails 1 "$bridge" berth network set taken nat=no
	same settings "$before" "$(cat "$(conf taken)")"
	ip link delete "$bridge"
	berth network delete taken
}

# Two at once: both changes are there.
case_at_once() {
	local pids=() n
	for ((n = 0; n < 5; n++)); do
		berth network set lan dhcp.lease=$((n + 2))m &
		pids+=("$!")
		berth network set lan domain="d$n.example" 2>"$T/note$n" &
		pids+=("$!")
	done
	wait_for_all "${pids[@]}"
	has "^[2-6]m$" "$(berth network get lan dhcp.lease)"
	has "^d[0-4].example$" "$(berth network get lan domain)"
	retry 10 one_dnsmasq
	berth network unset lan dhcp.lease domain 2>"$T/note"
}

# Of two networks that get one prefix at the same moment, one has it.
case_one_prefix() {
	local n one two failed
	berth network create left subnet6=none
	berth network create right subnet6=none
	for ((n = 0; n < 10; n++)); do
		failed=0
		berth network set left subnet6=fd00:55::/64 2>"$T/left" &
		one=$!
		berth network set right subnet6=fd00:55::/64 2>"$T/right" &
		two=$!
		wait "$one" || failed=$((failed + 1))
		wait "$two" || failed=$((failed + 1))
		same "refused" 1 "$failed"
		has "collides with that of network" "$(cat "$T/left" "$T/right")"
		berth network set left subnet6=none
		berth network set right subnet6=none
	done
	berth network delete left right
	not ls -d "$BERTH_ROOT/run/networks/left"
}

# one_dnsmasq: the network has one process; the last one of before may be on its way out.
one_dnsmasq() {
	[[ $(pgrep -f -c -- "--pid-file=$BERTH_ROOT/run/networks/lan/") == 1 ]]
}

wait_for_all() {
	local pid
	for pid in "$@"; do
		wait "$pid" || fault "one of them failed"
	done
}

# An address that the settings of a machine name is no other machine's, whether it has started with it or not.
case_fixed_addresses() {
	berth network set lan subnet6=fd00:77:1:2::/64
	berth create --network lan bb first
	berth create --network lan bb second
	berth set first network.address=10.77.1.50 network.address6=fd00:77:1:2::50
	fails 1 "address 10.77.1.50 is that of machine 'first', by its settings; choose another" berth set second network.address=10.77.1.50
	fails 1 "address fd00:77:1:2::50 is that of machine 'first'" berth set second network.address6=fd00:77:1:2:0::50
	fails 1 "address 10.77.1.50 is that of machine 'first'" berth create --network lan --set network.address=10.77.1.50 bb third
	fails 1 "address fd00:77:1:2::50 is that of machine 'first'" \
		berth clone --set network.address6=fd00:77:1:2::50 first third
	fails 1 "no machine 'third'" berth info third
	same "nothing is set" "[] []" "[$(berth get second network.address)] [$(berth get second network.address6)]"
	berth set second network=
	fails 1 "address 10.77.1.50 is that of machine 'first'" berth nic add second eth1 --network lan --address 10.77.1.50
	berth nic add second eth1 --network lan
	fails 1 "address fd00:77:1:2::50 is that of machine 'first'" berth nic set second eth1 address6=fd00:77:1:2::50
	berth nic set second eth1 address=10.77.1.51
	fails 1 "address 10.77.1.51 (is that of machine|belongs to) 'second'" berth set first network.address=10.77.1.51
	silent "its own" berth set first network.address=10.77.1.50 network.address6=fd00:77:1:2::50
	# Many at once: one gets it.
	berth set first network.address=
	berth create --count 6 --network lan bb crowd
	local i
	for i in 1 2 3 4 5 6; do
		berth set "crowd-$i" network.address=10.77.1.60 2>>"$T/err" &
	done
	wait
	same "machines with the address" 1 "$(for i in 1 2 3 4 5 6; do berth get "crowd-$i" network.address; done | grep -c 10.77.1.60)"
	berth delete first second crowd-{1..6}
	berth network unset lan subnet6
}

# All names are checked before the first network is gone.
case_delete_checks_all() {
	berth network create a
	berth network create b
	fails 1 "'lan': 2 machines are on its bridge.*; there is no network 'absent'" berth network delete a lan absent b
	same "networks" "a b" "$(berth network list --json | jq -r '.[].name' | grep -x '[ab]' | xargs)"
	fails 2 "name 'a b'" berth network delete a 'a b'
	berth network delete a b
	lacks '^[ab] ' "$(berth network list)"
}

# A fixed address that is unset is the lease's: the machine keeps it, and is told so instead of a change that never comes.
case_unset_address() {
	berth network set lan subnet6=fd00:77:1:2::/64
	berth launch --network lan bb kept
	berth set kept network.address=10.77.1.70
	berth restart kept
	same "fixed" 10.77.1.70 "$(field kept network.address)"
	local said
	said=$(berth unset kept network.address 2>&1)
	has "machine 'kept' keeps its address 10.77.1.70; for another: berth set kept network.address=ADDRESS" "$said"
	lacks "next start" "$said"
	berth restart kept
	same "kept" 10.77.1.70 "$(field kept network.address)"
	has "takes effect at its next start" "$(berth set kept network.address6=fd00:77:1:2::70 2>&1)"
	berth restart kept
	same "fixed" fd00:77:1:2::70 "$(field kept network.address6)"
	has "takes effect at its next start" "$(berth unset kept network.address6 2>&1)"
	berth restart kept
	same "made of the other one" fd00:77:1:2::a4d:146 "$(field kept network.address6)"
	berth network create second --subnet 10.77.2.0/24
	silent "to another network" berth nic add kept eth1 --network second --address 10.77.2.70
	has "nic 'eth1' of machine 'kept' keeps its address 10.77.2.70; for another: berth nic set kept eth1" "$(berth nic set kept eth1 address= 2>&1)"
	has "eth1 .*10.77.2.70" "$(berth nic list kept)"
	berth stop --force kept
	# A stopped one gives it up.
	berth set kept network.address=10.77.1.71
	silent "of a stopped machine" berth unset kept network.address
	berth set two network.address=10.77.1.71
	berth start kept
	lacks "10.77.1.7[01]" "$(field kept network.address)"
	berth stop --force kept
	berth set two network.address=
	berth delete kept
	berth network delete second
	berth network unset lan subnet6
}

case_link_local() {
	local subnet
	for subnet in 169.254.0.0/16 169.254.169.0/24 169.0.0.0/8; do
		fails 1 "'odd': $subnet has link-local addresses, of 169.254.0.0/16" berth network create odd --subnet "$subnet"
	done
	fails 1 "no network 'odd'" berth network info odd
}

# What is allowed, and probably not meant, gets a sentence.
case_doubts() {
	has "'public': 9.9.8.0/24 is no private network" "$(berth network create public subnet=9.9.8.0/24 2>&1)"
	silent "routed" berth network set public nat=no
	has "9.9.8.0/24 is no private network" "$(berth network set public nat=yes 2>&1)"
	has "2600:1:2:3::/64 is no private network.*nat6=no" "$(berth network set public subnet6=2600:1:2:3::/64 nat=no 2>&1)"
	berth network delete public
	has "network 'shut' is private: nothing leaves it, whatever nat says" "$(berth network create shut kind=private nat=yes 2>&1)"
	silent "of the default" berth network set shut dhcp.lease=1h
	berth network delete shut
	silent "a shared one" berth network create shared subnet=100.64.9.0/24
	berth network delete shared
}

run_cases "$@"
