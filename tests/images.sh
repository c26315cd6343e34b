# SPDX-License-Identifier: GPL-2.0-or-later
# Images of LXC and Incus made of a root of busybox, comparisons of trees, and a server. Sourced after tests/lib.sh.
# shellcheck shell=bash

# squash FOLDER FILE [OPTION...]: makes a squashfs of the folder.
squash() {
	rm -f "$2"
	mksquashfs "$1" "$2" -quiet -no-progress "${@:3}" >/dev/null
}

# metadata FILE: makes the first of an image's two files.
metadata() {
	mkdir -p "$T/meta/templates"
	cat >"$T/meta/metadata.yaml" <<-END
		architecture: x86_64
		creation_date: 1764000000
		properties:
		  architecture: amd64
		  description: Busybox 1.35 amd64 (20261127_05:00)
		  os: Busybox
	END
	echo '{{ container.name }}' >"$T/meta/templates/hostname.tpl"
	tar -C "$T/meta" -cJf "$1" metadata.yaml templates
}

# The root that the images have, with every kind of file, and a pool.
images_set_up() {
	busybox_root "$T/bb"
	mkdir "$T/bb/many"
	touch "$T/bb/many/"{1..300}
	seq 300000 >"$T/bb/large"
	truncate -s 40M "$T/bb/sparse"
	echo end >>"$T/bb/sparse"
	echo hard >"$T/bb/hard"
	ln "$T/bb/hard" "$T/bb/many/hard"
	ln -s ../large "$T/bb/many/soft"
	chown 12:34 "$T/bb/hard"
	chmod 4750 "$T/bb/hard"
	setfattr -n user.mark -v kept "$T/bb/large"
	setcap cap_net_raw+ep "$T/bb/large"
	mkfifo "$T/bb/pipe"
	metadata "$T/meta.tar.xz"
	# The program that downloads has no rights, and must be able to read the certificate.
	chmod 755 "$T"
	berth pool create default --driver dir
	no_volumes
}

# Lists a tree, for a comparison.
tree() {
	(cd "$1" && find . -printf '%p %y %m %U:%G %n %l\n' | grep -v '^\. ' | sort)
	(cd "$1" && find . -type f -exec sha256sum {} + | sort)
}

same_tree() {
	tree "$1" >"$T/wanted"
	tree "$2" >"$T/got"
	diff "$T/wanted" "$T/got" | sed -n 1,20p >&2 || true
	cmp "$T/wanted" "$T/got"
}

# ---- A server

www=$T/www
http=http://127.0.0.1:8080
https=https://localhost:8443
# shellcheck disable=SC2154 # tests/lib.sh has it
. "$top/tests/tls.sh"
image_server=$top/tests/integration/image_server.py

# image OS RELEASE VARIANT SERIAL FILE...: adds an image with those files to the server.
image() {
	local folder=$www/images/$1/$2/$3/$4 file
	mkdir -p "$folder"
	for file in "${@:5}"; do
		cp "$T/made/$file" "$folder/"
	done
}

# Starts the servers for these cases, once. The root is small, so that only the faults take time.
serving() {
	[[ ! -e $www.pids ]] || return 0
	mkdir -p "$T/made" "$T/small"
	cp -a "$T/bb/bin" "$T/bb/etc" "$T/small"
	head -c 300000 /dev/urandom >"$T/small/noise"
	cp "$T/meta.tar.xz" "$T/made/lxd.tar.xz"
	tar -C "$T/small" -cJf "$T/made/root.tar.xz" .
	squash "$T/small" "$T/made/rootfs.squashfs"
	mkdir "$T/one"
	cp -a "$T/small" "$T/one/rootfs"
	cp "$T/meta/metadata.yaml" "$T/one"
	tar -C "$T/one" -czf "$T/made/one.tar.gz" .
	image Busybox 1.35 default 20261126_13:00 lxd.tar.xz root.tar.xz rootfs.squashfs
	image Busybox 1.35 squash 20261126_13:00 lxd.tar.xz rootfs.squashfs
	image Busybox edge default 20261126_13:00 one.tar.gz
	image Debian trixie default 20261125_05:24 lxd.tar.xz root.tar.xz
	"$image_server" index "$www"
	certificates 2>"$T/openssl"
	"$image_server" serve "$www" 8080 >"$T/server.out" 2>&1 &
	echo $! >"$www.pids"
	"$image_server" serve "$www" 8443 "$T/server.crt" "$T/server.key" >"$T/server-tls.out" 2>&1 &
	echo $! >>"$www.pids"
	retry 20 listens 8080
	retry 20 listens 8443
	berth template remote add plain "$http" 2>"$T/err"
	berth template remote add secure "$https"
}

# faults_are [LINE...]: sets the faults of the server from now on; without lines there are none.
faults_are() {
	rm -f "$www.fault" "$www.log"
	[[ $# -eq 0 ]] || printf '%s\n' "$@" >"$www.fault"
}
