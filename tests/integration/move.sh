#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Machines that move to another host, by a real sshd: another installation of berth, with its own root, is there.
needs_debian="bookworm"
needs_packages="openssh-server"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/other_host.sh
. "$top/tests/other_host.sh"

fast=${STORAGE_DRIVER:-btrfs}

set_up() {
	berth pool create default --driver "$fast"
	there pool create default --driver "$fast"
	busybox_root "$T/bb"
	# The console's login shell starts it at each boot: a line "NUMBER TIME" every 50 ms.
	cat >"$T/bb/bin/beat" <<-'END'
		#!/bin/sh
		n=$(tail -n 1 /beats 2>/dev/null | cut -d ' ' -f 1)
		while :; do
			n=$((n + 1))
			: >/run/beat
			echo "$n $(stat -c %y /run/beat)" >>/beats
			sleep 0.05
		done
	END
	chmod +x "$T/bb/bin/beat"
	echo 'beat &' >"$T/bb/root/.profile"
	tar -C "$T/bb" -cf "$T/bb.tar" .
	berth template import "$T/bb.tar" bb
	start_server
}

tear_down() {
	stop_server
}

# move [OPTION...] MACHINE TARGET: prints the name there; $T/said has the sentences.
move() {
	timeout 60 "$T/ssh/move" "$@" 2>"$T/said" || fault "move $*: $(cat "$T/said")"
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

# check_beats MACHINE: of a machine that runs there; none is lost, and none is there twice. Prints the longest silence in ms.
check_beats() {
	there exec "$1" -- cat /beats >"$T/beats"
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

inventory() {
	(cd "$1" && find lib -path '*/volumes/*/*' -prune -o -print | grep -vE '/keeper.log|console.log|/move$|\.new$' | sort)
}

gone_here() {
	fails 1 "no machine '$1'" berth info "$1" &&
		silent "volumes of $1" find "$BERTH_ROOT/run/pools/default" -maxdepth 1 -name "*.$1*"
}

# state_there MACHINE STATE
state_there() {
	[[ $(there list --json | jq -r ".[] | select(.name == \"$1\") | .state") == "$2" ]]
}

case_stopped() {
	local uuid
	berth create --set network= --set description="it's \"own\"" bb still
	berth snapshot still s1
	uuid=$(berth get still uuid)
	same "its name" still "$(move still other)"
	gone_here still
	same uuid "$uuid" "$(there get still uuid)"
	same description "it's \"own\"" "$(there get still description)"
	same snapshots s1 "$(snapshots there snapshot list --json still)"
	state_there still stopped
	same "its move" null "$(there info --json still | jq .move)"
	there start --wait still
	fails 1 "no machine 'still'" "$T/ssh/move" still other
	there delete --force still
}

case_running() {
	local silence uuid
	beating web
	berth snapshot web mine
	uuid=$(berth get web uuid)
	same "its name" web "$(move web other)"
	has "stood still for [0-9.]+ s" "$(cat "$T/said")"
	gone_here web
	same uuid "$uuid" "$(there get web uuid)"
	state_there web running
	same "snapshots there" mine "$(snapshots there snapshot list --json web)"
	retry 20 beats_more web 20 there
	silence=$(check_beats web)
	echo "# silence $silence ms; $(cat "$T/said")"
	there delete --force web
}

run_cases "$@"
