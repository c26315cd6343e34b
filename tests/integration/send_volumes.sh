#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Sends that are cut while volumes for data travel along.
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
# shellcheck source=tests/cuts.sh
. "$top/tests/cuts.sh"

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

# send_whole: sends the machine with its volumes once, and deletes it there; $size is the number of its bytes.
send_whole() {
	send_cut 1000000000 wv other
	size=$(sent)
	volumes_there
	delete_there
}

# Cut in the volumes that travel along: what is on the disk there of root and volumes is not sent again.
case_volumes() {
	local size at
	with_volumes
	send_whole
	for at in $(places "${SEND_CUTS:-$(slow_or 6 2)}" "$((size / 2))"); do
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

# Makes $T/flipper BYTE COMMAND..., in place of ssh: the command, to which that byte comes with one bit flipped.
byte_flipper() {
	cat >"$T/flipper" <<-'END'
		#!/usr/bin/env -S python3 -S
		import os, subprocess, sys
		at = int(sys.argv[1])
		ssh = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE)
		try:
		    while data := bytearray(os.read(0, 65536)):
		        if 0 <= at < len(data):
		            data[at] ^= 1 << at % 8
		        at -= len(data)
		        ssh.stdin.write(data)
		        ssh.stdin.flush()
		except BrokenPipeError:
		    pass
		os.close(0)
		sys.exit(ssh.wait())
	END
	chmod +x "$T/flipper"
}

# A bit that is flipped on its way is refused, wherever it is behind the greeting; what came before it has stayed.
case_flipped() {
	local at size status
	byte_flipper
	with_volumes
	send_whole
	for at in $(places "${SEND_CUTS:-$(slow_or 6 2)}" "$((size - 5000))"); do
		status=0
		timeout "$(patience 300)" berth send --ssh "$T/flipper $((at + 4000)) ssh -F $T/ssh/config" --berth "$T/ssh/berth" --part 64K \
			--retries 0 --compress none --network "" wv other >/dev/null 2>"$T/said" || status=$?
		((status == 1)) || fault "bit of byte $((at + 4000)) of $size: ended with $status: $(cat "$T/said")"
		fails 1 "no machine 'wv'" "$T/ssh/berth" info wv
		fails 1 "no volume 'disk'" "$T/ssh/berth" volume info disk
		send_cut 1000000000 wv other
		(($(sent) < size - at / 2 + 300000)) || fault "bit of byte $((at + 4000)) of $size, $(sent) bytes were sent again"
		volumes_there
		delete_there
	done
	berth delete wv
	berth volume delete disk more
}

# received_with LINE [OPTION...] MACHINE TARGET: a send in parts, to a receiver with that line of a shell before it.
received_with() {
	sed "s|^exec |$1\nexec |" "$T/ssh/berth" >"$T/ssh/faulty"
	chmod +x "$T/ssh/faulty"
	timeout "$(patience 120)" berth send --ssh "ssh -F $T/ssh/config" --berth "$T/ssh/faulty" --part 256K --compress none \
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
	for point in "${all[@]:0:${SEND_CUTS:-$(slow_or 8 3)}}"; do
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
	# A part that is not here any more is sent again, and a mark names the pools that it has volumes in.
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

run_cases "$@"
