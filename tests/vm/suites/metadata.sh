#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A thin pool whose metadata runs out under a machine that writes, while there is room for data.
# packages: jq
# seconds: 1800
export TEST_SECONDS=${TEST_SECONDS:-1700}
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../../lib.sh"
# shellcheck source=tests/vm/writers.sh
. "$(dirname "$0")/../writers.sh"
# shellcheck source=tests/vm/metadata.sh
. "$(dirname "$0")/../metadata.sh"

# filled FREE: machines witness and m1, which has a file of 320 MiB, on pool p of 1 GiB. About that many blocks of the
# pool's metadata, of 2048, are left then; the kernel keeps 204 of these.
filled() {
	modprobe -a loop dm-thin-pool
	berth pool create --driver thin --size 1G --set volume.size=64M p
	busybox_template bb p
	berth launch --pool p --set network= bb witness
	berth create --pool p --set network= --set disk.size=400M bb m1
	berth start m1
	berth exec m1 -- dd if=/dev/zero of=/big bs=1M count=320 conv=fsync
	berth stop --force m1 witness
	retry 30 no_copying_is_left
	berth pool detach p
	fill_metadata "$BERTH_ROOT/lib/pools/p/pool.thin" "$1"
	berth start witness
	berth start m1
	settle witness
}

# percent: of the metadata in use.
percent() {
	berth pool status --json p | jq '.[0] | 100 * .metadata_used / .metadata_total | floor'
}

# events NAME: their causes.
causes() {
	jq -r "select(.event == \"$1\") | .cause" "$BERTH_ROOT/run/events"
}

at_least() {
	(($("${@:2}") >= $1))
}

# copy_over MACHINE: writes a block of /big after the other, 8 MiB apart, which takes little data, and of the metadata a
# leaf for each that a snapshot shares. The mark of a failure is in memory.
copy_over() {
	berth exec "$1" -- sh -c 'i=0
		until [ -e /run/stop ]; do
			dd if=/proc/uptime of=/big bs=4k count=1 seek=$((i % 40 * 2048 + i / 40 * 16)) conv=notrunc,fsync 2>/dev/null ||
				touch /run/failed
			i=$((i + 1))
			echo $i >/run/written
		done' </dev/null >/dev/null 2>&1 &
}

# share MACHINE: a snapshot of its root, which no berth would make with so little metadata left.
share() {
	local pool id device
	pool=$(dmsetup ls | awk '/[.]p[.]pool\t/ { print $1 }')
	id=$(sqlite3 "$BERTH_ROOT/lib/pools/p/catalog.db" "SELECT id FROM volume WHERE name = 'machine.$1'")
	device=${pool%pool}v$id
	dmsetup suspend "$device"
	dmsetup message "$pool" 0 "create_snap $((shared = shared + 1)) $id"
	dmsetup resume "$device"
}

# held_or_shared MACHINE: it is held; or else what it has written is shared again, each time that it has written all over.
held_or_shared() {
	local count
	! state_is "$1" held || return 0
	if count=$(berth exec "$1" cat /run/written) && ((count >= again)); then
		share "$1"
		((again = count + 40))
	fi
	return 1
}

# Who takes metadata is held before there is none, and told what helps; then the pool grows by itself as far as it may.
case_held_and_grown() {
	local before again=1 shared=2000
	filled 360
	before=$(percent)
	echo "# at $before%: $(dmsetup status | grep thin-pool)"
	change witness
	((before >= 88 && before < 95))
	copy_over m1
	retry 300 held_or_shared m1
	echo "# held at $(percent)%"
	(($(percent) < 99))
	has "metadata of pool 'p', which it fills, is 9[5-8]% full; make it larger: berth pool grow --metadata 16M p" \
		"$(berth info m1 | grep held)"
	has "the metadata of pool 'p' is 9[4-8]% full, and machines.*held still; make it larger: .*--metadata 16M p" \
		"$(berth list 2>&1 >/dev/null)"
	has "pool 'p' .thin.: .* used, its metadata 9[4-8]%" "$(berth doctor || true)"
	has "^its metadata is 9[0-9]% full$" "$(causes pool-low)"
	fails 1 "the pool's metadata is full to 9[4-8]%;.*pool grow --metadata SIZE p" berth clone m1 other
	same "the witness" running "$(field witness state)"
	before=$(berth exec witness cat /state)
	retry 60 at_least "$((before + 5))" berth exec witness cat /state
	berth pool set p size.max=1400M
	retry 120 state_is m1 running
	has "^to 1.[0-9]+ GiB, its metadata to 16.0 MiB$" "$(causes pool-grown)"
	(($(percent) < 60))
	same metadata 16777216 "$(berth pool status --json p | jq '.[0].metadata_total')"
	berth exec m1 touch /run/stop
	berth exec witness touch /stop
	wait
	not berth exec m1 test -e /run/failed
	not berth exec witness test -e /run/failed
	# The volume that filled it is nobody's.
	berth pool check --reclaim p
	same "a sound pool" "catalogue and pool agree" "$(berth pool check p)"
	berth snapshot m1 after
	delete_all
}

run_cases "$@"
