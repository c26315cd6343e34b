#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The thin pool's driver as its users meet it; the contract of all drivers is among the units.
# seconds: 1500
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

# Machines on it: launched, cloned while they run, restored, after a reboot.
case_machines() {
	local case
	modprobe -a loop dm-thin-pool
	for case in pools snapshots_and_clones_on_fast template_deleted_under_a_machine pool_in_use \
		volume_mounted_elsewhere volume_held_by_a_stranger reboot_of_the_host what_a_copy_keeps; do
		set -- "$@" "case_$case"
	done
	STORAGE_DRIVER=thin TEST_SECONDS=800 tests/integration/storage.sh "$@"
}

# A disk that holds something is refused, and used whole; a second manager is kept off.
case_device() {
	local disk part
	disk=$(readlink -f /dev/disk/by-id/virtio-scratch1)
	export BERTH_ROOT=$T/device PATH=$BUILD_TREE:$PATH
	mke2fs -q -t ext4 "$disk"
	not berth pool create --device "$disk" disk 2>"$T/err"
	has "$disk.*ext4.*--force" "$(cat "$T/err")"
	not berth pool create --device "$disk" --size 1G disk 2>"$T/err"
	berth pool create --device "$disk" --force disk
	has "disk +thin" "$(berth pool status disk)"
	same "a sound pool" "catalogue and pool agree" "$(berth pool check disk)"
	not env BERTH_ROOT="$T/second" "$BUILD_TREE/berth" pool create --device "$disk" --force two 2>"$T/err"
	has "in use" "$(cat "$T/err")"
	berth pool detach disk
	no_device_is_left
	not env BERTH_ROOT="$T/second" "$BUILD_TREE/berth" pool create --device "$disk" two 2>"$T/err"
	has "thin pool already" "$(cat "$T/err")"
	berth pool status disk
	berth pool delete disk
	part=$(od -A n -c -N 16 "$disk")
	not has b "$part"
}

case_grow_and_check() {
	local pool number
	export BERTH_ROOT=$T/grow PATH=$BUILD_TREE:$PATH
	berth pool create --driver thin --size 256M g
	berth pool grow --size 512M g
	has "4[0-9][0-9] MiB" "$(berth pool status g)"
	not berth pool grow --size 300M g 2>"$T/err"
	has "smaller" "$(cat "$T/err")"
	# No more is promised than the admin allows; what is there already stays.
	berth pool set g overcommit.max=100
	mkdir -p "$T/tree/etc"
	not sh -c 'tar -C "$1" -c . | berth template import --pool g - big' sh "$T/tree" 2>"$T/err"
	has "come to [0-9]+% of it.*overcommit.max is 100%.*overcommit.max=[0-9]+" "$(cat "$T/err")"
	berth pool set g overcommit.max=0
	# A stranger's volume, and a number that is not the catalogue's.
	pool=$(dmsetup ls | awk '/[.]g[.]pool/ { print $1 }')
	dmsetup message "$pool" 0 "create_thin 7"
	number=$(dmsetup status "$pool" | awk '{ print $4 }')
	dmsetup message "$pool" 0 "set_transaction_id $number 50"
	not berth pool create --driver thin --size 256M g 2>/dev/null
	has "7 is in the pool" "$(berth pool check g)"
	has "has no owner" "$(berth pool check g)"
	has "7 is deleted" "$(berth pool check --reclaim g)"
	same "a sound pool" "catalogue and pool agree" "$(berth pool check g)"
	# The catalogue of another time.
	sqlite3 "$BERTH_ROOT/lib/pools/g/catalog.db" "UPDATE pool SET tid = 99"
	not berth template import /nonexistent x 2>/dev/null
	has "number is 51, the catalogue had 99" "$(berth pool check g)"
	mv "$BERTH_ROOT/lib/pools/g/catalog.db" "$T/catalog.db"
	not berth pool status g 2>"$T/err"
	has "missing" "$(cat "$T/err")"
	mv "$T/catalog.db" "$BERTH_ROOT/lib/pools/g/catalog.db"
	berth pool detach --all
	no_device_is_left
	berth pool delete g
	no_device_is_left
}

run_cases
