#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Device sections and berth device: FUSE and tun in use, and devices that a machine never gets.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

in_m() {
	berth exec m -- sh -c "$1"
}

# Copies a program, with the libraries that it is linked with, into the root in folder $2.
copy_program() {
	local file
	for file in "$(command -v "$1")" $(ldd "$(command -v "$1")" | grep -o '/[^ ]*'); do
		cp -L --parents "$file" "$2"
	done
}

set_up() {
	busybox_root "$T/bb"
	copy_program squashfuse "$T/bb"
	mkdir "$T/tree"
	echo squashed >"$T/tree/file"
	mksquashfs "$T/tree" "$T/bb/root/image" -quiet -no-progress >/dev/null
	cp "$BUILD_TREE/test_tun" "$T/bb/root/tun"
	tar -C "$T/bb" -cf "$T/bb.tar" .
	berth template import "$T/bb.tar" bb
	berth launch --wait bb m
	not in_m 'test -e /dev/fuse'
}

# fuse_is_given: gives it to m as its first device; skips if the host has none.
fuse_is_given() {
	[[ -c /dev/fuse ]] || skip "no /dev/fuse here"
	grep -q '^path = /dev/fuse' "$BERTH_ROOT/lib/machines/m/machine.conf" || berth device add --mode 666 m /dev/fuse
}

case_fuse() {
	fuse_is_given
	same "its owner and mode" "0 0 666" "$(in_m "stat -c '%u %g %a' /dev/fuse")"
	in_m 'mkdir /sq && squashfuse /root/image /sq'
	same "read through it" squashed "$(in_m 'cat /sq/file')"
	in_m 'umount /sq'
	has 'device: +dev-fuse, /dev/fuse' "$(berth info m)"
	berth restart --wait m
	in_m 'squashfuse /root/image /sq'
	same "after a restart" squashed "$(in_m 'cat /sq/file')"
}

case_tun() {
	[[ -c /dev/net/tun ]] || skip "no /dev/net/tun here"
	fails 1 "/dev/net/tun" berth exec m -- /root/tun
	berth device add m /dev/net/tun --name vpn
	same "a datagram" passed "$(in_m /root/tun)"
	not ip link show tun0
	berth device remove m vpn
	not in_m 'test -e /dev/net/tun'
	in_m 'mkdir -p /dev/net && ! mknod /dev/net/tun c 10 200'
}

# A node that the guest's root keeps of a removed device leads to nothing.
case_taken_away_is_gone() {
	[[ -c /dev/net/tun ]] || skip "no /dev/net/tun here"
	berth device add --temporary --name kept m /dev/net/tun
	in_m 'touch /keep /link; mount --bind /dev/net/tun /keep; ln -sf /proc/1/root/dev/net/tun /link; : </keep'
	berth device remove m kept
	not in_m 'mknod /again c 10 200 && : <>/again'
	not in_m ': </link'
	in_m 'test ! -e /dev/net/tun'
	if berth doctor | grep -q '^note *devices'; then
		skip "this kernel has no control group programs for devices: a mount made of the node stays"
	fi
	not in_m ': </keep'
	in_m 'umount /keep; rm -f /keep /link'
}

case_owner_and_mode() {
	in_m 'echo "www:x:33:34::/:/bin/sh" >>/etc/passwd; echo "kvm:x:77:" >>/etc/group'
	[[ -c /dev/kvm ]] || skip "no /dev/kvm here"
	berth device add --temporary --owner www:kvm --mode 440 m /dev/kvm
	same "its owner and mode" "33 77 440" "$(in_m "stat -c '%u %g %a' /dev/kvm")"
	berth exec -u www m -- sh -c ': </dev/kvm'
	not berth exec -u www m -- sh -c ': >/dev/kvm'
	in_m 'chmod 600 /dev/kvm'
	lacks kvm "$(cat "$BERTH_ROOT/lib/machines/m/machine.conf")"
	fails 1 "no group 'nemo'" berth device add --owner 0:nemo m /dev/net/tun
}

# The program of the cgroup refuses other devices. A node of another device, made on the host beside it, shows that.
case_exactly_that() {
	local group looked=0
	fuse_is_given
	group=$(sed -n 's/^0:://p' "/proc/$(field m init)/cgroup")
	mknod "$T/tun" c 10 200
	chmod 666 "$T/tun"
	for group in /sys/fs/cgroup$group /sys/fs/cgroup/unified$group; do
		[[ -d $group ]] || continue
		(
			echo "$BASHPID" >"$group/cgroup.procs"
			: <>/dev/fuse
			: <>/dev/null
			not eval ': <>"$T/tun"'
			not eval ': <>/dev/kmsg'
		)
		looked=$((looked + 1))
	done
	((looked > 0)) || fault "no control group of m's was found"
}

case_refusals() {
	fuse_is_given
	fails 2 "every machine has" berth device add m /dev/urandom
	# The names of the nodes do not matter.
	mount -t tmpfs none /dev/shm
	mknod /dev/shm/a c 1 1
	mknod /dev/shm/b c 202 0
	mknod /dev/shm/c b 8 0
	fails 1 "host's memory is in it" berth device add m /dev/shm/a
	fails 1 "registers of the host's processors" berth device add m /dev/shm/b
	fails 1 "a disk of the host's.*security.privileged" berth device add m /dev/shm/c
	fails 1 "host's memory|a disk|registers" berth device add m /dev/shm
	rm /dev/shm/*
	fails 1 "no devices in '/dev/shm'" berth device add m /dev/shm
	mknod /dev/shm/null c 1 3
	mknod /dev/shm/zero c 1 5
	berth device add --temporary m /dev/shm
	in_m ': </dev/shm/zero && : >/dev/shm/null'
	berth device remove m /dev/shm
	not in_m 'ls /dev/shm/* | grep .'
	umount /dev/shm
	fails 1 "kernel log is in it" berth device add m /dev/kmsg
	fails 1 "the host has no '/dev/nosuch'" berth device add m /dev/nosuch
	fails 2 "use a node below '/dev'" berth device add m /etc/passwd
	fails 2 "use a node below '/dev'" berth device add m /dev/../etc/passwd
	fails 2 "octal digits" berth device add --mode 4755 m /dev/fuse
	fails 1 "'/dev/fuse' already" berth device add m /dev/fuse
	berth stop m
	printf '[device gone]\npath = /dev/nosuch\n' >>"$BERTH_ROOT/lib/machines/m/machine.conf"
	fails 1 "device 'gone': the host has no" berth start m
	echo 'optional = yes' >>"$BERTH_ROOT/lib/machines/m/machine.conf"
	berth start --wait m 2>"$T/err"
	has "'gone' is optional" "$(cat "$T/err")"
}

case_a_privileged_machine() {
	berth launch --wait --set security.privileged=yes --set security.caps=syslog bb p
	berth device add p /dev/kmsg
	berth exec p -- sh -c ': </dev/kmsg'
	berth device remove p /dev/kmsg
	not berth exec p -- sh -c 'mknod /root/k c 1 11 && : </root/k'
	berth delete --force p
}

run_cases "$@"
