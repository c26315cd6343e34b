#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Maintenance of sound thin pools: their sizes, their ids, trims, and disks that are moved, renamed or written over.
# seconds: 3600
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/vm/pool.sh
. "$(dirname "$0")/../pool.sh"
# shellcheck source=tests/vm/metadata.sh
. "$(dirname "$0")/../metadata.sh"

case_sound() {
	begin sound
	has "takes it as it is" "$(berth pool repair g)"
	same state read-write "$(state state)"
	same filesystem ext4 "$(state filesystem)"
	(($(state metadata_total) >= 8 << 20 && $(state promised) > 0))
	has "METADATA.*PROMISED.*STATE" "$(berth pool status)"
	fails "no catalogue" sh -c "berth pool create --driver dir d && berth pool repair d"
	fails "file system that .* is on; enlarge that" berth pool grow --size 1G d
	end
}

# Ids have 24 bits: when all were used they are used again, but for those that the pool has.
case_ids_go_round() {
	local id
	begin ids
	id=$(id_of template.one)
	sqlite3 "$pools/g/catalog.db" "UPDATE pool SET next_id = 16777215 + $id"
	import two
	(($(id_of template.two) != id))
	import three
	berth template delete two
	import two
	agree
	# One that nobody knows any more is found before its id is drawn, and stays.
	sqlite3 "$pools/g/catalog.db" "DELETE FROM volume WHERE id = $id; UPDATE pool SET next_id = 16777215 + $id"
	import four
	(($(id_of template.four) != id))
	has "id $id .*of host 'host-ids'. has no owner" "$(berth pool check g)"
	berth pool adopt g "$id" template.one
	agree
	# Not all ids that were ever drawn are looked at, one by one, if there is no list of thin_ls.
	mount --bind /dev/null "$(command -v thin_ls)"
	SECONDS=0
	berth pool check g | tee "$T/report"
	umount "$(command -v thin_ls)"
	has "catalogue and pool agree" "$(cat "$T/report")"
	has "1024 ids drawn last" "$(cat "$T/report")"
	((SECONDS < 300))
	end
}

case_loop_file() {
	begin file
	berth pool detach g
	mv "$pools/g/pool.thin" "$T/pool.thin"
	fails "is gone" berth pool status g
	mv "$T/pool.thin" "$pools/g/pool.thin"
	cp --sparse=always "$pools/g/pool.thin" "$T/pool.thin"
	truncate -s 100M "$pools/g/pool.thin"
	fails "cut off" berth pool status g
	fails "cut off" berth pool repair g
	mv "$T/pool.thin" "$pools/g/pool.thin"
	agree
	# The label, and its second one.
	berth pool detach g
	dd if=/dev/urandom of="$pools/g/pool.thin" bs=4096 seek=0 count=1 conv=notrunc status=none
	agree
	# A partition table at both ends; all of the head; all but the copy in the pool's folder.
	for bytes in 17408 1048576; do
		berth pool detach g
		dd if=/dev/zero of="$pools/g/pool.thin" bs="$bytes" count=1 conv=notrunc status=none
		dd if=/dev/zero of="$pools/g/pool.thin" bs=17408 count=1 seek="$(((256 << 20) - 17408))" oflag=seek_bytes conv=notrunc status=none
		truncate -s 256M "$pools/g/pool.thin"
		fails "written over the pool's label.*pool repair g" berth pool status g
		has "label of .* had been written over: written back from a copy on the disk" "$(berth pool repair g)"
		agree
	done
	berth pool detach g
	dd if=/dev/zero of="$pools/g/pool.thin" bs=1M count=1 conv=notrunc status=none
	dd if=/dev/zero of="$pools/g/pool.thin" bs=1M count=1 seek=255 conv=notrunc status=none
	has "written back from the copy in the pool's folder" "$(berth pool repair g)"
	agree
	berth create --pool g --set network= one m
	berth delete m
	# The pool's file was moved by somebody.
	berth pool detach g
	mv "$pools/g/pool.thin" "$T/elsewhere.thin"
	fails "is gone; put it back, or say where it is now: berth pool import PATH g" berth pool status g
	fails "not an absolute path" berth pool import elsewhere.thin g
	fails "no thin pool" berth pool import "$T/tree/bin/init" g
	berth pool create --driver thin --size 256M h
	fails "holds pool 'g', not 'h'" berth pool import "$T/elsewhere.thin" h
	berth pool delete h
	has "pool 'g' is on '$T/elsewhere.thin'" "$(berth pool import "$T/elsewhere.thin")"
	agree
	berth create --pool g --set network= one m
	berth delete m
	end
	rm -f "$T/elsewhere.thin"
}

case_grow_metadata() {
	local before
	begin more
	before=$(state metadata_total)
	fails "15.875" berth pool grow --metadata 16G g
	fails "smaller" berth pool grow --metadata 1M g
	berth pool grow --metadata 20M g
	(($(state metadata_total) >= 20 << 20 && before < 20 << 20))
	berth pool grow --size 1G g
	agree
	berth pool detach g
	agree
	(($(state metadata_total) >= 20 << 20))
	import two
	end
}

# Until there is no room for more metadata: what is said then, and how it goes on. The kernel keeps a tenth of it.
case_metadata_full() {
	local i pool
	begin full
	berth pool detach g
	fill_metadata "$pools/g/pool.thin" 260
	berth pool status g
	pool=$(device pool)
	dmsetup status "$pool"
	# Volumes that are made of single blocks take the most.
	dmsetup message "$pool" 0 "create_thin 1001"
	dmsetup create berth-vm-f --table "0 4194304 thin /dev/mapper/$pool 1001"
	for ((i = 0; i < 100; i++)); do
		dmsetup message "$pool" 0 "create_snap $((2000 + i)) 1001" 2>/dev/null || break
		dd if=/dev/urandom of=/dev/mapper/berth-vm-f bs=4096 count=1 seek=$((i * 7919 % 500000)) oflag=direct status=none 2>/dev/null || break
	done
	echo "full after $i snapshots: $(dmsetup status "$pool")"
	((i < 100))
	retry 10 dmsetup remove berth-vm-f
	if [[ $(dmsetup status "$pool") == *" ro "* ]]; then
		fails "metadata is full.*--metadata" import two
	else
		fails "metadata is full" import two
	fi
	berth pool grow --metadata 64M g
	has " rw " "$(dmsetup status "$pool")"
	berth pool check --reclaim g | tail -n 3
	agree
	import two
	end
}

case_trim() {
	local used file
	begin trim --sparse
	berth create --pool g --set network= one m
	file=$pools/g/pool.thin
	used=$(state used)
	# A file is made and deleted, as by a guest.
	device=$(dmsetup ls | awk '/[.]g[.]v/ { print $1 }')
	same "no volume active" "" "$device"
	berth set m disk.size=12G
	"$BUILD_TREE/berth" pool check g
	dmsetup create berth-vm-t --table "0 $((12 << 21)) thin /dev/mapper/$(device pool) $(id_of machine.m)"
	mkdir -p "$T/mnt"
	# The option is that of berth: without it the kernel fills inode tables meanwhile.
	mount -o noinit_itable /dev/mapper/berth-vm-t "$T/mnt"
	dd if=/dev/urandom of="$T/mnt/big" bs=1M count=64 conv=fsync status=none
	rm "$T/mnt/big"
	umount "$T/mnt"
	dmsetup remove berth-vm-t
	(($(state used) > used + (60 << 20)))
	blocks=$(stat -c %b "$file")
	has "given back" "$(berth pool trim g)"
	(($(state used) < used + (16 << 20)))
	(($(stat -c %b "$file") < blocks - (50 << 11)))
	# Deleting gives back too.
	used=$(state used)
	import two
	berth template delete two
	(($(state used) <= used + (1 << 20)))
	berth delete m
	agree
	end
}

case_size() {
	begin size
	berth create --pool g --set network= --set disk.size=1G one m
	has "1073741824" "$(berth info --json m)"
	fails "cannot be made smaller" berth set m disk.size=100M
	berth set m disk.size=2G
	berth snapshot m before
	berth set m disk.size=3G
	berth restore m before
	has "3221225472" "$(berth info --json m)"
	berth clone m m2
	has "3221225472" "$(berth info --json m2)"
	fails "cannot be made smaller" berth create --pool g --set network= --set disk.size=64M one m3
	not berth info m3
	berth pool create --driver dir d
	tar -C "$T/tree" -c . | berth template import --pool d - plain
	fails "a size needs project quotas" berth create --pool d --set network= --set disk.size=1G plain m4
	berth delete m m2
	agree
	end
}

case_xfs() {
	begin xfs --filesystem xfs --size 1G
	same filesystem xfs "$(state filesystem)"
	berth create --pool g --set network= --set disk.size=2G one m
	berth clone m m2
	berth clone m2 m3
	berth snapshot m before
	berth restore m before
	berth delete m m2 m3
	berth template delete one
	berth pool repair g
	agree
	fails "ext4 or xfs" berth pool create --filesystem zfs h
	end
}

# The disk comes up under another name; two that claim to be it; another root with the same pool.
case_moved() {
	local disk other
	begin_root moved
	truncate -s 512M "$T/disk"
	disk=$(losetup --find --show "$T/disk")
	berth pool create --device "$disk" g
	import one
	cp -r "$BERTH_ROOT" "$T/copied"
	fails "another installation.*detach" env BERTH_ROOT="$T/copied" "$BUILD_TREE/berth" pool status g
	berth pool detach g
	losetup -d "$disk"
	fails "no other has its label" berth pool status g
	truncate -s 512M "$T/other"
	other=$(losetup --find --show "$T/other")
	same "another disk is where it was" "$disk" "$other"
	disk=$(losetup --find --show "$T/disk")
	berth pool status g
	has "source = $disk" "$(cat "$BERTH_ROOT/lib/pools/g/pool.conf")"
	agree
	berth pool detach g
	losetup -d "$other" "$disk"
	cp --sparse=always "$T/disk" "$T/other"
	disk=$(losetup --find --show "$T/disk")
	other=$(losetup --find --show "$T/other")
	sed -i 's|^source = .*|source = /dev/nowhere|' "$BERTH_ROOT/lib/pools/g/pool.conf"
	fails "both '/dev/loop" berth pool status g
	# Whatever pool.conf says; and which is the older one, once the other has been used.
	losetup -d "$other"
	agree
	berth pool detach g
	other=$(losetup --find --show "$T/other")
	fails "'$other' is a copy of an earlier time" berth pool status g
	losetup -d "$disk" "$other"
	# Alone, and at the disk's own name.
	other=$(losetup --find --show "$T/other")
	same "the disk's name" "$disk" "$other"
	fails "copy of its disk, of an earlier time" berth pool status g
	fails "copy of its disk, of an earlier time" berth pool repair g
	losetup -d "$other"
	disk=$(losetup --find --show "$T/disk")
	agree
	# Only the copy is left.
	berth pool detach g
	losetup -d "$disk"
	other=$(losetup --find --show "$T/other")
	fails "copy of its disk" berth pool import "$other" g
	has "pool 'g' is on '$other'" "$(berth pool import --force "$other" g)"
	agree
	# Another host's. It was not detached there, or it was.
	echo 0123456789abcdef0123456789abcdef >"$T/machine-id"
	mount --bind "$T/machine-id" /etc/machine-id
	retry 20 sh -c 'dmsetup remove_all; ! dmsetup ls | grep -q "("'
	fails "host '$(hostname)' has it attached; detach it there.*import --force" berth pool status g
	umount /etc/machine-id
	agree
	berth pool detach g
	mount --bind "$T/machine-id" /etc/machine-id
	agree
	berth pool detach g
	umount /etc/machine-id
	agree
	berth pool delete --force g
	same "labels that are left" 0 "$(grep -ac "berth thin" "$T/other")"
	losetup -d "$other"
}

# A program that has just ended, such as an import's, may hold a volume's device a moment longer.
case_detached_at_once() {
	local path
	begin busy
	berth create --pool g --set network= one m
	path=$(activate machine.m)
	exec 5<"$path"
	sleep 2 &
	exec 5<&-
	berth pool detach g
	wait
	silent "nothing attached" device pool
	# What stays is named.
	berth pool status g
	path=$(activate machine.m)
	mkdir -p "$T/mnt"
	mount "$path" "$T/mnt"
	fails "volume 'machine.m' is in use: .*'$T/mnt'" berth pool detach g
	umount "$T/mnt"
	berth pool detach g
	berth delete m
	end
}

# A kernel without the target; the module is away for as long as this takes.
case_no_thin() {
	begin_root none
	retry 20 modprobe -r dm-thin-pool
	echo "install dm-thin-pool /bin/false" >/run/modprobe.d/none.conf 2>/dev/null ||
		{ mkdir -p /run/modprobe.d && echo "install dm-thin-pool /bin/false" >/run/modprobe.d/none.conf; }
	fails "no device-mapper target 'thin-pool'" berth pool create --driver thin --size 256M g
	[[ ! -e $BERTH_ROOT/lib/pools/g ]]
	has "new pools.*(btrfs|dir)" "$(berth doctor 2>/dev/null || true)"
	rm /run/modprobe.d/none.conf
	has "new pools.*thin" "$(berth doctor 2>/dev/null || true)"
}

run_cases
