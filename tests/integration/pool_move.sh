#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Machines that move to another pool of their host, running or not, and other commands meanwhile.
needs_faults="case_meanwhile case_waiting"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/faults.sh
. "$top/tests/faults.sh"
# shellcheck source=tests/pool_moves.sh
. "$top/tests/pool_moves.sh"

# All that a machine is stays as it was, but for its pool, and the size that this gives to a root which has none of its own.
facts() {
	berth info --json "$1" | grep -vE '"pool": "p-|"size": '
	berth snapshot list --json "$1" | jq -S '[.[] | {name, created}]'
	grep -v '^pool' "$BERTH_ROOT/lib/machines/$1/machine.conf"
	cat "$BERTH_ROOT/lib/machines/$1/console.log"
	cat "$BERTH_ROOT/lib/networks/default/names/$1"
}

# base_of NAME: what identifies snapshot s1, on which an increment builds, in a stream.
base_of() {
	berth export --since s1 "$1@s2" "$T/increment.berth"
	grep -a '^base = ' "$T/increment.berth"
	rm "$T/increment.berth"
}

case_stopped() {
	local to before base
	make web "p-$fast"
	base=$(base_of web)
	before=$(facts web)
	for to in p-dir "p-$fast"; do
		berth pool move web "$to" >"$T/said" 2>&1
		silent "what it said" cat "$T/said"
		only_in web "$to"
		diff <(echo "$before") <(facts web)
		same "base of increments" "$base" "$(base_of web)"
		whole web
		before=$(facts web)
	done
	has '"event":"pool-changed".*"from":"p-dir".*"pool":"p-'"$fast" "$(tr -d ' ' <"$BERTH_ROOT/run/events")"
	berth delete web
}

# All that a file system can hold comes along, there and back; the stream's own test has more of it.
case_tree() {
	local root="$BERTH_ROOT/lib/pools/p-dir/volumes/machine.tree/root"
	berth template copy --pool p-dir bb bb-dir 2>/dev/null || berth template import --pool p-dir "$T/bb.tar" bb-dir
	berth create --pool p-dir --set network= bb-dir tree
	(cd "$root" && mkfifo pipe && mkdir -m 1777 sticky && echo x >a && ln a b && ln -s /nowhere dangling &&
		truncate -s 20M sparse && printf x | dd of=sparse bs=1 seek=9000000 conv=notrunc status=none &&
		chown 1234:65535 a && chmod 6755 a && setcap cap_net_raw+ep sticky/../a && setfacl -m u:1000:rw a &&
		setfattr -n user.mark -v 0x00ff0a sticky && chattr +i dangling/../pipe 2>/dev/null || chattr +i a && touch -h -d @1 dangling)
	"$top/tests/integration/tree.py" "$root" >"$T/tree.before"
	[[ $(wc -l <"$T/tree.before") -gt 100 ]]
	berth pool move tree "p-$fast"
	[[ ! -e $root ]]
	berth pool move tree p-dir
	diff "$T/tree.before" <("$top/tests/integration/tree.py" "$root")
	berth delete tree
	berth template delete bb-dir
}

# A root that has no identity yet gets one after the move, and a snapshot of it stays such a root.
case_fresh() {
	berth create --pool "p-$fast" bb new
	berth snapshot new s1
	berth pool move new p-dir
	[[ -e $BERTH_ROOT/lib/machines/new/fresh && -e $BERTH_ROOT/lib/machines/new/fresh.s1 ]]
	berth start --wait new
	same "host name" new "$(berth exec new hostname)"
	berth delete --force new
}

# Between drivers and back, while it writes: no beat is lost, and it keeps its address.
case_running() {
	local to address
	beating live "p-$fast"
	berth snapshot live s1
	berth forward add live tcp 18082:80
	address=$(address_of live)
	for to in p-dir "p-$fast"; do
		moved live "$to"
		has "stood still for [0-9.]+ s" "$(cat "$T/said")"
		state_is live running
		only_in live "$to"
		same address "$address" "$(address_of live)"
		same snapshots s1 "$(berth snapshot list --json live | jq -r '[.[].name] | join(" ")')"
		check_beats live
	done
	has 18082 "$(berth forward list live)"
	[[ $(grep -c "built-in shell" "$BERTH_ROOT/lib/machines/live/console.log") -ge 3 ]]
	berth delete --force live
}

# Data are in a pool of their own, and attached before and after.
case_volumes() {
	berth volume create --pool "p-$fast" data
	beating db "p-$fast"
	berth volume attach db data /data
	berth exec db -- sh -c 'echo kept >/data/file; sync'
	berth snapshot db joint
	moved db p-dir
	has "volume 'data' of machine 'db' stays in pool 'p-$fast', attached as before" "$(cat "$T/said")"
	same data kept "$(berth exec db cat /data/file)"
	berth exec db -- sh -c 'echo other >/data/file; sync'
	berth stop --force db
	berth restore --volumes db joint
	berth start --wait db
	same data kept "$(berth exec db cat /data/file)"
	berth delete --force db
	berth volume delete data
}

inventory() {
	(cd "$BERTH_ROOT/lib" && find . -path './pools/*/*/*/*' -prune -o -print) | grep -vE 'console.log|berth-books' | sort
}

# All causes are told before anything begins, and nothing is changed.
case_refused() {
	local before
	make web "p-$fast"
	berth create --pool "p-$fast" --set security.privileged=yes bb master
	before=$(inventory)
	fails 1 "there is no pool 'nowhere'" berth pool move web nowhere
	fails 1 "machine 'web' is in pool 'p-$fast' already" berth pool move web "p-$fast"
	fails 1 "no machine 'nobody'|there is no machine" berth pool move nobody p-dir
	fails 2 "" berth pool move web
	fails 1 "privileged.*--drop-attributes" berth pool move master p-dir
	berth pool move --drop-attributes master p-dir
	berth delete master
	berth start --wait web
	berth pause web
	fails 1 "machine 'web' is paused" berth pool move web p-dir
	berth resume web
	berth stop --force web
	# Its name is half there.
	mkdir -p "$BERTH_ROOT/lib/pools/p-dir/volumes/machine.web"
	fails 1 "pool 'p-dir' holds volume 'machine.web' already.*another name" berth pool move web p-dir
	rmdir "$BERTH_ROOT/lib/pools/p-dir/volumes/machine.web"
	mkdir -p "$BERTH_ROOT/lib/pools/p-dir/volumes/snapshot.web.old"
	fails 1 "pool 'p-dir' holds volume 'snapshot.web.old' already" berth pool move web p-dir
	rmdir "$BERTH_ROOT/lib/pools/p-dir/volumes/snapshot.web.old"
	berth set web ephemeral=yes
	fails 1 "ephemeral" berth pool move web p-dir
	berth set web ephemeral=no
	diff <(grep -v master <<<"$before") <(inventory)
	only_in web "p-$fast"
	whole web
	berth delete web
}

# A pool in a small file system of its own: what does not fit is refused; what turns out not to fit leaves nothing.
case_no_room() {
	truncate -s 40M "$T/disk.img"
	mkfs.ext4 -q -N 2000 "$T/disk.img"
	mkdir "$T/disk"
	mount -o loop "$T/disk.img" "$T/disk"
	berth pool create tiny --driver dir --source "$T/disk/pool"
	beating big "p-$fast"
	# The bytes fit, and the file system there has no inodes for so many files.
	berth exec big -- sh -c 'mkdir /many; cd /many; i=0; while [ $i -lt 2500 ]; do : >$i; i=$((i + 1)); done; sync'
	fails 1 "(space|full).*machine 'big' runs on in pool 'p-$fast'" berth pool move big tiny
	berth exec big -- dd if=/dev/urandom of=/fill bs=1M count=50 conv=fsync
	fails 1 "pool 'tiny' has [0-9]+ MiB left, and machine 'big' takes [0-9]+ MiB" berth pool move big tiny
	state_is big running
	check_beats big
	only_in big "p-$fast"
	lacks "machine|partial" "files: $(ls "$T/disk/pool")"
	berth delete --force big
	berth pool delete tiny
	umount "$T/disk"
	rm "$T/disk.img"
}

# A machine that does not start again there is what it was, in its old pool.
case_does_not_start() {
	mkdir "$T/shared"
	beating stays "p-$fast"
	berth mount stays "$T/shared" /mnt
	rmdir "$T/shared"
	fails 1 "$T/shared.*machine 'stays' stays in pool 'p-$fast', and is stopped" berth pool move stays p-dir
	only_in stays "p-$fast"
	mkdir "$T/shared"
	berth start --wait stays
	check_beats stays
	berth delete --force stays
}

case_dry_run() {
	local before
	beating plan "p-$fast"
	before=$(inventory; echo ./machines/plan/ended)
	berth pool move --dry-run plan p-dir >"$T/plan"
	has "machine: 'plan', from pool 'p-$fast' to pool 'p-dir'.*rate: .*first copy: .*stands still: " "$(paste -sd ' ' "$T/plan")"
	fails 1 "there is no pool 'nowhere'" berth pool move -n plan nowhere
	berth stop --force plan
	has "copy: .*stands still: it is stopped" "$(berth pool move -n plan p-dir | paste -sd ' ')"
	diff <(sort <<<"$before") <(inventory)
	only_in plan "p-$fast"
	berth pool move plan p-dir
	berth start --wait plan
	has "stands still: for the whole copy" "$(berth pool move -n plan "p-$fast" | paste -sd ' ')"
	berth delete --force plan
}

# stopped_at POINT: a move of web to p-dir has come to that point, and waits there for SIGCONT.
stopped_at() {
	BERTH_FAULT=$1 BERTH_FAULT_SIGNAL=19 berth pool move web p-dir >"$T/moved" 2>&1 &
	mover=$!
	retry 20 is_still "$mover"
}

is_still() {
	[[ $(ps -o stat= -p "$1") == T* ]]
}

goes_on() {
	local status=0
	kill -CONT "$mover"
	wait "$mover" || status=$?
	same "$(cat "$T/moved")" "$1" "$status"
}

# Other commands while it moves: they do their work, or say why not, and nothing is lost.
case_meanwhile() {
	make web "p-$fast"
	stopped_at pool-move-begun:1
	fails 1 "move of machine 'web'" berth pool move web p-dir
	fails 1 "moves to pool 'p-dir'" berth rename web other
	fails 1 "moved to pool 'p-dir'" berth delete web
	has "being moved to pool p-dir" "$(berth info web)"
	same phase "pool-copying p-dir" "$(berth info --json web | jq -r '.move.phase + " " + .move.pool')"
	berth snapshot web s3
	berth set web description=changed
	goes_on 0
	only_in web p-dir
	same snapshots "s1 s2 s3" "$(berth snapshot list --json web | jq -r '[.[].name] | join(" ")')"
	same description changed "$(berth get web description)"
	berth pool move web "p-$fast"
	# The last copy is made: the machine waits, and what is deleted or renamed meanwhile is so there too.
	stopped_at pool-move-last:1
	fails 1 "moved to pool 'p-dir'" berth start web
	fails 1 "moved to pool 'p-dir'" berth set web description=late
	fails 1 "moved to pool 'p-dir'" berth snapshot web s4
	berth snapshot delete web s3
	goes_on 0
	only_in web p-dir
	whole web
	berth delete web
}

# Commands that have read the old pool, and wait for the machine while its pool changes, do not look for it there.
case_waiting() {
	local verb pid
	make web "p-$fast"
	for verb in "start web" "snapshot web s3"; do
		stopped_at pool-move-named:1
		# shellcheck disable=SC2086 # words
		berth $verb >"$T/waits" 2>&1 &
		pid=$!
		# Its child waits for the lock.
		retry 20 pgrep -P "$pid"
		goes_on 0
		wait "$pid" && fault "$verb: $(cat "$T/waits")"
		has "machine 'web' has just moved to pool 'p-dir'; try again" "$(cat "$T/waits")"
		only_in web p-dir
		berth pool move web "p-$fast"
	done
	whole web
	berth delete web
}

# Other commands at any moment of a move: none says that anything is lost, and none makes the machine less than whole.
case_at_once() {
	local n verb to mover
	make web "p-$fast"
	for n in 1 2 3; do
		for verb in "start web" "set web description=$n" "clone web copy" "export web $T/web.berth" "diff web" "reset --to s2 web"; do
			to=$([[ $(pool_of web) == p-dir ]] && echo "p-$fast" || echo p-dir)
			berth pool move web "$to" >"$T/one" 2>&1 &
			mover=$!
			# shellcheck disable=SC2086 # words
			berth $verb >"$T/other" 2>&1 || true
			wait "$mover" || true
			lacks "lost its root|berth delete" "$verb: $(cat "$T/one" "$T/other")"
			berth stop --force web
			berth delete --force copy 2>/dev/null || true
			rm -f "$T/web.berth"
			only_in web "$(pool_of web)"
		done
		whole web
	done
	berth delete web
}

run_cases "$@"
