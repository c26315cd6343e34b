#!/usr/bin/env bash
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"
case_repair_points() {
	modprobe -a loop dm-thin-pool
	"$BUILD_TREE/thin_faults" points repair
}
run_cases
