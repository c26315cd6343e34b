#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Networks of kind physical: a machine has an interface of the host's for itself, and the host gets it back as it was.
needs_faults="case_killed"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/world.sh
. "$(dirname "$0")/../world.sh"

# The host's second interface, nic0, with another host at its other end.
set_up() {
	busybox_template bb
	make_the_world
	make_nic
	berth network create wire kind=physical parent=nic0 subnet=10.66.0.0/24 gateway=10.66.0.1 2>"$T/created"
}

make_nic() {
	ip link add nic0 address 02:00:00:00:00:10 type veth peer name nic1 netns "$(cat "$T/world")"
	ip link set nic0 mtu 1480 up
	in_the_world ip addr add 10.66.0.1/24 dev nic1
	in_the_world ip link set nic1 up
	nic_now >"$T/as_made"
}

tear_down() {
	ip link del nic0
	end_the_world
}

# What counts of the interface on the host; its number is a new one.
nic_now() {
	ip -j addr show dev nic0 | jq -c '.[0] | [.address, .mtu, (.flags | index("UP") != null),
		[.addr_info[] | select(.scope == "global") | .local]]'
}

# wired NAME [LAST]: a machine that runs with the interface, and 10.66.0.LAST.
wired() {
	berth create --network wire bb "$1"
	berth set "$1" network.address="10.66.0.${2:-5}"
	berth start "$1"
}

# The machine has it, and the host has not, until the end of the run.
case_given() {
	has "the host is without 'nic0' while a machine on the network runs; no guard" "$(cat "$T/created")"
	wired web
	not ip link show nic0
	in_the_world ping -c 1 -W 5 10.66.0.5
	same "hardware address" 02:00:00:00:00:10 "$(berth nic list --json web | jq -r '.[0].mac')"
	same "MTU inside" 1480 "$(berth exec web -- cat /sys/class/net/eth0/mtu)"
	same "network" "wire physical nic0 true 1 1" \
		"$(berth network list --json | jq -r '.[] | "\(.name) \(.kind) \(.parent) \(.up) \(.leases) \(.ports)"')"
	has "ok.*'wire' \(physical nic0\) is up" "$(berth doctor || true)"
	has "web received [1-9][0-9]* packets, .*no guard" "$(berth network info wire)"
	berth network up wire
	berth network set wire mtu=1400
	same "another MTU inside" 1400 "$(berth exec web -- cat /sys/class/net/eth0/mtu)"
	berth network unset wire mtu
	# The guest does with it what it wants.
	berth exec web -- sh -c 'ip link set eth0 down; ip link set eth0 name mine; ip link set mine address 02:00:00:00:00:99 mtu 1300'
	berth stop --force web
	same "back" "$(cat "$T/as_made")" "$(nic_now)"
	find "$BERTH_ROOT/run/networks" -path "*/inside*" >"$T/notes"
	empty "notes" "$T/notes"
	berth start web
	in_the_world ping -c 1 -W 5 10.66.0.5
	berth exec web -- reboot || true
	retry 30 in_the_world ping -c 1 -W 5 10.66.0.5
	retry 30 berth exec web -- ping -c 1 -W 5 10.66.0.1
	berth restart --force web
	in_the_world ping -c 1 -W 5 10.66.0.5
	berth exec web -- poweroff || true
	retry 30 ip link show nic0
	retry 10 eval '[[ $(nic_now) == "$(cat "$T/as_made")" ]]'
	gone web
}

# A nic of a running machine.
case_nic() {
	berth launch --network= bb mnic
	berth nic add mnic lan0 --network wire --address 10.66.0.7
	in_the_world ping -c 1 -W 5 10.66.0.7
	berth nic set mnic lan0 address=10.66.0.8
	in_the_world ping -c 1 -W 5 10.66.0.8
	not ip link show nic0
	berth exec mnic -- sh -c 'ip link set lan0 down; ip link set lan0 name mine'
	berth nic remove mnic lan0
	same "links" lo "$(berth exec mnic -- ls /sys/class/net)"
	berth exec mnic -- ip link add lan0 type bridge
	fails 1 "machine 'mnic' has a link 'lan0' of its own already" berth nic add mnic lan0 --network wire
	same "links of its own" "lan0 lo" "$(berth exec mnic -- ls /sys/class/net | xargs)"
	same "back" "$(cat "$T/as_made")" "$(nic_now)"
	# The interface keeps its name on the host at first, which the machine has a link of.
	berth exec mnic -- ip link set lan0 name nic0
	fails 1 "machine 'mnic' has a link 'nic0' of its own already" berth nic add mnic nic0 --network wire
	berth nic add mnic lan0 --network wire --address 10.66.0.7
	same "links beside its own" "lan0 lo nic0" "$(berth exec mnic -- ls /sys/class/net | xargs)"
	in_the_world ping -c 1 -W 5 10.66.0.7
	berth nic remove mnic lan0
	same "links that are left" "lo nic0" "$(berth exec mnic -- ls /sys/class/net | xargs)"
	same "back" "$(cat "$T/as_made")" "$(nic_now)"
	gone mnic
}

# An interface that is unplugged while a machine has it, and one of its name that is plugged in later.
case_lost() {
	local gone="network 'wire': the host's 'nic0', which machine 'web' had, is gone: unplugged, removed, or put into another"
	wired web
	same "hardware address" 02:00:00:00:00:10 "$(berth nic list web | awk 'NR == 2 { print $5 }')"
	has "^mac: +02:00:00:00:00:10" "$(berth info web)"
	same "of its object" 02:00:00:00:00:10 "$(berth info --json web | jq -r .network.mac)"
	in_the_world ip link del nic1
	fails 1 "$gone" berth network up wire
	fails 1 "'web' could not start again, so it is not stopped: $gone" berth restart web
	has "^fault: +$gone" "$(berth network info wire)"
	has "uplink nic0, missing" "$(berth network map || true)"
	same "missing" nic0 "$(berth network map --format json | jq -r '.networks[] | select(.name == "wire").missing_uplinks[]')"
	berth doctor >"$T/doctor" 2>&1 || true
	has "problem +network +$gone" "$(cat "$T/doctor")"
	has "mend its network first, then run 'berth network up wire'" "$(cat "$T/doctor")"
	make_nic
	berth network up wire
	in_the_world ping -c 1 -W 5 10.66.0.5
	lacks "missing" "$(berth network map)"
	in_the_world ip link del nic1
	berth stop --force web
	fails 1 "the host has no link 'nic0', which is to be the parent of its machines; plug it in or make it" berth network up wire
	make_nic
	berth start web
	in_the_world ping -c 1 -W 5 10.66.0.5
	# A network that is deleted after its keeper was killed gives the interface back first, and leaves nothing.
	kill -KILL "$(field web keeper)"
	retry 20 eval '[[ $(berth list --json web | jq -r ".[0].state") != running ]]'
	berth network delete --force wire
	same "back" "$(cat "$T/as_made")" "$(nic_now)"
	not ls "$BERTH_ROOT/run/networks/wire"
	gone web
	berth network create wire kind=physical parent=nic0 subnet=10.66.0.0/24 gateway=10.66.0.1 2>"$T/created"
}

# One machine at a time, and nothing that shares the interface.
case_one() {
	berth network create also kind=physical parent=nic0
	berth network create shared kind=macvlan parent=nic0
	wired web
	berth create --network wire bb second
	fails 1 "network 'wire': machine 'web' has the host's 'nic0' or shares it, on network 'wire'; stop that one first" berth start second
	berth create --network also bb third
	fails 1 "network 'also': machine 'web' has the host's 'nic0', on network 'wire'; stop that one first" berth start third
	berth create --network shared bb fourth
	fails 1 "network 'shared': machine 'web' has the host's 'nic0', on network 'wire'; stop that one first" berth start fourth
	fails 1 "network 'wire': 1 machine is on it: 'web'; stop it first" berth network delete --force wire
	berth stop --force web
	berth start fourth
	fails 1 "machine 'fourth' has the host's 'nic0' or shares it, on network 'shared'; stop that one first" berth start web
	berth stop --force fourth
	# Two at the same moment.
	berth start web &
	local first=$! one=0 other=0
	berth start third 2>"$T/err" || other=$?
	wait "$first" || one=$?
	same "one of both has it" 1 "$((one + other))"
	gone web second third fourth
	same "back" "$(cat "$T/as_made")" "$(nic_now)"
	berth network delete also shared
}

# What the host would lose is refused, and given back where it is wanted all the same.
case_in_use() {
	local before
	berth create --network wire bb web
	berth set web network.address=10.66.0.5
	ip addr add 10.66.0.2/24 dev nic0
	ip addr add fd00:66::2/64 dev nic0 nodad
	fails 1 "network 'wire': the host's 'nic0' has addresses of the host's; take that away first" berth start web
	ip route replace default via 10.66.0.1 dev nic0
	fails 1 "'nic0' carries the host's default route; .*berth network set wire parent.force=yes" berth start web
	before=$(nic_now)
	berth network set wire parent.force=yes
	berth start web
	in_the_world ping -c 1 -W 5 10.66.0.5
	berth stop --force web
	same "back with its addresses" "$before" "$(nic_now)"
	berth network set wire parent.force=no
	ip addr flush dev nic0 scope global
	ip link add link nic0 name nic0.5 type macvlan mode bridge
	fails 1 "the host's 'nic0' carries the link 'nic0.5', which would be gone without it" berth start web
	ip link del nic0.5
	ip link add br-y type bridge
	ip link set nic0 master br-y
	fails 1 "the host's 'nic0' is a port of 'br-y'; take it out there" berth start web
	ip link set nic0 nomaster
	berth network create bridge kind=physical parent=br-y
	berth create --network bridge bb b
	fails 1 "network 'bridge': the host's 'br-y' cannot be given away: .*; choose kind=macvlan" berth start b
	gone b web
	berth network delete bridge
	ip link del br-y
	same "back" "$(cat "$T/as_made")" "$(nic_now)"
	fails 1 "network 'bad': a network of kind physical has no parent; name the interface" berth network create bad kind=physical
	fails 1 "network 'bad': the host's link 'lo' cannot leave the host" berth network create bad kind=physical parent=lo
	fails 1 "network 'bad': parent.force is yes, but a network of kind macvlan takes nothing" \
		berth network create bad kind=macvlan parent=nic0 parent.force=yes
	fails 1 "mode is 'vepa', but a network of kind physical has no mode" berth network create bad kind=physical parent=nic0 mode=vepa
	fails 1 "isolated is yes" berth network create bad kind=physical parent=nic0 isolated=yes
	has "'bad': the host has no link 'nosuch' now" "$(berth network create bad kind=physical parent=nosuch 2>&1)"
	has "the host has no link 'nosuch'" "$(berth doctor || true)"
	berth network delete bad
}

# Its keeper and all of the machine are killed: the namespace stays with the interface, until a command gives it back.
case_keeper_killed() {
	wired web
	berth exec web -- sh -c 'ip link set eth0 down; ip link set eth0 name mine'
	kill -KILL "$(field web keeper)"
	retry 20 eval '[[ $(berth list --json web | jq -r ".[0].state") != running ]]'
	has "machine 'web' has ended without giving the host's 'nic0' back, which 'berth network up wire' does" "$(berth doctor || true)"
	not ip link show nic0
	berth network up wire
	same "back" "$(cat "$T/as_made")" "$(nic_now)"
	gone web
	# Or the next start of another machine.
	wired web
	kill -KILL "$(field web keeper)"
	retry 20 eval '[[ $(berth list --json web | jq -r ".[0].state") != running ]]'
	wired second 6
	in_the_world ping -c 1 -W 5 10.66.0.6
	gone second web
	same "back again" "$(cat "$T/as_made")" "$(nic_now)"
}

# A name that the host gave to another link meanwhile.
case_name_taken() {
	wired web
	ip link add nic0 type bridge
	berth stop --force web
	same "hardware address" 02:00:00:00:00:10 \
		"$(ip -j link | jq -r '.[] | select(.ifname | test("^nic[1-9]")) | .address')"
	ip link del nic0
	ip link set "$(ip -j link | jq -r '.[] | select(.address == "02:00:00:00:00:10") | .ifname')" down name nic0
	ip link set nic0 up
	same "back" "$(cat "$T/as_made")" "$(nic_now)"
	gone web
}

case_capture() {
	wired web
	captures_over_a_restart web 10.66.0.5
	gone web
}

# Wherever a command is killed, the interface is the host's or the machine's, and the next command gives it back.
case_killed() {
	local point
	for point in physical-noted physical-moved physical-returned; do
		berth create --network wire bb hit
		berth set hit network.address=10.66.0.9
		if [[ $point == physical-returned ]]; then
			berth start hit
			kill -KILL "$(field hit keeper)"
			retry 20 eval '[[ $(berth list --json hit | jq -r ".[0].state") != running ]]'
			not env BERTH_FAULT="$point:1" berth network up wire
		else
			not env BERTH_FAULT="$point:1" berth start hit
		fi
		berth network up wire
		same "back, $point" "$(cat "$T/as_made")" "$(nic_now)"
		berth start hit
		in_the_world ping -c 1 -W 5 10.66.0.9
		gone hit
		same "back after a run, $point" "$(cat "$T/as_made")" "$(nic_now)"
	done
	find "$BERTH_ROOT/run/networks" -path "*/inside*" >"$T/notes"
	empty "notes" "$T/notes"
}

run_cases "$@"
