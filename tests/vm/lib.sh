# SPDX-License-Identifier: GPL-2.0-or-later
# What the suites in the guest stand on: as tests/lib.sh, but the guest is theirs, and thrown away.
# shellcheck shell=bash
set -u -o pipefail

T=$(mktemp -d /var/tmp/suite.XXXXXX)

# shellcheck source=tests/cases.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cases.sh"

# run_unit PROGRAM: one that ends in suite_run(). What it skips is told as a case of its own.
run_unit() {
	local status=0 name=${1##*/} why log
	name=${name#test_}
	log=$T/unit-$name.log
	(cd "$BUILD_TREE" && timeout -k 5 600 "$1") >"$log" 2>&1 || status=$?
	sed -n 's/^skip: //p' "$log" >"$T/skipped"
	while read -r why; do
		echo "skip $name: $why"
	done <"$T/skipped"
	grep -v '^skip: ' "$log"
	return "$status"
}

# no_device_is_left: of berth's.
no_device_is_left() {
	local all
	all=$(dmsetup ls) || return
	[[ $all != *berth-* ]] || fault "devices are left: $all"
}

# side_by_side FUNCTION NAME...: as many at once as there are processors, each told as a whole.
side_by_side() {
	local function=$1 name running=0 failed=0
	shift
	for name; do
		if ((running == $(nproc))); then
			wait -n || failed=1
			((running--))
		fi
		(
			status=0
			"$function" "$name" >"$T/side-$name.log" 2>&1 || status=$?
			flock "$T/told" cat "$T/side-$name.log"
			exit "$status"
		) &
		((running++)) || true
	done
	while ((running-- > 0)); do
		wait -n || failed=1
	done
	return "$failed"
}

# All case_* functions in the order in which they stand in the script.
run_cases() {
	local case
	failures=0
	# shellcheck disable=SC2013 # names without blanks
	for case in $(cases); do
		run_case "$case"
	done
	[[ $failures -eq 0 ]]
	exit
}

# run_integration NAME[:CASE,...]...: tests of tests/integration, their cases told as "NAME/CASE"; instead of these, the
# ones of PROOF_TESTS. For the exit. What one says can be read outside while it runs, in integration-NAME.log.
run_integration() {
	# shellcheck disable=SC2086 # a list of words
	side_by_side one_integration ${PROOF_TESTS:-"$@"}
}

one_integration() {
	local name=${1%%:*} cases=${1#*:} words=() log status=0
	log=$VM_OUT/integration-$name.log
	[[ $1 == "$name" ]] || read -r -a words <<<"case_${cases//,/ case_}"
	TEST_SECONDS=${TEST_SECONDS:-600} PROOF_CASES='' "tests/integration/$name.sh" "${words[@]}" >"$log" 2>&1 </dev/null || status=$?
	sed -E "s|^(ok\|not ok\|skip) |&$name/|" "$log"
	[[ $status -ne 0 && $status -ne 77 ]] || return 0
	grep -q '^not ok ' "$log" || echo "not ok $name: ended with $status"
	return 1
}
