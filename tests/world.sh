# SPDX-License-Identifier: GPL-2.0-or-later
# A host outside, for tests of networks: sourced after tests/lib.sh.
# shellcheck shell=bash

# Another network namespace stands for the Internet: 198.51.100.1, reached through the link "uplink".
make_the_world() {
	unshare --net sleep 100000 &
	echo $! >"$T/world"
	other() {
		[[ $(readlink "/proc/$(cat "$T/world")/ns/net") != "$(readlink /proc/self/ns/net)" ]]
	}
	retry 20 other
	ip link add uplink type veth peer name eth0 netns "$(cat "$T/world")"
	ip addr add 198.51.100.2/24 dev uplink
	ip link set uplink up
	ip route add default via 198.51.100.1
	in_the_world ip addr add 198.51.100.1/24 dev eth0
	in_the_world ip link set eth0 up
	in_the_world ip link set lo up
}

in_the_world() {
	nsenter --net="/proc/$(cat "$T/world")/ns/net" "$@"
}

# requests [FILTER]: the captured requests.
requests() { tcpdump -nn -r "$T/pcap" "icmp[0]==8 ${1:-}" 2>/dev/null | wc -l; }

# sees_more_than NUMBER ADDRESS: another request comes, and the capture has more of them.
sees_more_than() {
	in_the_world ping -c 1 -W 5 "$2"
	(($(requests) > $1))
}

# sees_both ADDRESS NUMBER: of a capture that has begun, two requests of a size of their own, which make that many.
sees_both() {
	in_the_world ping -c 2 -s 99 -W 5 "$1"
	retry 20 sized "$2"
}

sized() { (($(requests "and ip[2:2]==127") == $1)); }

# captures_over_a_restart MACHINE ADDRESS: packets are captured where the interface is, also of the next run.
captures_over_a_restart() {
	env --default-signal=INT berth capture "$1" --filter icmp >"$T/pcap" 2>"$T/said" &
	retry 20 test -s "$T/pcap"
	retry 20 sees_more_than 0 "$2"
	sees_both "$2" 2
	berth restart --force "$1"
	retry 20 grep -q "has another port; the capture goes on there" "$T/said"
	retry 20 sees_more_than "$(requests)" "$2"
	sees_both "$2" 4
	kill -INT $!
	wait $!
}

end_the_world() {
	if [[ -e $T/world ]]; then
		kill "$(cat "$T/world")"
		retry 10 not ip link show uplink
	fi
}
