# SPDX-License-Identifier: GPL-2.0-or-later
# Machines that write to a thin pool. Sourced after tests/lib.sh.
# shellcheck shell=bash

# change MACHINE: writes over what is there, each time on the disk.
change() {
	berth exec "$1" -- sh -c 'i=0
		until [ -e /stop ]; do
			i=$((i + 1))
			echo $i | dd of=/state bs=4k conv=notrunc,fsync 2>/dev/null || touch /run/failed
		done' </dev/null >/dev/null 2>&1 &
}

# settle MACHINE: its journal has gone round, so that all it writes from now on is its own: before that it takes blocks
# for the journal, and copies those of its template.
settle() {
	berth exec "$1" -- sh -c 'for i in 1 2 3 4; do
		mkdir /w
		(cd /w && mkdir $(seq 400))
		sync
		rm -r /w
		sync
	done
	echo 0 >/state
	sync'
}
