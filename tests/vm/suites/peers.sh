#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: lxd lxd-client lvm2 attr squashfs-tools rsync
# Clone, snapshot, restore and delete beside LXD on an LVM thin pool, lvcreate, and the bare messages to
# device-mapper, in turns, in one run. Prints, never judges: shares of one machine's time are no test.
export TEST_SECONDS=${TEST_SECONDS:-3000}
needs_host_network=yes # for LXD's daemon
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../../lib.sh"

rounds=${PROOF_ROUNDS:-7}
# No wait for udev, as with the bare messages and with berth.
no_udev="activation { udev_sync = 0 udev_rules = 0 }"

prepare_lxd() {
	local disk
	disk=$(readlink -f /dev/disk/by-id/virtio-scratch2)
	systemctl start lxd.socket lxd.service 2>/dev/null || true
	lxd waitready --timeout 120
	vgcreate -q lxd "$disk"
	lxc storage create thin lvm source=lxd lvm.thinpool_name=lxdpool volume.size=256MiB
	lxc profile device add default root disk path=/ pool=thin
	mkdir -p "$T/image"
	{
		echo "architecture: x86_64"
		echo "creation_date: 1700000000"
	} >"$T/image/metadata.yaml"
	tar -C "$T/image" -cf "$T/meta.tar" metadata.yaml
	tar -C "$T/peer" -cf "$T/rootfs.tar" .
	lxc image import "$T/meta.tar" "$T/rootfs.tar" --alias peer
	lxc init peer origin
}

prepare_lvm() {
	lvcreate -q --config "$no_udev" -y -V 256M -T lxd/lxdpool -n bare-origin 2>/dev/null
	mke2fs -q -t ext4 /dev/lxd/bare-origin
}

prepare_berth() {
	local disk
	disk=$(readlink -f /dev/disk/by-id/virtio-scratch1)
	modprobe -a loop dm-thin-pool
	berth pool create --device "$disk" p
	sed -i '/^volume.size/d' "$BERTH_ROOT/lib/pools/p/pool.conf"
	echo "volume.size = 256M" >>"$BERTH_ROOT/lib/pools/p/pool.conf"
	busybox_template bb p
	berth create --pool p --set network= bb origin
}

prepare_bare() {
	local meta data
	meta=$(readlink -f /dev/disk/by-id/virtio-scratch3)
	data=$(readlink -f /dev/disk/by-id/virtio-scratch4)
	dd if=/dev/zero of="$meta" bs=4k count=1 status=none
	dmsetup create --noudevsync bare --table "0 524288 thin-pool $meta $data 128 0"
	dmsetup message bare 0 "create_thin 0"
}

# timed ROW COMMAND...: appends its milliseconds.
timed() {
	local row=$1 began=${EPOCHREALTIME/./}
	shift
	"$@" >/dev/null 2>"$T/err" </dev/null || fault "$*: $(cat "$T/err")" || return
	echo "$row $(((${EPOCHREALTIME/./} - began) / 100))" >>"$T/times"
}

bare_clone() {
	dmsetup message bare 0 "create_snap $1 0"
	dmsetup create --noudevsync --noudevrules "bare-$1" --table "0 524288 thin /dev/mapper/bare $1"
}

bare_delete() {
	dmsetup remove --noudevsync "bare-$1"
	dmsetup message bare 0 "delete $1"
}

case_beside_peers() {
	local i
	busybox_root "$T/peer"
	mkdir -p "$T/peer/sbin"
	prepare_lxd
	prepare_lvm
	prepare_berth
	prepare_bare
	for ((i = 1; i <= rounds; i++)); do
		timed "berth clone" berth clone origin "m$i"
		timed "lxd clone" lxc copy origin "c$i"
		timed "lvm clone" lvcreate -q --config "$no_udev" -s -kn -n "bare$i" lxd/bare-origin
		timed "bare clone" bare_clone "$i"
		timed "berth snapshot" berth snapshot origin "s$i"
		timed "lxd snapshot" lxc snapshot origin "s$i"
		timed "berth restore" berth restore origin "s$i"
		timed "lxd restore" lxc restore origin "s$i"
		timed "berth delete" berth delete "m$i"
		timed "lxd delete" lxc delete "c$i"
		timed "lvm delete" lvremove -q --config "$no_udev" -y "lxd/bare$i"
		timed "bare delete" bare_delete "$i"
	done
	python3 - "$T/times" <<-'PY' | tee "$VM_OUT/peers.txt"
		import collections, statistics, sys
		rows = collections.defaultdict(list)
		for line in open(sys.argv[1]):
		    who, what, time = line.split()
		    rows[what, who].append(int(time) / 10)
		for (what, who), times in sorted(rows.items()):
		    own = statistics.median(rows[what, "berth"])
		    middle = statistics.median(times)
		    print(f"{what:9} {who:6} {middle:8.1f} ms [{min(times):.1f} {max(times):.1f}]  {middle / own:6.2f} x berth")
	PY
	dmsetup remove --noudevsync bare
	lxc delete origin
	lxc image delete peer
	lxc profile device remove default root
	lxc storage delete thin
	# lxd is not ended from a process namespace of its own; the guest ends with it.
	systemctl stop lxd.service lxd.socket 2>/dev/null || true
}

# Flat in the number of volumes and in their size.
case_flat() {
	modprobe -a loop dm-thin-pool
	"$BUILD_TREE/thin_flat" "${PROOF_VOLUMES:-100}" | tee "$VM_OUT/flat.txt"
}

run_cases
