#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Shared folders: mount sections and berth mount, and actions of a guest's root on them.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# Runs a command in machine m, as its root.
in_m() {
	berth exec m -- sh -c "$1"
}

# A folder of a user that all users can reach, as /srv would be; $T is not reachable.
user_folder() {
	mkdir -p "$1"
	echo hello >"$1/file"
	chown -R 4321:4322 "$1"
}

set_up() {
	busybox_template bb
	berth create bb m
	chmod 755 "$T"
	user_folder "$T/data"
	user_folder "$T/live"
	user_folder "$T/single"
	touch "$T/data/roots"
	berth mount m "$T/data" /srv/data
	berth start --wait m
}

case_one_owner() {
	same "the section" "[mount srv-data]
source = $T/data
target = /srv/data" "$(sed -n '/mount/,$p' "$BERTH_ROOT/lib/machines/m/machine.conf")"
	same "read" hello "$(in_m 'cat /srv/data/file')"
	same "is root's inside" "0 0" "$(in_m "stat -c '%u %g' /srv/data/file")"
	same "others are nobody's" "65534 65534" "$(in_m "stat -c '%u %g' /srv/data/roots")"
	in_m 'echo back >/srv/data/new; mkdir /srv/data/sub; chmod 4755 /srv/data/new'
	same "on the host it is the user's" "4321 4322" "$(stat -c '%u %g' "$T/data/new")"
	not in_m 'chown 7 /srv/data/new'
	has 'mount: +srv-data, .*/data as /srv/data' "$(berth info m)"
	same "in JSON" "/srv/data" "$(berth info --json m | python3 -IS -c 'import json,sys; print(json.load(sys.stdin)["mounts"][0]["target"])')"
}

case_kept_over_a_reboot() {
	local boot
	boot=$(in_m 'cat /proc/sys/kernel/random/boot_id')
	# The reboot may end the command itself.
	in_m reboot || true
	retry 20 in_m "grep -q ' /srv/data ' /proc/mounts && ! grep -q $boot /proc/sys/kernel/random/boot_id"
	same "read again" hello "$(in_m 'cat /srv/data/file')"
}

# Set-user-ID files give no rights: not in the machine, and on the host only those of their user.
case_no_set_user_id_and_no_devices() {
	has 'nosuid' "$(in_m 'grep " /srv/data " /proc/mounts')"
	has 'nodev' "$(in_m 'grep " /srv/data " /proc/mounts')"
	not in_m 'mount -o remount,bind,suid,dev /srv/data'
	not in_m 'mkdir -p /mnt && mount -o bind /srv/data /mnt && mount -o remount,bind,suid /mnt'
	has 'nosuid,nodev' "$(in_m 'grep " /srv/data " /proc/mounts')"
}

case_live() {
	berth mount m "$T/live" /mnt/deep/er --read-only
	same "read" hello "$(in_m 'cat /mnt/deep/er/file')"
	not in_m 'echo x >/mnt/deep/er/file'
	not in_m 'mount -o remount,bind,rw /mnt/deep/er'
	not in_m 'mount -o remount,rw /mnt/deep/er'
	not in_m 'mkdir -p /b && mount -o bind /mnt/deep/er /b && mount -o remount,bind,rw /b'
	not in_m 'unshare -m mount -o remount,bind,rw /mnt/deep/er'
	not in_m 'echo x >/mnt/deep/er/file'
	in_m 'umount /b || true'
	berth unmount m /mnt/deep/er
	not in_m 'test -e /mnt/deep/er/file'
	not grep -q deep "$BERTH_ROOT/lib/machines/m/machine.conf"
	fails 1 "no mount '/mnt/deep/er'" berth unmount m /mnt/deep/er
}

case_nothing_shows_on_the_host() {
	not grep -q "$T/data" /proc/self/mountinfo
	mkdir "$T/data/over"
	mount -t tmpfs none "$T/data/over"
	touch "$T/data/over/seen"
	not in_m 'test -e /srv/data/over/seen'
	in_m 'mkdir -p /srv/data/sub && mount -t tmpfs none /srv/data/sub && touch /srv/data/sub/inner'
	not test -e "$T/data/sub/inner"
	umount "$T/data/over"
	in_m 'umount /srv/data/sub'
}

case_temporary() {
	user_folder "$T/passing"
	berth mount --temporary --name pass m "$T/passing" /passing
	same "read" hello "$(in_m 'cat /passing/file')"
	has 'pass, .*temporary' "$(berth info m)"
	not grep -q passing "$BERTH_ROOT/lib/machines/m/machine.conf"
	fails 1 "has a mount '/passing' already; take it away first: berth unmount m /passing" berth mount m "$T/live" /passing
	berth unmount m pass
	not in_m 'test -e /passing/file'
	berth mount --temporary m "$T/passing" /passing
	berth restart --wait m
	not in_m 'test -e /passing/file'
	lacks passing "$(berth info m)"
	berth create bb off
	fails 1 "'off' is not running" berth mount --temporary off "$T/passing" /passing
}

# www_is_shared: shares a folder twice, with the ids of one user and of all.
www_is_shared() {
	! grep -q '/www$' "$BERTH_ROOT/lib/machines/m/machine.conf" || return 0
	in_m 'echo "www:x:33:34::/:/bin/sh" >>/etc/passwd'
	user_folder "$T/www"
	berth mount --owner 4321:www m "$T/www" /www
	berth mount --owner all m "$T/www" /all
}

case_chosen_users() {
	www_is_shared
	same "whose" "33 34" "$(in_m "stat -c '%u %g' /www/file")"
	berth exec -u www m -- sh -c 'echo x >/www/of-www'
	same "on the host" "4321 4322" "$(stat -c '%u %g' "$T/www/of-www")"
	fails 1 "no user 'nemo' in the machine" berth mount --owner :nemo m "$T/www" /www2
	fails 1 "user 'nemo'.*does not exist" berth mount --owner nemo: m "$T/www" /www2
	fails 2 "write HOST:GUEST" berth mount --owner 'a b:c' m "$T/www" /www2
	same "all ids" "4321 4322" "$(in_m "stat -c '%u %g' /all/file")"
	in_m 'touch /all/five && chown 5:6 /all/five'
	same "all ids on the host" "5 6" "$(stat -c '%u %g' "$T/www/five")"
}

case_files_and_sockets() {
	echo one >"$T/single/file"
	python3 -IS -c 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$T/single/socket"
	chown -R 4321:4321 "$T/single"
	berth mount m "$T/single/file" /etc/single
	same "read" one "$(in_m 'cat /etc/single')"
	berth mount m "$T/single/socket" /run/the.socket
	in_m 'test -S /run/the.socket'
	fails 1 "'/tmp', which is a folder there" berth mount m "$T/single/file" /tmp
	fails 1 "'/etc/passwd' of the machine is no folder" berth mount m "$T/data" /etc/passwd
	berth restart --wait m
	same "read again" one "$(in_m 'cat /etc/single')"
	in_m 'test -S /run/the.socket'
	berth unmount m /run/the.socket
	not in_m 'test -S /run/the.socket'
	not grep -q passwd "$BERTH_ROOT/lib/machines/m/machine.conf"
}

case_refusals() {
	fails 1 "there is no source .*none.: No such file" berth mount m "$T/none" /x
	fails 2 "is a place that berth fills" berth mount m "$T/data" /proc/x
	fails 2 "is the machine's root" berth mount m "$T/data" //
	fails 2 "'.' or '..'" berth mount m "$T/data" /a/../../b
	fails 2 "absolute path" berth mount m "$T/data" a
	fails 1 "is berth's own" berth mount m "$BERTH_ROOT/lib/machines" /x
	fails 1 "is berth's own" berth mount --owner all m "$T" /x
	fails 1 "is berth's own" berth mount --owner all m / /x
	fails 1 "cannot map ids" berth mount --owner all m /proc/sys /x
	ln -s data "$T/a-link"
	fails 1 "symbolic link, or its path has one" berth mount m "$T/a-link" /x
	fails 1 "neither a folder nor a file" berth mount m /dev/null /x
	fails 1 "has a mount '/srv/data' already" berth mount m "$T/single" /srv/data
	fails 1 "a mount named 'srv-data' already" berth mount --name srv-data m "$T/single" /x
	silent "nothing of them is kept" sed -n '/= \/x/p' "$BERTH_ROOT/lib/machines/m/machine.conf"
}

# Root's own folders of the host are shared only if no user can reach them, or if the command asks for it.
case_roots_own() {
	mkdir -p "$T/roots/a" "$T/closed/a"
	chmod 700 "$T/closed"
	fails 1 "belongs to the host's root" berth mount m "$T/roots/a" /roots
	berth mount --read-only m "$T/roots/a" /roots
	berth mount m "$T/closed/a" /closed
	berth mount --owner root m "$T/roots/a" /roots2
	in_m 'touch /roots2/x /closed/x'
	same "root's" 0 "$(stat -c %u "$T/roots/a/x")"
	berth unmount m /roots
	berth unmount m /roots2
	berth unmount m /closed
}

case_a_missing_source() {
	www_is_shared
	berth stop m
	mv "$T/www" "$T/moved"
	fails 1 "m.* did not start: mount 'www': there is no source" berth start m
	berth unmount m www
	sed -i "/mount all/a optional = yes" "$BERTH_ROOT/lib/machines/m/machine.conf"
	berth start --wait m 2>"$T/err"
	has "there is no source .*'all' is optional" "$(cat "$T/err")"
	not in_m 'test -e /all/file'
	berth unmount m all
	# The mount is optional and its source is missing; a device as well.
	berth mount --optional m "$T/later" /mnt/later// 2>"$T/err"
	has "there is no source '$T/later'.*when it starts and it is there" "$(cat "$T/err")"
	fails 1 "there is no source" berth mount m "$T/later" /mnt/other
	berth device add --optional m /dev/berth-none 2>"$T/err"
	has "/dev/berth-none.*when it starts and it is there" "$(cat "$T/err")"
	berth device remove m /dev/berth-none 2>/dev/null
	mkdir "$T/later"
	chown 1000:1000 "$T/later"
	berth restart --wait m
	in_m 'touch /mnt/later/made'
	test -e "$T/later/made"
	berth unmount m /mnt/later/
	not in_m 'test -e /mnt/later/made'
	# A symbolic link replaces it, as a user who may write to its folder could do.
	berth stop m
	mv "$T/data" "$T/data.real"
	ln -s /etc "$T/data"
	fails 1 "symbolic link, or its path has one" berth start m
	rm "$T/data"
	mv "$T/data.real" "$T/data"
	berth start --wait m
}

# A settings file cannot keep a blank at the end, and the name without it is another file.
case_blanks_at_the_end() {
	local name
	mkdir "$T/trail" "$T/trail "
	for name in "$T/trail " "$T/trail	"; do
		fails 2 "the value of source" berth mount m "$name" /mnt/trail
	done
	fails 2 "the value of target begins or ends with a blank" berth mount m "$T/trail" "/mnt/trail "
	fails 2 "the value of path begins or ends with a blank" berth device add m "/dev/null "
	fails 2 "the value of init begins or ends with a blank" berth set m "init=/sbin/init "
	not grep -q trail "$BERTH_ROOT/lib/machines/m/machine.conf"
}

case_a_target_that_is_a_link() {
	in_m 'ln -s /etc /link; mkdir /real; ln -s /real /through'
	fails 1 "'/link' of the machine is a link" berth mount m "$T/live" /link
	fails 1 "'/through' of the machine is a link" berth mount m "$T/live" /through/x
	in_m 'ln -s /proc/1/root /magic'
	fails 1 "'/magic' of the machine is a link" berth mount m "$T/live" /magic/mnt
	not grep -q "$T/live" /proc/self/mountinfo
}

# Root in the guest exchanges the target with a link all the time: the mount is at its place or refused, and never
# elsewhere.
case_a_target_that_is_swapped() {
	in_m 'mkdir -p /swap/a; ln -s /etc /swap/link
		(while :; do mv -T /swap/a /swap/b; ln -s ../etc /swap/a; rm /swap/a; mv -T /swap/b /swap/a; done) >/dev/null 2>&1 &
		echo $! >/swapper'
	for _ in $(seq 20); do
		berth mount m "$T/live" /swap/a/x 2>/dev/null && berth unmount m /swap/a/x
		not in_m 'test -e /etc/x'
	done
	in_m 'kill "$(cat /swapper)"'
	berth restart --wait m
	not in_m 'grep -q " /etc/x" /proc/mounts'
	not grep -q "$T/live" "$BERTH_ROOT/lib/machines/m/machine.conf"
}

# A machine cannot use a folder that it may write to redirect the next mount.
case_a_source_that_is_swapped() {
	in_m 'mkdir -p /srv/data/inner; echo good >/srv/data/inner/file'
	berth mount m "$T/data/inner" /inner
	berth unmount m /inner
	in_m '(cd /srv/data; while :; do mv -T inner x; ln -s /etc inner; rm inner; mv -T x inner; done) >/dev/null 2>&1 &
		echo $! >/swapper'
	for _ in $(seq 20); do
		berth mount --owner all --temporary m "$T/data/inner" /inner 2>/dev/null || continue
		not in_m 'test -e /inner/hostname'
		berth unmount m /inner
	done
	in_m 'kill "$(cat /swapper)"'
	berth restart --wait m
}

# Ways to the folder above the shared one: "..", a descriptor, a working folder that the host moves out.
case_no_way_up() {
	local way
	echo above-it >"$T/secret"
	in_m 'mkdir -p /srv/data/deep/down'
	for way in /srv/data/../secret /srv/data/deep/../../secret; do
		not in_m "cat $way"
	done
	in_m 'cd /srv/data/deep/down && { while ! test -e /go; do sleep 0.05; done; cat ../secret ../../secret ../../../secret; ls ..; } >/seen 2>&1; touch /done' &
	retry 10 in_m 'ls -l /proc/*/cwd | grep -q down'
	mv "$T/data/deep/down" "$T/moved-out"
	in_m 'touch /go'
	retry 10 in_m 'test -e /done'
	wait
	# The attacker has tried each of the three ways.
	lacks above-it "$(in_m 'cat /seen')"
	same "ways that lead nowhere" 3 "$(in_m 'grep -c "^cat: .*No such file" /seen')"
}

case_killed_mounts() {
	local pid
	for _ in $(seq 10); do
		berth mount m "$T/live" /killed &
		pid=$!
		sleep "0.00$((RANDOM % 10))"
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" || true
		berth unmount m /killed 2>/dev/null || true
	done
	not grep -q killed "$BERTH_ROOT/lib/machines/m/machine.conf"
	berth restart --wait m
	not in_m 'grep -q killed /proc/mounts'
}

case_two_at_once() {
	berth mount m "$T/live" /twice & berth mount m "$T/live" /twice 2>/dev/null &
	wait
	same "sections" 1 "$(grep -c 'target = /twice' "$BERTH_ROOT/lib/machines/m/machine.conf")"
	same "mounts" 1 "$(in_m 'grep -c " /twice " /proc/mounts')"
	berth unmount m /twice
}

case_a_privileged_machine() {
	berth launch --wait --set security.privileged=yes bb p
	berth mount p "$T/data" /data
	same "as on the host" 4321 "$(berth exec p -- stat -c %u /data/file)"
	berth unmount p data
	berth delete --force p
}

run_cases "$@"
