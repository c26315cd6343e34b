#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A thin pool whose manager is killed: at every named point of every change, one opening of the pool
# later nothing is lost, stuck or leaked, and the change has happened or has not.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

case_killed_at_points() {
	modprobe -a loop dm-thin-pool
	"$BUILD_TREE/thin_faults" points
}

# Every call takes a quarter of an hour without KVM; so but each PROOF_CALLS-th by default, and fewer of those that
# are not made of a clone and a delete.
case_killed_at_calls() {
	local every=${PROOF_CALLS:-16}
	"$BUILD_TREE/thin_faults" calls "$every" clone delete
	"$BUILD_TREE/thin_faults" calls "${PROOF_OTHER_CALLS:-$((every * 3))}" \
		create restore rename import start stop attach grow join resize check trim repair
}

run_cases
