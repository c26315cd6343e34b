# SPDX-License-Identifier: GPL-2.0-or-later
# The inside of volumes, for tests that read and write a root while no machine runs on it. Sourced after tests/lib.sh.
# shellcheck shell=bash

# thin_root ROOT POOL VOLUME: makes the device "inside" of a thin volume, beside that of berth, which is gone while nobody
# uses the volume.
thin_root() {
	local row
	row=$(sqlite3 "$1/lib/pools/$2/catalog.db" "SELECT size / 512, id FROM volume WHERE name = '$3'")
	[[ -n $row ]] || fault "no volume '$3' in pool '$2'" || return
	dmsetup create inside --table "0 ${row%|*} thin /dev/mapper/berth-$(tag_of "$1").$2.pool ${row#*|}"
}

# in_root ROOT POOL VOLUME COMMAND...: runs the command with one more word: the folder of that volume. ROOT is that of an
# installation.
in_root() {
	local pools=$1/lib/pools run=$1/run folder status=0
	folder=$pools/$2/volumes/$3/root
	[[ -d $folder ]] || folder=$pools/$2/mnt/$3
	if [[ ! -e $pools/$2/catalog.db ]]; then
		[[ -d $folder ]] || folder=$(find "$pools/$2" "$run/pools/$2" -maxdepth 4 -type d -path "*/$3" | head -n 1)
		"${@:4}" "$folder"
		return
	fi
	thin_root "$1" "$2" "$3" || return
	mkdir -p "$T/inside"
	# The kernel makes this node at once, udev its own later.
	if mount "/dev/$(dmsetup info -c --noheadings -o blkdevname inside)" "$T/inside"; then
		"${@:4}" "$T/inside" || status=$?
		umount "$T/inside"
	else
		status=1
	fi
	dmsetup remove --retry inside
	return "$status"
}
