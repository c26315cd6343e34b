#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A thin pool on several disks: added, taken by itself when it fills, moved, missing; and sizes of sectors.
export TEST_SECONDS=${TEST_SECONDS:-900}
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../../lib.sh"

# disk NAME SIZE [SECTOR]: prints the device.
disk() {
	truncate -s "$2" "$T/$1"
	losetup --find --show --sector-size "${3:-512}" "$T/$1"
}

begin() {
	modprobe -a loop dm-thin-pool
	delete_all
	losetup -D
	mkdir -p "$T/tree/etc" "$T/tree/bin"
	cp "$(command -v bash)" "$T/tree/bin/init"
}

import() {
	tar -C "$T/tree" -c . | berth template import --pool p - "$1"
}

end() {
	delete_all
	no_device_is_left
}

# info EXPRESSION: on the JSON of pool p.
info() {
	berth pool info --json p | python3 -c "import json, sys; pool = json.load(sys.stdin)[0]; print(*$1)"
}

# labels DEVICE...: how many of them say that they are a thin pool's.
labels() {
	local device count=0
	for device; do
		if head -c 8192 "$device" | grep -aq "berth thin"; then
			count=$((count + 1))
		fi
	done
	echo "$count"
}

# fill MACHINE: writes files of 4 MiB, each on the disk before the next, until told to stop.
fill() {
	berth exec "$1" -- sh -c 'i=0
		head -c 4194304 /dev/urandom >/piece
		until [ -e /stop ]; do
			i=$((i + 1))
			dd if=/piece of=/f$i bs=1M conv=fsync 2>/dev/null || touch /failed
			echo $i >/written
		done' </dev/null >/dev/null 2>&1 &
}

has_event() {
	grep "\"event\":\"$1\"" "$BERTH_ROOT/run/events" | grep -q "$2"
}

case_another_disk() {
	local one two three four
	begin
	one=$(disk one 192M)
	two=$(disk two 192M)
	three=$(disk three 16M)
	four=$(disk four 256M)
	berth pool create --device "$one" --set volume.size=100M p
	fails 2 "grow.devices.*absolute" berth pool set p grow.devices=sdb
	fails 1 "not a block device" berth pool grow --device /etc/passwd p
	fails 1 "No such file.*lsblk" berth pool grow --device /dev/nothing p
	fails 1 "too small.*at least 128M" berth pool grow --device "$three" p
	fails 1 "very pool" berth pool grow --device "$one" p
	fails 1 "very pool" berth pool grow --force --device "$one" p
	mke2fs -q -t ext4 "$two"
	fails 1 "$two.*ext4.*--force" berth pool grow --device "$two" p
	mount "$two" /mnt
	fails 1 "in use" berth pool grow --force --device "$two" p
	umount /mnt
	import before
	berth pool grow --force --device "$two" p
	fails 1 "disk of the pool already" berth pool grow --device "$two" p
	has "$one $two" "$(berth pool list)"
	same disks "$one $two" "$(info "[d['path'] for d in pool['disks']]")"
	same "more than one has" True "$(info "[pool['total'] > 330 << 20]")"
	# More than the first one has room for.
	head -c 200M /dev/urandom >"$T/tree/big"
	berth pool set p volume.size=300M
	import big
	rm "$T/tree/big"
	same "beyond the first" True "$(info "[pool['used'] > 195 << 20]")"
	same "a sound pool" "catalogue and pool agree" "$(berth pool check p)"
	berth pool repair p >/dev/null
	# Given back by both: a pool's discard goes through to where it lies.
	berth template delete big
	berth pool trim p
	retry 20 sh -c '[ "$(du -m "$1" | cut -f 1)" -lt 60 ] && [ "$(du -m "$2" | cut -f 1)" -lt 60 ]' \
		sh "$T/one" "$T/two"
	# Another pool's.
	fails 1 "in use" berth pool create --device "$two" q
	berth pool detach --all
	no_device_is_left
	fails 1 "is a disk of a thin pool already.*--force" berth pool create --device "$two" q
	berth pool create --device "$four" q
	fails 1 "is a disk of a thin pool already.*--force" berth pool grow --device "$two" q
	berth pool delete q
	# Moved to where another was, and the file of the first has moved as well.
	losetup -d "$one" "$two"
	losetup "$one" "$T/two"
	two=$one
	one=$(losetup --find --show "$T/one")
	has "$one $two" "$(berth pool info p)"
	import after
	berth pool detach p
	# Missing: nothing is attached, and the sentence says which.
	losetup -d "$two"
	fails 1 "disk 2 of 2, which was '$two', is not there.*connect it" berth pool info p
	no_device_is_left
	two=$(losetup --find --show "$T/two")
	same "a sound pool" "catalogue and pool agree" "$(berth pool check p)"
	end
	same labels 0 "$(labels "$one" "$two")"
	berth pool create --device "$two" q
	berth pool delete q
	losetup -D
}

# Three disks are named: one holds something, one does not exist, and one is taken.
case_disks_named_for_it() {
	local one two three
	begin
	one=$(disk one 160M)
	two=$(disk two 160M)
	three=$(disk three 160M)
	mkfs.ext4 -q "$two"
	berth pool create --device "$one" --set volume.size=64M \
		--set grow.devices="$two,/dev/nothing $three" p
	has "grow.devices: '$two' holds something .ext4" "$(berth pool check p)"
	has "grow.devices: open '/dev/nothing'" "$(berth pool check p)"
	berth pool check p >"$T/report" 2>&1
	not grep -E "grow.devices:.*$three" "$T/report"
	busybox_template bb p
	berth pool set p volume.size=600M
	berth launch --pool p --set network= --set disk.size=400M bb m
	fill m
	retry 300 has_event pool-grown "with disk '$three'"
	same "what lies where" "$one $three" "$(info "[d['path'] for d in pool['disks']]")"
	same "what is left" "grow.devices = $two /dev/nothing" \
		"$(grep ^grow.devices "$BERTH_ROOT/lib/pools/p/pool.conf")"
	# The pool fills again, and no disk that is left can be had: one event tells so.
	retry 300 has_event pool-grow-failed "/dev/nothing"
	same "a machine" running "$(field m state | sed s/held/running/)"
	wipefs -qa "$two"
	retry 120 has_event pool-grown "with disk '$two'"
	retry 60 berth exec m touch /stop
	wait
	berth exec m test ! -e /failed
	berth exec m -- sh -c 'for i in $(seq "$(cat /written)"); do
		cmp -s /piece "/f$i" || exit 1
	done'
	berth stop --timeout 20 m
	berth delete m
	end
	same labels 0 "$(labels "$one" "$two" "$three")"
	losetup -D
}

# again DEVICE FILE SECTOR: the same disk, with other sectors; prints the device.
again() {
	losetup -d "$1"
	retry 20 sh -c '! losetup "$1"' sh "$1"
	losetup --find --show --sector-size "$3" "$2"
}

# A machine may write as little as one sector of its pool's disk.
case_disks_with_larger_sectors() {
	local small large
	begin
	small=$(disk small 256M)
	large=$(disk large 256M 4096)
	berth pool create --device "$small" p
	fails 1 "sectors of 4096 bytes, but file systems in the pool.*write 512.*second pool" berth pool grow --device "$large" p
	import one
	# Its file systems bear it when the whole pool moves to such a disk; then the other may join.
	berth pool detach p
	small=$(again "$small" "$T/small" 4096)
	import two
	berth pool trim p >"$T/report" 2>&1
	not grep -E "^volume" "$T/report"
	berth pool grow --device "$large" p
	end
	# The other way round nobody is surprised.
	small=$(again "$small" "$T/small" 512)
	berth pool create --device "$large" p
	import one
	berth pool grow --device "$small" p
	same sectors "4096 512" "$(info "[d['sector_size'] for d in pool['disks']]")"
	import two
	end
	losetup -D
}

case_file_systems_with_smaller_sectors() {
	local device pool id
	begin
	device=$(disk old 512M)
	berth pool create --device "$device" --filesystem xfs --set volume.size=300M p
	import one
	import two
	# A file system with other sectors, as somebody else may make it: berth makes them for 4096.
	pool=$(dmsetup ls | awk '/[.]p[.]pool/ { print $1 }')
	pool=$(dmsetup info -c --noheadings --separator : -o major,minor "$pool")
	id=$(sqlite3 "$BERTH_ROOT/lib/pools/p/catalog.db" "SELECT id FROM volume WHERE name = 'template.one'")
	dmsetup create old --table "0 614400 thin $pool $id"
	mkfs.xfs -q -f -K -s size=512 "/dev/$(dmsetup info -c --noheadings -o blkdevname old)"
	dmsetup remove --retry old
	berth pool trim p >"$T/report" 2>&1
	not grep -E "^volume" "$T/report"
	berth pool detach p
	device=$(again "$device" "$T/old" 4096)
	berth pool trim p >"$T/report"
	has "'template.one'.*writes 512 bytes at a time.*sectors of 4096; move the pool back" "$(cat "$T/report")"
	not grep -E "template.two" "$T/report"
	end
	losetup -D
}

case_loop_file_on_large_sectors() {
	local below
	begin
	below=$(disk below 512M 4096)
	mkfs.ext4 -q "$below"
	mount "$below" /mnt
	berth pool create --driver thin --source /mnt/pool.thin --size 256M --sparse p
	has " *1 +4096" "$(losetup --noheadings --list --output BACK-FILE,DIO,LOG-SEC | grep pool.thin)"
	import one
	berth pool grow --size 300M p
	end
	umount /mnt
	losetup -D
}

# At the host's boot a disk may come after us.
case_disk_comes_late() {
	local disk
	begin
	disk=$(disk late 260M)
	dmsetup create late --table "0 524288 linear $disk 2048"
	berth pool create --driver thin --device /dev/mapper/late p
	busybox_template bb p
	berth create --pool p --set network= bb m
	berth set m boot.autostart=yes
	berth pool detach p
	dmsetup remove --retry late
	berth autostart 2>"$T/told" &
	retry 90 test -s "$T/told"
	has "^berth: machine 'm' did not start: .*is not there.*tried again" "$(cat "$T/told")"
	not state_is m running
	dmsetup create late --table "0 524288 linear $disk 2048"
	wait $!
	same state running "$(field m state)"
	berth stop --force m
	delete_all
	dmsetup remove --retry late
	losetup -d "$disk"
}

# The manual's examples for a pool "machines", on disks of these names.
case_examples() {
	local command
	begin
	mkdir -p /dev/vg0 /dev/disk/by-id
	ln -s "$(disk volume 256M)" /dev/vg0/berth
	ln -s "$(disk first 256M)" /dev/disk/by-id/wwn-1
	ln -s "$(disk second 256M)" /dev/disk/by-id/wwn-2
	page_commands berth-storage.7 | grep ' machines\( \|$\)' >"$T/commands"
	while read -r command; do
		eval "$command" </dev/null
	done <"$T/commands"
	same disks 2 "$(berth pool status --json machines | python3 -c "import json, sys; print(len(json.load(sys.stdin)[0]['disks']))")"
	end
	rm -r /dev/vg0 /dev/disk/by-id/wwn-1 /dev/disk/by-id/wwn-2
	losetup -D
}

run_cases
