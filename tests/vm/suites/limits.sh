#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Limits on a host whose controllers are those of version 2: what the kernel is told, and what it does.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../../lib.sh"

# group MACHINE FILE: a file of its control group, as the host sees it.
group() {
	cat "/sys/fs/cgroup$(field "$1" cgroup)/$2"
}

# The default memory limit of a machine (machine.conf(5)).
usual_memory() {
	python3 -c '
import os
page = os.sysconf("SC_PAGE_SIZE")
all = os.sysconf("SC_PHYS_PAGES") * page
kept = min(max(all // 16, min(256 << 20, all // 8)), 2 << 30)
print((all - kept) // page * page)'
}

case_set_at_start() {
	busybox_template bb
	berth create --set limits.memory=96M --set limits.pids=50 --set limits.cpus=0.5 \
		--set limits.cpu.weight=300 --set limits.io.weight=250 bb m
	berth start m
	same memory $((96 << 20)) "$(group m memory.max)"
	same pids 50 "$(group m pids.max)"
	same cpus "50000 100000" "$(group m cpu.max)"
	same "weight" 300 "$(group m cpu.weight)"
	same "weight of I/O" "default 250" "$(group m io.weight)"
	has "^limits: +cpu.weight 300, cpus 0.5, io.weight 250, memory 96M, pids 50$" "$(berth info m)"
	same "as JSON" 96M "$(field m limits.memory)"
}

case_set_while_it_runs() {
	berth set m limits.memory=64M limits.pids=20 limits.cpus=1.5 limits.cpu.weight=50 limits.io.weight=20
	same memory $((64 << 20)) "$(group m memory.max)"
	same pids 20 "$(group m pids.max)"
	same cpus "150000 100000" "$(group m cpu.max)"
	same "weight" 50 "$(group m cpu.weight)"
	same "weight of I/O" "default 20" "$(group m io.weight)"
	berth unset m limits.memory limits.pids limits.cpus limits.cpu.weight limits.io.weight
	same "memory, the default again" "$(usual_memory)" "$(group m memory.max)"
	berth set m limits.memory=max
	same memory max "$(group m memory.max)"
	berth unset m limits.memory
	same "pids, the default again" 16384 "$(group m pids.max)"
	same cpus "max 100000" "$(group m cpu.max)"
	same "weight" 100 "$(group m cpu.weight)"
	same "weight of I/O" "default 100" "$(group m io.weight)"
}

throttled() {
	group "$1" cpu.stat | sed -n 's/^nr_throttled //p'
}

more_throttled_than() {
	[[ $(throttled m) -gt $1 ]]
}

case_a_guest_that_counts_is_held_back() {
	local before
	before=$(throttled m)
	berth set m limits.cpus=0.2
	berth exec m -- sh -c 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done' &
	retry 60 more_throttled_than $((before + 5))
	berth unset m limits.cpus
	wait
}

# written_in_ms MIB: how long it takes to write that much to the disk, past all caches.
written_in_ms() {
	local began=${EPOCHREALTIME/./}
	berth exec m -- dd if=/dev/zero of=/written bs=256k count="$(($1 * 4))" oflag=direct 2>/dev/null
	echo $(((${EPOCHREALTIME/./} - began) / 1000))
}

case_rates_of_the_disk() {
	local free bound
	free=$(written_in_ms 4)
	berth set m limits.io.write=1M limits.io.read.iops=500
	has "^[0-9]+:[0-9]+ rbps=max wbps=1048576 riops=500 wiops=max$" "$(group m io.max)"
	bound=$(written_in_ms 4)
	echo "# 4 MiB in $free ms, at 1 MiB a second in $bound"
	((bound > 2500))
	# Also from its start on.
	berth restart --force m
	has "wbps=1048576" "$(group m io.max)"
	has "io.read.iops 500, io.write 1M" "$(berth info m)"
	berth unset m limits.io.write limits.io.read.iops
	silent "no rates" group m io.max
}

case_swap() {
	berth set m limits.memory.swap=8M
	same swap $((8 << 20)) "$(group m memory.swap.max)"
	berth set m limits.memory.swap=0
	same swap 0 "$(group m memory.swap.max)"
	berth unset m limits.memory.swap
	same swap max "$(group m memory.swap.max)"
	fails 2 "limits.memory.swap" berth set m limits.memory.swap=much
}

# A resource of which the host has too little is reported before a machine runs into it, and when it does.
case_little_headroom() {
	local pty instances said
	pty=$(sysctl -n kernel.pty.max)
	instances=$(sysctl -n fs.inotify.max_user_instances)
	sysctl -qw kernel.pty.max="$(($(sysctl -n kernel.pty.reserve) + $(sysctl -n kernel.pty.nr) + 5))"
	sysctl -qw fs.inotify.max_user_instances=8
	said=$(berth restart --force m 2>&1)
	sysctl -qw kernel.pty.max="$pty" fs.inotify.max_user_instances="$instances"
	has "kernel.pty.max is [0-9]+ and leaves [0-9]+ pseudo-terminals; raise it: sysctl -w" "$said"
	has "fs.inotify.max_user_instances is 8" "$said"
	silent "nothing to say" berth restart --force m
}

case_too_many_processes() {
	local said
	berth set m limits.pids=12
	said=$(berth exec m -- sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do sleep 3 & done' 2>&1) || true
	has "fork" "$said"
	[[ $(group m pids.events | sed -n 's/^max //p') -gt 0 ]]
	retry 20 told limits.pids
	retry 20 berth exec m -- true
	berth unset m limits.pids
}

case_too_much_memory() {
	local code=0
	berth set m limits.memory=48M
	berth exec m -- sh -c 'tail /dev/zero' || code=$?
	same "the command's end" 137 "$code"
	[[ $(group m memory.events | sed -n 's/^oom_kill //p') -gt 0 ]]
	same "the machine" running "$(field m state)"
	berth exec m -- true
	retry 20 told limits.memory
	has "limit +m  limits.memory, .*killed" "$(told limits.memory)"
}

# told KEY: the event of a limit that was hit.
told() {
	timeout 120 berth events --since 1h --no-follow | grep " limit .*$1"
}

case_values_that_cannot_be() {
	fails 2 "limits.memory" berth set m limits.memory=lots
	fails 2 "limits.cpus" berth set m limits.cpus=-1
	fails 2 "limits.pids" berth set m limits.pids=5000000
	fails 2 "limits.cpu.weight" berth set m limits.cpu.weight=10001
	same unchanged 48M "$(berth get m limits.memory)"
	# Less than it needs to come up.
	berth stop --force m
	berth set m limits.memory=4k limits.pids=1
	fails 1 "limit" berth start m
	same state failed "$(field m state)"
}

run_cases "$@"
