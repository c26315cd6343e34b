#!/usr/bin/env bash
# A thin pool whose manager is killed: at every named point of every change, one opening of the pool
# later nothing is lost, stuck or leaked, and the change has happened or has not.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

case_killed_at_points() {
	modprobe -a loop dm-thin-pool
	"$BUILD_TREE/thin_faults" points
}

# Every call takes a quarter of an hour without KVM; so but each PROOF_CALLS-th by default.
case_killed_at_calls() {
	"$BUILD_TREE/thin_faults" calls "${PROOF_CALLS:-16}"
}

run_cases
