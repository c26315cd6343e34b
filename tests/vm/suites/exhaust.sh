#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Memory, user's and kernel's, all of it taken by one machine and by two: the host, its processes and a third
# machine go on. Then the same with the walls away, in which somebody else must suffer.
export TEST_SECONDS=${TEST_SECONDS:-1800}
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../../lib.sh"

case_three_machines() {
	local name
	busybox_template bb
	for name in greedy modest other; do
		berth launch --wait bb "$name"
		berth exec "$name" -- sh -c 'cat >/exhaust; chmod 755 /exhaust' <"$BUILD_TREE/exhaust"
	done
	has "of at most" "$(berth info greedy)"
	cat /proc/sys/kernel/osrelease
	free -m
}

# count FILE NAME: of a file with lines "NAME NUMBER".
count() {
	sed -n "s/^$2 //p" "$1"
}

# of_group MACHINE FILE NAME
of_group() {
	count "/sys/fs/cgroup$(field "$1" cgroup)/$2" "$3"
}

# The host has a large process of its own, which the kernel would like to end first.
large_process() {
	rm -f "$T/large-end" "$T/large"
	mkfifo "$T/large-end"
	"$BUILD_TREE/exhaust" memory "${1:-50}" <"$T/large-end" >"$T/large" &
	echo $! >"$T/large-pid"
	exec 8>"$T/large-end"
	retry 30 test -s "$T/large"
}

end_large_process() {
	exec 8>&-
	wait "$(cat "$T/large-pid")"
}

# goes_on WHAT...: what a host and a neighbour do all day.
goes_on() {
	local began=$SECONDS
	timeout 120 bash -c ': >/var/tmp/goes-on && ls /proc >/dev/null && sync /var/tmp/goes-on' || fault "the host, with all $* taken"
	timeout 120 berth exec modest -- sh -c 'echo x >/goes-on && cat /goes-on >/dev/null && ls / >/dev/null' ||
		fault "a neighbour, with all $* taken"
	timeout 120 berth info greedy >/dev/null || fault "berth info, with all $* taken"
	kill -0 "$(field greedy keeper)" "$(field modest init)"
	echo "# all $* taken: host, neighbour and berth answered in $((SECONDS - began)) s"
}

again() {
	if [[ $(field "$1" state) != running ]]; then
		berth start --wait "$1"
	fi
	retry 20 berth exec "$1" -- true
}

# hog MACHINE: processes of 64 MiB each, more of them than there is memory. It ends with its kill.
hog() {
	berth exec --no-tty "$1" -- sh -c '
		n=0
		[ -e /never ] || mkfifo /never
		exec 3<>/never
		while [ $n -lt 40 ]; do
			/exhaust memory 64 <&3 >/dev/null 2>&1 &
			n=$((n + 1))
		done
		while :; do sleep 1; done' </dev/null >/dev/null 2>&1 &
	echo $! >>"$T/hogs"
}

end_hogs() {
	local name
	for name; do
		berth exec "$name" -- killall exhaust sleep sh 2>/dev/null || true
	done
	while read -r pid; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done <"$T/hogs"
	rm "$T/hogs"
	for name; do
		again "$name"
	done
}

has_been_killed() {
	[[ $(of_group "$1" memory.events oom_kill) -gt 0 ]]
}

case_processes() {
	large_process
	hog greedy
	retry 400 has_been_killed greedy
	goes_on memory
	berth start --wait other || true
	kill -0 "$(cat "$T/large-pid")" || fault "the host's own process was killed"
	end_hogs greedy
	end_large_process
}

case_two_at_once() {
	local init keeper
	init=$(field modest init) keeper=$(field greedy keeper)
	large_process
	hog greedy
	hog other
	retry 400 some_were_killed
	goes_on "memory of two"
	kill -0 "$(cat "$T/large-pid")" || fault "the host's own process was killed"
	same "the neighbour's init" "$init" "$(field modest init)"
	[[ -d /proc/$keeper ]] || fault "the keeper was killed"
	end_hogs greedy other
	end_large_process
}

some_were_killed() {
	[[ $(count /proc/vmstat oom_kill) -gt 5 ]]
}

# Files in memory belong to no process.
case_files_in_memory() {
	large_process
	berth exec --no-tty greedy -- sh -c '
		for dir in /run /dev/shm /mnt /opt; do
			mkdir -p $dir
			[ $dir = /run ] || [ $dir = /dev/shm ] || mount -t tmpfs -o size=100% none $dir
			dd if=/dev/zero of=$dir/large bs=1M 2>/dev/null
		done' </dev/null >/dev/null 2>&1 || true
	goes_on "files in memory"
	kill -0 "$(cat "$T/large-pid")" || fault "the host's own process was killed"
	end_large_process
	berth restart --force --wait greedy
}

available() {
	sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo
}

# kernel_memory KIND MOST: how much of the host's memory it costs, and how much of that the machine is charged.
kernel_memory() {
	local before after mine held
	again greedy
	sync
	echo 3 >/proc/sys/vm/drop_caches
	before=$(available)
	mine=$(cat "/sys/fs/cgroup$(field greedy cgroup)/memory.current")
	rm -f "$T/end" "$T/held"
	mkfifo "$T/end"
	berth exec --no-tty greedy -- /exhaust "$@" <"$T/end" >"$T/held" 2>&1 &
	held=$!
	exec 9>"$T/end"
	retry 200 held_or_ended "$held" || true
	echo 3 >/proc/sys/vm/drop_caches
	after=$(available)
	mine=$((($(cat "/sys/fs/cgroup$(field greedy cgroup)/memory.current" || echo "$mine") - mine) >> 10))
	echo "# $1: $(cat "$T/held") -- $((before - after)) KiB of the host's, $mine KiB of them charged"
	goes_on "$1"
	exec 9>&-
	wait "$held" || true
	# Charged memory is bounded. The rest must be little, except for the objects that berth-security(7) names.
	if [[ $1 != netns && $1 != neighbours ]] && ((before - after - mine > 150000)); then
		echo "$1" >>"$T/uncharged"
	fi
}

held_or_ended() {
	[[ -s $T/held ]] || ! kill -0 "$1"
}

case_memory_of_the_kernel() {
	local kind
	: >"$T/uncharged"
	for kind in pipes sockets tables names files epoll timers mntns ipcns netns mounts neighbours; do
		kernel_memory "$kind" 400000
	done
	empty "what is not charged to who takes it" "$T/uncharged"
}

# Asynchronous requests are counted for the whole host only, and doctor tells so.
case_asynchronous_requests() {
	lacks fs.aio-max-nr "$(berth doctor || true)"
	rm -f "$T/end" "$T/held"
	mkfifo "$T/end"
	berth exec --no-tty greedy -- /exhaust aio 100000 <"$T/end" >"$T/held" 2>&1 &
	exec 9>"$T/end"
	retry 30 test -s "$T/held"
	has "fs.aio-max-nr is [0-9]+ and leaves" "$(berth doctor || true)"
	goes_on "asynchronous requests"
	exec 9>&-
	wait
}

# flood KIND: by greedy, again and again, until the end of the case.
flood() {
	berth exec --no-tty greedy -- sh -c "while :; do /exhaust $1 60000 </dev/null; done" </dev/null >"$T/flood" 2>&1 &
	echo $! >"$T/flooder"
	retry 30 test -s "$T/flood"
}

end_flood() {
	berth exec greedy -- killall sh
	wait "$(cat "$T/flooder")" || true
	tail -n 1 "$T/flood"
	dmesg | tail -n 3
}

# The kernel keeps one table of them for all network namespaces.
case_looking_for_neighbours() {
	local gateway address
	gateway=$(field modest network.gateway) address=$(field modest network.address)
	berth exec greedy -- ip addr add 10.200.255.254/16 dev eth0
	flood strangers
	for _ in 1 2 3; do
		berth exec modest -- sh -c "ip neigh flush dev eth0; ping -c 1 -w 10 $gateway" >/dev/null
		ip neigh flush "$address"
		ping -c 1 -w 10 "$address" >/dev/null
	done
	end_flood
}

# The host's table of connections, where it translates addresses.
case_connections() {
	local max
	ip link add world type dummy
	ip addr add 198.51.100.1/24 dev world
	ip link set world up
	ip neigh add 198.51.100.2 lladdr 10:66:6a:00:00:02 dev world
	max=$(sysctl -n net.netfilter.nf_conntrack_max)
	sysctl -qw net.netfilter.nf_conntrack_max=2000
	flood flows
	cat /proc/sys/net/netfilter/nf_conntrack_count
	for _ in 1 2 3 4 5; do
		berth exec modest -- ping -c 1 -w 10 198.51.100.1 >/dev/null
		ping -c 1 -w 10 "$(field modest network.address)" >/dev/null
	done
	end_flood
	sysctl -qw net.netfilter.nf_conntrack_max="$max"
	ip link del world
}

# Neither may its root lower what the host has set.
case_no_way_back() {
	again greedy
	same score 500 "$(cat "/proc/$(field greedy init)/oom_score_adj")"
	[[ $(cat "/proc/$(field greedy keeper)/oom_score_adj") -eq -900 ]]
	not berth exec greedy -- sh -c 'echo 0 >/proc/self/oom_score_adj'
	not berth exec greedy -- sh -c 'echo -1000 >/proc/1/oom_score_adj'
	same "a command's" 500 "$(berth exec greedy -- cat /proc/self/oom_score_adj)"
	same files "1024 524288" "$(berth exec greedy -- sh -c 'echo $(ulimit -n) $(ulimit -Hn)')"
	same "whoever starts it" "500 1024 524288" "$(ulimit -n 200
		echo -500 >/proc/self/oom_score_adj
		berth restart --force --wait greedy
		berth exec greedy -- sh -c 'echo $(cat /proc/1/oom_score_adj) $(ulimit -n) $(ulimit -Hn)')"
	berth set greedy security.nesting=yes
	berth restart --force --wait greedy
	same "with containers in it" 0 "$(berth exec greedy -- cat /proc/1/oom_score_adj)"
	berth unset greedy security.nesting
	berth restart --force --wait greedy
}

# A process of the host ends if the walls are away.
case_without_the_walls() {
	berth stop --force greedy other
	export BERTH_TEST_HOLES="memory oom"
	"$BUILD_TREE/berth-holes" start --wait greedy
	large_process 400
	hog greedy
	retry 400 large_is_gone
	exec 8>&-
	unset BERTH_TEST_HOLES
	berth stop --force greedy
}

large_is_gone() {
	! kill -0 "$(cat "$T/large-pid")"
}

run_cases "$@"
