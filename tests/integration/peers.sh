#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Images of the peers themselves: LXD takes those that berth writes, and berth boots those that LXD and LXC have made.
# LXD and LXC run here, in the namespaces of the test.
# shellcheck disable=SC2034 # read by tests/lib.sh
needs_debian=bookworm
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/lxd.sh
. "$top/tests/lxd.sh"

set_up() {
	berth pool create default --driver dir
	debian_template bookworm
	# The root of a container has to reach its own folder.
	chmod 755 "$T"
}

tear_down() {
	lxd_ends
}

# boots TEMPLATE RELEASE FILE: a machine of it boots, runs commands, has the file, and stops in order.
boots() {
	berth launch --wait "$1" peer
	same "its release" "$2" "$(berth exec peer -- sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)"
	berth exec peer -- test -e "$3"
	berth stop peer 2>"$T/err"
	empty "a clean stop" "$T/err"
	berth delete peer
}

# berth's image is LXD's container, and that container's image is a machine of berth's, in one file and in two.
case_lxd() {
	lxd_runs dir
	berth template export --format lxc bookworm "$T/berth.tar.gz"
	lxc image import "$T/berth.tar.gz" --alias berth
	same "what LXD says" "container x86_64" "$(lxc image info berth | sed -n 's/^Type: //p; s/^Architecture: //p' | sort | xargs)"
	lxc init berth box
	lxc start box || fault "$(lxc info --show-log box | grep ERROR)"
	retry 60 lxc exec box -- test -d /run/systemd/system
	same "its release" bookworm "$(lxc exec box -- sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)"
	lxc exec box -- touch /made-in-lxd
	lxc stop --force box
	lxc publish box --alias made --compression none
	lxc image export made "$T/unified"
	berth template import "$T"/unified.* unified
	boots unified bookworm /made-in-lxd
	berth template delete unified
	# In two files.
	squashed made
	lxc image import "$T/meta.tar.gz" "$T/rootfs.squashfs" --alias split
	lxc image export split "$T/split"
	berth template import "$T/split" "$T/split.root" split
	boots split bookworm /made-in-lxd
	berth template delete split
	lxc delete box
	lxc image delete made
	lxc image delete split
	lxc image delete berth
}

# squashed IMAGE: makes of the image in one file one in two, of LXD's own metadata.
squashed() {
	mkdir "$T/whole"
	tar -C "$T/whole" -xf "$T"/unified.* --numeric-owner
	tar -C "$T/whole" --exclude=./rootfs -czf "$T/meta.tar.gz" .
	mksquashfs "$T/whole/rootfs" "$T/rootfs.squashfs" -Xcompression-level 1 -quiet -no-progress >/dev/null
	rm -rf "$T/whole"
}

# A container that lxc-create has made.
case_lxc() {
	command -v lxc-create >/dev/null || skip "there is no lxc-create; Debian's package lxc has it"
	mkdir -p "$T/lxc"
	lxc-create -P "$T/lxc" -n box -t none -B dir >"$T/out" 2>&1 || fault "$(cat "$T/out")"
	mkdir -p "$T/lxc/box/rootfs"
	# shellcheck disable=SC2154 # tests/lib.sh exports it
	tar -C "$T/lxc/box/rootfs" -xf "$debian_tar_bookworm" --numeric-owner
	sed -i '/^lxc.rootfs.path/d' "$T/lxc/box/config"
	echo "lxc.rootfs.path = dir:$T/lxc/box/rootfs" >>"$T/lxc/box/config"
	berth template import "$T/lxc/box" box
	boots box bookworm /etc/os-release
	berth template delete box
	rm -rf "$T/lxc"
}

run_cases "$@"
