#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The walls: a guest's root tries what is known (tests/attack), behind all walls, and, so that every
# pattern is seen to be one, with the walls in question away.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# with_key COMMAND...: from a session whose keyring holds a key.
with_key() {
	python3 -c '
import ctypes, os, sys
libc = ctypes.CDLL(None)
join, add = {"x86_64": (250, 248), "aarch64": (219, 217)}[os.uname().machine]
libc.syscall(join, 1, None)
libc.syscall(add, b"user", b"berth-attack", b"the caller", 10, -3)
os.execvp(sys.argv[1], sys.argv[1:])' "$@"
}

# attack PROGRAM WORD...: runs tests/attack in machine m, with an open file of the host.
attack() {
	local program=$1
	shift
	# shellcheck disable=SC2094 # read twice
	with_key "$program" exec m -- /attack --disk "$(cat "$T/disk")" --secret "$T/secret" "$@" 7<"$T/secret"
}

# The loop device of the pool, with the files of all machines on it; else the disk of this folder.
find_disk() {
	{
		losetup --noheadings --output MAJ:MIN --associated "$BERTH_ROOT/lib/pools/default/pool.btrfs"
		findmnt -n -o MAJ:MIN -T "$BUILD_TREE/libexec/guest-init"
	} 2>/dev/null | tr -d ' ' | head -n 1 >"$T/disk"
}

# State of the host that must not change.
witness() {
	sha256sum "$BUILD_TREE"/berth "$BUILD_TREE"/libexec/* "$T/secret" /etc/passwd /etc/shadow
	grep -s . /proc/sys/kernel/{core_pattern,modprobe,poweroff_cmd,hostname,sysrq,randomize_va_space} || true
	awk '{ $1 = $2 = ""; print "mount" $0 }' /proc/self/mountinfo | grep -v "$T" || true
	# The test uses a copy of /etc, because others may write to the host's meanwhile.
	find /etc -newer "$T/stamp"
}

# Prints the changes. A mount that was copied from the host's ends when its folder is removed there.
witnessed() {
	local sign what device root point rest
	witness >"$T/witness.after"
	{ diff "$T/witness.before" "$T/witness.after" || true; } | sed -n '/^[<>]/p' | while read -r sign what device root point rest; do
		[[ $sign$what == '<mount' && ! -e $point ]] || echo "$sign $what $device $root $point $rest"
	done
}

# volume MACHINE: prints the path of its root on the disk.
volume() {
	find "$BERTH_ROOT" -maxdepth 5 -type d -name "machine.$1" -print -quit
}

set_up() {
	local root
	# The pool shows the roots to the host, to test files that an image may bring.
	berth pool create default --driver btrfs --size 2G
	busybox_template bb
	printf 'a secret of the host' >"$T/secret"
	chmod 600 "$T/secret"
	etc_of_our_own
	touch "$T/stamp"
	berth launch --wait bb m
	find_disk
	berth exec m -- sh -c 'cat >/attack; chmod 755 /attack' <"$BUILD_TREE/attack"
	berth stop m
	root=$(volume m)
	# shellcheck disable=SC2046 # two numbers
	mknod -m 666 "$root/berth-attack-disk" b $(tr : ' ' <"$T/disk")
	mknod -m 666 "$root/berth-attack-zero" c 1 5
	"$BUILD_TREE/attack" --list >"$T/list"
}

tear_down() {
	etc_of_the_host
}

# Commands enter while the guest attacks them.
ambush() {
	local program=$1 lurker turn
	shift
	attack "$program" "$@" entering >"$T/entering" &
	lurker=$!
	retry 20 "$program" exec m -- test -e /berth-attack-begun
	for ((turn = 0; turn < 200; turn++)); do
		"$program" exec m -- true
		if [[ -s $T/entering ]]; then
			break
		fi
	done
	"$program" exec m -- touch /berth-attack-stop
	wait "$lurker" || true
	"$program" exec m -- rm -f /berth-attack-stop /berth-attack-begun
	cat "$T/entering"
}

# try_behind: tries every pattern once, with all protections; $T/up has the results.
try_behind() {
	local names
	[[ ! -s $T/up ]] || return 0
	witness >"$T/witness.before"
	with_key berth start --wait m
	mapfile -t names < <(cut -d '|' -f 1 "$T/list" | grep -vx entering)
	attack berth "${names[@]}" >"$T/up" || true
	ambush berth >>"$T/up"
	berth stop m
	witnessed >"$T/witnessed"
	cat "$T/up"
}

case_behind_all_walls() {
	try_behind
	empty "what changed on the host" "$T/witnessed"
	same "patterns tried" "$(wc -l <"$T/list")" "$(wc -l <"$T/up")"
	not grep '^escaped' "$T/up"
}

# try_without: tries each pattern in a machine without the protections that the pattern names; $T/down has the results.
try_without() {
	local holes names
	[[ ! -s $T/down ]] || return 0
	cut -d '|' -f 2 "$T/list" | sort -u >"$T/sets"
	while read -r holes <&5; do
		export BERTH_TEST_HOLES="$holes apparmor"
		mapfile -t names < <(awk -F '|' -v holes="$holes" '$2 == holes && $1 != "entering" { print $1 }' "$T/list")
		with_key "$BUILD_TREE/berth-holes" start --wait m
		attack "$BUILD_TREE/berth-holes" --down "${names[@]}" >>"$T/down" || true
		if [[ $holes == userns ]]; then
			ambush "$BUILD_TREE/berth-holes" --down >>"$T/down"
		fi
		"$BUILD_TREE/berth-holes" stop m
	done 5<"$T/sets"
	cat "$T/down"
}

case_without_the_walls() {
	try_without
	same "patterns tried" "$(wc -l <"$T/list")" "$(wc -l <"$T/down")"
	not grep '^contained' "$T/down"
	grep -q 'read: a secret of the host' "$T/down"
	grep -q "read the caller's key: the caller" "$T/down"
}

# A pattern counts if it fails with the protections and succeeds without them.
case_forty_patterns() {
	local name holes source counted=0 up down
	try_behind
	try_without
	printf '%-18s %-10s %-10s %-22s %s\n' PATTERN UP DOWN WALLS SOURCE
	while IFS='|' read -r name holes source <&5; do
		up=$(sed -n "s/^\([a-z]*\) $name: .*/\1/p" "$T/up")
		down=$(sed -n "s/^\([a-z]*\) $name: .*/\1/p" "$T/down")
		printf '%-18s %-10s %-10s %-22s %s\n' "$name" "$up" "$down" "$holes" "$source"
		if [[ $up == contained && $down == escaped ]]; then
			counted=$((counted + 1))
		fi
	done 5<"$T/list"
	echo "# $counted patterns are contained, and succeed without their walls"
	[[ $counted -ge 40 ]] || fault "only $counted patterns count"
}

# The BPF program of the cgroup alone prevents the open of a disk, even if the guest may make the node.
case_devices_alone() {
	export BERTH_TEST_HOLES=userns
	"$BUILD_TREE/berth-holes" start --wait m
	attack "$BUILD_TREE/berth-holes" disk-node loop-node ready-disk >"$T/out" || true
	"$BUILD_TREE/berth-holes" stop m
	cat "$T/out"
	same "patterns tried" 3 "$(wc -l <"$T/out")"
	if berth doctor | grep -q '^note *devices'; then
		skip "this kernel has no control group programs for devices"
	fi
	not grep -v '^contained' "$T/out"
}

# CVE-2015-1335, CVE-2023-28642, CVE-2026-41579
case_links_for_mount_points() {
	local folder target root
	mkdir -p "$T/victim"
	berth create bb links
	root=$(volume links)
	for folder in proc sys dev run; do
		for target in "$T/victim" "../../../../../../..$T/victim"; do
			rm -rf "${root:?}/$folder"
			ln -s "$target" "$root/$folder"
			fails 1 "/$folder.*link" berth start links
			silent "victim" ls -A "$T/victim"
		done
		rm "$root/$folder"
	done
	berth start links
}

# CVE-2026-48749 and similar: the host's accesses to files of a root stay in that root.
case_links_for_files() {
	local target name root
	berth create bb files
	root=$(volume files)
	for target in "$T/secret" "../../../../../../../..$T/secret" "/proc/self/root$T/secret"; do
		for name in hostname machine-id resolv.conf os-release group; do
			rm -f "$root/etc/$name"
			ln -s "$target" "$root/etc/$name"
		done
		berth clone files again
		berth start --wait again
		not berth exec again -- grep -r secret /etc
		same secret "a secret of the host" "$(cat "$T/secret")"
		berth delete --force again
	done
}

# CVE-2016-1582, CVE-2025-64507: setuid files of a guest's root do not belong to root on the host's disk.
case_setuid_files() {
	local found file
	berth start --wait m
	berth exec m -- sh -c 'cp /bin/busybox /berth-setuid && chmod 4755 /berth-setuid'
	file=$(find "$BERTH_ROOT" -name berth-setuid -print -quit)
	[[ -n $file ]]
	chmod 755 "$T"
	setpriv --reuid=65534 --regid=65534 --clear-groups test -r "$BERTH_ROOT"
	found=$(setpriv --reuid=65534 --regid=65534 --clear-groups find "$BERTH_ROOT" -name berth-setuid 2>/dev/null) || true
	same "found by nobody" "" "$found"
	# The mount has nosuid as well, in case the folders are opened to users.
	has nosuid "$(findmnt -n -o OPTIONS -T "$file")"
}

# A pool of driver dir is on the host's own file system. Only root can enter it.
case_setuid_files_in_a_folder() {
	local file
	berth pool create folder --driver dir
	busybox_template inside folder
	berth launch --pool folder --wait inside n
	berth exec n -- sh -c 'cp /bin/busybox /berth-setuid && chmod 4755 /berth-setuid'
	file=$(find "$BERTH_ROOT" -path '*/folder/*' -name berth-setuid -print -quit)
	[[ -u $file ]]
	chmod 755 "$T"
	setpriv --reuid=65534 --regid=65534 --clear-groups test -r "$BERTH_ROOT"
	not setpriv --reuid=65534 --regid=65534 --clear-groups test -e "$file"
	# T itself is open by now.
	same "folders that are root's alone" 3 "$(namei -m "$file" | grep -c '^ drwx------ ')"
}

# exec reads the guest's lists of users, which the guest's root may have written with any content.
case_lists_of_users() {
	up m
	berth exec m -- sh -c 'mv /etc/passwd /etc/passwd.was; mkfifo /etc/passwd'
	timeout 120 berth exec m -- true
	berth exec m -- sh -c 'rm /etc/passwd; ln -s /dev/zero /etc/passwd'
	timeout 120 berth exec m -- true
	berth exec m -- sh -c 'rm /etc/passwd; truncate -s 100G /etc/passwd'
	timeout 120 berth exec m -- true
	berth exec m -- mv /etc/passwd.was /etc/passwd
}

case_mounts_stay_inside() {
	up m
	what_there_is | grep '^mount' >"$T/mounts.before"
	berth exec m -- sh -c 'mkdir /m; mount -t tmpfs none /m; mount --bind /m /root'
	what_there_is | grep '^mount' | diff "$T/mounts.before" -
}

run_cases "$@"
