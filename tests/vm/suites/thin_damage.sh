#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Damage of thin pools: metadata, catalogue, a volume, a disk that fails; how it is reported, and how it is repaired.
# seconds: 3600
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/vm/pool.sh
. "$(dirname "$0")/../pool.sh"

case_superblock_gone() {
	begin super
	berth pool detach g
	dd if=/dev/zero of="$pools/g/pool.thin" bs=4096 seek="$(metadata_block)" count=1 conv=notrunc status=none
	fails "overwritten with zeros.*pool repair g" berth pool status g
	silent "nothing attached" device pool
	berth pool repair g >"$T/report"
	has "found: .*zeros" "$(cat "$T/report")"
	has "superblock of its metadata had been written over: written back" "$(cat "$T/report")"
	has "metadata is sound" "$(cat "$T/report")"
	not grep -E "errors" "$T/report"
	[[ -s $pools/g/metadata.backup ]]
	agree
	berth create --pool g --set network= one m
	berth delete m
	import two
	# Random bytes rather than zeros.
	berth pool detach g
	dd if=/dev/urandom of="$pools/g/pool.thin" bs=4096 seek="$(metadata_block)" count=1 conv=notrunc status=none
	fails "beginning of its metadata has been overwritten.*pool repair g" berth pool status g
	has "metadata is sound" "$(berth pool repair g)"
	agree
	# A kernel has had it since: the copy is not taken for the truth.
	cp "$pools/g/pool.thin" "$T/attached"
	berth pool detach g
	cp "$T/attached" "$pools/g/pool.thin"
	dd if=/dev/zero of="$pools/g/pool.thin" bs=4096 seek="$(metadata_block)" count=1 conv=notrunc status=none
	sqlite3 "$pools/g/catalog.db" "UPDATE note SET value = 0 WHERE name = 'step'"
	if berth pool repair g >"$T/report" 2>"$T/err"; then
		has "repaired copy" "$(cat "$T/report")"
		agree
	else
		# thin_repair before 1.0 crashes on what a kernel has written: that is told, and nothing changed.
		has "SIGSEGV.*install thin-provisioning-tools 1.0" "$(cat "$T/err")"
		[[ $(thin_repair -V) == 0.* && -s $pools/g/metadata.backup ]]
		silent "nothing attached" device pool
	fi
	end
}

# The leaves of the mapping trees of all volumes, by the metadata itself: prints their blocks.
leaves() {
	python3 - "$pools/g/pool.thin" "$(metadata_block)" <<-'PYTHON'
		import struct, sys
		with open(sys.argv[1], "rb") as disk:
		    disk.seek(int(sys.argv[2]) * 4096)
		    blocks = disk.read(8 << 20)
		def node(n):
		    return struct.unpack_from("<IIQIIII", blocks, n * 4096)
		def walk(n, depth):
		    _, flags, where, entries, room, size, _ = node(n)
		    assert where == n and flags in (1, 2), (n, flags)
		    values = struct.unpack_from(f"<{entries}Q", blocks, n * 4096 + 32 + room * 8)
		    for value in values:
		        if flags == 1 or depth == 0:
		            walk(value, depth + (flags == 2))
		    if depth == 1 and flags == 2:
		        print(n)
		walk(struct.unpack_from("<Q", blocks, 320)[0], 0)
	PYTHON
}

# An attach does not notice this, because the kernel reads the node only when it is used.
case_node_gone() {
	local block
	begin node
	import two
	berth pool detach g
	cp --sparse=always "$pools/g/pool.thin" "$T/whole"
	cp "$pools/g/catalog.db" "$T/whole.db"
	block=$(leaves | tail -n 1)
	dd if=/dev/zero of="$pools/g/pool.thin" bs=4096 seek="$(($(metadata_block) + block))" count=1 conv=notrunc status=none
	has "metadata is damaged: .*(bad checksum|missing mappings).*pool repair g" "$(berth pool check g)"
	berth pool repair g >"$T/report"
	cat "$T/report"
	has "found: its metadata is damaged" "$(cat "$T/report")"
	has "repaired copy" "$(cat "$T/report")"
	# One call was enough, also for a pool that needs a check by now.
	berth pool check g >"$T/report" 2>&1
	not grep -E "damaged" "$T/report"
	same state read-write "$(state state)"
	has "takes it as it is" "$(berth pool repair g)"
	end
}

# The doubt survives the command that was to check. Only sound volumes are called sound, and volumes in use are left
# out.
case_doubt() {
	begin doubt
	import two
	berth create --pool g --set network= one m
	sqlite3 "$pools/g/catalog.db" "INSERT OR REPLACE INTO note VALUES('doubt', 2)"
	has "not all of its file systems have been found sound.*pool repair g" "$(berth pool status g 2>&1)"
	mkdir -p "$T/mnt"
	mount "$(activate machine.m)" "$T/mnt"
	berth pool repair g >"$T/report"
	cat "$T/report"
	not grep -E "errors|decision|mended" "$T/report"
	has "'machine.m' is in use, and was not checked" "$(cat "$T/report")"
	has "not all of its file systems" "$(berth pool status g 2>&1)"
	umount "$T/mnt"
	berth pool repair g >"$T/report"
	cat "$T/report"
	not grep -E "errors|decision|mended|in use" "$T/report"
	has "[34] file systems checked" "$(cat "$T/report")"
	berth pool status g >"$T/report" 2>&1
	not grep -E "not all of its file systems" "$T/report"
	berth pool repair g >"$T/report" 2>&1
	not grep -E "file systems? checked" "$T/report"
	berth delete m
	agree
	end
}

case_metadata_damaged() {
	begin damaged
	berth pool detach g
	# All blocks but the superblock's copies of what it points to.
	dd if=/dev/urandom of="$pools/g/pool.thin" bs=4096 seek="$(($(metadata_block) + 1))" count=2000 conv=notrunc status=none
	fails "pool repair g" berth pool status g
	berth pool repair g | tee "$T/report"
	# Nothing that maps its blocks was left, and the report says so.
	has "'template.one' is lost" "$(cat "$T/report")"
	fails "no longer has it" berth create --pool g --set network= one m
	berth template delete one
	import two
	end
}

case_needs_check() {
	begin flag
	berth pool detach g
	# The flag as the kernel sets it: bit 0 of the superblock's flags, and its checksum.
	dd if="$pools/g/pool.thin" of="$T/meta" bs=4096 skip="$(metadata_block)" count=2048 status=none
	thin_dump "$T/meta" >"$T/dump"
	grep -m 1 'flags="0"' "$T/dump"
	sed -i '1s/flags="0"/flags="1"/' "$T/dump"
	thin_restore -q -i "$T/dump" -o "$T/meta"
	dd if="$T/meta" of="$pools/g/pool.thin" bs=4096 seek="$(metadata_block)" count=2048 conv=notrunc status=none
	same state "needs repair" "$(state state)"
	fails "must be checked.*pool repair g" berth pool check g
	fails "must be checked.*pool repair g" berth template delete one
	fails "must be checked.*pool repair g" berth pool grow --size 1G g
	berth pool repair g | tee "$T/report"
	has "metadata is sound" "$(cat "$T/report")"
	has "file systems? checked" "$(cat "$T/report")"
	agree
	import two
	end
}

case_failing_disk() {
	local disk table
	disk=$(readlink -f /dev/disk/by-id/virtio-scratch2)
	begin_root failing
	modprobe -a dm-flakey
	table="0 $(blockdev --getsz "$disk") flakey $disk 0"
	dmsetup create disk --table "$table 60 0"
	berth pool create --device /dev/mapper/disk g
	import one
	dmsetup load disk --table "$table 0 60 1 error_writes"
	dmsetup suspend --noflush --nolockfs disk
	dmsetup resume disk
	fails "repair|Input/output|error" import two
	berth pool status g || true
	fails "pool repair g" berth pool check g
	# While it fails, repairing says so as well.
	berth pool repair g && fault "repaired on a disk that fails"
	dmsetup load disk --table "$table 60 0"
	dmsetup suspend --noflush --nolockfs disk
	dmsetup resume disk
	berth pool repair g | tee "$T/report"
	agree
	has "file systems? checked" "$(cat "$T/report")"
	import two
	berth template list
	berth pool delete --force g
	retry 10 dmsetup remove disk
}

case_catalogue() {
	local id backup before
	begin catalog
	id=$(id_of template.one)
	# The copy on its disk gives all volumes their names again.
	retry 60 grep -aq "template.one" "$pools/g/pool.thin"
	berth pool check g
	berth pool detach g
	mv "$pools/g/catalog.db" "$T/good.db"
	fails "missing.*pool repair" berth pool check g
	has "catalogue was missing: .* with the names that a copy on its disk had" "$(berth pool repair g)"
	same "the same id" "$id" "$(id_of template.one)"
	agree
	berth pool detach g
	rm "$pools/g/catalog.db"*
	backup=$(sed -n 's/^books \([0-9]*\)+.*/\1/p' "$pools/g/pool.thin" | head -n 1)
	dd if=/dev/zero of="$pools/g/pool.thin" bs=512 seek="$backup" count=2048 conv=notrunc status=none
	berth pool repair g | tee "$T/report"
	has "catalogue was missing" "$(cat "$T/report")"
	has "id $id .ext4, 23[0-9] MiB, of host 'host-catalog'. has no owner" "$(cat "$T/report")"
	has "lost volumes and [1-9] without an owner" "$(berth pool status g 2>&1)"
	# The volume is looked at, and not a byte of it changes.
	before=$(sum_of "$id")
	has "of host 'host-catalog'" "$(berth pool check g)"
	same "what is nobody's" "$before" "$(sum_of "$id")"
	fails "no id 77" berth pool adopt g 77 template.one
	berth pool adopt g "$id" template.one
	# The pool's reserve, which nobody would want back.
	berth pool check --reclaim g
	agree
	berth template list
	# Rubbish in place of a database; one of a later version; another pool's.
	berth pool detach g
	# Its log has all of its pages again.
	rm -f "$pools/g/catalog.db-wal"
	printf 'rubbish%.0s' {1..1000} >"$pools/g/catalog.db"
	fails "damaged.*pool repair" berth pool check g
	has "catalogue was damaged: .* names that a copy" "$(berth pool repair g)"
	[[ -e $pools/g/catalog.db.damaged ]]
	sqlite3 "$pools/g/catalog.db" "PRAGMA user_version = 9"
	fails "version 9" berth pool check g
	fails "version 9" berth pool repair g
	sqlite3 "$pools/g/catalog.db" "PRAGMA user_version = 1; UPDATE pool SET uuid = 'x'"
	fails "another pool's" berth pool check g
	sqlite3 "$pools/g/catalog.db" "UPDATE pool SET uuid = '$(sed -n 's/^uuid = //p' "$pools/g/pool.conf")'"
	agree
	end
}

# One bad volume does not stop the others.
case_one_lost() {
	begin lost
	import two
	dmsetup message "$(device pool)" 0 "delete $(id_of template.one)"
	has "'template.one' is lost" "$(berth pool check g)"
	fails "no longer has it" berth create --pool g --set network= one m
	berth create --pool g --set network= two m
	berth delete m
	import three
	berth template delete one two three
	agree
	end
}

# hold_snapshot FILE BLOCK: the superblock there says that the metadata have a snapshot, though nothing is counted for
# one: as the kernel writes it a moment before it has counted.
hold_snapshot() {
	python3 - "$1" "$2" <<-'END'
		import struct, sys
		with open(sys.argv[1], "r+b") as disk:
		    disk.seek(4096 * int(sys.argv[2]))
		    block = bytearray(disk.read(4096))
		    block[56:64] = struct.pack("<Q", 1)
		    crc = 0xffffffff
		    for byte in block[4:]:
		        crc ^= byte
		        for _ in range(8):
		            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
		    block[:4] = struct.pack("<I", crc ^ 160774)
		    disk.seek(4096 * int(sys.argv[2]))
		    disk.write(block)
	END
}

# The power has gone in the moment in which a check made a snapshot: to release that would free what is in use.
case_half_a_snapshot() {
	begin held
	berth pool detach g
	hold_snapshot "$pools/g/pool.thin" "$(metadata_block)"
	fails "snapshot of its metadata that is damaged.*pool repair g" berth pool check g
	silent "nothing attached" device pool
	berth pool repair g | tee "$T/report"
	agree
	import two
	agree
	has one "$(berth template list)"
	end
}

case_transaction() {
	begin number
	sqlite3 "$pools/g/catalog.db" "UPDATE pool SET tid = tid + 5"
	fails "should be.*pool check g" import two
	same state "refuses changes" "$(state state)"
	has "takes no changes: its transaction number" "$(berth pool status g 2>&1)"
	has "of an earlier time, and so may be" "$(berth pool check g)"
	import two
	sqlite3 "$pools/g/catalog.db" "UPDATE pool SET tid = 0"
	has "somebody else wrote" "$(berth pool check g)"
	agree
	end
}

run_cases
