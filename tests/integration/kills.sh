#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kill -9 of a command, of a keeper, of both or of any process of berth, at a random moment of a random
# verb. No machine is lost, nothing leaks, and the next command works every time.
# KILLS=1000 SEED=7 tests/run integration kills, for the long run, or one seen to fail again.
# The search for leaks at a process's end waits for ever if its helper is killed, as everything may be here.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

kills=${KILLS:-60}
seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
every=20 # rounds between two looks at all that there is

# The actions of a round, and the time in milliseconds within which a kill may hit each.
verbs=(
	"start m|60" "stop m|80" "stop --force m|40" "restart m|120" "exec m -- sh -c 'sleep 0.02'|40"
	"exec m -- busybox reboot -f|60" "clone m x|40" "clone m/s x|40" "delete --force x|40"
	"delete --force n|60" "create bb x|40" "launch bb x|80" "snapshot m t|30" "snapshot delete m t|30"
	"restore m s|60" "reset --to s m|80" "pause m|20" "resume m|20" "set m limits.memory=0|20"
	"run bb -- true|150"
)

set_up() {
	busybox_template bb
	berth create --set stop.timeout=5s bb m
	berth start --wait m
	berth exec m -- sh -c 'echo kept >/kept; sync'
	berth stop m
	berth snapshot m s
	berth create bb n
	retry 30 no_copying_is_left
	what_there_is | grep -v '^process' >"$T/stopped"
	inventory >"$T/inventory"
}

# Names of files of the state root, without random names.
inventory() {
	(cd "$BERTH_ROOT" && find . -path './lib/pools/*/*/*/*' -prune -o -path './run/pools/*/*/*' -prune -o -print) |
		grep -vE 'console\.log|/locks/|/run/events|/ended$|/fresh$|dnsmasq|\.leases|/run/machines$|/\.owned$|\.new$' | sort
}

# Kills the victim after its time, if it still exists.
strike() {
	case $1 in
	command) kill -KILL "$2" ;;
	keeper) pgrep -x berth-keeper | shuf -n 1 --random-source=<(yes "$3") | xargs -r kill -KILL ;;
	both)
		kill -KILL "$2"
		pgrep -x berth-keeper | xargs -r kill -KILL
		;;
	any) pgrep 'berth' | shuf -n 1 --random-source=<(yes "$3") | xargs -r kill -KILL ;;
	esac 2>/dev/null || true
}

# The next command works after each kill.
must() {
	timeout 300 "$@" >"$T/said" 2>&1 </dev/null ||
		fault "after $what: '$*' ended with $?: $(cat "$T/said")"
}

# The machine is there whole, or not at all.
whole_or_absent() {
	if berth info "$1" >"$T/said" 2>&1; then
		must berth start --wait "$1"
		must berth delete --force "$1"
	else
		has "there is no|no machine|does not exist|ephemeral" "$(cat "$T/said")"
	fi
	fails 1 "$1" berth info "$1"
}

as_when_stopped() {
	what_there_is | grep -v '^process' >"$T/now"
	diff "$T/stopped" "$T/now" >"$T/differs" && inventory | diff "$T/inventory" - >"$T/differs"
}

no_process() {
	not pgrep -x 'berth|berth-keeper|guest-init'
}

only_the_two() {
	[[ $(berth list --json | sed -n 's/^ *"name": "\(.*\)".*/\1/p' | sort | xargs) == "m n" ]]
}

# An object that was made only for a killed command has a random name. The next command that creates or deletes removes
# it.
swept() {
	berth delete nothing >/dev/null 2>&1 || true
	only_the_two
}

look_at_all() {
	must berth stop --force m
	must berth list
	retry 10 swept || fault "machines after $what: $(berth list)"
	retry 10 no_process || fault "after $what: $(pgrep -al .)"
	retry 10 as_when_stopped || fault "after $what: $(cat "$T/differs")"
}

kept() {
	[[ $(timeout 120 berth exec m -- cat /kept) == kept ]]
}

after_a_kill() {
	must berth list
	# Both results are right: the pause was in time, or it was not.
	berth resume m 2>/dev/null || true
	must berth start --wait m
	# A reboot that a killed command has asked for may come only now, and takes a command in the machine with it.
	if [[ $what == *reboot* ]]; then
		retry 60 kept || fault "file after $what"
	else
		kept || fault "file after $what"
	fi
	must berth info m
	whole_or_absent x
	berth snapshot delete m t 2>/dev/null || true
	berth info n >/dev/null 2>&1 || must berth create bb n
}

case_killed_at_random() {
	local round verb victim wait pid words
	local victims=(command command keeper both any any)
	echo "# SEED=$seed KILLS=$kills"
	RANDOM=$seed
	for ((round = 1; round <= kills; round++)); do
		IFS='|' read -r verb wait <<<"${verbs[RANDOM % ${#verbs[@]}]}"
		victim=${victims[RANDOM % ${#victims[@]}]}
		wait=$(printf '0.%03d' $((RANDOM % wait)))
		what="round $round: $victim killed $wait s into '$verb'"
		# Half of the rounds begin with a running machine.
		((RANDOM % 2)) || must berth stop --force m
		[[ $verb != "delete --force x" ]] || must berth create bb x
		eval "words=($verb)"
		berth "${words[@]}" >/dev/null 2>&1 </dev/null &
		pid=$!
		sleep "$wait"
		strike "$victim" "$pid" "$round"
		wait "$pid" 2>/dev/null || true
		after_a_kill
		((round % every)) || look_at_all
	done
	look_at_all
	echo "# $kills kills"
}

# The machine exists only for that command.
case_run_killed() {
	local pid what='run was killed'
	runs() {
		pgrep -x sleep && [[ $(pgrep -x berth-keeper | wc -l) -eq 1 ]]
	}
	berth run bb -- sleep 1000 &
	pid=$!
	retry 20 runs
	kill -KILL "$pid"
	wait "$pid" || true
	retry 10 no_process
	look_at_all
}

# The kill comes at any moment before the machine runs. The next command that changes something cleans up.
case_run_killed_early() {
	local pid round what='run was killed early'
	for ((round = 0; round < 40; round++)); do
		berth run bb -- sleep 1000 >/dev/null 2>&1 &
		pid=$!
		sleep "$(printf '0.%03d' "$((round * 3))")"
		kill -KILL "$pid"
		wait "$pid" || true
		retry 10 swept || fault "round $round: $(berth list)"
	done
	retry 10 no_process
	look_at_all
}

# killed_at CALL FILE: runs an ephemeral launch, which is killed when it makes that call on that file.
killed_at() {
	local code=0
	strace -qq -o "$T/calls" -P "$2" -e trace="$1" -e inject="$1:signal=KILL" \
		berth launch --ephemeral bb gone || code=$?
	same "end by $1" 137 "$code"
}

case_launch_of_an_ephemeral_killed() {
	local folder=$BERTH_ROOT/lib/machines/gone owner=$BERTH_ROOT/lib/machines/.owned/gone what='an ephemeral launch was killed'
	# The machine was created, and is about to be started.
	killed_at mkdir "$BERTH_ROOT/run/machines/gone"
	test -e "$folder/machine.conf"
	has "gone +stopped" "$(berth list)"
	retry 10 swept
	not test -e "$folder"
	# The machine was started, and is about to be released from its command.
	killed_at unlink "$owner"
	test -e "$folder/machine.conf"
	retry 10 swept
	retry 10 no_process
	# A released machine stays, and so does one that was never to be started.
	berth launch --ephemeral bb gone
	berth create --ephemeral bb idle
	berth delete nothing 2>/dev/null || true
	not test -e "$owner"
	same state running "$(field gone state)"
	same state stopped "$(field idle state)"
	berth delete --force gone idle
	look_at_all
}

run_cases "$@"
