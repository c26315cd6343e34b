#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Firewall rules of machines and networks, between two machines, the host and a host outside, by both families.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/outside.sh
. "$top/tests/outside.sh"

# shellcheck disable=SC2034 # of tests/cases.sh
needs_faults="case_killed"
readonly probe_program=$top/tests/integration/rules_probe.py

set_up() {
	busybox_template bb
	make_outside
	ip addr add fd99::1/64 dev outer nodad
	outside ip addr add fd99::2/64 dev inner nodad
	outside ip route add default via fd99::1
	berth network create lan --subnet 10.77.1.0/24 subnet6=fd77:1::/64
	berth launch --wait --network lan --set network.address=10.77.1.11 --set network.address6=fd77:1::11 bb web
	berth launch --wait --network lan --set network.address=10.77.1.12 --set network.address6=fd77:1::12 bb db
	sysctl -qw net.ipv6.conf.all.forwarding=1
	for who in web db host outside; do
		serve "$who"
	done
}

# serve WHO: answers there.
serve() {
	# What an earlier one has said is not taken for this one's.
	rm -f "$T/serves.$1"
	as "$1" python3 -IS "$probe_program" serve 7001 7002 >"$T/serves.$1" 2>&1 &
	retry 10 grep -q serves "$T/serves.$1"
	sed 's/^serves //' "$T/serves.$1" >>"$T/servers"
}

tear_down() {
	# Those of machines that have ended are gone.
	xargs -r kill <"$T/servers" 2>/dev/null || true
	end_outside
}

# as WHO COMMAND...: in the network namespace of a machine, the host, or the host outside.
as() {
	local who=$1
	shift
	case $who in
	host) "$@" ;;
	outside) outside "$@" ;;
	*) nsenter --net="/proc/$(field "$who" init)/ns/net" "$@" ;;
	esac
}

# address WHO FAMILY: by which others reach it.
address() {
	case $1$2 in
	host4) echo 10.77.1.1 ;;
	host6) echo fd77:1::1 ;;
	outside4) echo 192.0.2.2 ;;
	outside6) echo fd99::2 ;;
	web4) echo 10.77.1.11 ;;
	web6) echo fd77:1::11 ;;
	db4) echo 10.77.1.12 ;;
	db6) echo fd77:1::12 ;;
	*4) field "$1" network.address ;;
	*6) field "$1" network.address6 ;;
	esac
}

# answers FROM PROTOCOL TO FAMILY [PORT]
answers() {
	as "$1" python3 -IS "$probe_program" probe "$2" "$(address "$3" "$4")" "${5:-7001}"
}

# probes WHO: words of "each" for all protocols and families.
probes() {
	local protocol family
	for protocol in tcp udp icmp; do
		for family in 4 6; do
			echo "$protocol $(address "$1" "$family") 7001"
		done
	done
}

# seen in|out: all that is open between web and others, "WHO PROTOCOL FAMILY", sorted.
seen() {
	local who
	for who in db host outside; do
		if [[ $1 == in ]]; then
			# shellcheck disable=SC2046 # words
			as "$who" python3 -IS "$probe_program" each $(probes web) | sed "s/^/$who /" &
		else
			# shellcheck disable=SC2046
			as web python3 -IS "$probe_program" each $(probes "$who") | sed "s/^/$who /" &
		fi
	done | awk '{ print $1, $2, $3 ~ /:/ ? 6 : 4 }' | sort | paste -sd ,
}

# lines WHO... -- PROTOCOL...: those lines, for both families.
lines() {
	local who protocol family whose=()
	while [[ $1 != -- ]]; do
		whose+=("$1")
		shift
	done
	shift
	for who in "${whose[@]}"; do
		for protocol in "$@"; do
			for family in 4 6; do
				echo "$who $protocol $family"
			done
		done
	done | sort | paste -sd ,
}

readonly -a everybody=(db host outside) everything=(tcp udp icmp)

no_rules() {
	local name
	for name in $(berth rule list --json web | jq -r '.[].name'); do
		berth rule remove web "$name"
	done
	for name in $(berth rule list --json --network lan | jq -r '.[].name'); do
		berth rule remove --network lan "$name"
	done
	same "rules that are left" 0 "$(berth rule list --json web | jq length)"
}

all_is_open() {
	same "in, $1" "$(lines "${everybody[@]}" -- "${everything[@]}")" "$(seen in)"
	same "out, $1" "$(lines "${everybody[@]}" -- "${everything[@]}")" "$(seen out)"
}

case_allow_in() {
	local protocol
	all_is_open "without rules"
	for protocol in tcp udp icmp; do
		no_rules
		berth rule add web in allow "$protocol"
		same "in, with in allow $protocol" "$(lines "${everybody[@]}" -- "$protocol")" "$(seen in)"
	done
	same "out, whose answers come in" "$(lines "${everybody[@]}" -- "${everything[@]}")" "$(seen out)"
	no_rules
	all_is_open "after the rules"
}

case_allow_out() {
	local protocol
	for protocol in tcp udp icmp; do
		no_rules
		berth rule add web out allow "$protocol"
		same "out, with out allow $protocol" "$(lines "${everybody[@]}" -- "$protocol")" "$(seen out)"
	done
	same "in, whose answers go out" "$(lines "${everybody[@]}" -- "${everything[@]}")" "$(seen in)"
	no_rules
}

# A deny wins over an allow, and what neither has passes if there is no allow.
case_deny() {
	local protocol others
	no_rules
	for protocol in tcp udp icmp; do
		mapfile -t others < <(printf '%s\n' "${everything[@]}" | grep -vx "$protocol")
		berth rule add web in deny "$protocol" --name no-in
		berth rule add web out deny "$protocol" --name no-out
		same "in, with deny $protocol" "$(lines "${everybody[@]}" -- "${others[@]}")" "$(seen in)"
		same "out, with deny $protocol" "$(lines "${everybody[@]}" -- "${others[@]}")" "$(seen out)"
		no_rules
	done
	berth rule add web in allow any
	all_is_open "with in allow any"
	berth rule add web in deny tcp 7001
	same "in, with an allow and a deny" "$(lines "${everybody[@]}" -- udp icmp)" "$(seen in)"
	answers db tcp web 4 7002
	no_rules
	berth rule add web in deny any
	silent "in, with in deny any" seen in
	same "out, with in deny any" "$(lines "${everybody[@]}" -- "${everything[@]}")" "$(seen out)"
	no_rules
	berth rule add web out deny any
	silent "out, with out deny any" seen out
	same "in, with out deny any" "$(lines "${everybody[@]}" -- "${everything[@]}")" "$(seen in)"
	no_rules
}

case_ports() {
	no_rules
	berth rule add web in allow tcp 22,7000-7001,9000
	answers db tcp web 4 7001
	answers outside tcp web 6 7001
	not answers db tcp web 4 7002
	not answers db udp web 4 7001
	berth rule add web in allow udp 7002
	answers host udp web 6 7002
	not answers host udp web 6 7001
	no_rules
}

# The peer is an address, a network of either family, or a machine.
case_peers() {
	no_rules
	berth rule add web in allow any --from 192.0.2.0/24
	same "from a network" "outside icmp 4,outside tcp 4,outside udp 4" "$(seen in)"
	no_rules
	berth rule add web in allow any --from fd99::2
	same "from an address" "outside icmp 6,outside tcp 6,outside udp 6" "$(seen in)"
	no_rules
	berth rule add web in allow any --from db
	same "from a machine" "$(lines db -- "${everything[@]}")" "$(seen in)"
	no_rules
	berth rule add web in deny any --from db
	same "but from a machine" "$(lines host outside -- "${everything[@]}")" "$(seen in)"
	no_rules
	berth rule add web out deny any --to db
	same "but to a machine" "$(lines host outside -- "${everything[@]}")" "$(seen out)"
	no_rules
	berth rule add web out allow any --to db
	same "to a machine" "$(lines db -- "${everything[@]}")" "$(seen out)"
	no_rules
}

# A rule names a machine that gets its address later.
case_later_peer() {
	no_rules
	berth rule add web in allow tcp --from late 2>"$T/note"
	has "no machine 'late' has an address on network 'lan' yet" "$(cat "$T/note")"
	berth launch --wait --network lan bb late
	answers late tcp web 4
	answers late tcp web 6
	not answers db tcp web 4
	berth delete --force late
	no_rules
}

# A rule of a network is for all of its machines, those that start later too.
case_of_a_network() {
	no_rules
	berth rule add --network lan in allow tcp 7001
	answers web tcp db 4
	not answers web udp db 4
	not answers db icmp web 6
	berth launch --wait --network lan bb third
	serve third
	answers db tcp third 6 7001
	not answers db tcp third 6 7002
	berth rule add third in allow tcp 7002
	answers db tcp third 6 7002
	not answers db tcp web 6 7002
	has "^lan +in-tcp-7001 +in +allow +tcp +7001 " "$(berth rule list --network lan)"
	berth rule remove --network lan in-tcp-7001
	answers web udp db 4
	berth delete --force third
}

# The rules are there before init runs, go with the port, and come back after another program has cleared them.
case_life() {
	no_rules
	berth rule add web in allow tcp 7002
	nft list ruleset >"$T/rules"
	has "chain sent" "$(cat "$T/rules")"
	has "chain received" "$(cat "$T/rules")"
	not answers db tcp web 4 7001
	nft flush ruleset
	answers db tcp web 4 7001
	has "web" "$(berth network up lan 2>&1; berth list)"
	not answers db tcp web 4 7001
	answers db tcp web 4 7002
	berth stop --force web
	lacks "received" "$(nft list ruleset)"
	berth start --wait web
	has "received" "$(nft list ruleset)"
	serve web
	not answers db tcp web 4 7001
	answers db tcp web 4 7002
	no_rules
}

# say LINE: on the connection that is held; its answer.
say() {
	local before
	before=$(wc -l <"$T/held")
	echo "$1" >&"$talk"
	retry 10 more_lines "$before"
	tail -n 1 "$T/held"
}

more_lines() {
	(($(wc -l <"$T/held") > $1))
}

# Connections outlive a change of other rules, and end with their own.
case_connections() {
	no_rules
	berth rule add web in allow tcp 7001 --name here
	berth rule add web out deny any --name quiet
	mkfifo "$T/lines"
	as db python3 -IS "$probe_program" hold "$(address web 4)" 7001 "$T/lines" >"$T/held" &
	exec {talk}>"$T/lines"
	retry 10 grep -q held "$T/held"
	same "a held connection" one "$(say one)"
	berth rule add web in allow udp 53 --name other
	same "after another rule" two "$(say two)"
	nft flush ruleset
	berth network up lan
	same "after a flush" three "$(say three)"
	berth rule remove web here
	same "without its rule" none "$(say four)"
	exec {talk}>&-
	rm "$T/lines"
	no_rules
}

case_forwards() {
	no_rules
	berth forward add web tcp 8080:7001
	berth rule add web in allow tcp 7001 --from 192.0.2.2
	outside python3 -IS "$probe_program" probe tcp 192.0.2.1 8080
	not python3 -IS "$probe_program" probe tcp 127.0.0.1 8080
	not as db python3 -IS "$probe_program" probe tcp 192.0.2.1 8080
	# From the host's loopback and from machines they come by the address of the bridge.
	berth rule add web in allow tcp 7001 --from 10.77.1.1
	python3 -IS "$probe_program" probe tcp 127.0.0.1 8080
	as db python3 -IS "$probe_program" probe tcp 192.0.2.1 8080
	berth rule remove web in-tcp-7001
	not outside python3 -IS "$probe_program" probe tcp 192.0.2.1 8080
	berth forward remove web 8080
	no_rules
}

# A rule of one interface leaves the others alone.
case_nics() {
	no_rules
	berth network create side --subnet 10.77.2.0/24
	berth nic add web eth1 --network side
	berth rule add web in allow icmp --nic eth1
	answers db tcp web 4
	not python3 -IS "$probe_program" probe tcp "$(berth nic list --json web | jq -r '.[] | select(.name == "eth1").address')" 7001
	berth rule add web in allow icmp --nic eth0
	not answers db tcp web 4
	answers db icmp web 4
	berth nic remove web eth1
	no_rules
	berth network delete side
}

killed() {
	local code=0
	BERTH_FAULT=$1:1 "${@:2}" >"$T/out" 2>&1 || code=$?
	same "end at $1" 137 "$code"
}

# A rule that names a machine follows when that is renamed, and ends with it; what a killed command has left is completed.
case_renamed_and_killed() {
	berth launch --wait --network lan bb peer
	berth rule add --name peers web in deny icmp --from later
	peer_pings
	berth stop --force peer
	berth rename peer later
	berth start --wait later
	not as later ping -c 1 -W 1 "$(address web 4)"
	berth stop --force later
	berth rename later peer
	berth start --wait peer
	peer_pings
	berth rule remove web peers
	# The state of a kill between the settings and the port.
	printf '[rule shut]\naction = deny\ndirection = in\nprotocol = icmp\n' >>"$BERTH_ROOT/lib/machines/web/machine.conf"
	fails 1 "has a rule 'shut' already" berth rule add --name shut web in deny icmp
	not as peer ping -c 1 -W 1 "$(address web 4)"
	sed -i '/^\[rule shut\]/,$d' "$BERTH_ROOT/lib/machines/web/machine.conf"
	fails 1 "has no rule 'shut'" berth rule remove web shut
	peer_pings
	berth delete --force peer
}

peer_pings() { as peer ping -c 1 -W 5 "$(address web 4)" >/dev/null; }

# A copy of a machine has its walls, also without --trust.
case_come_along() {
	berth create --network lan bb walled
	berth rule add walled in deny icmp
	berth export walled "$T/walled"
	berth delete walled
	lacks "left out" "$(berth import "$T/walled" 2>&1)"
	has "deny +icmp" "$(berth rule list walled)"
	fails 2 "the port is empty" berth rule add walled in allow tcp ""
	berth delete walled
}

# After a kill, settings and ports are those of before or those of after, once the network is looked after.
case_killed() {
	local point
	for point in rule-written rule-made; do
		no_rules
		killed "$point" berth rule add web in allow tcp 7002
		berth network up lan
		same "rules after $point" in-tcp-7002 "$(berth rule list --json web | jq -r '.[].name')"
		not answers db tcp web 4 7001
		answers db tcp web 4 7002
	done
	killed rule-written berth rule remove web in-tcp-7002
	berth network up lan
	answers db tcp web 4 7001
	killed network-rule-written berth rule add --network lan in allow tcp 7002
	berth network up lan
	not answers db tcp web 4 7001
	answers web tcp db 4 7002
	killed network-rule-written berth rule remove --network lan in-tcp-7002
	berth network up lan
	answers db tcp web 4 7001
	no_rules
}

# bypass: patterns from db to web, of which those that are not "own-" try to get past the rules.
bypass() {
	# The host would otherwise reassemble fragments that only pass it.
	echo 0 | tee /proc/sys/net/bridge/bridge-nf-call-ip*tables >/dev/null 2>&1 || true
	"$top/tests/attack/bypass" "$(field db init)" "$(field web init)" | tee "$T/bypass"
	[[ $(wc -l <"$T/bypass") -gt 60 ]]
}

expect_contained() {
	not grep '^own-.* contained$' "$T/bypass"
	grep -v '^own-' "$T/bypass" >"$T/patterns"
	not grep ' arrives$' "$T/patterns"
}

case_bypass_in() {
	no_rules
	bypass
	not grep -v ' arrives$' "$T/bypass"
	berth rule add web in allow udp 7001
	berth rule add web in allow tcp 7001
	bypass
	expect_contained
	no_rules
}

case_bypass_out() {
	no_rules
	berth rule add db out allow udp 7001
	berth rule add db out allow tcp 7001
	bypass
	expect_contained
	berth rule remove db out-udp-7001
	berth rule remove db out-tcp-7001
}

case_list() {
	no_rules
	berth rule add web in deny tcp 7001 --from db
	not answers db tcp web 4
	has "^web +in-tcp-7001 +in +deny +tcp +7001 +db +\* +[1-9]" "$(berth rule list web)"
	same json "in-tcp-7001 in deny tcp 7001 db true" \
		"$(berth rule list --json web | jq -r '.[] | "\(.name) \(.direction) \(.action) \(.protocol) \(.port) \(.peer) \(.dropped > 0)"')"
	same info 7001 "$(berth info --json web | jq -r '.rules[].port')"
	has "^rule: +in-tcp-7001, in deny tcp 7001 from db, [1-9][0-9]* packets dropped" "$(berth info web)"
	same "dropped by the guard" 0 "$(berth info --json web | jq '.traffic[0].guard_dropped')"
	no_rules
	has "no firewall rule: berth rule add web in allow tcp PORT" "$(berth rule list web 2>&1)"
	berth rule add --network lan in deny tcp 7002
	has "network 'lan' has firewall rules, for all its machines: berth rule list --network" "$(berth rule list 2>&1)"
	berth rule remove --network lan in-tcp-7002
}

case_refused() {
	local before
	no_rules
	before=$(cat "$BERTH_ROOT/lib/machines/web/machine.conf")
	fails 2 "direction cannot be 'into'" berth rule add web into allow tcp 80
	fails 2 "action cannot be 'accept'" berth rule add web in accept tcp 80
	fails 2 "protocol cannot be 'sctp'" berth rule add web in allow sctp 80
	fails 2 "cannot have port '80-70'; use numbers from 1 to 65535" berth rule add web in allow tcp 80-70
	fails 2 "cannot have port '0'" berth rule add web in allow tcp 0
	fails 2 "cannot have port '80,'" berth rule add web in allow tcp 80,
	fails 2 "has port '80', which protocol icmp does not have" berth rule add web in allow icmp 80
	fails 2 "has more than 16 ports and ranges" berth rule add web in allow tcp "$(seq -s , 1 17)"
	fails 2 "cannot have peer '10.1.2.3/24'; use one address, or a network in which" berth rule add web in allow tcp 80 --from 10.1.2.3/24
	fails 2 "cannot have peer 'label:x'; use an IPv4 or IPv6 address" berth rule add web in allow tcp 80 --from label:x
	fails 2 "cannot have peer '10.1.2.0/33'" berth rule add web in allow tcp 80 --from 10.1.2.0/33
	fails 2 "to is not for direction in" berth rule add web in allow tcp 80 --to 10.1.2.3
	fails 2 "nic is of a machine" berth rule add --network lan in allow tcp 80 --nic eth0
	fails 1 "machine 'web' has no nic 'eth7'" berth rule add web in allow tcp 80 --nic eth7
	fails 1 "machine 'web' has no rule 'x'; see: berth rule list web" berth rule remove web x
	fails 1 "network 'lan' has no rule 'x'; see: berth rule list --network lan" berth rule remove --network lan x
	same "machine.conf" "$before" "$(cat "$BERTH_ROOT/lib/machines/web/machine.conf")"
	berth rule add web in allow tcp 80
	fails 1 "machine 'web' has this rule, 'in-tcp-80' already" berth rule add web in allow tcp 80
	fails 1 "machine 'web' has a rule 'in-tcp-80' already" berth rule add web in allow udp 80 --name in-tcp-80
	berth rule remove web in-tcp-80
	berth network create apart kind=macvlan parent=outer
	fails 1 "machines on a network of kind macvlan have no ports on the host" berth rule add --network apart in allow tcp 80
	lacks "rule" "$(cat "$BERTH_ROOT/lib/networks/apart/network.conf")"
	berth create --network apart bb far
	fails 1 "a rule cannot be for nic 'eth0' of machine 'far'" berth rule add far in allow tcp 80
	printf '[rule a]\n' >>"$BERTH_ROOT/lib/machines/far/machine.conf"
	fails 1 "rule 'a' cannot be for nic 'eth0' of machine 'far': network 'apart' is of kind macvlan" berth start far
	berth delete --force far
	berth network delete apart
}

run_cases "$@"
