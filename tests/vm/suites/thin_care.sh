#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Damage of thin pools: how it is reported, and how it is repaired; and the maintenance of a sound pool.
# seconds: 3600
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"
BERTH_TEMPLATES=$(realpath "$(dirname "$0")/../../../templates")
export BERTH_TEMPLATES
# shellcheck source=tests/tag.sh
. "$(dirname "$0")/../../tag.sh"

# A new pool g of 256M in a root of its own; volumes are made by a template's import.
begin() {
	clear
	export BERTH_ROOT=$T/$1 PATH=$BUILD_TREE:$PATH BERTH_LIBEXEC=$BUILD_TREE/libexec
	pools=$BERTH_ROOT/lib/pools
	mkdir -p "$T/tree/etc" "$T/tree/bin"
	echo "host-$1" >"$T/tree/etc/hostname"
	cp "$(command -v bash)" "$T/tree/bin/init"
	berth pool create --driver thin --size 256M "${@:2}" g
	import one
}

# Removes the state of failed cases.
clear() {
	modprobe -a loop dm-thin-pool
	umount -q /var/tmp/suite.*/mnt 2>/dev/null || true
	retry 20 sh -c 'dmsetup remove_all; ! dmsetup ls | grep -q "("'
	losetup -D
}

import() {
	tar -C "$T/tree" -c . | berth template import --pool g - "$1"
}

end() {
	berth pool delete --force g
	no_device_is_left
}

# fails PATTERN COMMAND...
fails() {
	local pattern=$1
	shift
	not "$@" 2>"$T/err" || return
	has "$pattern" "$(cat "$T/err")"
}

state() {
	berth pool info --json g | python3 -c "import json, sys; print(json.load(sys.stdin)[0]['$1'])"
}

# id_of VOLUME: of its thin device.
id_of() {
	sqlite3 "$pools/g/catalog.db" "SELECT id FROM volume WHERE name = '$1'"
}

device() {
	dmsetup ls | awk -v part="^berth-$(tag_of "$BERTH_ROOT")[.]g[.]$1\$" '$1 ~ part { print $1 }'
}

# metadata_block: prints the place of the metadata, in blocks of 4096 bytes.
metadata_block() {
	sed -n 's/^metadata \([0-9]*\)+.*/\1/p' "$pools/g/pool.thin" | awk 'NR == 1 { print $1 / 8 }'
}

agree() {
	same "a sound pool" "catalogue and pool agree" "$(berth pool check g)"
}

# sum_of ID: of what a volume holds, by a device of our own.
sum_of() {
	dmsetup create look --table "0 409600 thin /dev/mapper/$(device pool) $1"
	md5sum </dev/mapper/look
	dmsetup remove --retry look
}

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
	local pool
	begin doubt
	import two
	berth create --pool g --set network= one m
	sqlite3 "$pools/g/catalog.db" "INSERT OR REPLACE INTO note VALUES('doubt', 2)"
	has "not all of its file systems have been found sound.*pool repair g" "$(berth pool status g 2>&1)"
	pool="berth-$(tag_of "$BERTH_ROOT").g"
	dmsetup create "$pool.v$(id_of machine.m)" -u "BERTH-$(sed -n 's/^uuid = //p' "$pools/g/pool.conf")-v$(id_of machine.m)" \
		--table "0 $((10 << 21)) thin /dev/mapper/$pool.pool $(id_of machine.m)"
	mkdir -p "$T/mnt"
	mount "/dev/mapper/$pool.v$(id_of machine.m)" "$T/mnt"
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
	clear
	modprobe -a dm-flakey
	export BERTH_ROOT=$T/failing PATH=$BUILD_TREE:$PATH BERTH_LIBEXEC=$BUILD_TREE/libexec
	table="0 $(blockdev --getsz "$disk") flakey $disk 0"
	dmsetup create disk --table "$table 60 0"
	berth pool create --device /dev/mapper/disk g
	mkdir -p "$T/tree/etc"
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

# nearly_full FILE FREE: gives the metadata in that file a volume 1000 that maps the last 64 blocks of the pool again and
# again, so that about FREE blocks of metadata are left. The kernel would take an hour to make so many.
nearly_full() {
	thin_dump "$1" | python3 -IS -c '
import re, sys
volumes = sys.stdin.read()
blocks = int(re.search("nr_data_blocks=\"([0-9]+)\"", volumes)[1])
free, total = int(sys.argv[1]), int(sys.argv[2])
# thin_restore puts 126 mappings into a leaf; a hundredth is for the nodes above them.
count = int((total - free) * 126 * 0.99) // 64
sys.stdout.write(volumes.replace("</superblock>", ""))
print(f"<device dev_id=\"1000\" mapped_blocks=\"{count * 64}\" transaction=\"0\" creation_time=\"0\" snap_time=\"0\">")
for i in range(count):
    print(f"<range_mapping origin_begin=\"{i * 64}\" data_begin=\"{blocks - 64}\" length=\"64\" time=\"0\"/>")
print("</device></superblock>")' "$2" "$(($(stat -c %s "$1") / 4096))" >"$T/dump"
	thin_restore -q -i "$T/dump" -o "$1"
}

# Until there is no room for more metadata: what is said then, and how it goes on. The kernel keeps a tenth of it.
case_metadata_full() {
	local i pool
	begin full
	berth pool detach g
	dd if="$pools/g/pool.thin" of="$T/meta" bs=4096 skip="$(metadata_block)" count=2048 status=none
	nearly_full "$T/meta" 260
	dd if="$T/meta" of="$pools/g/pool.thin" bs=4096 seek="$(metadata_block)" count=2048 conv=notrunc status=none
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
	clear
	export BERTH_ROOT=$T/moved PATH=$BUILD_TREE:$PATH BERTH_LIBEXEC=$BUILD_TREE/libexec
	mkdir -p "$T/tree/etc"
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

# A member of an array, while that is not there: nothing is written to it, pool.conf stays, and it waits.
case_part_of_an_array() {
	local one two array
	clear
	modprobe -a dm-raid raid1 dm-mirror 2>/dev/null || skip "no raid1 in device-mapper here"
	export BERTH_ROOT=$T/array PATH=$BUILD_TREE:$PATH BERTH_LIBEXEC=$BUILD_TREE/libexec
	mkdir -p "$T/tree/etc"
	for name in one two; do
		truncate -s 256M "$T/$name"
	done
	one=$(losetup --find --show "$T/one")
	two=$(losetup --find --show "$T/two")
	array="0 524288 mirror core 2 131072 nosync 2 $one 0 $two 0"
	dmsetup create array --table "$array"
	berth pool create --device /dev/mapper/array g
	import one
	berth pool detach g
	retry 10 dmsetup remove array
	fails "lay on a device of device-mapper's, of which this .loop. may be a part" berth pool status g
	has "source = /dev/mapper/array" "$(cat "$BERTH_ROOT/lib/pools/g/pool.conf")"
	# The array comes up a moment later.
	(
		sleep 2
		dmsetup create array --table "$array"
	) &
	agree
	wait
	berth pool delete --force g
	retry 10 dmsetup remove array
	losetup -d "$one" "$two"
}

# A kernel without the target; the module is away for as long as this takes.
case_no_thin() {
	export BERTH_ROOT=$T/none PATH=$BUILD_TREE:$PATH
	clear
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
