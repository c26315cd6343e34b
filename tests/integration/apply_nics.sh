#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Interfaces in files of apply: their addresses and networks are checked before the first change, and pass from one
# machine to another.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/apply.sh
. "$top/tests/apply.sh"

set_up() {
	busybox_template bb
	mkdir -p "$T/in"
	berth network create lan --subnet 10.77.1.0/24
	berth network create wan --subnet 10.77.2.0/24
}

# nic MACHINE NAME FILTER
nic() {
	berth nic list --json "$1" | jq -r --arg name "$2" ".[] | select(.name == \$name) | $3"
}

boot_of() {
	berth exec "$1" -- cat /proc/sys/kernel/random/boot_id
}

mac=10:66:6a:01:02:0

# Each fault has the line of its section, and all of them are told at once.
case_checked() {
	local m=('[machine first]' 'template = bb')
	berth create bb old
	berth nic add old eth1 --network lan --address 10.77.1.9 --mac "${mac}9"
	refused ":5: nic 'eth1': network 'lan': address 10.77.2.4 cannot be .*; .*:10: nic 'eth1': network 'lan': address 10.77.1.9 belongs to 'old'.*; .*:15: nic 'eth1': network 'lan': the hardware address ${mac}9 belongs to 'old'" \
		"${m[@]}" '[machine a]' 'template = bb' '[nic eth1]' 'network = lan' 'address = 10.77.2.4' \
		'[machine b]' 'template = bb' '[nic eth1]' 'network = lan' 'address = 10.77.1.9' \
		'[machine c]' 'template = bb' '[nic eth1]' 'network = lan' "mac = ${mac}9"
	refused ":11: nic 'eth2': address 10.77.1.4 is that of machine 'a' in line 5; choose another; .*:11: nic 'eth2': the hardware address ${mac}1 is that of machine 'a' in line 5" \
		"${m[@]}" '[machine a]' 'template = bb' '[nic eth1]' 'network = lan' 'address = 10.77.1.4' "mac = ${mac}1" \
		'[machine b]' 'template = bb' '[nic eth2]' 'network = lan' 'address = 10.77.1.4' "mac = ${mac}1"
	refused ":7: nic 'eth1': address 10.77.1.4 is that of machine 'a' in line 1" '[machine a]' 'template = bb' 'network = lan' \
		'network.address = 10.77.1.4' '[machine b]' 'template = bb' '[nic eth1]' 'network = lan' 'address = 10.77.1.4'
	refused ":3: nic 'eth1': network 'new': address 10.77.9.4 cannot" '[machine a]' 'template = bb' '[nic eth1]' 'network = new' 'address = 10.77.9.4' \
		'[network new]' 'subnet = 10.77.8.0/24'
	refused ":5: nics 'eth1' and 'eth2' are on the same network 'lan'" '[machine a]' 'template = bb' '[nic eth1]' 'network = lan' \
		'[nic eth2]' 'network = lan'
	refused ":3: nic 'eth1' cannot be on network 'default', which eth0 is on" '[machine a]' 'template = bb' '[nic eth1]' 'network = default'
	refused ":4: nic 'eth1' has an address or a hardware address" '[machine a]' 'template = bb' 'count = 1' '[nic eth1]' \
		'network = lan' "mac = ${mac}1"
	gone old
}

# A network is not changed while machines have addresses that it would lose, and both faults of a file are told.
case_networks_checked() {
	berth network create six --subnet 10.77.6.0/24 subnet6=fd00:77:6::/64
	berth create --network six --set network.address6=fd00:77:6::5 bb fixed
	refused ":1: network 'six': machine 'fixed' has the address fd00:77:6::5, which is not in subnet6 then.*; .*:4: .*there is no template 'none'" \
		'[network six]' 'subnet6 = none' 'mtu = 1400' '[machine a]' 'template = none'
	refused ":1: network 'six': dns.servers has 10.77.6.1, which is the network's own" '[network six]' 'dns.servers = 10.77.6.1'
	berth delete fixed
	berth network delete six
}

# A fault of a nic or of the network hides none of other sections; a rule is for a nic of the file.
case_all_at_once() {
	local rest=('[mount m]' 'source = /nothing' 'target = /mnt' '[volume v]' 'target = /srv' '[rule r]' 'direction = in' 'action = deny' 'nic = eth7')
	local told=".*there is no source '/nothing'.*; .*:[0-9]*: rule 'r': machine 'a' has no nic 'eth7' in this file.*; .*:[0-9]*: there is no volume 'v'"
	refused ":3: .*there is no network 'none'.*; .*$told|nic 'eth1': .*none.*; .*$told" '[machine a]' 'template = bb' '[nic eth1]' 'network = none' "${rest[@]}"
	refused ":1: .*none.*; .*$told" '[machine a]' 'template = bb' 'network = none' "${rest[@]}"
	refused "$told" '[machine a]' 'template = bb' "${rest[@]}"
}

# Networks that cannot both be made.
case_networks() {
	refused ":3: subnet 10.213.40.128/25 of network 'two' collides with 10.213.40.0/24 of network 'one' in line 1" '[network one]' \
		'subnet = 10.213.40.0/24' '[network two]' 'subnet = 10.213.40.128/25' '[machine a]' 'template = bb'
	refused ":1: network 'one': 10.77.1.0/25 collides with 10.77.1.0/24 of network 'lan'.*; .*:3: .*there is no template 'bbb'" '[network one]' \
		'subnet = 10.77.1.0/25' '[machine a]' 'template = bbb'
	refused ":3: bridge 'br-x' of network 'two' is that of network 'one' in line 1" '[network one]' 'bridge = br-x' \
		'[network two]' 'bridge = br-x'
	refused ":2: network 'wan' has bridge = .*, which cannot change to br-y; .*; .*:3: network 'wan' has subnet = 10.77.2.0/24, which cannot change to 10.77.3.0/24" \
		'[network wan]' 'bridge = br-y' 'subnet = 10.77.3.0/24'
	refused ":6: forward 'http' cannot lead to machine 'a': its network 'one' is private; write another" '[network one]' \
		'kind = private' '[machine a]' 'template = bb' 'network = one' '[forward http]' 'port = 18080' 'target = 80'
	ip link add taken type veth peer name other
	refused ":1: network 'one': bridge name 'taken' is taken.*; .*:1: network 'one': 10.77.1.0/25 collides" '[network one]' \
		'bridge = taken' 'subnet = 10.77.1.0/25'
	refused ":1: network 'one': bridge name 'taken' is taken" '[network one]' 'bridge = taken'
	ip link del taken
}

# A machine that runs has the settings of its network at once, also those that describe its interface.
case_networks_of_running() {
	describe 'name = shop' '[network lan]' 'mtu = 1400' 'domain = shop' '[machine a]' 'template = bb' 'network = lan'
	berth apply "$T/in/shop.apply" 2>"$T/err"
	describe 'name = shop' '[network lan]' 'mtu = 1300' 'domain = house' '[machine a]' 'template = bb' 'network = lan'
	has "machines that run on network 'lan' have the domain at their next start" "$(berth apply "$T/in/shop.apply" 2>&1)"
	has "mtu 1300" "$(berth exec a -- ip link show eth0)"
	has "nothing to do" "$(berth apply "$T/in/shop.apply")"
	describe 'name = shop' '[network lan]' 'mtu = 0' 'domain = berth' '[machine a]' 'template = bb' 'network = lan'
	berth apply "$T/in/shop.apply" 2>"$T/err"
	has "mtu 1500" "$(berth exec a -- ip link show eth0)"
	berth delete --force a
}

# exchanges FIRST SECOND: two machines with these lines in their nics.
exchanges() {
	describe 'name = shop' '[machine a]' 'template = bb' '[nic eth1]' 'network = lan' "$1" '[machine b]' 'template = bb' \
		'[nic eth1]' 'network = lan' "$2"
}

# Addresses and hardware addresses of nics are exchanged while the machines run.
case_exchanged() {
	local one two drawn
	exchanges 'address = 10.77.1.5' 'address = 10.77.1.6'
	berth apply "$T/in/shop.apply" >"$T/out"
	one=$(boot_of a)
	two=$(boot_of b)
	drawn="$(nic a eth1 .mac) $(nic b eth1 .mac)"
	exchanges 'address = 10.77.1.6' 'address = 10.77.1.5'
	does -- "change machine 'b': no nic.eth1 (was address = 10.77.1.6, mac = ${drawn#* }, network = lan)" \
		"change machine 'a': no nic.eth1 (was address = 10.77.1.5, mac = ${drawn% *}, network = lan)" \
		"change machine 'a': nic.eth1 (address = 10.77.1.6, network = lan) (was address = 10.77.1.5, network = lan)" \
		"change machine 'b': nic.eth1 (address = 10.77.1.5, network = lan) (was address = 10.77.1.6, network = lan)"
	does -- "nothing to do"
	has "inet 10.77.1.6/24" "$(berth exec a -- ip -o -4 addr show dev eth1)"
	has "inet 10.77.1.5/24" "$(berth exec b -- ip -o -4 addr show dev eth1)"
	same "drawn hardware addresses" "$drawn" "$(nic a eth1 .mac) $(nic b eth1 .mac)"
	exchanges "mac = ${mac}1" "mac = ${mac}2"
	berth apply "$T/in/shop.apply" >"$T/out"
	exchanges "mac = ${mac}2" "mac = ${mac}1"
	berth apply "$T/in/shop.apply" >"$T/out" 2>&1 || fault "$(cat "$T/out")"
	does -- "nothing to do"
	has "${mac}2" "$(berth exec a -- ip -o link show dev eth1)"
	has "${mac}1" "$(berth exec b -- ip -o link show dev eth1)"
	same boots "$one $two" "$(boot_of a) $(boot_of b)"
	gone a b
}

# An address of eth0 becomes that of another machine's nic, and the other way round.
case_exchanged_with_eth0() {
	local m=('[machine a]' 'template = bb' 'network = lan')
	describe 'name = shop' "${m[@]}" 'network.address = 10.77.1.5' '[machine b]' 'template = bb' '[nic eth1]' \
		'network = lan' 'address = 10.77.1.6'
	berth apply "$T/in/shop.apply" >"$T/out"
	describe 'name = shop' "${m[@]}" 'network.address = 10.77.1.6' '[machine b]' 'template = bb' '[nic eth1]' \
		'network = lan' 'address = 10.77.1.5'
	fails 1 "machine 'a' has network.address 10.77.1.5, which another machine gets, until it is restarted; apply with --restart" \
		berth apply "$T/in/shop.apply"
	berth apply --restart "$T/in/shop.apply" >"$T/out" 2>&1 || fault "$(cat "$T/out")"
	does -- "nothing to do"
	has "inet 10.77.1.6/24" "$(berth exec a -- ip -o -4 addr show dev eth0)"
	has "inet 10.77.1.5/24" "$(berth exec b -- ip -o -4 addr show dev eth1)"
	gone a b
}

# The same of IPv6 addresses, also of machines that have never started.
case_exchanged_address6() {
	six() {
		describe 'name = shop' '[network far]' 'subnet = 10.77.4.0/24' 'subnet6 = fd00:77:4::/64' \
			'[machine a]' 'template = bb' "state = $1" 'network = far' "network.address = 10.77.4.$2" \
			"network.address6 = fd00:77:4::$2" \
			'[machine b]' 'template = bb' "state = $1" '[nic eth1]' 'network = far' "address = 10.77.4.$3" \
			"address6 = fd00:77:4::$3" '[machine c]' 'template = bb' "state = $1" 'network = far' \
			"network.address = 10.77.4.$4" "network.address6 = fd00:77:4::$4"
	}
	six stopped 5 6 7
	berth apply "$T/in/shop.apply" >"$T/out" 2>&1 || fault "$(cat "$T/out")"
	six stopped 6 7 5
	berth apply "$T/in/shop.apply" >"$T/out" 2>&1 || fault "$(cat "$T/out")"
	does -- "nothing to do"
	same "wishes" "10.77.4.6 fd00:77:4::6 10.77.4.7 fd00:77:4::7 10.77.4.5 fd00:77:4::5" \
		"$(berth get a network.address) $(berth get a network.address6) $(nic b eth1 .address) $(nic b eth1 .address6) $(
			berth get c network.address) $(berth get c network.address6)"
	six running 6 7 5
	berth apply "$T/in/shop.apply" >"$T/out" 2>&1 || fault "$(cat "$T/out")"
	six running 7 5 6
	tells_all "machine 'a' has network.address6 fd00:77:4::6, which another machine gets" berth apply "$T/in/shop.apply"
	berth apply --restart "$T/in/shop.apply" >"$T/out" 2>&1 || fault "$(cat "$T/out")"
	does -- "nothing to do"
	has "inet6 fd00:77:4::7/" "$(berth exec a -- ip -o -6 addr show dev eth0)"
	has "inet6 fd00:77:4::5/" "$(berth exec b -- ip -o -6 addr show dev eth1)"
	has "inet6 fd00:77:4::6/" "$(berth exec c -- ip -o -6 addr show dev eth0)"
	# An address that stays where it is stops the exchange.
	six running 7 5 6
	sed -i 's/^\[machine c\]/[machine d]/' "$T/in/shop.apply"
	fails 1 "(is that of machine|belongs to) 'c'" berth apply "$T/in/shop.apply"
	gone a b c
	berth network delete far
}

# eth0 and a nic of one machine change their networks.
case_swapped() {
	local boot
	swap() {
		describe '[machine a]' 'template = bb' "network = $1" '[nic eth1]' "network = $2"
	}
	swap lan wan
	berth apply "$T/in/shop.apply" >"$T/out"
	boot=$(boot_of a)
	swap wan lan
	fails 1 "machine 'a' has its 'eth0' on network 'lan', which nic 'eth1' is to be on, until it is restarted; apply with --restart" \
		berth apply "$T/in/shop.apply"
	same "nothing is changed" lan "$(berth get a network)"
	berth apply --restart "$T/in/shop.apply" >"$T/out" 2>&1 || fault "$(cat "$T/out")"
	does -- "nothing to do"
	has "inet 10.77.2" "$(berth exec a -- ip -o -4 addr show dev eth0)"
	has "inet 10.77.1" "$(berth exec a -- ip -o -4 addr show dev eth1)"
	[[ $boot != "$(boot_of a)" ]] || fault "it was not restarted"
	# Of a machine that is down.
	berth stop a
	swap lan wan
	berth apply "$T/in/shop.apply" >"$T/out" 2>&1 || fault "$(cat "$T/out")"
	does -- "nothing to do"
	has "inet 10.77.1" "$(berth exec a -- ip -o -4 addr show dev eth0)"
	gone a
}

# A machine whose sections cannot be added is not made, and one that was stopped for a change that fails runs again.
case_failing() {
	local m=('[nic eth5]' 'network = tiny')
	# It has one address.
	berth network create tiny --subnet 10.77.3.0/30
	berth create bb holder
	berth nic add holder eth5 --network tiny
	describe '[machine a]' 'template = bb' "${m[@]}"
	fails 1 "no free address left.*; 0 of 2 actions were done, and not: create machine 'a', start machine 'a'" berth apply "$T/in/shop.apply"
	fails 1 "no machine 'a'" berth info a
	describe '[machine a]' 'template = bb' 'network = lan' 'network.address = 10.77.1.5' \
		'[machine b]' 'template = bb' 'network = lan' 'network.address = 10.77.1.6'
	berth apply "$T/in/shop.apply" >"$T/out"
	describe '[machine a]' 'template = bb' 'network = lan' 'network.address = 10.77.1.6' \
		'[machine b]' 'template = bb' 'network = lan' 'network.address = 10.77.1.5' "${m[@]}"
	fails 1 "no free address left.*; machine 'a', which was stopped for it, runs again; machine 'b', which was stopped for it, runs again" \
		berth apply --restart "$T/in/shop.apply"
	state_is a running
	state_is b running
	berth delete holder
	berth apply --restart "$T/in/shop.apply" >"$T/out" 2>&1 || fault "$(cat "$T/out")"
	does -- "nothing to do"
	same addresses "10.77.1.6 10.77.1.5" "$(field a network.address) $(field b network.address)"
	gone a b
	berth network delete tiny
}

run_cases "$@"
