#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# lxcfs where control groups of version 2 keep the limits: free, lscpu and their like show the machine's own.
# packages: lxcfs
# debian: bookworm
# shellcheck source=tests/lib.sh
needs_debian=bookworm
export TEST_SECONDS=${TEST_SECONDS:-900}
. "$(dirname "$0")/../../lib.sh"

place=/var/lib/lxcfs

# kib MACHINE NAME: a line of its /proc/meminfo.
kib() {
	berth exec "$1" -- sed -n "s/^$2: *\([0-9]*\) kB/\1/p" /proc/meminfo
}

# swap_kib MACHINE: of all lines of its /proc/swaps.
swap_kib() {
	berth exec "$1" -- awk 'NR > 1 { sum += $3 } END { print sum + 0 }' /proc/swaps
}

processors() {
	berth exec "$1" -- grep -c ^processor /proc/cpuinfo
}

online() {
	berth exec "$1" -- cat /sys/devices/system/cpu/online
}

# lxcfs is a service of systemd here, as its package makes it.
case_lxcfs_runs() {
	has "lxcfs runs" "$(berth doctor)"
	truncate -s 256M "$T/swap"
	mkswap "$T/swap"
	losetup --show -f "$T/swap" >"$T/loop"
	swapon "$(cat "$T/loop")"
	busybox_template bb
	debian_template bookworm
	berth create --set limits.memory=256M --set limits.memory.swap=64M --set limits.cpus=1 bookworm m
	berth create --set limits.memory=max bb free
	silent "nothing to say" berth start --wait=240 m free
}

case_memory() {
	same total $((256 << 10)) "$(kib m MemTotal)"
	same "free(1)" $((256 << 10)) "$(berth exec m -- free -k | awk '/^Mem:/ { print $2 }')"
	(($(kib m MemAvailable) <= 256 << 10 && $(kib m MemFree) <= 256 << 10))
	# The machine's own use counts, and that of others does not.
	local before
	before=$(kib m MemFree)
	berth exec m -- dd if=/dev/zero of=/dev/shm/much bs=1M count=64 2>/dev/null
	(($(kib m MemFree) < before - (48 << 10)))
	berth exec m -- rm /dev/shm/much
	# A machine without a limit sees the total of the host.
	same "of one without a limit" "$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)" "$(kib free MemTotal)"
}

case_memory_that_changes() {
	berth set m limits.memory=200M
	same total $((200 << 10)) "$(kib m MemTotal)"
	berth set m limits.memory=256M
}

# Never the host's, which has four times as much; lxcfs 5.0 tells of none at all here.
case_swap() {
	(($(kib m SwapTotal) <= 64 << 10 && $(swap_kib m) <= 64 << 10))
	same "free(1)" "$(kib m SwapTotal)" "$(berth exec m -- free -k | awk '/^Swap:/ { print $2 }')"
	berth set m limits.memory.swap=0
	same "without" 0 "$(kib m SwapTotal)"
	same "swaps without" 0 "$(swap_kib m)"
}

case_uptime() {
	local here there
	berth restart --wait=240 m
	read -r here _ </proc/uptime
	there=$(berth exec m -- cut -d ' ' -f 1 /proc/uptime)
	((${there%.*} < ${here%.*})) || fault "up for $there s, the host for $here s"
	berth exec m -- uptime
}

# Processors are shown by those whom lxcfs was told to.
case_processors() {
	same "as the package starts lxcfs" "$(nproc)" "$(processors m)"
	berth stop --force m free
	umount -l "$place"
	lxcfs --pidfile="$T/lxcfs.pid" --enable-cfs "$place" >"$T/lxcfs.log" 2>&1 &
	echo $! >"$T/lxcfs"
	retry 20 test -r "$place/proc/uptime"
	berth start --wait=240 m free
	same "in cpuinfo" 1 "$(processors m)"
	same online 0 "$(online m)"
	same "sysconf(3)" 1 "$(berth exec m -- getconf _NPROCESSORS_ONLN)"
	same "of one without a limit" "$(nproc)" "$(processors free)"
	berth delete --force m free
}

# The end: nothing_left looks for the rest.
case_the_end() {
	kill "$(cat "$T/lxcfs")"
	retry 20 not mountpoint -q "$place"
	swapoff "$(cat "$T/loop")"
	losetup -d "$(cat "$T/loop")"
}

run_cases "$@"
