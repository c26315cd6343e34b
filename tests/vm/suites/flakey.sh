#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A disk that fails, or says that it has written what it has not: at some moment of some change. Either the
# change is refused in words, or what it acknowledged is there after a reboot; and the pool comes back.
export TEST_SECONDS=${TEST_SECONDS:-3000}
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../../lib.sh"

size=262144 # sectors
instants=${PROOF_INSTANTS:-3}

# extents WHICH: "START LENGTH" of the pool's metadata or data, by its label.
extents() {
	head -c 4096 /dev/mapper/shaky | tr -d '\0' | sed -n "s/^$1 \([0-9]*\)+\([0-9]*\).*/\1 \2/p"
}

# shake LINE...: what the disk is from now on.
shake() {
	printf '%s\n' "$@" | dmsetup reload shaky
	dmsetup suspend --nolockfs --noflush shaky
	dmsetup resume --noudevsync shaky
}

sound() {
	shake "0 $size linear $disk 0"
}

# Writes of the metadata fail, or are swallowed; or reads and writes of the data fail.
shaken() {
	local start length what=$1
	read -r start length < <(extents "${2:-metadata}")
	shake "0 $start linear $disk 0" \
		"$start $length ${what//@/$disk $start}" \
		"$((start + length)) $((size - start - length)) linear $disk $((start + length))"
}

# change N: one of those that a pool knows, on machines that are there or not.
change() {
	case $(($1 % 4)) in
	0) berth create --pool p --set network= bb new ;;
	1) berth clone base new ;;
	2) berth delete old ;;
	3) berth snapshot base "s$1" ;;
	esac
}

# done_by N: whether the change has happened.
done_by() {
	case $(($1 % 4)) in
	0 | 1) berth start new && berth stop --force new && berth exec base true ;;
	2) not berth info old 2>/dev/null ;;
	3) berth clone --snapshot "s$1" base check && berth delete check ;;
	esac
}

new_pool() {
	disk=$(readlink -f /dev/disk/by-id/virtio-scratch1)
	blkdiscard -f "$disk"
	dmsetup create --noudevsync shaky --table "0 $size linear $disk 0"
	retry 10 test -b /dev/mapper/shaky
	modprobe -a loop dm-thin-pool dm-flakey
	berth pool create --device /dev/mapper/shaky p
	busybox_template bb p
	berth create --pool p --set network= bb base
	berth create --pool p --set network= bb old
	berth start --wait base
	berth exec base -- sh -c 'echo kept >/kept; sync'
}

old_pool() {
	berth stop --all --force
	sound
	berth pool delete --force p
	berth template delete bb 2>/dev/null || true
	dmsetup remove --noudevsync --retry shaky
	rm -rf "${BERTH_ROOT:?}"/lib/machines/* "${BERTH_ROOT:?}"/lib/templates/*
}

# fault N HOW: the change meets the fault; then the host reboots with a disk that works again.
meet() {
	local status=0 text n=$1
	new_pool
	if [[ -n ${3-} ]]; then
		shaken "$2" "$3"
	else
		shaken "$2"
	fi
	text=$(change "$n" 2>&1) || status=$?
	echo "instant $n: status $status: ${text:-says nothing}"
	if [[ $status -ne 0 ]]; then
		has "^berth: .*(pool|disk|metadata|transaction|error)" "$text"
	fi
	# The next one knows as well, and says what to do; it is no success either.
	berth stop --all --force || true
	berth pool detach p || true
	sound
	acknowledged=$status
}

# The pool is usable at once, or after the check that the refusal names.
comes_back() {
	local n=$1 refused=0 text
	text=$(berth clone base other 2>&1) || refused=1
	if [[ $refused -eq 1 ]]; then
		echo "refused: $text"
		has "berth pool (check|repair|detach) p" "$text"
		berth pool detach p || true
		berth pool repair p | tee "$T/report"
		berth pool check p
		# A disk that lost what it said it had written may have hit anybody's blocks: that is told then.
		if grep -E "volume 'machine.base'.*(errors|could not be checked)" "$T/report"; then
			return
		fi
		berth clone base other
	fi
	same "what was there before" kept "$(berth start other && berth exec other cat /kept)"
	# No acknowledged change is missing without a report.
	if [[ $acknowledged -eq 0 && $refused -eq 0 ]]; then
		done_by "$n"
	fi
}

case_metadata_writes_fail() {
	local n
	for ((n = 0; n < 4 * instants; n++)); do
		meet "$n" "flakey @ 0 60 1 error_writes"
		not [ "$acknowledged" -eq 0 ]
		comes_back "$n"
		old_pool
	done
}

case_metadata_writes_are_swallowed() {
	local n
	for ((n = 0; n < 4 * instants; n++)); do
		meet "$n" "flakey @ 0 60 1 drop_writes"
		comes_back "$n"
		old_pool
	done
}

case_the_disk_is_gone() {
	local n
	for ((n = 0; n < 4; n++)); do
		meet "$n" error
		not [ "$acknowledged" -eq 0 ]
		comes_back "$n"
		old_pool
	done
}

# The tests can fail: without a look at the pool's state afterwards, a clone is told of that is not there.
# The origin is not in use, because to suspend one in use would fail.
case_without_reading_back() {
	new_pool
	shaken "flakey @ 0 60 1 error_writes"
	BERTH_CONTROL=no-readback "$BUILD_TREE/powercut" clone "$BERTH_ROOT" machine.old machine.new
	berth stop --all --force || true
	berth pool detach p || true
	sound
	not "$BUILD_TREE/powercut" clone "$BERTH_ROOT" machine.new machine.other
	# The clone that was reported does not exist: pool and catalogue are of different times.
	berth pool check p
	old_pool
}

run_cases
