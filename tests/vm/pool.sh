# SPDX-License-Identifier: GPL-2.0-or-later
# A thin pool of suites that look at its disk, device and catalogue themselves. Sourced after tests/vm/lib.sh.
# shellcheck shell=bash
BERTH_TEMPLATES=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../templates")
export BERTH_TEMPLATES
# shellcheck source=tests/tag.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tag.sh"

# begin_root NAME: a root of that name, without pools, and the tree of templates.
begin_root() {
	clear
	export BERTH_ROOT=$T/$1 PATH=$BUILD_TREE:$PATH BERTH_LIBEXEC=$BUILD_TREE/libexec
	pools=$BERTH_ROOT/lib/pools
	mkdir -p "$T/tree/etc" "$T/tree/bin"
	echo "host-$1" >"$T/tree/etc/hostname"
	cp "$(command -v bash)" "$T/tree/bin/init"
}

# begin NAME [OPTION...]: the same with a new pool g of 256M; volumes are made by a template's import.
begin() {
	begin_root "$1"
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

# activate VOLUME: makes the device that berth would make for it, and prints its path.
activate() {
	local id pool
	id=$(id_of "$1")
	pool=berth-$(tag_of "$BERTH_ROOT").g
	dmsetup create "$pool.v$id" -u "BERTH-$(sed -n 's/^uuid = //p' "$pools/g/pool.conf")-v$id" \
		--table "0 $((10 << 21)) thin /dev/mapper/$pool.pool $id"
	echo "/dev/mapper/$pool.v$id"
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
