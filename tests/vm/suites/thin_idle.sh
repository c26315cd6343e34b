#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Commands that are killed while a volume of a thin pool has a device for them: the next command that changes something
# in the pool releases it.
# seconds: 1800
export TEST_SECONDS=${TEST_SECONDS:-1700}
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../../lib.sh"
# shellcheck source=tests/faults.sh
. "$(dirname "$0")/../../faults.sh"
needs_faults="case_attaching case_attaching_to_a_running_machine case_copying_files case_comparing case_exporting"

set_up() {
	modprobe -a loop dm-thin-pool
	berth pool create --driver thin --size 1G p
	busybox_template bb p
	berth create --pool p --set network= bb m
	berth volume create --pool p disk
}

tear_down() {
	berth delete --force m
	berth volume delete disk
}

# idle: prints the devices of volumes that no process uses.
idle() {
	dmsetup info -c --noheadings --separator ' ' -o name,open |
		sed -n "s/^\(berth-$(tag_of "$BERTH_ROOT")\.p\.v[0-9]*\) 0\$/\1/p"
}

# released "COMMAND THAT UNDOES" COMMAND...: kills the command at each point at which it may have a device.
released() {
	local undo=$1 point list kills=0
	shift
	list=$(points "$@" | grep -E '^(thin-(device-created|activated|mounted|deactivate)|section-)')
	for point in $list; do
		$undo
		echo "killed at $point"
		BERTH_FAULT=$point not_kindly "$@"
		[[ -z $(idle) ]] || kills=$((kills + 1))
		berth volume create --pool p other
		berth volume delete other
		silent "devices after a kill at $point" idle
	done
	$undo
	((kills > 0)) || fault "no kill has left a device, at: $list"
}

case_attaching() {
	detach() { berth volume detach m disk 2>/dev/null || true; }
	released detach berth volume attach m disk /srv
	berth start m
	berth volume attach m disk /srv
	berth exec m -- sh -c 'echo here >/srv/file'
	detach
	berth stop --force m
	silent "devices of a stopped machine" idle
}

# The command that meets the volume next finds it whole, and no other machine may have it.
case_attaching_to_a_running_machine() {
	detach() { berth volume detach m disk 2>/dev/null || true; }
	berth start m
	released detach berth volume attach m disk /srv
	berth volume attach m disk /srv
	berth exec m -- sh -c 'echo more >/srv/file'
	berth volume detach m disk
	silent "devices after it was detached" idle
	berth stop --force m
}

case_copying_files() {
	echo text >"$T/text"
	released true berth push "$T/text" m:/root/text
	released true berth pull m:/root/text "$T/back"
	same "file" text "$(cat "$T/back")"
}

case_comparing() {
	berth snapshot m before
	released true berth diff m@before
	berth snapshot delete m before
}

case_exporting() {
	released true berth export --force m "$T/m.berth"
	released true berth template export --force bb "$T/bb.tar"
}

run_cases "$@"
