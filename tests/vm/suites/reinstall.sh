#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The disk of a thin pool on a host that knows nothing of it: what was there comes back, under its names.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"
BERTH_TEMPLATES=$(realpath "$(dirname "$0")/../../../templates")
export BERTH_TEMPLATES

# host NAME: a root of its own, as a host that was installed anew; the other's devices are gone as by a reboot.
host() {
	modprobe -a loop dm-thin-pool
	retry 20 sh -c 'dmsetup remove_all; ! dmsetup ls | grep -q "("'
	export BERTH_ROOT=$T/$1 PATH=$BUILD_TREE:$PATH BERTH_LIBEXEC=$BUILD_TREE/libexec
	state=$BERTH_ROOT/lib
}

# fails PATTERN COMMAND...
fails() {
	local pattern=$1
	shift
	not "$@" 2>"$T/err"
	has "$pattern" "$(cat "$T/err")"
}

# known FILE: what the disk's copy says of it.
known() {
	grep -aq "^file $1 " "$T/disk"
}

written() {
	retry 60 not pgrep -f "berth.* _backup"
}

case_reinstalled() {
	local disk uuid
	mkdir -p "$T/tree/etc" "$T/tree/bin"
	cp "$(command -v bash)" "$T/tree/bin/init"
	truncate -s 512M "$T/disk"
	host first
	disk=$(losetup --find --show "$T/disk")
	berth pool create --device "$disk" --set volume.size=100M fast
	tar -C "$T/tree" -c . | berth template import --pool fast - tool
	berth create --pool fast --set network= --set description="the one" tool web
	berth snapshot web before
	berth clone web db
	# A comment that somebody wrote beside the settings comes along too.
	for file in machines/db/machine.conf pools/fast/pool.conf; do
		echo "# by hand" >>"$state/$file"
	done
	berth set db limits.pids=77
	uuid=$(berth get web uuid)
	# No command has waited for it.
	retry 60 known machines/db/machine.conf
	retry 60 grep -aq "limits.pids = 77" "$T/disk"
	retry 60 grep -aq "snapshot.web.before" "$T/disk"
	written
	cp -a "$BERTH_ROOT/lib" "$T/was"
	# The host is installed anew, and has another number; the old one is gone without a word.
	echo 0123456789abcdef0123456789abcdef >"$T/machine-id"
	mount --bind "$T/machine-id" /etc/machine-id
	host second
	fails "host '$(hostname)' has it attached.*import --force $disk fast" berth pool import "$disk"
	silent "nothing is left of that" find "$state" -name '*.conf' -o -name '*.db'
	no_device_is_left
	berth pool import --force "$disk" | tee "$T/report"
	has "pool 'fast' is on '$disk'" "$(cat "$T/report")"
	has "catalogue and pool agree" "$(cat "$T/report")"
	has "2 machines and 1 template taken" "$(cat "$T/report")"
	same uuid "$uuid" "$(berth get web uuid)"
	same description "the one" "$(berth get web description)"
	same limit 77 "$(berth get db limits.pids)"
	has "before" "$(berth snapshot list web)"
	has "tool" "$(berth template list)"
	for file in machines/web/machine.conf machines/db/machine.conf templates/tool/template.conf; do
		diff "$T/was/$file" "$state/$file"
	done
	has "volume.size = 100M" "$(cat "$state/pools/fast/pool.conf")"
	has "# by hand" "$(cat "$state/pools/fast/pool.conf")"
	berth restore web before
	berth clone web copy
	berth delete copy
	# Once more: it is known here by now, and nothing is taken twice.
	written
	has "machine 'web' is here already" "$(berth pool import "$disk")"
	# Under another name, from a host that has let go of it.
	berth pool detach fast
	umount /etc/machine-id
	host third
	berth pool create --driver dir fast
	fails "there is a pool 'fast' already; give this one another name" berth pool import "$disk"
	has "2 machines and 1 template taken" "$(berth pool import "$disk" other)"
	same "its pool" other "$(berth get web pool)"
	berth clone web copy
	written
	# A volume that was removed since the last copy is reported, and a new one is kept without a name.
	berth pool detach other
	dmsetup ls
	host fourth
	berth pool import "$disk" other
	dmsetup message "$(dmsetup ls | awk '/[.]other[.]pool/ { print $1 }')" 0 \
		"delete $(sqlite3 "$state/pools/other/catalog.db" "SELECT id FROM volume WHERE name = 'machine.db'")"
	dmsetup message "$(dmsetup ls | awk '/[.]other[.]pool/ { print $1 }')" 0 "create_thin 4000"
	berth pool detach other
	host fifth
	berth pool import "$disk" other | tee "$T/report"
	has "volume 'machine.db' is lost" "$(cat "$T/report")"
	has "id 4000 is in the pool, and in no catalogue" "$(cat "$T/report")"
	has "3 machines and 1 template taken|2 machines and 1 template taken" "$(cat "$T/report")"
	berth pool detach other
	# All volumes are there without a copy, and have no name.
	host sixth
	start=$(sed -n '/^books / { s/^books \([0-9]*\)+.*/\1/p; q }' "$disk")
	dd if=/dev/zero of="$disk" bs=512 seek="$start" count=2048 conv=notrunc,fsync status=none
	berth pool import "$disk" | tee "$T/report"
	has "there is no copy of its catalogue on it" "$(cat "$T/report")"
	has "id [0-9]+ .ext4, [0-9]+ MiB. has no owner" "$(cat "$T/report")"
	berth pool delete --force default
	losetup -d "$disk"
}

# A pool's file is somewhere else by now: nothing is lost, whoever knows of it or not.
case_moved_file() {
	local uuid
	host file
	mkdir -p "$T/tree/etc" "$T/tree/bin"
	cp "$(command -v bash)" "$T/tree/bin/init"
	berth pool create --driver thin --size 256M --set volume.size=64M fast
	tar -C "$T/tree" -c . | berth template import --pool fast - tool
	berth create --pool fast --set network= tool web
	uuid=$(berth get web uuid)
	written
	berth pool detach fast
	mv "$state/pools/fast/pool.thin" "$T/moved"
	fails "loop file '.*/pool.thin' is gone.*berth pool import PATH fast" berth snapshot web before
	fails "No such file" berth pool import "$T/nothing" fast
	has "pool 'fast' is on '$T/moved'" "$(berth pool import "$T/moved" fast)"
	has "source = $T/moved" "$(cat "$state/pools/fast/pool.conf")"
	berth snapshot web before
	berth pool grow --size 320M fast
	berth clone web copy
	same "a sound pool" "catalogue and pool agree" "$(berth pool check fast)"
	# The same on a host that knows nothing.
	written
	berth pool detach fast
	mv "$T/moved" "$T/again"
	host nothing
	fails "not an absolute path" berth pool import again
	has "2 machines and 1 template taken" "$(berth pool import "$T/again")"
	same uuid "$uuid" "$(berth get web uuid)"
	berth restore web before
	berth clone web more
	written
	berth pool detach fast
	berth delete copy more web
	berth template delete tool
	written
	berth pool delete fast
	no_device_is_left
}

run_cases
