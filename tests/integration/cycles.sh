#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Launch, exec, delete, many times: nothing is left, counted before and after.
# CYCLES=200 tests/run integration cycles, for the long run.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

cycles=${CYCLES:-30}

count_all() {
	what_there_is
	find "$BERTH_ROOT" | sort
	echo "namespaces $(readlink /proc/[0-9]*/ns/* 2>/dev/null | sort -u | wc -l)"
	echo "our own descriptors $(find /proc/1/fd -mindepth 1 | wc -l)"
	# Locks of open files, which belong to no process, are visible in every namespace.
	echo "locks $(grep -vc ' -1 ' /proc/locks)"
}

set_up() {
	busybox_template bb
	berth launch --wait bb m
	berth exec m true
	berth delete --force m
	sync -f "$BERTH_ROOT"
	# The keeper reports the end before it ends itself, and must not be counted.
	retry 30 no_keeper
	retry 30 no_copying_is_left
	count_all >"$T/first"
}

no_keeper() {
	not pgrep -x berth-keeper
}

# A process that has done its work may still be on its way out.
as_at_first() {
	count_all >"$T/last"
	diff "$T/first" "$T/last"
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
