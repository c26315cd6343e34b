#!/usr/bin/env bash
# Walls between machines on one network: nobody speaks as another, and without the wall everybody can.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# spoof ATTACKER: what of the patterns comes to machine victim, in $T/spoof.
spoof() {
	local gateway
	gateway=$(berth exec "$1" -- ip route | sed -n 's/^default via \([0-9.]*\).*/\1/p')
	"$top/tests/attack/spoof" "$(field "$1" init)" "$(field victim init)" "$gateway" | tee "$T/spoof"
}

address_of() {
	field "$1" network.address
}

# port_of MACHINE: its link on the host.
port_of() {
	ip -o link | sed -n "s/^[0-9]*: \(bp[0-9a-f]*\)@.*alias $1\$/\1/p"
}

# tables: of guards.
tables() {
	nft list tables netdev
}

case_two_machines() {
	busybox_template bb
	berth launch --wait bb victim
	berth launch --wait bb rogue
	berth exec rogue -- ping -c 1 -w 5 "$(address_of victim)"
}

case_each_speaks_for_itself() {
	spoof rogue
	same "own words" "" "$(grep ^own- "$T/spoof" | grep -v ' arrives$' || true)"
	same "others' words" "" "$(grep -v ^own- "$T/spoof" | grep -v ' contained$' || true)"
	[[ $(grep -c contained "$T/spoof") -ge 14 ]]
}

# The bridge has learnt nothing of it either.
case_nothing_is_learnt() {
	not grep -q 10:66:6a:fe:fe:fe <<<"$(bridge fdb show)"
}

is_another() {
	[[ $(field rogue booted) == true && $(field rogue init) != "$1" ]]
}

case_a_reboot_keeps_the_wall() {
	local before
	before=$(field rogue init)
	berth exec rogue -- reboot || true
	retry 20 is_another "$before"
	berth exec rogue -- ping -c 1 -w 10 "$(address_of victim)"
	case_each_speaks_for_itself
}

# Every pattern is one: with the wall away all come.
case_without_the_wall() {
	berth set rogue security.spoofing=yes
	berth restart --wait --force rogue
	spoof rogue
	same "what does not come" "" "$(grep -v ' arrives$' "$T/spoof" || true)"
	grep -q 10:66:6a:fe:fe:fe <<<"$(bridge fdb show)"
	berth unset rogue security.spoofing
	berth restart --wait --force rogue
}

case_another_address() {
	berth stop --force rogue
	berth set rogue network.address="$(address_of victim | sed 's/[0-9]*$/77/')"
	berth start --wait rogue
	berth exec rogue -- ping -c 1 -w 10 "$(address_of victim)"
	case_each_speaks_for_itself
}

# As a firewall that begins anew does.
case_rules_are_put_back() {
	nft flush ruleset
	has "'rogue' has lost" "$(berth doctor || true)"
	spoof rogue
	grep -q 'arp-of-the-gateway arrives' "$T/spoof"
	berth network up default
	case_each_speaks_for_itself
	not grep -q "has lost" <<<"$(berth doctor)"
	nft flush ruleset
	berth launch --wait bb third
	case_each_speaks_for_itself
	has "berth-$(port_of third)" "$(tables)"
	berth delete --force third
	nft delete table netdev "berth-$(port_of rogue)"
	berth set rogue security.spoofing=yes
	berth network up default
	not grep -q "$(port_of rogue)" <<<"$(tables)"
	berth unset rogue security.spoofing
	berth network up default
	case_each_speaks_for_itself
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
	# One alone is no island.
	retry 10 reaches rogue "$(address_of victim)"
	berth set victim security.port_isolation=yes
	berth restart --wait --force victim
	retry 10 reaches victim "$gateway"
	reaches rogue "$gateway"
	not reaches rogue "$(address_of victim)"
	not reaches victim "$(address_of rogue)"
	berth exec rogue -- nslookup victim "$gateway"
	# Nor by way of the host, which would route it back to the bridge.
	berth exec rogue -- ip route add "$(address_of victim)" via "$gateway"
	berth exec victim -- ip route add "$(address_of rogue)" via "$gateway"
	not reaches rogue "$(address_of victim)"
	not reaches victim "$(address_of rogue)"
	reaches rogue "$gateway"
	berth unset rogue security.port_isolation
	berth unset victim security.port_isolation
}

# After any end.
case_no_table_is_left() {
	has berth-bp "$(tables)"
	kill -KILL "$(pgrep -f '^berth-keeper rogue$')"
	retry 10 not berth exec rogue true
	berth list >/dev/null
	berth start --wait rogue
	berth stop --force rogue victim
	same tables "" "$(tables)"
}

run_cases "$@"
