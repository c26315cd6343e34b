#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Device-mapper: every call of kern/dm on real thin pools, and what udev makes of our devices.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

case_calls() {
	modprobe -a loop dm-thin-pool dm-flakey
	run_unit "$BUILD_TREE/dm_live"
}

# look_at_udev: makes a device on a disk that holds a file system, and shows what udev knows of it;
# its debug messages go to $T/udev.
look_at_udev() {
	local device path cursor
	cursor=$(journalctl -n 0 --show-cursor | sed -n 's/^-- cursor: //p')
	device=$(readlink -f /dev/disk/by-id/virtio-scratch3)
	[[ $(blkid -o value -s TYPE "$device") == ext4 ]] || mke2fs -q -t ext4 "$device"
	udevadm settle
	udevadm control --log-level=debug
	path=$("$BUILD_TREE/dm_live" make berth-vm-1 BERTH-vm-1 linear 262144 "$device 0")
	# A close after writing would make an event, and udev would open the device again.
	dd if="$path" bs=4096 count=1 status=none | dd of="$path" bs=4096 conv=fsync status=none
	udevadm settle
	udevadm info --query=property "$path"
	same "holders" 0 "$(dmsetup info -c --noheadings -o open berth-vm-1)"
	dmsetup --noudevsync remove berth-vm-1
	udevadm settle
	udevadm control --log-level=info
	[[ ! -e $path ]]
	journalctl --sync
	journalctl --after-cursor "$cursor" --no-pager -u systemd-udevd --grep 'dm-[0-9]' >"$T/udev"
}

# The kernel tells udev of the device; its rules leave it alone, and there is nobody who waits.
case_udev_leaves_it_alone() {
	local properties
	properties=$(look_at_udev)
	has '^DM_UDEV_DISABLE_OTHER_RULES_FLAG=1' "$properties"
	has '^DM_UDEV_DISABLE_DISK_RULES_FLAG=1' "$properties"
	has '^DEVLINKS=/dev/mapper/berth-vm-1$' "$properties"
	[[ $properties != *ID_FS_* ]]
	not grep -q "failed with" "$T/udev"
	not grep -q "Adding watch" "$T/udev"
	dmsetup udevcookies --noheadings >"$T/cookies"
	not grep -v '^Cookie' "$T/cookies"
	# The shipped rule is needed: without it udev runs programs.
	grep -q "dmsetup udevcomplete" "$T/udev"
}

case_udev_with_our_rule() {
	local properties
	mkdir -p /run/udev/rules.d
	cp host/09-berth.rules /run/udev/rules.d/
	udevadm control --reload
	properties=$(look_at_udev)
	has '^SYSTEMD_READY=0' "$properties"
	has '^DM_NAME=berth-vm-1' "$properties"
	[[ $properties != *ID_FS_* ]]
	not grep -q "Running command\|Starting '" "$T/udev"
	not grep -q "Adding watch" "$T/udev"
	rm /run/udev/rules.d/09-berth.rules
	udevadm control --reload
}

run_cases
