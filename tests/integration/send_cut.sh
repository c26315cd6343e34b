#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Sends that are cut, and that go on behind what the other side has on its disk. STORAGE_DRIVER: of the pools on both sides.
needs_debian="bookworm"
needs_packages="openssh-server"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/other_host.sh
. "$top/tests/other_host.sh"
# shellcheck source=tests/inside.sh
. "$top/tests/inside.sh"
# shellcheck source=tests/cuts.sh
. "$top/tests/cuts.sh"

# Without a cut, a stream in small parts is the same machine.
case_parts() {
	send_cut 1000000000 full other
	full_there
	nothing_halfway
	there delete full
}

# Cut at places that a seed draws, SEND_CUTS of them: the same command goes on by itself, or once it is given again.
case_places() {
	local size at status again=0
	send_cut 1000000000 full other
	size=$(sent)
	there delete full
	for at in $(places "${SEND_CUTS:-12}" "$size"); do
		status=0
		send_cut "$at" full other >/dev/null 2>"$T/said" || status=$?
		if ((status != 0)); then
			# Nothing was on the disk there yet.
			((at < 200000)) || fault "cut behind $at of $size: $(cat "$T/said")"
			nothing_halfway
			send_cut "$at" full other >/dev/null
			((++again))
		else
			# Each part is as large as all before it, so that at least a third has stayed.
			(($(sent) < size + at * 2 / 3 + 100000)) || fault "cut behind $at of $size, $(sent) bytes were sent"
		fi
		full_there
		nothing_halfway
		silent "snapshots here" snapshots berth snapshot list --json full
		there delete full
	done
	echo "$again times, nothing was on the disk"
}

# The second command goes on with what the first has left, with the snapshot that it has kept.
case_again() {
	local kept received
	cut_off 4000000 full other
	has "of it stay there, and within 7 days the same command goes on" "$(cat "$T/said")"
	kept=$(snapshots berth snapshot list --json full)
	[[ $driver == dir || $kept =~ ^sending-other-[0-9a-f]{8}-[0-9]{8}-[0-9]{6}$ ]] || fault "snapshots here: $kept"
	same "halfway" full "$(halfway_there)"
	received=$(there halfway list --json | jq '.[0].received')
	((received > 1000000)) || fault "received: $received"
	has "full +default +.* MiB" "$(there halfway list)"
	fails 1 "no machine 'full'" "$T/ssh/berth" info full
	fails 1 "holds 2 volumes" "$T/ssh/berth" pool delete default
	silent "doctor" bash -c "$T/ssh/berth doctor 2>&1 | grep -i halfway || true"
	# Looking changes nothing, and no clean-up takes it.
	there create --set network= bb x
	there delete x
	same "halfway" full "$(halfway_there)"
	send_cut 1000000000 full other
	(($(sent) < 7500000 - received)) || fault "$(sent) bytes were sent, $received were there"
	full_there
	nothing_halfway
	silent "snapshots here" snapshots berth snapshot list --json full
	there delete full
}

# A root that was changed in between is sent from the beginning, and is what it is now.
case_changed() {
	berth create --pool pool --set network= bb other
	here other fill_root
	berth snapshot other one
	cut_off 4000000 other@one other
	here other write_file changed changed
	berth snapshot delete other one
	berth snapshot other one
	send_cut 1000000000 other@one other
	same changed changed "$(over_there other read_file changed)"
	nothing_halfway
	there delete other
	# The root itself: one snapshot is sent to its end, and one that is gone begins anew.
	berth snapshot delete other one
	cut_off 4000000 other other
	for i in $(snapshots berth snapshot list --json other); do
		berth snapshot delete other "$i"
	done
	here other write_file bin/again again
	send_cut 1000000000 other other
	same again again "$(over_there other read_file bin/again)"
	same_there other
	nothing_halfway
	there delete other
	berth delete other
}

# A mark of another stream, one that is damaged or too old, and --anew begin anew; a verb removes what has come.
case_marks() {
	local conf=$T/there/lib/machines/.halfway/full/halfway.conf
	cut_off 4000000 full other
	there halfway delete full
	nothing_halfway
	fails 1 "no machine 'full' has come halfway" "$T/ssh/berth" halfway delete full
	there pool create --driver dir away
	cut_off 4000000 --pool away full other
	there pool delete --force away
	fails 1 "what has come halfway of machine 'full' cannot be removed; .*--force full.*no pool 'away'" "$T/ssh/berth" halfway delete full
	there halfway delete --force full
	nothing_halfway
	for change in 's/^sum = ./sum = x/' 's/^plan = ./plan = x/' 's/^point = [0-9]*/point = 1/' 's/^changed = .*/changed = 1/'; do
		cut_off 4000000 full other
		sed -i "$change" "$conf"
		send_cut 1000000000 full other
		(($(sent) > 7000000)) || fault "$change: $(sent) bytes were sent"
		full_there
		nothing_halfway
		there delete full
	done
	cut_off 4000000 full other
	send_cut 1000000000 --anew full other
	(($(sent) > 7000000)) || fault "--anew: $(sent) bytes were sent"
	full_there
	nothing_halfway
	there delete full
	# Any command that makes a machine removes what is too old.
	cut_off 4000000 full other
	sed -i 's/^changed = .*/changed = 1/' "$conf"
	there create --set network= bb x
	nothing_halfway
	there delete x
	berth snapshot delete full "$(snapshots berth snapshot list --json full)" || [[ $driver == dir ]]
}

# kill -9 of the receiver, of ssh and of the sender.
case_killed() {
	local i pid victim
	for ((i = 0; i < 9; i++)); do
		rm -f "$T/passed"
		timeout 120 berth send --ssh "ssh -F $T/ssh/config" --berth "$T/ssh/berth" --part 64K --rate 2M --compress none \
			--network "" full other >/dev/null 2>&1 &
		pid=$!
		retry 20 test -e "$T/there/lib/machines/.halfway/full/halfway.conf"
		sleep "0.$((i * 7 % 10))"
		case $((i % 3)) in
		0) victim=$(pgrep -f "^berth send --ssh ssh -F $T/ssh/config" | tail -n 1) ;;
		1) victim=$(pgrep -f "^ssh -F $T/ssh/config" | head -n 1) ;;
		2) victim=$(pgrep -f "^berth receive" | head -n 1) ;;
		esac
		kill -KILL "$victim" || true
		wait "$pid" || true
		retry 20 not pgrep -f "^berth receive|^ssh -F $T/ssh/config" >/dev/null
		[[ -n $(halfway_there) ]] && send_cut 1000000000 full other
		full_there
		nothing_halfway
		silent "snapshots here" snapshots berth snapshot list --json full
		there delete full
	done
}

# no_freeing POOL: no deleted volume of that pool there has blocks that are still to be freed.
no_freeing() {
	! compgen -G "$T/there/run/partial/$1/*" >/dev/null
}

# What has come stays when the disk there is full, and the rest follows once there is room.
case_full() {
	[[ $driver == btrfs ]] || return 0
	there pool create --driver btrfs --size 512M small
	there create --pool small --set network= bb filler
	in_root "$T/there" small machine.filler write_random filler 250M
	berth create --pool pool --set network= bb big
	here big write_random big 180M
	fails 1 "host 'other': .*(full|No space).*of it stay there" "$T/ssh/send" --part 1M --compress none --pool small --network "" big other
	same "halfway" big "$(halfway_there)"
	there delete filler
	retry 30 no_freeing small
	"$T/ssh/send" --pool small --network "" big other
	here big read_file big | cmp - <(in_root "$T/there" small machine.big read_file big)
	nothing_halfway
	there delete big
	berth delete big
	retry 30 there pool delete small
}

# Snapshots, and increments of a machine that is there.
case_increments() {
	local i
	berth create --pool pool --set network= bb web
	for i in 1 2 3; do
		here web fill_some "$i"
		berth snapshot web "s$i"
	done
	cut_off 3000000 --snapshots web other
	send_cut 1000000000 --snapshots web other
	same "snapshots there" "s1 s2 s3" "$(snapshots there snapshot list --json web)"
	same_there web
	nothing_halfway
	here web fill_some 4
	cut_off 700000 --force web other
	same "halfway" web "$(halfway_there)"
	send_cut 1000000000 --force web other
	same_there web
	nothing_halfway
	# With a snapshot that stays on both sides.
	here web fill_some 5
	cut_off 700000 --force --keep-synced web other
	same "halfway" web "$(halfway_there)"
	send_cut 1000000000 --force --keep-synced web other
	same_there web
	same "snapshots there" "$(snapshots berth snapshot list --json web)" "$(snapshots there snapshot list --json web)"
	nothing_halfway
	there delete web
	berth delete web
}

same_there() {
	listed "$BERTH_ROOT" pool "machine.$1" >"$T/listed"
	listed "$T/there" default "machine.$1" | diff "$T/listed" -
}

# A berth there that keeps no parts: all of it again, as before.
case_old() {
	printf '#!/bin/bash\n%s/ssh/berth "$@" < <(sed -u "s/^resume .*/other x/;/^$/q"; exec cat)\n' "$T" >"$T/old"
	chmod +x "$T/old"
	fails 1 "connection|other side|not complete" timeout 60 berth send --ssh "$T/cutter 4000000 ssh -F $T/ssh/config" --berth "$T/old" --network "" \
		--part 64K --compress none full other
	nothing_halfway
	silent "snapshots here" snapshots berth snapshot list --json full
	timeout 60 berth send --ssh "ssh -F $T/ssh/config" --berth "$T/old" --part 64K --network "" full other
	full_there
	there delete full
}

run_cases "$@"
