#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Forced stops of machines whose processes wait for the disk: a full pool, a suspended volume, a slow disk. The command
# ends in time, and the machine starts again.
# seconds: 1800
export TEST_SECONDS=${TEST_SECONDS:-1700}
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../../lib.sh"

timeout_file=/sys/module/dm_thin_pool/parameters/no_space_timeout

set_up() {
	modprobe -a loop dm-thin-pool dm-delay
}

# pool_of SIZE OPTION...: pool p, with machines of volumes that are larger than it.
pool_of() {
	berth pool create --driver thin "${@:2}" p
	sed -i '/^volume.size/d' "$BERTH_ROOT/lib/pools/p/pool.conf"
	echo "volume.size = $1" >>"$BERTH_ROOT/lib/pools/p/pool.conf"
	busybox_template bb p
	berth launch --pool p --set network= bb m1
	berth launch --pool p --set network= bb m2
}

# write_on MACHINE: a process of it that writes files of 8 MiB, each on the disk before the next, and counts them.
write_on() {
	# shellcheck disable=SC2016 # the guest's
	berth exec "$1" -- sh -c 'i=0
		while dd if=/dev/zero of=/f$i bs=1M count=8 conv=fsync 2>/dev/null; do
			i=$((i + 1))
			echo $i >/run/written
		done' </dev/null >/dev/null 2>&1 &
}

# wrote_more MACHINE COUNT: it has written more files than that.
wrote_more() {
	(($(berth exec "$1" cat /run/written) > $2))
}

# waits_in MACHINE: a process of its cgroup waits in the kernel, whatever is sent to it.
waits_in() {
	local group
	group=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)$(field "$1" cgroup)
	find "$group" -name cgroup.procs -exec cat {} + | while read -r pid; do
		sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null
	done | grep -q '^D'
}

# out_of_room: the pool has no block left, and what needs one waits.
out_of_room() {
	dmsetup status --target thin-pool | grep -q ' out_of_data_space '
}

volume_of() {
	local holder
	holder=$(findmnt -n -N "$(field "$1" init)" -o SOURCE /)
	cat "/sys/class/block/$(basename "$holder")/dm/name"
}

# ended COMMAND...: the command ends in the time of the manual: 4 seconds for the keeper, 2 more for its death, 13 for
# processes. A slow host gets more, but never the minutes that a wait for the disk takes.
ended() {
	local began=$SECONDS status=0
	"$@" || status=$?
	echo "# $((SECONDS - began)) s: $*"
	((SECONDS - began <= 19 * $(slowness))) || fault "took $((SECONDS - began)) s: $*" || return
	return "$status"
}

# fill: both machines write until the pool has no block left. No watch holds them, and the kernel fails no write by
# itself.
fill() {
	pool_of 512M --size 256M
	exec 8>"$BERTH_ROOT/run/locks/tend.p"
	flock 8
	berth exec m1 -- sh -c 'echo kept >/kept; sync'
	write_on m1
	write_on m2
	retry 240 out_of_room
	retry 20 waits_in m1
	retry 20 waits_in m2
}

# The neighbour goes on with the room that the volume of the stopped machine leaves.
case_full_pool() {
	local before count
	before=$(cat "$timeout_file")
	echo 0 >"$timeout_file"
	fill
	count=$(cat "/proc/$(field m2 init)/root/run/written")
	ended berth stop --force m1
	state_is m1 stopped
	state_is m2 running
	waits_in m2
	berth delete m1
	retry 60 wrote_more m2 "$count"
	ended berth stop --force m2
	wait
	exec 8>&-
	echo "$before" >"$timeout_file"
	delete_all
}

# The machine starts after the pool has grown, with all that it had synced.
case_full_pool_grows() {
	local before
	before=$(cat "$timeout_file")
	echo 0 >"$timeout_file"
	fill
	ended berth stop --force m1 m2
	exec 8>&-
	berth pool grow --size 512M p
	berth start --wait m1
	same "what was synced" kept "$(berth exec m1 cat /kept)"
	berth exec m1 -- sh -c 'rm /f*; dd if=/dev/zero of=/big bs=1M count=8 conv=fsync 2>/dev/null'
	berth stop --force m1
	berth pool check p
	wait
	echo "$before" >"$timeout_file"
	delete_all
}

# suspended OPTION...: another program has suspended the volume, or a dead command.
suspended() {
	local device
	pool_of 64M --size 256M
	berth exec m1 -- sh -c 'echo kept >/kept; sync'
	device=$(volume_of m1)
	dmsetup suspend "$@" "$device"
	berth exec m1 -- sh -c 'dd if=/dev/zero of=/f bs=64k count=8 conv=fsync' </dev/null >/dev/null 2>&1 &
	retry 20 waits_in m1
	ended berth stop --force m1
	state_is m1 stopped
	berth start --wait m1
	same "what was synced" kept "$(berth exec m1 cat /kept)"
	ended berth stop --force m1
	wait
	delete_all
}

case_suspended_with_its_file_system() {
	suspended
}

case_suspended_alone() {
	suspended --noflush --nolockfs
}

# A disk that takes seconds for each write.
case_slow_disk() {
	local disk
	disk=$(readlink -f /dev/disk/by-id/virtio-scratch1)
	blkdiscard -f "$disk"
	dmsetup create --noudevsync slow --table "0 1048576 linear $disk 0"
	retry 10 test -b /dev/mapper/slow
	pool_of 64M --device /dev/mapper/slow
	berth exec m1 -- sh -c 'echo kept >/kept; sync'
	dmsetup reload slow --table "0 1048576 delay $disk 0 0 $disk 0 1500"
	dmsetup suspend --nolockfs --noflush slow
	dmsetup resume --noudevsync slow
	write_on m1
	retry 60 waits_in m1
	# If what it has written takes longer, the command says so, and does not wait for it.
	ended berth stop --force m1 2>"$T/said" || has "do not die.*does not answer; try again" "$(cat "$T/said")"
	dmsetup reload slow --table "0 1048576 linear $disk 0"
	dmsetup suspend --nolockfs --noflush slow
	dmsetup resume --noudevsync slow
	retry 60 berth stop --force m1
	state_is m1 stopped
	berth start --wait m1
	same "what was synced" kept "$(berth exec m1 cat /kept)"
	berth stop --force m1
	wait
	delete_all
	dmsetup remove --noudevsync --retry slow
}

run_cases "$@"
