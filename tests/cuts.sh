# SPDX-License-Identifier: GPL-2.0-or-later
# Sends that are cut: sourced after tests/other_host.sh and tests/inside.sh. STORAGE_DRIVER: of the pools on both sides.
# shellcheck shell=bash

driver=${STORAGE_DRIVER:-btrfs}
tree=${top:?}/tests/integration/stream_tree.py

set_up() {
	berth pool create pool --driver "$driver"
	there pool create default --driver "$driver"
	busybox_template bb pool
	there template import "$T/bb.tar" bb
	start_server
	berth create --pool pool --set network= bb full
	here full fill_root
	listed "$BERTH_ROOT" pool machine.full >"$T/full"
	cutter_once
}

tear_down() {
	stop_server
}

# here MACHINE COMMAND..., over_there MACHINE COMMAND...: runs the command with the folder of its root as one more word.
here() {
	in_root "$BERTH_ROOT" pool "machine.$1" "${@:2}"
}

over_there() {
	in_root "$T/there" default "machine.$1" "${@:2}"
}

# fill_root FOLDER: every kind of file, some that are larger than a part, and many small ones.
fill_root() {
	local i
	"$tree" make "$1"
	mkdir "$1/many"
	for i in {1..120}; do
		head -c "$((i * 97))" /dev/urandom >"$1/many/$i"
	done
	head -c 700000 /dev/urandom >"$1/many/big"
	chmod 4750 "$1/many/big"
	touch -d "2001-02-03 04:05:06" "$1/many/big" "$1/many"
}

# listed ROOT POOL VOLUME
listed() {
	in_root "$1" "$2" "$3" "$tree" list | grep -v "'./etc/hostname'"
}

# write_file PATH TEXT FOLDER: below the folder.
write_file() {
	echo "$2" >"$3/$1"
}

# read_file PATH FOLDER
read_file() {
	cat "$2/$1"
}

# write_random PATH SIZE FOLDER
write_random() {
	head -c "$2" /dev/urandom >"$3/$1"
}

# full_there: it is there as it is here.
full_there() {
	listed "$T/there" default machine.full | diff "$T/full" -
}

# Makes $T/once BYTES COMMAND...: the command, to which only so many bytes pass unless an earlier one was cut; it notes how many.
cutter_once() {
	byte_cutter
	cat >"$T/once" <<-END
		#!/bin/bash
		bytes=\$1
		shift
		[[ -s $T/passed ]] && bytes=1000000000
		"\$@" < <(python3 -c 'import os, sys
		left, passed = int(sys.argv[1]), 0
		while left and (data := os.read(0, min(left, 65536))):
		    os.write(1, data)
		    left -= len(data)
		    passed += len(data)
		print(passed, file=open(sys.argv[2], "a"))' "\$bytes" "$T/passed")
	END
	chmod +x "$T/once"
}

# send_cut BYTES [OPTION...] MACHINE TARGET: a send with small parts, whose first connection is cut there.
send_cut() {
	rm -f "$T/passed"
	timeout "$(patience 120)" berth send --ssh "$T/once $1 ssh -F $T/ssh/config" --berth "$T/ssh/berth" --part 64K \
		--compress none --network "" "${@:2}"
}

# sent: bytes that all connections of the last send_cut have passed.
sent() {
	awk '{ n += $1 } END { print n }' "$T/passed"
}

# slow_or N FEW: so many, or a few on a host that is much slower than most, such as an emulated one.
slow_or() {
	if (($(slowness) > 5)); then
		echo "$2"
	else
		echo "$1"
	fi
}

# places N SIZE: so many places in it, drawn by the seed.
places() {
	python3 -c "import random, sys; random.seed(${SEED:-7}); [print(random.randrange(int(sys.argv[2]))) for _ in range(int(sys.argv[1]))]" "$@"
}

# cut_off BYTES [OPTION...] MACHINE TARGET: its only connection is cut there.
cut_off() {
	local status=0
	timeout "$(patience 300)" berth send --ssh "$T/cutter $1 ssh -F $T/ssh/config" --berth "$T/ssh/berth" --part 64K \
		--retries 0 --compress none --network "" "${@:2}" >/dev/null 2>"$T/said" || status=$?
	((status == 1)) || fault "cut behind $1: ended with $status"
}

nothing_halfway() {
	silent "what has come halfway" bash -c "BERTH_ROOT=$T/there berth halfway list --json | jq -r '.[].name'" || return
	silent "volumes" find "$T/there/lib/pools/default" -maxdepth 2 \( -name 'halfway.*' -o -name 'partial.*' \) || return
	[[ $driver != thin ]] || silent "volumes" sqlite3 "$T/there/lib/pools/default/catalog.db" \
		"SELECT name FROM volume WHERE name LIKE 'halfway.%' OR name LIKE 'partial.%'"
}

# halfway_there: the names of what has come halfway there.
halfway_there() {
	there halfway list --json | jq -r '[.[].name] | join(" ")'
}

# fill_some N FOLDER: a megabyte that is new, one that is changed, and files that go.
fill_some() {
	mkdir -p "$2/files"
	rm -rf "$2/files/gone"
	mkdir "$2/files/gone" "$2/files/dir$1"
	head -c 1M /dev/urandom >"$2/files/dir$1/new"
	head -c 500K /dev/urandom >"$2/files/changed"
	touch "$2/files/gone/$1"
}
