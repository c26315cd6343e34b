#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Records every write of a pool and its catalogue while it is changed at random; tests/proof/replay
# then cuts the power behind each of them, outside, where that is quick.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

changes=${PROOF_CHANGES:-60}
seed=${BERTH_TEST_SEED:-1}
# The further disk has 128 MiB at first, and becomes larger.
catalogue_sectors=24576 pool_sectors=262144 further_sectors=327680 further_first=262144

# lay_out DISK: what the catalogue, the pool, and the disk that joins it lie on.
lay_out() {
	dmsetup create logged-catalogue --table "0 $catalogue_sectors linear $1 0"
	dmsetup create logged-pool --table "0 $pool_sectors linear $1 $catalogue_sectors"
	dmsetup create logged-further --table \
		"0 $further_sectors linear $1 $((catalogue_sectors + pool_sectors))"
	dmsetup create further --table "0 ${2:-$further_sectors} linear /dev/mapper/logged-further 0"
}

take_away() {
	dmsetup remove --retry further
	dmsetup remove --retry logged-further
	dmsetup remove --retry logged-pool
	dmsetup remove --retry logged-catalogue
}

facts() {
	echo "kernel $(uname -r)"
	echo "accelerator $VM_ACCEL"
	echo "seed $seed"
	echo "changes $changes"
	echo "catalogue $catalogue_sectors"
	echo "pool $pool_sectors"
	echo "whole $((catalogue_sectors + pool_sectors + further_sectors))"
}

# record NAME [CONTROL]: into VM_OUT/powercut-NAME.{log.gz,journal}
record() {
	local disk log name=$1
	modprobe -a dm-log-writes dm-thin-pool loop
	disk=$(readlink -f /dev/disk/by-id/virtio-scratch1)
	log=$(readlink -f /dev/disk/by-id/virtio-scratch2)
	blkdiscard -f "$disk"
	blkdiscard -f "$log"
	dmsetup create logged --table \
		"0 $((catalogue_sectors + pool_sectors + further_sectors)) log-writes $disk $log"
	lay_out /dev/mapper/logged "$further_first"
	mke2fs -q -t ext4 -J size=4 -E lazy_itable_init=0 /dev/mapper/logged-catalogue
	mkdir -p "$T/state"
	mount /dev/mapper/logged-catalogue "$T/state"
	BERTH_CONTROL=${2-} "$BUILD_TREE/powercut" "$T/state" /dev/mapper/logged-pool \
		/dev/mapper/further logged "$seed" "$changes" "$VM_OUT/powercut-$name.journal"
	BERTH_ROOT=$T/state "$BUILD_TREE/berth" pool detach p
	BERTH_ROOT=$T/state retry 30 no_copying_is_left
	umount "$T/state"
	take_away
	dmsetup remove logged
	head -c "$(tests/proof/replay --length "$log")" "$log" >"$VM_OUT/powercut-$name.log"
	facts >"$VM_OUT/powercut-$name.facts"
}

# record_domains NAME: the same with a log for each disk, each of which has a cache of its own.
record_domains() {
	local disk log name part at=0 log_at=0 sectors log_sectors
	modprobe -a dm-log-writes dm-thin-pool loop
	disk=$(readlink -f /dev/disk/by-id/virtio-scratch1)
	log=$(readlink -f /dev/disk/by-id/virtio-scratch2)
	log_sectors=$(($(blockdev --getsz "$log") / 3))
	blkdiscard -f "$disk"
	blkdiscard -f "$log"
	for part in catalogue pool further; do
		sectors=${part}_sectors
		sectors=${!sectors}
		dmsetup create "below-$part" --table "0 $sectors linear $disk $at"
		dmsetup create "log-$part" --table "0 $log_sectors linear $log $log_at"
		dmsetup create "logged-$part" --table "0 $sectors log-writes /dev/mapper/below-$part /dev/mapper/log-$part"
		at=$((at + sectors))
		log_at=$((log_at + log_sectors))
	done
	dmsetup create further --table "0 $further_first linear /dev/mapper/logged-further 0"
	mke2fs -q -t ext4 -J size=4 -E lazy_itable_init=0 /dev/mapper/logged-catalogue
	mkdir -p "$T/state"
	mount /dev/mapper/logged-catalogue "$T/state"
	"$BUILD_TREE/powercut" "$T/state" /dev/mapper/logged-pool /dev/mapper/further \
		logged-catalogue,logged-pool,logged-further "$seed" "$changes" "$VM_OUT/powercut-$1.journal"
	BERTH_ROOT=$T/state "$BUILD_TREE/berth" pool detach p
	BERTH_ROOT=$T/state retry 30 no_copying_is_left
	umount "$T/state"
	take_away
	for part in catalogue pool further; do
		name=/dev/mapper/log-$part
		head -c "$(tests/proof/replay --length "$name")" "$name" >"$VM_OUT/powercut-$1.$part.log"
		dmsetup remove --retry "log-$part"
		dmsetup remove --retry "below-$part"
	done
	facts >"$VM_OUT/powercut-$1.facts"
}

case_record() {
	record real
}

case_record_domains() {
	changes=$(((changes + 1) / 2))
	record_domains domains
}

case_record_controls() {
	local control
	changes=$(((changes + 2) / 3))
	for control in ${PROOF_CONTROLS-delete-journal unsynced pool-first discard-first no-suspend}; do
		record "$control" "$control"
	done
}

# The checker outside says thin_recover.c's rule again; here some of the states meet that itself.
case_recover() {
	local state loop
	mkdir -p "$T/state"
	tests/proof/replay --sample "${PROOF_SAMPLE:-6}" --into "$T/sample" --seed "$seed" "$VM_OUT/powercut-real"
	for state in "$T"/sample/*.disk; do
		echo "after entry $(basename "$state" .disk)"
		loop=$(losetup --show -f "$state")
		lay_out "$loop"
		mount /dev/mapper/logged-catalogue "$T/state"
		"$BUILD_TREE/powercut" check "$T/state" "${state%.disk}.wanted"
		umount "$T/state"
		take_away
		losetup -d "$loop"
		rm "$state"
	done
}

run_cases
