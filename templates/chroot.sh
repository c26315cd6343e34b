# SPDX-License-Identifier: GPL-2.0-or-later
# Package managers that fill a root from outside or inside, and the scripts of packages, which run in it.
# shellcheck shell=sh
# shellcheck disable=SC2154 # root and the options are lib.sh's

# prepare_cache: makes $cache and $work, which has a home of our own, so that settings of the host's do not matter.
prepare_cache() {
	cache=${BERTH_CACHE:-/var/cache/berth}/$release
	mkdir -p "$cache"
	find "$cache" -type f -ctime +30 -delete
	work=$(mktemp -d "$cache/work.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	export HOME="$work"
}

# mount_chroot: mounts what the scripts of packages need.
mount_chroot() {
	mkdir -p "$root/dev" "$root/proc" "$root/sys" "$root/run"
	mount -t tmpfs -o mode=0755,nosuid tmpfs "$root/dev"
	mknod -m 666 "$root/dev/null" c 1 3
	mknod -m 666 "$root/dev/zero" c 1 5
	mknod -m 666 "$root/dev/random" c 1 8
	mknod -m 666 "$root/dev/urandom" c 1 9
	ln -s /proc/self/fd "$root/dev/fd"
	mount -t proc proc "$root/proc"
	mount -t tmpfs -o mode=0755,nosuid,nodev tmpfs "$root/run"
}

prepare_chroot() {
	prepare_cache
	mount_chroot
}

# reason LOG: the line that tells the cause, out of the output of a package manager.
reason() {
	free=$(df -Pk "$root" | awk 'NR == 2 { print $4 }')
	[ "$free" -gt 4096 ] || die "there is no room left in the pool"
	grep -iEm 1 'signature|gpg check|not signed' "$1" || grep -iEm 1 'error message' "$1" ||
		grep -iE 'error|problem|fail|nothing provides|no provider|no match|no such package|not found in repository' \
			"$1" | tail -n 1
}

# logged PROGRAM...: shows what it downloads and installs; its failure is ours.
logged() {
	{ "$@" 2>&1 </dev/null || touch "$work/failed"; } | tee "$work/log" |
		sed -u -n -E 's/^ *(\([0-9/]+\) )?(Installing|Upgrading|Retrieving|installing|downloading):? +([^ ]+).*/  \2 \3/p' >&2
	[ ! -e "$work/failed" ] || {
		why=$(reason "$work/log")
		die "${why:-$1 failed: $(tail -n 1 "$work/log")}"
	}
}

# settle_chroot: removes the mounts of the build, and adds the settings of a machine.
settle_chroot() {
	umount "$root/run" "$root/proc" "$root/dev"
	rm -f "$root/etc/fstab"
	echo 'LANG=C.UTF-8' | write_file etc/locale.conf
	: | write_file etc/machine-id 444
	echo 'net.ipv4.ping_group_range = 0 65535' | write_file etc/sysctl.d/60-ping.conf
	sed -i -e 's/^root::/root:!:/' -e 's/^root:\([^:!*]\)/root:!\1/' "$root/etc/shadow"
	forget_host
}
