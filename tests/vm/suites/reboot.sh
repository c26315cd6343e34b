#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A host that boots again with machines on thin pools: in order, and without notice, as after a loss of power. The roots
# are in a pool that is a file, the data in one that is a disk. Each boot runs one of the cases.
# installs
# reboots
# seconds: 1500
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

export PATH=/usr/local/bin:$PATH
unset BERTH_ROOT BERTH_LIBEXEC BERTH_TEMPLATES
kept=/var/lib/suite-reboot

# facts EXPRESSION: of each machine m, a line each.
facts() {
	berth list --json | python3 -IS -c "
import json, sys
for m in json.load(sys.stdin):
    print($1)"
}

states() {
	facts 'm["name"], m["state"]' | sort | xargs
}

address() {
	facts 'm["address"] if m["name"] == "auto" else ""' | xargs
}

# read_in MACHINE FILE...
read_in() {
	berth exec "$1" -- cat "${@:2}" | xargs
}

# write_in MACHINE TEXT FILE...: on the disk when it returns.
write_in() {
	berth exec "$1" -- sh -c 'text=$1; shift; for file; do echo "$text" >"$file"; done; sync' - "${@:2}"
}

volumes() {
	berth pool status --json | python3 -IS -c '
import json, sys
print(*sorted((pool["name"], pool["volumes"]) for pool in json.load(sys.stdin)))'
}

# go_on TEXT: all but one run, and have written the text.
go_on() {
	berth start --wait served
	berth launch --wait --pool roots --ephemeral bb brief
	write_in auto "$1" /mark
	write_in brief "$1" /mark
	write_in served "$1" /mark /srv/mark
	same states "auto running brief running idle stopped served running" "$(states)"
}

# as_it_was TEXT: what there is after a boot without an ephemeral machine, and with what was written before.
as_it_was() {
	local pool
	same states "auto running idle stopped served stopped" "$(states)"
	same volumes "$(cat "$kept/volumes")" "$(volumes)"
	same "folders of runs" auto "$(ls /run/berth/machines)"
	same address "$(cat "$kept/address")" "$(address)"
	for pool in roots data; do
		same "$pool" "catalogue and pool agree" "$(berth pool check "$pool")"
	done
	same "in auto" "$1" "$(read_in auto /mark)"
	berth pull idle@one:/mark "$T/early"
	same "of the snapshot" early "$(cat "$T/early")"
	berth start --wait idle
	same "in idle" late "$(read_in idle /mark)"
	berth stop idle
	berth start --wait served
	same "in served and its volume" "$1 $1" "$(read_in served /mark /srv/mark)"
}

# booted: the machines that start with the host have been started.
booted() {
	retry 300 systemctl is-active --quiet berth.service
	same "result of the start" success "$(systemctl show --value --property=Result berth.service)"
}

case_before() {
	cp -a "$VM_OUT/installed/." /
	systemctl daemon-reload
	systemctl enable berth.service
	mkdir -p "$T/bb"/{bin,etc,proc,sys,dev,tmp,root,run,srv}
	cp /bin/busybox "$T/bb/bin/"
	links_of_busybox "$T/bb/bin"
	echo 'root:x:0:0:root:/root:/bin/sh' >"$T/bb/etc/passwd"
	tar -C "$T/bb" -cf "$T/bb.tar" .
	berth pool create --driver thin --size 512M --sparse roots
	berth pool create --driver thin --device /dev/disk/by-id/virtio-scratch1 data
	berth template import --pool roots "$T/bb.tar" bb
	berth create --pool roots --set boot.autostart=yes bb auto
	berth create --pool roots bb served
	berth volume create --pool data --size 64M disk
	berth volume attach served disk /srv
	berth launch --wait --pool roots bb idle
	write_in idle early /mark
	berth snapshot idle one
	write_in idle late /mark
	berth stop idle
	systemctl start berth.service
	mkdir "$kept"
	volumes >"$kept/volumes"
	address >"$kept/address"
	[[ -n $(cat "$kept/address") ]]
	go_on before
}

# Everything was stopped, and the ephemeral machine is gone.
case_after_an_orderly_reboot() {
	booted
	as_it_was before
	go_on between
}

# The ephemeral machine ended without its keeper: what it has written is left to its user.
case_after_a_loss_of_power() {
	booted
	same states "auto running brief failed idle stopped served stopped" "$(states)"
	berth delete brief
	as_it_was between
	berth restore idle one
	berth start --wait idle
	same "in idle, restored" early "$(read_in idle /mark)"
}

case_all_is_deleted() {
	berth stop --all
	berth delete auto idle served
	berth volume delete disk
	berth template delete bb
	berth pool delete roots
	berth pool delete data
	no_device_is_left
	silent "loop devices" losetup --list --noheadings
	silent "folders of runs" ls /run/berth/machines
}

# run_next: the case behind those that have ended. It leaves its name to the next boot while it runs.
run_next() {
	for this in $(cases); do
		[[ -e $kept.$this ]] || break
	done
	echo "$this" >"$kept.begun"
	sync "$kept.begun"
	run_case "$this"
	((failures == 0)) || exit 1
	mv "$kept.begun" "$kept.$this"
	sync "$kept.$this" "${kept%/*}"
}

failures=0
if [[ -e $kept.begun ]]; then
	echo "not ok reboot: the guest booted by itself in $(cat "$kept.begun")"
	exit 1
fi
run_next
case $this in
case_before) exit 100 ;;
case_after_an_orderly_reboot) exit 101 ;;
esac
run_next
