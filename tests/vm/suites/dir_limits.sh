#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Limits of roots in pools of driver dir, by the project quotas of ext4 and xfs.
# seconds: 1800
export TEST_SECONDS=${TEST_SECONDS:-1700}
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../../lib.sh"

mib=$((1 << 20))

# on FILESYSTEM OPTION...: that file system on a disk of its own, with project quotas; pool p and template bb on it.
on() {
	local disk
	disk=/dev/disk/by-id/virtio-scratch1
	off
	case $1 in
	ext4) mkfs.ext4 -q -F -O project,quota -E quotatype=prjquota "$disk" ;;
	xfs) mkfs.xfs -q -f -K "$disk" ;;
	esac
	mkdir -p "$T/disk"
	mount -o prjquota "$disk" "$T/disk"
	berth pool create --driver dir --source "$T/disk/pool" p
	busybox_template bb p
}

# off: all that the cases before have left.
off() {
	delete_all
	! mountpoint -q "$T/disk" || umount "$T/disk"
}

# fill MACHINE MIB: writes that much in it; fails with the error of the guest's kernel.
fill() {
	berth exec "$1" -- sh -c "dd if=/dev/zero of=/ballast bs=1M count=$2 conv=fsync" 2>&1
}

is_full() {
	has "Disk quota exceeded|No space left" "$(fill "$1" "$2" || true)"
}

# project_of VOLUME: the id that its root has.
project_of() {
	xfs_io -r -c lsproj "$T/disk/pool/$1/root" | sed -n 's/^projid = //p'
}

# quota_of ID: limit and use in bytes, as the kernel tells it.
quota_of() {
	python3 -IS - "$T/disk" "$1" <<-'END'
		import ctypes, os, struct, sys
		block = ctypes.create_string_buffer(128)
		fd = os.open(sys.argv[1], os.O_RDONLY)
		libc = ctypes.CDLL(None, use_errno=True)
		# quotactl_fd(2), Q_GETQUOTA of a project
		if libc.syscall(443, fd, ctypes.c_uint(0x800007 << 8 | 2), int(sys.argv[2]), block) < 0:
		    print("0 0" if ctypes.get_errno() == 2 else os.strerror(ctypes.get_errno()))
		else:
		    hard, soft, used = struct.unpack_from("<3Q", block)
		    print(hard * 1024, used)
	END
}

# kib_of_df MACHINE: how large df(1) in it calls its root.
kib_of_df() {
	berth exec "$1" -- df -k / | awk 'NR == 2 { print $2 }'
}

# The key limits a root while it runs, and no neighbour notices.
limits_on() {
	local id
	on "$1"
	berth create --pool p --set disk.size=64M --set network= bb m
	berth create --pool p --set network= bb n
	berth start --wait m n
	same limit "$((64 * mib))" "$(field m volume.size)"
	same "in df" 65536 "$(kib_of_df m)"
	is_full m 100
	has "used of 64.0 MiB" "$(berth info m)"
	fill n 100
	(($(field n volume.used) >= 100 * mib))
	# A full machine starts.
	berth restart --wait m
	berth set m disk.size=128M
	same "in df" 131072 "$(kib_of_df m)"
	berth exec m -- sh -c "rm /ballast; sync"
	fill m 100
	fails 1 "has [0-9.]* MiB already" berth set m disk.size=32M
	same "what is set" 128M "$(berth get m disk.size)"
	berth exec m -- sh -c "rm /ballast; sync"
	berth set m disk.size=32M
	is_full m 40
	(($(berth pool usage --json p | python3 -c '
import json, sys
print(*(v["used"] for v in json.load(sys.stdin) if v["volume"] == "machine.m"))') >= 30 * mib))
	id=$(project_of machine.m)
	same "its quota" "$((32 * mib))" "$(quota_of "$id" | cut -d ' ' -f 1)"
	berth unset m disk.size
	silent "without a limit" field m volume.size
	same "its quota" 0 "$(quota_of "$id" | cut -d ' ' -f 1)"
	fill m 60
	berth delete --force m n
	same "of a removed one" "0 0" "$(quota_of "$id")"
	off
}

case_limits_on_ext4() {
	limits_on ext4
}

case_limits_on_xfs() {
	limits_on xfs
}

# ids: of all volumes, a line each.
ids() {
	local volume
	for volume in "$T"/disk/pool/[a-z]*; do
		project_of "${volume##*/}"
	done
}

# All that makes a root keeps the limit of the settings, and each volume has an id of its own.
copies_on() {
	local first second volumes
	on "$1"
	berth create --pool p --set disk.size=64M --set network= bb m
	first=$(project_of machine.m)
	berth snapshot m one
	berth clone m c1 &
	berth clone m c2 &
	wait
	berth clone c1 c3
	for name in c1 c2 c3; do
		same "limit of $name" "$((64 * mib))" "$(field "$name" volume.size)"
	done
	berth publish m t
	volumes=$(find "$T/disk/pool" -mindepth 1 -maxdepth 1 -name '[a-z]*' | wc -l)
	same "volumes with an id" "$volumes" "$(ids | grep -vcx 0)"
	same "ids" "$volumes" "$(ids | sort -u | wc -l)"
	same "limit of a template" 0 "$(quota_of "$(project_of template.t)" | cut -d ' ' -f 1)"
	# A restored root is another tree: the id of the one before is free.
	berth restore m one
	second=$(project_of machine.m)
	[[ $second != "$first" ]]
	same "the id before" "0 0" "$(quota_of "$first")"
	same limit "$((64 * mib))" "$(field m volume.size)"
	berth reset m
	same "the id before" "0 0" "$(quota_of "$second")"
	same limit "$((64 * mib))" "$(field m volume.size)"
	second=$(project_of machine.m)
	berth rename m other
	same "id of a renamed one" "$second" "$(project_of machine.other)"
	same limit "$((64 * mib))" "$(field other volume.size)"
	# Streams.
	berth export other >"$T/stream"
	berth import --pool p - came <"$T/stream"
	same limit "$((64 * mib))" "$(field came volume.size)"
	[[ $(project_of machine.came) != "$second" ]]
	berth start --wait came
	is_full came 80
	berth stop --force came
	# The disk is elsewhere for a while.
	umount "$T/disk"
	mount -o prjquota /dev/disk/by-id/virtio-scratch1 "$T/disk"
	same "limit afterwards" "$((64 * mib))" "$(field came volume.size)"
	berth start --wait came
	is_full came 80
	berth delete --force came
	# Creation fails before anything is made, or leaves nothing.
	fails 1 "has [0-9.]* [KM]iB already" berth create --pool p --set disk.size=64K --set network= bb small
	fails 1 "no machine 'small'" berth info small
	off
}

case_copies_on_ext4() {
	copies_on ext4
}

case_copies_on_xfs() {
	copies_on xfs
}

# refused PATTERN: both verbs refuse the key, and change nothing.
refused() {
	fails 1 "$1" berth create --pool p --set network= --set disk.size=64M bb m
	fails 1 "no machine 'm'" berth info m
	same volumes 1 "$(find "$T/disk/pool" -mindepth 1 -maxdepth 1 -name '[a-z]*' | wc -l)"
	berth create --pool p --set network= bb m
	fails 1 "$1" berth set m disk.size=64M
	same "what is set" 0 "$(berth get m disk.size)"
	berth unset m disk.size
}

# bare FILESYSTEM OPTION...: the file system without quotas, with pool p.
bare() {
	off
	"mkfs.$1" -q "${@:2}" /dev/disk/by-id/virtio-scratch1
	mkdir -p "$T/disk"
	mount /dev/disk/by-id/virtio-scratch1 "$T/disk"
	berth pool create --driver dir --source "$T/disk/pool" p
	busybox_template bb p
}

# The sentence tells how quotas are turned on, and that works. What was made before gets its id by a copy.
case_refused_without_quotas() {
	local disk=/dev/disk/by-id/virtio-scratch1
	bare ext4 -F
	refused "ext4 of '$T/disk/pool' does not have on.*tune2fs -O project,quota -Q prjquota DEVICE"
	umount "$T/disk"
	tune2fs -O project,quota -Q prjquota "$disk"
	# Without the option the kernel counts, and enforces nothing.
	mount "$disk" "$T/disk"
	fails 1 "does not enforce; mount it with the option prjquota" berth set m disk.size=64M
	umount "$T/disk"
	mount -o prjquota "$disk" "$T/disk"
	fails 1 "counted no projects.*berth snapshot MACHINE NAME, berth restore MACHINE NAME" berth set m disk.size=64M
	same "what is set" 0 "$(berth get m disk.size)"
	berth snapshot m s
	berth restore m s
	berth set m disk.size=64M
	same limit "$((64 * mib))" "$(field m volume.size)"
	bare xfs -f -K
	refused "xfs of '$T/disk/pool' does not have on.*prjquota"
	umount "$T/disk"
	mount -o prjquota "$disk" "$T/disk"
	berth create --pool p --set network= --set disk.size=64M bb later
	same limit "$((64 * mib))" "$(field later volume.size)"
	bare btrfs -f
	refused "cannot do that on btrfs.*berth pool create --driver btrfs --set quota=yes"
	off
}

# Its administrator limits the pool as a whole: berth leaves that project as it is.
case_folder_with_a_project() {
	on ext4
	find "$T/disk/pool" -type d -exec chattr -p 77 +P {} +
	find "$T/disk/pool" -type f -exec chattr -p 77 {} +
	python3 -IS - "$T/disk" <<-'END'
		import ctypes, os, struct, sys
		block = ctypes.create_string_buffer(struct.pack("<8QI", 500 << 10, 0, 0, 0, 0, 0, 0, 0, 1), 128)
		fd = os.open(sys.argv[1], os.O_RDONLY)
		assert ctypes.CDLL(None).syscall(443, fd, ctypes.c_uint(0x800008 << 8 | 2), 77, block) == 0
	END
	fails 1 "as a whole has project 77.*chattr -P -p 0" berth create --pool p --set network= --set disk.size=64M bb m
	berth create --pool p --set network= bb m
	same "its project" 77 "$(project_of machine.m)"
	berth delete m
	same "their limit" "$((500 * mib))" "$(quota_of 77 | cut -d ' ' -f 1)"
	off
}

run_cases "$@"
