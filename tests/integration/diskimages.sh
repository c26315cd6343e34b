#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Templates from images of disks: raw and qcow2, with partitions and without, and images that are crafted or damaged.
# The reference is what the kernel sees in an image that the test itself has made.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/roots.sh
. "$top/tests/roots.sh"

tree() {
	"$top/tests/integration/tree.py" --without-devices "$1" | grep -v "^b'./lost+found'"
}

set_up() {
	berth pool create default --driver dir
}

# refused TEXT IMAGE: the import says so in one sentence, and leaves nothing.
refused() {
	fails 1 "$1" berth template import "$2" bad
	no_volumes
}

# ext4 IMAGE [OPTION...]: an image with a root that has objects of each kind that is kept; its tree in IMAGE.tree.
ext4() {
	local name i
	truncate -s 96M "$1"
	mkfs.ext4 -q -b 4096 "${@:2}" "$1"
	mkdir -p "$T/mounted"
	mount -o loop "$1" "$T/mounted"
	objects_in "$T/mounted"
	(cd "$T/mounted" && mkdir usr many && dd if=/dev/urandom of=large bs=1M count=9 status=none && mknod node c 1 3 &&
		: >empty && touch -d '2200-01-01 00:00:00.000000001 UTC' empty)
	name=$(printf 'l%.0s' {1..200})
	ln -s "$name" "$T/mounted/long-link"
	setfattr -n user.large -v "$name$name$name" "$T/mounted/owned"
	for ((i = 0; i < 400; i++)); do
		: >"$T/mounted/many/file-$i"
	done
	tree "$T/mounted" >"$1.tree"
	# Blocks that were allocated and never written are zeros; the kernel's import of holes is not asked for.
	fallocate -l 1M "$T/mounted/allocated" 2>/dev/null || truncate -s 1M "$T/mounted/allocated"
	umount "$T/mounted"
}

# came_back IMAGE: a template of it has what the kernel sees in it.
came_back() {
	berth template import "$1" back 2>"$T/err" || fault "$(cat "$T/err")"
	has "1 device nodes were left out" "$(cat "$T/err")"
	same "zeros" 0 "$(tr -d '\0' <"$(root_of back)/allocated" | wc -c)"
	same "its size" 1048576 "$(stat -c %s "$(root_of back)/allocated")"
	rm "$(root_of back)/allocated"
	diff "${2:-$1}.tree" <(tree "$(root_of back)") >&2
	berth template delete back
}

the_image() {
	[[ -e $T/it ]] || ext4 "$T/it"
}

case_raw() {
	the_image
	came_back "$T/it"
	# Other shapes of the file system.
	ext4 "$T/old" -t ext2 -b 1024 -I 128
	small_one "$T/old"
	ext4 "$T/inline" -O inline_data
	came_back "$T/inline"
	rm "$T/old"* "$T/inline"*
	no_volumes
}

# Inodes of 128 bytes have no fractions of seconds, and the kernel has not stored them. Blocks of 1 KiB are other holes.
small_one() {
	mount -o loop,ro "$1" "$T/mounted"
	tree "$T/mounted" | grep -v "^b'./allocated'" | sed 's/ data [^ ]*//' >"$1.tree"
	umount "$T/mounted"
	berth template import "$1" back
	diff "$1.tree" <(tree "$(root_of back)" | grep -v "^b'./allocated'" | sed 's/ data [^ ]*//') >&2
	berth template delete back
}

case_qcow2() {
	the_image
	[[ -n $(command -v qemu-img) ]]
	qemu-img convert -O qcow2 "$T/it" "$T/plain.qcow2"
	came_back "$T/plain.qcow2" "$T/it"
	qemu-img convert -c -O qcow2 -o cluster_size=4k "$T/it" "$T/small.qcow2"
	came_back "$T/small.qcow2" "$T/it"
	qemu-img convert -c -O qcow2 -o compression_type=zstd "$T/it" "$T/zstd.qcow2"
	came_back "$T/zstd.qcow2" "$T/it"
	qemu-img convert -O qcow2 -o compat=0.10 "$T/it" "$T/old.qcow2"
	came_back "$T/old.qcow2" "$T/it"
	rm "$T"/*.qcow2
	no_volumes
}

# partitioned IMAGE LABEL TEXT: a disk with a table, and the image in the partition that begins at 64 MiB.
partitioned() {
	truncate -s 200M "$1"
	printf 'label: %s\n%s\n' "$2" "$3" | sfdisk -q "$1"
	dd if="$T/it" of="$1" bs=1M seek=64 conv=notrunc,sparse status=none
}

case_partitions() {
	the_image
	partitioned "$T/gpt" gpt $'start=1MiB,size=20MiB,type=uefi\nstart=64MiB,size=96MiB'
	came_back "$T/gpt" "$T/it"
	partitioned "$T/mbr" dos $'start=1MiB,size=20MiB,type=82\nstart=64MiB,size=96MiB,type=83'
	came_back "$T/mbr" "$T/it"
	partitioned "$T/logical" dos $'start=1MiB,size=20MiB,type=82\nstart=62MiB,type=5\nstart=64MiB,size=96MiB,type=83'
	came_back "$T/logical" "$T/it"
	# A partition for the boot loader is none of a root, and two roots are one too many.
	mke2fs -q -t ext4 "$T/loader" 20M
	dd if="$T/loader" of="$T/gpt" bs=1M seek=1 conv=notrunc status=none
	came_back "$T/gpt" "$T/it"
	mkdir -p "$T/small/etc" "$T/small/bin"
	mke2fs -q -t ext4 -d "$T/small" -F "$T/loader" 20M
	dd if="$T/loader" of="$T/gpt" bs=1M seek=1 conv=notrunc status=none
	refused "it has roots in partitions 1 and 2: copy the one that you want" "$T/gpt"
	rm -r "$T/gpt" "$T/mbr" "$T/logical" "$T/loader" "$T/small"
	no_volumes
}

case_what_is_not_read() {
	the_image
	truncate -s 400M "$T/other"
	mkfs.xfs -q "$T/other"
	refused "it is xfs, of which berth reads nothing.*import a tar of its root" "$T/other"
	rm "$T/other"
	truncate -s 200M "$T/other"
	mkfs.btrfs -q "$T/other"
	refused "it is btrfs, of which berth reads nothing" "$T/other"
	partitioned "$T/gpt" gpt $'start=1MiB,size=20MiB,type=uefi\nstart=64MiB,size=130MiB'
	dd if="$T/other" of="$T/gpt" bs=1M seek=64 count=120 conv=notrunc status=none
	refused "its partition 2 is btrfs, of which berth reads nothing" "$T/gpt"
	rm "$T/other" "$T/gpt"
	truncate -s 20M "$T/empty"
	printf 'label: gpt\nstart=1MiB\n' | sfdisk -q "$T/empty"
	refused "none of its 1 partitions is an ext4 with a root that can be read" "$T/empty"
	rm "$T/empty"
	no_volumes
}

case_crafted_qcow2() {
	the_image
	echo secret >"$T/secret"
	qemu-img create -q -f qcow2 -F raw -b "$T/secret" "$T/based"
	refused "the qcow2 is based on another image; make it plain: qemu-img convert -O raw" "$T/based"
	qemu-img create -q -f qcow2 -o data_file="$T/data",data_file_raw=on "$T/external" 10M
	refused "the qcow2 has its data in another file" "$T/external"
	qemu-img convert -O qcow2 -o extended_l2=on "$T/it" "$T/extended"
	refused "has features that berth does not read" "$T/extended"
	qemu-img convert -c -O qcow2 "$T/it" "$T/whole"
	head -c 100000 "$T/whole" >"$T/cut"
	refused "truncated|damaged" "$T/cut"
	head -c -1M "$T/it" >"$T/cut"
	refused "its ext4 has [0-9]* bytes, and there are only [0-9]*: the file was cut off" "$T/cut"
	head -c 60 "$T/whole" >"$T/cut"
	refused "the qcow2 is damaged|not a tar" "$T/cut"
	# The bits of a cluster, the size, the number and the place of tables.
	local at
	for at in 20 24 36 40 4 72; do
		cp "$T/whole" "$T/bad"
		printf '\377\377\377\377\377\377\377\377' | dd of="$T/bad" bs=1 seek="$at" conv=notrunc status=none
		refused "the qcow2|truncated or damaged" "$T/bad"
	done
	rm "$T/secret" "$T/based" "$T/external" "$T/data" "$T/extended" "$T/whole" "$T/cut" "$T/bad"
	no_volumes
}

# crafted COMMAND...: debugfs changes a copy of the image.
crafted() {
	cp --sparse=always "$T/it" "$T/bad"
	printf '%s\n' "$@" | debugfs -w -f - "$T/bad" >/dev/null 2>&1
}

case_crafted_ext4() {
	the_image
	crafted "ln /bin /usr/again"
	refused "its ext4 is damaged" "$T/bad"
	crafted "ln / /usr/loop"
	refused "its ext4 is damaged" "$T/bad"
	crafted "symlink up ../../etc/shadow"
	refused "entry 'up' is a link that leads out of the tree" "$T/bad"
	crafted "set_inode_field file uid 70000"
	refused "entry '.*' has an owner that no machine has" "$T/bad"
	crafted "feature needs_recovery"
	refused "its ext4 was not unmounted: repair a copy of it with e2fsck -f" "$T/bad"
	crafted "set_inode_field file mode 0"
	refused "its ext4 is damaged" "$T/bad"
	crafted "clri /usr"
	refused "its ext4 is damaged" "$T/bad"
	head -c 3M "$T/it" >"$T/bad"
	refused "the file was cut off" "$T/bad"
	rm "$T/bad"
	no_volumes
}

# Bytes of the metadata turned over at random: each import ends by itself, with a template or a sentence.
case_damaged_anywhere() {
	local i code
	mkdir -p "$T/tiny/etc" "$T/tiny/bin" "$T/tiny/usr/deep"
	cp "$(command -v busybox)" "$T/tiny/bin/sh"
	mke2fs -q -t ext4 -d "$T/tiny" "$T/tiny.img" 8M
	for ((i = 0; i < 60; i++)); do
		python3 - "$T/tiny.img" "$T/bad" "$i" <<-'END'
			import random, sys
			data = bytearray(open(sys.argv[1], "rb").read())
			draw = random.Random(int(sys.argv[3]))
			used = [n for n in range(0, len(data), 1024) if any(data[n:n + 1024])]
			for _ in range(draw.choice([1, 8, 64])):
			    data[draw.choice(used[:40]) + draw.randrange(1024)] = draw.randrange(256)
			open(sys.argv[2], "wb").write(data)
		END
		code=0
		timeout 300 berth template import "$T/bad" bad 2>"$T/err" || code=$?
		[[ $code -eq 0 || $code -eq 1 ]] || fault "seed $i ended with $code: $(cat "$T/err")"
		not grep -q "was killed" "$T/err"
		[[ $code -ne 0 ]] || berth template delete bad
	done
	rm -r "$T/tiny" "$T/tiny.img" "$T/bad"
	no_volumes
}

run_cases "$@"
