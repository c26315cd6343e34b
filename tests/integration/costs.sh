#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Requests of commands to the kernel, counted. A bound is a little above the count at the time it was set, and is raised
# only with a reason.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

driver=${STORAGE_DRIVER:-btrfs}

# traced WORDS...: runs berth, and writes its system calls and those of its children to $T/trace, a line each. $T/later
# has those of the process that updates the pool's copy of changed settings, or of a thin pool, a second after the
# command.
traced() {
	# The process of an earlier command would take the pool's lock for moments of this one.
	retry 20 no_copying_is_left
	strace -f -yy -qq -o "$T/all" berth "$@" >"$T/out" </dev/null
	: >"$T/trace"
	: >"$T/later"
	awk -v trace="$T/trace" -v later="$T/later" '
		NR == FNR && /execve\(.*"_backup"\]/ { copies[$1] }
		NR == FNR && /(clone3?|v?fork)(\(| resumed>).* = [0-9]+$/ { parent[$NF] = $1 }
		NR == FNR { next }
		{
			pid = $1
			while (!(pid in copies) && pid in parent)
				pid = parent[pid]
			print >(pid in copies ? later : trace)
		}' "$T/all" "$T/all"
}

# count PATTERN [FILE]: counts traced calls. A call that strace shows in two lines is one call.
count() {
	grep -v 'resumed>' "${2:-$T/trace}" | grep -cE "^[0-9]+ +($1)\(" || true
}

# waits: counts waits for the disk, except those of a thin pool's catalogue once in 64 pages of changes, which any
# command may meet: it writes the log to the disk, and then the pages that were copied out of it.
waits() {
	local copied
	copied=$(grep -cE '(fsync|fdatasync)\([0-9]+<[^>]*/catalog\.db>' "$T/trace" || true)
	echo $(($(count "$syncs") - 2 * copied))
}

# later WHAT "BTRFS THIN calls" "BTRFS THIN waits": checks the costs of the process in the background. Without a change
# of settings there is none, except on a thin pool, which has a copy of its catalogue too.
later() {
	at_most "$2" "calls of the copy of settings after $1" "$(count "$calls" "$T/later")"
	at_most "$3" "times that it waits for the disk" "$(count "$syncs" "$T/later")"
	at_most 0 "processes of it" "$(count "$births" "$T/later")"
}

# netlink: counts netlink messages to the kernel.
netlink() {
	grep -E 'send(to|msg|mmsg)\([0-9]+<NETLINK' "$T/trace" | grep -o 'nlmsg_type=' | wc -l
}

# faults WORDS...: counts the page faults of berth and of the children that it waited for.
faults() {
	python3 -c '
import resource, subprocess, sys
given = lambda: resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
before = given()
subprocess.run(["berth", *sys.argv[1:]], check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)
print(given() - before)' "$@"
}

# at_most "BTRFS THIN" WHAT NUMBER
at_most() {
	local bound=${1% *}
	[[ $driver != thin ]] || bound=${1#* }
	echo "# $2: $3 of $bound"
	(($3 <= bound)) || fault "$2: $3, more than $bound"
}

# Each linked library costs every command 0.1 ms, so those for networks and thin pools are loaded when they are needed.
# libcap, jansson and libc remain.
at_most_libraries() {
	at_most 3 "libraries of $1" "$(grep -cE 'openat\(.*/lib[^/]*\.so[^/]* = [0-9]' "$T/trace")"
}

calls="[a-z_0-9]+" syncs="fsync|fdatasync|syncfs|msync|sync_file_range" births="clone|clone3|fork|vfork"

set_up() {
	berth pool create default --driver "$driver"
	busybox_template bb
	berth create --set network= bb m
	traced clone m warm
	berth delete warm
}

case_clone() {
	traced clone m copy
	at_most "180 431" "calls of a clone" "$(count "$calls")"
	at_most "4 7" "times that a clone waits for the disk" "$(waits)"
	at_most "1 1" "processes of a clone" "$(count "$births")"
	at_most 0 "netlink messages of a clone" "$(netlink)"
	later "a clone" "215 364" "2 1"
}

case_snapshot() {
	traced snapshot m s
	at_most "136 389" "calls of a snapshot" "$(count "$calls")"
	# One wait is for the note that the root was never started, which a restore has to find.
	at_most "1 4" "times that a snapshot waits for the disk" "$(waits)"
	later "a snapshot" "0 372" "0 1"
	traced restore m s
	at_most "148 533" "calls of a restore" "$(count "$calls")"
	# On btrfs one for the exchange of the roots, one for the removal of the old one.
	at_most "2 7" "times that a restore waits for the disk" "$(waits)"
	later "a restore" "0 320" "0 1"
}

case_delete() {
	berth info copy >/dev/null 2>&1 || traced clone m copy
	traced delete copy
	# One call finds that no machine has aliases of its own that were to follow.
	at_most "197 457" "calls of a delete" "$(count "$calls")"
	# On btrfs one for the mark, one for the removal.
	at_most "2 4" "times that a delete waits for the disk" "$(waits)"
	later "a delete" "0 442" "0 1"
}

case_exec() {
	berth start --wait m
	traced exec m true
	at_most 340 "calls of an exec" "$(count "$calls")"
	at_most_libraries "an exec"
	at_most 0 "times that an exec waits for the disk" "$(count "$syncs")"
	# The processes are the command and its parent, which shares the client's memory.
	at_most 2 "processes of an exec" "$(count "$births")"
	at_most 1 "that have a copy of memory" "$(grep -E ' (clone3?|v?fork)\(' "$T/trace" | grep -vc CLONE_VM)"
	at_most 0 "netlink messages of an exec" "$(netlink)"
	berth stop --force m
}

# The counts are those of the command itself, without the keeper, which goes on.
case_start() {
	# The first start of a machine writes its identity into its root.
	berth start --wait m
	berth stop --force m
	strace -qq -o "$T/lines" berth start m
	sed 's/^/1 /' "$T/lines" >"$T/trace"
	at_most "110 102" "calls of a start" "$(count "$calls")"
	at_most_libraries "a start"
	at_most 0 "times that a start waits for the disk" "$(count "$syncs")"
	berth stop --force m
}

case_stop() {
	berth start --wait m
	traced stop m
	at_most "94 93" "calls of a stop" "$(count "$calls")"
	at_most 0 "times that a stop waits for the disk" "$(count "$syncs")"
	at_most 0 "processes of a stop" "$(count "$births")"
	at_most 0 "netlink messages of a stop" "$(netlink)"
}

# From a start to a stop, with the keeper, the guest-init of the machine, and a network that is up already.
case_whole_life() {
	local tracer
	berth create bb connected
	berth launch bb other
	retry 20 no_copying_is_left
	strace -f -yy -qq -o "$T/trace" berth start connected </dev/null &
	tracer=$!
	retry 60 state_is connected running
	berth stop connected
	wait "$tracer"
	at_most "1590 2230" "calls of a life" "$(count "$calls")"
	at_most 2 "times that it waits for the disk" "$(count "$syncs")"
	at_most "4 5" "processes of it" "$(count "$births")"
	at_most 42 "netlink messages of it" "$(netlink)"
	at_most 0 "packet sockets, for whose close a start would wait" "$(grep -c 'socket(AF_PACKET' "$T/trace")"
	gone connected other
}

# Page faults of the program. Runs differ from each other by some three.
case_page_faults() {
	at_most "130 137" "page faults of a list" "$(faults list)"
	at_most "150 300" "page faults of a clone" "$(faults clone m paged)"
	at_most "145 149" "page faults of a start" "$(faults start --wait m)"
	at_most "270 296" "page faults of an exec" "$(faults exec m true)"
	at_most "120 127" "page faults of a stop" "$(faults stop m)"
	gone paged
}

# A large volume that is freed in pieces is counted once, not for each piece.
case_freeing() {
	[[ $driver == btrfs ]] || return 0
	busybox_root "$T/many"
	mkdir "$T/many/many"
	(cd "$T/many/many" && seq 25000 | split -l 1000 --filter='mkdir d$FILE && cd d$FILE && xargs touch')
	tar -C "$T/many" -c . | berth template import - many
	rm -rf "$T/many"
	exec {hold}>"$BERTH_ROOT/run/locks/freeing"
	flock "$hold"
	berth template delete many
	retry 20 no_copying_is_left
	flock -u "$hold"
	strace -f -qq -e trace=ioctl -o "$T/lines" berth _free
	at_most "310 0" "searches of what frees 25,000 files" "$(grep -c BTRFS_IOC_TREE_SEARCH "$T/lines")"
	at_most "30 0" "times that it waits for the disk" "$(grep -c BTRFS_IOC_WAIT_SYNC "$T/lines")"
}

# Of a file that has not changed, an increment and a comparison look at the inode here and at that in the base.
case_unchanged() {
	local looks="statx|newfstatat"
	berth clone m many
	berth start --wait many
	berth exec many -- sh -c 'mkdir /many; cd /many; i=0; while [ $i -lt 1000 ]; do : >$i; i=$((i + 1)); done; sync'
	berth snapshot many one
	berth exec many -- sh -c 'echo 1 >/changed; sync'
	berth snapshot many two
	berth stop --force many
	traced export --force --since one many@two "$T/unchanged.berth"
	at_most "2900 2900" "looks of an increment with 1000 files that are the same" "$(count "$looks")"
	traced diff many@one @two
	at_most "2900 2900" "looks of a comparison" "$(count "$looks")"
	berth delete many
}

# Each further machine costs the same; one call looks for the mark of a move.
case_list() {
	local one i
	# The record of the last end exists.
	berth start m
	berth stop --force m
	traced list
	one=$(count "$calls")
	for ((i = 0; i < 10; i++)); do
		berth clone m "m$i"
	done
	traced list
	# The calls include a look at the names in each pool, which finds lost roots, and one for the index.
	at_most "110 111" "calls of a list" "$one"
	at_most "7 7" "calls for each machine more" "$((($(count "$calls") - one) / 10))"
	# The record of the last end is read at once, after a check that it is a file.
	for ((i = 0; i < 10; i++)); do
		cp "$BERTH_ROOT/lib/machines/m/ended" "$BERTH_ROOT/lib/machines/m$i/"
	done
	traced list
	at_most 10 "calls for each machine more that has run" "$((($(count "$calls") - one) / 10))"
	at_most_libraries "a list"
	at_most 0 "processes of a list" "$(count "$births")"
}

# traced_metrics: traces metrics without the reads of a thin pool's log of its catalogue, which is as long as the commands
# before left it.
traced_metrics() {
	traced metrics
	sed -i '/pread64(.*catalog\.db-wal>/d' "$T/trace"
}

# A stopped machine costs one call more than in a list, for the failure of its backups.
case_metrics() {
	local one i name machines networks
	# Each machine and network of another case would cost its calls too.
	machines=$(names_in list)
	networks=$(names_in "network list")
	for name in $machines; do
		[[ $name == m ]] || gone "$name"
	done
	for name in $networks; do
		berth network delete "$name"
	done
	berth start m
	berth stop --force m
	traced_metrics
	one=$(count "$calls")
	for ((i = 0; i < 10; i++)); do
		berth clone m "n$i"
	done
	traced_metrics
	at_most "150 300" "calls of metrics" "$one"
	at_most "7 7" "calls for each machine more" "$((($(count "$calls") - one) / 10))"
	one=$(count "$calls")
	berth start m
	traced_metrics
	at_most "60 80" "calls for a machine that runs" "$(($(count "$calls") - one))"
	at_most 0 "times that metrics wait for the disk" "$(count "$syncs")"
	at_most 0 "processes of metrics" "$(count "$births")"
	berth stop --force m
}

run_cases "$@"
