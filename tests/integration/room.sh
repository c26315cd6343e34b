#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Room in pools, over both drivers: limits, usage, growth, large volumes that are freed, pools and disks that are full.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# The fast driver to test; thin where device-mapper is.
fast=${STORAGE_DRIVER:-btrfs}
drivers="$fast dir"

set_up() {
	# shellcheck disable=SC2086 # words
	pools_with_busybox $drivers
}

# fill MACHINE MIB: writes that much in it; fails with the error of the guest's kernel.
fill() {
	berth exec "$1" -- sh -c "dd if=/dev/zero of=/ballast bs=1M count=$2 conv=fsync" 2>&1
}

# There if the kernel has them.
simple_quotas=/sys/fs/btrfs/features/simple_quota

# counted: makes the file system count pending writes, which it does by itself twice a minute.
counted() {
	sync --file-system "$BERTH_ROOT/run/pools/limited"
}

# counted_at_least MACHINE BYTES: at least that much has been counted.
counted_at_least() {
	counted || return
	(($(field "$1" volume.used) >= $2))
}

# A limit that a pool cannot hold is refused, and nothing is changed or made.
case_limits_refused() {
	if [[ $fast != btrfs ]]; then
		fails 1 "quota=yes is for driver btrfs" berth pool create --driver "$fast" --set quota=yes limited
		return
	fi
	fails 1 "quota=yes is for driver btrfs" berth pool create --driver dir --set quota=yes limited
	fails 1 "limited" berth pool status limited
	fails 1 "made without quotas.*--set quota=yes" berth create --pool p-btrfs --set disk.size=64M bb-btrfs m
	fails 1 "'m'" berth info m
	berth create --pool p-btrfs bb-btrfs m
	fails 1 "made without quotas.*--set quota=yes" berth set m disk.size=64M
	same "what is set" 0 "$(berth get m disk.size)"
	berth delete m
	berth create --pool p-dir bb-dir m
	# Where it has project quotas, the guest's suite dir_limits tells what it does.
	if ! findmnt -n -o OPTIONS -T "$BERTH_ROOT" | grep -q prjquota; then
		fails 1 "a size needs" berth set m disk.size=64M
		same "what is set" 0 "$(berth get m disk.size)"
		fails 1 "a size needs" berth create --pool p-dir --set disk.size=64M bb-dir more
		fails 1 "'more'" berth info more
	fi
	berth delete m
	if [[ ! -e $simple_quotas ]]; then
		fails 1 "simple quotas.*Linux 6.7" berth pool create --driver btrfs --size 1G --set quota=yes limited
		fails 1 "limited" berth pool status limited
	fi
}

# disk.size limits a machine in a pool with quotas, with all subvolumes that it nests, and does not affect neighbours.
case_limited_roots() {
	local mib=$((1 << 20)) at
	[[ $fast == btrfs ]] || skip "driver $fast has tests of its own"
	[[ -e $simple_quotas ]] || skip "this kernel has no simple quotas of btrfs, which came with Linux 6.7"
	berth pool create --driver btrfs --size 1G --set quota=yes limited
	fails 1 "quota is chosen when a pool is made" berth pool set limited quota=no
	busybox_template bb-limited limited
	berth create --pool limited --set disk.size=64M bb-limited m
	berth create --pool limited bb-limited n
	berth start --wait m n
	same limit "$((64 * mib))" "$(field m volume.size)"
	has "Disk quota exceeded|No space left" "$(fill m 100 || true)"
	# The neighbour can write as much as it wants.
	fill n 100
	retry 40 counted_at_least m "$((50 * mib))"
	has "used of 64.0 MiB" "$(berth info m)"
	# A full machine starts.
	berth restart --wait m
	# The limit can be raised while it runs, but not set below the present amount. Removed data free their space.
	berth set m disk.size=128M
	berth exec m -- sh -c "rm /ballast; sync"
	fill m 100
	retry 40 counted_at_least m "$((90 * mib))"
	fails 1 "has [0-9.]* MiB already" berth set m disk.size=32M
	same "what is set" 128M "$(berth get m disk.size)"
	berth exec m -- rm /ballast
	counted
	retry 60 berth set m disk.size=32M
	has "Disk quota exceeded|No space left" "$(fill m 40 || true)"
	berth exec m -- rm -f /ballast
	# Nested subvolumes count, whether they existed when the limit was set, or came later.
	at=$BERTH_ROOT/run/pools/limited/machine.n
	berth exec n -- rm /ballast
	btrfs subvolume create "$at/before" >/dev/null
	berth set n disk.size=64M
	btrfs subvolume create "$at/after" >/dev/null
	has "Disk quota exceeded" "$(dd if=/dev/zero of="$at/before/ballast" bs=1M count=100 conv=fsync 2>&1 || true)"
	has "Disk quota exceeded" "$(dd if=/dev/zero of="$at/after/ballast" bs=1M count=30 conv=fsync 2>&1 || true)"
	rm -f "$at/before/ballast" "$at/after/ballast"
	# Copies have the limit too.
	berth snapshot m one
	berth clone m c
	same "limit of a clone" "$((32 * mib))" "$(field c volume.size)"
	berth start --wait c
	has "Disk quota exceeded|No space left" "$(fill c 40 || true)"
	berth stop --force m
	berth restore m one
	same "limit of what is restored" "$((32 * mib))" "$(field m volume.size)"
	berth start --wait m
	has "Disk quota exceeded|No space left" "$(fill m 40 || true)"
	# The limit survives a detach, and can be removed.
	berth stop --force m n c
	berth pool detach limited
	same "limit after a detach" "$((32 * mib))" "$(field m volume.size)"
	berth unset m disk.size
	silent "without a limit" field m volume.size
	berth start --wait m
	fill m 40
	berth delete --force m n c
	not compgen -G "/sys/fs/btrfs/$(berth pool list --json | python3 -c '
import json, sys
print([pool["uuid"] for pool in json.load(sys.stdin) if pool["name"] == "limited"][0])')/qgroups/1_*"
	berth template delete bb-limited
	berth pool delete limited
}

# usage_of POOL VOLUME FIELD: prints bytes, from pool usage.
usage_of() {
	berth pool usage --json "$1" | python3 -c '
import json, sys
print(*(v[sys.argv[2]] for v in json.load(sys.stdin) if v["volume"] == sys.argv[1]))' "$2" "$3"
}

# pool usage shows the space of each volume, and the space that its removal would free.
case_who_fills_a_pool() {
	local driver mib=$((1 << 20)) of m
	[[ $fast == btrfs ]] || skip "a thin pool tells it by itself"
	for driver in $drivers; do
		of=p-$driver m=filler-$driver
		berth launch --pool "$of" --set network= --wait "bb-$driver" "$m"
		berth exec "$m" -- sh -c 'dd if=/dev/urandom of=/fill bs=1M count=40; ln /fill /again; sync' 2>"$T/dd"
		(($(usage_of "$of" "machine.$m" used) >= 40 * mib))
		(($(usage_of "$of" "machine.$m" used) < 60 * mib))
		(($(usage_of "$of" "template.bb-$driver" used) < 20 * mib))
		berth pool usage "$of" >"$T/usage"
		has "^VOLUME +USED +ALONE" "$(cat "$T/usage")"
		has "^machine.$m " "$(sed -n 2p "$T/usage")"
		# The figure takes no time unless it is asked for.
		silent "used" field "$m" volume.used
		berth info --usage --json "$m" >"$T/json"
		has '"used": [0-9]{8}' "$(cat "$T/json")"
		has "root: .*machine.$m in pool $of, [0-9.]+ MiB used" "$(berth info --usage "$m")"
		berth stop --force "$m"
	done
	# Shared space counts for no volume alone, until only one of them is left.
	(($(usage_of p-btrfs machine.filler-btrfs alone) >= 40 * mib))
	(($(usage_of p-btrfs template.bb-btrfs alone) < mib))
	berth clone filler-btrfs copy
	(($(usage_of p-btrfs machine.filler-btrfs alone) < mib))
	(($(usage_of p-btrfs machine.copy used) >= 40 * mib))
	berth delete copy
	(($(usage_of p-btrfs machine.filler-btrfs alone) >= 40 * mib))
	same alone None "$(usage_of p-dir machine.filler-dir alone)"
	fails 1 "no pool 'nope'" berth pool usage nope
	berth delete filler-btrfs filler-dir
}

# A full pool is enlarged while its machines run.
case_grow_btrfs() {
	[[ $fast == btrfs ]] || skip "driver $fast has tests of its own"
	berth pool create --driver btrfs --size 256M grows
	busybox_template bb-grows grows
	berth launch --pool grows --wait bb-grows grown
	berth exec grown -- dd if=/dev/zero of=/fill bs=1M 2>"$T/dd" || true
	not berth exec grown -- dd if=/dev/zero of=/more bs=1M count=100 2>"$T/dd"
	fails 1 "give the new one: --size" berth pool grow grows
	fails 1 "cannot be made smaller" berth pool grow --size 100M grows
	fails 1 "do not fit" berth pool grow --size 900T grows
	fails 1 "takes the space of the file system" berth pool grow --size 1G p-dir
	berth pool grow --size 600M grows
	berth exec grown -- dd if=/dev/zero of=/more bs=1M count=100 2>"$T/dd"
	grep -q 'size = 600' "$BERTH_ROOT/lib/pools/grows/pool.conf"
	berth stop --force grown
	berth pool detach grows
	berth start --wait grown
	same "after a reboot" $((100 << 20)) "$(berth exec grown -- stat -c %s /more)"
	berth delete --force grown
	berth template delete bb-grows
	berth pool delete grows
}

# The pool uses the whole device, which has become larger.
case_grow_btrfs_on_a_device() {
	local disk before
	[[ $fast == btrfs ]] || skip "driver $fast has tests of its own"
	truncate -s 256M "$T/device"
	disk=$(losetup --find --show "$T/device")
	berth pool create --driver btrfs --source "$disk" whole
	before=$(berth pool status --json whole | sed -n 's/^ *"total": \([0-9]*\).*/\1/p')
	fails 1 "uses the whole of its device" berth pool grow --size 1G whole
	truncate -s 600M "$T/device"
	losetup --set-capacity "$disk"
	berth pool grow whole
	[[ $(berth pool status --json whole | sed -n 's/^ *"total": \([0-9]*\).*/\1/p') -gt $((before + (300 << 20))) ]]
	berth pool grow whole
	berth pool detach whole
	berth pool status whole
	berth pool delete whole
	losetup --detach "$disk"
	rm "$T/device"
}

# A template with more files than a command frees itself: 15,000, as $T/many.tar.
many_files() {
	[[ ! -e $T/many.tar ]] || return 0
	busybox_root "$T/many"
	mkdir "$T/many/many"
	(cd "$T/many/many" && seq 15000 | split -l 1000 --filter='mkdir d$FILE && cd d$FILE && xargs touch')
	tar -C "$T/many" -cf "$T/many.tar" .
	rm -rf "$T/many"
}

freeing() {
	[[ $(berth pool status --json "$1" | sed -n 's/^ *"freeing": \([0-9]*\).*/\1/p') == "$2" ]]
}

# waits: the command's child waits for a lock.
waits() {
	[[ -n $(ps -o pid= --ppid "$1") ]]
}

no_freeing_process() {
	[[ $(ps -e -o args=) != *"berth --root $BERTH_ROOT _free"* ]]
}

entries_in() {
	find "$1" -xdev | wc -l
}

# The name goes at once, and durably. The blocks are freed in pieces, in the background, also if that process is killed.
case_much_is_removed() {
	local driver volumes pid
	[[ $fast == btrfs ]] || skip "driver $fast frees a volume by one message"
	many_files
	for driver in $drivers; do
		berth template import --pool "p-$driver" "$T/many.tar" many
		volumes=$(sed -n 's/^source = //p' "$BERTH_ROOT/lib/pools/p-$driver/pool.conf")
		[[ -d $volumes ]] || volumes=$BERTH_ROOT/run/pools/p-$driver
		# The test holds the lock, so that nothing is freed before it has looked.
		exec {hold}>"$BERTH_ROOT/run/locks/freeing"
		flock "$hold"
		berth template delete many
		lacks "^many " "$(berth template list)"
		fails 1 "many" berth create many m-many
		freeing "p-$driver" 1
		has "giving back the space of 1 removed volume" "$(berth pool status "p-$driver" 2>&1)"
		# The name is free for the next.
		busybox_template many "p-$driver"
		[[ $(entries_in "$volumes"/partial.removed.template.many.*) -gt 1000 ]]
		# The freeing process is killed.
		exec {pool}<"$BERTH_ROOT/lib/pools/p-$driver"
		flock "$pool"
		flock -u "$hold"
		berth _free &
		pid=$!
		retry 20 waits "$pid"
		kill -KILL "$pid"
		wait "$pid" || true
		flock -u "$pool"
		# After a reboot only its name shows what it is. Commands that look leave it.
		rm -r "$BERTH_ROOT/run/partial"
		berth pool status "p-$driver" >"$T/out"
		[[ $(entries_in "$volumes"/partial.removed.template.many.*) -gt 1000 ]]
		# The next command that changes something continues the work.
		berth template delete many
		retry 120 freeing "p-$driver" 0
		retry 30 no_freeing_process
		[[ -z $(find "$volumes" -maxdepth 1 -name 'partial.*') ]]
		[[ -z $(ls -A "$BERTH_ROOT/run/partial/p-$driver") ]]
	done
}

# A pool with volumes to free can be deleted with them, or detached.
case_pool_goes_while_it_frees() {
	local driver
	[[ $fast == btrfs ]] || skip "driver $fast frees a volume by one message"
	many_files
	for driver in $drivers; do
		berth pool create --driver "$driver" goes
		berth template import --pool goes "$T/many.tar" many
		berth template delete many
		berth pool detach goes
		berth pool delete goes
		not test -e "$BERTH_ROOT/lib/pools/goes"
	done
	retry 30 no_freeing_process
}

# A pool of its own that is nearly full.
case_full_pool() {
	berth pool create --driver "$fast" --size 256M tiny
	busybox_template bb-tiny tiny
	berth launch --pool tiny --wait bb-tiny full
	berth exec full -- dd if=/dev/urandom of=/fill bs=1M 2>"$T/dd" || true
	grep -q "No space" "$T/dd"
	# No half made object remains. Existing ones can be seen, stopped and deleted.
	berth clone full copy >"$T/out" 2>&1 || has "copy|space|full" "$(cat "$T/out")"
	dd if=/dev/urandom of="$T/big" bs=1M count=300 status=none
	tar -C "$T" -cf "$T/big.tar" big
	rm "$T/big"
	fails 1 "big.*(space|full)" berth template import --pool tiny "$T/big.tar" big
	fails 1 "big" berth template delete big
	rm "$T/big.tar"
	berth list
	berth pool status tiny
	berth stop full
	berth start full
	berth delete --force full copy || berth delete --force full
	berth launch --pool tiny --wait bb-tiny other
	berth delete --force other
}

# The file system below the state is full: at each step of a launch.
case_full_disk() {
	mkdir "$T/disk"
	# Not tmpfs, which takes id maps only since Linux 6.3.
	truncate -s 64M "$T/disk.img"
	mkfs.ext4 -q "$T/disk.img"
	mount -o loop "$T/disk.img" "$T/disk"
	export BERTH_ROOT=$T/disk/root
	berth pool create --driver dir default
	berth network create default
	busybox_template bb
	dd if=/dev/zero of="$T/disk/fill" bs=1M 2>/dev/null || true
	fails 1 "space|full" berth launch bb m
	same machines "[]" "$(berth list --json | tr -d ' \n')"
	# With more room in each step, the launch fails with a sentence and leaves nothing, or it works.
	local size
	size=$(stat -c %s "$T/disk/fill")
	until berth launch bb m >"$T/out" 2>&1; do
		has "space|full" "$(cat "$T/out")"
		same machines "[]" "$(berth list --json | tr -d ' \n')"
		size=$((size - 32768))
		((size > 0))
		truncate -s "$size" "$T/disk/fill"
	done
	berth exec m true
	berth delete --force m
	berth template delete bb
	berth pool delete default
	berth network delete default || true
	retry 20 no_copying_is_left
	umount "$T/disk"
	rm "$T/disk.img"
}

run_cases "$@"
