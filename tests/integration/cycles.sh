#!/usr/bin/env bash
# Launch, exec, delete, many times: nothing is left, counted before and after.
# CYCLES=200 tests/run integration cycles, for the long run.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

cycles=${CYCLES:-30}

count_all() {
	what_there_is
	find "$BERTH_ROOT" | sort
	echo "namespaces $(lsns --noheadings --output NS | wc -l)"
	echo "our own descriptors $(find /proc/1/fd -mindepth 1 | wc -l)"
	echo "locks $(grep -c . /proc/locks)"
	find /sys/fs/cgroup -type d -path "*berth*$(tag_of "$BERTH_ROOT")*"
}

case_one_to_warm_up() {
	busybox_template bb
	berth launch --wait bb m
	berth exec m true
	berth delete --force m
	sync -f "$BERTH_ROOT"
	# It has told of the end before it goes itself, and must not be counted.
	retry 30 no_keeper
	count_all >"$T/first"
}

no_keeper() {
	not pgrep -x berth-keeper
}

# A process that has done its work may still be on its way out. A mount of somebody else's goes here too
# when its folder is removed elsewhere.
as_at_first() {
	count_all >"$T/last"
	! diff "$T/first" "$T/last" | grep -E '^[<>]' | grep -qv '^< mount'
}

nothing_more() {
	retry 30 as_at_first || fault "$(diff "$T/first" "$T/last")"
}

case_many() {
	local n
	for ((n = 0; n < cycles; n++)); do
		berth launch --wait bb m
		same "exec" "$n" "$(berth exec m echo "$n")"
		berth delete --force m
	done
	echo "# $cycles cycles"
	nothing_more
}

case_many_restarts() {
	local n
	berth create bb m
	for ((n = 0; n < cycles; n++)); do
		berth start m
		berth stop m
	done
	berth delete m
	nothing_more
}

run_cases "$@"
