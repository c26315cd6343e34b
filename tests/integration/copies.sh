#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A copy is of one moment, whatever else is done to its origin meanwhile, over each driver.
# The search for leaks at a process's end waits for ever if its helper is killed, as everything may be here.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# The fast driver to test; thin where device-mapper is.
fast=${STORAGE_DRIVER:-btrfs}
drivers="$fast dir"
files=${FILES:-2500}

# The copy of this root takes a while, unless it is a snapshot.
set_up() {
	local driver
	for driver in $drivers; do
		berth pool create --driver "$driver" "p-$driver"
	done
	busybox_root "$T/bb"
	mkdir "$T/bb/many"
	(cd "$T/bb/many" && seq -w "$files" | xargs touch && echo 0 | tee first >last)
	tar -C "$T/bb" -cf "$T/bb.tar" .
	rm -rf "$T/bb"
	for driver in $drivers; do
		berth template import --pool "p-$driver" "$T/bb.tar" "bb-$driver"
		berth create --pool "p-$driver" "bb-$driver" "m-$driver"
	done
}

# The number of those files in the root of a machine.
files_of() {
	berth start --wait "$1" >&2
	berth exec "$1" -- sh -c 'ls /many | grep -c "^[0-9]"'
	berth stop --force "$1" >&2
}

# copying: the copy in the background ($copier) has begun, or has ended already.
copying() {
	! kill -0 "$copier" 2>/dev/null || [[ -n $(copies_in "$1") ]]
}

copies_in() {
	local folder=$BERTH_ROOT/lib/pools/p-$1/volumes
	[[ $1 == dir ]] || return 0
	find "$folder" -maxdepth 1 -name 'partial.machine.*' -print -o -maxdepth 1 -name 'partial.snapshot.*' -print
}

# copy_of DRIVER COMMAND...: runs the command in the background, and returns when it is copying.
copy_of() {
	local driver=$1
	shift
	"$@" >"$T/copy" 2>&1 &
	copier=$!
	if [[ $driver == dir ]]; then
		retry 30 copying "$driver"
	fi
}

copied() {
	code=0
	wait "$copier" || code=$?
	((code <= 1)) || fault "the copy ended with $code: $(cat "$T/copy")"
}

# whole_or_none DRIVER MACHINE: the copy is whole. A fast driver may have come too late; then there is no copy.
whole_or_none() {
	if ((code != 0)) && [[ $1 != dir ]]; then
		fails 1 "no machine '$2'" berth info "$2"
		return
	fi
	same "$1: the copy" 0 "$code"
	same "$1: files" "$files" "$(files_of "$2")"
	berth delete --force "$2"
}

case_template_deleted_while_copied() {
	local driver deleted
	for driver in $drivers; do
		berth template import --pool "p-$driver" "$T/bb.tar" tt
		copy_of "$driver" berth create --pool "p-$driver" tt new
		deleted=0
		berth template delete tt 2>"$T/said" || deleted=$?
		copied
		whole_or_none "$driver" new
		if ((deleted != 0)); then
			has "is being copied" "$(cat "$T/said")"
			berth template delete tt
		fi
	done
}

# The copy goes to another pool, for which even the fast driver's volume is read file by file.
case_template_deleted_while_copied_to_another_pool() {
	local driver
	for driver in $drivers; do
		berth template import --pool "p-$driver" "$T/bb.tar" tt
		copy_of dir berth create --pool "p-dir" tt new
		berth template delete tt || berth template list | grep -q tt
		copied
		same "$driver: the copy" 0 "$code"
		same "$driver: files" "$files" "$(files_of new)"
		berth delete --force new
		berth template delete tt 2>/dev/null || true
	done
}

case_origin_starts_while_copied() {
	local driver m
	for driver in $drivers; do
		m=m-$driver
		copy_of "$driver" berth clone "$m" new
		berth start --wait "$m"
		berth exec "$m" -- sh -c 'echo 1 >/written; rm /many/0*'
		copied
		same "$driver: the copy" 0 "$code"
		same "$driver: files" "$files" "$(files_of new)"
		berth start --wait new
		not berth exec new -- test -e /written
		berth delete --force new
		# The machine goes back to the state that the other cases expect.
		berth delete --force "$m"
		berth create --pool "p-$driver" "bb-$driver" "$m"
	done
}

case_origin_restored_while_copied() {
	local driver m
	for driver in $drivers; do
		m=m-$driver
		berth snapshot "$m" whole
		berth start --wait "$m"
		berth exec "$m" -- touch /many/0-newer
		berth stop --force "$m"
		copy_of "$driver" berth clone "$m" new
		berth restore "$m" whole 2>"$T/said" || has "is being copied" "$(cat "$T/said")"
		copied
		same "$driver: the copy" 0 "$code"
		has "^($files|$((files + 1)))$" "$(files_of new)"
		[[ $driver != dir ]] || same "$driver: of before" "$((files + 1))" "$(files_of new)"
		berth delete new
		berth restore "$m" whole
		berth snapshot delete "$m" whole
	done
}

case_origin_deleted_while_copied() {
	local driver deleted
	for driver in $drivers; do
		berth clone "m-$driver" old
		berth snapshot old one
		copy_of "$driver" berth clone old new
		deleted=0
		berth delete --force old 2>"$T/said" || deleted=$?
		copied
		whole_or_none "$driver" new
		if ((deleted != 0)); then
			has "is being copied|is in use by another" "$(cat "$T/said")"
			same "$driver: what was refused is whole" "$files" "$(files_of old)"
			berth delete old
		fi
	done
}

# ---- Of a machine that runs

group_of() {
	echo "$(findmnt -n -t cgroup2 -o TARGET | head -n 1)$(field "$1" cgroup)"
}

frozen() {
	grep -q 'frozen 1' "$1/cgroup.events"
}

thawed() {
	grep -q 'frozen 0' "$1/cgroup.events"
}

# The machine is frozen as long as the copy lasts.
still_or_over() {
	frozen "$1" || not kill -0 "$copier" 2>/dev/null
}

they_run() {
	local driver m
	for driver in $drivers; do
		m=m-$driver
		! state_is "$m" stopped || berth start --wait "$m"
	done
}

# they_write: the machines write two files as fast as they can, until there is a file /rest: the second file is behind the
# first by one at most.
they_write() {
	local driver m
	they_run
	for driver in $drivers; do
		m=m-$driver
		berth exec "$m" -- sh -c 'rm -f /rest
			(n=0; while [ ! -e /rest ]; do n=$((n + 1)); echo $n >/many/first; echo $n >/many/last; done) >/dev/null 2>&1 &'
		retry 20 berth exec "$m" -- grep -q '...' /many/last
	done
}

case_copies_of_it_are_of_one_moment() {
	local driver first last target compared=0
	fails 1 "there is no pool 'nosuch'" berth clone --pool nosuch "m-$fast" new
	not berth info new
	they_write
	for driver in $drivers; do
		# The last two are copied file by file, whatever the pool can do.
		for target in "p-$driver" "p-$driver" p-dir "p-$fast"; do
			berth clone --pool "$target" "m-$driver" new
			same pool "$target" "$(field new volume.pool)"
			berth start --wait new
			first=$(berth exec new -- cat /many/first)
			last=$(berth exec new -- cat /many/last)
			# A file that was being written at that moment is empty, and proves nothing.
			if [[ -n $first && -n $last ]]; then
				((first - last == 0 || first - last == 1)) || fault "$driver: $first and $last"
				compared=$((compared + 1))
			fi
			berth delete --force new
		done
	done
	for driver in $drivers; do
		berth exec "m-$driver" -- touch /rest
	done
	((compared > 0)) || fault "of no copy could be told whether it is of one moment"
}

# A look, a second copy that ends first, a pause and a resume do not thaw the machine before the copy has ended.
case_nobody_wakes_it() {
	local group
	they_run
	group=$(group_of m-dir)
	copy_of dir berth clone m-dir new
	frozen "$group"
	berth info m-dir >/dev/null
	berth list >/dev/null
	frozen "$group"
	berth snapshot m-dir small
	still_or_over "$group"
	copied
	same "the copy" 0 "$code"
	retry 10 thawed "$group"
	berth snapshot delete m-dir small
	berth delete new
}

case_nor_does_resume() {
	local group
	they_run
	group=$(group_of m-dir)
	berth pause m-dir
	copy_of dir berth clone m-dir new
	berth resume m-dir
	still_or_over "$group"
	berth pause m-dir
	berth resume m-dir
	still_or_over "$group"
	copied
	same "the copy" 0 "$code"
	retry 10 thawed "$group"
	berth delete new
}

case_paused_stays_paused() {
	local group
	they_run
	group=$(group_of m-dir)
	copy_of dir berth clone m-dir new
	berth pause m-dir
	copied
	same "the copy" 0 "$code"
	frozen "$group"
	same state paused "$(field m-dir state)"
	berth resume m-dir
	retry 10 thawed "$group"
	berth delete new
}

# No command has to look for that to happen.
case_who_copies_is_killed() {
	local group
	they_run
	group=$(group_of m-dir)
	copy_of dir berth clone m-dir new
	frozen "$group"
	kill -KILL "$copier"
	retry 10 thawed "$group"
	wait "$copier" || true
	fails 1 "no machine 'new'" berth info new
	berth clone m-dir new
	berth delete new
}

case_stopped_while_copied() {
	local how
	for how in "berth stop --force" "berth stop"; do
		berth start --wait m-dir
		copy_of dir berth clone m-dir new
		$how m-dir
		copied
		same "$how: the copy" 1 "$code"
		# The other result: the stop came before the copy had frozen the machine.
		has "was stopped while it was copied; copy it again|is going down" "$(cat "$T/copy")"
		fails 1 "no machine 'new'" berth info new
	done
	berth start --wait m-dir
	copy_of dir berth snapshot m-dir torn
	berth stop --force m-dir
	copied
	same "the snapshot" 1 "$code"
	berth snapshot list m-dir >"$T/list"
	not grep torn "$T/list"
}

# ---- Of machines that nobody else's writing slows down

they_rest() {
	local driver
	for driver in $drivers; do
		berth stop --force "m-$driver"
	done
}

# flags_of MACHINE PATH: prints the two protecting flags of chattr that are set there.
flags_of() {
	lsattr -d "/proc/$(field "$1" init)/root$2" | cut -d ' ' -f 1 | tr -dc ia
}

# rests_in POOL MACHINE: prints what is left of the machine in the pool, and half made volumes.
rests_in() {
	local folder
	for folder in "$BERTH_ROOT"/{lib,run}/pools/"$1"/; do
		[[ ! -d $folder ]] || find "$folder" -maxdepth 3 \( -name 'partial.*' -o -name "*.$2*" \) || return
	done
}

# protect MACHINE: some of its files and folders get such flags.
protect() {
	local root
	root=/proc/$(field "$1" init)/root
	berth exec "$1" -- mkdir /etc/kept /etc/logs
	berth exec "$1" -- touch /etc/file /etc/kept/file /etc/logs/file
	chattr +i "$root/etc/file" "$root/etc/kept"
	chattr +a "$root/etc/logs"
}

# Files that a privileged guest, or the host, has made immutable are copied, within a pool and to another one, and can
# be removed with their copies.
case_immutable_files() {
	local driver to machine copy
	they_rest
	for driver in $drivers; do
		machine=i-$driver
		berth create --pool "p-$driver" "bb-$driver" "$machine"
		berth start "$machine"
		protect "$machine"
		berth stop --force "$machine"
		berth snapshot "$machine" before
		for to in $drivers; do
			berth clone --pool "p-$to" "$machine" "$machine-2"
			berth clone --pool "p-$to" --snapshot before "$machine" "$machine-3"
			berth start "$machine-2" "$machine-3"
			for copy in "$machine-2" "$machine-3"; do
				same "the flags of $copy in p-$to" "i i a" \
					"$(flags_of "$copy" /etc/file) $(flags_of "$copy" /etc/kept) $(flags_of "$copy" /etc/logs)"
				berth exec "$copy" -- test -e /etc/kept/file
				berth exec "$copy" -- test -e /etc/logs/file
			done
			berth delete --force "$machine-2" "$machine-3"
			retry 20 no_copying_is_left
			silent "what is left" rests_in "p-$to" "$machine-[23]"
		done
		berth restore "$machine" before
		berth start "$machine"
		same "its flags" i "$(flags_of "$machine" /etc/file)"
		berth stop --force "$machine"
		berth snapshot delete "$machine" before
		berth delete "$machine"
		retry 20 no_copying_is_left
		silent "what is left" rests_in "p-$driver" "$machine"
	done
}

# in_users_of MACHINE COMMAND...: the host's command with the ids of the machine.
in_users_of() {
	nsenter --user --setuid 0 --setgid 0 --target "$(field "$1" init)" "${@:2}"
}

# What tells of a tree of a running machine: all of each file but where it lies.
tree_of() {
	local root
	# shellcheck disable=SC2016 # the guest's
	berth exec "$1" -- sh -c 'cd /tree && find . | sort | while read -r f; do
		stat -c "%n %F %f %u %g %Y" "$f"
		[ ! -f "$f" ] || { stat -c "%h %s" "$f" && md5sum "$f"; }
	done'
	root=/proc/$(field "$1" init)/root/tree
	in_users_of "$1" getfattr -d -m '^(user|security)' -e hex --absolute-names "$root"/{able,sticky} | sed '/^# file/d'
	(($(berth exec "$1" -- stat -c %b /tree/sparse) < 100)) || echo "the sparse file is not sparse"
}

# Between any two drivers, in both directions: what it is now, and what a snapshot has kept.
case_to_another_pool() {
	local from to pools=$drivers
	they_rest
	if [[ $fast == thin ]]; then
		pools+=" btrfs"
		berth pool create p-btrfs --driver btrfs
		berth template import --pool p-btrfs "$T/bb.tar" bb-btrfs
	fi
	for from in $pools; do
		berth launch --pool "p-$from" --set network= --wait "bb-$from" far
		berth exec far -- sh -c 'mkdir /tree && cd /tree && echo one >file && chmod 4751 file && ln file hard &&
			ln -s /nowhere link && mkfifo fifo && truncate -s 10M sparse && mkdir -m 1777 sticky &&
			echo x >owned && echo x >able && chown 1000:2000 owned && touch -d "2001-02-03 00:00" owned && sync'
		setfattr -n user.note -v kept "/proc/$(field far init)/root/tree/sticky"
		in_users_of far setcap cap_net_raw+ep "/proc/$(field far init)/root/tree/able"
		tree_of far >"$T/then"
		berth snapshot far s
		berth exec far -- sh -c 'cd /tree && echo two >file && rm owned && sync'
		tree_of far >"$T/now"
		for to in $pools; do
			[[ $to != "$from" ]] || continue
			berth clone --pool "p-$to" far late
			berth clone --pool "p-$to" far@s early
			same "pool" "p-$to p-$to" "$(field late volume.pool) $(field early volume.pool)"
			berth start --wait late early
			tree_of late | diff "$T/now" -
			tree_of early | diff "$T/then" -
			# And on from there.
			berth snapshot early more
			berth exec early -- rm -r /tree
			berth reset --wait --to more early
			tree_of early | diff "$T/then" -
			berth delete --force late early
		done
		berth delete --force far
	done
	[[ $fast != thin ]] || { berth template delete bb-btrfs && berth pool delete p-btrfs; }
}

run_cases "$@"
