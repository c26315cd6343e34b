#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Snapshots, clones and restores over both drivers; a reboot of the host; mounts in volumes; a pool's file that moved.
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
	# shellcheck disable=SC2086 # words
	pools_with_busybox $drivers
	berth pool create default --driver "$fast" --size 1G
}

case_pools() {
	has "p-$fast.*$fast" "$(berth pool list)"
	has "p-dir.*dir" "$(berth pool status)"
	fails 2 "zfs" berth pool create --driver zfs p-zfs
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
	local size
	mkdir "$T/small"
	# Not tmpfs, which Linux before 6.3 cannot mount with mapped ids.
	truncate -s 16M "$T/small.img"
	mkfs.ext4 -q -m 0 "$T/small.img"
	mount -o loop "$T/small.img" "$T/small"
	rmdir "$T/small/lost+found"
	berth pool create small --driver dir --source "$T/small"
	busybox_template bb-small small
	berth create --pool small bb-small m
	retry 20 no_copying_is_left
	copy_is_told null
	for size in 64k 1k; do
		dd if=/dev/zero of="$T/small/ballast" bs="$size" oflag=append conv=notrunc,fsync status=none 2>/dev/null || true
	done
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
	rm "$T/small.img"
}

# owned: prints the name of the machine that a command has made for itself, and that runs.
owned() {
	local name
	name=$(ls "$BERTH_ROOT/lib/machines/.owned") && state_is "$name" running && echo "$name"
}

# A reboot removes every process, mount, loop device, link, and the run folder. Of the machines only the one is deleted
# afterwards that a command had made for itself.
case_reboot_of_the_host() {
	local run owned all
	berth launch --pool "p-$fast" --wait "bb-$fast" m
	write_in m kept
	berth snapshot m before
	berth launch --pool "p-$fast" --ephemeral --wait "bb-$fast" brief
	write_in brief kept
	berth run --pool "p-$fast" "bb-$fast" -- sleep 5555 &
	run=$!
	retry 20 owned
	owned=$(owned)
	# All are stopped first: a keeper that saw the death of a guest would report it, or of its owner, delete the machine.
	mapfile -t all < <(pgrep -x berth-keeper)
	all+=("$run" "$(field m init)" "$(field brief init)" "$(field "$owned" init)")
	kill -STOP "${all[@]}"
	kill -KILL "${all[@]}"
	retry 10 not pgrep -x berth-keeper
	pkill -KILL dnsmasq --nslist pid --ns 1 || true
	awk -v t="$T/" 'index($5, t) { print $5 }' /proc/self/mountinfo | sort -r | xargs -r -n 1 umount
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
	# What the ephemeral one has written is its user's to delete.
	same state failed "$(field brief state)"
	berth set brief ephemeral=no
	berth start --wait brief
	same "what it had" kept "$(read_in brief)"
	# Commands that look have left the other one.
	has "$owned" "$(berth list)"
	berth delete --force m
	fails 1 "no machine '$owned'" berth info "$owned"
	same volumes 2 "$(berth pool status --json "p-$fast" | sed -n 's/^ *"volumes": \([0-9]*\).*/\1/p')"
	berth delete --force brief
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
