# SPDX-License-Identifier: GPL-2.0-or-later
# Two pools, $fast and dir, and machines that move between them. Sourced after tests/lib.sh and tests/faults.sh.
# shellcheck shell=bash
fast=${STORAGE_DRIVER:-btrfs}

set_up() {
	berth pool create "p-$fast" --driver "$fast"
	berth pool create p-dir --driver dir
	busybox_root "$T/bb"
	# The console's login shell starts it at each boot: a line with a number every 50 ms.
	cat >"$T/bb/bin/beat" <<-'END'
		#!/bin/sh
		n=$(tail -n 1 /beats 2>/dev/null)
		while :; do
			n=$((n + 1))
			echo "$n" >>/beats
			sleep 0.05
		done
	END
	chmod +x "$T/bb/bin/beat"
	echo 'beat &' >"$T/bb/root/.profile"
	tar -C "$T/bb" -cf "$T/bb.tar" .
	berth template import --pool "p-$fast" "$T/bb.tar" bb
	berth network create default --subnet 10.62.0.0/24
}

# make NAME POOL: a machine with all that is to follow it.
make() {
	berth create --pool "$2" --set label.role=front --set boot.autostart=yes bb "$1"
	berth forward add "$1" tcp 18081:80
	berth start --wait "$1"
	berth exec "$1" -- sh -c 'echo one >/one; ln /one /same; sync'
	berth stop --force "$1"
	berth snapshot "$1" s1
	berth start --wait "$1"
	berth exec "$1" -- sh -c 'echo two >/two; rm /same; sync'
	berth stop --force "$1"
	berth snapshot "$1" s2
}

# moved MACHINE POOL: $T/said has the sentences.
moved() {
	berth pool move "$@" 2>"$T/said" || fault "pool move $*: $(cat "$T/said")"
}

address_of() {
	awk '{ print $1 }' "$BERTH_ROOT/lib/networks/default/names/$1"
}

beats_more() {
	(($(berth exec "$1" -- cat /beats | wc -l) > $2))
}

# beating MACHINE POOL: a machine that runs, and writes.
beating() {
	berth create --pool "$2" bb "$1"
	berth start --wait "$1"
	retry 20 beats_more "$1" 3
}

# check_beats MACHINE: no line is lost, and none is there twice. A kill of the machine's shell may cut the last one.
check_beats() {
	retry 20 beats_more "$1" 20
	berth exec "$1" -- cat /beats | awk '$1 != NR { print "line " NR " has beat " $1; exit 1 }' || fault "beats of $1"
}

pool_of() {
	berth get "$1" pool
}

# only_in NAME POOL: its volumes are there, and neither the other pool nor the state has anything of a move.
only_in() {
	local pool
	same "its pool" "$2" "$(pool_of "$1")"
	for pool in "p-$fast" p-dir; do
		if [[ $pool == "$2" ]]; then
			has "machine\.$1 " "$(berth pool usage "$pool")"
		else
			lacks "machine\.$1 |snapshot\.$1\." "usage: $(berth pool usage "$pool")"
		fi
	done
	[[ ! -e $BERTH_ROOT/lib/.renaming && ! -e $BERTH_ROOT/lib/machines/$1/move ]]
	lacks moving- "list: $(berth snapshot list "$1" 2>&1)"
	retry 30 no_partial
}

no_partial() {
	! find "$BERTH_ROOT/lib/pools" -maxdepth 5 -name 'partial.*' | grep -q .
}

# whole NAME: root and snapshots have what they are to have.
whole() {
	same "its snapshots" "s1 s2" "$(berth snapshot list --json "$1" | jq -r '[.[].name] | join(" ")')"
	berth clone "$1@s1" c1
	berth start --wait c1
	same "first snapshot" "one one no" "$(berth exec c1 -- sh -c 'echo $(cat /one /same) $([ -e /two ] && echo yes || echo no)')"
	berth delete --force c1
	berth start --wait "$1"
	same "its root" "one two no" "$(berth exec "$1" -- sh -c 'echo $(cat /one /two) $([ -e /same ] && echo yes || echo no)')"
	berth stop --force "$1"
}
