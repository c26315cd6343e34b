#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Machines made, used and thrown away, one after the other and several at once: nothing is left of them.
export TEST_SECONDS=${TEST_SECONDS:-3000}
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../../lib.sh"

rounds=${PROOF_CHURN:-12} at_once=3

# count_things: prints counts of objects that grow on a host if a command forgets one.
count_things() {
	retry 30 no_copying_is_left
	dmsetup ls | grep -c "berth-$(tag_of "$BERTH_ROOT")" | sed 's/^/devices /'
	what_there_is
	find /proc/[0-9]*/fd -lname "$BERTH_ROOT*" 2>/dev/null | wc -l | sed 's/^/descriptors /'
	ipcs -s | wc -l | sed 's/^/semaphores /'
	find "$BERTH_ROOT" -path '*/locks/*' -o -path '*/run/events*' -o -type f -print | sort
}

# blocks: of the pool's data.
blocks() {
	dmsetup status "$(dmsetup ls | awk -v tag="^berth-$(tag_of "$BERTH_ROOT")[.].*[.]pool$" '$1 ~ tag { print $1 }')" |
		awk '{ split($6, used, "/"); print used[1] }'
}

live() {
	local name=$1
	berth create --pool p bb "$name"
	berth clone "$name" "$name-clone"
	berth start --wait "$name-clone"
	berth exec "$name-clone" -- sh -c 'echo something >/file; sync'
	berth snapshot "$name-clone" before
	berth stop "$name-clone"
	berth delete "$name-clone" "$name"
}

case_churn() {
	local i j began=$SECONDS
	modprobe -a loop dm-thin-pool
	berth pool create --driver thin --size 1G p
	busybox_template bb p
	# The first machine makes objects that stay: the network, locks, those of the pool.
	live m0
	count_things >"$T/first"
	local had
	had=$(blocks)
	for ((i = 1; i <= rounds; i++)); do
		for ((j = 1; j <= at_once; j++)); do
			live "m$i-$j" &
		done
		for ((j = 1; j <= at_once; j++)); do
			wait -n
		done
	done
	count_things >"$T/last"
	diff "$T/first" "$T/last"
	same "the pool's blocks" "$had" "$(blocks)"
	same "a sound pool" "catalogue and pool agree" "$(berth pool check p)"
	echo "$((2 * rounds * at_once)) machines in $((SECONDS - began)) s, $had blocks before and after"
}

run_cases
