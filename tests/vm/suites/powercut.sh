#!/usr/bin/env bash
# Records every write of a pool and its catalogue while it is changed at random; tests/proof/replay
# then cuts the power behind each of them, outside, where that is quick.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

changes=${PROOF_CHANGES:-60}
seed=${BERTH_TEST_SEED:-1}
catalogue_sectors=24576 pool_sectors=262144 further_sectors=262144

# lay_out DISK: what the catalogue, the pool, and the disk that joins it lie on.
lay_out() {
	dmsetup create logged-catalogue --table "0 $catalogue_sectors linear $1 0"
	dmsetup create logged-pool --table "0 $pool_sectors linear $1 $catalogue_sectors"
	dmsetup create logged-further --table \
		"0 $further_sectors linear $1 $((catalogue_sectors + pool_sectors))"
}

take_away() {
	dmsetup remove --retry logged-further
	dmsetup remove --retry logged-pool
	dmsetup remove --retry logged-catalogue
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
	lay_out /dev/mapper/logged
	mke2fs -q -t ext4 -J size=4 -E lazy_itable_init=0 /dev/mapper/logged-catalogue
	mkdir -p "$T/state"
	mount /dev/mapper/logged-catalogue "$T/state"
	BERTH_CONTROL=${2-} "$BUILD_TREE/powercut" "$T/state" /dev/mapper/logged-pool \
		/dev/mapper/logged-further logged "$seed" "$changes" "$VM_OUT/powercut-$name.journal"
	BERTH_ROOT=$T/state "$BUILD_TREE/berth" pool detach p
	umount "$T/state"
	take_away
	dmsetup remove logged
	head -c "$(tests/proof/replay --length "$log")" "$log" >"$VM_OUT/powercut-$name.log"
	{
		echo "kernel $(uname -r)"
		echo "accelerator $VM_ACCEL"
		echo "seed $seed"
		echo "changes $changes"
		echo "catalogue $catalogue_sectors"
		echo "pool $pool_sectors"
	} >"$VM_OUT/powercut-$name.facts"
}

case_record() {
	record real
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
