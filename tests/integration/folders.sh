#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Templates from folders that are roots, and from containers of LXC.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/roots.sh
. "$top/tests/roots.sh"

tree() {
	"$top/tests/integration/tree.py" --without-devices "$1"
}

set_up() {
	berth pool create default --driver dir
}

# refused TEXT FOLDER: the import says so in one sentence, and leaves nothing.
refused() {
	fails 1 "$1" berth template import "$2" bad
	no_volumes
	retry 10 not pgrep -x berth-pack
}

case_a_plain_folder() {
	objects_in "$T/it"
	mknod "$T/it/node" c 1 3
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$T/it/socket"
	setfattr -n security.mark -v x "$T/it/owned"
	berth template import "$T/it/" it 2>"$T/err"
	has "1 device nodes were left out" "$(cat "$T/err")"
	has "1 sockets were left out" "$(cat "$T/err")"
	has "1 attributes were left out" "$(cat "$T/err")"
	rm "$T/it/socket"
	setfattr -x security.mark "$T/it/owned"
	diff <(tree "$T/it") <(tree "$(root_of it)") >&2
	same "its origin" "folder it" "$(berth template info --json it | jq -r .origin)"
	berth launch --set network= it box
	same "it runs" text "$(berth exec box -- cat /file)"
	berth delete --force box
	berth template delete it
	rm -rf "$T/it"
	no_volumes
}

# A folder that a file system is mounted on, and one in the folder: the first is the root, the second is not in it.
case_mounts() {
	mkdir -p "$T/mounted"
	mount -t tmpfs tmpfs "$T/mounted"
	busybox_root "$T/mounted"
	mkdir "$T/mounted/other"
	mount -t tmpfs tmpfs "$T/mounted/other"
	echo secret >"$T/mounted/other/secret"
	berth template import "$T/mounted" it
	[[ -e $(root_of it)/bin/busybox && ! -e $(root_of it)/other/secret ]]
	berth template delete it
	umount -R "$T/mounted"
	no_volumes
}

case_folders_that_are_refused() {
	local pid
	mkdir "$T/empty"
	refused "folder '$T/empty': it has neither /sbin/init nor /bin/sh" "$T/empty"
	busybox_root "$T/evil"
	touch "$T/evil/foreign"
	chown 100000 "$T/evil/foreign"
	refused "entry 'foreign' has an owner that no machine has" "$T/evil"
	rm "$T/evil/foreign"
	ln -s ../../etc/shadow "$T/evil/up"
	refused "entry 'up' is a link that leads out of the tree" "$T/evil"
	rm "$T/evil/up"
	# What is behind a link of the host is not followed.
	ln -s "$T" "$T/evil/link"
	berth template import "$T/evil" it
	[[ -L $(root_of it)/link ]]
	berth template delete it
	# A name that would control a terminal.
	mkdir "$T/evil/$(printf '\033[31mred')"
	chown 70000 "$T/evil/$(printf '\033[31mred')"
	refused "entry '\?\[31mred/?' has an owner" "$T/evil"
	rm -rf "$T/evil"
	# A file that somebody cuts off meanwhile is a sentence, whichever moment it is.
	busybox_root "$T/moving"
	truncate -s 300M "$T/moving/file"
	dd if=/dev/urandom of="$T/moving/file" bs=1M count=200 conv=notrunc status=none
	(while :; do truncate -s 300M "$T/moving/file" && sleep 0.01 && truncate -s 1 "$T/moving/file"; done) &
	pid=$!
	berth template import "$T/moving" bad 2>"$T/err" || has "was read|changed|no such|shorter" "$(cat "$T/err")"
	kill "$pid"
	berth template delete --force bad 2>/dev/null || true
	rm -rf "$T/moving"
	no_volumes
}

case_a_killed_import() {
	local pid
	busybox_root "$T/large"
	dd if=/dev/urandom of="$T/large/file" bs=1M count=100 status=none
	berth template import "$T/large" bad &
	pid=$!
	retry 20 pgrep -x berth-pack >/dev/null
	kill -KILL "$pid"
	wait "$pid" || true
	retry 10 not pgrep -x berth-pack
	fails 1 "no template 'bad'" berth template info bad
	berth template import "$T/large" good
	berth template delete good
	rm -rf "$T/large"
	no_volumes
}

# ---- Containers

# container NAME LINE...: its folder, as LXC has it.
container() {
	mkdir -p "$T/lxc/$1"
	printf '%s\n' "# Template used to create this container" "lxc.rootfs.path = dir:$T/lxc/$1/rootfs" \
		"lxc.uts.name = $1" "lxc.arch = linux64" "${@:2}" >"$T/lxc/$1/config"
}

case_a_container() {
	container web "lxc.environment = A=1" "lxc.environment = B=two words" "lxc.cgroup2.memory.max = 512M" \
		"lxc.cgroup2.pids.max = 99" "lxc.cgroup2.cpu.max = 150000 100000" "lxc.prlimit.nofile = 100:200" \
		"lxc.signal.halt = SIGRTMIN+3" "lxc.net.0.type = veth" "lxc.net.0.link = lxcbr0" \
		"lxc.mount.entry = /srv srv none bind 0 0" "lxc.mount.entry = /home home none bind 0 0" \
		"lxc.include = /usr/share/lxc/config/common.conf" "lxc.init.cmd = /sbin/init --odd"
	objects_in "$T/lxc/web/rootfs"
	berth template import "$T/lxc/web" it 2>"$T/err"
	has "keys were left out: lxc.net.0.type, lxc.net.0.link, lxc.mount.entry, lxc.include, lxc.init.cmd$" \
		"$(cat "$T/err")"
	diff <(tree "$T/lxc/web/rootfs") <(tree "$(root_of it)") >&2
	same "its defaults" "env=A=1 'B=two words' limits.cpus=1.5 limits.memory=512M limits.pids=99 limits.rlimit.nofile=100:200 stop.signal=SIGRTMIN+3" \
		"$(berth template info --json it | jq -r '.defaults | to_entries | map("\(.key)=\(.value)") | join(" ")')"
	same "its origin" "container web" "$(berth template info --json it | jq -r .origin)"
	berth template delete it
	rm -rf "$T/lxc"
	no_volumes
}

# The ids of an unprivileged container become its own again, in access control lists and capabilities too.
case_an_unprivileged_container() {
	objects_in "$T/plain"
	container web "lxc.idmap = u 0 100000 65536" "lxc.idmap = g 0 200000 65536"
	mkdir "$T/lxc/web/rootfs"
	python3 "$top/tests/integration/shifted.py" "$T/plain" "$T/lxc/web/rootfs" 100000 200000
	same "ids on the host" 101234:204321 "$(stat -c %u:%g "$T/lxc/web/rootfs/owned")"
	berth template import "$T/lxc/web" it
	diff <(tree "$T/plain") <(tree "$(root_of it)") >&2
	berth template delete it
	touch "$T/lxc/web/rootfs/foreign"
	chown 7:200000 "$T/lxc/web/rootfs/foreign"
	refused "entry 'foreign' belongs to an id of the host that its id map does not have" "$T/lxc/web"
	rm -rf "$T/lxc" "$T/plain"
	no_volumes
}

case_containers_that_are_refused() {
	container web "no line"
	busybox_root "$T/lxc/web/rootfs"
	refused "line 5 of its config is no KEY = VALUE" "$T/lxc/web"
	container web "lxc.idmap = u 0 100000"
	refused "lxc.idmap cannot be 'u 0 100000'" "$T/lxc/web"
	container web "lxc.idmap = x 0 1 2"
	refused "lxc.idmap cannot be 'x 0 1 2'" "$T/lxc/web"
	container web "lxc.rootfs.path = zfs:tank/web"
	refused "its root is 'zfs:tank/web', which is no folder: mount it" "$T/lxc/web"
	container web "lxc.rootfs.path = overlay:/a:/b"
	refused "which is no folder" "$T/lxc/web"
	container web "lxc.rootfs.path = relative"
	refused "which is no folder" "$T/lxc/web"
	# Values cannot make other lines of template.conf.
	container web $'lxc.environment = A=1\rdefault.security.privileged = yes' $'lxc.\e[31mred = 1'
	berth template import "$T/lxc/web" it 2>"$T/err"
	lacks "^default.security" "$(berth template get it)"
	not grep -q $'\e' "$T/err"
	berth template delete it
	# LXC listens on this socket while the container runs.
	python3 -c 'import socket, sys, time
it = socket.socket(socket.AF_UNIX)
it.bind("\0" + sys.argv[1] + "/command")
it.listen()
time.sleep(1000)' "$T/lxc/web" &
	retry 10 grep -q "@$T/lxc/web/command" /proc/net/unix
	refused "it is running: stop it first: lxc-stop -n web" "$T/lxc/web"
	kill $!
	rm -rf "$T/lxc"
	no_volumes
}

run_cases "$@"
