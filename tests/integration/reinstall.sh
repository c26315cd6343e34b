#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A host that has lost its state, or a part of it: machines and templates of btrfs and dir pools come back with their
# settings, from the copy that each pool has. Thin pools: tests/vm/suites/reinstall.sh.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# A kind of pool: a folder on a btrfs of the host, a loop file, a device, a folder of driver dir.

set_up() {
	mkdir "$T/btrfs"
	truncate -s 512M "$T/btrfs.img"
	mkfs.btrfs -q "$T/btrfs.img"
	mount -o loop "$T/btrfs.img" "$T/btrfs"
	mkdir -p "$T/disk"
}

tear_down() {
	umount "$T/btrfs"
}

# host NAME: a state root of its own stands for a host.
host() {
	export BERTH_ROOT=$T/$1
	state=$BERTH_ROOT/lib
}

# end_host: removes a host whose pools are detached or deleted.
end_host() {
	written
	rm -r "$BERTH_ROOT"
	find /sys/fs/cgroup -depth -type d -path "*/berth-$(tag_of "$BERTH_ROOT")*" -exec rmdir {} + 2>/dev/null || true
}

written() {
	retry 30 no_copying_is_left
}

# source_of KIND: prints the place of its pool.
source_of() {
	case $1 in
	folder) echo "$T/btrfs/pool" ;;
	file) echo "$T/disk/pool.img" ;;
	device) losetup --list --raw --noheadings --output NAME,BACK-FILE | awk -v f="$T/disk/device.img" '$2 == f { print $1 }' ;;
	dir) echo "$T/disk/dir" ;;
	esac
}

# pool_of KIND: creates pool "fast" of that kind.
pool_of() {
	local options=(--driver btrfs)
	case $1 in
	file) options+=(--size 256M) ;;
	device)
		truncate -s 256M "$T/disk/device.img"
		losetup --find "$T/disk/device.img"
		;;
	dir) options=(--driver dir) ;;
	esac
	berth pool create "${options[@]}" --source "$(source_of "$1")" fast
}

# The pool gets template tool, machine web with a snapshot and changed settings, and its clone db.
fill_pool() {
	busybox_template tool fast
	berth create --pool fast --set network= --set description="the one" --set limits.pids=77 tool web
	berth snapshot web before
	berth clone web db
	echo "# by hand" >>"$state/machines/db/machine.conf"
	berth set db description=second
}

# same_settings WAS: the settings of the two machines and the template are those in WAS, byte by byte.
same_settings() {
	local file
	for file in machines/web/machine.conf machines/db/machine.conf templates/tool/template.conf; do
		diff "$1/$file" "$state/$file" || fault "$file is another"
	done
}

forget() {
	delete_all
	written
	case $1 in
	device) losetup -d "$(source_of device)" && rm "$T/disk/device.img" ;;
	folder | dir) rmdir "$(source_of "$1")" ;;
	esac
}

# Only the disk of the pool is there.
reinstalled() {
	local kind=$1 source uuid
	host "first-$kind"
	pool_of "$kind"
	source=$(source_of "$kind")
	fill_pool
	uuid=$(berth get web uuid)
	# The copy includes a change that was made a moment ago.
	berth pool detach fast
	rm -rf "$T/was"
	cp -a "$state" "$T/was"
	written
	rm -r "$BERTH_ROOT"
	host "second-$kind"
	berth pool import "$source" | tee "$T/report"
	has "pool 'fast' is (on|in) '$source'" "$(cat "$T/report")"
	has "2 machines and 1 template taken" "$(cat "$T/report")"
	same_settings "$T/was"
	same uuid "$uuid" "$(berth get web uuid)"
	same limit 77 "$(berth get web limits.pids)"
	same snapshots 1 "$(field web snapshots)"
	has "uuid = $(sed -n 's/^uuid = //p' "$T/was/pools/fast/pool.conf")" "$(cat "$state/pools/fast/pool.conf")"
	berth restore web before
	berth unset web limits.pids
	berth start --wait web
	berth stop web
	berth clone web copy
	# This host knows the pool now: nothing is imported twice.
	berth pool import "$source"
	# A third host imports it under another name, while one of the machines' names is taken.
	berth pool detach fast
	host "third-$kind"
	berth pool create --driver dir fast
	fails 1 "there is a pool 'fast' already; give this one another name" berth pool import "$source"
	busybox_template mine fast
	berth create --set network= --pool fast mine web
	has "machine 'web' is here already, and its settings stay" "$(berth pool import "$source" other | tee "$T/report")"
	has "2 machines and 1 template taken" "$(cat "$T/report")"
	same pool other "$(berth get copy pool)"
	same pool fast "$(berth get web pool)"
	# The settings that could not be imported are not lost.
	berth delete --force copy
	berth set db description=third
	written
	berth pool detach other
	host "fourth-$kind"
	has "2 machines and 1 template taken" "$(berth pool import "$source")"
	same "the one" "the one" "$(berth get web description)"
	same third third "$(berth get db description)"
	forget "$kind"
	end_host
	host "third-$kind"
	berth delete web
	berth template delete mine
	berth pool delete fast
	end_host
	host "second-$kind"
	end_host
}

case_reinstalled_folder() {
	reinstalled folder
}

case_reinstalled_file() {
	reinstalled file
}

case_reinstalled_device() {
	reinstalled device
}

case_reinstalled_dir() {
	reinstalled dir
}

# The pool is known. Folders of machines and templates are gone, and new ones are created before somebody notices.
folders_lost() {
	local kind=$1
	host "first-$kind"
	pool_of "$kind"
	fill_pool
	written
	rm -rf "$T/was"
	cp -a "$state" "$T/was"
	rm -r "$state/machines" "$state/templates"
	busybox_template more fast
	berth create --pool fast --set network= more other
	written
	berth adopt --all >"$T/out" 2>"$T/err"
	same adopted "db web" "$(sort "$T/out" | paste -sd ' ')"
	empty notes "$T/err"
	berth template adopt tool
	same_settings "$T/was"
	# Only the settings are missing.
	rm "$state/machines/web/machine.conf"
	berth delete other
	written
	berth adopt web
	same_settings "$T/was"
	# A machine with unreadable settings keeps the last readable ones in the copy.
	echo nonsense >"$state/machines/web/machine.conf"
	berth set db description=again
	written
	rm "$state/machines/web/machine.conf"
	berth adopt web
	diff "$T/was/machines/web/machine.conf" "$state/machines/web/machine.conf"
	# If there is no copy, the command says so.
	rm -r "$state/machines/web"
	volumes=$(source_of "$kind")
	[[ -d $volumes ]] || volumes=$BERTH_ROOT/run/pools/fast
	rm "$volumes/.berth-books"
	berth adopt web 2>"$T/err"
	has "no copy of the settings of machine 'web'" "$(cat "$T/err")"
	forget "$kind"
	end_host
}

case_folders_lost_folder() {
	folders_lost folder
}

case_folders_lost_file() {
	folders_lost file
}

case_folders_lost_dir() {
	folders_lost dir
}

# Settings that are changed while the pool is detached are in the copy after it is attached.
case_set_while_detached() {
	host first-detached
	pool_of file
	fill_pool
	written
	berth pool detach fast
	berth set db description=late
	written
	berth snapshot list db
	written
	# The process that writes the copy may not have begun yet.
	retry 20 grep -q "description = late" "$BERTH_ROOT/run/pools/fast/.berth-books"
	forget file
	end_host
}

# copied PATTERN: the pool's copy of settings has it by now.
copied() {
	retry 20 grep -q "$1" "$T/disk/dir/.berth-books"
}

# Each change of a section is in the pool's copy, with no other change behind it.
case_sections_are_copied() {
	host first-sections
	pool_of dir
	fill_pool
	written
	berth network create lan
	berth mount web "$T/btrfs" /srv/shared
	copied "target = /srv/shared"
	berth unmount web /srv/shared
	retry 20 not grep -q /srv/shared "$T/disk/dir/.berth-books"
	berth device add --optional web /dev/fuse
	copied "path = /dev/fuse"
	berth nic add web eth1 --network lan
	copied "nic eth1"
	berth network create lan-2
	berth set web network=lan-2
	written
	berth forward add web tcp 48097:80
	copied "port = 48097"
	berth forward remove web 48097
	retry 20 not grep -q 48097 "$T/disk/dir/.berth-books"
	berth delete web
	berth network delete lan
	berth network delete lan-2
	forget dir
	end_host
}

# Folders that belong to no pool, that are copies, or that were moved.
case_folders_that_are_not_the_pools() {
	host first-copied
	pool_of dir
	fill_pool
	written
	mkdir "$T/nothing"
	fails 1 "folder '$T/nothing' is not a pool" berth pool import "$T/nothing"
	cp -a "$T/disk/dir" "$T/copy"
	fails 1 "'$T/copy' is a copy of that" berth pool import "$T/copy"
	fails 1 "holds pool 'fast', not 'slow'" berth pool import "$T/disk/dir" slow
	mv "$T/disk/dir" "$T/disk/moved"
	has "pool 'fast' is on '$T/disk/moved'" "$(berth pool import "$T/disk/moved")"
	berth start --wait db
	berth stop db
	# A btrfs of somebody else, and a btrfs pool that was copied to another file system.
	truncate -s 256M "$T/other"
	mkfs.btrfs -q "$T/other"
	fails 1 "no pool that is known here, and without a copy of a pool's settings" berth pool import "$T/other"
	silent "is not mounted any more" losetup --associated "$T/other"
	mv "$T/disk/moved" "$T/disk/dir"
	berth pool import "$T/disk/dir"
	forget dir
	end_host
	rm -r "$T/copy" "$T/other" "$T/nothing"
}

# The copy is whole after a kill at any moment: the old one or the new one.
case_killed_while_it_is_written() {
	local i pid
	host first-killed
	pool_of dir
	fill_pool
	written
	for ((i = 0; i < 20; i++)); do
		sed -i "s/^description = .*/description = turn $i/" "$state/machines/db/machine.conf"
		berth _backup &
		pid=$!
		read -rt "1.0$((RANDOM % 10))" <> <(:) || true
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
		[[ $(head -n 1 "$T/disk/dir/.berth-books") == "berth books 1" ]]
		same records 4 "$(grep -cE '^(pool|file) [^=]' "$T/disk/dir/.berth-books")"
	done
	berth _backup
	grep -q "description = turn 19" "$T/disk/dir/.berth-books"
	not test -e "$T/disk/dir/.berth-books.new"
	forget dir
	end_host
}

run_cases "$@"
