#!/usr/bin/env bash
# Device-mapper: every call of kern/dm on real thin pools, and what udev makes of our devices.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

case_calls() {
	modprobe -a loop dm-thin-pool dm-flakey
	run_unit "$BUILD_TREE/dm_live"
}

# The kernel tells udev of the device; its rules are to leave it alone, and to wait for nobody.
case_udev_leaves_it_alone() {
	local path device properties
	device=$(readlink -f /dev/disk/by-id/virtio-scratch3)
	mke2fs -q -t ext4 "$device"
	udevadm settle
	path=$("$BUILD_TREE/dm_live" make berth-vm-1 BERTH-vm-1 linear 262144 "$device 0")
	udevadm settle
	properties=$(udevadm info --query=property "$path")
	echo "$properties"
	has '^DM_UDEV_DISABLE_OTHER_RULES_FLAG=1' "$properties"
	has '^DM_UDEV_DISABLE_DISK_RULES_FLAG=1' "$properties"
	not has '^ID_FS_' "$properties"
	same "holders" 0 "$(dmsetup info -c --noheadings -o open berth-vm-1)"
	same "cookies" "" "$(dmsetup udevcookies --noheadings 2>/dev/null | grep -v '^Cookie' || true)"
	dmsetup remove berth-vm-1
	udevadm settle
	[[ ! -e $path ]]
	not has udevcomplete "$(journalctl -b --no-pager -u systemd-udevd)"
}

run_cases
