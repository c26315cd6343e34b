#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# top: what machines use of the processors, in orders that are asked for, once and on a terminal.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

set_up() {
	busybox_template bb
}

# cpu_of MACHINE: prints its share of a processor in hundredths, as top shows it.
cpu_of() {
	berth top --json | python3 -IS -c '
import json, sys
print(int(sum(100 * m["cpu"] for m in json.load(sys.stdin) if m["name"] == sys.argv[1])))' "$1"
}

counts_most() {
	[[ $(cpu_of busy) -gt 2 && $(cpu_of idle) -lt $(cpu_of busy) ]]
}

# shown_first MACHINE OPTION...: top with these options shows it as the first one.
shown_first() {
	berth top "${@:2}" | sed -n 2p | grep -q "^$1 *running"
}

case_top() {
	berth launch --wait bb busy
	berth launch --wait bb idle
	berth exec busy -- sh -c 'until [ -e /stop ]; do :; done' &
	retry 20 counts_most
	has "^NAME +STATE +CPU" "$(berth top | head -n 1)"
	# Another program may have the processors at the moment of one look.
	retry 20 shown_first busy --sort cpu
	has "^busy +running" "$(berth top --sort name | sed -n 2p)"
	fails 2 "--sort cannot be 'size'" berth top --sort size
	python3 "$top/tests/integration/terminal.py" 24x100 berth top <<-'END'
		expect 2 running
		send n
		expect busy
		send q
		expect-end 0
	END
	berth exec busy touch /stop
	wait
	berth delete --force busy idle
	has "no machine runs" "$(berth top 2>&1)"
}

run_cases "$@"
