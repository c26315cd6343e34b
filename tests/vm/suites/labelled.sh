#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A Debian at its work, containers and machines in a machine, and the walls that settings move, behind
# AppArmor's profile, which is the default on a host that has it.
# packages: apparmor
# integration: work nesting walls
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

export RELEASES="bookworm trixie" TEST_SECONDS=1500

denied() {
	dmesg | grep 'apparmor="DENIED".*profile="berth-machine' | sed 's/.*operation=/operation=/; s/ pid=[0-9]*//' |
		sort | uniq -c | sort -rn | head -n 40
}

run_integration work nesting walls
status=$?
denied
exit "$status"
