#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Volumes for data that travel with their machines: in exports and in backups.
needs_faults="case_killed case_killed_behind_the_machine"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/faults.sh
. "$top/tests/faults.sh"
# shellcheck source=tests/volumes.sh
. "$top/tests/volumes.sh"

target=$T/backups

set_up() {
	two_pools
}

forget() {
	berth backup forget "$target"
	rm -rf "$target" "$BERTH_ROOT/lib/backup-targets"
}

# anew MACHINE: it runs, with the empty volume "disk" at /srv; nothing else of these tests is there.
anew() {
	tear_down
	rm -f "$T"/*.berth
	mkdir -p "$target"
	berth create --pool "p-$fast" --set network= bb "$1"
	berth volume create --pool "p-$fast" --description "of $1" disk
	berth volume attach "$1" disk /srv
	berth start --wait "$1"
}

# write MACHINE TEXT: into its root and its volume.
write() {
	in_m "$1" "echo $2 >/file; echo $2 >/srv/file; sync"
}

# holds MACHINE ROOT DATA: what the two files have, of a machine that is started for it.
holds() {
	state_is "$1" running || berth start --wait "$1"
	same "root and data of $1" "$2 $3" "$(in_m "$1" 'cat /file /srv/file' | xargs)"
}

attached() {
	berth info --json "$1" | jq -r '[.volumes[] | .name + ":" + .target] | join(" ")'
}

nothing_new() {
	fails 1 "no machine 'x'" berth info x
	not there x-disk
	silent "a volume in the making" find "$BERTH_ROOT/run" -path '*/partial/*' -type f
	silent "an unfinished thing" find "$BERTH_ROOT/lib" -path '*/.unfinished/*' -type f
}

case_export() {
	local to
	anew a
	write a one
	berth volume create --pool p-dir read
	berth volume attach --read-only a read /read
	berth export --volumes a "$T/a.berth" 2>"$T/err"
	has "volume 'read' of machine 'a' is not in the export" "$(cat "$T/err")"
	lacks "volume 'disk'" "said: $(cat "$T/err")"
	write a two
	# Names that are taken are refused before anything is made.
	fails 1 "the stream has a volume 'disk' of the machine, and --volumes-as PREFIX gives it another name, .*volume 'disk' exists" \
		berth import --pool p-dir "$T/a.berth" x
	nothing_new
	for to in "$fast" dir; do
		berth import --pool "p-$to" --volumes-as x "$T/a.berth" x 2>"$T/err"
		same "its volume" "x-disk:/srv" "$(attached x)"
		same description "of a" "$(berth volume get x-disk description)"
		same "it is whole" '""' "$(berth volume get --json x-disk maker)"
		same "its pool" "p-$to" "$(berth volume get x-disk pool)"
		holds x one one
		berth delete --force x
		berth volume delete x-disk
	done
	berth import --no-volumes --pool p-dir "$T/a.berth" x 2>"$T/err"
	has "volume 'disk' of the stream is left out" "$(cat "$T/err")"
	same "volumes" "[]" "$(berth info --json x | jq -c .volumes)"
	berth delete x
	# A restore: the machine and its volume as they were, with their identities.
	local uuid data
	uuid=$(berth get a uuid) data=$(berth volume get disk uuid)
	berth delete --force a
	berth volume delete disk
	berth import --pool "p-$fast" "$T/a.berth"
	same uuid "$uuid $data" "$(berth get a uuid) $(berth volume get disk uuid)"
	same "its volume" "disk:/srv" "$(attached a)"
	holds a one one
}

case_damaged() {
	local flips=${STREAM_FLIPS:-12} size cut
	anew a
	write a one
	berth export --volumes a "$T/a.berth"
	size=$(stat -c %s "$T/a.berth")
	for cut in $((size / 2)) $((size - 900)) $((size - 1)); do
		head -c "$cut" "$T/a.berth" >"$T/cut"
		fails 1 "stream '.*cut': .*it is not complete" berth import --pool p-dir --volumes-as x "$T/cut" x
		nothing_new
	done
	same "damaged streams that were refused" "$flips" "$("$top/tests/integration/stream_flips.py" "$flips" 3 "$T" "$T/a.berth" \
		-- import --pool p-dir --volumes-as x @ x)"
	nothing_new
}

# Root and volume are of one moment, while a program writes to both.
case_one_moment() {
	local root data
	anew a
	berth exec a -- sh -c 'while :; do echo >>/root-file; echo >>/srv/file; done' &
	local writer=$!
	retry 20 in_m a 'test -s /srv/file'
	berth export --volumes a - | berth import --pool p-dir --set network= --volumes-as x - x
	kill "$writer"
	wait "$writer" || true
	berth start --wait x
	read -r root data <<<"$(in_m x 'wc -l </root-file; wc -l </srv/file' | xargs)"
	((root > 0 && root - data >= 0 && root - data <= 1)) || fault "$root lines and $data"
}

# Snapshots that were taken with volumes, as increments on another host's machine.
case_increments() {
	anew a
	write a one
	berth snapshot a s1
	berth export --volumes --snapshots a@s1 "$T/base.berth"
	write a two
	berth snapshot a s2
	berth export --volumes --since s1 a@s2 "$T/step.berth"
	fails 1 "an increment with volumes is of a snapshot: name it, as a@SNAP" berth export --volumes --since s1 a "$T/x.berth"
	berth volume create --pool p-dir late
	berth volume attach a late /late
	berth snapshot a s3
	fails 1 "snapshot 's2' of machine 'a' was taken without volume 'late'" \
		berth export --volumes --since s2 a@s3 "$T/x.berth"
	berth snapshot --no-volumes a bare
	berth volume snapshot disk own
	berth volume delete --snapshot s2 disk
	fails 1 "what volume 'disk' was with that snapshot of machine 'a' is gone; leave out --volumes" \
		berth export --volumes a@s2 "$T/x.berth"
	berth delete --force a
	berth volume delete disk late
	berth import --pool p-dir "$T/base.berth"
	same "its volume" "disk:/srv" "$(attached a)"
	holds a one one
	berth import "$T/step.berth"
	same snapshots "s1 s2" "$(berth volume info --json disk | jq -r '[.snapshots[].name] | join(" ")')"
	same "taken with" "disk disk" "$(berth snapshot list --json a | jq -r '.[].volumes[]' | xargs)"
	fails 1 "has a snapshot 's2' already" berth import "$T/step.berth"
	berth stop --force a
	berth restore --volumes a s2
	holds a two two
	berth stop --force a
	berth restore --volumes a s1
	holds a one one
	# A volume that has gone here.
	berth delete --force a
	berth volume delete disk
	berth import --pool p-dir --no-volumes "$T/base.berth"
	fails 1 "it has an increment of volume 'disk', which is not here; --no-volumes leaves it out" berth import "$T/step.berth"
	berth import --no-volumes "$T/step.berth"
	same snapshots "s1 s2" "$(berth snapshot list --json a | jq -r '[.[].name] | join(" ")')"
}

# backup WORDS...
backup() {
	berth backup "$@" --target "$target"
}

case_backup() {
	local first second
	anew a
	write a one
	lacks "volume 'disk'" "$(backup take a 2>&1)"
	write a two
	backup take a
	write a three
	same kinds "full+volumes increment+volumes" "$(backup list a | awk 'NR > 1 { print $4 }' | xargs)"
	same "with volumes" "true true" "$(backup list --json a | jq -r '.[].volumes' | xargs)"
	backup verify a
	read -r first second <<<"$(backup list --json a | jq -r '.[].date' | xargs)"
	# One snapshot for the target, of the machine and of its volume.
	same snapshots 1 "$(berth volume info --json disk | jq '.snapshots | length')"
	fails 1 "the stream has a volume 'disk' of the machine, and --volumes-as" berth backup restore --target "$target" "a@$first" x
	nothing_new
	backup restore --pool p-dir --volumes-as x "a@$second" x
	holds x two two
	same "its volume" "x-disk:/srv" "$(attached x)"
	berth delete --force x
	berth volume delete x-disk
	backup restore --no-volumes "a@$first" x
	same "volumes" "[]" "$(berth info --json x | jq -c .volumes)"
	berth delete --force x
	# The host has lost all: the newest comes back, and the next backup builds on it.
	berth delete --force a
	berth volume delete disk
	backup restore --pool "p-$fast" a
	holds a two two
	write a four
	backup take a
	same "an increment" increment "$(backup list --json a | jq -r '.[-1].kind')"
	backup restore --pool p-dir --volumes-as x a x
	holds x four four
	forget
}

# A volume that came later is in the increment as a whole, one that went is not; without the key none is.
case_backup_changes() {
	anew a
	write a one
	backup take a
	berth volume create --pool p-dir late
	berth volume attach a late /late
	in_m a 'echo late >/late/file; sync'
	write a two
	backup take a
	write a three
	in_m a 'echo later >/late/file; sync'
	backup take a
	backup restore --pool p-dir --volumes-as x a x
	holds x three three
	same late later "$(in_m x 'cat /late/file')"
	berth delete --force x
	berth volume delete x-disk x-late
	berth volume detach a disk
	backup take a
	backup restore --pool p-dir --volumes-as x a x
	same "its volumes" "x-late:/late" "$(attached x)"
	not there x-disk
	berth delete --force x
	berth volume delete x-late
	berth set a backup.volumes=no
	has "volume 'late' of machine 'a' is not in the backup" "$(backup take a 2>&1)"
	same "with volumes" "false" "$(backup list --json a | jq -r '.[-1].volumes')"
	backup restore --pool p-dir a x
	same "volumes" "[]" "$(berth info --json x | jq -c .volumes)"
	forget
}

# A killed command leaves nothing half made, and the next one is right.
case_killed() {
	local point round=0
	anew a
	write a one
	BERTH_FAULT=joint-taken:1 not_kindly berth export --volumes a "$T/a.berth"
	[[ ! -e $T/a.berth ]]
	berth export --volumes a "$T/a.berth"
	for point in $(points berth import --pool p-dir --volumes-as x "$T/a.berth" x); do
		if berth info x >/dev/null 2>&1; then
			berth delete --force x
		fi
		gone_volume x-disk
		BERTH_FAULT=$point not_kindly berth import --pool p-dir --volumes-as x "$T/a.berth" x
		# The next command: the same, or another that makes a volume.
		if ((++round % 2)) && ! berth info x >/dev/null 2>&1; then
			berth import --pool p-dir --volumes-as x "$T/a.berth" x
		else
			berth volume create --pool p-dir other
			berth volume delete other
		fi
		if berth info x >/dev/null 2>&1; then
			there x-disk
			holds x one one
		else
			berth create --pool p-dir --set network= bb other
			berth delete other
			nothing_new
		fi
	done
}

# The next command after a kill: it looks, or it would make the volume look like one that nobody has.
acts_on() {
	case $1 in
	list) there x-more ;;
	info) same "its path" /more "$(berth volume info --json x-more | jq -r '.machines[].target')" ;;
	start) berth start --wait x ;;
	snapshot) berth volume snapshot x-more s ;;
	joint) berth snapshot x s ;;
	detach) berth volume detach x x-more ;;
	delete) berth delete x ;;
	rename) berth volume rename x-more x-other && berth volume rename x-other x-more ;;
	esac
}

# Killed between its volumes, the machine is there: whatever comes next has the second volume too, with its data.
case_killed_behind_the_machine() {
	local next before
	anew a
	berth volume create --pool "p-$fast" more
	berth volume attach a more /more
	in_m a 'echo one >/file; echo one >/srv/file; echo more >/more/file; sync'
	berth export --volumes a "$T/a.berth"
	for next in list info start snapshot joint detach delete rename; do
		echo "# $next"
		BERTH_FAULT=travel-volume-ended:1 not_kindly berth import --pool p-dir --volumes-as x "$T/a.berth" x
		same "unfinished" x-more "$(cd "$BERTH_ROOT/lib/volumes/.unfinished" && echo *)"
		before=$(cd "$BERTH_ROOT/lib/volumes" && find . | sort)
		acts_on "$next"
		[[ $next != list && $next != info ]] || same "what is there" "$before" "$(cd "$BERTH_ROOT/lib/volumes" && find . | sort)"
		# Commands that make volumes and machines settle what is left.
		berth volume create --pool p-dir other
		berth volume delete other
		there x-more
		silent "an unfinished thing" find "$BERTH_ROOT/lib" -path '*/.unfinished/*' -type f
		if [[ $next == delete ]]; then
			berth create --pool p-dir --set network= bb x
			berth volume attach x x-disk /srv
		fi
		[[ $next != delete && $next != detach ]] || berth volume attach x x-more /more
		state_is x running || berth start --wait x
		same data "one more" "$(in_m x 'cat /srv/file /more/file' | xargs)"
		berth delete --force x
		berth volume delete x-disk x-more
	done
}

run_cases "$@"
