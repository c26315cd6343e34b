#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A machine that uses up a resource harms only itself: a neighbour and the host still have theirs.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

program=$BUILD_TREE/exhaust

set_up() {
	local name
	busybox_template bb
	for name in greedy modest; do
		berth launch --wait --set security.nesting=yes bb "$name"
		berth exec "$name" -- sh -c 'cat >/exhaust; chmod 755 /exhaust' <"$program"
	done
}

# held: the amount that machine greedy reports to hold.
held() {
	[[ -s $T/held ]]
}

# hold KIND MOST: machine greedy holds that much, until let_go.
hold() {
	rm -f "$T/end" "$T/held"
	mkfifo "$T/end"
	berth exec --no-tty --user "${holder_user:-root}" greedy -- /exhaust "$@" <"$T/end" >"$T/held" &
	echo $! >"$T/holder"
	exec 9>"$T/end"
	retry 60 held
	cat "$T/held"
}

let_go() {
	exec 9>&-
	wait "$(cat "$T/holder")"
	rm "$T/end" "$T/held"
}

# host_has KIND SOME: the host's root gets that many.
host_has() {
	[[ $("$program" "$1" "$2" </dev/null) == "$2 as many as asked for" ]]
}

# take_all KIND [SOME]: one machine takes all; the others then get some, as if it had taken none.
take_all() {
	local kind=$1 some=${2:-20}
	hold "$kind" 100000
	not grep -q 'as many as asked for' "$T/held"
	not grep -q '^0 ' "$T/held"
	same "a neighbour's $kind" "$some as many as asked for" "$(berth exec --no-tty modest -- /exhaust "$kind" "$some" </dev/null)"
	# Others beside this test take some for a while.
	retry 20 host_has "$kind" "$some"
	# The machine can still be entered, unless it lacks what entering needs: a keyring.
	[[ $kind == keys ]] || berth exec greedy -- true
	let_go
}

case_inotify() {
	take_all inotify
}

case_pseudo_terminals() {
	take_all ptys
	hold ptys 100000
	fails '12[0-9]' "pseudo-terminal in the machine: none is left.*kernel.pty.max" berth exec -t greedy -- true
	berth exec greedy -- true
	let_go
}

case_shared_memory() {
	take_all shm
}

case_message_queues() {
	take_all msg
}

case_semaphores() {
	take_all sem
}

case_posix_queues() {
	take_all mqueue 5
}

case_keys() {
	if [[ $("$program" keys 1 </dev/null) == 0* ]]; then
		skip "this host has no keys to give"
	fi
	take_all keys
}

# There are no keys to take without security.nesting.
case_no_keys() {
	berth stop --force greedy
	berth unset greedy security.nesting
	berth start --wait greedy
	same keys "0 Function not implemented" "$(berth exec --no-tty greedy -- /exhaust keys 1 </dev/null)"
}

# The limits of a machine's processes do not depend on the user who starts or enters it.
case_the_same_whoever_starts_it() {
	(
		ulimit -Sn 200
		ulimit -Ss 4096
		berth restart --force --wait modest
		same "of a command" "1024 8192" "$(berth exec modest -- sh -c 'ulimit -n; ulimit -s' | xargs)"
	)
	same "of init" "1024 8388608" "$(awk '/^Max (open files|stack size)/ { print $4 }' "/proc/$(field modest init)/limits" | sort -n | xargs)"
}

# A state root on a small file system, which its pool of driver dir shares with the host.
on_a_small_disk() {
	export BERTH_ROOT=$T/small
	mkdir "$BERTH_ROOT"
	truncate -s 160M "$T/small.img"
	mkfs.ext4 -q -m 10 "$T/small.img"
	mount -o loop "$T/small.img" "$BERTH_ROOT"
	berth pool create default --driver dir
	busybox_template bb
	berth launch --wait bb filler
}

# The file is written more than once, because the kernel counts unallocated blocks only roughly.
fill() {
	local name
	for name in large more most; do
		not berth exec --no-tty filler -- sh -c "cat /dev/zero >/$name" 2>"$T/said"
		has "No space left" "$(cat "$T/said")"
	done
}

# A pool without sizes can be filled by one machine, except for the reserve of the host's root, who can then look and
# kill it.
case_a_full_disk() {
	on_a_small_disk
	fill
	head -c 4000000 /dev/zero >"$BERTH_ROOT/the-hosts"
	has "filler" "$(berth list)"
	berth exec filler -- true
	berth restart --force --wait filler
	berth exec filler -- rm /large
	berth exec filler -- sh -c 'head -c 4000000 /dev/zero >/large'
	# A machine without ids of its own may use the reserve too.
	berth stop --force filler
	berth set filler security.privileged=yes security.caps=sys_resource
	berth start --wait filler
	fill
	not head -c 4000000 /dev/zero >"$BERTH_ROOT/the-hosts-too"
	rm "$BERTH_ROOT/the-hosts"*
	delete_all
	umount "$BERTH_ROOT"
}

# Limits that depend on a machine's own ids: without such ids the machine uses those of the host.
case_without_ids_of_its_own() {
	local lone
	berth stop --force greedy
	berth set greedy security.privileged=yes
	berth start --wait greedy
	# Of a user whom nobody else is: root's are those of every test beside this one.
	lone=$((0x20000000 + 0x$(tag_of "$BERTH_ROOT")))
	berth exec greedy -- sh -c "echo lone:x:$lone:$lone::/:/bin/sh >>/etc/passwd"
	exec 7<"$program"
	same "before" "20 as many as asked for" "$(lone_takes_inotify)"
	holder_user=lone hold inotify 100000
	lacks '^20 ' "$(lone_takes_inotify)"
	exec 7<&-
	let_go
}

# lone_takes_inotify: on the host, by descriptor 7, since the folders of the program may be root's alone.
lone_takes_inotify() {
	setpriv --reuid "$lone" --regid "$lone" --clear-groups /proc/self/fd/7 inotify 20 </dev/null
}

case_no_watchers() {
	fails 1 "too many watchers; raise fs.inotify.max_user_instances" \
		strace -f -qq -o /dev/null -e trace=inotify_init1 -e inject=inotify_init1:error=EMFILE berth events --no-follow
}

run_cases "$@"
