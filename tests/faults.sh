# SPDX-License-Identifier: GPL-2.0-or-later
# Commands that are killed at their fault points, in a build that has them. Sourced after tests/lib.sh.
# shellcheck shell=bash

# points COMMAND...: the fault points that the command passes, as NAME:N in its order, N being how often it passed that one.
points() {
	rm -f "$T/trace"
	BERTH_FAULT_TRACE=$T/trace "$@"
	awk '{ print $1 ":" ++seen[$1] }' "$T/trace"
}

# not_kindly COMMAND...: it is killed.
not_kindly() {
	local status=0
	"$@" >/dev/null 2>&1 || status=$?
	((status == 137)) || fault "ended with $status: $*"
}
