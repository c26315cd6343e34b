#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Snapshots that are taken and deleted by the keys snapshots.schedule and snapshots.keep.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

export TZ=UTC0

set_up() {
	busybox_template bb
}

# machine NAME SCHEDULE [KEEP]: a new machine with that policy.
machine() {
	berth create --set network= --set snapshots.schedule="$2" ${3:+--set snapshots.keep="$3"} bb "$1"
}

names() {
	berth snapshot list --json "$1" | jq -r '[.[].name] | join(" ")'
}

scheduled() {
	berth snapshot scheduled --now "$@"
}

case_taken_when_due() {
	machine a daily
	same "the first" "a: snapshot auto-20260110-080000 taken" "$(scheduled 20260110-080000)"
	silent "the same day" scheduled 20260110-235959
	same "the next day" "a: snapshot auto-20260111-000001 taken" "$(scheduled 20260111-000001 a)"
	same "all" "auto-20260110-080000 auto-20260111-000001" "$(names a)"
	berth delete a
}

case_other_snapshots_stay() {
	machine a "every 15m" "last 2"
	berth snapshot a mine
	berth snapshot a synced-0a1b2c3d-20200101-000000
	scheduled 20260110-080000
	berth snapshot rename a auto-20260110-080000 before
	scheduled 20260110-081500
	scheduled 20260110-083000
	has "auto-20260110-081500 deleted" "$(scheduled 20260110-084500)"
	same "all" "auto-20260110-083000 auto-20260110-084500 before mine synced-0a1b2c3d-20200101-000000" \
		"$(names a | tr ' ' '\n' | sort | xargs)"
	fails 2 "would be an automatic one" berth snapshot a auto-20260110-090000
	fails 2 "would be an automatic one" berth snapshot rename a mine auto-20260110-090000
	berth delete a
}

case_without_a_policy() {
	machine a ""
	machine b hourly
	has "^b: " "$(scheduled 20260110-080000)"
	same "of a" "[]" "$(berth snapshot list --json a | tr -d "[:space:]")"
	# Without a schedule nothing is deleted either.
	berth unset b snapshots.schedule
	berth set b "snapshots.keep=last 1"
	silent "a policy without a schedule" scheduled 20300110-080000
	same "of b" auto-20260110-080000 "$(names b)"
	berth delete a b
}

# A clock that was wrong for a while neither stops the policy nor empties the machine.
case_clock_goes_back() {
	machine a hourly "hourly 3"
	scheduled 20360110-080000
	same "in the past" "a: snapshot auto-20260110-080000 taken" "$(scheduled 20260110-080000)"
	silent "again" scheduled 20260110-081000
	scheduled 20260110-090000
	same "all" "auto-20260110-080000 auto-20260110-090000 auto-20360110-080000" "$(names a | tr ' ' '\n' | sort | xargs)"
	berth delete a
}

case_dry_run() {
	machine a hourly "last 1"
	scheduled 20260110-080000
	same "what would be done" $'a: snapshot auto-20260110-090000 would be taken\na: snapshot auto-20260110-080000 would be deleted' \
		"$(scheduled 20260110-090000 -n)"
	same "as JSON" "taken deleted" "$(scheduled 20260110-090000 -n --json a | jq -r '[.[].done] | join(" ")')"
	same "all" auto-20260110-080000 "$(names a)"
	fails 2 "use a time in UTC" berth snapshot scheduled --now tomorrow
	fails 2 "use a time in UTC" berth snapshot scheduled --now 20260230-000000
	berth delete a
}

# One machine that fails is told, and does not stop the others.
case_one_fails() {
	machine a hourly
	machine b hourly
	echo nonsense >>"$BERTH_ROOT/lib/machines/a/machine.conf"
	fails 1 "machine.conf" berth snapshot scheduled --now 20260110-080000
	same "of b" auto-20260110-080000 "$(names b)"
	sed -i '/nonsense/d' "$BERTH_ROOT/lib/machines/a/machine.conf"
	fails 1 "no machine 'c'" berth snapshot scheduled --now 20260110-080000 c
	berth delete a b
}

# Commands at once take one snapshot.
case_at_once() {
	local i pids=()
	machine a hourly
	for i in 1 2 3 4; do
		scheduled 20260110-080000 >>"$T/said" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	same "said" "a: snapshot auto-20260110-080000 taken" "$(cat "$T/said")"
	same "all" auto-20260110-080000 "$(names a)"
	berth delete a
}

# has_open PID NAME: whether the process has that file open.
has_open() {
	readlink /proc/"$1"/fd/* 2>/dev/null | grep -q "/$2\$"
}

# By an earlier time, a snapshot that another command took meanwhile would lie in the future.
case_clock_is_read_after_the_wait() {
	local lock pid released
	machine a daily
	exec {lock}>"$BERTH_ROOT/run/locks/snapshots-by-policy"
	flock "$lock"
	berth snapshot scheduled >"$T/waited" {lock}>&- &
	pid=$!
	retry 10 has_open "$pid" snapshots-by-policy
	another_second
	released=$(date -u +%Y%m%d-%H%M%S)
	exec {lock}>&-
	wait "$pid"
	[[ $(names a) > "auto-$released" || $(names a) == "auto-$released" ]]
	berth delete a
}

case_template() {
	berth template set bb default.snapshots.schedule=weekly "default.snapshots.keep=weekly 2"
	berth create --set network= bb a
	same "the schedule" weekly "$(berth get a snapshots.schedule)"
	same "what is kept" "weekly 2" "$(berth get a snapshots.keep)"
	berth template unset bb default.snapshots.schedule default.snapshots.keep
	berth delete a
}

# Of two months of hours, what the words say stays, and what each snapshot kept is what was there then.
case_two_months() {
	local now end
	machine a "every 6h" "hourly 2, daily 3, weekly 2, monthly 3"
	now=$(date -ud 2026-01-20 +%s)
	end=$(date -ud "2026-03-05 18:00" +%s)
	for ((; now <= end; now += 43200)); do
		scheduled "$(date -ud "@$now" +%Y%m%d-%H%M%S)" >/dev/null
	done
	same "what stays" "auto-20260131-120000 auto-20260228-120000 auto-20260301-120000 auto-20260303-120000 auto-20260304-120000 auto-20260305-000000 auto-20260305-120000" \
		"$(names a | tr ' ' '\n' | sort | xargs)"
	berth delete a
}

run_cases "$@"
