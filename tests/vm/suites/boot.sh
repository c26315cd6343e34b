#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The guest itself: a whole system came up, with the kernel's parts that the other suites stand on.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

case_multi_user() {
	retry 60 systemctl is-active --quiet multi-user.target
	same "state of the system" running "$(systemctl is-system-running --wait)"
}

case_udev() {
	udevadm control --ping
	udevadm settle --timeout=60
	[[ -b /dev/disk/by-id/virtio-scratch1 && -b /dev/disk/by-id/virtio-scratch4 ]]
}

case_targets() {
	local target
	modprobe -a dm-thin-pool dm-flakey dm-log-writes dm-delay dm-snapshot loop
	for target in thin thin-pool flakey log-writes delay; do
		has "^$target " "$(dmsetup targets)"
	done
}

case_controllers() {
	same "file system" cgroup2fs "$(stat -fc %T /sys/fs/cgroup)"
	has '\bcpu\b.*\bmemory\b.*\bpids\b' "$(cat /sys/fs/cgroup/cgroup.controllers)"
}

run_cases
