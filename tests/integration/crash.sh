#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Death at any moment: of the keeper, of the command, of both. The next command finds the truth,
# cleans up and works.
# The search for leaks at a process's end waits for ever if its helper is killed, as everything may be here.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
needs_faults="case_stop_while_a_clean_up_lasts case_clean_up_killed_while_it_is_waited_for"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

rounds=${ROUNDS:-25}

set_up() {
	busybox_template bb
	berth launch --wait bb m
	# The inventory of the host while the machine is stopped.
	berth stop m
	what_there_is | grep -v '^process' >"$T/stopped"
}

nothing_more_than_stopped() {
	what_there_is | grep -v '^process' >"$T/now"
	diff "$T/stopped" "$T/now" >&2
}

keeper_of() {
	pgrep -f "^berth-keeper $1\$"
}

no_process_of_it() {
	not keeper_of m && not pgrep -x guest-init
}

random_seconds() {
	# A random time up to $1 milliseconds.
	printf '0.%03d' $((RANDOM % $1))
}

case_keeper_killed() {
	local keeper init
	berth start --wait m
	keeper=$(keeper_of m)
	init=$(field m init)
	kill -KILL "$keeper"
	retry 20 not test -e "/proc/$init/root/bin"
	retry 20 state_is m failed
	berth start --wait m
	berth exec m true
	berth stop m
	nothing_more_than_stopped
}

case_keeper_killed_then_each_verb() {
	local verb
	for verb in "stop m" "info m" "list" "start --wait m" "restart m" "clone m copy" "snapshot m s" \
		"logs m" "stop --force m"; do
		berth start --wait m
		kill -KILL "$(keeper_of m)"
		# shellcheck disable=SC2086 # words
		berth $verb
		berth start --wait m
		berth exec m true
	done
	berth delete copy
	berth snapshot delete m s
	berth stop m
	nothing_more_than_stopped
}

case_init_killed() {
	berth start --wait m
	kill -KILL "$(field m init)"
	retry 20 state_is m failed
	berth start --wait m
	berth stop m
	nothing_more_than_stopped
}

case_start_killed_at_any_moment() {
	local n pid
	for ((n = 0; n < rounds; n++)); do
		berth start m &
		pid=$!
		sleep "$(random_seconds 40)"
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" || true
		berth start --wait m
		berth exec m true
		berth stop --force m
	done
	retry 20 no_process_of_it
	nothing_more_than_stopped
}

case_stop_killed_at_any_moment() {
	local n pid
	for ((n = 0; n < rounds; n++)); do
		berth start m
		berth stop m &
		pid=$!
		sleep "$(random_seconds 60)"
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" || true
		berth stop m
		same state stopped "$(field m state)"
	done
	nothing_more_than_stopped
}

finish_of_m() {
	pgrep -f -- "--root $BERTH_ROOT _finish m "
}

clean_up_is_stopped() {
	grep -q '^State:.*T' "/proc/$(finish_of_m)/status"
}

# A machine whose run is gone is stopped, also while the clean-up's last step has its lock.
case_stop_while_a_clean_up_lasts() {
	berth start m
	berth stop --force m
	BERTH_FAULT=finish-cleaned BERTH_FAULT_SIGNAL=19 berth start m
	berth stop --force m
	retry 10 clean_up_is_stopped
	berth stop --force m
	same state stopped "$(field m state)"
	kill -CONT "$(finish_of_m)"
	retry 10 not finish_of_m
	berth start --wait m
	berth stop m
}

# A deletion that waits for a clean-up does it itself if keeper and clean-up are killed meanwhile.
case_clean_up_killed_while_it_is_waited_for() {
	local pid
	takes_long() {
		grep -q "clean-up: it takes long" "$BERTH_ROOT/lib/machines/c/keeper.log"
	}
	berth create bb c
	BERTH_FAULT=finish-begun BERTH_FAULT_SIGNAL=19 berth start c
	berth delete --force c &
	pid=$!
	retry 30 takes_long
	kill -KILL "$(keeper_of c)"
	pgrep -f -- "--root $BERTH_ROOT _finish c " | xargs -r kill -KILL || true
	wait "$pid"
	not test -e "$BERTH_ROOT/run/machines/c"
	nothing_more_than_stopped
}

case_keeper_killed_during_a_start() {
	local n pid
	for ((n = 0; n < rounds; n++)); do
		berth start m &
		pid=$!
		sleep "$(random_seconds 40)"
		keeper_of m | xargs -r kill -KILL || true
		if ((n % 2)); then
			kill -KILL "$pid" 2>/dev/null || true
		fi
		wait "$pid" || true
		berth start --wait m
		berth exec m true
		berth stop --force m
	done
	retry 20 no_process_of_it
	nothing_more_than_stopped
}

case_create_and_delete_killed() {
	local n pid
	for ((n = 0; n < rounds; n++)); do
		berth create bb other &
		pid=$!
		sleep "$(random_seconds 30)"
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" || true
		# The machine is there whole, or not at all.
		if berth info other >/dev/null 2>&1; then
			berth start --wait other
		else
			berth create bb other
		fi
		berth delete --force other &
		pid=$!
		sleep "$(random_seconds 30)"
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" || true
		if berth info other >/dev/null 2>&1; then
			berth delete --force other
		fi
		fails 1 "no machine 'other'" berth info other
	done
	nothing_more_than_stopped
}

case_clone_and_snapshot_killed() {
	local n pid
	for ((n = 0; n < rounds; n++)); do
		berth clone m other &
		pid=$!
		sleep "$(random_seconds 30)"
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" || true
		berth delete --force other 2>/dev/null || true
		berth snapshot m s &
		pid=$!
		sleep "$(random_seconds 20)"
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" || true
		berth snapshot delete m s 2>/dev/null || true
	done
	same snapshots 0 "$(field m snapshots)"
	same machines 1 "$(berth list --json | grep -c '"name"')"
	nothing_more_than_stopped
}

run_cases "$@"
