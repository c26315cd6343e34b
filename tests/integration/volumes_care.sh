#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Volumes for data beside other commands: copies of files, backups, killed commands, and places one inside another.
needs_faults="case_finished_later"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

set_up() {
	busybox_template bb
	up a
}

in_m() {
	berth exec "$1" -- sh -c "$2"
}

conf() {
	echo "$BERTH_ROOT/lib/machines/$1/machine.conf"
}

# fresh VOLUME...: each is there, empty, and no machine has it.
fresh() {
	local volume machine
	for volume; do
		if berth volume info "$volume" >/dev/null 2>&1; then
			for machine in $(berth volume info --json "$volume" | jq -r '.machines[].name'); do
				berth volume detach "$machine" "$volume" 2>/dev/null
			done
			berth volume delete "$volume"
		fi
		berth volume create "$volume"
	done
}

tear_down() {
	local machine volume
	for machine in $(berth list --json | jq -r '.[].name'); do
		berth delete --force "$machine"
	done
	for volume in $(berth volume list --json | jq -r '.[].name'); do
		berth volume delete "$volume"
	done
}

# Files of a volume are not there while its machine does not run, and nothing goes to the place below it.
case_copies_of_files() {
	local refusal="'/srv/data' is volume 'disk' of machine 'f': start the machine first: berth start f"
	fresh disk
	berth create bb f
	mkdir -p "$T/tree/data" "$T/plain" "$T/got"
	echo one | tee "$T/file" "$T/tree/data/inner" "$T/plain/other" >/dev/null
	berth start --wait f
	berth push -p "$T/file" f:/srv/before
	in_m f 'mkdir -p /srv/old /srv/data; echo root >/srv/old/file; ln -s /srv/data /link; echo earlier >/srv/data/file'
	berth snapshot f early
	in_m f 'rm /srv/data/file'
	berth snapshot f empty
	berth volume attach f disk /srv/data
	berth push "$T/file" f:/srv/data/
	berth stop --force f
	fails 1 "$refusal" berth push "$T/file" f:/srv/data/
	fails 1 "$refusal" berth push -p "$T/file" f:/srv/data/deep/er
	fails 1 "$refusal" berth push "$T/file" f:/link/
	fails 1 "$refusal" berth push "$T/file" f:/etc/../srv//data/x
	fails 1 "$refusal" berth pull f:/srv/data/file "$T/got"
	fails 1 "$refusal" berth pull f:/srv/data "$T/got"
	fails 1 "$refusal" berth cp f:/link/file a:/root
	fails 1 "'/srv/data' is volume 'disk' of machine 'f', and '$T/tree/./data' would go into it" berth push "$T/tree/." f:/srv
	berth push "$T/plain/." f:/srv
	silent "nothing is below it" ls "$T/got"
	fails 1 "left out: '/srv/data' in machine 'f' is volume 'disk', which is not mounted there" berth pull f:/srv "$T/got"
	same "the rest is here" "root one one" "$(cat "$T/got/srv/old/file" "$T/got/srv/before" "$T/got/srv/other" | xargs)"
	fails 1 "'/srv/data' is volume 'disk' of machine 'f', and snapshots of the machine do not have it" \
		berth pull f@empty:/srv/data/file "$T/got"
	# Files from before the volume are the snapshot's own.
	berth pull f@early:/srv/data/file "$T/got"
	same "of the snapshot" earlier "$(cat "$T/got/file")"
	berth start --wait f
	same "only what was pushed" file "$(in_m f 'ls /srv/data')"
	berth volume detach f disk
	silent "and the root has nothing there" in_m f 'ls /srv/data'
	berth delete --force f
}

run_cases "$@"
