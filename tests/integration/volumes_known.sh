#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What is told of volumes for data, their names and settings, and targets that are in the way.
needs_faults="case_renamed_after_a_kill"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/faults.sh
. "$top/tests/faults.sh"
# shellcheck source=tests/volumes.sh
. "$top/tests/volumes.sh"

# What a start would refuse is refused before the section is written.
case_target_in_the_way() {
	fresh outer inner
	berth create bb s
	printf 'x\n' >"$T/file"
	berth push "$T/file" s:/file
	berth start --wait s
	in_m s 'ln -s /etc /link'
	berth stop --force s
	fails 1 "volume 'outer' cannot be shown as '/file': '/file' of the machine is no folder" berth volume attach s outer /file
	fails 1 "'/file' of the machine is no folder" berth volume attach s outer /file/deep
	fails 1 "'/link' of the machine is a link" berth volume attach s outer /link/data
	not grep -q volume "$(conf s)"
	berth volume attach a outer /srv
	in_m a 'echo >/srv/plain; mkdir /srv/folder'
	berth volume detach a outer
	berth volume attach s outer /data
	fails 1 "volume 'inner' cannot be shown as '/data/plain': '/data/plain' of the machine is no folder" berth volume attach s inner /data/plain
	berth volume attach s inner /data/folder
	berth volume detach s outer
	# The outer one comes last, and has a file where the inner one is.
	berth volume detach s inner
	berth volume attach s inner /data/plain
	fails 1 "volume 'inner' cannot be shown as '/data/plain'" berth volume attach s outer /data
	berth volume detach s inner
	berth volume attach --read-only s outer /data
	fails 1 "no such folder in volume 'outer', which is read-only" berth volume attach s inner /data/none
	berth volume attach s inner /data/folder
	berth start --wait s
	in_m s 'grep -q " /data/folder " /proc/mounts'
	berth delete --force s
}

# Files that a volume hides are told, in the root and in a volume that it lies in; an empty folder is not.
case_what_it_hides() {
	local running
	fresh over other
	berth create bb h
	for running in no yes; do
		[[ $running == no ]] || berth start --wait h
		silent "of a missing folder" berth volume attach h over /new
		berth volume detach h over
		[[ $running == yes ]] || berth start --wait h
		in_m h 'mkdir -p /full/below /empty; echo kept >/full/file; mount | grep -q " /full " && exit 1 || :'
		[[ $running == yes ]] || berth stop --force h
		silent "of an empty folder" berth volume attach h over /empty
		berth volume detach h over
		has "volume 'over' hides the files that the machine has at '/full', until it is taken away" "$(berth volume attach h over /full 2>&1)"
		berth volume detach h over
	done
	same "the files" kept "$(berth exec h cat /full/file)"
	berth volume attach h other /outer
	in_m h 'mkdir /outer/at; echo x >/outer/at/file'
	has "volume 'over' hides the files .* at '/outer/at'" "$(berth volume attach h over /outer/at 2>&1)"
	berth volume detach h over
	berth stop --force h
	has "volume 'over' hides the files .* at '/outer/at'" "$(berth volume attach h over /outer/at 2>&1)"
	berth delete h
}

case_not_mounted_is_told() {
	fresh disk
	berth volume attach a disk /srv
	has '^data: +disk as /srv$' "$(berth info a)"
	same "in JSON" true "$(berth info --json a | jq '.volumes[0].mounted')"
	lacks "has volume 'disk' not mounted" "$(berth doctor 2>&1 || true)"
	in_m a 'umount /srv'
	has '^data: +disk as /srv, not mounted now$' "$(berth info a)"
	same "in JSON" false "$(berth info --json a | jq '.volumes[0].mounted')"
	has "machine 'a' runs, and has volume 'disk' not mounted at '/srv'" "$(berth doctor 2>&1 || true)"
	has "berth volume attach a disk /srv" "$(berth doctor 2>&1 || true)"
	berth volume attach a disk /srv
	has '^data: +disk as /srv$' "$(berth info a)"
	berth volume detach a disk
	berth create bb down
	berth volume attach down disk /srv
	same "not running" null "$(berth info --json down | jq '.volumes[0].mounted')"
	berth delete down
}

case_broken_info() {
	fresh lost
	berth create bb s
	berth volume attach s lost /srv
	mv "$BERTH_ROOT/lib/volumes/lost/volume.conf" "$T/kept"
	fails 1 "has lost its settings" berth volume info lost
	has '^machine: +s at /srv$' "$(berth volume info lost 2>/dev/null || true)"
	same "in JSON" "broken volume.conf s" "$(berth volume info --json lost 2>/dev/null |
		jq -r '"\(.state) \(.missing) \(.machines[0].name)"')"
	sed 's/^pool = .*/pool = nowhere/' "$T/kept" >"$BERTH_ROOT/lib/volumes/lost/volume.conf"
	fails 1 "volume 'lost' has lost its data: there is no pool 'nowhere'" berth volume info lost
	has '^missing: +pool$' "$(berth volume info lost 2>/dev/null || true)"
	mv "$T/kept" "$BERTH_ROOT/lib/volumes/lost/volume.conf"
	berth delete s
	berth volume info lost
}

case_sizes_in_the_list() {
	local used
	berth pool create side --driver dir
	berth volume create --pool side counted
	berth volume attach a counted /counted
	in_m a 'dd if=/dev/zero of=/counted/big bs=1M count=3 2>/dev/null; sync'
	has '^NAME +POOL +SIZE +USED +MACHINE +CREATED +DESCRIPTION$' "$(berth volume list)"
	used=$(berth volume list --usage --json | jq '.[] | select(.name == "counted").used')
	((used >= 3 << 20))
	same "as info has it" "$used" "$(berth volume info --json counted | jq .used)"
	has '^counted +side +- +[0-9.]+ MiB +a:/counted ' "$(berth volume list --usage)"
	berth volume detach a counted
	fails 1 "volume 'sized' cannot have a size: pool 'side'" berth volume create --pool side --size 20M sized
	lacks 'clone|disk\.size' "$(cat "$T/err" 2>/dev/null)"
	berth volume delete counted
	berth pool delete side
}

case_settings() {
	fresh disk
	berth volume set disk description="of the shop"
	same "set" "of the shop" "$(berth volume get disk description)"
	same "in JSON" "of the shop" "$(berth volume get --json disk | jq -r .description)"
	has ' of the shop$' "$(berth volume list)"
	fails 2 "pool is made by berth and cannot be set" berth volume set disk pool=other
	fails 2 "unknown key|no key" berth volume set disk size=3
	berth volume unset disk description
	same "unset" '""' "$(berth volume get --json disk | jq .description)"
	fails 1 "no volume 'dsk'; did you mean 'disk'" berth volume set dsk description=x
}

case_renamed() {
	fresh disk
	gone_volume other
	berth create bb r
	berth create bb reader
	berth volume attach r disk /srv
	berth volume attach --read-only reader disk /srv
	berth start --wait r
	in_m r 'echo kept >/srv/file'
	berth volume snapshot disk one
	fails 1 "volume 'disk' keeps its name while machine 'r' runs with it" berth volume rename disk other
	berth stop --force r
	berth volume create other
	fails 1 "volume 'other' exists already" berth volume rename disk other
	berth volume delete other
	fails 1 "has this name already" berth volume rename disk disk
	fails 2 "name 'a.b' has characters" berth volume rename disk a.b
	berth volume rename disk other
	not there disk
	same "the machines follow" "r reader" "$(berth volume info --json other | jq -r '[.machines[].name] | sort | join(" ")')"
	same "the snapshot too" one "$(berth volume info --json other | jq -r '.snapshots[].name')"
	not test -e "$BERTH_ROOT/lib/volumes/disk"
	lacks 'data(snapshot)?\.disk' "$(berth pool usage default 2>&1)"
	berth start --wait r
	same "the data" kept "$(in_m r 'cat /srv/file')"
	berth delete --force r reader
	lacks "no owner" "$(berth doctor 2>&1 || true)"
	berth volume delete other
}

case_renamed_after_a_kill() {
	local point list
	fresh disk
	gone_volume other
	berth create bb s
	berth volume attach s disk /srv
	berth volume snapshot disk one
	list=$(points berth volume rename disk other)
	has 'rename-volume' "$list"
	for point in $list; do
		there disk || berth volume rename other disk
		echo "renaming $point"
		BERTH_FAULT=$point not_kindly berth volume rename disk other
		# Whatever was reached: there is one volume, and it is no problem to anybody.
		same "one of them" 1 "$(berth volume list --json | jq '[.[] | select(.name == "disk" or .name == "other")] | length')"
		berth volume list
		lacks "no owner" "$(berth doctor 2>&1 || true)"
		# The next command completes it.
		berth volume snapshot "$(berth volume list --json | jq -r '.[].name' | grep -xE 'disk|other')" two
		berth volume delete --snapshot two "$(berth volume list --json | jq -r '.[].name' | grep -xE 'disk|other')"
		silent "no mark" find "$BERTH_ROOT/lib" -path '*/.renaming/*' -type f
		same "the machine follows" "$(berth volume list --json | jq -r '.[].name' | grep -xE 'disk|other')" \
			"$(sed -n 's/^\[volume \(.*\)\]/\1/p' "$(conf s)")"
		berth start s
		berth stop --force s
	done
	berth delete s
	gone_volume disk other
}

case_left_behind_is_told() {
	fresh disk
	berth create bb left
	berth volume attach left disk /srv
	berth export left "$T/left.berth" 2>"$T/err"
	has "volume 'disk' of machine 'left' is not in the export; .*berth volume export disk FILE" "$(cat "$T/err")"
	berth publish left left-template 2>"$T/err"
	has "volume 'disk' of machine 'left' is not in the template" "$(cat "$T/err")"
	mkdir -p "$T/backups"
	berth backup take --target "$T/backups" left 2>"$T/err"
	lacks "is not in the backup" "made: $(cat "$T/err")"
	berth set left backup.volumes=no
	berth backup take --target "$T/backups" left 2>"$T/err"
	has "volume 'disk' of machine 'left' is not in the backup" "$(cat "$T/err")"
	berth backup forget "$T/backups"
	rm -rf "$BERTH_ROOT/lib/backup-targets"
	berth template delete left-template
	berth delete left
}

case_events_and_words() {
	fresh disk
	berth volume attach a disk /srv
	berth volume snapshot disk one
	berth volume detach a disk
	berth volume restore disk one
	berth volume rename disk disk2
	berth volume delete --snapshot one disk2
	berth volume delete disk2
	same "in order" "volume-attached volume-snapshot-taken volume-detached volume-restored volume-renamed volume-snapshot-deleted volume-deleted" \
		"$(grep -hE '"volume":"disk2?"' "$BERTH_ROOT/run/events" | jq -r .event | tail -7 | xargs)"
	same "with its machine" a "$(grep -h volume-attached "$BERTH_ROOT/run/events" | tail -1 | jq -r .machine)"
	fresh disk
	berth volume snapshot disk first
	same "its verbs" "rename resize restore" "$(berth _complete volume re | sort | xargs)"
	same "its snapshots" first "$(berth _complete volume restore disk '' | xargs)"
	same "of delete" first "$(berth _complete -- volume delete disk --snapshot '' | xargs)"
	same "its keys" description= "$(berth _complete volume set disk '' | xargs)"
	same "of create" disk "$(berth _complete -- volume create --from d | xargs)"
}

run_cases "$@"
