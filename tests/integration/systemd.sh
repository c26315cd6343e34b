#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# berth's units under a systemd that boots and goes down: process 1 of its own namespaces and of its own
# part of the control groups, in a copy-on-write view of this host's root, with berth installed in it.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# device NAME MAJOR MINOR: makes a character device for all users.
device() {
	mknod -m 666 "$root/dev/$1" c "$2" "$3"
}

make_host() {
	mkdir -p "$T/upper" "$T/work" "$T/host" "$share"
	mount -t overlay overlay -o "lowerdir=/,upperdir=$T/upper,workdir=$T/work" "$root" ||
		skip "the kernel mounts no overlay here"
	make -C "$BUILD_TREE" -s install DESTDIR="$root" >"$T/install" 2>&1
	: >"$root/etc/fstab"
	mount -t tmpfs tmpfs "$root/dev"
	device null 1 3
	device zero 1 5
	device full 1 7
	device random 1 8
	device urandom 1 9
	device tty 5 0
	mkdir "$root/dev/pts" "$root/dev/shm"
	ln -s pts/ptmx "$root/dev/ptmx"
	mount -t tmpfs tmpfs "$root/run"
	mount -t tmpfs tmpfs "$root/tmp"
	mkdir -p "$root/var/lib/berth"
	# Files of an overlay cannot be mapped to a guest's ids; those of a tmpfs can.
	mount -t tmpfs tmpfs "$root/var/lib/berth"
	mount --bind "$share" "$root/mnt"
}

# Before berth's units: it makes the machines, and, stopped after them, looks at what they left.
# Behind them: it looks at what runs, and ends it all.
write_units() {
	local units=$root/etc/systemd/system path
	path=Environment=PATH=$bindir:/usr/sbin:/usr/bin:/sbin:/bin
	cat >"$units/trial.target" <<-END
		[Unit]
		Requires=basic.target
		After=basic.target
		Wants=first.service berth.service berth@solo.service last.service
	END
	cat >"$units/first.service" <<-END
		[Unit]
		Before=berth.service berth@solo.service
		[Service]
		Type=oneshot
		RemainAfterExit=yes
		$path
		ExecStart=/bin/sh -eux /mnt/first
		ExecStop=/bin/sh -ux /mnt/after
		StandardError=file:/mnt/log
	END
	cat >"$units/last.service" <<-END
		[Unit]
		After=berth.service berth@solo.service
		[Service]
		Type=oneshot
		$path
		ExecStart=/bin/sh -ux /mnt/last
		StandardError=append:/mnt/log
	END
	cat >"$share/first" <<-'END'
		berth pool create --driver dir default
		berth network create default
		berth template import /mnt/bb.tar bb
		for name in a b c idle solo; do berth create bb $name; done
		berth create --set init=/bin/deaf --set stop.timeout=1s bb deaf
		berth create bb broken
		sed -i '1i init = /sbin/nothing' /var/lib/berth/machines/broken/machine.conf
		for name in a b c deaf broken; do berth set $name boot.autostart=yes; done
		berth set a boot.after=b
		berth set b boot.order=5
	END
	cat >"$share/last" <<-'END'
		berth list --json >/mnt/list
		for unit in berth berth@solo; do systemctl show --property=ActiveState,SubState $unit; done >/mnt/units
		for unit in berth berth@solo; do systemctl show --property=After $unit; done >/mnt/order
		ps -e -o cgroup:80=,args= >/mnt/processes
		systemctl --no-block poweroff
	END
	cat >"$share/after" <<-'END'
		berth list --json >/mnt/list.after
		ps -e -o args= >/mnt/processes.after
		cp /run/berth/events /mnt/events
	END
}

# As process 1 of its namespaces, in the host's place.
enter_host() {
	cat >"$T/enter" <<-'END'
		set -eu
		ip link set lo up
		mount -t proc proc "$1/proc"
		mount -t sysfs -o ro sysfs "$1/sys"
		mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup"
		mount -t devpts -o newinstance,ptmxmode=666 devpts "$1/dev/pts"
		mkdir -p "$1/before"
		cd "$1"
		pivot_root . before
		cd /
		umount -l /before
		exec env -i container=berth-test /lib/systemd/systemd --unit=trial.target --log-target=console
	END
	echo "$BASHPID" >"$group/cgroup.procs"
	exec timeout -k 5 600 unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child \
		--propagation private bash "$T/enter" "$root"
}

# the_host_ran: boots the host once; $T/ran has its end.
the_host_ran() {
	local code=0
	[[ ! -e $T/ran ]] || return 0
	root=$T/host share=$T/share
	[[ -x /lib/systemd/systemd ]] || skip "there is no systemd"
	[[ -e $BUILD_TREE/host/berth.service ]] || skip "this tree was configured without units"
	bindir=$(sed -n 's/^ExecStart=\(.*\)\/berth .*/\1/p' "$BUILD_TREE/host/berth.service")
	group=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)/berth-systemd-$(tag_of "$BERTH_ROOT")
	mkdir "$group" || skip "no control groups of version 2"
	make_host
	write_units
	busybox_root "$T/bb"
	printf '#!/bin/sh\ntrap "" TERM INT USR1 USR2 PWR\nwhile :; do sleep 1; done\n' >"$T/bb/bin/deaf"
	chmod +x "$T/bb/bin/deaf"
	tar -C "$T/bb" -cf "$share/bb.tar" .
	# A power-off sends SIGINT to the first process of a namespace, which kills it.
	(enter_host) </dev/null >"$T/console" 2>&1 || code=$?
	echo 1 >"$group/cgroup.kill"
	umount -R "$root"
	remove_group() {
		find "$group" -depth -type d -exec rmdir {} +
	}
	retry 10 remove_group
	cat "$share/log" || tail -n 50 "$T/console"
	echo "$code" >"$T/ran"
}

case_boots_and_goes_down() {
	the_host_ran
	same "how it ended" 130 "$(cat "$T/ran")"
}

# Pools may lie on disks that other services bring.
case_disks_come_first() {
	local unit
	the_host_ran
	for unit in remote-fs.target blk-availability.service lvm2-monitor.service mdmonitor.service multipathd.service \
		iscsid.service open-iscsi.service; do
		same "after $unit" 2 "$(grep -cw "$unit" "$T/share/order")"
	done
}

# events WHAT: prints the machines of that event, in order.
events() {
	sed -n "s/.*\"event\":\"$1\",\"machine\":\"\([^\"]*\)\".*/\1/p" "$T/share/events" | xargs
}

case_machines_run_after_the_boot() {
	the_host_ran
	[[ -e $T/share/list ]] || fault "it did not boot"
	same running "a b c deaf solo" "$(python3 -c '
import json, sys
print(*[m["name"] for m in json.load(open(sys.argv[1])) if m["state"] == "running"])' "$T/share/list")"
	has "^b (a c|c a|c deaf a|deaf c a|c a deaf|deaf a c|a c deaf|a deaf c) solo$" "$(events started)"
	# The service does not fail because one machine did not start.
	same "the units" "ActiveState=active SubState=exited ActiveState=active SubState=running" \
		"$(xargs <"$T/share/units")"
	has "/berth@solo.service +.*berth start --foreground solo" "$(cat "$T/share/processes")"
	# With or without a D-Bus on this host.
	has "(berth/_keepers|berth-a.scope/keeper) +berth-keeper a" "$(cat "$T/share/processes")"
}

case_machines_are_stopped_in_order_before_the_end() {
	the_host_ran
	[[ -e $T/share/events ]] || fault "it did not boot"
	same running 0 "$(grep -c '"running"' "$T/share/list.after")"
	not grep -q berth-keeper "$T/share/processes.after"
	has "^solo .* b$" "$(events stopped)"
	same "by themselves" 4 "$(grep -c '"outcome":"clean"' "$T/share/events")"
	has '"machine":"deaf","outcome":"killed"' "$(cat "$T/share/events")"
}

run_cases "$@"
