#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# lxcfs: a machine's own figures in its /proc and /sys, and what a start does when it is broken.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

place=/var/lib/lxcfs

# In this test's own mount namespace; the host's, if it runs, is covered.
lxcfs_start() {
	mkdir -p "$place"
	[[ ! -e $place/proc ]] || mount -t tmpfs none "$place"
	lxcfs --pidfile="$T/lxcfs.pid" "$place" >"$T/lxcfs.log" 2>&1 &
	echo $! >"$T/lxcfs"
	retry 20 test -r "$place/proc/uptime"
}

lxcfs_end() {
	kill -KILL "$(cat "$T/lxcfs")" || true
	retry 20 umount -l "$place"
	rm "$T/lxcfs"
}

# shown MACHINE: prints the number of its files that lxcfs serves.
shown() {
	berth exec "$1" -- grep -c fuse.lxcfs /proc/self/mountinfo || true
}

set_up() {
	busybox_template bb
	umount -l "$place" 2>/dev/null || true
	berth create bb m
}

# lxcfs_runs: it answers, and m is up with it.
lxcfs_runs() {
	[[ -r $place/proc/uptime ]] || lxcfs_start
	berth start m
}

tear_down() {
	[[ ! -e $T/lxcfs ]] || lxcfs_end
}

case_none_is_there() {
	silent "nothing to say" berth start m
	same "files of lxcfs" 0 "$(shown m)"
	has "lxcfs does not run" "$(berth doctor)"
	berth stop --force m
}

case_its_own_figures() {
	[[ -r $place/proc/uptime ]] || lxcfs_start
	has "lxcfs runs" "$(berth doctor)"
	silent "nothing to say" berth start m
	same "files of lxcfs" 6 "$(shown m)"
	has "^MemTotal:" "$(berth exec m -- cat /proc/meminfo)"
	berth exec m -- sh -c 'uptime && free && ls /sys/devices/system/cpu/online' >/dev/null
	# ps counts the start of processes from this time.
	[[ $(berth exec m -- sed -n 's/^btime //p' /proc/stat) -gt $(sed -n 's/^btime //p' /proc/stat) ]]
	berth restart m
	same "after a restart" 6 "$(shown m)"
	# The covered files must not keep a user namespace in it from mounting a /proc of its own.
	berth exec m -- unshare -Urpf --mount-proc true
}

case_its_flags_are_locked() {
	lxcfs_runs
	fails 255 "" berth exec m -- sh -c 'mount -o remount,bind,rw /proc/meminfo || exit 255' 2>/dev/null
	has " /proc/meminfo ro,nosuid,nodev,noexec" "$(berth exec m -- grep ' /proc/meminfo ' /proc/self/mountinfo)"
}

case_not_wanted() {
	lxcfs_runs
	fails 2 "use auto or no" berth set m lxcfs=yes
	berth set m lxcfs=no
	berth restart m
	same "lxcfs=no" 0 "$(shown m)"
	berth unset m lxcfs
	berth set m security.nesting=yes
	berth restart m
	same "with nesting" 6 "$(shown m)"
	berth exec m -- unshare -Urpf --mount-proc true
	berth unset m security.nesting
	berth stop --force m
}

case_one_that_hangs() {
	lxcfs_runs
	berth stop --force m
	kill -STOP "$(cat "$T/lxcfs")"
	timeout 120 berth start m 2>"$T/said"
	kill -CONT "$(cat "$T/lxcfs")"
	has "lxcfs does not work.*does not answer" "$(cat "$T/said")"
	same "without it" 0 "$(shown m)"
	berth stop --force m
}

case_one_that_died() {
	lxcfs_runs
	berth stop --force m
	berth start m
	same "files of lxcfs" 6 "$(shown m)"
	kill -KILL "$(cat "$T/lxcfs")"
	retry 20 not cat "$place/proc/uptime" 2>/dev/null
	# A running machine keeps the dead files. A later start does without lxcfs.
	timeout 120 berth exec m -- true
	timeout 120 berth stop --force m
	timeout 120 berth start m 2>"$T/said"
	has "lxcfs does not work" "$(cat "$T/said")"
	has "problem +views +lxcfs does not work" "$(berth doctor)"
	berth exec m -- cat /proc/meminfo >/dev/null
	umount -l "$place"
	lxcfs_start
	berth restart m
	same "files of lxcfs" 6 "$(shown m)"
	berth stop --force m
}

run_cases "$@"
