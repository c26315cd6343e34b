# SPDX-License-Identifier: GPL-2.0-or-later
# The verbs of the program, as its own help lists them. Sourced after tests/lib.sh.
# shellcheck shell=bash

# all_verbs: "VERB" or "GROUP MEMBER", a line each.
all_verbs() {
	local verb words
	berth help | sed -n 's/^  \([a-z-]*\) *\([^ ]*\).*/\1 \2/p' | while read -r verb words; do
		if [[ $words == VERB ]]; then
			berth help "$verb" | sed -n "2,/^  -h/s/^  \([a-z][a-z]*\).*/$verb \1/p"
		else
			echo "$verb"
		fi
	done
}

# flags_of VERB...: its options, such as --json, a line each.
flags_of() {
	berth help "$@" | sed -n 's/^  \(-., \|    \)\(--[a-z0-9-]*\).*/\2/p'
}
