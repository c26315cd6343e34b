# SPDX-License-Identifier: GPL-2.0-or-later
# Files of berth.apply(5) in tests, and what apply prints and refuses. Sourced after tests/lib.sh; set_up makes $T/in.
# shellcheck shell=bash

# describe LINE...: in $T/in/shop.apply
describe() {
	printf '%s\n' "$@" >"$T/in/shop.apply"
}

# does OPTIONS... -- LINE...: apply prints exactly these lines.
does() {
	local options=()
	while [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	shift
	berth apply "${options[@]}" "$T/in/shop.apply" >"$T/out" 2>"$T/err" || fault "$(cat "$T/err")"
	grep -v '^berth: made ' "$T/err" >"$T/notes" || true
	same "what apply does" "$(printf '%s\n' "$@")" "$(cat "$T/out")"
}

# tells_all PATTERN COMMAND...: it fails, and tells each fault of a file in a line of its own. The pattern has "; " between
# lines.
tells_all() {
	local pattern=$1 got=0
	shift
	timeout 300 "$@" >"$T/out" 2>"$T/err" </dev/null || got=$?
	same "its code" 1 "$got"
	lacks "; [^ ]*:[0-9]+: " "$(cat "$T/err")"
	has "$pattern" "$(sed 's/^berth: //' "$T/err" | paste -sd '~' | sed 's/~/; /g')"
}

# refused PATTERN LINE...: and nothing is made.
refused() {
	local before
	before=$(berth list --json; berth network list --json)
	describe "${@:2}"
	tells_all "shop.apply.*$1" berth apply "$T/in/shop.apply"
	same "machines and networks" "$before" "$(berth list --json; berth network list --json)"
}
