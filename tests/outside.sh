# SPDX-License-Identifier: GPL-2.0-or-later
# Another host on a link of this one, for tests of forwards: sourced after tests/lib.sh.
# shellcheck shell=bash

# A host in a network namespace of its own, as 192.0.2.2; this host is 192.0.2.1, on the link "outer".
make_outside() {
	unshare -n sleep 1000 &
	echo $! >"$T/outside"
	retry 10 outside_is_apart
	ip link add outer type veth peer name inner netns "$(cat "$T/outside")"
	ip addr add 192.0.2.1/24 dev outer
	ip link set outer up
	outside ip addr add 192.0.2.2/24 dev inner
	outside ip link set inner up
	outside ip link set lo up
	outside ip route add default via 192.0.2.1
}

end_outside() {
	kill "$(cat "$T/outside")"
}

outside_is_apart() {
	[[ $(readlink "/proc/$(cat "$T/outside")/ns/net") != "$(readlink /proc/self/ns/net)" ]]
}

outside() {
	nsenter --net="/proc/$(cat "$T/outside")/ns/net" "$@"
}

# make_outside6: the same with IPv6, as 2001:db8:9::2, this host being ::1 there; and networks with it and without.
make_outside6() {
	make_outside
	ip addr add 2001:db8:9::1/64 dev outer nodad
	ip link set lo up
	outside ip addr add 2001:db8:9::2/64 dev inner nodad
	outside ip -6 route add default via 2001:db8:9::1
	berth network create lan --subnet 10.77.1.0/24 subnet6=fd00:77:1:2::/64
	berth network create plain --subnet 10.77.2.0/24
}

# answers_there MACHINE PORT: whether something in the machine's network listens on the port.
answers_there() {
	nsenter --net="/proc/$(field "$1" init)/ns/net" ss -ltnH "sport = :$2" | grep -q .
}

# end_servers: those whose pids a script has added to $T/servers.
end_servers() {
	xargs -r kill <"$T/servers" 2>"$T/killed" || true
	: >"$T/servers"
	wait
}
