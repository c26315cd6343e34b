#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A thin pool whose manager is killed: at every named point of every change, one opening of the pool
# later nothing is lost, stuck or leaked, and the change has happened or has not. PROOF_OPERATIONS: the changes, by the
# beginnings of their names.
# seconds: 3600
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

case_killed_at_points() {
	modprobe -a loop dm-thin-pool
	# shellcheck disable=SC2086 # a list of words
	"$BUILD_TREE/thin_faults" points ${PROOF_OPERATIONS-}
}

# A large volume is given back while others change the pool.
case_others_go_on() {
	modprobe -a loop dm-thin-pool
	"$BUILD_TREE/thin_faults" others
}

# Each kill takes some three seconds without KVM, and all of the calls are thousands: so but each PROOF_CALLS-th of a
# clone and a delete by default, and each PROOF_OTHER_CALLS-th of the others.
case_killed_at_calls() {
	local every=${PROOF_CALLS:-16}
	"$BUILD_TREE/thin_faults" calls "$every" clone delete
	"$BUILD_TREE/thin_faults" calls "${PROOF_OTHER_CALLS:-96}" \
		create large restore rename import start stop attach grow join resize check trim repair
}

run_cases
