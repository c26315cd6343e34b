#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Volumes for data that travel: export and import of a volume alone, between pools of each driver.
needs_faults="case_killed"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/faults.sh
. "$top/tests/faults.sh"
# shellcheck source=tests/volumes.sh
. "$top/tests/volumes.sh"

tree=$top/tests/integration/stream_tree.py

# In the pool of the driver under test, and in no default one.
fresh() {
	local volume
	for volume; do
		gone_volume "$volume"
		berth volume create --pool "p-$fast" "$volume"
	done
}

set_up() {
	two_pools
	berth create --pool "p-$fast" --set network= bb a
	berth start --wait a
}

# data_of VOLUME: prints the folder of its data, for a pool that the host has a path to.
data_of() {
	if [[ $(berth volume get "$1" pool) == p-dir ]]; then
		echo "$BERTH_ROOT/lib/pools/p-dir/volumes/data.$1/root"
	else
		echo "$BERTH_ROOT/run/pools/$(berth volume get "$1" pool)/data.$1"
	fi
}

# listed VOLUME: prints all that can be seen of its data; those in a thin pool are seen by a copy in driver dir.
listed() {
	local seen=$1
	if [[ $(berth volume get "$1" pool) == p-thin ]]; then
		seen=shown
		berth volume export "$1" | berth volume import --new-identity --pool p-dir - shown
	fi
	"$tree" list "$(data_of "$seen")"
	[[ $seen == "$1" ]] || berth volume delete "$seen"
}

# full: the volume "full" has one object of each kind.
full() {
	! there full || return 0
	berth volume create --pool p-dir --description "of each kind" full
	"$tree" make "$(data_of full)"
	listed full >"$T/full"
	[[ $(wc -l <"$T/full") -gt 40 ]]
}

# nothing_new: neither volume, data nor file is left of an import that was refused.
nothing_new() {
	local pool
	not there x
	[[ ! -e $BERTH_ROOT/lib/volumes/x && ! -e $BERTH_ROOT/lib/volumes/.unfinished/x ]]
	for pool in "p-$fast" p-dir; do
		lacks "data\.x|datasnapshot\.x|partial" "pool: $(berth pool usage "$pool")"
	done
	silent "a volume in the making" find "$BERTH_ROOT/run" -path '*/partial/*' -type f
}

snapshots() {
	berth volume info --json "$1" | jq -r '[.snapshots[].name] | join(" ")'
}

# Each driver to each: the copy has every object, and the first that finds no volume of that uuid has it.
case_every_object() {
	local uuid
	full
	uuid=$(berth volume get full uuid)
	berth volume export full "$T/full.berth"
	same mode 600 "$(stat -c %a "$T/full.berth")"
	silent "a name that was given" berth volume import --pool "p-$fast" "$T/full.berth" across
	listed across | diff "$T/full" -
	[[ $(berth volume get across uuid) != "$uuid" ]]
	berth volume export across | berth volume import --pool p-dir - back
	listed back | diff "$T/full" -
	berth volume export --compress zstd back | berth volume import --pool p-dir --new-identity - beside
	listed beside | diff "$T/full" -
	berth volume delete full
	same "its name" full "$(berth volume import --pool p-dir "$T/full.berth")"
	same uuid "$uuid" "$(berth volume get full uuid)"
	same description "of each kind" "$(berth volume get full description)"
	listed full | diff "$T/full" -
	berth volume delete across back beside
	rm "$T/full.berth"
}

case_refused() {
	local size cut
	full
	fails 1 "no volume 'nobody'" berth volume export nobody "$T/x"
	fails 1 "volume 'full' has no snapshot 'never'; see: berth volume info full" berth volume export full@never "$T/x"
	fails 1 "has no snapshot 'never'" berth volume export --since never full "$T/x"
	fails 2 "it is lz4, zstd or none" berth volume export --compress gzip full "$T/x"
	fails 1 "volume 'full' is in pool 'p-dir' of driver dir, which has no blocks" berth volume export --blocks full "$T/x"
	[[ ! -e $T/x ]]
	berth volume export full "$T/full.berth"
	fails 1 "exists already; --force replaces it" berth volume export full "$T/full.berth"
	fails 1 "its name is taken, .*volume 'full' exists already" berth volume import "$T/full.berth"
	fails 1 "there is no pool 'nowhere'" berth volume import --pool nowhere "$T/full.berth" x
	fails 2 "'X' " berth volume import "$T/full.berth" X
	# The verb of the other kind of stream.
	fails 1 "it has a volume for data, and no machine: berth volume import makes a volume of it" \
		berth import --pool p-dir "$T/full.berth" x
	berth export a "$T/a.berth"
	fails 1 "it has a machine, and no volume for data alone: berth import makes a machine of it" \
		berth volume import --pool p-dir "$T/a.berth" x
	size=$(stat -c %s "$T/full.berth")
	for cut in 20 200 1500 $((size / 2)) $((size - 70)) $((size - 1)); do
		head -c "$cut" "$T/full.berth" >"$T/cut"
		fails 1 "stream '.*cut': it is not complete" berth volume import --pool p-dir "$T/cut" x
	done
	{ cat "$T/full.berth"; echo; } >"$T/longer"
	fails 1 "stands behind its end" berth volume import --pool p-dir "$T/longer" x
	nothing_new
	rm "$T"/{full,a}.berth
}

case_flipped() {
	local flips=${STREAM_FLIPS:-12}
	fresh disk
	berth volume attach a disk /srv
	in_m a 'echo one >/srv/one; dd if=/dev/urandom of=/srv/large bs=1k count=200 2>/dev/null'
	berth volume detach a disk
	berth volume snapshot disk f1
	berth volume export --compress none disk "$T/flip-none"
	berth volume export --snapshots disk@f1 "$T/flip-lz4"
	same "damaged streams that were refused" "$flips" "$("$top/tests/integration/stream_flips.py" "$flips" 1 "$T" \
		"$T"/flip-{lz4,none} -- volume import --pool p-dir @ x)"
	nothing_new
	rm "$T"/flip-*
}

# A volume in use is exported as it is at one moment, and its machine goes on.
case_running() {
	local one two file
	fresh disk
	berth volume attach a disk /srv
	# shellcheck disable=SC2016 # in the machine
	berth exec a -- sh -c 'i=0; while :; do i=$((i+1)); echo $i >/srv/new; mv /srv/new /srv/one; echo $i >/srv/new; mv /srv/new /srv/two; done' &
	local writer=$!
	retry 20 in_m a 'test -s /srv/two'
	berth volume export --freeze disk "$T/moment.berth"
	berth volume export disk - | cat >"$T/moment-2.berth"
	state_is a running
	kill "$writer"
	wait "$writer" || true
	for file in moment moment-2; do
		berth volume import --pool p-dir "$T/$file.berth" x
		one=$(cat "$(data_of x)/one") two=$(cat "$(data_of x)/two")
		((one == two || one == two + 1)) || fault "one has $one and two has $two"
		berth volume delete x
	done
	berth volume detach a disk
	# A pool that has to copy holds the machine still; one without a machine is read where it is.
	berth volume create --pool p-dir slow
	berth volume attach a slow /slow
	in_m a 'echo slow >/slow/file'
	berth volume export slow "$T/slow.berth"
	state_is a running
	berth volume detach a slow
	berth volume delete slow
	berth volume import --pool "p-$fast" "$T/slow.berth"
	berth volume attach a slow /slow
	same "its file" slow "$(in_m a 'cat /slow/file')"
	berth volume detach a slow
	berth volume delete slow
	rm "$T"/{moment,moment-2,slow}.berth
	silent "a volume in the making" find "$BERTH_ROOT/run" -path '*/partial/*' -type f
}

# increments_into DRIVER: the base, then what builds on it.
increments_into() {
	fails 1 "no volume 'disk'" berth volume import "$T/step.berth"
	same "its name" disk "$(berth volume import --pool "p-$1" "$T/base.berth")"
	same "a snapshot of it" s1 "$(snapshots disk)"
	same "its name" disk "$(berth volume import "$T/step.berth")"
	same snapshots "s1 s2" "$(snapshots disk)"
	fails 1 "volume 'disk' has a snapshot 's2' already" berth volume import "$T/step.berth"
	listed disk | diff "$T/was" -
	fails 1 "the data of volume 'disk' would give way" berth volume import --pool p-dir "$T/root.berth"
	berth volume attach a disk /srv
	fails 1 "machine 'a' runs with volume 'disk', and the stream has new data for it" \
		berth volume import --force "$T/root.berth"
	berth volume detach a disk
	listed disk | diff "$T/was" -
	berth volume import --force "$T/root.berth"
	listed disk | diff "$T/now" -
	berth volume restore disk s1
	listed disk | diff "$T/was" -
	berth volume restore disk s2
	listed disk | diff "$T/now" -
	berth volume delete disk
}

case_increments() {
	local from to
	for from in "$fast" dir; do
		! there disk || berth volume delete disk
		berth volume create --pool "p-$from" disk
		berth volume attach a disk /srv
		in_m a 'echo 1 >/srv/one; echo gone >/srv/gone; dd if=/dev/urandom of=/srv/large bs=1k count=300 2>/dev/null; sync'
		berth volume snapshot disk s1
		listed disk >"$T/was"
		in_m a 'echo 2 >/srv/two; rm /srv/gone; ln /srv/one /srv/link; sync'
		berth volume snapshot disk s2
		listed disk >"$T/now"
		berth volume export --snapshots disk@s1 "$T/base.berth"
		berth volume export --since s1 disk@s2 "$T/step.berth"
		(($(stat -c %s "$T/step.berth") < $(stat -c %s "$T/base.berth") / 2)) || fault "the increment is large"
		berth volume export --since s1 disk "$T/root.berth"
		berth volume detach a disk
		berth volume delete disk
		for to in "$fast" dir; do
			increments_into "$to"
		done
		rm "$T"/{base,step,root}.berth
	done
}

case_wrong_base() {
	fresh disk
	berth volume snapshot disk s1
	berth volume export disk@s1 "$T/root.berth"
	berth volume snapshot disk s2
	berth volume export --since s1 disk@s2 "$T/step.berth"
	berth volume create --pool p-dir other
	fails 1 "an increment of another volume than 'other' here" berth volume import "$T/step.berth" other
	berth volume delete disk other
	berth volume import --pool p-dir "$T/root.berth"
	fails 1 "it builds on snapshot 's1', which volume 'disk' has not; .* berth volume export --snapshots" \
		berth volume import "$T/step.berth"
	berth volume snapshot disk s1
	fails 1 "it builds on a snapshot 's1' with other contents than that of volume 'disk' has" \
		berth volume import "$T/step.berth"
	same snapshots s1 "$(snapshots disk)"
	berth volume delete disk
	rm "$T"/{root,step}.berth
}

# A limit stays one where the pool can hold it, and is told where it cannot.
case_limit() {
	local quota=()
	# Driver dir has limits only where the file system has project quotas.
	[[ $fast != dir ]] || return 0
	[[ $fast != btrfs ]] || quota=(--set quota=yes)
	berth pool create limited --driver "$fast" "${quota[@]}"
	berth volume create --pool limited --size 64M sized
	berth volume export sized "$T/sized.berth"
	berth volume import --pool limited "$T/sized.berth" x
	same size "$(berth volume info --json sized | jq .size)" "$(berth volume info --json x | jq .size)"
	berth volume delete x
	if berth volume create --pool p-dir --size 64M probe 2>/dev/null; then
		berth volume delete probe
	else
		berth volume import --pool p-dir "$T/sized.berth" x 2>"$T/err"
		has "volume 'x' has no limit here, where it was 64.0 MiB: pool 'p-dir' has no limits" "$(cat "$T/err")"
		berth volume delete x
	fi
	berth volume delete sized
	rm "$T/sized.berth"
	retry 30 berth pool delete limited
}

# A killed command leaves nothing, and the next one is right.
case_killed() {
	local point
	fresh disk
	berth volume snapshot disk s1
	BERTH_FAULT=travel-moment:1 not_kindly berth volume export disk "$T/points.berth"
	[[ ! -e $T/points.berth ]]
	berth volume export --snapshots disk "$T/points.berth"
	for point in $(points berth volume import --pool p-dir "$T/points.berth" x); do
		! there x || berth volume delete x
		BERTH_FAULT=$point not_kindly berth volume import --pool p-dir "$T/points.berth" x
		berth volume create --pool p-dir other
		berth volume delete other
		if there x; then
			same snapshots s1 "$(snapshots x)"
			berth volume delete x
		fi
		nothing_new
	done
	berth volume import --pool p-dir "$T/points.berth" x
	berth volume snapshot disk s2
	berth volume export --since s1 disk "$T/more.berth"
	berth volume delete x
	rm "$T/points.berth" "$T/more.berth"
}

run_cases "$@"
