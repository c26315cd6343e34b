#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Sends that are cut, and that go on behind what the other side has on its disk. STORAGE_DRIVER: of the pools on both sides.
needs_debian="bookworm"
needs_packages="openssh-server"
needs_faults="case_points"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/other_host.sh
. "$top/tests/other_host.sh"
# shellcheck source=tests/faults.sh
. "$top/tests/faults.sh"
# shellcheck source=tests/inside.sh
. "$top/tests/inside.sh"

driver=${STORAGE_DRIVER:-btrfs}
tree=$top/tests/integration/stream_tree.py

set_up() {
	berth pool create pool --driver "$driver"
	there pool create default --driver "$driver"
	busybox_template bb pool
	there template import "$T/bb.tar" bb
	start_server
	berth create --pool pool --set network= bb full
	here full fill_root
	listed "$BERTH_ROOT" pool machine.full >"$T/full"
	cutter_once
}

tear_down() {
	stop_server
}

# here MACHINE COMMAND..., over_there MACHINE COMMAND...: runs the command with the folder of its root as one more word.
here() {
	in_root "$BERTH_ROOT" pool "machine.$1" "${@:2}"
}

over_there() {
	in_root "$T/there" default "machine.$1" "${@:2}"
}

# fill_root FOLDER: every kind of file, some that are larger than a part, and many small ones.
fill_root() {
	local i
	"$tree" make "$1"
	mkdir "$1/many"
	for i in {1..120}; do
		head -c "$((i * 97))" /dev/urandom >"$1/many/$i"
	done
	head -c 700000 /dev/urandom >"$1/many/big"
	chmod 4750 "$1/many/big"
	touch -d "2001-02-03 04:05:06" "$1/many/big" "$1/many"
}

# listed ROOT POOL VOLUME
listed() {
	in_root "$1" "$2" "$3" "$tree" list | grep -v "'./etc/hostname'"
}

# write_file PATH TEXT FOLDER: below the folder.
write_file() {
	echo "$2" >"$3/$1"
}

# read_file PATH FOLDER
read_file() {
	cat "$2/$1"
}

# write_random PATH SIZE FOLDER
write_random() {
	head -c "$2" /dev/urandom >"$3/$1"
}

# full_there: it is there as it is here.
full_there() {
	listed "$T/there" default machine.full | diff "$T/full" -
}

# Makes $T/once BYTES COMMAND...: the command, to which only so many bytes pass unless an earlier one was cut; it notes how many.
cutter_once() {
	byte_cutter
	cat >"$T/once" <<-END
		#!/bin/bash
		bytes=\$1
		shift
		[[ -s $T/passed ]] && bytes=1000000000
		"\$@" < <(python3 -c 'import os, sys
		left, passed = int(sys.argv[1]), 0
		while left and (data := os.read(0, min(left, 65536))):
		    os.write(1, data)
		    left -= len(data)
		    passed += len(data)
		print(passed, file=open(sys.argv[2], "a"))' "\$bytes" "$T/passed")
	END
	chmod +x "$T/once"
}

# send_cut BYTES [OPTION...] MACHINE TARGET: a send with small parts, whose first connection is cut there.
send_cut() {
	rm -f "$T/passed"
	timeout 120 berth send --ssh "$T/once $1 ssh -F $T/ssh/config" --berth "$T/ssh/berth" --part 64K \
		--compress none --network "" "${@:2}"
}

# sent: bytes that all connections of the last send_cut have passed.
sent() {
	awk '{ n += $1 } END { print n }' "$T/passed"
}

# places N SIZE: so many places in it, drawn by the seed.
places() {
	python3 -c "import random, sys; random.seed(${SEED:-7}); [print(random.randrange(int(sys.argv[2]))) for _ in range(int(sys.argv[1]))]" "$@"
}

# cut_off BYTES [OPTION...] MACHINE TARGET: its only connection is cut there.
cut_off() {
	local status=0
	timeout 300 berth send --ssh "$T/cutter $1 ssh -F $T/ssh/config" --berth "$T/ssh/berth" --part 64K \
		--retries 0 --compress none --network "" "${@:2}" >/dev/null 2>"$T/said" || status=$?
	((status == 1)) || fault "cut behind $1: ended with $status"
}

nothing_halfway() {
	silent "what has come halfway" bash -c "BERTH_ROOT=$T/there berth halfway list --json | jq -r '.[].name'" || return
	silent "volumes" find "$T/there/lib/pools/default" -maxdepth 2 \( -name 'halfway.*' -o -name 'partial.*' \) || return
	[[ $driver != thin ]] || silent "volumes" sqlite3 "$T/there/lib/pools/default/catalog.db" \
		"SELECT name FROM volume WHERE name LIKE 'halfway.%' OR name LIKE 'partial.%'"
}

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

# halfway_there: the names of what has come halfway there.
halfway_there() {
	there halfway list --json | jq -r '[.[].name] | join(" ")'
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

# fill_some N FOLDER: a megabyte that is new, one that is changed, and files that go.
fill_some() {
	mkdir -p "$2/files"
	rm -rf "$2/files/gone"
	mkdir "$2/files/gone" "$2/files/dir$1"
	head -c 1M /dev/urandom >"$2/files/dir$1/new"
	head -c 500K /dev/urandom >"$2/files/changed"
	touch "$2/files/gone/$1"
}

same_there() {
	listed "$BERTH_ROOT" pool "machine.$1" >"$T/listed"
	listed "$T/there" default "machine.$1" | diff "$T/listed" -
}

# with_volumes: a machine "wv" with two volumes; $T/disk and $T/more have what is in them.
with_volumes() {
	berth create --pool pool --set network= bb wv
	berth volume create --pool pool --description "of wv" disk
	berth volume create --pool pool more
	berth volume attach wv disk /srv
	berth volume attach wv more /more
	in_root "$BERTH_ROOT" pool data.disk fill_root
	in_root "$BERTH_ROOT" pool data.more fill_some 1
	listed "$BERTH_ROOT" pool data.disk >"$T/disk"
	listed "$BERTH_ROOT" pool data.more >"$T/more"
}

# volumes_there: they are there as they are here.
volumes_there() {
	listed "$T/there" default data.disk | diff "$T/disk" -
	listed "$T/there" default data.more | diff "$T/more" -
	same "description there" "of wv" "$(there volume get disk description)"
	same "volumes there" "disk:/srv more:/more" \
		"$(there info --json wv | jq -r '[.volumes[] | .name + ":" + .target] | sort | join(" ")')"
	nothing_halfway
	silent "snapshots here" snapshots berth snapshot list --json wv
	silent "snapshots of disk here" bash -c "berth volume info --json disk | jq -r '.snapshots[].name'"
}

delete_there() {
	there delete wv
	there volume delete disk more
}

# Cut in the volumes that travel along: what is on the disk there of root and volumes is not sent again.
case_volumes() {
	local size at
	with_volumes
	send_cut 1000000000 wv other
	size=$(sent)
	volumes_there
	delete_there
	for at in $(places "${SEND_CUTS:-6}" "$((size / 2))"); do
		at=$((size / 2 + at))
		send_cut "$at" wv other >/dev/null 2>"$T/said" || fault "cut behind $at of $size: $(cat "$T/said")"
		(($(sent) < size + at / 2 + 200000)) || fault "cut behind $at of $size, $(sent) bytes were sent"
		volumes_there
		delete_there
	done
	# The second command goes on; a whole volume that has come is not sent again, nor is the root.
	cut_off "$((size - 100000))" wv other
	same "halfway" wv "$(halfway_there)"
	fails 1 "no volume 'disk'" "$T/ssh/berth" volume info disk
	send_cut 1000000000 wv other
	(($(sent) < size / 2)) || fault "$(sent) bytes of $size were sent again"
	volumes_there
	delete_there
	berth delete wv
	berth volume delete disk more
}

# received_with LINE [OPTION...] MACHINE TARGET: a send in parts, to a receiver with that line of a shell before it.
received_with() {
	sed "s|^exec |$1\nexec |" "$T/ssh/berth" >"$T/ssh/faulty"
	chmod +x "$T/ssh/faulty"
	timeout 120 berth send --ssh "ssh -F $T/ssh/config" --berth "$T/ssh/faulty" --part 256K --compress none \
		--network "" --retries 0 "${@:2}"
}

# The receiver is killed at its fault points, SEND_CUTS of them: the same command completes it.
case_points() {
	local all point status
	with_volumes
	rm -f "$T/trace"
	received_with "export BERTH_FAULT_TRACE=$T/trace" wv other
	volumes_there
	delete_there
	mapfile -t all < <(awk '/^(halfway|travel)-/ { print $1 ":" ++seen[$1] }' "$T/trace" | shuf --random-source=<(yes "${SEED:-7}"))
	((${#all[@]} > 20)) || fault "${#all[@]} points"
	for point in "${all[@]:0:${SEND_CUTS:-8}}"; do
		echo "# killed at $point"
		status=0
		received_with "export BERTH_FAULT=$point" wv other >/dev/null 2>"$T/said" || status=$?
		((status == 1)) || fault "at $point it ended with $status: $(cat "$T/said")"
		if ! there info wv >/dev/null 2>&1; then
			received_with "" wv other
		fi
		# What was left behind the commit is completed, or goes, with the next command that makes one of its kind.
		there create --set network= bb x
		there delete x
		there volume create x
		there volume delete x
		[[ $driver == dir ]] || delete_each "snapshot list wv" "snapshot delete wv"
		volumes_there
		delete_there
	done
	berth delete wv
	berth volume delete disk more
}

# Increments of a machine and of its volumes, which are in another pool there than its root.
case_volumes_increments() {
	local at size
	there pool create --driver dir away
	with_volumes
	send_cut 1000000000 --keep-synced --pool away wv other
	berth snapshot delete wv "$(snapshots berth snapshot list --json wv)"
	delete_there
	send_cut 1000000000 --keep-synced wv other
	there pool move wv away
	for at in 300000 1100000 1400000 2000000; do
		here wv fill_some "$at"
		in_root "$BERTH_ROOT" pool data.disk fill_some "$at"
		in_root "$BERTH_ROOT" pool data.more fill_some "$at"
		cut_off "$at" --force --keep-synced wv other
		same "halfway" wv "$(halfway_there)"
		send_cut 1000000000 --force --keep-synced wv other
		size=$(sent)
		((size + at < 5500000)) || fault "cut behind $at, $size more bytes were sent"
		same "pools there" "away default" "$(there get wv pool) $(there volume get disk pool)"
		listed "$BERTH_ROOT" pool machine.wv >"$T/listed"
		listed "$T/there" away machine.wv | diff "$T/listed" -
		listed "$BERTH_ROOT" pool data.disk | diff - <(listed "$T/there" default data.disk)
		listed "$BERTH_ROOT" pool data.more | diff - <(listed "$T/there" default data.more)
		nothing_halfway
	done
	# What is not here any more is sent again, and a mark names the pools that it has volumes in.
	here wv fill_some 5
	in_root "$BERTH_ROOT" pool data.disk fill_some 5
	cut_off 2500000 --force --keep-synced wv other
	there halfway delete wv
	nothing_halfway
	delete_there
	there pool delete away
	berth delete wv
	berth volume delete --force disk more
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
