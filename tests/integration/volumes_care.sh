#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Volumes for data beside other commands: copies of files, backups, killed commands, and places one inside another.
needs_faults="case_finished_later"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/faults.sh
. "$top/tests/faults.sh"
# shellcheck source=tests/volumes.sh
. "$top/tests/volumes.sh"

set_up() {
	busybox_template bb
	up a
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
	in_m f 'echo under >/srv/data/under'
	berth volume attach f disk /srv/data
	berth push "$T/file" f:/srv/data/
	berth snapshot f both
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
	# A snapshot that was taken with the volume does not take files below it for its own.
	fails 1 "'/srv/data' is volume 'disk' of machine 'f', and snapshots of the machine do not have it" \
		berth pull f@both:/srv/data/under "$T/got"
	mkdir "$T/both"
	fails 1 "left out: '/srv/data' in machine 'f' is volume 'disk'" berth pull f@both:/srv "$T/both"
	# Files from before the volume are the snapshot's own.
	berth pull f@early:/srv/data/file "$T/got"
	same "of the snapshot" earlier "$(cat "$T/got/file")"
	berth start --wait f
	same "only what was pushed" file "$(in_m f 'ls /srv/data')"
	berth volume detach f disk
	same "the root has what it had" under "$(in_m f 'ls /srv/data')"
	berth delete --force f
}

# A killed attach is finished by the same command.
case_finished_later() {
	local point list
	fresh disk
	list=$(points berth volume attach a disk /srv)
	[[ -n $list ]]
	for point in $list; do
		berth volume detach a disk 2>/dev/null
		echo "attaching $point"
		BERTH_FAULT=$point not_kindly berth volume attach a disk /srv
		berth volume attach a disk /srv
		in_m a 'grep -q " /srv " /proc/mounts'
	done
	berth volume detach a disk
}

# The same where the machine has unmounted it.
case_mounted_again() {
	fresh disk
	berth volume attach a disk /srv
	fails 1 "machine 'a' has a volume '/srv' already" berth volume attach a disk /srv
	in_m a 'umount /srv'
	berth volume attach a disk /srv/
	in_m a 'touch /srv/file'
	berth volume detach a disk
}

# A place above another one is refused while it would hide that, as a start mounts the outer one first.
case_one_in_another() {
	fresh outer inner
	mkdir -p "$T/host"
	berth volume attach a inner /data/inner/
	same "the slash at the end" "target = /data/inner" "$(grep '^target' "$(conf a)")"
	fails 1 "'/data' would hide volume 'inner' of machine 'a', at '/data/inner'.*berth volume detach a inner" berth volume attach a outer /data
	fails 1 "'/data' would hide volume 'inner' of machine 'a'" berth mount a "$T/host" /data
	fails 1 "has a volume named 'inner' already; take it away first: berth volume detach a inner" berth volume attach a inner /mnt
	berth volume detach a inner
	berth volume attach a outer /data
	berth volume attach a inner /data/inner
	in_m a 'echo in >/data/inner/file'
	fails 1 "volume 'inner' is mounted in it, at '/data/inner'; detach that first: berth volume detach a inner" berth volume detach a outer
	berth restart --wait a
	same "the same after a restart" in "$(in_m a 'cat /data/inner/file')"
	berth volume detach a inner
	in_m a 'mount -t tmpfs none /data'
	fails 1 "the machine has mounted something else over it, at '/data'" berth volume detach a outer
	in_m a 'umount /data'
	berth volume detach a outer
}

case_broken_ones_have_machines() {
	fresh lost
	berth create bb s
	berth volume attach s lost /srv
	mv "$BERTH_ROOT/lib/volumes/lost/volume.conf" "$T/kept"
	has 'lost +broken +- +- +s:/srv' "$(berth volume list 2>/dev/null || true)"
	same "in JSON" s "$(berth volume list --json 2>/dev/null | jq -r '.[] | select(.name == "lost").machines[].name')"
	mv "$T/kept" "$BERTH_ROOT/lib/volumes/lost/volume.conf"
	berth delete s
}

# An archive is a stranger's, so its machine gets no volume of this host; the command that gives it is told.
case_brought_back() {
	fresh home
	berth create bb deb
	berth volume attach deb home /home
	berth export deb "$T/deb.berth"
	berth delete deb
	berth import "$T/deb.berth" 2>"$T/err"
	has "volume 'home' stays as it is; it is attached by: berth volume attach deb home /home" "$(cat "$T/err")"
	berth volume attach deb home /home
	# Another machine may write to it.
	berth import "$T/deb.berth" second 2>"$T/err"
	has "does not get volume 'home' back: .*'deb'" "$(cat "$T/err")"
	berth delete deb second
}

run_cases "$@"
