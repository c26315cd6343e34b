#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Volumes for data: made, attached to machines, stopped or running, and kept when the machines go.
needs_faults="case_killed_making case_killed_attaching case_killed_restoring"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/faults.sh
. "$top/tests/faults.sh"
# shellcheck source=tests/volumes.sh
. "$top/tests/volumes.sh"

# SIZE and USED of volume list. In a thin pool each volume has a size, and a use while it has a device.
room='- +-'
[[ $fast != thin ]] || room='[0-9.]+ [MG]iB +(-|[0-9.]+ [KMG]iB)'

set_up() {
	[[ -n ${STORAGE_DRIVER:-} ]] || berth pool create default --driver "$fast"
	busybox_template bb
	up a
	up b
}

case_made_and_deleted() {
	berth volume create --description "of the shop" one
	berth volume create two
	same "in order" "one two" "$(berth volume list --json | jq -r '.[].name' | grep -xE 'one|two' | xargs)"
	has "^one +default +$room +- +20.* of the shop$" "$(berth volume list)"
	has '^pool: +default$' "$(berth volume info one)"
	berth volume info --json one | is_json
	same "used" true "$(berth volume info --json one | jq '.used >= 0')"
	fails 1 "volume 'one' exists already" berth volume create one
	fails 1 "no volume 'onn'; did you mean 'one'" berth volume info onn
	fails 2 "name 'a.b' has characters" berth volume create a.b
	fails 2 "\-\-size cannot be '1x'" berth volume create --size 1x three
	fails 1 "no pool 'nowhere'" berth volume create --pool nowhere three
	berth volume delete one two
	not there one
	silent "nothing left" find "$BERTH_ROOT/lib/volumes" "$BERTH_ROOT/run/locks" -name '*one'
	lacks 'data\.one' "$(berth pool usage default 2>&1)"
}

case_attached_to_a_stopped_machine() {
	fresh disk
	berth create bb s
	berth volume attach s disk /srv/data
	same "the section" "[volume disk]
target = /srv/data" "$(sed -n '/volume/,$p' "$(conf s)")"
	berth start --wait s
	in_m s 'echo kept >/srv/data/file; chown 5:6 /srv/data/file'
	berth restart --wait s
	same "after a restart" kept "$(in_m s 'cat /srv/data/file')"
	# The reboot may end the command itself.
	local boot
	boot=$(in_m s 'cat /proc/sys/kernel/random/boot_id')
	in_m s reboot || true
	retry 20 in_m s "grep -q ' /srv/data ' /proc/mounts && ! grep -q $boot /proc/sys/kernel/random/boot_id"
	has '^data: +disk as /srv/data$' "$(berth info s)"
	same "in JSON" /srv/data "$(berth info --json s | jq -r '.volumes[0].target')"
	has "^disk +default +$room +s:/srv/data" "$(berth volume list)"
	has '^machine: +s at /srv/data$' "$(berth volume info disk)"
	fails 1 "volume 'disk' is attached to machine 's' and cannot be deleted" berth volume delete disk
	fails 1 "attached to machine 's'" berth volume delete --force disk
	berth stop --force s
	fails 1 "attached to machine 's'" berth volume delete disk
	berth delete s
	there disk
	berth volume attach a disk /mnt/deep/er
	same "with all in it" "kept 5 6" "$(in_m a 'cat /mnt/deep/er/file; stat -c "%u %g" /mnt/deep/er/file' | xargs)"
	berth volume detach a disk
	berth volume delete disk
}

# Owners are as the guests see them, whatever ids the machines have on the host.
case_live_and_owners() {
	fresh disk
	berth volume attach a disk /srv
	in_m a 'echo one >/srv/file && chown 1000:1001 /srv/file && cp /bin/busybox /srv/tool && chmod 4755 /srv/tool'
	same "of root" "0 0" "$(in_m a 'stat -c "%u %g" /srv')"
	has 'nodev' "$(in_m a 'grep " /srv " /proc/mounts')"
	not in_m a 'mknod /srv/null c 1 3 && echo >/srv/null'
	berth volume detach a /srv
	not in_m a 'test -e /srv/file'
	not grep -q volume "$(conf a)"
	berth volume attach b disk /data
	[[ $(field a init) != "$(field b init)" ]]
	not diff "/proc/$(field a init)/uid_map" "/proc/$(field b init)/uid_map"
	same "in the other machine" "1000 1001" "$(in_m b 'stat -c "%u %g" /data/file')"
	same "set-user-ID as in a root" 4755 "$(in_m b 'stat -c %a /data/tool')"
	in_m b 'echo two >>/data/file'
	berth volume detach b disk
	berth create --set security.privileged=yes bb p
	berth volume attach p disk /data
	berth start --wait p
	same "in a privileged one" "1000 1001 one two" "$(in_m p 'stat -c "%u %g" /data/file; cat /data/file' | xargs)"
	berth delete --force p
}

case_read_only() {
	fresh disk
	berth volume attach --read-only a disk /srv
	not in_m a 'touch /srv/x'
	not in_m a 'mount -o remount,bind,rw /srv'
	not in_m a 'mount -o remount,rw /srv'
	not in_m a 'mkdir -p /b && mount -o bind /srv /b && mount -o remount,bind,rw /b && touch /b/x'
	in_m a 'umount /b || true'
	berth volume attach b disk /srv
	in_m b 'echo shared >/srv/file'
	same "a reader sees it" shared "$(in_m a 'cat /srv/file')"
	has 'a:/srv \(read-only\), b:/srv' "$(berth volume list)"
	berth volume detach a disk
	berth volume detach b disk
}

case_one_writer() {
	fresh disk
	berth volume attach a disk /srv
	fails 1 "attached to machine 'a', and two machines cannot write to one" berth volume attach b disk /srv
	fails 1 "machine 'a' has a volume '/srv' already" berth volume attach a "$(fresh other; echo other)" /srv
	fails 1 "machine 'a' has a volume named 'disk' already" berth volume attach a disk /mnt
	# Settings that say so all the same: the machine that runs has it.
	printf '\n[volume disk]\ntarget = /srv\n' >>"$(conf b)"
	fails 1 "machine 'a' runs with volume 'disk'.*|attached to machine 'a'" berth restart b
	same "it was not stopped" running "$(field b state)"
	berth stop --force b
	fails 1 "machine 'a' runs with volume 'disk', and two machines cannot" berth start b
	berth stop --force a
	berth start --wait b
	in_m b 'touch /srv/b'
	fails 1 "machine 'b' runs with volume 'disk'" berth start a
	berth stop --force b
	berth volume detach b disk
	berth start --wait a
	in_m a 'test -e /srv/b'
	berth start --wait b
	berth volume detach a disk
}

case_in_use() {
	fresh disk
	berth volume attach a disk /srv
	in_m a 'touch /srv/file; (exec sleep 1000 </srv/file) >/dev/null 2>&1 & echo $! >/tmp/pid'
	retry 10 in_m a 'grep -q sleep /proc/$(cat /tmp/pid)/comm'
	fails 1 "process [0-9]+ [(]sleep[)] has it open; end that, or stop the machine first" berth volume detach a disk
	same "it is still there" yes "$(in_m a 'test -e /srv/file && echo yes')"
	in_m a 'kill $(cat /tmp/pid); (cd /srv && exec sleep 1000) >/dev/null 2>&1 & echo $! >/tmp/pid'
	retry 10 in_m a 'test $(readlink /proc/$(cat /tmp/pid)/cwd) = /srv'
	fails 1 "has it as a folder that it works in; end that" berth volume detach a disk
	in_m a 'kill $(cat /tmp/pid)'
	retry 10 berth volume detach a disk
	# Moved, and copied into a mount namespace of its own.
	berth volume attach a disk /srv
	in_m a 'mkdir -p /x /y && mount --bind /srv /x'
	fails 1 "has it mounted on '/x'; unmount it there" berth volume detach a disk
	in_m a 'umount /x'
	berth volume detach a disk 2>/dev/null
	berth volume attach a disk /srv
	in_m a 'unshare -m sh -c "mount --make-rprivate / && exec sleep 1000" >/dev/null 2>&1 & echo $! >/tmp/pid'
	retry 10 in_m a 'grep -q sleep /proc/$(cat /tmp/pid)/comm'
	fails 1 "has it mounted on '/srv'" berth volume detach a disk
	fails 1 "attached to machine 'a'" berth volume attach b disk /srv
	in_m a 'kill $(cat /tmp/pid)'
	retry 10 berth volume detach a disk
	berth volume delete disk
}

# The data of machines that run are not deleted with their pool.
case_pool_of_a_running_machine() {
	berth pool create side --driver dir
	berth volume create --pool side sided
	berth volume attach a sided /side
	in_m a 'echo kept >/side/file'
	fails 1 "pool 'side' cannot be deleted: machine 'a' runs with volume 'sided' of it" berth pool delete --force side
	same contents kept "$(in_m a 'cat /side/file')"
	berth volume detach a sided
	berth launch --wait --network "" --pool side bb rooted
	fails 1 "pool 'side' cannot be deleted: machine 'rooted' runs, and its root is in it" berth pool delete --force side
	in_m rooted 'ls /bin' >/dev/null
	berth stop --force rooted
	berth pool delete --force side 2>"$T/said"
	has "machines of the deleted pool 'side' have settings and no contents now; remove them too: berth delete --force rooted" "$(cat "$T/said")"
	has "volumes of the deleted pool .*: berth volume delete --force sided" "$(cat "$T/said")"
	berth delete --force rooted
	berth volume delete --force sided
}

case_kept_by_reset_and_restore() {
	fresh disk
	berth create bb r
	berth volume attach r disk /srv
	berth start --wait r
	in_m r 'echo data >/srv/file; echo root >/file'
	berth snapshot r s
	in_m r 'echo later >/srv/file'
	berth stop --force r
	berth restore r s
	berth start --wait r
	same "the data stay" "later root" "$(in_m r 'cat /srv/file /file' | xargs)"
	berth reset r
	retry 20 in_m r 'test ! -e /file'
	same "after a reset" later "$(in_m r 'cat /srv/file')"
	berth stop --force r
	berth rename r r2
	berth start --wait r2
	same "after a rename" later "$(in_m r2 'cat /srv/file')"
	berth delete --force r2
	there disk
}

case_lost_parts() {
	fresh disk
	berth volume attach a disk /srv
	in_m a 'echo here >/srv/file'
	berth volume detach a disk
	mv "$BERTH_ROOT/lib/volumes/disk" "$T/disk"
	fails 1 "'disk' has lost its settings, and pool 'default' holds its data" berth volume info disk
	fails 1 "has lost its settings" berth volume list
	fails 1 "has lost its settings" berth volume create disk
	fails 1 "has lost its settings" berth volume attach a disk /srv
	has "make it a volume again: berth volume adopt disk" "$(berth doctor 2>&1)"
	berth volume adopt disk
	there disk
	fails 1 "there is nothing to adopt" berth volume adopt disk
	berth volume attach a disk /srv
	same "with its data" here "$(in_m a 'cat /srv/file')"
	berth volume detach a disk
	: >"$BERTH_ROOT/lib/volumes/disk/volume.conf"
	fails 1 "does not say in which pool" berth volume attach a disk /srv
	fails 1 "it can be deleted as it is with --force" berth volume delete disk
	berth volume delete --force disk
	lacks 'data\.disk' "$(berth pool usage default 2>&1)"
	not there disk
}

case_described() {
	fresh disk
	cat >"$T/file" <<-END
		[machine d]
		template = bb
		state = running
		[volume disk]
		target = /srv
	END
	berth apply "$T/file"
	in_m d 'touch /srv/file'
	has 'nothing to do' "$(berth apply --diff "$T/file" 2>&1)"
	sed -i '/volume/,$d' "$T/file"
	berth apply "$T/file"
	not in_m d 'test -e /srv/file'
	berth delete --force d
	there disk
}

case_snapshots() {
	fresh disk
	berth volume attach a disk /srv
	in_m a 'echo one >/srv/file; chown 7:8 /srv/file'
	berth volume snapshot disk first
	in_m a 'echo two >/srv/file'
	berth volume snapshot disk second
	same "the oldest first" "first second" "$(berth volume info --json disk | jq -r '[.snapshots[].name] | join(" ")')"
	has "^snapshots: +first, 20[0-9-]{8} [0-9:]{8}$" "$(berth volume info disk)"
	fails 1 "has a snapshot 'first' already" berth volume snapshot disk first
	fails 2 "name 'a.b' has characters" berth volume snapshot disk a.b
	fails 1 "has no snapshot 'third'" berth volume restore disk third
	fails 1 "cannot be restored: machine 'a' runs with it" berth volume restore disk first
	same "nothing changed" two "$(in_m a 'cat /srv/file')"
	berth volume detach a disk
	berth volume restore disk first
	berth volume attach b disk /srv
	same "as it was" "one 7 8" "$(in_m b 'cat /srv/file; stat -c "%u %g" /srv/file' | xargs)"
	berth volume detach b disk
	berth volume delete --snapshot first disk
	same "the other one stays" second "$(berth volume info --json disk | jq -r '.snapshots[].name')"
	fails 1 "has no snapshot 'first'" berth volume delete --snapshot first disk
	berth volume delete disk
	lacks 'data(snapshot)?\.disk' "$(berth pool usage default 2>&1)"
}

case_copies() {
	fresh disk
	gone_volume copy old
	berth volume attach a disk /srv
	in_m a 'echo one >/srv/file; chown 7:8 /srv/file'
	berth volume snapshot disk s
	in_m a 'echo two >/srv/file'
	berth volume create --from disk copy
	berth volume create --from disk@s old
	fails 1 "volume 'copy' exists already" berth volume create --from disk copy
	fails 1 "has no snapshot 'none'" berth volume create --from disk@none third
	not there third
	same "where from" "volume disk@s" "$(berth volume info --json old | jq -r .origin)"
	berth volume attach b copy /copy
	berth volume attach b old /old
	same "each its state" "two one 7 8" "$(in_m b 'cat /copy/file /old/file; stat -c "%u %g" /old/file' | xargs)"
	in_m b 'echo three >/copy/file'
	same "they are apart" two "$(in_m a 'cat /srv/file')"
	berth volume detach b copy
	berth volume detach b old
}

case_sizes() {
	gone_volume sized
	berth pool create --driver dir plain
	fails 1 "cannot have a size" berth volume create --pool plain --size 20M sized
	not there sized
	berth volume create --pool plain sized
	fails 1 "cannot have a size" berth volume resize sized 20M
	berth volume delete sized
	berth pool delete plain
	case $fast in
	btrfs) sizes_of_folders ;;
	thin) sizes_of_file_systems ;;
	esac
}

sizes_of_folders() {
	berth pool create --driver btrfs --set quota=yes --size 1G quotas
	berth volume create --pool quotas --size 20M sized
	same "its size" $((20 << 20)) "$(berth volume info --json sized | jq .size)"
	berth volume attach a sized /sized
	not in_m a 'dd if=/dev/zero of=/sized/big bs=1M count=30 2>/dev/null && sync'
	in_m a 'rm -f /sized/big; sync'
	berth volume resize sized 60M
	retry 20 in_m a 'dd if=/dev/zero of=/sized/big bs=1M count=30 2>/dev/null && sync'
	fails 2 "the size cannot be '5x'" berth volume resize sized 5x
	# A limit below what is there is refused, for the volume and for copies, before anything is made.
	fails 1 "volume 'sized': it has 30.0 MiB already, .* a limit of 20.0 MiB" berth volume resize sized 20M
	fails 1 "volume sized: it has 30.0 MiB already, .* a limit of 20.0 MiB" berth volume create --from sized --size 20M copied
	fails 1 "no volume 'copied'" berth volume info copied
	same "its size" $((60 << 20)) "$(berth volume info --json sized | jq .size)"
	# A copy has the same limit.
	berth volume create --from sized copied
	same "of a copy" $((60 << 20)) "$(berth volume info --json copied | jq .size)"
	berth volume create --from sized --size 90M larger
	same "another one" $((90 << 20)) "$(berth volume info --json larger | jq .size)"
	berth volume delete copied larger
	berth volume resize sized none
	same "no limit" null "$(berth volume info --json sized | jq .size)"
	berth volume detach a sized
	berth volume delete sized
	berth pool delete quotas
}

# A volume with a file system of its own always has a size, which only grows.
sizes_of_file_systems() {
	local size
	gone_volume bigger
	berth volume create --size 64M sized
	size=$(berth volume info --json sized | jq .size)
	same "its size" $((64 << 20)) "$size"
	berth volume attach a sized /sized
	in_m a 'echo kept >/sized/file'
	berth volume snapshot sized small
	not in_m a 'dd if=/dev/zero of=/sized/big bs=1M count=80 2>/dev/null && sync'
	in_m a 'rm -f /sized/big; sync'
	fails 1 "cannot be made smaller" berth volume resize sized 32M
	fails 1 "has a file system of its own, and always a size" berth volume resize sized none
	same "nothing changed" "$size" "$(berth volume info --json sized | jq .size)"
	berth volume resize sized 160M
	same "its new size" $((160 << 20)) "$(berth volume info --json sized | jq .size)"
	in_m a 'dd if=/dev/zero of=/sized/big bs=1M count=80 2>/dev/null && sync'
	fails 1 "cannot be made smaller" berth volume create --from sized --size 64M bigger
	not there bigger
	berth volume create --from sized@small --size 192M bigger
	same "a larger copy" $((192 << 20)) "$(berth volume info --json bigger | jq .size)"
	berth volume detach a sized
	# What is restored has the size of now, not that of the snapshot.
	berth volume restore sized small
	same "as before" $((160 << 20)) "$(berth volume info --json sized | jq .size)"
	berth volume attach a sized /sized
	same "the snapshot's data" kept "$(in_m a 'cat /sized/file')"
	in_m a 'dd if=/dev/zero of=/sized/big bs=1M count=80 2>/dev/null && sync'
	berth volume detach a sized
	berth volume attach b bigger /bigger
	in_m b 'dd if=/dev/zero of=/bigger/big bs=1M count=160 2>/dev/null && sync'
	berth volume detach b bigger
	berth volume delete sized bigger
}

case_killed_making() {
	local point list
	list=$(points berth volume create k)
	((3 <= $(wc -w <<<"$list"))) || fault "there are few points: $list"
	berth volume delete k
	for point in $list; do
		echo "making $point"
		BERTH_FAULT=$point not_kindly berth volume create k
		not there k
		berth volume create k
		berth volume info k >/dev/null
		berth volume delete k
	done
	berth volume create k
	list=$(points berth volume delete k)
	((3 <= $(wc -w <<<"$list"))) || fault "there are few points: $list"
	for point in $list; do
		echo "deleting $point"
		berth volume create k
		BERTH_FAULT=$point not_kindly berth volume delete k
		not there k
		silent "nothing is anybody's" berth adopt --all
		fresh other
		lacks "data\.k " "$(berth pool usage default)"
		silent "no mark" find "$BERTH_ROOT/lib/volumes" -name k
	done
}

case_killed_attaching() {
	local point list
	fresh disk
	list=$(points berth volume attach a disk /srv)
	for point in $list; do
		berth volume detach a disk 2>/dev/null
		echo "attaching $point"
		BERTH_FAULT=$point not_kindly berth volume attach a disk /srv
		grep -q 'volume disk' "$(conf a)" || berth volume attach a disk /srv
		fails 1 "attached to machine 'a'" berth volume attach b disk /srv
		fails 1 "attached to machine 'a'" berth volume delete disk
	done
	berth volume detach a disk 2>/dev/null
	berth volume attach a disk /srv
	list=$(points berth volume detach a disk)
	[[ -n $list ]]
	for point in $list; do
		berth volume attach a disk /srv
		echo "detaching $point"
		BERTH_FAULT=$point not_kindly berth volume detach a disk
		fails 1 "attached to machine 'a'" berth volume attach b disk /srv
		berth volume detach a disk 2>/dev/null
		berth volume attach b disk /srv
		berth volume detach b disk
	done
}

case_killed_restoring() {
	local point list
	fresh disk
	berth volume attach a disk /srv
	in_m a 'echo one >/srv/file'
	berth volume snapshot disk s
	in_m a 'echo two >/srv/file'
	berth volume detach a disk
	list=$(points berth volume restore disk s)
	((2 <= $(wc -w <<<"$list"))) || fault "there are few points: $list"
	for point in $list; do
		echo "restoring $point"
		berth volume attach a disk /srv
		in_m a 'echo two >/srv/file'
		berth volume detach a disk
		BERTH_FAULT=$point not_kindly berth volume restore disk s
		berth volume attach a disk /srv
		[[ $(in_m a 'cat /srv/file') =~ ^(one|two)$ ]]
		berth volume detach a disk
		berth volume restore disk s
		berth volume attach a disk /srv
		same "done again" one "$(in_m a 'cat /srv/file')"
		berth volume detach a disk
		lacks 'incoming\.data' "$(berth pool usage default)"
	done
}

# The data outlive their machine, which is said.
case_machine_deleted() {
	fresh disk
	berth create bb short
	berth volume attach short disk /srv
	has "volumes of machine 'short' stay, with their data; delete them too: berth volume delete disk" \
		"$(berth delete short 2>&1)"
	berth volume info disk >/dev/null
}

run_cases "$@"
