# SPDX-License-Identifier: GPL-2.0-or-later
# Thin pools whose metadata is nearly full. The kernel would take an hour to make so much.
# shellcheck shell=bash

# nearly_full FILE FREE: gives the metadata in that file a volume 1000 that maps the last 64 blocks of the pool again and
# again, so that about FREE blocks of metadata are left.
nearly_full() {
	thin_dump "$1" | python3 -IS -c '
import re, sys
volumes = sys.stdin.read()
blocks = int(re.search("nr_data_blocks=\"([0-9]+)\"", volumes)[1])
free, total = int(sys.argv[1]), int(sys.argv[2])
# thin_restore puts 126 mappings into a leaf; a hundredth is for the nodes above them.
mapped = sum(int(n) for n in re.findall("mapped_blocks=\"([0-9]+)\"", volumes))
count = int((total - free) * 126 * 0.99 - mapped) // 64
sys.stdout.write(volumes.replace("</superblock>", ""))
print(f"<device dev_id=\"1000\" mapped_blocks=\"{count * 64}\" transaction=\"0\" creation_time=\"0\" snap_time=\"0\">")
for i in range(count):
    print(f"<range_mapping origin_begin=\"{i * 64}\" data_begin=\"{blocks - 64}\" length=\"64\" time=\"0\"/>")
print("</device></superblock>")' "$2" "$(($(stat -c %s "$1") / 4096))" >"$T/dump"
	thin_restore -q -i "$T/dump" -o "$1"
}

# fill_metadata POOL_FILE FREE: the same for a detached pool in that file.
fill_metadata() {
	local start length
	read -r start length < <(sed -n 's/^metadata \([0-9]*\)+\([0-9]*\).*/\1 \2/p' "$1")
	dd if="$1" of="$T/metadata" bs=4096 skip=$((start / 8)) count=$((length / 8)) status=none
	nearly_full "$T/metadata" "$2"
	dd if="$T/metadata" of="$1" bs=4096 seek=$((start / 8)) count=$((length / 8)) conv=notrunc status=none
}
