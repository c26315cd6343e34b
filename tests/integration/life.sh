#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The life of a machine that has only busybox, and boots with berth's own init.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

set_up() {
	busybox_template bb
}

case_launch() {
	gone one
	berth launch --wait bb one
	same state running "$(field one state)"
	same booted true "$(field one booted)"
	has "one +running +yes" "$(berth list)"
	berth info one >"$T/info"
	has "init: +process [0-9]+" "$(cat "$T/info")"
	has "keeper: +process [0-9]+" "$(cat "$T/info")"
}

# The machine as its init sees it.
case_inside() {
	up one
	same hostname one "$(berth exec one -- hostname)"
	has "^container=berth" "$(berth exec one -- tr '\0' '\n' /proc/1/environ; berth exec one -- cat /proc/1/environ | tr '\0' '\n')"
	has " / (btrfs|ext4|xfs|tmpfs) " "$(berth exec one -- cat /proc/mounts)"
	same "its first process" "1" "$(berth exec one -- sh -c 'ls -d /proc/[0-9]* | sort -V | head -n 1 | tr -dc 0-9')"
	has "eth0" "$(berth exec one -- ip -o link)"
	# The time namespace shows the time since the machine's own boot.
	local up
	up=$(berth exec one -- cat /proc/uptime)
	((${up%%.*} < 120))
}

# The ids are the machine's own, on the host too. The files of its root have other owners.
case_ids() {
	local init
	up one
	init=$(field one init)
	[[ $(stat -c %u "/proc/$init") -ge 65536 ]]
	same "root inside" 0 "$(berth exec one -- id -u)"
	berth exec one -- touch /made-inside
	same "owner inside" 0 "$(berth exec one -- stat -c %u /made-inside 2>/dev/null || berth exec one -- sh -c 'ls -n /made-inside' | awk '{print $3}')"
}

case_nothing_leaks_in() {
	local fds
	up one
	fds=$(berth exec one -- ls /proc/1/fd | wc -w)
	((fds <= 12)) || fault "its init has $fds descriptors"
	# The machine has no mount of the host's tree.
	berth exec one -- cat /proc/mounts >"$T/mounts"
	not grep -F "$T" "$T/mounts"
	# The host does not see the mount of its root.
	not grep -F "machine.one" /proc/self/mounts
}

case_start_of_a_running_machine() {
	up one
	berth start one
	same state running "$(field one state)"
}

case_stop_and_start() {
	local address
	up one
	address=$(field one network.address)
	berth exec one -- touch /made-inside
	berth stop one
	same state stopped "$(field one state)"
	berth stop one
	berth start --wait one
	same address "$address" "$(field one network.address)"
	berth exec one -- test -e /made-inside
}

case_restart() {
	local before
	up one
	before=$(field one init)
	berth restart --wait one
	[[ $(field one init) != "$before" ]]
	berth restart --wait=20 one
}

case_reboot_from_inside() {
	local before
	up one
	before=$(field one init)
	berth exec one -- busybox reboot -f || true
	another_init() {
		[[ $(field one state) == running && $(field one init) != "$1" ]]
	}
	retry 15 another_init "$before"
	retry 15 berth exec one -- true
}

# Between two guests the machine is starting, and a command that enters it waits.
case_reboot_is_seen() {
	local before holder entered
	up one
	mkfifo "$T/held"
	before=$(field one init)
	flock "$BERTH_ROOT/run/locks/machine.one" sh -c 'echo held >"$0"; exec sleep 1000' "$T/held" &
	holder=$!
	read -r <"$T/held"
	berth exec one -- reboot -f || true
	retry 10 state_is one starting
	silent "init of none" field one init
	same booted false "$(field one booted)"
	has "one +starting +no " "$(berth list)"
	berth exec one -- true &
	entered=$!
	pkill -P "$holder"
	wait "$holder" || true
	wait "$entered"
	same state running "$(field one state)"
	[[ $(field one init) != "$before" ]]
	rm "$T/held"
}

case_halt_from_inside() {
	up one
	berth exec one -- busybox poweroff -f || true
	retry 15 state_is one stopped
	same "how it ended" "powered off" "$(field one ended)"
}

case_force() {
	up one
	berth stop --force one
	same state stopped "$(field one state)"
	berth start one
	berth kill one
	same state stopped "$(field one state)"
}

fail_one() {
	up one
	kill -KILL "$(field one init)"
	retry 10 state_is one failed
}

# The stop has reported the end, and its clean-up continues. The machine no longer counts as running.
case_used_while_cleaned_up() {
	local holder pid command
	gone brief
	berth create bb brief
	berth snapshot brief s
	mkdir "$T/folder"
	for command in "push /etc/hostname brief:/name" "mount --read-only brief $T/folder /mnt" "reset brief" "reset --to s brief" \
		"restore brief s" "delete brief"; do
		berth start --wait brief
		rm -f "$T/cleaning"
		flock "$BERTH_ROOT/run/locks/machine.brief" sh -c 'echo held >"$0"; exec sleep 1000' "$T/cleaning" &
		holder=$!
		retry 10 test -e "$T/cleaning"
		berth stop --force brief
		berth stop --force brief
		same "its state" stopping "$(field brief state)"
		if [[ $command == push* ]]; then
			pkill -KILL -f "^berth-keeper brief\$" || true
			retry 10 not pgrep -f "^berth-keeper brief\$"
			same "its state without its keeper" stopping "$(field brief state)"
		fi
		# shellcheck disable=SC2086 # words
		berth $command 2>"$T/err" &
		pid=$!
		# The command waits, or has refused.
		retry 10 sh -c "! kill -0 $pid 2>/dev/null || [ -n \"\$(ps -o pid= --ppid $pid)\" ]"
		pkill -P "$holder"
		wait "$holder" || true
		wait "$pid" || fault "$command: $(cat "$T/err")"
		[[ $command == delete* ]] || same "its state after: $command" stopped "$(field brief state)"
	done
	fails 1 "no machine 'brief'" berth info brief
	rm "$T/cleaning"
}

# interrupted COMMAND...: sends SIGINT once the command is ready for it; $T/said has what it leaves.
interrupted() {
	local pid status=0
	env --default-signal=INT "$@" >"$T/said" 2>&1 &
	pid=$!
	retry 10 minds "$pid" INT
	kill -INT "$pid"
	wait "$pid" || status=$?
	same "status of $*" 130 "$status"
	same "sentences of $*" 1 "$(grep -c "^berth: " "$T/said")"
}

# A command whose wait is interrupted says in which state the machine is.
case_interrupted_waits() {
	berth create bb deaf
	berth start --wait deaf
	berth exec deaf -- sh -c 'printf "#!/bin/sh\ntrap \"\" TERM\nwhile :; do sleep 0.1; done\n" >/deaf; chmod 755 /deaf'
	berth stop deaf
	berth set deaf init=/deaf
	interrupted berth start --wait deaf
	has "machine 'deaf' runs on, and was not seen to boot" "$(cat "$T/said")"
	same "state" running "$(field deaf state)"
	interrupted berth stop deaf
	has "machine 'deaf' was asked to go down" "$(cat "$T/said")"
	berth delete --force deaf
}

case_failed() {
	fail_one
	has "one +failed +[^y]*$" "$(berth list)"
	berth info one >"$T/info"
	has "^state: +failed$" "$(cat "$T/info")"
	has "^last end: +its init was killed by SIGKILL" "$(cat "$T/info")"
	# All actions on a stopped machine are possible.
	silent "no note" berth set one stop.timeout=9s
	berth snapshot one now
	berth restore one now
	berth snapshot delete one now
	berth clone one other
	same "its copy" stopped "$(field other state)"
	berth delete other
	# A reboot of the host and stop --all do not change that state.
	berth stop --all
	rm -rf "$BERTH_ROOT/run/machines"
	same "later" failed "$(field one state)"
	berth start --wait one
	same "started again" running "$(field one state)"
	berth exec one -- poweroff -f || true
	retry 10 state_is one stopped
}

# Only a stop acknowledges the failure; then the machine is an ordinary stopped one.
case_failure_acknowledged() {
	fail_one
	silent "first stop" berth stop one
	same state stopped "$(field one state)"
	has "killed by SIGKILL" "$(field one ended)"
	has "stopped already" "$(berth stop one 2>&1)"
	fail_one
	berth kill one
	same "by a kill" stopped "$(field one state)"
	fail_one
	berth restart --wait one
	same "by a restart" running "$(field one state)"
	berth stop one
	# The file is from an older berth, which recorded no outcome.
	echo "its init was killed by SIGKILL" >"$BERTH_ROOT/lib/machines/one/ended"
	same state stopped "$(field one state)"
	same "words" "its init was killed by SIGKILL" "$(field one ended)"
	fail_one
	berth delete one
	berth create bb one
	same "a new one" stopped "$(field one state)"
}

case_delete() {
	up one
	fails 1 "one.*(running|--force)" berth delete one
	same state running "$(field one state)"
	berth delete --force one
	fails 1 "no machine 'one'" berth info one
	[[ ! -e $BERTH_ROOT/run/locks/machine.one ]]
}

# booted_again MACHINE INIT: the machine has booted with an init other than INIT.
booted_again() {
	[[ $(field "$1" booted) == true && $(field "$1" init) != "$2" ]]
}

# An ephemeral machine survives reboots of its guest, and is deleted at its end.
case_ephemeral() {
	local end before
	for end in "berth stop gone" "berth exec gone -- poweroff" "berth stop --force gone"; do
		berth launch --ephemeral --wait bb gone
		before=$(field gone init)
		berth exec gone -- sh -c 'echo here >/state; reboot' || true
		retry 20 booted_again gone "$before"
		same "what it wrote" here "$(berth exec gone cat /state)"
		$end || true
		retry 10 not berth info gone
	done
}

# A machine whose keeper or host was killed stays with its files until somebody deletes it.
case_ephemeral_that_failed() {
	local before
	berth launch --ephemeral --wait bb gone
	berth exec gone -- sh -c 'echo here >/state; sync'
	before=$(field gone init)
	kill -KILL "$(field gone keeper)"
	retry 10 not test -e "/proc/$before"
	berth list >/dev/null
	same state failed "$(field gone state)"
	has "killed, with its keeper" "$(field gone ended)"
	berth start --wait gone
	same "what it wrote" here "$(berth exec gone cat /state)"
	before=$(field gone init)
	kill -KILL "$(field gone keeper)"
	retry 10 not test -e "/proc/$before"
	rm -rf "$BERTH_ROOT/run/machines/gone"
	same state failed "$(field gone state)"
	has "its host went down" "$(field gone ended)"
	berth stop gone
	same state stopped "$(field gone state)"
	berth delete gone
	# The machine never started.
	berth create --ephemeral bb gone
	break_init gone
	fails 1 "did not start" berth start gone
	berth list >/dev/null
	same state failed "$(field gone state)"
	berth delete gone
}

# A run that was killed before its machine ran leaves a machine that belonged to that command only, until it is removed.
case_ephemeral_of_one_command() {
	local file=$BERTH_ROOT/lib/machines/.owned/alone owner
	mkfifo "$T/held"
	berth create --set ephemeral=yes bb alone
	mkdir -p "${file%/*}"
	flock "$file" sh -c 'echo held >"$0"; exec sleep 1000' "$T/held" &
	owner=$!
	read -r <"$T/held"
	berth list
	berth info alone
	pkill -P "$owner"
	wait "$owner" || true
	# Commands that look leave it; a command that creates or deletes any machine removes it.
	has "alone +stopped" "$(berth list)"
	berth create bb other
	berth list | not grep alone
	fails 1 "no machine 'alone'" berth info alone
	not test -e "$file"
	# A machine that is not ephemeral has no owner.
	berth create bb alone
	: >"$file"
	berth delete other
	same state stopped "$(field alone state)"
	berth delete alone
}

case_made_up_name() {
	local name
	name=$(berth create bb)
	has "^bb-" "$name"
	berth delete "$name"
}

case_many_at_once() {
	local name
	for name in a b c d; do
		berth create bb "$name"
	done
	berth start --wait a b c d
	same running 4 "$(berth list --json a b c d | grep -c '"running"')"
	berth stop a b c d
	berth start a b
	berth create bb e
	berth start a nothere e >"$T/out" 2>&1 && fault "all is well?"
	grep -q "nothere" "$T/out"
	same e running "$(field e state)"
	berth delete --force a b c d e
}

case_init_that_is_not_there() {
	berth create bb bad
	break_init bad
	fails 1 "bad.*/sbin/nothing" berth start bad
	same state failed "$(field bad state)"
	has "did not start: .*/sbin/nothing" "$(field bad ended)"
	has "failed +bad +.*/sbin/nothing" "$(berth events --no-follow bad)"
	berth delete bad
	fails 1 "/sbin/nothing" berth launch --set init=/sbin/nothing bb bad
	fails 1 "no machine 'bad'" berth info bad
}

# The start may succeed or fail. The end is reported, and nothing is left.
case_init_that_exits_at_once() {
	berth create --set init=/bin/false bb short
	berth start --wait=10 short >"$T/out" 2>&1 && fault "a dead machine has booted"
	has short "$(cat "$T/out")"
	retry 10 state_is short failed
	berth delete short
}

case_init_that_cannot_run() {
	busybox_root "$T/bad"
	echo "no program" >"$T/bad/bin/init"
	chmod +x "$T/bad/bin/init"
	tar -C "$T/bad" -cf "$T/bad.tar" .
	berth template import "$T/bad.tar" bad
	berth create --set init=/bin/init bad m
	fails 1 "m.*/bin/init" berth start m
	same state failed "$(field m state)"
	berth delete m
	chmod -x "$T/bad/bin/init"
}

# A machine that does not halt in time is killed.
case_deaf_init() {
	busybox_root "$T/deaf"
	cat >"$T/deaf/bin/init" <<-'END'
		#!/bin/sh
		trap "" TERM INT USR1 USR2 PWR RTMIN+3 RTMIN+4 2>/dev/null
		while :; do sleep 1; done
	END
	chmod +x "$T/deaf/bin/init"
	tar -C "$T/deaf" -cf "$T/deaf.tar" .
	berth template import "$T/deaf.tar" deaf
	berth launch --set init=/bin/init --set stop.timeout=1 deaf m
	berth stop m >"$T/out" 2>&1
	has "kill" "$(cat "$T/out")"
	same state stopped "$(field m state)"
	not grep -q '\.\.\.' "$T/out"
	# On a terminal the command shows what it waits for.
	berth start m
	script -qec "berth stop --timeout=3 m" /dev/null </dev/null >"$T/out"
	grep -q "stopping machine 'm' \.\.\. [0-9]* s" "$T/out"
	grep -q "was killed" "$T/out"
	script -qec "berth start --wait=3 m" /dev/null </dev/null >"$T/out" && fault "it has booted"
	grep -q "waiting for machine 'm' to boot \.\.\. [0-9]* s" "$T/out"
	berth delete --force m
}

# The guest that runs when the command comes ends before it has booted; the next one boots.
case_guest_that_ends_while_its_boot_is_awaited() {
	busybox_root "$T/once"
	cat >"$T/once/bin/once" <<-'END'
		#!/bin/sh
		while [ ! -e /end ]; do sleep 0.1; done
	END
	chmod +x "$T/once/bin/once"
	tar -C "$T/once" -cf "$T/once.tar" .
	berth template import "$T/once.tar" once
	berth create --set init=/bin/once once m
	berth start m
	berth start --wait m >"$T/out" 2>&1 &
	retry 10 grep -q "is running already" "$T/out"
	berth unset m init
	berth exec m -- touch /end
	wait $! || fault "$(cat "$T/out")"
	has "ended before it had booted: .*; it is started again" "$(cat "$T/out")"
	same state running "$(field m state)"
	berth delete --force m
}

case_logs() {
	berth launch --wait bb talker
	berth exec talker -- sh -c 'echo spoken-$((40 + 2)) >/dev/console'
	said() {
		berth logs talker | grep -q "spoken-42"
	}
	retry 10 said
	berth stop talker
	said
	berth delete talker
}

case_several_at_once() {
	local names
	berth launch --count 6 --wait bb node
	same machines "node-1 node-2 node-3 node-4 node-5 node-6" "$(names_of 'node-*')"
	# Each is a machine with its own address.
	same addresses 6 "$(berth list --json 'node-*' | sed -n 's/^ *"address": //p' | sort -u | wc -l)"
	fails 1 "a machine of a name from 'node-6' to 'node-8' is there already, and none was made" \
		berth create --count 3 --start-at 6 bb node
	not berth info node-7
	berth clone --count 2 --start-at 7 node-1 node
	same "made as JSON" "node-9 node-10" "$(berth create --count 2 --start-at 9 --json bb node |
		sed -n 's/^ *"name": "\(node-.*\)",$/\1/p' | xargs)"
	berth delete --force 'node-*'
	silent machines names_of 'node-*'
	fails 2 "--count cannot be '0': use a number from 1 to 1000" berth launch --count 0 bb node
	fails 2 "--count cannot be '100000'" berth launch --count 100000 bb node
	fails 2 "--start-at needs --count" berth create --start-at 3 bb node
	fails 1 "no template 'nosuch'" berth launch --count 3 nosuch node
	# Failures are reported, and only machines that could start stay.
	not berth launch --count 2 --set init=/sbin/nothing bb bad 2>"$T/said"
	has "machine 'bad-1': init '/sbin/nothing' is not in the root" "$(cat "$T/said")"
	has "0 of 2 machines were made, as is told above; not: bad-1, bad-2" "$(cat "$T/said")"
	silent machines names_of 'bad-*'
}

# names_of PATTERN: prints the names of machines on one line.
names_of() {
	berth list --json | sed -n "s/^ *\"name\": \"\(${1%\*}.*\)\",\$/\1/p" | sort -V | xargs
}

run_cases "$@"
