#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Subvolumes that a guest makes in its root are copied and deleted with the root; and a root has its own identity.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

volumes=$BERTH_ROOT/run/pools/default

set_up() {
	berth pool create default --driver btrfs --size 1G
	busybox_template bb
}

subvolumes_below() {
	btrfs subvolume list -o "$1" | wc -l
}

# Nested subvolumes as Docker's driver makes them: some below others, one read-only.
nests() {
	local root=$volumes/machine.m
	! berth info m >/dev/null 2>&1 || return 0
	berth create --set network= bb m
	mkdir -p "$root/var/lib/deep/deeper"
	btrfs subvolume create "$root/var/lib/one" >/dev/null
	echo one >"$root/var/lib/one/file"
	mkdir "$root/var/lib/one/folder"
	btrfs subvolume create "$root/var/lib/one/folder/inner" >/dev/null
	echo inner >"$root/var/lib/one/folder/inner/file"
	btrfs subvolume create "$root/var/lib/deep/deeper/two" >/dev/null
	echo two >"$root/var/lib/deep/deeper/two/file"
	btrfs property set -ts "$root/var/lib/deep/deeper/two" ro true
	touch -d 2001-01-01 "$root/var/lib/deep/deeper"
}

whole() {
	local root=$volumes/$1
	same "$1: one" one "$(cat "$root/var/lib/one/file")"
	same "$1: inner" inner "$(cat "$root/var/lib/one/folder/inner/file")"
	same "$1: two" two "$(cat "$root/var/lib/deep/deeper/two/file")"
	same "$1: two is read-only" "ro=true" "$(btrfs property get -ts "$root/var/lib/deep/deeper/two" ro)"
	same "$1: a folder's time" 2001 "$(date -r "$root/var/lib/deep/deeper" +%Y)"
}

case_clone_takes_them_along() {
	nests
	berth clone m copy
	whole machine.copy
	echo changed >"$volumes/machine.copy/var/lib/one/folder/inner/file"
	whole machine.m
}

case_snapshot_and_restore_do() {
	nests
	berth snapshot m kept
	echo changed >"$volumes/machine.m/var/lib/one/folder/inner/file"
	echo changed >"$volumes/machine.m/var/lib/one/file"
	berth restore m kept
	whole machine.m
	berth clone m/kept third 2>/dev/null || berth clone --snapshot kept m third
	whole machine.third
}

# The machine is frozen for the copy, because more than one snapshot is needed.
case_of_a_running_machine() {
	nests
	berth start --wait m
	berth clone m fourth
	whole machine.fourth
	same "processes go on" yes "$(berth exec m -- echo yes)"
	berth stop --force m
}

no_copy_is_there() {
	local found
	found=$(find "$volumes" -mindepth 1 -maxdepth 1 \( -name '*.copy' -o -name 'partial*' \)) && [[ -z $found ]]
}

case_they_go_with_it() {
	nests
	gone copy third fourth
	berth snapshot delete m kept 2>/dev/null || true
	berth clone m copy
	berth snapshot m kept
	berth delete copy
	berth snapshot delete m kept
	retry 10 no_copy_is_there
	# A subvolume that contains another one is read-only, too.
	btrfs property set -ts "$volumes/machine.m/var/lib/one" ro true
	berth delete m
	btrfs subvolume sync "$volumes" >/dev/null 2>&1 || true
	same "subvolumes left" 1 "$(btrfs subvolume list "$volumes" | wc -l)"
}

# ---- Identity

hostname_of() {
	cat "$(root_of "$1")/etc/hostname"
}

root_of() {
	if [[ $(field "$1" volume.pool) == p-dir ]]; then
		echo "$BERTH_ROOT/lib/pools/p-dir/volumes/machine.$1/root"
	else
		echo "$volumes/machine.$1"
	fi
}

case_identity_belongs_to_the_root() {
	local pool
	berth pool create --driver dir p-dir
	busybox_template bbd p-dir
	for pool in default p-dir; do
		berth create --pool "$pool" --set network= "bb$([[ $pool == default ]] || echo d)" prep
		berth start --wait prep
		berth stop --force prep
		same "$pool: of the origin" prep "$(hostname_of prep)"
		berth clone prep a
		berth snapshot a before
		berth start --wait a
		berth stop --force a
		same "$pool: of the clone" a "$(hostname_of a)"
		berth snapshot a after
		berth restore a before
		berth start --wait a
		berth stop --force a
		same "$pool: after a restore of what was fresh" a "$(hostname_of a)"
		# Later changes by hand are not undone.
		echo mine >"$(root_of a)/etc/hostname"
		berth snapshot a mine
		berth restore a before
		berth restore a mine
		berth start --wait a
		berth stop --force a
		same "$pool: what an admin wrote" mine "$(hostname_of a)"
		# A reused name has no connection to the earlier object.
		berth snapshot delete a before
		berth snapshot a before
		berth restore a before
		berth start --wait a
		berth stop --force a
		same "$pool: a name that is used again" mine "$(hostname_of a)"
		berth delete a prep
	done
}

run_cases "$@"
