# SPDX-License-Identifier: GPL-2.0-or-later
# Machines that move to another host under a program that writes. Sourced after tests/other_host.sh.
# shellcheck shell=bash

# A template "bb" on both sides, whose machines write a line "NUMBER TIME" every 50 ms from their boot on.
beating_template() {
	busybox_root "$T/bb"
	# The console's login shell starts it at each boot. It writes into a volume at /srv as well.
	cat >"$T/bb/bin/beat" <<-'END'
		#!/bin/sh
		n=$(tail -n 1 /beats 2>/dev/null | cut -d ' ' -f 1)
		while :; do
			n=$((n + 1))
			: >/run/beat
			echo "$n $(stat -c %y /run/beat)" >>/beats
			[ ! -e /srv/beats ] || echo "$n $(stat -c %y /run/beat)" >>/srv/beats
			sleep 0.05
		done
	END
	chmod +x "$T/bb/bin/beat"
	echo 'beat &' >"$T/bb/root/.profile"
	tar -C "$T/bb" -cf "$T/bb.tar" .
	berth template import "$T/bb.tar" bb
	there template import "$T/bb.tar" bb
}

# move [OPTION...] MACHINE TARGET: prints the name there; $T/said has the sentences.
move() {
	timeout $((60 * $(slowness))) "$T/ssh/move" "$@" 2>"$T/said" || fault "move $*: $(cat "$T/said")"
}

# beating MACHINE: a machine that runs, and writes.
beating() {
	berth create --set network= bb "$1"
	berth start --wait "$1"
	retry 20 beats_more "$1" 3 berth
}

beats_more() {
	(($("$3" exec "$1" -- cat /beats | wc -l) > $2))
}

# check_beats MACHINE [FILE]: of a machine that runs there; none is lost, and none is there twice. Prints the longest
# silence in ms.
check_beats() {
	there exec "$1" -- cat "${2:-/beats}" >"$T/beats"
	awk '$1 != NR { print "line " NR " has beat " $1; exit 1 }' "$T/beats" || fault "beats of $1"
	python3 - "$T/beats" <<-'END'
		import sys, datetime
		last = None
		longest = 0
		for line in open(sys.argv[1]):
		    words = line.split()
		    if len(words) < 3:
		        continue
		    at = datetime.datetime.fromisoformat(words[1] + "T" + words[2][:15]).timestamp()
		    longest = max(longest, at - last if last else 0)
		    last = at
		print(round(longest * 1000))
	END
}

# cutter LINE: makes $T/cut, a command in place of ssh whose connection ends before that line of the sender, a pattern.
cutter() {
	cat >"$T/cut" <<-END
		#!/usr/bin/env python3
		import os, re, subprocess, sys
		ssh = subprocess.Popen(["ssh", "-F", "$T/ssh/config"] + sys.argv[1:], stdin=subprocess.PIPE)
		while True:
		    data = os.read(0, 65536)
		    found = re.search(rb"^$1\n", data, re.M)
		    os.write(ssh.stdin.fileno(), data[:found.start()] if found else data)
		    if found or not data:
		        break
		os.close(0)
		ssh.stdin.close()
		sys.exit(ssh.wait())
	END
	chmod +x "$T/cut"
}

gone_here() {
	fails 1 "no machine '$1'" berth info "$1" &&
		silent "volumes of $1" find "$BERTH_ROOT/run" "$BERTH_ROOT/lib" -maxdepth 4 -path '*/pools/*' \
			\( -name "machine.$1" -o -name "snapshot.$1.*" \)
}

# state_there MACHINE STATE
state_there() {
	[[ $(there list --json | jq -r ".[] | select(.name == \"$1\") | .state") == "$2" ]]
}

# Makes $T/ssh/faulty, berth there with the fault point that the file $T/fault names.
faulty_side() {
	sed "s|^exec berth|[ ! -e $T/fault ] \|\| export BERTH_FAULT=\$(cat $T/fault)\nexec berth|" "$T/ssh/berth" >"$T/ssh/faulty"
	chmod +x "$T/ssh/faulty"
}

# killed_at SIDE POINT: a move of "web" is killed at that point; then at most one side starts it, and the same command
# completes it. The script has begin_killed, which makes the machine, and check_killed.
killed_at() {
	local status=0 here=0 over=0
	echo "$1 $2"
	begin_killed
	rm -f "$T/fault"
	if [[ $1 == here ]]; then
		BERTH_FAULT=$2 "$T/ssh/move" web other >/dev/null 2>"$T/said" || status=$?
		((status == 137)) || fault "at $2 it ended with $status: $(cat "$T/said")" || return
	else
		echo "$2" >"$T/fault"
		berth move --ssh "ssh -F $T/ssh/config" --berth "$T/ssh/faulty" web other >/dev/null 2>"$T/said" || status=$?
		((status == 1)) || fault "at $2 it ended with $status: $(cat "$T/said")" || return
		rm -f "$T/fault"
	fi
	retry 20 not pgrep -f "^berth receive" >/dev/null
	# Whoever may start it does.
	berth start --wait web >/dev/null 2>&1 || true
	there start --wait web >/dev/null 2>&1 || true
	state_is web running 2>/dev/null && here=1
	state_there web running && over=1
	((here + over <= 1)) || fault "after $2 both sides run it" || return
	if ((here + over == 0)); then
		has "handing-over" "$(berth list)" || return
	fi
	echo "# here $here, there $over"
	if berth info web >/dev/null 2>&1; then
		same "its name" web "$(move web other)" || return
	fi
	check_killed
}
