#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Paused machines, and machines of a single command.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

set_up() {
	busybox_template bb
}

# paused: machine m is paused; a process in it counts.
paused() {
	up m
	berth exec m -- test -s /tmp/beat ||
		berth exec m -- sh -c '(n=0; while :; do n=$((n + 1)); echo $n >/tmp/beat; done) >/dev/null 2>&1 &'
	retry 10 berth exec m -- test -s /tmp/beat
	berth pause m
}

case_pause_holds_still() {
	paused
	same state paused "$(field m state)"
	local group
	group=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)$(field m cgroup)
	retry 10 grep -q 'frozen 1' "$group/cgroup.events"
}

case_what_a_paused_machine_refuses() {
	state_is m paused || paused
	fails 125 "machine 'm' is paused; resume it with: berth resume m" berth exec m -- true
	fails 1 "machine 'm' is paused; stop it first, or delete it with --force" berth delete m
	berth pause m 2>"$T/said"
	has "is paused already" "$(cat "$T/said")"
	berth start m 2>"$T/said"
	has "is paused; let it go on with: berth resume m" "$(cat "$T/said")"
	same state paused "$(field m state)"
}

# A file that is being written at that moment is empty.
beats_since() {
	local now
	now=$(berth exec m -- cat /tmp/beat) && [[ -n $now && $now != "$1" ]]
}

case_resume() {
	local before
	state_is m paused || paused
	berth resume m
	same state running "$(field m state)"
	before=$(berth exec m -- cat /tmp/beat)
	retry 10 beats_since "$before"
	berth resume m 2>"$T/said"
	has "is not paused" "$(cat "$T/said")"
}

# A paused guest gets no signal, so a stop resumes it, and it halts by itself.
case_stop_wakes() {
	up m
	berth pause m
	berth stop m 2>"$T/said"
	same state stopped "$(field m state)"
	has "powered off" "$(field m ended)"
	fails 1 "machine 'm' is not running; start it with: berth start m" berth pause m
}

case_delete_paused() {
	up m
	berth pause m
	berth delete --force m
	not berth info m 2>/dev/null
}

case_run() {
	gone m
	same "what it says" hello "$(berth run bb -- echo hello 2>/dev/null)"
	same "what it is fed" "fed" "$(echo fed | berth run bb -- cat 2>/dev/null)"
	local code=0
	berth run bb -- sh -c 'exit 7' || code=$?
	same "its code" 7 "$code"
	code=0
	berth run bb -- sh -c 'kill -9 $$' || code=$?
	same "its signal" 137 "$code"
	fails 127 "the machine has no program 'nosuch'" berth run bb -- nosuch
	fails 125 "there is no template 'nosuch'" berth run nosuch -- true
	same "machines left" "[]" "$(berth list --json | tr -d ' \n')"
}

# The command gets SIGINT, as from a terminal, and the machine is deleted.
case_run_interrupted() {
	gone m
	rm -f "$T/said"
	berth run bb -- sh -c 'echo up; exec sleep 1000' >"$T/said" &
	local run=$!
	retry 30 grep -q up "$T/said"
	kill -TERM "$run"
	wait "$run" || true
	retry 20 bash -c '[[ $(berth list --json | tr -d " \n") == "[]" ]]'
}

# The keeper is killed and cannot delete the machine, which is shown as failed until it is deleted by hand.
case_ephemeral_whose_keeper_is_killed() {
	gone m
	berth launch --ephemeral --wait bb e
	kill -KILL "$(field e keeper)"
	retry 20 state_is e failed
	has "^e +failed" "$(berth list)"
	berth delete --force e
	fails 1 "no machine 'e'" berth info e
	same "volumes left" 1 "$(berth pool status --json | sed -n 's/^ *"volumes": \([0-9]*\).*/\1/p')"
}

run_cases "$@"
