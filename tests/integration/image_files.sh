#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Images of LXC and Incus as files: squashfs, one file, two files, and hostile ones.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/roots.sh
. "$top/tests/roots.sh"
# shellcheck source=tests/images.sh
. "$top/tests/images.sh"

set_up() {
	images_set_up
}

case_squashfs() {
	local kind root
	for kind in gzip xz zstd lz4; do
		squash "$T/bb" "$T/image.squashfs" -comp "$kind"
		berth template import "$T/image.squashfs" squash
		root=$(root_of squash)
		same_tree "$T/bb" "$root"
		same "an attribute" kept "$(getfattr --only-values -n user.mark "$root/large")"
		has cap_net_raw "$(getcap "$root/large")"
		(($(stat -c %b "$root/sparse") < 1000))
		berth launch --wait squash box
		same "in the machine" hard "$(berth exec box -- cat /many/hard)"
		berth delete --force box
		berth template delete squash
	done
	no_volumes
}

case_squashfs_of_a_pipe() {
	squash "$T/bb" "$T/image.squashfs"
	fails 1 "squashfs, which cannot be read from a pipe" \
		bash -c 'cat "$T/image.squashfs" | berth template import - squash'
	no_volumes
}

case_broken_squashfs() {
	local at
	squash "$T/bb" "$T/image.squashfs"
	head -c 100000 "$T/image.squashfs" >"$T/cut"
	fails 1 "archive '$T/cut': truncated; the squashfs has 100000 of" \
		berth template import "$T/cut" squash
	head -c 50 "$T/image.squashfs" >"$T/cut"
	fails 1 "truncated or damaged" berth template import "$T/cut" squash
	# Some bytes are changed. The image is refused or, if the bytes are uncompressed data of a file, taken. A crash
	# is always reported.
	for at in 20 36 60 2000 200000 400000 600000; do
		cp "$T/image.squashfs" "$T/bad"
		printf '\xff\xff\xff\xff\xff\xff\xff\xff' | dd of="$T/bad" bs=1 seek="$at" conv=notrunc status=none
		if ! berth template import "$T/bad" squash 2>"$T/err"; then
			same "sentences" 1 "$(grep -c '^berth: ' "$T/err")"
		else
			berth template delete squash
		fi
	done
	no_volumes
}

case_evil_squashfs() {
	mkdir -p "$T/evil/bin" "$T/evil/dev"
	cp "$T/bb/bin/busybox" "$T/evil/bin/sh"
	mknod "$T/evil/dev/sda" b 8 0
	squash "$T/evil" "$T/evil.squashfs"
	berth template import "$T/evil.squashfs" evil 2>"$T/err"
	has "1 device nodes were left out" "$(cat "$T/err")"
	berth template delete evil
	chown 70000 "$T/evil/bin/sh"
	squash "$T/evil" "$T/evil.squashfs"
	fails 1 "entry 'bin/sh' has an owner that no machine has" berth template import "$T/evil.squashfs" evil
	chown 0 "$T/evil/bin/sh"
	ln -s ../../../../etc "$T/evil/bin/out"
	squash "$T/evil" "$T/evil.squashfs"
	fails 1 "entry 'bin/out' is a link that leads out" berth template import "$T/evil.squashfs" evil
	# A folder that contains itself many times has a path for each way through it.
	fails 1 "the squashfs is damaged" timeout 20 berth template import \
		"$top/tests/fuzz/corpus/archive/squashfs-folder-in-itself" evil
	no_volumes
}

case_image_in_one_file() {
	mkdir "$T/unified"
	cp -a "$T/meta/." "$T/unified"
	cp -a "$T/bb" "$T/unified/rootfs"
	tar -C "$T/unified" -czf "$T/unified.tar.gz" metadata.yaml rootfs templates
	berth template import "$T/unified.tar.gz" unified 2>"$T/err"
	has "its root is what was in folder 'rootfs'" "$(cat "$T/err")"
	same_tree "$T/bb" "$(root_of unified)"
	has '"description": "Busybox 1.35 amd64 \(20261127_05:00\)"' "$(berth template list --json)"
	berth launch --wait unified box
	berth delete --force box
	berth template delete unified
	no_volumes
}

case_image_in_two_files() {
	local root
	squash "$T/bb" "$T/image.squashfs"
	tar -C "$T/bb" -cJf "$T/root.tar.xz" .
	for root in image.squashfs root.tar.xz; do
		berth template import "$T/meta.tar.xz" "$T/$root" split
		same_tree "$T/bb" "$(root_of split)"
		has '"description": "Busybox 1.35 amd64 \(20261127_05:00\)"' "$(berth template list --json)"
		berth template delete split
	done
	fails 1 "its metadata: it has no metadata.yaml" \
		berth template import "$T/root.tar.xz" "$T/image.squashfs" split
	fails 1 "its metadata" berth template import "$T/image.squashfs" "$T/root.tar.xz" split
	fails 1 "nowhere.*No such file" berth template import "$T/nowhere" "$T/root.tar.xz" split
	no_volumes
}

# The text is shown, but cannot control the terminal.
case_evil_metadata() {
	local long
	long=$(printf '%0500d' 7)
	printf 'properties:\n  description: "a\x1b[2J\xffb %s"\n' "$long" >"$T/meta/metadata.yaml"
	tar -C "$T/meta" -cf "$T/evil.tar" metadata.yaml
	squash "$T/bb" "$T/image.squashfs"
	berth template import "$T/evil.tar" "$T/image.squashfs" split
	berth template list --json | tr -d '\n' | not grep -P '\x1b'
	has '"description": "a\?\[2J\?b 0000' "$(berth template list --json)"
	berth template delete split
	metadata "$T/meta.tar.xz"
}

run_cases "$@"
