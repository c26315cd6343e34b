# SPDX-License-Identifier: GPL-2.0-or-later
# Machines for tests of streams: sourced after tests/lib.sh, with the driver to test in $fast.
# shellcheck shell=bash

tree=${top:?}/tests/integration/stream_tree.py

set_up() {
	local driver
	for driver in "${fast:?}" dir; do
		berth pool create "p-$driver" --driver "$driver"
	done
	busybox_template bb "p-$fast"
	berth create --pool "p-$fast" --set network= --set limits.pids=77 --set description="the first" bb web
	berth create --pool p-dir --set network= bb full
	"$tree" make "$(root_of full)"
	berth snapshot full s
	listed full >"$T/full"
	berth export full "$T/full.berth"
}

# root_of MACHINE: prints the folder of its root.
root_of() {
	local pool
	pool=$(berth get "$1" pool)
	if [[ $pool == p-dir ]]; then
		echo "$BERTH_ROOT/lib/pools/p-dir/volumes/machine.$1/root"
	else
		echo "$BERTH_ROOT/run/pools/$pool/machine.$1"
	fi
}

# listed MACHINE: prints all that can be seen of its root. A root in a thin pool is seen by a copy in a pool of driver
# dir, since the host has no path to it.
listed() {
	local seen=$1
	if [[ $(berth get "$1" pool) == p-thin ]]; then
		seen=shown
		berth export "$1" | berth import --new-identity --pool p-dir --set network= - shown >/dev/null
	fi
	"$tree" list "$(root_of "$seen")" | grep -v "'./etc/hostname'"
	[[ $seen == "$1" ]] || berth delete "$seen"
}

# nothing_new: neither machine, volume nor file is left of an import that was refused.
nothing_new() {
	fails 1 "no machine 'x'" berth info x
	[[ ! -e $BERTH_ROOT/lib/machines/x && ! -e $BERTH_ROOT/lib/machines/.unfinished/x ]]
	lacks 'machine\.x|snapshot\.x|partial' "$(berth pool usage p-dir)"
	silent "a volume in the making" find "$BERTH_ROOT/run" -path '*/partial/*' -type f
}
