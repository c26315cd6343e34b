#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Two commands on the same object at the same moment: they run one after the other, or one is refused with a reason.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

rounds=${ROUNDS:-10}

# both COMMAND -- COMMAND: runs both at once; $one and $other are their codes, $T/one and $T/other their output.
both() {
	local first=() pid
	while [[ $1 != -- ]]; do
		first+=("$1")
		shift
	done
	shift
	one=0 other=0
	timeout 300 "${first[@]}" >"$T/one" 2>&1 &
	pid=$!
	timeout 300 "$@" >"$T/other" 2>&1 || other=$?
	wait "$pid" || one=$?
	((one <= 1 && other <= 1)) || fault "codes $one and $other: $(cat "$T/one" "$T/other")"
}

both_succeed() {
	both "$@"
	((one == 0 && other == 0)) || fault "codes $one and $other: $(cat "$T/one" "$T/other")"
}

set_up() {
	busybox_template bb
	berth create bb m
}

one_keeper() {
	[[ $(pgrep -cf '^berth-keeper m$') == 1 ]]
}

case_two_starts() {
	local n
	for ((n = 0; n < rounds; n++)); do
		both_succeed berth start m -- berth start m
		# What a keeper runs has its name until its exec.
		retry 10 one_keeper
		both_succeed berth stop --force m -- berth stop m
		same state stopped "$(field m state)"
	done
}

case_start_and_stop() {
	local n
	for ((n = 0; n < rounds; n++)); do
		both berth start m -- berth stop --force m
		same start 0 "$one"
		((other == 0)) || has "started meanwhile" "$(cat "$T/other")"
		state_is m running || state_is m stopped
		berth stop --force m
	done
}

# waits_for_guest PROCESS: the process has a pidfd of the guest's init, whose end it waits for.
waits_for_guest() {
	find "/proc/$1/fd" -lname '*pidfd*' | grep -q .
}

# A start during a stop waits for its end, and then starts the machine.
case_start_while_it_stops() {
	local init stop start
	berth start --wait m
	init=$(field m init)
	# Init does not get the signal to halt until the test continues it.
	kill -STOP "$init"
	berth stop --timeout 300 m 2>"$T/one" &
	stop=$!
	retry 20 state_is m stopping
	berth start --wait m &
	start=$!
	retry 20 waits_for_guest "$start"
	kill -CONT "$init"
	wait "$stop"
	wait "$start"
	state_is m running
	[[ $(field m init) != "$init" ]]
	berth stop --force m
}

case_two_creates() {
	local n
	for ((n = 0; n < rounds; n++)); do
		both berth create bb new -- berth create bb new
		same "one of them" 1 $((one + other))
		berth start --wait new
		both berth delete --force new -- berth delete --force new
		((one == 0 || other == 0))
		fails 1 "no machine 'new'" berth info new
	done
}

case_clone_while_deleted() {
	local n
	for ((n = 0; n < rounds; n++)); do
		berth create bb new
		both berth clone new copy -- berth delete new
		if ((one == 0)); then
			berth start --wait copy
			berth delete --force copy
		fi
		fails 1 "no machine 'copy'" berth info copy
		if ((other != 0)); then
			berth delete new
		fi
	done
}

# The order is random. If the machine exists, it has the whole root.
case_template_deleted_while_launched() {
	local n
	for ((n = 0; n < rounds; n++)); do
		busybox_template tt
		both berth create tt new -- berth template delete tt
		if ((one == 0)); then
			berth start --wait new
			same "programs" "$(busybox --list | grep -vcxE 'busybox|init|linuxrc')" \
				"$(berth exec new -- sh -c 'ls /bin | grep -vcxE busybox')"
			berth delete --force new
		else
			has "no template 'tt'|'tt' is being" "$(cat "$T/one")"
			fails 1 "no machine 'new'" berth info new
			lacks new "$(ls "$BERTH_ROOT/lib/machines")"
		fi
		# The template was deleted, or the deletion was refused while it was read, and it is whole.
		if ((other != 0)); then
			has "'tt' is being copied" "$(cat "$T/other")"
			same "the create" 0 "$one"
			berth template delete tt
		fi
		fails 1 "no template 'tt'" berth template delete tt
	done
}

# A copy of a machine whose keeper was killed waits for the clean-up, which another command kept it from.
case_copied_after_a_kill() {
	local lock keeper
	berth pool create slow --driver dir
	berth create --pool slow --network "" bb victim
	lock=$BERTH_ROOT/run/locks/machine.victim
	berth start --wait victim
	keeper=$(field victim keeper)
	flock "$lock" sh -c "kill -9 $keeper; sleep 1" &
	retry 10 not kill -0 "$keeper"
	berth clone victim copied
	wait
	berth delete victim copied
	berth pool delete slow
}

# A command that meets the renaming of its machine does not say that anything is lost.
case_used_while_renamed() {
	local n
	for ((n = 0; n < rounds; n++)); do
		for verb in "start aa" "snapshot aa s$n" "clone aa copy$n" "diff aa" "reset aa"; do
			berth create bb aa
			# shellcheck disable=SC2086 # words
			both berth rename aa ab -- berth $verb
			lacks "lost its root|berth delete" "$(cat "$T/one" "$T/other" && echo .)"
			berth delete --force ab 2>/dev/null || berth delete --force aa
			berth delete --force "copy$n" 2>/dev/null || true
		done
	done
}

case_set_at_once() {
	local n
	for ((n = 0; n < rounds; n++)); do
		both_succeed berth set m description="text $n" -- berth set m stop.timeout=$((n + 1))
		same description "text $n" "$(berth get m description)"
		has "^$((n + 1))" "$(berth get m stop.timeout)"
	done
}

# The first command to come creates the first network and the first pool.
case_eight_launches_into_nothing() {
	local n
	export BERTH_ROOT=$T/fresh
	mkdir "$BERTH_ROOT"
	busybox_template bb
	for n in 1 2 3 4 5 6 7 8; do
		berth launch --wait bb "m$n" >"$T/launch$n" 2>&1 &
	done
	wait
	same running 8 "$(berth list --json | grep -c '"running"')"
	same addresses 8 "$(berth list --json | grep '"address"' | sort -u | wc -l)"
	berth delete --force m1 m2 m3 m4 m5 m6 m7 m8
	delete_all
}

run_cases "$@"
