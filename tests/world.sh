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

end_the_world() {
	if [[ -e $T/world ]]; then
		kill "$(cat "$T/world")"
		retry 10 not ip link show uplink
	fi
}
