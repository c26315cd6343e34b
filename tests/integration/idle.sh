#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# desktop.idle: a machine that nobody uses is paused or stopped, and each kind of use keeps it from that or wakes it.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

set_up() {
	busybox_template bb
	berth create --set network= --set desktop.idle=pause --set desktop.idle.after=2s bb m
}

is_idle() {
	[[ $(berth info --json "$1" | jq -r '[.state, .idle] | map(tostring) | join(" ")') == "paused true" ]]
}

# stays MACHINE [STATE]: for longer than the time without a use, in which its keeper has looked.
stays() {
	local looks=0
	while ((looks < 30)); do
		state_is "$1" "${2:-running}" || return
		sleep 0.1
		looks=$((looks + 1))
	done
}

case_paused() {
	berth start --wait m
	retry 20 is_idle m
	has "state: +paused, because nobody has used it" "$(berth info m)"
	has " paused-idle " "$(berth list m)"
	same "in the list" true "$(berth list --json m | jq '.[0].idle')"
	same "events" "idle paused" "$(berth events --no-follow --json m | jq -r .event | tail -n 2 | tr '\n' ' ' | sed 's/ $//')"
	# The next use wakes it.
	same "a command" here "$(berth exec m -- echo here)"
	state_is m running
	retry 20 is_idle m
	echo text | berth push - m:/root/file
	state_is m running
	retry 20 is_idle m
	same "a file" text "$(berth pull m:/root/file -)"
	retry 20 is_idle m
	berth resume m
	state_is m running
	berth stop --force m
}

# A pause of the user's is not ended by a use.
case_own_pause() {
	berth start --wait m
	berth pause m
	same "idle" false "$(berth info --json m | jq .idle)"
	fails 125 "machine 'm' is paused; resume it with: berth resume m" berth exec m -- true
	stays m paused
	same "idle" false "$(berth info --json m | jq .idle)"
	berth stop --force m
}

case_uses() {
	local pid
	berth start --wait m
	berth exec m -- sleep 100 &
	pid=$!
	retry 10 berth exec m -- pidof sleep >/dev/null
	stays m
	kill "$pid"
	wait "$pid" || true
	retry 20 is_idle m
	berth resume m
	mkfifo "$T/keyboard"
	berth console m <"$T/keyboard" >/dev/null 2>&1 &
	pid=$!
	exec 8>"$T/keyboard"
	stays m
	exec 8>&-
	kill "$pid" 2>/dev/null || true
	wait "$pid" || true
	retry 20 is_idle m
	berth resume m
	berth inhibit m -- sleep 100 &
	pid=$!
	stays m
	kill "$pid"
	wait "$pid" || true
	retry 20 is_idle m
	berth stop --force m
}

# Work of the guest's own is a use, and the end of it is none.
case_work() {
	berth start --wait m
	berth exec --detach m -- sh -c 'while [ ! -e /root/over ]; do :; done'
	stays m
	touch "$T/over"
	berth push "$T/over" m:/root/over
	retry 20 is_idle m
	berth exec m -- rm /root/over
	berth stop --force m
}

case_inhibit() {
	berth start --wait m
	fails 7 "" berth inhibit m -- sh -c 'echo seven >&2; exit 7'
	fails 127 "there is no such command" berth inhibit m -- no-such-command
	fails 126 "execute '/etc/passwd'" berth inhibit m -- /etc/passwd
	berth stop --force m
	fails 1 "machine 'm' is not running" berth inhibit m -- true
	fails 1 "no machine 'none'" berth inhibit none -- true
}

# It is stopped as by stop, also while it is paused by nobody; never is the default.
case_stopped() {
	berth create --set network= --set desktop.idle=stop --set desktop.idle.after=2s bb s
	berth create --set network= bb never
	berth start --wait s never
	retry 20 state_is s stopped
	same "events" "idle stopped" "$(berth events --no-follow --json s | jq -r .event | tail -n 2 | tr '\n' ' ' | sed 's/ $//')"
	state_is never running
	fails 2 "desktop.idle cannot be 'sleep': use never, pause or stop" berth set s desktop.idle=sleep
	gone s never
}

# A stop of a machine that is paused so thaws it first, and a reboot begins the time anew.
case_stop_and_reboot() {
	local init
	berth start --wait m
	retry 20 is_idle m
	berth stop m
	state_is m stopped
	same "its end" "powered off" "$(berth info --json m | jq -r .ended)"
	berth start --wait m
	init=$(field m .init)
	berth exec m -- reboot
	retry 20 booted_again m "$init"
	retry 20 is_idle m
	berth stop --force m
}

run_cases "$@"
