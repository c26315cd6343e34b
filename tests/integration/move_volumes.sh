#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Volumes for data that go with their machines to another host: moved, and sent.
needs_debian="bookworm"
needs_packages="openssh-server"
needs_faults="case_killed_here case_killed_there case_send_killed"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/other_host.sh
. "$top/tests/other_host.sh"
# shellcheck source=tests/moves.sh
. "$top/tests/moves.sh"

fast=${STORAGE_DRIVER:-btrfs}

set_up() {
	berth pool create default --driver "$fast"
	berth pool create p-dir --driver dir
	there pool create default --driver "$fast"
	beating_template
	start_server
}

tear_down() {
	clean
	stop_server
}

send() {
	timeout $((60 * $(slowness))) "$T/ssh/send" "$@" 2>"$T/said" || fault "send $*: $(cat "$T/said")"
}

clean() {
	delete_each list 'delete --force'
	delete_volumes berth
	BERTH_ROOT=$T/there delete_each list 'delete --force'
	delete_volumes there
}

# delete_volumes SIDE: berth or there.
delete_volumes() {
	local volume
	for volume in $("$1" volume list --json | jq -r '.[].name'); do
		"$1" volume delete "$volume"
	done
}

# volumes SIDE: their names.
volumes() {
	"$1" volume list --json | jq -r '[.[].name | select(. != "")] | if length > 0 then join(" ") else empty end'
}

# attached SIDE MACHINE
attached() {
	"$1" info --json "$2" | jq -r '[.volumes[] | .name + ":" + .target] | sort | join(" ")'
}

nothing_of() {
	silent "data of $1" find "$BERTH_ROOT/lib" "$T/there/lib" -path '*/pools/*' -maxdepth 7 \
		\( -name "data.$1" -o -name "datasnapshot.$1.*" -o -name "incoming.data.$1" \) -path "$2/*"
}

# with_volume MACHINE: a machine that is not started, with volume "disk" of another pool at /srv.
with_volume() {
	clean
	berth create --set network= bb "$1"
	berth volume create --pool p-dir --description "of $1" disk
	berth volume attach "$1" disk /srv
}

# beating_with MACHINE: it runs, and writes into its root and its volume.
beating_with() {
	with_volume "$1"
	berth start --wait "$1"
	berth exec "$1" -- sh -c ': >/srv/beats'
	retry 20 volume_beats_more "$1" 3 berth
}

volume_beats_more() {
	(($("$3" exec "$1" -- cat /srv/beats | wc -l) > $2))
}

# check_both MACHINE: the beats of its root and those of its volume, there.
check_both() {
	local last
	check_beats "$1" >/dev/null
	there exec "$1" -- cat /srv/beats >"$T/srv"
	# A stop may come between the two writes of a beat.
	awk '$1 != last + 1 && $1 != last + 2 && NR > 1 { print "line " NR " has beat " $1; exit 1 } { last = $1 }' "$T/srv" ||
		fault "beats in the volume"
	last=$(tail -n 1 "$T/srv" | cut -d ' ' -f 1)
	(($(wc -l <"$T/beats") <= last + 2)) || fault "the volume ends at $last of $(wc -l <"$T/beats")"
}

case_stopped() {
	local uuid data
	with_volume still
	berth volume create --pool p-dir read
	berth volume attach --read-only still read /read
	berth start --wait still
	berth exec still -- sh -c 'echo one >/file; echo one >/srv/file; sync'
	berth snapshot still s1
	berth exec still -- sh -c 'echo two >/file; echo two >/srv/file; sync'
	berth stop still
	berth volume snapshot disk own
	uuid=$(berth get still uuid) data=$(berth volume get disk uuid)
	same "its name" still "$(move still other)"
	gone_here still
	silent "volumes here" volumes berth
	nothing_of disk "$BERTH_ROOT"
	same "volumes there" "disk read" "$(volumes there)"
	same uuids "$uuid $data" "$(there get still uuid) $(there volume get disk uuid)"
	same description "of still" "$(there volume get disk description)"
	same "its maker" '""' "$(there volume get --json disk maker)"
	same "what it has" "disk:/srv read:/read" "$(attached there still)"
	same "its snapshots" "own s1" "$(there volume info --json disk | jq -r '[.snapshots[].name] | sort | join(" ")')"
	same "taken with" disk "$(there snapshot list --json still | jq -r '.[] | select(.name == "s1") | .volumes[]')"
	there start --wait still
	same data "two two" "$(there exec still -- cat /file /srv/file | xargs)"
	there stop --force still
	there restore --volumes still s1
	there start --wait still
	same data "one one" "$(there exec still -- cat /file /srv/file | xargs)"
}

case_running() {
	local said
	beating_with web
	berth exec web -- sh -c 'head -c 30000000 /dev/urandom >/srv/large; sync'
	berth exec web -- sha256sum /srv/large >"$T/sum"
	same "its name" web "$(move web other)"
	said=$(cat "$T/said")
	has "stood still for [0-9.]+ s" "$said"
	gone_here web
	silent "volumes here" volumes berth
	nothing_of disk "$BERTH_ROOT"
	state_there web running
	retry 20 volume_beats_more web 20 there
	check_both web
	there exec web -- sha256sum /srv/large | cmp - "$T/sum"
	silent "snapshots there" snapshots there snapshot list --json web
	same "snapshots of the volume there" 0 "$(there volume info --json disk | jq '.snapshots | length')"
	echo "# $said"
}

# moved_back MACHINE: from there to here.
moved_back() {
	BERTH_ROOT=$T/there timeout $((60 * $(slowness))) berth move --ssh "ssh -F $T/ssh/config" --berth "$T/ssh/back" "$1" other \
		2>"$T/said" || fault "move back: $(cat "$T/said")"
}

# Moves in a row, to and fro, under the writer: MOVES of them, an odd number. None of its beats is lost, and none is there
# twice; each silence is told.
case_often() {
	local i count=${MOVES:-3}
	sed "s|BERTH_ROOT=$T/there|BERTH_ROOT=$BERTH_ROOT|" "$T/ssh/berth" >"$T/ssh/back"
	chmod +x "$T/ssh/back"
	beating_with web
	for ((i = 1; i <= count; i++)); do
		if ((i % 2)); then
			move web other >/dev/null
		else
			moved_back web >/dev/null
		fi
		echo "# move $i: $(grep -o "stood still for [0-9.]* s" "$T/said")"
	done
	retry 20 volume_beats_more web 20 there
	echo "# longest silence of $count moves: $(check_beats web) ms"
	check_both web
	silent "volumes here" volumes berth
}

# The rounds of a live move send what has changed, and not the volume once more.
case_increments() {
	local bytes
	beating_with web
	berth exec web -- sh -c 'head -c 30000000 /dev/urandom >/srv/large; sync'
	printf '#!/bin/bash\ntee >(wc -c >>%s/bytes) | ssh -F %s/ssh/config "$@"\n' "$T" "$T" >"$T/counting"
	chmod +x "$T/counting"
	: >"$T/bytes"
	same "its name" web "$(berth move --compress none --ssh "$T/counting" --berth "$T/ssh/berth" web other 2>"$T/said")"
	retry 10 test -s "$T/bytes"
	bytes=$(cat "$T/bytes")
	((bytes > 30000000 && bytes < 45000000)) || fault "$bytes bytes"
	check_both web
}

case_shared() {
	local before
	with_volume a
	berth create --set network= bb b
	berth volume attach --read-only b disk /disk
	before=$(berth info --json a)
	fails 1 "volume 'disk' of machine 'a' is attached to machine 'b' as well, .*berth volume detach b disk.*--no-volumes" \
		"$T/ssh/move" a other
	fails 1 "is attached to machine 'b' as well" "$T/ssh/move" --dry-run a other
	same "the machine" "$before" "$(berth info --json a)"
	fails 1 "no machine 'a'" "$T/ssh/berth" info a
	same "its name" a "$(move --no-volumes a other)"
	has "volume 'disk' of machine 'a' is not in what was moved" "$(cat "$T/said")"
	gone_here a
	same "volumes here" disk "$(volumes berth)"
	silent "volumes there" volumes there
	same "what it has there" "[]" "$(there info --json a | jq -c .volumes)"
	there start --wait a
}

# What is there keeps a machine from its move before anything is sent.
case_taken() {
	with_volume a
	there volume create disk
	fails 1 "volume 'disk' exists already there; rename it on one of the hosts.*--no-volumes" "$T/ssh/move" a other
	fails 1 "volume 'disk' exists already there" "$T/ssh/move" --dry-run a other
	same move null "$(berth info --json a | jq .move)"
	fails 1 "no machine 'a'" "$T/ssh/berth" info a
	fails 1 "the stream has a volume 'disk' of the machine, and --volumes-as PREFIX gives it another name" \
		"$T/ssh/send" --network "" a other
	same "its name" a "$(send --network "" --volumes-as x a other)"
	same "what it has" "x-disk:/srv" "$(attached there a)"
	there delete a
	there volume delete disk
	# The copy that is left of it is of no machine.
	fails 1 "volume 'disk' is there already, as 'x-disk', and machine 'a' there has it not" "$T/ssh/move" a other
	there volume delete x-disk
	move --dry-run a other >"$T/planned"
	has "^volume: 'disk', .*, goes with it" "$(cat "$T/planned")"
	silent "volumes there" volumes there
	move --dry-run --no-volumes a other >"$T/planned"
	has "^volume: 'disk', .*, stays here" "$(cat "$T/planned")"
	same "its name" a "$(move a other)"
	same "volumes" "disk" "$(volumes there)"
}

# A move that is ended takes back what has arrived, the volume too.
case_abort() {
	beating_with web
	cutter "take moving-[0-9a-f]*- "
	not berth move --ssh "$T/cut" --berth "$T/ssh/berth" web other 2>/dev/null
	has "web +arriving" "$(there list)"
	same "volumes there" disk "$(volumes there)"
	fails 1 "is arriving from host" "$T/ssh/berth" volume detach web disk
	move --abort web
	fails 1 "no machine 'web'" "$T/ssh/berth" info web
	silent "volumes there" volumes there
	nothing_of disk "$T/there"
	same "snapshots of the volume" 0 "$(berth volume info --json disk | jq '.snapshots | length')"
	state_is web running
	# Deleted there, and moved again.
	not berth move --ssh "$T/cut" --berth "$T/ssh/berth" web other 2>/dev/null
	there delete web
	silent "volumes there" volumes there
	same "its name" web "$(move web other)"
	check_both web
	silent "volumes here" volumes berth
}

# Asked to take the machine over, the other host does not answer: then it is taken back, and goes again.
case_unsure() {
	beating_with asks
	cutter accept
	refused "may have taken machine 'asks' over" berth move --ssh "$T/cut" --berth "$T/ssh/berth" asks other
	same "volumes here" disk "$(volumes berth)"
	move --abort asks
	silent "volumes there" volumes there
	berth start --wait asks
	refused "may have taken machine 'asks' over" berth move --ssh "$T/cut" --berth "$T/ssh/berth" asks other
	same "its name" asks "$(move asks other)"
	check_both asks
	silent "volumes here" volumes berth
}

begin_killed() {
	beating_with web
}

# The volume is on one side at the end.
check_killed() {
	# The next command that makes or deletes a volume removes what is half removed.
	berth volume create --pool p-dir other
	berth volume delete other
	gone_here web && state_there web running && check_both web || return
	silent "volumes here" volumes berth && same "volumes there" disk "$(volumes there)" || return
	nothing_of disk "$BERTH_ROOT" || return
	silent "snapshots there" snapshots there snapshot list --json web || return
	same "snapshots of the volume there" 0 "$(there volume info --json disk | jq '.snapshots | length')"
}

case_killed_here() {
	local point
	for point in joint-taken joint-recorded joint-volume joint-done move-copied:1 move-stopped move-sent move-handing \
		move-accept-answered move-booted move-finished volume-going volume-machine-gone volume-marked; do
		killed_at here "$point" || return
	done
}

case_killed_there() {
	local point
	faulty_side
	for point in travel-begun volume-filled travel-volume travel-settled travel-volume-ended volume-finished move-taken:1 \
		travel-recorded travel-replaced move-accepting move-accepted move-started; do
		killed_at there "$point" || return
	done
}

# A copy that is kept up to date: only what has changed is sent, also of the volume.
case_synced() {
	local i synced
	with_volume web
	berth start --wait web
	for i in 1 2 3; do
		berth exec web -- sh -c "echo $i >/file; echo $i >/srv/file; sync"
		same "its name" web "$(send --keep-synced --force --network "" web other)"
		lacks "volume" "said: $(cat "$T/said")"
		synced=$(snapshots berth snapshot list --json web)
		same "snapshots there" "$synced" "$(snapshots there snapshot list --json web)"
		same "of the volume here" "$synced" "$(berth volume info --json disk | jq -r '[.snapshots[].name] | join(" ")')"
		same "of the volume there" "$synced" "$(there volume info --json disk | jq -r '[.snapshots[].name] | join(" ")')"
		there start --wait web
		same data "$i $i" "$(there exec web -- cat /file /srv/file | xargs)"
		there stop --force web
	done
	fails 1 "the data of volume 'disk' would give way|the root of machine 'web' would give way" "$T/ssh/send" --keep-synced web other
	# A volume that the machine got since goes along as a whole, and is attached there.
	berth volume create late
	berth volume attach web late /late
	berth exec web -- sh -c 'echo late >/late/file; sync'
	send --keep-synced --force web other
	same "what it has there" "disk:/srv late:/late" "$(attached there web)"
	there start --wait web
	same data "late" "$(there exec web -- cat /late/file)"
	there stop --force web
	# Without volumes, they stay as they are there.
	berth exec web -- sh -c "echo 5 >/file; echo 5 >/srv/file; sync"
	send --no-volumes --force web other
	has "volume 'disk' of machine 'web' is not in what was sent" "$(cat "$T/said")"
	there start --wait web
	same data "5 3" "$(there exec web -- cat /file /srv/file | xargs)"
	there stop --force web
	# A machine with a copy there is moved over it, with what both have in common.
	same "its name" web "$(move --force web other)"
	same data "5 5" "$(there exec web -- cat /file /srv/file | xargs)"
	silent "volumes here" volumes berth
}

# Of a snapshot, the volumes that it was taken with are sent.
case_send_snapshot() {
	with_volume web
	berth start --wait web
	berth exec web -- sh -c "echo 1 >/file; echo 1 >/srv/file; sync"
	berth snapshot web kept
	berth snapshot --no-volumes web bare
	berth exec web -- sh -c "echo 2 >/file; echo 2 >/srv/file; sync"
	send --network "" web@kept other
	there start --wait web
	same data "1 1" "$(there exec web -- cat /file /srv/file | xargs)"
	there delete --force web
	there volume delete disk
	send --network "" web@bare other
	has "volume 'disk' of machine 'web' is not in what was sent" "$(cat "$T/said")"
	silent "volumes there" volumes there
}

# A connection that ends in the volume: the machine's own parts are not sent again.
case_send_cut() {
	with_volume web
	berth start --wait web
	berth exec web -- sh -c 'head -c 20000000 /dev/urandom >/large; head -c 20000000 /dev/urandom >/srv/large; sync'
	berth exec web -- sha256sum /large /srv/large >"$T/sums"
	byte_cutter
	not berth send --compress none --part 1M --retries 0 --ssh "$T/cutter 32000000 ssh -F $T/ssh/config" \
		--berth "$T/ssh/berth" --network "" web other 2>"$T/said"
	has "within [0-9]+ days the same command goes on behind" "$(cat "$T/said")"
	fails 1 "no machine 'web'" "$T/ssh/berth" info web
	silent "volumes there" volumes there
	printf '#!/bin/bash\ntee >(wc -c >%s/bytes) | ssh -F %s/ssh/config "$@"\n' "$T" "$T" >"$T/counting"
	chmod +x "$T/counting"
	same "its name" web "$(berth send --compress none --part 1M --ssh "$T/counting" --berth "$T/ssh/berth" --network "" web other \
		2>"$T/said")"
	retry 10 test -s "$T/bytes"
	(($(cat "$T/bytes") < 30000000)) || fault "$(cat "$T/bytes") bytes"
	silent "snapshots here" snapshots berth snapshot list --json web
	there start --wait web
	there exec web -- sha256sum /large /srv/large | cmp - "$T/sums"
}

# The receiver is killed between the data of the volume and those of the root: it does not start before it is whole.
case_send_killed() {
	with_volume web
	berth start --wait web
	berth exec web -- sh -c "echo 1 >/file; echo 1 >/srv/file; sync"
	send --keep-synced --network "" web other
	berth exec web -- sh -c "echo 2 >/file; echo 2 >/srv/file; sync"
	sed "s|^exec berth|export BERTH_FAULT=travel-replaced\nexec berth|" "$T/ssh/berth" >"$T/ssh/faulty"
	chmod +x "$T/ssh/faulty"
	not berth send --keep-synced --force --ssh "ssh -F $T/ssh/config" --berth "$T/ssh/faulty" web other 2>/dev/null
	fails 1 "so that they are of different moments; finish it: berth restore --volumes web synced-" "$T/ssh/berth" start web
	send --force web other
	there start --wait web
	same data "2 2" "$(there exec web -- cat /file /srv/file | xargs)"
}

run_cases "$@"
