#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Volumes for data that go along with their machines: with clones and with snapshots.
needs_faults="case_clone_killed case_snapshot_killed case_restore_killed"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/faults.sh
. "$top/tests/faults.sh"
# shellcheck source=tests/volumes.sh
. "$top/tests/volumes.sh"

# A program adds a line to the root and to the volume in turns, so that a copy of two moments shows two numbers of lines.
counting() {
	in_m a 'rm -f /root-file /srv/file; while :; do echo >>/root-file; echo >>/srv/file; done >/dev/null 2>&1 & echo $! >/tmp/pid'
	retry 10 in_m a 'test -s /srv/file -a -s /root-file'
}

counted() {
	# shellcheck disable=SC2016 # in the machine
	in_m a 'kill $(cat /tmp/pid)'
}

# one_moment ROOT-NUMBER DATA-NUMBER: the program was between its two lines at most.
one_moment() {
	(($1 > 0 && $1 - $2 >= 0 && $1 - $2 <= 1))
}

numbers() {
	berth start --wait "$1"
	in_m "$1" 'wc -l </root-file; wc -l </srv/file' | xargs
}

case_clone_copies() {
	local root data
	fresh disk shared
	gone_volume c-disk
	berth volume attach a disk /srv
	berth volume attach --read-only a shared /shared
	in_m a 'echo of-a >/srv/own; chown 7:8 /srv/own'
	counting
	berth clone a c 2>"$T/err"
	counted
	has "volume 'disk' of 'a' is copied to 'c-disk'" "$(cat "$T/err")"
	has "volume 'shared' is shared with 'c', which reads it only" "$(cat "$T/err")"
	# The name of the machine comes before those of its copies.
	fails 1 "machine 'c' exists already" berth clone a c
	same "its own" "c-disk shared" "$(berth info --json c | jq -r '[.volumes[].name] | join(" ")')"
	same "where from" "volume disk" "$(berth volume info --json c-disk | jq -r .origin)"
	same "it is whole" '""' "$(berth volume get --json c-disk maker)"
	read -r root data <<<"$(numbers c)"
	one_moment "$root" "$data"
	same "with owners" "of-a 7 8" "$(in_m c 'cat /srv/own; stat -c "%u %g" /srv/own' | xargs)"
	in_m c 'echo of-c >/srv/own'
	same "they are apart" of-a "$(in_m a 'cat /srv/own')"
	berth volume create d-disk
	fails 1 "the copy of volume 'c-disk' of machine 'c' would be 'd-disk', which exists already" berth clone c d
	not berth info d
	berth volume delete d-disk
	berth delete --force c
	there c-disk
	berth volume delete c-disk
	berth volume detach a disk
	berth volume detach a shared
}

case_clone_shares_or_leaves() {
	fresh disk
	gone_volume c-disk
	berth volume attach a disk /srv
	in_m a 'echo one >/srv/file'
	berth clone --share a c 2>"$T/err"
	has "volume 'disk' is shared with 'c', which reads it only" "$(cat "$T/err")"
	berth start --wait c
	in_m a 'echo two >/srv/file'
	same "it sees it" two "$(in_m c 'cat /srv/file')"
	not in_m c 'echo three >/srv/file'
	berth delete --force c 2>"$T/err"
	not grep "volume delete" "$T/err"
	berth clone --no-volumes a c 2>"$T/err"
	has "volume 'disk' stays with 'a'" "$(cat "$T/err")"
	not grep -q volume "$(conf c)"
	berth delete c
	fails 2 "contradict each other" berth clone --share --no-volumes a c
	not there c-disk
	berth volume detach a disk
}

case_clones_many() {
	fresh disk
	berth create bb m
	berth volume attach m disk /srv
	berth clone --count 3 m n >/dev/null
	same "each its own" "n-1-disk n-2-disk n-3-disk" "$(berth volume list --json | jq -r '[.[].name | select(test("^n-"))] | join(" ")')"
	berth delete m n-1 n-2 n-3
	berth volume delete n-1-disk n-2-disk n-3-disk
}

# Whatever a killed clone has left is removed by the next command, or completed if the clone is there.
case_clone_killed() {
	local point list left
	fresh disk
	berth create bb m
	berth volume attach m disk /srv
	list=$(points berth clone m c)
	berth delete c
	berth volume delete c-disk
	has 'clone-volume-ended' "$list"
	for point in $list; do
		echo "cloning $point"
		BERTH_FAULT=$point not_kindly berth clone m c
		left=$(berth list --json | jq 'any(.name == "c")')
		[[ $left != true ]] || { berth start c && berth stop --force c; }
		# Commands that make volumes and machines settle what is left.
		berth volume create other
		berth volume delete other
		berth create bb next
		berth delete next
		same "both or none" "$left" "$(berth volume list --json | jq 'any(.name == "c-disk")')"
		silent "no mark" find "$BERTH_ROOT/lib" -path '*/.unfinished/*' -type f
		lacks "no owner" "$(berth doctor 2>&1 || true)"
		[[ $left != true ]] || { berth delete c && berth volume delete c-disk; }
	done
	berth delete m
}

snapshots_of() {
	berth volume info --json "$1" | jq -r '[.snapshots[].name] | sort | join(" ")'
}

case_snapshot_of_one_moment() {
	local root data
	fresh disk read
	berth create bb s
	berth volume attach s disk /srv
	berth volume attach --read-only s read /read
	berth start --wait s
	in_m s 'echo root >/own; echo data >/srv/own'
	berth volume snapshot disk taken
	fails 1 "volume 'disk' has a snapshot 'taken' already" berth snapshot s taken
	same "nothing of it" 0 "$(berth snapshot list --json s | jq length)"
	in_m s 'rm -f /root-file; while :; do echo >>/root-file; echo >>/srv/file; done >/dev/null 2>&1 & echo $! >/tmp/pid'
	retry 10 in_m s 'test -s /srv/file -a -s /root-file'
	berth snapshot s joint
	in_m s 'kill $(cat /tmp/pid); echo later >/own; echo later >/srv/own'
	same "of the volume" "joint taken" "$(snapshots_of disk)"
	same "not of one that it reads" 0 "$(berth volume info --json read | jq '.snapshots | length')"
	has '^joint +20.* disk$' "$(berth snapshot list s)"
	same "in JSON" disk "$(berth snapshot list --json s | jq -r '.[0].volumes[0]')"
	berth clone s@joint c 2>"$T/err"
	has "volume 'disk@joint' of 's' is copied to 'c-disk'" "$(cat "$T/err")"
	berth start --wait c
	same "a clone of it" "root data" "$(in_m c 'cat /own /srv/own' | xargs)"
	berth delete --force c
	berth volume delete c-disk
	berth snapshot --no-volumes s alone
	berth clone s@alone c 2>"$T/err"
	has "volume 'disk' stays with 's': snapshot 'alone' was taken without it" "$(cat "$T/err")"
	berth delete c
	same "alone" "joint taken" "$(snapshots_of disk)"
	fails 1 "is running; stop it|runs with it" berth restore --volumes s joint
	berth stop --force s
	fails 1 "snapshot 'alone' of machine 's' was taken without volumes" berth restore --volumes s alone
	fails 1 "machine 's' has no snapshot 'alnoe'" berth restore --volumes s alnoe
	berth restore s joint
	berth start --wait s
	same "the root alone" "root later" "$(in_m s 'cat /own /srv/own' | xargs)"
	berth stop --force s
	# The names may change.
	berth volume rename disk other
	berth snapshot rename s joint both
	berth restore --volumes s both
	berth start --wait s
	same "both" "root data" "$(in_m s 'cat /own /srv/own' | xargs)"
	read -r root data <<<"$(in_m s 'wc -l </root-file; wc -l </srv/file' | xargs)"
	one_moment "$root" "$data"
	berth stop --force s
	berth snapshot delete s both
	same "gone with it" taken "$(snapshots_of other)"
	berth snapshot s again
	berth volume delete --snapshot again other
	fails 1 "with volume 'other', which has lost that snapshot" berth restore --volumes s again
	# A later one of that name is the user's own.
	another_second
	berth volume snapshot other again
	berth snapshot delete s again
	same "kept" "again taken" "$(snapshots_of other)"
	berth delete s
	berth volume delete other
}

case_snapshot_killed() {
	local point list
	fresh disk
	berth create bb s
	berth volume attach s disk /srv
	list=$(points berth snapshot s one)
	has 'joint-volume' "$list"
	berth snapshot delete s one
	for point in $list; do
		echo "taking $point"
		BERTH_FAULT=$point not_kindly berth snapshot s one
		if [[ $point == joint-done* || $point == *replaced* ]]; then
			berth snapshot delete s one
		fi
		same "none of the machine" 0 "$(berth snapshot list --json s | jq length)"
		# The next one of the machine clears up, and has the name for itself.
		berth snapshot s one
		same "one of each" "one one" "$(snapshots_of disk) $(berth snapshot list --json s | jq -r '.[].name')"
		berth snapshot delete s one
		same "none of the volume" 0 "$(berth volume info --json disk | jq '.snapshots | length')"
		silent "no record" find "$BERTH_ROOT/lib/machines/s" -name 'joint.*'
		lacks "no owner" "$(berth doctor 2>&1 || true)"
	done
	berth delete s
}

case_restore_killed() {
	local point list
	fresh disk
	berth create bb s
	berth volume attach s disk /srv
	berth start --wait s
	in_m s 'echo root >/own; echo data >/srv/own; sync'
	berth snapshot s one
	berth stop --force s
	list=$(points berth restore --volumes s one)
	has 'joint-exchanged' "$list"
	for point in $list; do
		echo "restoring $point"
		berth start --wait s
		in_m s 'echo later >/own; echo later >/srv/own; sync'
		berth stop --force s
		BERTH_FAULT=$point not_kindly berth restore --volumes s one
		if [[ -e $BERTH_ROOT/lib/machines/s/half-restored ]]; then
			fails 1 "so that they are of different moments; finish it: berth restore --volumes s one" berth start s
		else
			berth start --wait s
			same "both or none" 1 "$(in_m s 'cat /own /srv/own' | grep -c later | grep -cxE '0|2')"
			berth stop --force s
		fi
		berth restore --volumes s one
		berth start --wait s
		same "both" "root data" "$(in_m s 'cat /own /srv/own' | xargs)"
		berth stop --force s
		lacks "no owner" "$(berth doctor 2>&1 || true)"
	done
	berth delete s
}

run_cases "$@"
