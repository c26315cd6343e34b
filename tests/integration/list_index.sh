#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The index of list, RUN/list.index: a list out of it shows what the files say, whatever has changed since, and also if
# the index is missing, damaged, another's, or cannot be written.
needs_faults="case_killed_while_it_is_written"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/faults.sh
. "$top/tests/faults.sh"

lib=$BERTH_ROOT/lib index=$BERTH_ROOT/run/list.index
machines=70 # more than the least for which there is an index

# listed [NAME]: all that the index has, without the times that go on. With a word, list reads the files.
listed() {
	berth list --columns name,state,booted,address,template,pool,network,flags,labels,created,init "$@"
	berth list --json "$@"
}

# agrees [STATUS]: a list out of the index is that of the files, also a second time.
agrees() {
	local status=0 wanted=${1:-0} n
	listed '*' >"$T/of-files" 2>"$T/said-of-files" || status=$?
	same "status of a list" "$wanted" "$status"
	for n in 1 2; do
		status=0
		listed >"$T/of-index" 2>"$T/said-of-index" || status=$?
		same "status of list $n" "$wanted" "$status"
		diff "$T/of-files" "$T/of-index" || fault "list $n differs from the files"
		diff "$T/said-of-files" "$T/said-of-index" || fault "list $n says something else"
	done
}

# read_of NAME: how many files of that name a list opens.
read_of() {
	strace -qq -e trace=openat -o "$T/opened" berth list >"$T/out" 2>&1 || true
	grep -c "/$1\"" "$T/opened" || true
}

# Files count once they have not changed for some seconds.
nothing_is_read() {
	reads_at_most 0 && [[ $(read_of state) -eq 0 ]]
}

# reads_at_most NUMBER: so many settings, by a list after the one that has made an index.
reads_at_most() {
	rm -f "$index"
	berth list >"$T/out" 2>&1 || true
	(($(read_of machine.conf) <= $1))
}

settled() {
	retry 30 nothing_is_read
}

# shows PATTERN: so a list that agrees with the files.
shows() {
	agrees
	has "$1" "$(cat "$T/of-index")"
}

set_up() {
	local n
	berth pool create default --driver "${STORAGE_DRIVER:-dir}"
	busybox_template bb
	berth create bb m
	berth start m
	berth stop --force m
	berth list
	for ((n = 2; n <= machines; n++)); do
		berth clone m "c$n" 2>/dev/null
	done
}

case_few_machines_have_none() {
	local other=$T/other
	mkdir "$other"
	berth --root "$other" list --json >/dev/null
	not test -e "$other/run"
	rm -f "$index"
	berth list 'c*' >/dev/null
	berth list --columns name,uuid >/dev/null
	not test -e "$index"
}

case_nothing_is_read() {
	local looks
	settled
	same mode 600 "$(stat -c %a "$index")"
	strace -qq -o "$T/trace" berth list >/dev/null
	looks=$(grep -c '^newfstatat' "$T/trace")
	((looks <= 2 * machines + 40)) || fault "a list of $machines machines takes $looks looks"
	((looks >= 2 * machines)) || fault "a list of $machines machines takes only $looks looks"
	same "calls that write" 0 "$(grep -cE 'O_CREAT|^(rename|unlink|mkdir)' "$T/trace" || true)"
	agrees
	# What the index does not have comes from the files.
	has "^c2 +$(field c2 uuid)" "$(berth list --columns name,uuid)"
}

case_settings_that_a_person_edits() {
	local conf=$lib/machines n
	settled
	echo 'label.role = db' >>"$conf/c5/machine.conf"
	# In the same file, of the same length, with the time of before.
	touch -r "$conf/c6/machine.conf" "$T/before"
	sed 's/^template = bb/template = xy/' "$conf/c6/machine.conf" >"$T/conf"
	dd if="$T/conf" of="$conf/c6/machine.conf" conv=notrunc status=none
	touch -r "$T/before" "$conf/c6/machine.conf"
	mv "$conf/c7/machine.conf" "$T/aside"
	cp "$conf/c8/machine.conf" "$T/emptied"
	: >"$conf/c8/machine.conf"
	agrees 1
	has '^c5 .* role=db' "$(cat "$T/of-index")"
	has '^c6 .* xy ' "$(cat "$T/of-index")"
	for n in c7 c8; do
		has "^$n +broken" "$(cat "$T/of-index")"
	done
	mv "$T/aside" "$conf/c7/machine.conf"
	cp "$T/emptied" "$conf/c8/machine.conf"
	settled
	has '^c5 +role=db' "$(berth list --label role --columns name,labels)"
	same "machines with the label" 2 "$(berth list --label role --columns name,labels | wc -l)"
	berth set c5 label.role=
	agrees
}

case_machines_come_and_go() {
	settled
	berth clone m new
	# A folder that is moved away, and one that is mounted over.
	mv "$lib/machines/c9" "$T/c9"
	mkdir "$T/mounted"
	sed 's/^template = .*/template = other/' "$lib/machines/c10/machine.conf" >"$T/mounted/machine.conf"
	mount --bind "$T/mounted" "$lib/machines/c10"
	agrees 1
	has '^new +stopped' "$(cat "$T/of-index")"
	has '^c9 +broken' "$(cat "$T/of-index")"
	has '^c10 .* other ' "$(cat "$T/of-index")"
	mv "$T/c9" "$lib/machines/c9"
	umount "$lib/machines/c10"
	agrees
	settled
	berth rename new newer
	shows '^newer +stopped'
	lacks '^new ' "$(cat "$T/of-index")"
	berth delete newer
	agrees
	lacks '^newer' "$(cat "$T/of-index")"
}

case_runs() {
	berth start m
	retry 30 booted_by_index m
	agrees
	settled
	shows '^m +running +yes'
	berth pause m
	shows '^m +paused'
	berth resume m
	shows '^m +running'
	settled
	berth stop --force m
	shows '^m +stopped'
}

booted_by_index() {
	berth list | grep -Eq "^$1 +running +yes"
}

case_killed_keeper() {
	local keeper
	berth start --wait m
	settled
	keeper=$(field m keeper)
	kill -KILL "$keeper"
	retry 10 not_running "$keeper"
	has '^m +failed' "$(berth list)"
	agrees
	berth stop m
	shows '^m +stopped'
}

not_running() {
	! kill -0 "$1" 2>/dev/null
}

case_marks_beside_the_settings() {
	local ended="$lib/machines/c11/ended"
	[[ -e $ended ]] || printf 'ok\npowered off\n' >"$ended"
	settled
	printf 'failed\nkilled\n' >"$T/ended"
	mv "$T/ended" "$ended"
	printf 'phase moved\ntoken 0b1f2c3d-0003-4002-8003-0123456789ab\nhost there\nran no\n' >"$lib/machines/c12/move"
	agrees
	has '^c11 +failed' "$(cat "$T/of-index")"
	has '^c12 +moved' "$(cat "$T/of-index")"
	retry 30 reads_at_most 2
	# The end of a run that did not fail is written into the same file.
	printf 'ok\npowered off\n' >"$ended"
	rm "$lib/machines/c12/move"
	agrees
	has '^c11 +stopped' "$(cat "$T/of-index")"
	has '^c12 +stopped' "$(cat "$T/of-index")"
}

case_volumes_and_pools() {
	local volumes=$lib/pools/default/volumes
	# Of other pools they are no folders of the host.
	[[ -d $volumes ]] || return 0
	settled
	mv "$volumes/machine.c3" "$T/volume"
	mkdir "$volumes/machine.stray"
	agrees 1
	has '^c3 +broken' "$(cat "$T/of-index")"
	has '^stray +broken' "$(cat "$T/of-index")"
	mv "$T/volume" "$volumes/machine.c3"
	# Also while nothing changes.
	retry 30 reads_at_most 2
	agrees 1
	has '^stray +broken' "$(cat "$T/of-index")"
	rmdir "$volumes/machine.stray"
	agrees
	settled
	mv "$lib/pools/default/pool.conf" "$T/pool.conf"
	agrees 1
	mv "$T/pool.conf" "$lib/pools/default/pool.conf"
	agrees
}

case_addresses() {
	local network=$lib/networks/default
	berth network create other
	settled
	mv "$network/names/m" "$T/lease"
	berth nic add c14 second --network other
	agrees
	not grep -Eq '^m .*[0-9]\.[0-9]' "$T/of-index"
	mv "$T/lease" "$network/names/m"
	shows '^m .*[0-9]\.[0-9]'
	berth nic remove c14 second
	settled
	cp "$network/network.conf" "$T/network.conf"
	sed 's/^subnet = .*/subnet = 10.199.0.0\/24/' "$T/network.conf" >"$network/network.conf"
	agrees
	not grep -Eq '^m .*[0-9]\.[0-9]' "$T/of-index"
	cp "$T/network.conf" "$network/network.conf"
	shows '^m .*[0-9]\.[0-9]'
}

# damaged WHAT: the list is right, and then there is a good index again.
damaged() {
	echo "# $1"
	agrees
	(($(read_of machine.conf) == 0)) || fault "$1: there is no good index again"
}

case_damaged_index() {
	local length at
	settled
	length=$(stat -c %s "$index")
	for at in 0 1 40 "$((length / 2))" "$((length - 1))"; do
		truncate -s "$at" "$index"
		damaged "cut at $at"
	done
	# Its magic, its format, its boot, its sum, and entries.
	for at in 0 8 40 100 130 "$((length / 2))" "$((length - 9))"; do
		printf '\377' | dd of="$index" bs=1 seek="$at" conv=notrunc status=none
		damaged "a byte at $at"
	done
	head -c "$length" /dev/urandom >"$index"
	damaged "noise"
}

case_what_is_no_index() {
	settled
	# It would be believed, but for who may write it.
	chmod 0666 "$index"
	(($(read_of machine.conf) == machines)) || fault "an index that all may write is believed"
	agrees
	rm -f "$index"
	mkdir "$index"
	agrees
	(($(read_of machine.conf) == machines)) || fault "a folder is read"
	rmdir "$index"
	mkfifo "$index"
	timeout 60 berth list >/dev/null
	agrees
	rm -f "$index" "$index.new"
	mkfifo "$index.new"
	timeout 60 berth list >/dev/null
	agrees
	rm -f "$index.new"
	ln -s "$T/elsewhere" "$index.new"
	agrees
	not test -e "$T/elsewhere"
	rm "$index.new"
	damaged "after all"
}

case_read_only() {
	settled
	mount --bind "$BERTH_ROOT/run" "$BERTH_ROOT/run"
	mount -o remount,bind,ro "$BERTH_ROOT/run"
	agrees
	umount "$BERTH_ROOT/run"
	rm "$index"
	mount --bind "$BERTH_ROOT/run" "$BERTH_ROOT/run"
	mount -o remount,bind,ro "$BERTH_ROOT/run"
	agrees
	not test -e "$index"
	umount "$BERTH_ROOT/run"
	damaged "after it could be written again"
}

# No room for it is no reason to fail.
case_full() {
	settled
	rm "$index"
	mkdir "$T/small"
	mount -t tmpfs -o size=4k,nr_inodes=100 none "$T/small"
	cp -a "$BERTH_ROOT/run/." "$T/small" 2>/dev/null || true
	mount --bind "$T/small" "$BERTH_ROOT/run"
	agrees
	not test -e "$index"
	not test -e "$index.new"
	umount "$BERTH_ROOT/run" "$T/small"
	agrees
}

case_several_at_once() {
	local n
	rm -f "$index"
	listed '*' >"$T/of-files"
	for n in 1 2 3 4 5 6 7 8; do
		(listed && listed) >"$T/at-once.$n" 2>&1 &
	done
	wait
	cat "$T/of-files" "$T/of-files" >"$T/twice"
	for n in 1 2 3 4 5 6 7 8; do
		diff "$T/twice" "$T/at-once.$n"
	done
	settled
	agrees
}

case_killed_while_it_is_written() {
	local point seen
	rm -f "$index"
	seen=$(points berth list 2>/dev/null | grep -v '^ok' | grep '^index_')
	same points "index_begun:1 index_half:1 index_written:1 index_renamed:1" "$(xargs <<<"$seen")"
	for point in $seen; do
		rm -f "$index"
		BERTH_FAULT=$point not_kindly berth list
		agrees
		settled
	done
}

run_cases "$@"
