#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Firewall rules in files of apply: of machines and of networks, changed without a moment in which packets pass; and words
# of rules that are refused.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/apply.sh
. "$top/tests/apply.sh"
# shellcheck source=tests/faults.sh
. "$top/tests/faults.sh"

# shellcheck disable=SC2034 # of tests/cases.sh
needs_faults="case_killed case_port_first"
readonly probe_program=$top/tests/integration/rules_probe.py

set_up() {
	busybox_template bb
	mkdir -p "$T/in"
	berth network create lan --subnet 10.77.1.0/24
	berth launch --wait --network lan --set network.address=10.77.1.12 bb db
	describe "${web[@]}"
	berth apply "$T/in/shop.apply"
	as web python3 -IS "$probe_program" serve 7001 7002 >"$T/serves" 2>&1 &
	retry 10 grep -q serves "$T/serves"
}

tear_down() {
	sed -n 's/^serves //p' "$T/serves" | xargs -r kill || true
}

readonly -a web=('name = shop' '[machine web]' 'template = bb' 'network = lan' 'network.address = 10.77.1.11')

as() {
	nsenter --net="/proc/$(field "$1" init)/ns/net" "${@:2}"
}

answers() {
	as db python3 -IS "$probe_program" probe "$1" 10.77.1.11 "${2:-7001}"
}

# killed POINT COMMAND...
killed() {
	not_kindly env BERTH_FAULT="$1:1" "${@:2}"
}

rules_of() {
	berth rule list --json "$@" | jq -r '.[] | "\(.name) \(.action) \(.protocol) \(.port // "-")"' | sort | paste -sd ,
}

readonly -a shut=('[rule shut]' 'action = deny' 'direction = in' 'protocol = udp')

# A rule of another form, and one of another name, replace it without an answer in between.
case_no_gap() {
	local n pid
	describe "${web[@]}" "${shut[@]}"
	does -- "change machine 'web': rule.shut (action = deny, protocol = udp)"
	as db python3 -IS "$probe_program" count 10.77.1.11 7001 >"$T/counted" &
	retry 10 grep -q counts "$T/counted"
	pid=$(sed -n 's/^counts //p' "$T/counted")
	for ((n = 0; n < 10; n++)); do
		describe "${web[@]}" "${shut[@]}" 'port = 7000-7001'
		does -- "change machine 'web': rule.shut (action = deny, port = 7000-7001, protocol = udp) (was action = deny, protocol = udp)"
		describe "${web[@]}" "${shut[@]/shut/other}"
		does -- "change machine 'web': rule.other (action = deny, protocol = udp), no rule.shut (was action = deny, port = 7000-7001, protocol = udp)"
		describe "${web[@]}" "${shut[@]}"
		does -- "change machine 'web': rule.shut (action = deny, protocol = udp), no rule.other (was action = deny, protocol = udp)"
	done
	kill "$pid"
	retry 10 grep -q answered "$T/counted"
	same "answers" "answered 0" "$(tail -n 1 "$T/counted")"
	does -- "nothing to do"
	describe "${web[@]}"
	does -- "change machine 'web': no rule.shut (was action = deny, protocol = udp)"
	answers udp
}

# Comments and other lines of machine.conf stay; rules that a file gives twice, or that are none, are told with their lines.
case_file() {
	local conf=$BERTH_ROOT/lib/machines/web/machine.conf
	describe "${web[@]}" "${shut[@]}"
	berth apply "$T/in/shop.apply"
	sed -i 's/^\[rule shut\]/&\n# of mine/' "$conf"
	describe "${web[@]}" "${shut[@]}" 'log = yes' '[rule more]' 'action = deny' 'protocol = icmp'
	berth apply "$T/in/shop.apply"
	same "lines" "# of mine log = yes" "$(grep -E '^(# of mine|log)' "$conf" | paste -sd ' ')"
	same "rules" "more deny icmp -,shut deny udp -" "$(rules_of web)"
	refused ":10: rule 'bad' cannot have port '0'" "${web[@]}" "${shut[@]}" '[rule bad]' 'protocol = tcp' 'port = 0'
	refused ":6: machine 'web' cannot be the peer of its own rule, .*; name another, or an address" \
		"${web[@]}" '[rule self]' 'peer = web'
	same "rules that stay" "more deny icmp -,shut deny udp -" "$(rules_of web)"
	describe "${web[@]}"
	berth apply "$T/in/shop.apply"
}

# A network has the rules of the file, if it gives some; without, they stay.
case_of_a_network() {
	local lan=('[network lan]')
	berth rule add --network lan in deny tcp 9
	describe "${web[@]}" "${lan[@]}"
	does -- "nothing to do"
	describe "${web[@]}" "${lan[@]}" "${shut[@]}" '[rule open]' 'protocol = icmp' 'direction = out'
	does --diff -- "change network 'lan': rule.shut (action = deny, protocol = udp), rule.open (direction = out, protocol = icmp), no rule.in-tcp-9 (was action = deny, port = 9, protocol = tcp)"
	answers udp
	does -- "change network 'lan': rule.shut (action = deny, protocol = udp), rule.open (direction = out, protocol = icmp), no rule.in-tcp-9 (was action = deny, port = 9, protocol = tcp)"
	not answers udp
	does -- "nothing to do"
	same "rules" "open allow icmp -,shut deny udp -" "$(rules_of --network lan)"
	refused ":8: unknown key 'nic'" "${web[@]}" "${lan[@]}" '[rule bad]' 'nic = eth0'
	refused ":7: rule 'bad' cannot have peer 'a b'" "${web[@]}" "${lan[@]}" '[rule bad]' 'peer = a b'
	refused ":6: section 'mount' belongs to a machine" '[network lan]' '' '' '' '' '[mount x]'
	# A key that cannot be set leaves the rules as they were.
	describe "${web[@]}" "${lan[@]}" 'dns.servers = 10.77.1.1' "${shut[@]}"
	fails 1 "dns.servers has 10.77.1.1, which is the network's own name server" berth apply "$T/in/shop.apply"
	same "rules that stay" "open allow icmp -,shut deny udp -" "$(rules_of --network lan)"
	describe "${web[@]}" '[network far]' 'subnet = 10.77.3.0/24' "${shut[@]}" "${lan[@]}" "${shut[@]}" 'port = 1'
	does -- "create network 'far'" \
		"change network 'lan': rule.shut (action = deny, port = 1, protocol = udp) (was action = deny, protocol = udp), no rule.open (was direction = out, protocol = icmp)"
	answers udp
	same "rules of the new one" "shut deny udp -" "$(rules_of --network far)"
	refused ":1: network 'side': there is a rule 'shut', but machines on a network of kind macvlan" \
		'[network side]' 'kind = macvlan' 'parent = lo' "${shut[@]}"
	berth rule remove --network lan shut
	berth network delete far
}

# The rules are in the settings, and the port has them by the next command.
case_killed() {
	describe "${web[@]}" "${shut[@]}"
	same "fault points" "rule-written:1 rule-made:1" \
		"$(points berth apply "$T/in/shop.apply" 2>&1 | grep '^rule' | paste -sd ' ')"
	describe "${web[@]}" "${shut[@]}" 'port = 7001' '[rule more]' 'protocol = tcp' 'port = 7002'
	killed rule-written berth apply "$T/in/shop.apply"
	not answers udp 7002
	answers tcp 7001
	has "machine 'web' has older firewall rules on network 'lan' than the settings say" "$(berth doctor 2>&1 || true)"
	has "web eth0, .*: broken: the rules of its port are those of before a change" "$(berth network map || true)"
	does --diff -- "renew rules of machine 'web'"
	does -- "renew rules of machine 'web'"
	not answers tcp 7001
	answers tcp 7002
	does -- "nothing to do"
	describe "${web[@]}"
	berth apply "$T/in/shop.apply"
	describe "${web[@]}" '[network lan]' "${shut[@]}"
	killed network-rule-written berth apply "$T/in/shop.apply"
	answers udp
	does -- "renew rules of network 'lan'" "renew rules of machine 'web'"
	not answers udp
	does -- "nothing to do"
	berth rule remove --network lan shut
	answers udp
}

# The port goes before its rules do.
case_port_first() {
	local port
	berth network create side --subnet 10.77.2.0/24
	berth nic add web eth1 --network side
	port=$(ip -j link show | jq -r --arg bridge "$(berth network list --json | jq -r '.[] | select(.name == "side").bridge')" \
		'.[] | select(.master == $bridge).ifname')
	nft list table netdev "berth-$port" >"$T/rules"
	killed port-removed berth nic remove web eth1
	not ip link show "$port"
	nft list table netdev "berth-$port" >"$T/rules"
	berth nic remove web eth1
	not nft list table netdev "berth-$port"
	berth network delete side
}

case_words() {
	fails 2 "cannot have port '080'; use numbers from 1 to 65535" berth rule add web in allow tcp 080
	fails 2 "cannot have port '80-090'" berth rule add web in allow tcp 80-090
	fails 2 "from is given twice, and a rule has one peer" berth rule add web in allow tcp 80 --from 10.1.2.3 --from 10.1.2.4
	fails 2 "to is given twice" berth rule add web out allow tcp 80 --to db --to web
	fails 1 "machine 'web' cannot be the peer of its own rule" berth rule add web in allow tcp 80 --from web
	silent "rules" rules_of web
}

# A rule names its peer: it stays with the name, and both the command and doctor say so.
case_renamed_peer() {
	berth create bb guest
	berth rule add web in deny any --name strangers --from guest 2>"$T/err"
	berth rename guest other 2>"$T/err"
	has "rule 'strangers' of machine 'web' still denies the name 'guest', and not 'other'; see: berth rule list" "$(cat "$T/err")"
	has "rule 'strangers' of machine 'web' denies machine 'guest', which does not exist.*berth rule remove web strangers" \
		"$(berth doctor 2>&1 | tr '\n' ' ' || true)"
	berth rule remove web strangers
	lacks "denies machine" "$(berth doctor 2>&1 || true)"
	gone other
}

run_cases "$@"
