#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A thin pool that runs out of room: who fills it is held still, who does not is not, and it ends well.
# seconds: 1900
# Everything here waits for a pool to fill.
export TEST_SECONDS=${TEST_SECONDS:-1800}
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../../lib.sh"
# shellcheck source=tests/vm/writers.sh
. "$(dirname "$0")/../writers.sh"

# How many machines write to one pool; twenty in a long run.
writers=${PROOF_WRITERS:-6}
timeout_file=/sys/module/dm_thin_pool/parameters/no_space_timeout

# events NAME: how many of them were told.
events() {
	grep -c "\"event\":\"$1\"" "$BERTH_ROOT/run/events" || true
}

# full POOL: per cent.
full() {
	berth pool status --json "$1" 2>/dev/null | python3 -c '
import json, sys
pool = json.load(sys.stdin)[0]
print(int(100 * pool["used"] / pool["total"]))'
}

is_full() {
	(($(full "$1") >= $2))
}

# count_state STATE: machines in it.
count_state() {
	berth list --json 2>/dev/null | python3 -c "
import json, sys
print(sum(m['state'] == '$1' for m in json.load(sys.stdin)))"
}

# count_held: the number of frozen machines, counted without cost, so that waiting takes no time from the writers.
count_held() {
	find "$BERTH_ROOT/run/machines" -name held | wc -l
}

at_least() {
	(($("${@:2}") >= $1))
}

# fill MACHINE: writes files of half a MiB, each on the disk before the next, until told to stop or until a write fails.
# The mark of a failure is in memory: after a failed write the root may be read-only.
fill() {
	berth exec "$1" -- sh -c 'i=0
		until [ -e /stop ]; do
			i=$((i + 1))
			yes "$0 $i" | head -c 524288 >/tmp/next
			dd if=/tmp/next of=/f$i bs=64k conv=fsync 2>/dev/null || { touch /run/failed; break; }
			echo $i >/written
		done' "$1" </dev/null >/dev/null 2>&1 &
}

# whole MACHINE: every file that was written has what was written.
whole() {
	berth exec "$1" -- sh -c 'n=$(cat /written)
		for i in $(seq "$n"); do
			[ "$(yes "$0 $i" | head -c 524288 | md5sum)" = "$(md5sum </f$i)" ] || exit 1
		done' "$1"
}

failed() {
	berth exec "$1" test -e /run/failed
}

# launch_all SIZE COUNT: a pool of that size, machines m1... and witness on it.
launch_all() {
	local i
	modprobe -a loop dm-thin-pool
	delete_all
	berth pool create --driver thin --size "$1" p
	sed -i '/^volume.size/d' "$BERTH_ROOT/lib/pools/p/pool.conf"
	echo "volume.size = 64M" >>"$BERTH_ROOT/lib/pools/p/pool.conf"
	busybox_template bb p
	berth launch --pool p --set network= bb witness
	for i in $(seq "$2"); do
		berth launch --pool p --set network= bb "m$i"
	done
}

case_growers_are_held() {
	local i before
	launch_all "${PROOF_SIZE:-256M}" "$writers"
	change witness
	for i in $(seq "$writers"); do
		fill "m$i"
	done
	retry $((240 + 20 * writers)) at_least "$writers" count_held
	same "those that are held" "$writers" "$(count_state held)"
	has "^9[0-9]$" "$(full p)"
	same "the witness" running "$(field witness state)"
	has "pool 'p'.*grow p" "$(berth info m1 | grep held)"
	has "9[0-9]% full.*held" "$(berth list 2>&1)"
	fails 125 "held still.*pool grow p" berth exec m1 true
	fails 1 "full" berth clone m1 more
	before=$(berth exec witness cat /state)
	retry 60 at_least "$((before + 5))" berth exec witness cat /state
	not failed witness
	((writers <= $(events held)))
	((3 <= $(events pool-low)))

	berth pool grow --size 2G p
	retry $((60 + 5 * writers)) at_least $((writers + 1)) count_state running
	for i in $(seq "$writers"); do
		berth exec "m$i" touch /stop
	done
	berth exec witness touch /stop
	wait
	for i in 1 $((writers / 2)) "$writers"; do
		not failed "m$i"
		whole "m$i"
	done
	delete_all
}

# The numbers of writes and flushes of a disk so far.
done_by() {
	awk '{ print $5 + $16 }' "/sys/class/block/$(basename "$1")/stat"
}

# quiet DISK SECONDS LIMIT: in which it has no more than that to do.
quiet() {
	local before count
	before=$(done_by "$1")
	sleep "$2"
	count=$(($(done_by "$1") - before))
	echo "writes and flushes in $2 s: $count"
	((count <= $3))
}

# fill_to PER_CENT MACHINE...: by one file of up to 48 MiB in each of them.
fill_to() {
	local percent=$1 i machine
	for machine in "${@:2}"; do
		for i in $(seq 0 4 44); do
			! is_full p "$percent" || return 0
			berth exec "$machine" -- sh -c "dd if=/dev/zero of=/ballast bs=1M count=4 seek=$i conv=notrunc,fsync 2>/dev/null"
		done
	done
	is_full p "$percent"
}

# on_a_disk MACHINE...: machines on a pool of 128 MiB that is a disk, small_disk, which lies on $disk.
on_a_disk() {
	local machine
	disk=$(readlink -f /dev/disk/by-id/virtio-scratch3)
	modprobe -a dm-thin-pool
	delete_all
	dmsetup remove --retry small_disk 2>/dev/null || true
	blkdiscard -f "$disk"
	dmsetup create small_disk --table "0 262144 linear $disk 0"
	berth pool create --driver thin --device /dev/mapper/small_disk p
	sed -i '/^volume.size/d' "$BERTH_ROOT/lib/pools/p/pool.conf"
	echo "volume.size = 64M" >>"$BERTH_ROOT/lib/pools/p/pool.conf"
	busybox_template bb p
	for machine; do
		berth launch --pool p --set network= bb "$machine"
	done
}

# copy_over MACHINE: writes over the file /db, 1 MiB at a time, which takes no block of its own but the pool's.
copy_over() {
	berth exec "$1" -- sh -c 'i=0
		until [ -e /stop ]; do
			dd if=/dev/zero of=/db bs=1M count=1 seek=$((i % 30)) conv=notrunc,fsync 2>/dev/null || touch /run/failed
			i=$((i + 1))
			echo $i >/written
			sleep 1
		done' </dev/null >/dev/null 2>&1 &
}

# Overwriting blocks that a snapshot shares takes new blocks, though the volume does not grow.
case_copiers_are_held() {
	local before disk
	on_a_disk witness m1 m2 db
	settle witness
	berth exec db -- sh -c 'dd if=/dev/zero of=/db bs=1M count=30 conv=fsync 2>/dev/null'
	fill_to 82 m1 m2
	echo "at $(full p)%"
	berth snapshot db one
	change witness
	copy_over db
	retry 240 state_is db held
	echo "held at $(full p)%"
	is_full p 95
	not is_full p 99
	same "the witness" running "$(field witness state)"
	before=$(berth exec witness cat /state)
	retry 60 at_least "$((before + 5))" berth exec witness cat /state
	same "the witness" running "$(field witness state)"
	same "held" 1 "$(count_held)"
	not failed witness
	double_disk
	retry 90 state_is db running
	berth exec db touch /stop
	berth exec witness touch /stop
	wait
	not failed db
	delete_all
	dmsetup remove --retry small_disk
}

# ballast MACHINE FILE POOL PER_CENT: enlarges the file until the pool is that full.
ballast() {
	local i
	for i in $(seq 0 4 252); do
		! is_full "$3" "$4" || return 0
		berth exec "$1" -- sh -c 'dd if=/dev/zero of=$0 bs=1M count=4 seek=$1 conv=notrunc,fsync 2>/dev/null' "$2" "$i"
	done
	is_full "$3" "$4"
}

# grow_in MACHINE FOLDER: adds a file of 1 MiB a second, until told to stop.
grow_in() {
	berth exec "$1" -- sh -c 'i=0
		until [ -e /stop ]; do
			dd if=/dev/zero of=$0/f$i bs=1M count=1 conv=fsync 2>/dev/null || touch /run/failed
			i=$((i + 1))
			sleep 1
		done' "$2" </dev/null >/dev/null 2>&1 &
}

# fill_by_data MACHINE: until it is held.
fill_by_data() {
	ballast "$1" /data/ballast p 82 && grow_in "$1" /data && retry 240 state_is "$1" held
}

# double_disk: the pool's disk grows, which makes room.
double_disk() {
	dmsetup reload small_disk --table "0 524288 linear $disk 0"
	dmsetup resume small_disk
}

# A machine that fills the pool by its volume for data is held as one that fills it by its root.
case_data_growers_are_held() {
	local before disk
	on_a_disk witness d
	settle witness
	berth volume create --pool p --size 128M data
	berth volume attach d data /data
	change witness
	fill_by_data d
	not is_full p 99
	same "held" 1 "$(count_held)"
	before=$(berth exec witness cat /state)
	retry 60 at_least "$((before + 5))" berth exec witness cat /state
	not failed witness
	double_disk
	retry 90 state_is d running
	berth exec d touch /stop
	berth exec witness touch /stop
	wait
	not failed d
	gone d
	berth volume delete data
	delete_all
	dmsetup remove --retry small_disk
}

# switches POOL: how often its watch has gone to sleep.
switches() {
	awk '/^voluntary/ { print $2 }' "/proc/$(pgrep -f "berth .*_tend [a-z]* $1\$")/status"
}

# A pool that has only volumes for data is watched by their machines: e gets its at the start, and f while it runs. Of two
# pools that f fills, the one that has room does not end what the other one began.
case_data_pools_are_watched() {
	local disk
	on_a_disk
	berth pool create --driver dir elsewhere
	busybox_template other elsewhere
	berth create --pool elsewhere --set network= other e
	berth volume create --pool p --size 128M one
	berth volume attach e one /data
	berth start e
	fill_by_data e
	double_disk
	retry 90 state_is e running
	berth stop e
	wait
	berth pool create --driver thin --size 256M q
	berth launch --pool elsewhere --set network= other f
	berth volume create --pool q --size 256M inner
	berth volume attach f inner /inner
	berth volume create --pool p --size 256M two
	berth volume attach f two /data
	berth exec f -- dd if=/dev/zero of=/inner/first bs=1M count=150 conv=fsync
	ballast f /inner/more q 82
	retry 60 switches q
	fill_by_data f
	retry 60 at_least $(($(switches q) + 20)) switches q
	same "f" held "$(field f state)"
	has "pool 'p'" "$(berth info f | grep held)"
	same "held, and released" held "$(sed -n '/"machine":"f"/s/.*"event":"\(held\|released\)".*/\1/p' "$BERTH_ROOT/run/events" | xargs)"
	berth volume detach e one
	berth volume delete one
	retry 90 state_is f running
	berth exec f touch /stop
	wait
	not failed f
	gone f e
	berth volume delete two inner
	delete_all
	dmsetup remove --retry small_disk
}

# A pool may grow by itself from 90 % on. If there is no room, only a look is taken, and nothing done.
case_full_pool_is_quiet() {
	local disk
	on_a_disk m1 m2
	fill_to 91 m1 m2
	not is_full p 95
	berth stop m2
	sync
	retry 120 quiet "$disk" 10 10
	retry 10 flock -n "$BERTH_ROOT/run/locks/thin.p" true
	not flock -n "$BERTH_ROOT/run/locks/tend.p" true
	quiet "$disk" 20 20
	delete_all
	dmsetup remove --retry small_disk
}

# A file that was given all of its blocks has them as long as it is.
case_a_whole_file_stays_whole() {
	local file=$BERTH_ROOT/lib/pools/p/pool.thin before
	launch_all 256M 1
	before=$(stat -c %b "$file")
	(("$before" * 512 >= 256 << 20))
	berth exec m1 -- sh -c 'dd if=/dev/zero of=/big bs=1M count=40 conv=fsync 2>/dev/null; rm /big; sync'
	berth pool trim p
	berth stop m1
	berth delete m1
	sync
	(($(stat -c %b "$file") >= before))
	berth pool grow --size 320M p
	before=$(stat -c %b "$file")
	(("$before" * 512 >= 320 << 20))
	berth stop witness
	berth pool detach p
	berth start witness
	berth exec witness -- sh -c 'dd if=/dev/zero of=/big bs=1M count=20 conv=fsync 2>/dev/null; rm /big; sync'
	berth pool trim p
	berth stop witness
	berth delete witness
	sync
	(($(stat -c %b "$file") >= before))
	delete_all
	# A pool with a sparse file gives the blocks back.
	berth pool create --driver thin --size 256M --sparse p
	busybox_template bb p
	before=$(stat -c %b "$file")
	berth launch --pool p --set network= bb m1
	berth exec m1 -- sh -c 'dd if=/dev/zero of=/big bs=1M count=40 conv=fsync 2>/dev/null'
	(($(stat -c %b "$file") > before + 70000))
	berth exec m1 -- sh -c 'rm /big; sync'
	berth pool trim p
	sync
	(($(stat -c %b "$file") < before + 40000))
	delete_all
}

# Writes fail without a watch, whose place is taken.
case_unattended_writes_fail() {
	local i before
	before=$(cat "$timeout_file")
	echo 3 >"$timeout_file"
	launch_all 256M 5
	exec 8>"$BERTH_ROOT/run/locks/tend.p"
	flock 8
	for i in $(seq 5); do
		fill "m$i"
	done
	retry 300 is_full p 100
	retry 120 failed m1
	exec 8>&-
	echo "$before" >"$timeout_file"
	for i in $(seq 5); do
		berth stop --force "m$i"
	done
	wait
	delete_all
}

# A burst that the kernel had taken before anybody could look.
case_without_any_room() {
	local i before
	before=$(cat "$timeout_file")
	# The kernel would otherwise fail, after a minute, the writes that it had accepted.
	echo 600 >"$timeout_file"
	launch_all 256M 6
	# One that runs cannot be unmounted before there is room, since that writes.
	berth stop --force m2
	for i in 1 3 4 5 6; do
		berth exec "m$i" -- sh -c 'dd if=/dev/zero of=/big bs=1M count=48 2>/dev/null; sync' </dev/null >/dev/null 2>&1 &
	done
	retry 120 is_full p 97
	berth list
	berth info m2
	berth pool status
	berth delete --force m2
	# The command waits for no machine, and names those that it would have to wait for.
	timeout 120 berth pool trim p
	berth pool grow --size 1G p
	retry 60 state_is witness running
	wait
	echo "$before" >"$timeout_file"
	for i in 1 3 4 5 6; do
		berth exec "m$i" -- sh -c '[ "$(wc -c </big)" = 50331648 ] && sync && rm /big'
	done
	delete_all
}

# Another program fills the file system that a sparse pool lies on, of which nothing tells.
case_fills_below() {
	local host=$T/host
	delete_all
	mkdir "$host"
	mkfs.ext4 -q -m 0 /dev/disk/by-id/virtio-scratch1 600M
	mount /dev/disk/by-id/virtio-scratch1 "$host"
	berth pool create --driver thin --size 480M --sparse --source "$host/pool" p
	berth pool grow --size 4G p
	echo "fills below" >/dev/kmsg
	sed -i '/^volume.size/d' "$BERTH_ROOT/lib/pools/p/pool.conf"
	echo "volume.size = 2G" >>"$BERTH_ROOT/lib/pools/p/pool.conf"
	busybox_template bb p
	berth launch --pool p --set network= bb witness
	berth launch --pool p --set network= bb m1
	change witness
	fill m1
	not dd if=/dev/zero of="$host/other" bs=2M oflag=dsync
	retry 60 state_is m1 held
	has "file system of '$host/pool'.*make room" "$(berth info m1 | grep held)"
	has "room for .* by the file system of '$host/pool'" "$(berth list 2>&1)"
	((2 <= $(events pool-low)))
	fails 1 "file system of '$host/pool' has little left" berth create --pool p --set network= bb more
	# All that they had written finds its place.
	sync
	rm "$host/other"
	retry 60 state_is m1 running
	retry 60 state_is witness running
	berth exec m1 touch /stop
	berth exec witness touch /stop
	wait
	not failed m1
	not failed witness
	dmesg | sed -n '/fills below/,$p' >"$T/kernel"
	grep -q 'fills below' "$T/kernel"
	not grep -E "I/O error|EXT4-fs error|space allocation error" "$T/kernel"
	whole m1
	delete_all
	umount "$host"
}

case_grows_by_itself() {
	local i
	launch_all 256M 6
	fails 2 "size.maxx" berth pool set p size.maxx=1
	fails 2 "size.max=VALUE" berth pool set p size.max
	berth pool set p size.max=320M
	for i in $(seq 6); do
		fill "m$i"
	done
	retry 120 at_least 1 events pool-grown
	retry 300 at_least 1 count_held
	same "as far as it may" 320M "$(sed -n 's/^size = //p' "$BERTH_ROOT/lib/pools/p/pool.conf")"
	berth stop --all
	same "who was held" 0 "$(count_state held)"
	wait
	delete_all
}

run_cases
