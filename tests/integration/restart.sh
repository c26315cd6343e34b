#!/usr/bin/env bash
# What the restart policy does when a guest ends by itself, and that a stop is always an end.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

kill_init() {
	kill -KILL "$(field m init)"
}

another_init() {
	local now
	now=$(field m init) && [[ -n $now && $now != "$1" && $(field m booted) == true ]]
}

case_no_policy() {
	busybox_template bb
	berth launch --wait bb m
	kill_init
	retry 10 state_is m failed
	has "its init was killed by SIGKILL" "$(field m ended)"
}

case_on_failure() {
	local init
	berth set m restart=on-failure
	berth start --wait m
	init=$(field m init)
	kill_init
	retry 20 another_init "$init"
	berth exec m -- true
}

case_power_off_is_no_failure() {
	berth exec m -- poweroff -f || true
	retry 10 state_is m stopped
	same "how it ended" "powered off" "$(field m ended)"
}

case_always() {
	local init
	berth set m restart=always
	berth start --wait m
	init=$(field m init)
	berth exec m -- poweroff -f || true
	retry 20 another_init "$init"
}

# Between two runs there is no guest, but the machine is not stopped either.
case_between() {
	local init
	# Each pause is twice as long as the last: four seconds can be seen also where much else runs.
	for _ in 1 2; do
		init=$(field m init)
		kill_init
		retry 20 another_init "$init"
	done
	kill_init
	retry 10 state_is m starting
	fails 125 "about to be started again|not answer" berth exec m -- true
	retry 30 state_is m running
}

case_stop_is_an_end() {
	local init
	berth stop m
	same state stopped "$(field m state)"
	berth start --wait m
	for _ in 1 2; do
		init=$(field m init)
		kill_init
		retry 20 another_init "$init"
	done
	kill_init
	retry 10 state_is m starting
	berth stop m
	same state stopped "$(field m state)"
}

case_limit() {
	local init
	berth set m restart=on-failure restart.limit=1
	berth start --wait m
	init=$(field m init)
	kill_init
	retry 20 another_init "$init"
	kill_init
	retry 10 state_is m failed
	berth set m restart=no
	berth start --wait m
	berth exec m -- poweroff -f || true
	retry 10 state_is m stopped
}

run_cases
