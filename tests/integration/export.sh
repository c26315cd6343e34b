#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Templates as files: what other tools read of them, and a way back that loses nothing.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/oci.sh
. "$top/tests/oci.sh"

tree() {
	"$top/tests/integration/tree.py" "$@"
}

# strange_template NAME: a root with one object of each kind that a root can have.
strange_template() {
	[[ ! -e $(root_of "$1") ]] || return 0
	local root=$T/strange
	busybox_root "$root"
	(cd "$root" && mkdir -p deep/er 'a b' sticky && chmod 1777 sticky && echo text >file && ln file deep/hard &&
		ln file 'a b/also hard' && ln -s ../file deep/soft && ln -s /nowhere/at/all dangling && ln dangling deep/hard-link-of-link &&
		mkfifo fifo && chmod 640 fifo && echo owned >owned && chown 1234:4321 owned && chown -h 77:88 dangling &&
		echo set >suid && chown 5:6 suid && chmod 6755 suid && echo cap >cap && setcap cap_net_raw+ep cap &&
		echo acl >acl && setfacl -m u:1000:rw,g:2000:r,m::rw acl && setfacl -d -m u:1001:rwx deep &&
		setfattr -n user.mark -v 0x00ff0a acl && setfattr -n user.folder -v x deep && : >empty &&
		truncate -s 20M sparse && printf x | dd of=sparse bs=1 seek=9000000 conv=notrunc status=none &&
		truncate -s 5M hole && echo odd >$'new\nline' && echo bytes >$'\xff\xfe' && echo umlaut >'grün' &&
		touch -d '1970-01-01 00:00:00.000000001 UTC' empty && touch -d '2001-02-03 04:05:06.789 UTC' owned &&
		touch -h -d '2002-03-04 UTC' dangling && touch -d '1960-01-01 UTC' old)
	local name
	name=$(printf 'n%.0s' {1..250})
	mkdir -p "$root/$name/$name"
	echo long >"$root/$name/$name/$name"
	touch -d '2003-04-05 UTC' "$root/deep" "$root/a b"
	tar -C "$root" --xattrs --xattrs-include='*' --acls --numeric-owner --sparse --format=posix -cf "$T/strange.tar" .
	rm -rf "$root"
	berth template import "$T/strange.tar" "$1"
	tree "$(root_of "$1")" >"$T/strange.tree"
	[[ $(wc -l <"$T/strange.tree") -gt 300 ]]
}

plain() {
	grep -vE "^b'\\./(acl|deep)' " | sed 's/ data [^ ]*//'
}

# came_back NAME: the template is as the strange one, and is deleted.
came_back() {
	diff "$T/strange.tree" <(tree "$(root_of "$1")") >&2
	berth template delete "$1"
}

nothing_aside() {
	same "files" "$1" "$(find "$T/files" -mindepth 1 -printf '%f\n' | sort | paste -sd ' ')"
}

# Through a pool of another driver and back: such a root, of which the host sees no path, has every object too.
case_other_driver() {
	local driver=${STORAGE_DRIVER:-btrfs}
	strange_template strange
	[[ $driver != dir ]] || return 0
	berth pool create other --driver "$driver"
	berth template export strange "$T/there.tar"
	berth template import --pool other "$T/there.tar" across
	berth template export across "$T/back.tar"
	berth template import "$T/back.tar" back
	berth template delete across
	came_back back
	rm "$T"/{there,back}.tar
	retry 30 berth pool delete other
}

# Each format, by each compression: every object comes back as it was.
case_round_trip() {
	local kind suffix
	strange_template strange
	mkdir -p "$T/files"
	for suffix in tar tar.gz tar.xz tar.zst; do
		berth template export strange "$T/files/it.$suffix"
		berth template import "$T/files/it.$suffix" back
		came_back back
		berth template export --force --format lxc strange "$T/files/it.$suffix"
		berth template import "$T/files/it.$suffix" back
		came_back back
		rm "$T/files/it.$suffix"
	done
	for kind in none gzip zstd; do
		berth template export --force --format oci --compression "$kind" strange "$T/files/it.tar"
		berth template import "$T/files/it.tar" back
		came_back back
	done
	nothing_aside it.tar
	rm -r "$T/files"
}

# The same root gives the same bytes.
case_same_bytes() {
	local format
	strange_template strange
	for format in tar lxc oci; do
		same "$format" "$(berth template export --format "$format" --compression gzip strange - | sha256sum)" \
			"$(berth template export --format "$format" --compression gzip strange - | sha256sum)"
	done
}

# Programs that have never heard of berth read it.
case_other_tools() {
	strange_template strange
	mkdir -p "$T/gnu"
	berth template export strange - | tar -C "$T/gnu" --xattrs --xattrs-include='*' --acls --numeric-owner -xpf -
	diff "$T/strange.tree" <(tree "$T/gnu") >&2
	berth template export --compression xz strange - | bsdtar -tf - >"$T/list"
	same entries "$(wc -l <"$T/strange.tree")" "$(wc -l <"$T/list")"
	rm -rf "$T/gnu"
	berth template export --format lxc strange "$T/it.tar.xz"
	same "the first entry" metadata.yaml "$(bsdtar -tf "$T/it.tar.xz" 2>/dev/null | head -n 1)"
	tar -xOf "$T/it.tar.xz" metadata.yaml >"$T/metadata.yaml"
	python3 - "$T/metadata.yaml" <<-'END'
		import json, sys
		it = json.load(open(sys.argv[1]))
		assert it["properties"]["name"] == "strange", it
		assert it["creation_date"] > 1000000000, it
		assert it["architecture"], it
	END
	rm "$T/it.tar.xz"
}

# skopeo and umoci take the image, and umoci's root is the template's.
case_oci_tools() {
	strange_template strange
	berth template set strange default.app.command="/bin/sh -c 'echo \$0' it" default.app.user=7:8 \
		default.app.directory=/tmp default.app.signal=SIGQUIT default.env="A=1 'B=2 3'"
	berth template export --format oci strange "$T/it.tar"
	skopeo inspect --config "oci-archive:$T/it.tar" >"$T/config"
	same "its program" "/bin/sh|-c|echo \$0|it" "$(jq -r '.config.Cmd | join("|")' "$T/config")"
	same "its user" 7:8 "$(jq -r .config.User "$T/config")"
	same "its signal" SIGQUIT "$(jq -r .config.StopSignal "$T/config")"
	same "its variables" "A=1|B=2 3" "$(jq -r '.config.Env | join("|")' "$T/config")"
	same "its architecture" "$arch linux" "$(jq -r '.architecture + " " + .os' "$T/config")"
	mkdir "$T/copy"
	skopeo --insecure-policy copy -q "oci-archive:$T/it.tar" "oci:$T/copy/it:it"
	berth template import "$T/copy/it" back
	same "its defaults" "$(berth template get strange | grep ^default)" "$(berth template get back | grep ^default)"
	came_back back
	if [[ -n $(command -v umoci) ]]; then
		mkdir "$T/layout"
		tar -C "$T/layout" -xf "$T/it.tar"
		umoci unpack --image "$T/layout:strange" "$T/bundle" >"$T/said" 2>&1
		# It knows neither access control lists nor holes.
		diff <(plain <"$T/strange.tree") <(tree "$T/bundle/rootfs" | plain) >&2
	fi
	rm -rf "$T/copy" "$T/layout" "$T/bundle" "$T/it.tar"
	berth template unset strange default.app.command default.app.user default.app.directory default.app.signal \
		default.env
}

# The name of the file tells the compression; without a name there is one.
case_names() {
	strange_template strange
	mkdir -p "$T/files"
	cd "$T/files"
	berth template export strange
	berth template export --format lxc --compression xz strange
	berth template export --format oci strange
	nothing_aside "strange.tar strange.tar.xz strange.tar.zst"
	zstd -qt strange.tar.zst
	xz -t strange.tar.xz
	same "mode" "$(printf '%o' $((0666 & ~$(umask))))" "$(stat -c %a strange.tar)"
	berth template export strange it.tgz
	gzip -t it.tgz
	# A file of that name is replaced at once, if that is wished.
	echo old >it.tar
	ln it.tar hard
	fails 1 "file 'it.tar' exists already; --force replaces it" berth template export strange it.tar
	same "nothing was changed" old "$(cat it.tar)"
	berth template export --force strange it.tar
	tar -tf it.tar >/dev/null
	same "the old file" old "$(cat hard)"
	cd "$T"
	rm -r "$T/files"
}

case_refusals() {
	strange_template strange
	mkdir -p "$T/files/folder"
	mkfifo "$T/files/pipe"
	fails 1 "no template 'nosuch'" berth template export nosuch "$T/files/it"
	fails 2 "--format cannot be 'zip': use tar, lxc or oci" berth template export --format zip strange "$T/files/it"
	fails 2 "--compression cannot be 'bzip2'" berth template export --compression bzip2 strange "$T/files/it"
	fails 2 "an OCI image is a plain tar" berth template export --format oci strange "$T/files/it.tar.gz"
	fails 2 "of an OCI image cannot be xz" berth template export --format oci --compression xz strange "$T/files/it"
	fails 1 "is a folder; name a file in it" berth template export strange "$T/files/folder"
	fails 1 "nobody reads from it" berth template export strange "$T/files/pipe"
	mknod "$T/null" c 1 3
	berth template export strange "$T/null"
	same "a device" "character special file" "$(stat -c %F "$T/null")"
	rm "$T/null"
	fails 1 "nosuch/it': No such file" berth template export strange "$T/files/nosuch/it"
	nothing_aside "folder pipe"
	rm -r "$T/files"
}

# A full disk, a reader that ends and an interrupt are sentences, and leave nothing.
case_broken_off() {
	local code=0 pid
	strange_template strange
	mkdir -p "$T/small" "$T/files"
	mount -t tmpfs -o size=300k tmpfs "$T/small"
	fails 1 "export template 'strange': the disk is full" berth template export strange "$T/small/it.tar"
	fails 1 "the disk is full" berth template export --format oci strange "$T/small/it.tar"
	same "files" 0 "$(find "$T/small" -mindepth 1 | wc -l)"
	umount "$T/small"
	berth template export --compression none strange - 2>"$T/err" | head -c 1000 >/dev/null || code=${PIPESTATUS[0]}
	same "its code" 1 "$code"
	has "its reader has ended before it was complete" "$(cat "$T/err")"
	# What is on its way is held up by the reader.
	mkfifo "$T/slow"
	berth template export --compression none strange - >"$T/slow" &
	pid=$!
	exec 9<"$T/slow"
	head -c 100 <&9 >/dev/null
	kill -INT "$pid"
	exec 9<&-
	wait "$pid" || true
	berth template export strange "$T/files/it.tar.xz" &
	pid=$!
	kill -KILL "$pid"
	wait "$pid" || true
	nothing_aside ""
	retry 10 not pgrep -x berth-pack
	rm -r "$T/files" "$T/slow"
	# It can be deleted, so nobody holds it.
	berth template delete strange
}

# Names of a root control no terminal, and links lead nowhere.
case_hostile_root() {
	local root
	busybox_root "$T/evil"
	ln -s / "$T/evil/up"
	ln -s /etc/shadow "$T/evil/shadow"
	echo x >"$T/evil/$(printf '\033[31mred')"
	tar -C "$T/evil" -cf "$T/evil.tar" .
	berth template import "$T/evil.tar" evil
	root=$(root_of evil)
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$root/socket"
	mknod "$root/node" c 1 3
	berth template export evil "$T/it.tar" 2>"$T/err"
	has "1 sockets were left out" "$(cat "$T/err")"
	tar --quoting-style=escape -tvf "$T/it.tar" >"$T/list"
	has "up -> /$" "$(cat "$T/list")"
	has "^crw.* 1,3 .* node$" "$(cat "$T/list")"
	not grep -q "root:.*:[0-9]*:0:99999" "$T/it.tar"
	berth template delete evil
	rm -rf "$T/evil" "$T/evil.tar" "$T/it.tar"
}

run_cases "$@"
