#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A network's dnsmasq is restarted when it was killed, and follows the host's name servers.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# dnsmasq NETWORK: prints its pid, if it runs.
dnsmasq() {
	local pid
	pid=$(cat "$BERTH_ROOT/run/networks/$1/dnsmasq.pid") && [[ $(cat "/proc/$pid/comm") == dnsmasq ]] &&
		printf '%s\n' "$pid"
}

# killed NETWORK: kills it. A dnsmasq that was killed before may be starting.
killed() {
	local pid
	retry 20 dnsmasq "$1"
	pid=$(dnsmasq "$1")
	kill -KILL "$pid"
	retry 20 is_gone "$pid"
}

is_gone() {
	[[ ! -e /proc/$1 || $(cut -d' ' -f3 "/proc/$1/stat") == Z ]]
}

# The watching keeper has the FIFO for reading and writing; the others only read.
watches() {
	local fd
	for fd in "/proc/$(keeper "$1")/fd"/*; do
		[[ $(readlink "$fd") == */networks/*/watch ]] &&
			grep -q 'flags:.*2$' "/proc/$(keeper "$1")/fdinfo/${fd##*/}" && return
	done
	return 1
}

keeper() {
	awk '{ print $2 }' "$BERTH_ROOT/run/machines/$1/state" 2>/dev/null
}

watcher() {
	local name
	for name in "$@"; do
		watches "$name" && printf '%s\n' "$name"
	done
	return 0
}

# one_watches MACHINE...: exactly one of their keepers watches.
one_watches() {
	[[ $(watcher "$@" | wc -l) -eq 1 ]]
}

finds() {
	berth exec "$1" -- nslookup "$2" "$(field "$1" network.gateway)"
}

restorations() {
	berth events --no-follow --json | grep -c '"event":"network-restored","network":"default"' || true
}

# restored: a keeper has told that it restored the network, which it does once dnsmasq answers.
restored() {
	[[ $(restorations) != 0 ]]
}

set_up() {
	busybox_template bb
	for name in one two three; do
		berth launch --wait bb "$name"
	done
	retry 10 one_watches one two three
	retry 10 finds one two
}

case_killed() {
	local before
	before=$(dnsmasq default)
	killed default
	retry 20 finds one two
	[[ $(dnsmasq default) != "$before" ]]
	retry 10 restored
	same "of all that watched" 1 "$(restorations)"
	has "network default +its dnsmasq had ended" "$(berth events --no-follow)"
	grep -hq "network: dnsmasq has ended" "$BERTH_ROOT"/lib/machines/*/keeper.log
	has "network 'default' .* is up" "$(berth doctor || true)"
}

# Each restart comes later than the one before, also if the next kill comes before the keeper has seen it.
case_killed_again_and_again() {
	for _ in 1 2 3; do
		retry 30 dnsmasq default
		killed default
	done
	retry 30 finds two three
	has "in (800|1600) ms" "$(cat "$BERTH_ROOT"/lib/machines/*/keeper.log)"
}

case_the_watcher_ends() {
	local first second
	first=$(watcher one two three) second=
	berth stop --force "$first"
	retry 10 one_watches one two three
	second=$(watcher one two three)
	[[ $second != "$first" ]]
	# Both are killed at once: the next watcher has not seen dnsmasq end.
	kill -KILL "$(keeper "$second")" "$(dnsmasq default)"
	retry 30 dnsmasq default
	for name in one two three; do
		berth start --wait "$name"
	done
	retry 10 one_watches one two three
	retry 20 finds one two
}

# three_on_second: machine three is on network second.
three_on_second() {
	on_second() { [[ $(readlink "$BERTH_ROOT/run/machines/three/network") == */second ]]; }
	! on_second || return 0
	berth network create --subnet 10.179.0.0/24 second
	berth set three network=second
	# The reboot may end the command that asked for it.
	berth exec three -- reboot || true
	retry 30 on_second
	retry 30 state_is three running
}

# The last machine that had been on the network notices it too, though it is on no network now.
case_a_machine_that_moves() {
	three_on_second
	retry 10 one_watches three
	retry 10 one_watches one two
	killed second
	retry 30 finds three three
	killed default
	retry 60 finds one two
}

case_ended_on_purpose() {
	local conf=$BERTH_ROOT/lib/networks/second/network.conf
	three_on_second
	sed -i '/^dhcp/d' "$conf"
	echo "dhcp = no" >>"$conf"
	berth network up second
	unwanted() { grep -q "no dnsmasq is wanted" "$BERTH_ROOT/lib/machines/three/keeper.log"; }
	retry 20 unwanted
	not dnsmasq second
	sed -i '/^dhcp/d' "$conf"
	berth network up second
	killed second
	retry 60 finds three three
	berth delete --force three
	berth network delete second
	[[ ! -e $BERTH_ROOT/run/networks/second ]]
	not pgrep -f "pid-file=$BERTH_ROOT/run/networks/second"
}

asks() {
	tr '\0' '\n' <"/proc/$(dnsmasq default)/cmdline" | grep -qx -e "$1"
}

# The keeper notices it; no command runs.
case_a_link_that_leads_elsewhere() {
	berth stop --force --all
	berth network down default
	etc_of_our_own
	mkdir "$T/a" "$T/b"
	echo "nameserver 192.0.2.1" | tee "$T/a/resolv.conf" >"$T/b/resolv.conf"
	ln -sfn "$T/a/resolv.conf" /etc/resolv.conf
	berth start --wait one
	asks "--resolv-file=$T/a/resolv.conf"
	ln -sfn "$T/b/resolv.conf" /etc/resolv.conf
	retry 20 asks "--resolv-file=$T/b/resolv.conf"
	# The path leads through another link into a folder that does not exist yet.
	ln -s "$T/c/d/resolv.conf" "$T/link"
	ln -sfn "$T/link" /etc/resolv.conf
	retry 20 asks --no-resolv
	mkdir -p "$T/c/d"
	retry 20 asks "--resolv-file=$T/c/d/resolv.conf"
	rm -r "$T/c"
	retry 20 asks --no-resolv
	has "no longer the host's" "$(berth events --no-follow)"
	# dnsmasq itself follows a file that is replaced in its folder.
	rm /etc/resolv.conf
	echo "nameserver 192.0.2.1" >/etc/resolv.conf
	retry 20 asks --resolv-file=/etc/resolv.conf
	finds one one
	etc_of_the_host
}

# group_of NETWORK: prints the cgroup of its dnsmasq.
group_of() {
	sed -n 's/^0:://p' "/proc/$(dnsmasq "$1")/cgroup"
}

# The cgroup of the process that starts dnsmasq, such as a keeper's scope or a session, ends with all processes in it.
case_cgroup_of_its_own() {
	local group point pid
	gone two three
	group=/berth-$(tag_of "$BERTH_ROOT")/_network.default
	point=$(findmnt -n -o TARGET -t cgroup2 | head -n 1)
	up one
	same "group after a start" "$group" "$(group_of default)"
	killed default
	retry 20 dnsmasq default
	same "group once a keeper has brought it back" "$group" "$(group_of default)"
	pid=$(dnsmasq default)
	echo 1 >"$point/berth-$(tag_of "$BERTH_ROOT")/_keepers/cgroup.kill"
	retry 20 state_is one failed
	same "dnsmasq after the end of the keepers" "$pid" "$(dnsmasq default)"
	gone one
	berth network down default
	[[ ! -e $point$group ]]
	# The shell has a low limit.
	(ulimit -S -n 99; berth network up default)
	same "group of a command's" "$group" "$(group_of default)"
	not grep -q "Max open files *99" "/proc/$(dnsmasq default)/limits"
}

# The cgroups berth-TAG and berth-TAG/_keepers. Those of other roots go while find(1) looks at them.
groups_of_root() {
	find /sys/fs/cgroup -type d -path "*/berth-$(tag_of "$BERTH_ROOT")*" 2>/dev/null || true
}

case_end() {
	gone one two three
	# dnsmasq continues in a cgroup of its own.
	[[ -n $(groups_of_root) ]]
	berth network down default
	[[ ! -e $BERTH_ROOT/run/networks/default ]]
	silent "groups of the root" groups_of_root
	# The last machine without a network removes them.
	berth launch --set network= --wait bb last
	[[ -n $(groups_of_root) ]]
	berth delete --force last
	silent "groups of the root" groups_of_root
}

run_cases "$@"
