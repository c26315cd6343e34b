#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Files into machines and out of them: push, pull, cp.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

set_up() {
	busybox_template bb
}

# tree FOLDER: makes a tree with every kind of file that is copied.
tree() {
	mkdir -p "$1/sub/deep" "$1/empty"
	echo one >"$1/one"
	chmod 640 "$1/one"
	ln "$1/one" "$1/sub/again"
	ln -s ../one "$1/sub/link"
	ln -s /etc/nothing "$1/dangling"
	mkfifo -m 620 "$1/fifo"
	printf 'x%.0s' {1..5000} >"$1/sub/deep/five thousand"
	touch -d '2020-02-02 02:02:02' "$1/sub/deep/five thousand" "$1/empty"
	chmod 711 "$1/sub"
	: >"$1/nothing"
}

# list FOLDER: what it holds, with modes, sizes, targets and times of files.
list() {
	(cd "$1" && find . -printf '%P %y %m %s %n %l\n' | sed -E 's/^(.* d [0-7]+) .*/\1/' | sort
	find . -type f -printf '%P %T@\n' | sort)
}

same_trees() {
	same "the tree" "$(list "$1")" "$(list "$2")"
	same "its data" "$(cd "$1" && find . -type f -exec cksum {} + | sort)" \
		"$(cd "$2" && find . -type f -exec cksum {} + | sort)"
}

case_a_file() {
	up m
	echo hello >"$T/file"
	chmod 604 "$T/file"
	chown 12345:12345 "$T/file"
	berth push "$T/file" m:/root
	same "what is in" hello "$(berth exec m -- cat /root/file)"
	same "mode and owner" "604 0 0" "$(berth exec m -- stat -c '%a %u %g' /root/file)"
	berth push --mode 4711 --owner 77:88 "$T/file" m:/root/other
	same "mode and owner" "4711 77 88" "$(berth exec m -- stat -c '%a %u %g' /root/other)"
	berth pull m:/root/other "$T/other"
	same "mode and owner" "711 0 0" "$(stat -c '%a %u %g' "$T/other")"
	berth pull --archive m:/root/other "$T/other"
	same "mode and owner" "4711 77 88" "$(stat -c '%a %u %g' "$T/other")"
	mkdir "$T/here"
	berth pull m:/root/file m:/etc/hostname "$T/here"
	same "what is there" "file hostname" "$(cd "$T/here" && echo *)"
}

case_streams() {
	up m
	echo streamed | berth push - m:/root/stream
	same "what is in" streamed "$(berth pull m:/root/stream -)"
	same "a file of /proc" "$(uname -r)" "$(berth pull m:/proc/sys/kernel/osrelease -)"
	berth pull m:/proc/version "$T/version"
	has Linux "$(cat "$T/version")"
	head -c 3000000 /dev/urandom >"$T/random"
	same "three megabytes" "$(cksum <"$T/random")" \
		"$(berth cp - m:/root/random <"$T/random" && berth cp m:/root/random - | cksum)"
	fails 1 "only a file can be written to standard output" berth pull m:/etc -
}

case_a_tree_and_back() {
	up m
	tree "$T/tree"
	berth push "$T/tree" m:/root
	same links 2 "$(berth exec m -- stat -c %h /root/tree/one)"
	rm -rf "$T/back"
	berth pull m:/root/tree "$T/back"
	same_trees "$T/tree" "$T/back"
	# A second copy replaces existing files, and other files stay.
	berth exec m -- touch /root/tree/more
	echo two >"$T/tree/nothing"
	berth push "$T/tree/." m:/root/tree
	same "what is in" two "$(berth exec m -- cat /root/tree/nothing)"
	berth exec m -- test -e /root/tree/more
	not berth exec m -- test -e /root/tree/tree
	berth exec m -- rm -r /root/tree
}

case_a_stopped_machine() {
	gone s
	berth create bb s
	tree "$T/stopped"
	berth push "$T/stopped" s:/root/tree
	berth pull s:/root/tree "$T/stopped-back"
	same_trees "$T/stopped" "$T/stopped-back"
	same state stopped "$(field s state)"
	berth start s
	same "what is in" one "$(berth exec s -- cat /root/tree/one)"
	same "owner" 0 "$(berth exec s -- stat -c %u /root/tree/one)"
	berth delete --force s
}

# The files of a snapshot, of a running machine and of a stopped one, and back into the machine itself.
case_a_snapshot() {
	up m
	berth exec m -- sh -c 'mkdir -p /d/sub; echo before >/d/sub/file; echo gone >/d/gone; sync'
	berth snapshot m before
	berth exec m -- sh -c 'echo after >/d/sub/file; rm /d/gone; echo new >/d/new; sync'
	same before before "$(berth pull m@before:/d/sub/file -)"
	same before before "$(berth copy-file m@before:/d/sub/file -)"
	same after after "$(berth pull m:/d/sub/file -)"
	mkdir "$T/pulled"
	berth pull m@before:/d "$T/pulled"
	same "what is there" "gone sub" "$(cd "$T/pulled/d" && echo *)"
	berth cp m@before:/d/gone m@before:/d/sub/file m:/d
	same "what came back" "gone before new" "$(berth exec m -- sh -c 'cat /d/gone /d/file /d/new' | xargs)"
	berth stop m
	same "of a stopped one" before "$(berth pull m@before:/d/sub/file -)"
	berth cp m@before:/d/sub/file m:/d/sub
	same "in a stopped one" before "$(berth pull m:/d/sub/file -)"
	berth start --wait m
	fails 1 "machine 'm' has no snapshot 'never'; see: berth snapshot list m" berth pull m@never:/d/gone "$T"
	fails 2 "is in a snapshot, which does not change; name the machine alone: m:/d" berth push "$T/pulled/d/gone" m@before:/d
	fails 2 "snapshot 'N' has upper case" berth pull m@N:/d/gone "$T"
	fails 2 "of different sides" berth pull m@before:/d/gone m:/d/new "$T"
	fails 1 "no machine 'nobody'" berth pull nobody@before:/d "$T"
	fails 1 "/nothing" berth pull m@before:/nothing "$T"
	berth snapshot delete m before
	gone m
}

case_from_machine_to_machine() {
	up m
	up n
	tree "$T/across"
	berth push "$T/across" m:/root/across
	berth cp m:/root/across n:/root
	berth pull n:/root/across "$T/across-back"
	same_trees "$T/across" "$T/across-back"
	gone n
	berth exec m -- rm -r /root/across
}

case_holes() {
	up m
	truncate -s 10G "$T/sparse"
	echo end | dd of="$T/sparse" bs=1 seek=10G conv=notrunc status=none
	berth push "$T/sparse" m:/root/sparse
	same size $((10 * 1024 ** 3 + 4)) "$(berth exec m -- stat -c %s /root/sparse)"
	same end end "$(berth exec m -- tail -c 4 /root/sparse)"
	[[ $(berth exec m -- stat -c %b /root/sparse) -lt 2048 ]]
	berth exec m -- rm /root/sparse
	rm "$T/sparse"
}

case_what_is_refused() {
	up m
	echo x >"$T/x"
	mkdir -p "$T/folder"
	fails 2 "names no path in the machine" berth push "$T/x" m:
	fails 2 "is no path in a machine, such as web:/root" berth push "$T/x" /root
	fails 2 "is no path in a machine, such as web:/etc/hosts" berth pull /etc/fstab "$T"
	fails 2 "'m' is no path in a machine, such as m:/root" berth push "$T/x" m
	fails 2 "such as m@s:/etc/hosts" berth pull m@s "$T"
	fails 2 "'m:/etc/hosts' is in a machine, and '$T' is on this host: berth pull" berth push m:/etc/hosts "$T"
	fails 2 "'m:/root' is in a machine, and '$T/x' is on this host: berth push" berth pull "$T/x" m:/root
	fails 2 "from one to another: berth cp" berth push m:/etc/hosts n:/root
	fails 2 "unknown verb 'migrate'; .*berth move MACHINE HOST" berth migrate m host
	fails 2 "both sides are machine 'm'" berth cp m:/etc/hosts m:/root
	fails 2 "neither '$T/x' nor '/root' is in a machine" berth cp "$T/x" /root
	fails 2 "are of different sides" berth cp m:/etc/hosts "$T/x" m:/root
	fails 2 "'-' is standard input, and then the only source" berth push - "$T/x" m:/root
	fails 2 "--mode cannot be '9'" berth push --mode 9 "$T/x" m:/root
	fails 2 "exclude each other" berth push --archive --owner 1 "$T/x" m:/root
	fails 1 "no machine 'nosuch'" berth push "$T/x" nosuch:/root
	fails 1 "copy '$T/nosuch': No such file or directory" berth push "$T/nosuch" m:/root
	fails 1 "copy '/nosuch' in machine 'm': No such file or directory" berth pull m:/nosuch "$T"
	fails 1 "no folder '/no/such/' in machine 'm'; --parents makes it" berth push "$T/x" m:/no/such/
	fails 1 "no folder '/no/such/' in machine 'm'; --parents makes it" berth push "$T/x" m:/no/such/name
	not berth exec m -- test -e /no
	berth push --parents "$T/x" m:/no/such/name
	same "what is in" x "$(berth exec m -- cat /no/such/name)"
	fails 1 "no user 'nosuch' in the machine's" berth push --owner nosuch "$T/x" m:/root
	fails 1 "owner 'nosuch:root' is not in .* of this host" berth pull --owner nosuch:root m:/etc/hosts "$T/y"
	berth push --parents "$T/x" m:/new/folder/..
	same "what is in" x "$(berth exec m -- cat /new/x)"
	fails 1 "'/dev/null' in machine 'm' is no file and no folder" berth pull m:/dev/null "$T/y"
	fails 1 "'/etc/x' in machine 'm' is a folder, and a file cannot replace it" \
		bash -c "berth exec m -- mkdir /etc/x && berth push '$T/x' m:/etc"
	fails 1 "'/no/such/name' in machine 'm' is no folder, and a folder cannot replace it" \
		berth push "$T/folder" m:/no/such/name
	not test -e "$T/y"
}

case_a_paused_machine() {
	up m
	echo x >"$T/x"
	berth pause m
	fails 1 "machine 'm' is paused; resume it with: berth resume m" berth push "$T/x" m:/root
	berth resume m
}

# Files that cannot be copied are reported, and the others are copied.
case_what_is_left_out() {
	up m
	mkdir -p "$T/odd"
	echo x >"$T/odd/x"
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$T/odd/socket"
	fails 1 "left out: '$T/odd/socket' is a socket" berth push "$T/odd" m:/root
	same "what is in" x "$(berth exec m -- cat /root/odd/x)"
}

# No path leads out of its side, with any links of the guest.
case_links_of_the_guest() {
	up m
	echo guest >"$T/guest"
	berth push "$T/guest" m:/root/secret
	berth exec m -- sh -c 'ln -sf /root/secret /tmp/file; ln -sfn /root /tmp/folder; ln -sfn ../../../.. /tmp/up'
	same "what a link names" guest "$(berth pull m:/tmp/file -)"
	same "the same by a folder" guest "$(berth pull m:/tmp/up/root/secret -)"
	berth push "$T/guest" m:/tmp/folder/through
	same "what is in" guest "$(berth exec m -- cat /root/through)"
	# Within a tree no link is followed.
	mkdir -p "$T/into/folder"
	echo x >"$T/into/folder/x"
	fails 1 "'/tmp/folder' in machine 'm' is no folder" berth push "$T/into/." m:/tmp
	not berth exec m -- test -e /root/x
	# A link that is a file's name is replaced, not followed.
	berth push "$T/guest" m:/tmp/file
	berth exec m -- test ! -L /tmp/file
	same "what the link named" guest "$(berth exec m -- cat /root/secret)"
}

no_file_is_aside() {
	[[ -z $(berth exec m -- find /root -name '.berth-*') ]]
}

# is_writing PUSHER: one of its processes has written to an open file in the machine.
is_writing() {
	local process fd
	for process in $(ps -o pid= --ppid "$1"); do
		for fd in "/proc/$process/fd/"*; do
			[[ $(readlink "$fd") != */root/* ]] || [[ ! -s $fd ]] || return 0
		done
	done
	return 1
}

# slow_push NAME: starts a push to /root/slow.NAME that has begun to write, as job $pusher.
slow_push() {
	mkfifo "$T/slow.$1"
	berth push - "m:/root/slow.$1" <"$T/slow.$1" 2>"$T/push" &
	pusher=$!
	exec {feed}>"$T/slow.$1"
	echo begun >&"$feed"
	retry 10 is_writing "$pusher"
}

case_an_interrupt_leaves_nothing() {
	local pusher feed processes
	up m
	slow_push interrupted
	# One of them may have ended since it was listed.
	mapfile -t processes < <(ps -o pid= --ppid "$pusher")
	kill -KILL "$pusher"
	kill -KILL "${processes[@]}" 2>"$T/gone" || true
	not wait "$pusher"
	no_file_is_aside
	not berth exec m -- test -e /root/slow.interrupted
	exec {feed}>&-
}

case_a_stop_does_not_wait_for_it() {
	local pusher feed
	up m
	slow_push stopped
	berth stop --force m
	same state stopped "$(field m state)"
	not wait "$pusher"
	has "machine 'm' was stopped or rebooted meanwhile" "$(cat "$T/push")"
	exec {feed}>&-
	berth start m
	not berth exec m -- test -e /root/slow.stopped
	no_file_is_aside
}

# No process of the guest can see, trace or signal the process that works in its tree.
case_the_guest_does_not_see_it() {
	local pusher feed
	up m
	slow_push hidden
	not berth exec m -- sh -c 'cat /proc/[0-9]*/comm | grep -q berth'
	exec {feed}>&-
	wait "$pusher"
	same "what is in" begun "$(berth exec m -- cat /root/slow.hidden)"
}

# odd_attributes FOLDER: sets attributes that --archive keeps beside owner, mode and time.
odd_attributes() {
	mkdir -p "$1/folder"
	cp "$(type -P true)" "$1/program"
	touch "$1/file"
	python3 - "$1" <<-'END'
		import os, struct, sys
		os.chdir(sys.argv[1])
		nobody = 0xffffffff
		entries = (1, 6, nobody), (2, 7, 1000), (4, 4, nobody), (16, 7, nobody), (32, 4, nobody)
		acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
		os.setxattr("file", "system.posix_acl_access", acl)
		os.setxattr("folder", "system.posix_acl_access", acl)
		os.setxattr("folder", "system.posix_acl_default", acl)
		os.setxattr("program", "security.capability", struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0))
		os.setxattr("file", "user.zeros", b"a\0b")
		os.setxattr("folder", "user.empty", b"")
		os.setxattr("program", "user.long", b"x" * 3000)
	END
}

attributes_of() {
	(cd "$1" && for file in . file folder program; do
		stat -c '%n %a' "$file"
		getfattr --absolute-names --dump -m '^(user|security.capability|system.posix)' "$file"
	done)
}

case_attributes() {
	local how
	up m
	odd_attributes "$T/attributes"
	attributes_of "$T/attributes" >"$T/wanted"
	for how in running stopped; do
		rm -rf "$T/attributes-back" "$T/attributes-plain"
		berth push --archive "$T/attributes" "m:/root/$how"
		berth pull --archive "m:/root/$how" "$T/attributes-back"
		same "$how: attributes" "$(cat "$T/wanted")" "$(attributes_of "$T/attributes-back")"
		berth pull "m:/root/$how" "$T/attributes-plain"
		silent "$how: without --archive" getfattr -R -d -m '^(user|security.capability)' "$T/attributes-plain"
		berth stop --force m
	done
	up m
	# Files written while the machine was stopped are there when it runs, and the other way round.
	rm -rf "$T/attributes-back"
	berth pull --archive m:/root/stopped "$T/attributes-back"
	same "attributes" "$(cat "$T/wanted")" "$(attributes_of "$T/attributes-back")"
	berth exec m -- rm -r /root/running /root/stopped
}

# The source has the folder in it that it is copied to.
case_into_itself() {
	up m
	mkdir -p "$T/shared/sub"
	echo x >"$T/shared/sub/x"
	berth mount m "$T/shared" /mnt
	fails 1 "left out: '$T/shared/copy' is the folder that it is copied to" \
		berth push "$T/shared" m:/mnt/copy
	same "what is in" x "$(cat "$T/shared/copy/sub/x")"
	not test -e "$T/shared/copy/copy"
	mkdir "$T/shared/there"
	fails 1 "left out: '$T/shared/./there' is the folder" berth push "$T/shared/." m:/mnt/there
	berth umount m /mnt
}

case_where_no_file_can_be_made() {
	up m
	echo x >"$T/x"
	fails 1 "write '/dev/null' in machine 'm': something is mounted on it" berth push "$T/x" m:/dev/null
	fails 1 "takes no new files" berth push "$T/x" m:/proc/x
	fails 1 "takes no new files" berth push "$T/x" m:/sys/x
	mkdir -p "$T/folder"
	berth exec m -- mkdir -p /root/kept
	chattr +i "/proc/$(field m init)/root/root/kept"
	fails 1 "'/root/kept/x' in machine 'm' or the folder that it is in is immutable" berth push "$T/x" m:/root/kept
	fails 1 "'/root/kept/folder' in machine 'm' or the folder that it is in is immutable" berth push "$T/folder" m:/root/kept
	chattr -i "/proc/$(field m init)/root/root/kept"
	chown 70000 "$T/x"
	fails 1 "its owner, .* has no number there; use --owner" berth push --archive "$T/x" m:/root
	chown 0 "$T/x"
}

# The kernel reports one page as the size of files in /sys, and some of them cannot be read.
case_files_that_the_kernel_makes_up() {
	local file folder
	up m
	file=$(berth exec m -- sh -c 'find /sys/bus /sys/kernel -type f -perm 0200 | head -n 1')
	folder=$(dirname "$file")
	fails 1 "left out: '$file' in machine 'm' cannot be read" berth pull "m:$folder" "$T/made-up"
	berth pull m:/sys/class/net/lo/address "$T/address"
	same "what is in" 00:00:00:00:00:00 "$(cat "$T/address")"
}

case_twenty_thousand_files() {
	up m
	mkdir -p "$T/many"
	(cd "$T/many" && for d in {1..20}; do mkdir "$d" && (cd "$d" && seq 1000 | split -l 1 -a 3 -); done)
	berth push "$T/many" m:/root
	same files 20000 "$(berth exec m -- sh -c 'find /root/many -type f | wc -l')"
	berth exec m -- rm -r /root/many
}

# A device or a FIFO of this host is written into; a copy that took its place would be missed by all programs.
case_into_a_device() {
	berth launch bb sink
	mknod "$T/null" c 1 3
	mknod "$T/disk" b 7 999
	berth pull sink:/etc/passwd "$T/null"
	same "a device" "character special file" "$(stat -c %F "$T/null")"
	mkfifo "$T/pipe"
	fails 1 "no program reads from it" berth pull sink:/etc/hostname "$T/pipe"
	cat "$T/pipe" >"$T/read" &
	retry 10 berth pull sink:/etc/hostname "$T/pipe"
	wait
	same "a FIFO" sink "$(cat "$T/read")"
	same "still one" fifo "$(stat -c %F "$T/pipe")"
	# A name of an open file, as /dev/stdout is.
	ln -s /proc/self/fd/1 "$T/stdout"
	berth pull sink:/etc/hostname "$T/stdout" >"$T/read"
	same "standard output" sink "$(cat "$T/read")"
	[[ -L $T/stdout ]]
	berth exec sink -- sh -c 'head -c 1000000 /dev/zero >/big'
	fails 1 "the program that reads it has ended" bash -o pipefail -c 'berth pull sink:/big - | true'
	fails 1 "is a disk" berth pull sink:/etc/passwd "$T/disk"
	fails 1 "only a file" berth pull sink:/etc "$T/null"
	same "still a device" "character special file" "$(stat -c %F "$T/null")"
	rm "$T/null" "$T/disk" "$T/pipe" "$T/stdout"
	gone sink
}

run_cases "$@"
