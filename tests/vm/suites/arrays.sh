#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Thin pools on devices that consist of others: arrays, multipath disks. A part has the pool's label, and is not taken for
# the whole, which may appear a moment later.
# packages: fdisk
# seconds: 1800
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/vm/pool.sh
. "$(dirname "$0")/../pool.sh"

# whole "WORDS THAT MAKE IT" "WORDS THAT TAKE IT APART" DEVICE PATTERN [KIND PART]: a pool on that device. While only its
# parts are there, each of that kind, it is refused, with a sentence that says PATTERN, and pool.conf stays; and it is
# waited for.
whole() {
	local make=$1 part=$2 path=$3 pattern=$4 kind=${5:-loop} piece=${6:-$one}
	$make
	berth pool create --device "$path" g
	import one
	berth pool detach g
	$part
	fails "lay on $pattern, of which this .$kind. may be a part or a path" berth pool status g
	has "source = $path" "$(cat "$BERTH_ROOT/lib/pools/g/pool.conf")"
	fails "holds|is there already|may be a part" berth pool create --device "$piece" h
	(
		sleep 2
		$make
	) &
	agree
	wait
	has one "$(berth template list)"
	berth pool delete --force g
	$part
}

# parts NAME: two loop devices, $one and $two, in a root of that name.
parts() {
	# Those of a failed case.
	clear
	[[ ! -e /sys/block/md_t ]] || echo clear >/sys/block/md_t/md/array_state
	begin_root "$1"
	rm -f "$T/one" "$T/two"
	truncate -s 256M "$T/one" "$T/two"
	one=$(losetup --find --show "$T/one")
	two=$(losetup --find --show "$T/two")
}

case_mirror_of_device_mapper() {
	modprobe -a dm-raid raid1 dm-mirror 2>/dev/null || skip "no raid1 in device-mapper here"
	parts mirror
	make_mirror() { dmsetup create array --table "0 524288 mirror core 2 131072 nosync 2 $one 0 $two 0"; }
	part_mirror() { retry 10 dmsetup remove array; }
	whole make_mirror part_mirror /dev/mapper/array "a device of device-mapper's"
	losetup -d "$one" "$two"
}

# make_md: an array of both without metadata of its own, so that each part begins as the array does, or $offset sectors
# later.
make_md() {
	assemble_md
	echo active >/sys/block/md_t/md/array_state
	retry 10 test -b /dev/md_t
}

# assemble_md: the same, which does not run yet.
assemble_md() {
	local md=/sys/block/md_t/md slot=0 part
	echo md_t >/sys/module/md_mod/parameters/new_array
	echo raid1 >"$md/level"
	echo 2 >"$md/raid_disks"
	echo $(((256 << 10) - ${offset:-0} / 2)) >"$md/component_size"
	for part in "$one" "$two"; do
		cat "/sys/class/block/$(basename "$part")/dev" >"$md/new_dev"
		echo "${offset:-0}" >"$md/dev-$(basename "$part")/offset"
		echo "$slot" >"$md/dev-$(basename "$part")/slot"
		slot=1
	done
	echo none >"$md/resync_start"
}

part_md() {
	retry 10 sh -c "echo clear >/sys/block/md_t/md/array_state"
}

case_md() {
	modprobe -a md-mod raid1
	parts md
	whole make_md part_md /dev/md_t "an md array"
	losetup -d "$one" "$two"
}

# A partition of an array, which the parts show too.
case_partition_of_md() {
	modprobe -a md-mod raid1
	parts partition
	losetup -d "$one" "$two"
	one=$(losetup --find --show --partscan "$T/one")
	two=$(losetup --find --show --partscan "$T/two")
	make_md
	echo "2048,,83" | sfdisk -q /dev/md_t
	retry 10 test -b /dev/md_t1
	make_partition() {
		make_md
		blockdev --rereadpt /dev/md_t
		retry 10 test -b /dev/md_t1
	}
	part_partition() {
		part_md
		blockdev --rereadpt "$one"
		blockdev --rereadpt "$two"
		retry 10 test -b "${one}p1" -a -b "${two}p1"
	}
	part_partition
	whole make_partition part_partition /dev/md_t1 "an md array" partition "${one}p1"
	# While the array is there, what its parts show are no copies.
	make_partition
	berth pool create --device /dev/md_t1 g
	import two
	berth pool detach g
	sed -i 's|^source = .*|source = /dev/nowhere|' "$BERTH_ROOT/lib/pools/g/pool.conf"
	agree
	has "source = /dev/md_t1" "$(cat "$BERTH_ROOT/lib/pools/g/pool.conf")"
	berth pool delete --force g
	part_partition
	losetup -d "$one" "$two"
}

# An array whose parts do not show what is on it: it is waited for when it has parts and does not run.
case_md_that_does_not_run() {
	local offset=2048
	modprobe -a md-mod raid1
	parts idle
	make_md
	berth pool create --device /dev/md_t g
	import one
	berth pool detach g
	part_md
	fails "its disk '/dev/md_t' is not there, and no other has its label" berth pool status g
	assemble_md
	fails "its disk '/dev/md_t', on an md array, is not there, and array 'md_t' has parts but does not run.*mdadm --run" \
		berth pool status g
	(
		sleep 2
		echo active >/sys/block/md_t/md/array_state
	) &
	agree
	wait
	has one "$(berth template list)"
	berth pool delete --force g
	part_md
	losetup -d "$one" "$two"
}

case_multipath() {
	modprobe -a dm-multipath dm-round-robin
	parts multipath
	make_multipath() {
		dmsetup create paths -u mpath-paths --table "0 524288 multipath 0 0 1 1 round-robin 0 1 1 $one 1000"
	}
	part_multipath() { retry 10 dmsetup remove paths; }
	whole make_multipath part_multipath /dev/mapper/paths "a multipath disk"
	losetup -d "$one" "$two"
}

# The same for a disk that a pool has got later.
case_further_disk() {
	parts further
	make_mirror() { dmsetup create array --table "0 524288 mirror core 2 131072 nosync 2 $one 0 $two 0"; }
	modprobe dm-mirror
	truncate -s 256M "$T/first"
	first=$(losetup --find --show "$T/first")
	berth pool create --device "$first" g
	make_mirror
	berth pool grow --device /dev/mapper/array g
	import one
	berth pool detach g
	retry 10 dmsetup remove array
	fails "lay on a device of device-mapper's, of which this .loop. may be a part" berth pool status g
	has "devices = /dev/mapper/array" "$(cat "$BERTH_ROOT/lib/pools/g/pool.conf")"
	(
		sleep 2
		make_mirror
	) &
	agree
	wait
	berth pool delete --force g
	retry 10 dmsetup remove array
	losetup -d "$first" "$one" "$two"
}

run_cases
