#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The benchmark on a machine that is fresh: what it fetches, it fetches before it leaves the network.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# stub FILE <LINES: a program in the tree of the benchmark, and what it was called with.
stub() {
	mkdir -p "$(dirname "$T/tree/$1")"
	{
		printf '#!/bin/sh\necho "%s $(readlink /proc/self/ns/net) $*" >>%s\n' "$1" "$T/calls"
		cat
	} >"$T/tree/$1"
	chmod +x "$T/tree/$1"
}

case_fetched_before_it_leaves() {
	local network called inside words
	network=$(readlink /proc/self/ns/net)
	mkdir -p "$T/tree/tests/bench"
	cp "$top/tests/bench/run" "$T/tree/tests/bench/run"
	cp "$top/tests/tag.sh" "$T/tree/tests/tag.sh"
	stub packages/install </dev/null
	stub tests/run <<-END
		mkdir -p $T/tree/build/gcc
		touch $T/tree/build/gcc/berth
	END
	# The second time is inside, where it only is to be found.
	stub tests/debian-root <<-END
		[ \$(grep -c debian-root $T/calls) -gt 1 ] && exit 1
		echo $T/root.tar
	END
	not env -u NO_INSTALL -u BUILD_TREE BUILD="$T/tree/build" "$T/tree/tests/bench/run" --runs 1 2>"$T/err"
	grep -q "debian-root" "$T/err"
	same "what it has called" "packages/install $network build run test bench
tests/run $network unit base
tests/debian-root $network bookworm" "$(head -n 3 "$T/calls")"
	read -r called inside words < <(tail -n +4 "$T/calls")
	same "what it has called inside" "tests/debian-root bookworm" "$called $words"
	[[ $inside == net:* && $inside != "$network" ]] || fault "it is in the network still: $inside"
}

run_cases "$@"
