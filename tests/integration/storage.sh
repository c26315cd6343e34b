#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Snapshots, clones and restores over both drivers; a reboot of the host; a pool that is full.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# The fast driver to test; thin where device-mapper is.
fast=${STORAGE_DRIVER:-btrfs}
drivers="$fast dir"

# Removes a pool's devices as a reboot does: volumes first, then the devices below them.
remove_devices() {
	local part
	[[ $fast == thin ]] || return 0
	for part in v pool data metadata; do
		dmsetup ls | awk -v tag="^berth-$(tag_of "$BERTH_ROOT")[.].*[.]$part" '$1 ~ tag { print $1 }' |
			xargs -r -n 1 dmsetup remove --noudevsync
	done
}

set_up() {
	local driver
	for driver in $drivers; do
		berth pool create --driver "$driver" "p-$driver"
		busybox_template "bb-$driver" "p-$driver"
	done
	berth pool create default --driver "$fast" --size 1G
}

case_pools() {
	has "p-$fast.*$fast" "$(berth pool list)"
	has "p-dir.*dir" "$(berth pool status)"
	fails 1 "zfs" berth pool create --driver zfs p-zfs
	fails 1 "small" berth pool create --driver "$fast" --size 1K p-small
	fails 1 "p-small" berth pool delete p-small
	fails 1 "/dev/sdzz.*No such.*lsblk" berth pool create --device /dev/sdzz p-typo
	fails 1 "/dev/sdzz.*No such.*lsblk" berth pool create --source /dev/sdzz p-typo
	fails 1 "/dev/null.*not a block device" berth pool create --device /dev/null p-typo
	not test -e /dev/sdzz
	# Refused when it is made, not at the first import.
	mkdir "$T"/{lower,upper,work,merged}
	mount -t overlay -o "lowerdir=$T/lower,upperdir=$T/upper,workdir=$T/work" none "$T/merged"
	fails 1 "mapped ids.*driver btrfs" berth pool create --driver dir --source "$T/merged/p" p-over
	fails 1 "p-over" berth pool delete p-over
	not test -e "$T/merged/p"
	umount "$T/merged"
	fails 2 "no pool is named" berth pool detach
	fails 2 "use one of both" berth pool detach --all p-dir
	berth pool detach --all
}

# An unknown pool in berth.conf is a mistake, and is not created.
case_pool_of_berth_conf() {
	mkdir -p "$BERTH_ROOT/etc"
	echo 'pool = nope' >"$BERTH_ROOT/etc/berth.conf"
	fails 1 "no pool 'nope', which .*berth.conf.* names; make it with: berth pool create nope" berth template import "$T/bb.tar" slip
	lacks nope "$(berth pool list)"
	rm "$BERTH_ROOT/etc/berth.conf"
}

write_in() {
	berth exec "$1" -- sh -c "echo $2 >/state"
}

read_in() {
	berth exec "$1" cat /state
}

snapshots_and_clones() {
	local driver=$1 m=m-$1
	berth launch --pool "p-$driver" --wait "bb-$driver" "$m"
	same pool "p-$driver" "$(field "$m" volume.pool)"
	write_in "$m" first
	berth snapshot "$m" one
	write_in "$m" second
	berth snapshot "$m" two
	write_in "$m" third
	has "one" "$(berth snapshot list "$m")"
	same snapshots 2 "$(field "$m" snapshots)"

	# A clone of the running machine and one of a snapshot are independent from then on.
	berth clone "$m" "now-$driver"
	berth clone --snapshot one "$m" "then-$driver"
	berth start --wait "now-$driver" "then-$driver"
	same "a clone of now" third "$(read_in "now-$driver")"
	same "a clone of then" first "$(read_in "then-$driver")"
	write_in "now-$driver" apart
	same "the original" third "$(read_in "$m")"
	same "its name" "now-$driver" "$(berth exec "now-$driver" hostname)"
	[[ $(field "$m" uuid) != "$(field "now-$driver" uuid)" ]]

	fails 1 "$m.*(running|stop)" berth restore "$m" one
	berth stop "$m"
	berth restore "$m" one
	berth start --wait "$m"
	same restored first "$(read_in "$m")"
	berth stop "$m"
	berth restore "$m" two
	berth start --wait "$m"
	same "restored again" second "$(read_in "$m")"

	berth snapshot delete "$m" one
	fails 1 "one" berth snapshot delete "$m" one
	# The machine is deleted before its clones.
	berth delete --force "$m"
	same "a clone alone" apart "$(read_in "now-$driver")"
	berth delete --force "now-$driver" "then-$driver"
}

case_snapshots_and_clones_on_fast() {
	snapshots_and_clones "$fast"
}

case_snapshots_and_clones_on_dir() {
	snapshots_and_clones dir
}

case_template_deleted_under_a_machine() {
	local driver
	for driver in $drivers; do
		berth launch --pool "p-$driver" --wait "bb-$driver" "m-$driver"
		berth template delete "bb-$driver"
		berth restart --wait "m-$driver"
		berth delete --force "m-$driver"
		busybox_template "bb-$driver" "p-$driver"
	done
}

case_pool_in_use() {
	berth create --pool "p-$fast" "bb-$fast" m
	fails 1 "p-$fast" berth pool delete "p-$fast"
	fails 1 "there is a pool 'p-$fast' already; choose another name" berth pool create "p-$fast"
	berth launch --pool "p-$fast" --wait "bb-$fast" m2
	fails 1 "p-$fast" berth pool detach "p-$fast"
	berth exec m2 true
	# A process that belongs to no machine is named in the error.
	nsenter --mount --target "$(field m2 init)" sleep 1000 &
	retry 10 grep -q sleep "/proc/$!/comm"
	berth stop --force m2
	fails 1 "p-$fast.*in use: process $! .sleep. has it mounted on '/'.*whatever else uses it" \
		berth pool detach "p-$fast"
	kill $!
	wait $! || true
	berth delete --force m m2
	if [[ $fast == btrfs ]]; then
		(cd "$BERTH_ROOT/run/pools/p-$fast" && exec sleep 1000) &
		retry 10 grep -q sleep "/proc/$!/comm"
		fails 1 "is in use: process $! .sleep. has it as a folder that it works in" \
			berth pool detach "p-$fast"
		kill $!
		wait $! || true
	fi
	berth pool detach "p-$fast"
	not grep -F "pools/p-$fast" /proc/self/mounts
	berth launch --pool "p-$fast" --wait "bb-$fast" m
	berth delete --force m
}

# folder_of VOLUME DRIVER: prints the folder of its root on the host.
folder_of() {
	if [[ $2 == dir ]]; then
		echo "$BERTH_ROOT/lib/pools/p-dir/volumes/$1/root"
	else
		echo "$BERTH_ROOT/run/pools/p-$2/$1"
	fi
}

# mounted_in VOLUME DRIVER "PATTERN" COMMAND...: the command is refused while something is mounted there, and changes
# nothing.
mounted_in() {
	local at
	at="$(folder_of "$1" "$2")/a place"
	mkdir "$at"
	mount --bind "$T/precious folder" "$at"
	fails 1 "$3.*mounted on '$at'; unmount that first" "${@:4}"
	same kept kept "$(cat "$at/file")"
	umount "$at"
	# The same by another path to that folder.
	mkdir -p "$T/another path"
	mount --bind --make-private "${at%/*}" "$T/another path"
	mount --bind "$T/precious folder" "$T/another path/a place"
	fails 1 "$3.*mounted on '$T/another path/a place'; unmount that first" "${@:4}"
	same kept kept "$(cat "$T/another path/a place/file")"
	umount "$T/another path/a place" "$T/another path"
	rmdir "$at"
}

# A mount on a folder in another mount namespace is removed by the kernel together with the folder; nothing else is.
case_mounted_in_a_volume_elsewhere() {
	local driver m other
	mkdir "$T/precious elsewhere"
	echo kept >"$T/precious elsewhere/file"
	for driver in dir btrfs; do
		[[ " $drivers " == *" $driver "* ]] || continue
		m=e-$driver
		berth create --pool "p-$driver" "bb-$driver" "$m"
		unshare --mount --propagation private sh -c \
			"mount --bind '$T/precious elsewhere' '$(folder_of "machine.$m" "$driver")/etc' && exec sleep 1000" &
		other=$!
		retry 10 grep -q "precious.*machine.$m/" "/proc/$other/mountinfo"
		berth delete "$m"
		not test -e "$(folder_of "machine.$m" "$driver")"
		not grep -q "machine.$m/" "/proc/$other/mountinfo"
		same kept kept "$(cat "$T/precious elsewhere/file")"
		kill "$other"
		wait "$other" || true
	done
	rm -r "$T/precious elsewhere"
}

# A mount in a volume stops the command before anything is deleted, and is named.
case_mounted_in_a_volume() {
	local driver m
	mkdir "$T/precious folder"
	echo kept >"$T/precious folder/file"
	for driver in dir btrfs; do
		[[ " $drivers " == *" $driver "* ]] || continue
		m=m-$driver
		berth create --pool "p-$driver" "bb-$driver" "$m"
		berth snapshot "$m" first
		mounted_in "machine.$m" "$driver" "machine '$m' cannot be deleted" berth delete "$m"
		mounted_in "snapshot.$m.first" "$driver" "machine '$m' cannot be deleted" berth delete "$m"
		mounted_in "snapshot.$m.first" "$driver" "delete a snapshot of machine '$m'" \
			berth snapshot delete "$m" first
		mounted_in "machine.$m" "$driver" "restore machine '$m'" berth restore "$m" first
		mounted_in "template.bb-$driver" "$driver" "template 'bb-$driver' cannot be deleted" \
			berth template delete "bb-$driver"
		mounted_in "machine.$m" "$driver" "pool 'p-$driver' cannot be deleted" \
			berth pool delete --force "p-$driver"
		# The machine is not stopped for that either.
		berth start --wait "$m"
		mounted_in "machine.$m" "$driver" "machine '$m' cannot be deleted" berth delete --force "$m"
		state_is "$m" running
		berth stop --force "$m"
		# All parts exist: the machine starts, is restored to its snapshot, and takes others.
		berth restore "$m" first
		berth create --pool "p-$driver" "bb-$driver" "$m-2"
		berth start --wait "$m" "$m-2"
		berth delete --force "$m-2"
		berth stop --force "$m"
		# A process with its working folder there blocks nothing.
		(cd "$(folder_of "machine.$m" "$driver")" && exec sleep 1000) &
		retry 10 grep -q sleep "/proc/$!/comm"
		berth delete "$m"
		kill $!
		wait $! || true
		fails 1 "$m" berth info "$m"
		not test -e "$(folder_of "machine.$m" "$driver")"
	done
	rm -r "$T/precious folder"
}

# If a settings file is unreadable, all pools are searched; a mount in one of them blocks too.
case_mounted_in_a_broken_machine() {
	mkdir "$T/precious folder"
	echo kept >"$T/precious folder/file"
	berth create --pool p-dir bb-dir m
	cp "$BERTH_ROOT/lib/machines/m/machine.conf" "$T/conf"
	echo nonsense >"$BERTH_ROOT/lib/machines/m/machine.conf"
	mounted_in machine.m dir "machine 'm' cannot be deleted" berth delete --force m
	cp "$T/conf" "$BERTH_ROOT/lib/machines/m/machine.conf"
	berth start --wait m
	berth delete --force m
	rm -r "$T/precious folder"
}

# A mount of a machine's file system in another mount namespace keeps the device of a thin volume in use. With other
# drivers nothing is in use by that.
case_volume_mounted_elsewhere() {
	local holder
	berth launch --pool "p-$fast" --wait "bb-$fast" m
	berth snapshot m first
	nsenter --mount --target "$(field m init)" sleep 1000 &
	holder=$!
	retry 10 grep -q sleep "/proc/$holder/comm"
	berth stop --force m
	if [[ $fast == thin ]]; then
		fails 1 "machine 'm' cannot be deleted: .*in use: process $holder .sleep. has it mounted" \
			berth delete m
		fails 1 "restore machine 'm': .*in use: process $holder .sleep. has it mounted" \
			berth restore m first
		same snapshots 1 "$(field m snapshots)"
		state_is m stopped
		kill "$holder"
		wait "$holder" || true
		berth restore m first
		berth start --wait m
		berth delete --force m
	else
		berth delete m
		kill "$holder"
		wait "$holder" || true
	fi
}

# Another program on the host has the device of a thin volume open, or mounted: the error names it, and the machine
# stays whole.
case_volume_held_by_a_stranger() {
	local device holder
	[[ $fast == thin ]] || return 0
	berth launch --pool "p-$fast" --wait "bb-$fast" m
	berth exec m -- sh -c 'echo kept >/kept; sync'
	berth snapshot m first
	device=$(stat -L -c %Hd:%Ld "/proc/$(field m init)/root")
	device=/dev/$(basename "$(readlink "/sys/dev/block/$device")")
	tail -f /dev/null 3<"$device" &
	holder=$!
	retry 10 grep -q tail "/proc/$holder/comm"
	berth stop --force m
	fails 1 "machine 'm' cannot be deleted: .*in use: process $holder .tail. has it open; end that first" \
		berth delete m
	fails 1 "restore machine 'm': .*in use: process $holder .tail. has it open" berth restore m first
	mkdir -p "$T/strange"
	mount "$device" "$T/strange"
	kill "$holder"
	wait "$holder" || true
	fails 1 "machine 'm' cannot be deleted: .*in use: it is mounted on '$T/strange'; end that first" berth delete m
	fails 1 "machine 'm' cannot be deleted: .*in use: it is mounted on '$T/strange'" berth delete --force m
	same "what is in it" kept "$(cat "$T/strange/kept")"
	same snapshots 1 "$(field m snapshots)"
	state_is m stopped
	umount "$T/strange"
	berth start --wait m
	same "what is in it" kept "$(berth exec m cat /kept)"
	berth delete --force m
	not test -e "$device"
}

# copy_is_told PATTERN: pool status describes the copy of settings in the pool so.
copy_is_told() {
	berth pool status small --json | grep -qE "\"backup_fault\": $1"
}

# says_old: each command that looks at a pool reports that its copy of settings is old, and why.
says_old() {
	# The process that writes may not have begun yet.
	retry 20 copy_is_told "\"[^\"]*($1)"
	has "pool 'small' has an old copy of its settings: .*($1)" "$(berth pool status small 2>&1)"
	has "pool 'small' has an old copy of its settings: .*($1)" "$(berth pool list 2>&1)"
	has "pool 'small' has an old copy of its settings: .*($1)" "$(berth doctor 2>&1 || true)"
	berth pool list --json | grep -q '"backup_fault": "'
}

# The copy of settings in a pool needs room there. A full pool, and a pool that takes no file, are reported.
case_old_copy_of_settings() {
	mkdir "$T/small"
	mount -t tmpfs -o size=16m,mode=700 none "$T/small"
	berth pool create small --driver dir --source "$T/small"
	busybox_template bb-small small
	berth create --pool small bb-small m
	retry 20 no_copying_is_left
	copy_is_told null
	dd if=/dev/zero of="$T/small/ballast" bs=64k status=none 2>/dev/null || true
	# A pool of this driver has no limits, so nothing stops a machine that fills it.
	has "pool 'small' is [0-9]*% full, and writes in its machines will fail when it is full" \
		"$(berth pool status small 2>&1)"
	lacks "held still" "$(berth pool status small 2>&1)"
	berth set m description=full
	says_old "No space left|no room"
	rm "$T/small/ballast"
	berth set m description=fits
	retry 20 copy_is_told null
	lacks "old copy" "$(berth pool status small 2>&1; berth pool list 2>&1)"
	grep -q "description = fits" "$T/small/.berth-books"
	# Another object has its name.
	rm "$T/small/.berth-books"
	mkdir -p "$T/small/.berth-books/in the way"
	berth set m description=blocked
	says_old "directory"
	rm -r "$T/small/.berth-books"
	berth delete m
	berth template delete bb-small
	berth pool delete small
	not test -e "$BERTH_ROOT/run/backup-faults/small"
	umount "$T/small"
}

# fill MACHINE MIB: writes that much in it; fails with the error of the guest's kernel.
fill() {
	berth exec "$1" -- sh -c "dd if=/dev/zero of=/ballast bs=1M count=$2 conv=fsync" 2>&1
}

# counted: makes the file system count pending writes, which it does by itself twice a minute.
counted() {
	sync --file-system "$BERTH_ROOT/run/pools/limited"
}

# counted_at_least MACHINE BYTES: at least that much has been counted.
counted_at_least() {
	counted || return
	(($(field "$1" volume.used) >= $2))
}

# disk.size limits a machine in a pool with quotas, with all subvolumes that it nests, and does not affect neighbours.
case_limited_roots() {
	local mib=$((1 << 20)) at
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
	fails 1 "driver dir does not limit" berth set m disk.size=64M
	berth delete m

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

# A reboot removes every process, mount, loop device, link, and the run folder.
case_reboot_of_the_host() {
	local keeper
	berth launch --pool "p-$fast" --wait "bb-$fast" m
	write_in m kept
	berth snapshot m before
	keeper=$(pgrep -f "^berth-keeper m\$")
	# The keeper is killed first, because it would report a failure.
	kill -KILL "$keeper" "$(field m init)"
	retry 10 not test -e "/proc/$keeper"
	pkill -KILL dnsmasq --nslist pid --ns 1 || true
	awk -v t="$T" 'index($5, t) { print $5 }' /proc/self/mountinfo | sort -r | xargs -r -n 1 umount
	retry 10 remove_devices
	losetup --list --raw --noheadings --output NAME,BACK-FILE | awk -v t="$T" 'index($2, t) == 1 { print $1 }' |
		xargs -r -n 1 losetup -d
	ip -o link | awk -F ': ' '$2 ~ /^berth/ { print $2 }' | xargs -r -n 1 ip link delete
	rm -rf "$BERTH_ROOT/run"
	find /sys/fs/cgroup -depth -type d -path "*berth*$(tag_of "$BERTH_ROOT")*" -exec rmdir {} + 2>/dev/null || true

	same state stopped "$(field m state)"
	has "m +stopped" "$(berth list)"
	berth start --wait m
	same "what it had" kept "$(read_in m)"
	has before "$(berth snapshot list m)"
	berth delete --force m
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

# The file of the pool has been moved.
case_moved_file() {
	local file
	[[ $fast == btrfs ]] || skip "driver $fast has tests of its own"
	berth pool create --driver btrfs --size 256M moves
	echo "# by hand" >>"$BERTH_ROOT/lib/pools/moves/pool.conf"
	file=$(sed -n 's/^source = //p' "$BERTH_ROOT/lib/pools/moves/pool.conf")
	busybox_template bb-moves moves
	berth create --pool moves --set network= bb-moves m
	berth pool detach moves
	mv "$file" "$T/moved"
	fails 1 "loop file '$file' is gone.*berth pool import PATH moves" berth start m
	fails 1 "No such file" berth pool import "$T/nothing" moves
	truncate -s 256M "$T/other"
	mkfs.btrfs -q "$T/other"
	fails 1 "no pool that is known here" berth pool import "$T/other" moves
	fails 1 "holds pool 'moves', not 'p-dir'" berth pool import "$T/moved" p-dir
	cp "$T/moved" "$T/cut"
	truncate -s 200M "$T/cut"
	fails 1 "has been cut off" berth pool import "$T/cut" moves
	has "pool 'moves' is on '$T/moved'" "$(berth pool import "$T/moved")"
	has "^source = $T/moved" "$(cat "$BERTH_ROOT/lib/pools/moves/pool.conf")"
	has "# by hand" "$(cat "$BERTH_ROOT/lib/pools/moves/pool.conf")"
	berth start --wait m
	fails 1 "in use: process .*stop the machines on it" berth pool import "$T/cut" moves
	berth exec m true
	berth delete --force m
	berth template delete bb-moves
	berth pool delete moves
	rm -f "$T/cut" "$T/other"
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
		has "volume: .*machine.$m in pool $of, [0-9.]+ MiB used" "$(berth info --usage "$m")"
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

# Attributes that a copy must keep, seen from inside the machine.
case_what_a_copy_keeps() {
	local driver root
	for driver in $drivers; do
		busybox_root "$T/kept"
		(
			cd "$T/kept"
			echo x >file
			chmod 4751 file
			ln file hard
			ln -s /nowhere link
			mkfifo fifo
			truncate -s 10M sparse
			touch -d 2001-02-03 old
			mkdir -m 1777 sticky
			chown 1000:2000 old
			setfattr -n user.note -v kept file
			setcap cap_net_raw+ep hard
		)
		tar -C "$T/kept" -cf "$T/kept.tar" --xattrs --xattrs-include='*' --acls -S .
		rm -rf "$T/kept"
		berth template import --pool "p-$driver" "$T/kept.tar" kept
		berth launch --pool "p-$driver" --wait kept k
		same "mode" "4751" "$(berth exec k busybox stat -c %a /file)"
		same "links" 2 "$(berth exec k busybox stat -c %h /hard)"
		same "owner" "1000 2000 981158400" "$(berth exec k busybox stat -c '%u %g' /old) $(berth exec k -- env TZ=UTC busybox stat -c %Y /old)"
		same "link" /nowhere "$(berth exec k busybox readlink /link)"
		same "fifo" "fifo" "$(berth exec k busybox stat -c %F /fifo)"
		same "folder" 1777 "$(berth exec k busybox stat -c %a /sticky)"
		[[ $(berth exec k busybox stat -c %b /sparse) -lt 100 ]]
		root=$(folder_of machine.k "$driver")
		# A volume of its own is mounted in its machine alone.
		[[ $driver != thin ]] || root=/proc/$(field k init)/root
		same "attribute" kept "$(getfattr --only-values -n user.note "$root/file")"
		has "cap_net_raw[+=]ep" "$(getcap "$root/hard")"
		berth delete --force k
		berth template delete kept
	done
}

run_cases "$@"
