#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Stop and kill end in the time that they promise, whatever clients, guests and other commands do.
# The search for leaks at a process's end waits for ever if its helper is killed, as everything may be here.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# The present speed of the host: the milliseconds of a plain kill. Deadlines are multiples of it.
now_ms() {
	echo $(($(date +%s%N) / 1000000))
}

# within SECONDS COMMAND...: the command ends with 0 in that many seconds, on a host of usual speed. A host that was
# slow at the beginning, or is slow now, has more time. $T/said has the output.
within() {
	local seconds=$1 from took limit second slow
	shift
	second=$(cat "$T/speed") slow=$(($(slowness) * 1000))
	limit=$(((second > slow ? second : slow) * seconds))
	from=$(now_ms)
	timeout "$((seconds * 20 + 5))" "$@" >"$T/said" 2>&1 </dev/null ||
		fault "'$*' failed after $(($(now_ms) - from)) ms: $(cat "$T/said")" || return
	took=$(($(now_ms) - from))
	# It may have become slow meanwhile.
	((took <= limit)) || limit=$(($(slowness) * 1000 * seconds))
	((took <= limit)) || fault "'$*' took $took ms, more than $limit ms"
}

# hold LOCK: a stopped process holds the lock; let_go ends it.
hold() {
	mkfifo "$T/holding"
	flock "$BERTH_ROOT/run/locks/$1" sh -c 'echo held >"$0"; exec sleep 1000' "$T/holding" &
	holder=$!
	read -r <"$T/holding"
	rm "$T/holding"
	kill -STOP "$holder"
	trap let_go EXIT
}

# A command that starts a machine has to make the network anew, and waits for this process, which holds its lock.
hold_starts() {
	local bridge
	bridge=$(ip -o link show type bridge | sed -n '1s/^[0-9]*: \([^:@]*\).*/\1/p')
	ip link delete "$bridge"
	hold network.default
}

let_go() {
	trap - EXIT
	pkill -KILL -P "$holder"
	kill -KILL "$holder"
	wait "$holder" || true
}

set_up() {
	local from
	busybox_template bb
	berth create bb m
	# The second kill finds all files in the cache. A kill in a quarter of a second is the usual speed.
	for _ in 1 2; do
		berth start --wait m
		from=$(now_ms)
		berth kill m
	done
	echo $((($(now_ms) - from) * 4 < 1000 ? 1000 : ($(now_ms) - from) * 4)) >"$T/speed"
	echo "# a second is $(cat "$T/speed") ms"
}

# The kernel drops a signal until init has a handler for it. Init must get the signal then.
case_a_halt_before_init_hears_it() {
	berth exec m -- true 2>/dev/null || berth start --wait m
	berth exec m -- tee /late-init >/dev/null <<-'SCRIPT'
		#!/bin/sh
		sleep 2
		trap 'poweroff -f' TERM
		while :; do sleep 0.1; done
	SCRIPT
	berth exec m -- chmod 755 /late-init
	berth stop m
	berth set m init=/late-init stop.timeout=120
	berth start m
	within 20 berth stop m
	not grep killed "$T/said"
	same "how it ended" "powered off" "$(field m ended)"
	berth unset m init
	berth unset m stop.timeout
}

# An init in sigtimedwait(2) shows neither a handler nor a blocked signal: guest-init is one.
case_a_halt_before_guest_init_hears_it() {
	berth exec m -- true 2>/dev/null || berth start --wait m
	berth exec m -- tee /late-init >/dev/null <<-'SCRIPT'
		#!/bin/sh
		sleep 2
		exec /sigwait-init
	SCRIPT
	berth exec m -- chmod 755 /late-init
	berth push "$BUILD_TREE/libexec/guest-init" m:/sigwait-init
	berth stop m
	berth set m init=/late-init stop.timeout=120
	berth start m
	within 20 berth stop m
	not grep killed "$T/said"
	same "how it ended" "powered off" "$(field m ended)"
	berth unset m init
	berth unset m stop.timeout
}

# The stop is repeated at different moments of a start.
case_stop_right_behind_a_start() {
	local i
	for ((i = 0; i < 12; i++)); do
		berth start m 2>/dev/null &
		sleep "0.0$i"
		within 20 berth stop m
		wait $! || true
		# The stop may have come before the start.
		within 20 berth stop m
		state_is m stopped
	done
	berth start m &
	sleep 0.02
	berth restart m
	wait $! || true
	state_is m running
	within 20 berth stop m
}

# A start that waits gives way to a kill, and undoes what it has begun.
case_kill_a_start() {
	local starting
	berth stop m
	hold_starts
	berth start m 2>"$T/err" &
	starting=$!
	retry 20 test -e "$BERTH_ROOT/run/machines/m/keeper.lock"
	within 4 berth kill m
	not wait "$starting"
	has "killed from outside" "$(cat "$T/err")"
	let_go
	state_is m stopped || berth stop m
	berth start --wait m
}

# A command that is stopped (SIGSTOP) during a start does not block the machine.
case_a_stopped_start() {
	local starting
	berth stop m
	hold_starts
	berth start m &
	starting=$!
	retry 20 test -e "$BERTH_ROOT/run/machines/m/keeper.lock"
	kill -STOP "$starting"
	let_go
	retry 20 state_is m running
	within 20 berth stop m
	within 4 berth kill m
	state_is m stopped
	kill -CONT "$starting"
	wait "$starting" || true
}

# A machine that reboots is killed at once, also while its next guest is being made.
case_kill_a_reboot() {
	berth start --wait m
	hold_starts
	berth exec m -- reboot -f || true
	retry 20 test -e "$BERTH_ROOT/run/machines/m/waiting"
	within 4 berth kill m
	let_go
	retry 60 state_is m stopped
	berth start --wait m
}

case_stop_a_reboot() {
	berth start --wait m
	hold_starts
	berth exec m -- reboot -f || true
	retry 20 test -e "$BERTH_ROOT/run/machines/m/waiting"
	trap - EXIT
	(sleep 1; let_go) &
	within 20 berth stop m
	wait $!
	state_is m stopped
	berth start --wait m
}

# The guest ends at once. The clean-up waits for the command that has the lock.
case_another_command_has_the_machine() {
	local init
	berth start --wait m
	init=$(field m init)
	hold machine.m
	within 4 berth kill m
	not test -e "/proc/$init"
	let_go
	retry 60 state_is m stopped
	same "how it ended" killed "$(field m ended)"
	berth start --wait m
	hold machine.m
	within 20 berth stop m
	let_go
	retry 60 state_is m stopped
	berth start --wait m
}

case_a_stopped_keeper() {
	berth start --wait m
	kill -STOP "$(field m keeper)"
	within 8 berth kill m
	retry 10 state_is m stopped
	berth start --wait m
	kill -STOP "$(field m keeper)"
	within 40 berth stop --timeout 1 m
	retry 10 state_is m stopped
}

# another_version commands|answers: from now on m's keeper is one of another version, until its run ends.
another_version() {
	"$top/tests/integration/other_keeper.py" "$BERTH_ROOT/run/machines/m" "$1" &
	retry 10 test -S "$BERTH_ROOT/run/machines/m/control.kept"
	retry 10 test -S "$BERTH_ROOT/run/machines/m/control"
}

# Machines run during an upgrade. The requests that end or enter a machine are the same in all versions.
case_a_keeper_of_another_version() {
	local which said
	trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
	for which in commands answers; do
		berth start --wait m
		another_version "$which"
		fails 1 "another version of berth.*berth restart m" berth console --read-only m
		said=$(berth start --wait m 2>&1) && return 1
		[[ $said == *"another version of berth"*"berth restart m"* ]]
		same inside inside "$(berth exec m -- echo inside)"
		same state running "$(field m state)"
		within 20 berth stop m
		retry 10 state_is m stopped
		berth start m
		another_version "$which"
		within 8 berth kill m
		retry 10 state_is m stopped
	done
	berth start m
	another_version commands
	berth restart --wait m
	berth console m </dev/null
	berth kill m
}

# The guest's list of users may be any file. It is read once, and only up to a fixed size.
case_a_list_of_users_without_end() {
	berth start --wait m
	berth exec m -- sh -c 'head -c 16777216 /dev/zero | tr "\0" x >/etc/passwd; cp /etc/passwd /etc/group'
	within 20 berth exec m -- true
	mkdir -p "$T/shared"
	berth mount m "$T/shared" /mnt/shared
	within 20 berth restart --wait m
	berth exec m -- reboot -f || true
	retry 20 berth exec m -- true
	within 4 berth kill m
	berth start --wait m
	berth unmount m /mnt/shared
	berth exec m -- sh -c 'echo "root:x:0:0:root:/root:/bin/sh" >/etc/passwd; echo "root:x:0:" >/etc/group'
	berth stop m
}

# No process in the machine makes progress, although berth has not paused it.
case_a_machine_that_lets_nobody_in() {
	local group
	berth start --wait m
	group=/sys/fs/cgroup$(field m cgroup)
	[[ -d $group ]] || group=/sys/fs/cgroup/unified$(field m cgroup)
	echo 1 >"$group/cgroup.freeze"
	fails 125 "did not let the command in" berth exec m -- true
	within 4 berth kill m
}

# berth ignores reports of the machine's users about its init, and a report of init has no effect but "booted".
case_a_guest_that_says_ready() {
	local init
	berth start --wait m
	berth exec m -- tee /liar >/dev/null <<-'SCRIPT'
		#!/bin/sh
		trap 'poweroff -f' TERM
		while :; do sleep 0.1; done
	SCRIPT
	berth exec m -- chmod 755 /liar
	berth stop m
	berth set m init=/liar
	berth start m
	init=$(field m init)
	say_ready 65534 "$init"
	sleep 0.5
	same booted false "$(field m booted)"
	say_ready 0 "$init"
	retry 10 booted m
	within 20 berth stop m
	berth unset m init
}

booted() {
	[[ $(field "$1" booted) == true ]]
}

# say_ready UID INIT: sends READY=1 as that user of the machine.
say_ready() {
	python3 -c '
import os, socket, sys
init, uid = sys.argv[1], int(sys.argv[2])
base = os.stat(f"/proc/{init}").st_uid
os.chdir(f"/proc/{init}/root/run/host")
os.setgroups([])
os.setresgid(base + uid, base + uid, base + uid)
os.setresuid(base + uid, base + uid, base + uid)
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect("notify")
s.send(b"READY=1")' "$2" "$1"
}

# A guest may reboot as often as it likes, but the host does not spin.
case_reboots_are_braked() {
	local before
	berth start --wait m
	before=$(rebooted m)
	berth exec m -- tee /spinner >/dev/null <<-'SCRIPT'
		#!/bin/sh
		echo 'login: '
		sleep 0.2
		reboot -f
	SCRIPT
	berth exec m -- chmod 755 /spinner
	berth stop m
	berth set m init=/spinner
	berth start m
	more_reboots() {
		(($(rebooted m) - before >= 5))
	}
	retry 30 more_reboots
	retry 10 state_is m starting
	sleep 3
	(($(rebooted m) - before <= 7)) || fault "$(($(rebooted m) - before)) reboots"
	within 4 berth kill m
	berth unset m init
	state_is m stopped
}

rebooted() {
	grep -c "\"event\":\"rebooted\",\"machine\":\"$1\"" "$BERTH_ROOT/run/events" || true
}

# If a reboot fails, the machine has failed, with a sentence, and the keeper does not try for ever.
case_a_reboot_that_fails() {
	berth start --wait m
	mv "$BERTH_ROOT/lib/networks/default" "$T/network"
	berth exec m -- reboot -f || true
	retry 30 state_is m failed
	has "could not start again: .*network" "$(field m ended)"
	mv "$T/network" "$BERTH_ROOT/lib/networks/default"
	berth stop m
	berth set m restart=on-failure restart.limit=2
	berth start --wait m
	mv "$BERTH_ROOT/lib/networks/default" "$T/network"
	berth exec m -- reboot -f || true
	retry 60 state_is m failed
	has "could not start again: .*network" "$(field m ended)"
	mv "$T/network" "$BERTH_ROOT/lib/networks/default"
	berth stop m
	berth unset m restart
	berth unset m restart.limit
}

# ---- Clients that behave badly, at every moment

verbs="exec exec-t shell console logs events mount push pull"
behaviours="stopped killed unread full gone ctrlz"
moments="early booted rebooting respawning stopping paused"

# client VERB BEHAVIOUR: starts a client that behaves so; end_client ends it.
client() {
	local words kind=t
	case $1 in
	exec) kind=p words=(exec m -- yes) ;;
	exec-t) words=(exec -t m -- yes) ;;
	shell) words=(shell m) ;;
	console) words=(console m) ;;
	logs) kind=p words=(logs -f m) ;;
	events) kind=p words=(events) ;;
	mount) kind=p words=(mount m "$T/shared" /mnt/shared) ;;
	push) words=(push - m:/pushed) ;;
	pull) kind=p words=(pull m:/large -) ;;
	esac
	"$(dirname "$0")/client.py" "$2" "$kind" berth "${words[@]}" >"$T/client" 2>/dev/null &
	helper=$!
	retry 20 test -s "$T/client"
}

end_client() {
	kill -KILL "$(cat "$T/client")" "$helper" 2>/dev/null || true
	wait "$helper" 2>/dev/null || true
	rm -f "$T/client"
}

# cell VERB BEHAVIOUR MOMENT END: checks that END, stop or kill, ends in time.
cell() {
	local aside='' ended=0 limit=4
	berth kill m >/dev/null 2>&1 || true
	if [[ $3 == early ]]; then
		berth start m >/dev/null 2>&1 &
		aside=$!
		sleep "0.$((RANDOM % 10))"
	else
		berth start --wait m >/dev/null 2>&1 || return
	fi
	client "$1" "$2" || return
	case $3 in
	rebooting) timeout 5 berth exec m -- reboot -f >/dev/null 2>&1 || true ;;
	respawning) kill -KILL "$(field m init)" 2>/dev/null || true ;;
	stopping)
		berth stop m >/dev/null 2>&1 &
		aside=$!
		;;
	paused) berth pause m >/dev/null 2>&1 || true ;;
	esac
	if [[ $4 == stop ]]; then
		limit=12
		within "$limit" berth stop --timeout 3 m || ended=1
	else
		within "$limit" berth kill m || ended=1
	fi
	[[ -z $aside ]] || wait "$aside" || true
	end_client
	return "$ended"
}

# A few random cells run; with ENDINGS=all all of them, and with ENDINGS="VERB BEHAVIOUR MOMENT END" those of that kind.
cells_to_run() {
	local verb behaviour moment end
	for verb in $verbs; do
		for behaviour in $behaviours; do
			for moment in $moments; do
				for end in stop kill; do
					echo "$verb $behaviour $moment $end"
				done
			done
		done
	done | case ${ENDINGS:-} in
	all) cat ;;
	"") shuf -n 24 ;;
	*) grep -E -- "$ENDINGS" ;;
	esac
}

case_bad_clients() {
	local run=0 good=0 verb behaviour moment end
	mkdir -p "$T/shared"
	truncate -s 100G "$T/large"
	berth push "$T/large" m:/large
	berth set m restart=always
	cells_to_run >"$T/cells"
	while read -r verb behaviour moment end <&8; do
		run=$((run + 1))
		if cell "$verb" "$behaviour" "$moment" "$end"; then
			good=$((good + 1))
		else
			echo "# not in time: $verb $behaviour $moment $end: $(tail -n 1 "$T/said")"
		fi
	done 8<"$T/cells"
	echo "cells run $run, in time $good"
	berth kill m
	berth unset m restart
	same "cells in time" "$run" "$good"
}

run_cases "$@"
