#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Reset to the template or to a snapshot, with a restart, on every driver of this host.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# The fast driver to test; thin where device-mapper is.
fast=${STORAGE_DRIVER:-btrfs}
drivers="$fast dir"

set_up() {
	local driver
	for driver in $drivers; do
		berth pool create "p-$driver" --driver "$driver"
		busybox_template "bb-$driver" "p-$driver"
		berth create --pool "p-$driver" "bb-$driver" "m-$driver"
		berth start --wait "m-$driver"
		berth exec "m-$driver" -- sh -c 'echo kept >/kept; sync'
		berth snapshot "m-$driver" s
	done
}

# m_up DRIVER: a machine of that driver runs, with a file that the reset removes.
m_up() {
	state_is "m-$1" running || berth start --wait "m-$1"
	berth exec "m-$1" -- sh -c 'echo dirt >/dirt; rm -f /kept; sync'
}

# The settings that a reset keeps.
settings_of() {
	berth info --json "$1" | python3 -c '
import json, sys
info = json.load(sys.stdin)
print(info["name"], info["uuid"], info["network"]["address"], info["network"]["mac"], info["template"])'
	cat "$BERTH_ROOT/lib/machines/$1/machine.conf"
	berth snapshot list --json "$1"
}

case_to_template() {
	local driver m
	for driver in $drivers; do
		m=m-$driver
		m_up "$driver"
		settings_of "$m" >"$T/settings"
		berth reset --wait "$m"
		state_is "$m" running
		not berth exec "$m" -- ls /dirt
		not berth exec "$m" -- ls /kept
		settings_of "$m" | diff "$T/settings" -
	done
}

case_to_snapshot() {
	local driver m
	for driver in $drivers; do
		m=m-$driver
		m_up "$driver"
		settings_of "$m" >"$T/settings"
		berth reset --wait --to s "$m"
		not berth exec "$m" -- ls /dirt
		same "what the snapshot kept" kept "$(berth exec "$m" cat /kept)"
		settings_of "$m" | diff "$T/settings" -
	done
}

case_stopped() {
	local driver m
	for driver in $drivers; do
		m=m-$driver
		m_up "$driver"
		berth stop --force "$m"
		berth reset --to s "$m"
		state_is "$m" stopped
		berth start --wait "$m"
		same "what the snapshot kept" kept "$(berth exec "$m" cat /kept)"
	done
}

# The template may be in another pool.
case_other_pool() {
	berth create --pool p-dir --set network= "bb-$fast" far
	berth start --wait far
	berth exec far -- sh -c 'echo dirt >/dirt; sync'
	berth reset --wait far
	not berth exec far -- ls /dirt
	same pool p-dir "$(field far volume.pool)"
	gone far
}

# A reset works even if the machine cannot start.
case_broken_root() {
	m_up "$fast"
	berth exec "m-$fast" -- busybox rm -rf /bin
	berth reset --wait "m-$fast"
	same shell up "$(berth exec "m-$fast" -- sh -c 'echo up')"
}

case_many() {
	m_up "$fast"
	m_up dir
	berth reset --wait 'm-*'
	not berth exec "m-$fast" -- ls /dirt
	not berth exec m-dir -- ls /dirt
}

# The command is refused before anything is changed, and the machine runs on.
case_refused() {
	local init
	busybox_template goes "p-$fast"
	berth create --set network= goes orphan
	berth start --wait orphan
	berth template delete goes
	init=$(field orphan init)
	fails 1 "there is no template 'goes'" berth reset orphan
	fails 1 "has no snapshot 'never'" berth reset --to never orphan
	fails 2 "'X' " berth reset --to X orphan
	berth snapshot orphan clean
	fails 1 "no machine 'never'" berth reset --to clean orphan never
	fails 1 "no machine 'clean', but .*'orphan' has a snapshot of that name: berth reset --to clean orphan" \
		berth reset orphan clean
	same "its init" "$init" "$(field orphan init)"
	gone orphan
	berth launch --ephemeral --set network= "bb-$fast" brief
	fails 1 "is ephemeral" berth reset brief
	state_is brief running
	gone brief
}

# kill -9 of the command at any moment leaves the old root or the new one.
case_killed() {
	local i pid driver m
	for ((i = 0; i < 16; i++)); do
		driver=$fast
		((i % 2)) || driver=dir
		m=m-$driver
		m_up "$driver"
		berth reset "$m" >/dev/null 2>&1 &
		pid=$!
		sleep "$(printf '0.%03d' $((i * 9)))"
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
		retry 20 berth start --wait "$m"
		same "its shell" up "$(berth exec "$m" -- sh -c 'echo up')"
		# The next change removes leftovers of the reset.
		retry 10 berth snapshot "$m" x
		berth snapshot delete "$m" x
		lacks restoring "$(berth pool usage "p-$driver")"
	done
}

# Several that change subvolumes of one file system at once: none waits for the next commit that the kernel makes by itself.
case_many_at_once() {
	berth launch --count 4 --pool "p-$fast" "bb-$fast" many >"$T/out"
	local round
	for round in {1..15}; do
		timeout "$(patience 20)" berth reset 'many-*' >"$T/out" || fault "round $round: $?"
	done
	gone many-1 many-2 many-3 many-4
}

run_cases "$@"
