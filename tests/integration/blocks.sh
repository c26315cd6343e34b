#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Machines that travel as the blocks of a thin pool; a pool of another driver has none.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# The fast driver to test; thin where device-mapper is.
fast=${STORAGE_DRIVER:-btrfs}
# shellcheck source=tests/streams.sh
. "$top/tests/streams.sh"

# bytes_in STREAM: a sum of all bytes but zeros of its volume; the stream is not compressed.
bytes_in() {
	python3 -IS - "$1" <<-'END'
		import hashlib, struct, sys
		data = open(sys.argv[1], "rb").read()
		at, total, count = len("berth-stream 01\n"), hashlib.sha256(), 0
		while at < len(data):
		    kind, stored, offset = struct.unpack_from("<c3xI8xQ", data, at)
		    for i in range(0, stored, 4096) if kind == b"D" else ():
		        block = data[at + 24 + i:at + 24 + min(i + 4096, stored)]
		        if any(block):
		            total.update(b"%d" % (offset + i) + block)
		            count += 1
		    at += 24 + stored
		print(count > 1000 and total.hexdigest())
	END
}

# travels POOL: a machine of it goes away as blocks, and comes back as a base and an increment, which stay in $T.
travels() {
	berth create --pool "$1" --set network= bb solid
	berth start --wait solid
	berth exec solid -- sh -c 'head -c 5000000 /dev/urandom >/large; echo 1 >/state; sync'
	berth snapshot solid s1
	berth export --blocks --snapshots solid@s1 "$T/base.berth"
	berth export --blocks --compress none solid@s1 "$T/sent.berth"
	berth exec solid -- sh -c 'rm /large; echo 2 >/state; head -c 300000 /dev/urandom >/small; sync; md5sum /small >/sum; sync'
	berth snapshot solid s2
	berth export --blocks --since s1 solid@s2 "$T/step.berth"
	berth delete --force solid
	fails 1 "if you trust its origin, give --trust" berth import --pool "$1" "$T/base.berth"
	fails 1 "pool 'p-dir' is of driver dir" berth import --trust --pool p-dir "$T/base.berth"
	fails 1 "no machine 'solid'" berth info solid
	berth import --trust --pool "$1" "$T/base.berth"
	fails 1 "if you trust its origin, give --trust" berth import "$T/step.berth"
	berth import --trust "$T/step.berth"
	# An increment belongs onto the very bytes that its sender had.
	berth export --blocks --compress none solid@s1 "$T/came.berth"
	same "the bytes of the base" "$(bytes_in "$T/sent.berth")" "$(bytes_in "$T/came.berth")"
	[[ $(bytes_in "$T/came.berth") != False ]]
	rm "$T"/{sent,came}.berth
	berth start --wait solid
	same "the base" 1 "$(berth exec solid cat /state)"
	berth stop --force solid
	berth restore solid s2
	berth start --wait solid
	same "the increment" 2 "$(berth exec solid cat /state)"
	berth exec solid -- sh -c 'md5sum -c /sum && ! test -e /large'
	berth delete --force solid
}

# The blocks of a thin pool, without a look at the files in them.
case_blocks() {
	if [[ $fast != thin ]]; then
		fails 1 "has no blocks; leave out --blocks" berth export --blocks web "$T/x"
		return
	fi
	travels p-thin
	(($(stat -c %s "$T/step.berth") < 4000000)) || fault "the increment is large"
	berth pool create --driver thin --size 1G --block 256K p-coarse
	# With its snapshot the root is an increment too.
	fails 1 "it is an increment in blocks of 65536 bytes, and pool 'p-coarse' has blocks of 262144" \
		berth import --trust --pool p-coarse "$T/base.berth"
	fails 1 "no machine 'solid'" berth info solid
	retry 30 berth pool delete p-coarse
	rm "$T"/{base,step}.berth
}

# A mount of xfs writes to it, so that its log is replayed on a copy.
case_blocks_of_xfs() {
	[[ $fast == thin ]] || return 0
	berth pool create --driver thin --filesystem xfs --size 2G p-xfs
	travels p-xfs
	retry 30 berth pool delete p-xfs
	rm "$T"/{base,step}.berth
}

# all_in_doubt POOL: a disk error may have hit any volume of the pool, which a repair then checks.
all_in_doubt() {
	sqlite3 "$BERTH_ROOT/lib/pools/$1/catalog.db" "INSERT OR REPLACE INTO note VALUES('doubt', 2)"
}

# repaired OPTION...: pool p-own with these, and in it a snapshot that came as blocks. A repair does not replay its log,
# so that the next increment builds on the very bytes that came.
repaired() {
	berth pool create --driver thin "$@" p-own
	berth create --pool p-own --set network= bb solid
	berth start --wait solid
	berth exec solid -- sh -c 'head -c 3000000 /dev/urandom >/large; sync; md5sum /large >/sum; mkdir /d; touch /d/1; sync'
	berth snapshot solid s1
	berth export --blocks --snapshots solid@s1 "$T/base.berth"
	berth export --blocks --compress none solid@s1 "$T/sent.berth"
	berth exec solid -- sh -c 'for i in 2 3 4 5; do touch /d/$i; sync; done'
	berth snapshot solid s2
	berth export --blocks --since s1 solid@s2 "$T/step.berth"
	berth delete --force solid
	berth import --trust --pool p-own "$T/base.berth"
	all_in_doubt p-own
	berth pool repair p-own >"$T/report"
	cat "$T/report"
	has "[0-9]+ file systems checked" "$(cat "$T/report")"
	lacks "errors|could not" "$(cat "$T/report")"
	berth export --blocks --compress none solid@s1 "$T/came.berth"
	same "the bytes of the base" "$(bytes_in "$T/sent.berth")" "$(bytes_in "$T/came.berth")"
	berth import --trust "$T/step.berth"
	berth restore solid s2
	berth start --wait solid
	same "the increment" 5 "$(berth exec solid -- ls /d | wc -l)"
	berth exec solid -- md5sum -c /sum
	berth delete --force solid
	retry 30 berth pool delete p-own
	rm "$T"/{base,sent,came,step}.berth
}

case_blocks_after_a_repair() {
	[[ $fast == thin ]] || return 0
	repaired --size 1G
}

# A snapshot of a running xfs has a log to be replayed, always.
case_blocks_after_a_repair_of_xfs() {
	[[ $fast == thin ]] || return 0
	repaired --filesystem xfs --size 2G
}

# A snapshot with errors is mended, and is no longer the base of increments: its blocks are others.
case_blocks_after_a_mended_snapshot() {
	local id pool
	[[ $fast == thin ]] || return 0
	berth pool create --driver thin --size 1G p-own
	berth create --pool p-own --set network= bb solid
	berth snapshot solid s1
	berth export --blocks --snapshots solid@s1 "$T/base.berth"
	berth snapshot solid s2
	berth export --blocks --since s1 solid@s2 "$T/step.berth"
	berth delete solid
	berth import --trust --pool p-own "$T/base.berth"
	# A count of links that e2fsck corrects without a question.
	id=$(sqlite3 "$BERTH_ROOT/lib/pools/p-own/catalog.db" "SELECT id FROM volume WHERE name = 'snapshot.solid.s1'")
	pool=berth-$(tag_of "$BERTH_ROOT").p-own
	dmsetup create broken --table "0 41943040 thin /dev/mapper/$pool.pool $id"
	debugfs -w -R "set_inode_field /etc/passwd links_count 5" /dev/mapper/broken
	not e2fsck -fn /dev/mapper/broken
	dmsetup remove --retry broken
	all_in_doubt p-own
	berth pool repair p-own >"$T/report"
	cat "$T/report"
	has "volume 'snapshot.solid.s1': its file system had errors, and is mended" "$(cat "$T/report")"
	fails 1 "it builds on the blocks of snapshot 's1', and machine 'solid' has its files in other blocks" \
		berth import --trust "$T/step.berth"
	berth delete solid
	retry 30 berth pool delete p-own
	rm "$T"/{base,step}.berth
}

# A root that came as blocks has every object of the original, as it was.
case_blocks_compared() {
	[[ $fast == thin ]] || return 0
	berth import --pool p-thin --set network= "$T/full.berth" solid
	berth export --blocks solid "$T/solid.berth"
	berth import --trust --pool p-thin "$T/solid.berth" again
	# As a tree, since only a pool of driver dir shows a root on the host.
	berth export again | berth import --pool p-dir --set network= - shown
	listed shown | diff "$T/full" -
	berth delete solid again shown
}

# Blocks without their base, on a base that came as a tree, or of a stream that was cut off: nothing is changed.
case_blocks_refused() {
	[[ $fast == thin ]] || return 0
	berth create --pool p-thin --set network= bb solid
	berth snapshot solid s1
	berth export --blocks --snapshots solid@s1 "$T/base.berth"
	berth export --snapshots solid@s1 "$T/tree.berth"
	berth start --wait solid
	berth exec solid -- sh -c 'yes | head -c 5000000 >/large; sync'
	berth stop --force solid
	berth snapshot solid s2
	berth export --blocks --since s1 solid@s2 "$T/step.berth"
	berth delete solid
	fails 1 "no machine 'solid'" berth import --trust "$T/step.berth"
	berth import --trust --pool p-thin "$T/base.berth"
	head -c "$(($(stat -c %s "$T/step.berth") - 100))" "$T/step.berth" >"$T/cut"
	fails 1 "it is not complete" berth import --trust "$T/cut"
	same snapshots s1 "$(berth snapshot list --json solid | jq -r '[.[].name] | join(" ")')"
	berth snapshot delete solid s1
	fails 1 "it builds on snapshot 's1', which machine 'solid' has not" berth import --trust "$T/step.berth"
	berth snapshot solid s1
	fails 1 "it builds on a snapshot 's1' with other contents" berth import --trust "$T/step.berth"
	berth delete solid
	# The base has the same files, in other blocks.
	berth import --pool p-thin "$T/tree.berth"
	fails 1 "it builds on the blocks of snapshot 's1', and machine 'solid' has its files in other blocks" \
		berth import --trust "$T/step.berth"
	berth delete solid
	nothing_new
	rm "$T"/{base,tree,step}.berth
}

# written TEXT: into root and volume of "solid", with which it is started, and stopped again.
written() {
	berth start --wait solid
	berth exec solid -- sh -c "echo $1 >/state; echo $1 >/srv/state; head -c 200000 /dev/urandom >/srv/$1; md5sum /srv/$1 >>/srv/sums; sync"
	berth stop --force solid
}

# holds TEXT: what root and volume have; all that was written into the volume is whole.
holds() {
	berth start --wait solid
	same "root and data" "$1 $1" "$(berth exec solid -- cat /state /srv/state | xargs)"
	berth exec solid -- md5sum -c /srv/sums >/dev/null
	berth stop --force solid
}

# with_disk POOL: the machine "solid" with a volume of the pool that holds some megabytes.
with_disk() {
	berth create --pool "$1" --set network= bb solid
	berth volume create --pool "$1" disk
	berth volume attach solid disk /srv
	berth start --wait solid
	berth exec solid -- sh -c 'head -c 4000000 /dev/urandom >/srv/large; md5sum /srv/large >>/srv/sums; sync'
	berth stop --force solid
}

gone() {
	berth delete --force solid
	berth volume delete disk
}

# A volume for data as blocks: alone, and with its machine; each as a base and an increment.
case_blocks_of_volumes() {
	[[ $fast == thin ]] || return 0
	with_disk p-thin
	written one
	berth snapshot solid s1
	berth export --blocks --volumes --snapshots solid@s1 "$T/base.berth"
	berth volume export --blocks --snapshots disk@s1 "$T/disk-base.berth"
	written two
	berth snapshot solid s2
	berth export --blocks --volumes --since s1 solid@s2 "$T/step.berth"
	berth volume export --blocks --since s1 disk@s2 "$T/disk-step.berth"
	(($(stat -c %s "$T/disk-step.berth") < $(stat -c %s "$T/disk-base.berth") / 3)) || fault "the increment is large"
	(($(stat -c %s "$T/step.berth") < $(stat -c %s "$T/base.berth") / 3)) || fault "the increment is large"
	gone
	# With the machine.
	fails 1 "if you trust its origin, give --trust" berth import --pool p-thin "$T/base.berth"
	fails 1 "pool 'p-dir' is of driver dir" berth import --trust --pool p-dir "$T/base.berth"
	fails 1 "no machine 'solid'" berth info solid
	berth import --trust --pool p-thin "$T/base.berth"
	holds one
	berth import --trust "$T/step.berth"
	holds one
	berth restore --volumes solid s2
	holds two
	gone
	# Alone, into the volume of a machine that came as a tree.
	fails 1 "no volume 'disk'" berth volume import --trust "$T/disk-step.berth"
	fails 1 "give --trust" berth volume import --pool p-thin "$T/disk-base.berth"
	same "its name" disk "$(berth volume import --trust --pool p-thin "$T/disk-base.berth")"
	berth volume import --trust "$T/disk-step.berth"
	same "snapshots" "s1 s2" "$(berth volume info --json disk | jq -r '[.snapshots[].name] | join(" ")')"
	berth volume restore disk s2
	berth create --pool p-thin --set network= bb solid
	berth volume attach solid disk /srv
	berth start --wait solid
	same "the data" two "$(berth exec solid -- cat /srv/state)"
	berth exec solid -- md5sum -c /srv/sums >/dev/null
	gone
	rm "$T"/{disk-,}{base,step}.berth
}

# Streams of blocks, of a machine with a volume, that are cut or have a flipped bit are refused, and leave nothing.
case_blocks_flipped() {
	local flips=${STREAM_FLIPS:-12}
	[[ $fast == thin ]] || return 0
	with_disk p-thin
	berth snapshot solid s1
	berth export --blocks --volumes --snapshots solid@s1 "$T/flip-lz4"
	berth export --blocks --volumes --compress none solid@s1 "$T/flip-none"
	gone
	same "damaged streams that were refused" "$flips" "$("$top/tests/integration/stream_flips.py" "$flips" 5 "$T" \
		"$T"/flip-{lz4,none} -- import --trust --pool p-thin @ x)"
	nothing_new
	fails 1 "no volume 'disk'" berth volume info disk
	rm "$T"/flip-*
}

run_cases "$@"
