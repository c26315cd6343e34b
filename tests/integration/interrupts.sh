#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Commands that are interrupted at each of their steps: one sentence says where to see what is there, and that is whole.
needs_faults="case_clone case_snapshots case_attach case_publish"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/faults.sh
. "$top/tests/faults.sh"

set_up() {
	busybox_template bb
	berth volume create data
	berth create --set network= bb db
	berth volume attach db data /data
	berth start --wait db
	berth exec db -- sh -c 'echo kept >/data/file; sync'
	berth stop --force db
}

# interrupted PATTERN POINT COMMAND...: SIGTERM comes at that point; it ends by that, with one sentence.
interrupted() {
	local pattern=$1 point=$2 status=0
	shift 2
	BERTH_FAULT=$point BERTH_FAULT_SIGNAL=15 "$@" >"$T/out" 2>"$T/err" || status=$?
	same "status at $point" 143 "$status"
	has "^berth: interrupted; $pattern" "$(cat "$T/err")"
	same "sentences at $point" 1 "$(wc -l <"$T/err")"
}

# each_point COMMAND...: its fault points, but those of the time after its work.
each_point() {
	points "$@" 2>/dev/null >/dev/null
	awk '{ print $1 ":" ++seen[$1] }' "$T/trace" | grep -v -e '^pool-backup' -e '^settings-backup'
}

case_clone() {
	local point list
	list=$(each_point berth clone db c)
	berth delete c 2>/dev/null
	berth volume delete c-data
	((3 <= $(wc -w <<<"$list"))) || fault "there are few points: $list"
	for point in $list; do
		interrupted "clone 'c' is whole if 'berth list c' shows it" "$point" berth clone db c
		if berth list c >"$T/listed" 2>&1; then
			berth start --wait c
			same "at $point" kept "$(berth exec c cat /data/file)"
			berth delete --force c 2>/dev/null
			berth volume delete c-data
		else
			berth volume create other
			berth volume delete other
		fi
		same "volumes at $point" data "$(berth volume list --json | jq -r '.[].name' | paste -sd ' ')"
	done
}

case_snapshots() {
	local point list
	list=$(each_point berth volume snapshot data s)
	berth volume delete --snapshot s data
	[[ -n $list ]]
	for point in $list; do
		interrupted "snapshot 's' is whole if 'berth volume info data' shows it" "$point" berth volume snapshot data s
		if berth volume info data | grep -q '^snapshots: *s,'; then
			berth volume delete --snapshot s data
		fi
		berth volume snapshot data s
		berth volume delete --snapshot s data
	done
	list=$(each_point berth snapshot db s)
	berth volume delete --snapshot s data 2>/dev/null || true
	berth snapshot delete db s
	[[ -n $list ]]
	for point in $list; do
		interrupted "the snapshot of machine 'db' is whole if 'berth snapshot list db' shows it" "$point" berth snapshot db s
		berth snapshot delete db s 2>/dev/null || true
		berth snapshot db again
		berth snapshot delete db again
	done
}

case_attach() {
	local point list
	berth volume create more
	list=$(each_point berth volume attach db more /more)
	berth volume detach db more
	[[ -n $list ]]
	for point in $list; do
		interrupted "whether volume 'more' is attached to machine 'db' is shown by: berth info db" "$point" \
			berth volume attach db more /more
		! berth info db | grep -q more || berth volume detach db more
		berth volume attach db more /more
		berth volume detach db more
	done
	berth volume delete more
}

case_publish() {
	local point list
	list=$(each_point berth publish db t)
	berth template delete t
	[[ -n $list ]]
	for point in $list; do
		interrupted "template 't' is whole if 'berth template info t' shows it" "$point" berth publish db t
		if berth template info t >"$T/info" 2>&1; then
			berth template delete t
		fi
		berth publish db t 2>/dev/null
		berth template delete t
	done
}

tear_down() {
	berth delete db 2>/dev/null
	berth volume delete data
}

run_cases "$@"
