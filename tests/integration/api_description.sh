#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the API answers is what its description says: each path that is described, with something to show.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/api.sh
. "$top/tests/api.sh"
record_path

set_up() {
	record_answers
	mkdir "$T/backups"
	busybox_template bb
	berth network create lan --subnet 10.79.1.0/24
	berth create --set label.role=web --set backup.target="$T/backups" bb web
	berth create --set network= bb stopped
	berth nic add web eth1 --network lan
	berth forward add web tcp 8090:80
	berth rule add web in deny tcp 81
	berth volume create data
	berth volume attach web data /srv
	berth start --wait web
	berth snapshot take web s1
	berth backup web
	berth backup stopped --target "$T/backups" || true
	mkdir "$T/shown"
	berth mount web "$T/shown" /mnt
	berth create bb broken
	mv "$BERTH_ROOT/lib/machines/broken/machine.conf" "$T/broken.conf"
}

tear_down() {
	[[ ! -e $T/broken.conf ]] || mv "$T/broken.conf" "$BERTH_ROOT/lib/machines/broken/machine.conf"
	gone web stopped broken
	berth volume delete data
	rm -r "$BERTH_ROOT/lib/backup-targets"
}

# paths: those of GET, with names of what is there; a list also with its objects.
paths() {
	jq -r '.paths | to_entries[] | select(.value.get) | .key, (if any(.value.get.parameters[]?; ."$ref" == "#/components/parameters/query-recursion")
		then .key + "?recursion=1" else empty end)' "$BERTH_DESCRIPTION" |
		sed 's/{machine}/web/; s/{snapshot}/s1/; s/{forward}/tcp-8090/; s/{nic}/eth1/; s/{template}/bb/; s/{pool}/default/; s/{network}/lan/; s/{volume}/data/'
}

case_each_path() {
	local path
	paths >"$T/paths"
	[[ -s $T/paths ]]
	while read -r path; do
		# A machine without a desktop has no picture; integration/desktop_rules has that of one.
		[[ $path != */events && $path != */picture && $path != *"{"* ]] || continue
		[[ $path != */files ]] || path+="?path=/etc"
		timeout 60 berth api GET "$path" >"$T/out" || fault "$path: $(cat "$T/out")"
	done <"$T/paths"
	berth api GET '/1.0/events?follow=0&since=1h' >"$T/out"
	berth api GET '/1.0/machines/broken' >"$T/out"
	berth api GET '/1.0/machines/broken/state' >"$T/out"
	berth api GET '/1.0/machines/stopped' >"$T/out"
	berth api GET '/1.0/backups?target='"$T/backups" >"$T/out"
	for path in /1.0/nothing /1.0/machines/none '/1.0/machines?recursion=2' /1.0/machines/UPPER; do
		berth api GET "$path" >"$T/out" || true
		has '"type": "error"' "$(cat "$T/out")"
	done
	answers_are_as_described
}

# A client gets the file itself, and nothing a second time that it has.
case_itself() {
	local tag
	same "the description" "$(jq -S . "$BERTH_DESCRIPTION")" "$(berth api GET /1.0/openapi.json | jq -S .)"
	tag=$(REQUEST_METHOD=GET PATH_INFO=/1.0/openapi.json berth api --cgi | tr -d '\r' | sed -n 's/^ETag: //p')
	has "^Status: 304" "$(REQUEST_METHOD=GET PATH_INFO=/1.0/openapi.json HTTP_IF_NONE_MATCH=$tag berth api --cgi)"
	not env BERTH_DESCRIPTION="$T/none" berth api GET /1.0/openapi.json >"$T/out"
	has "read '$T/none': .*install berth again" "$(jq -r .error "$T/out")"
}

# Without a variable it is that of the program's own place: the tree that built it, or the prefix where it was put.
case_place() {
	same "of the tree" "$(jq -S . "$BERTH_DESCRIPTION")" "$(BERTH_DESCRIPTION='' berth api GET /1.0/openapi.json | jq -S .)"
	mkdir -p "$T/prefix/bin" "$T/prefix/share/berth"
	cp "$BUILD_TREE/berth" "$T/prefix/bin/berth"
	echo '{"its":"own"}' >"$T/prefix/share/berth/openapi.json"
	same "of a prefix" own "$(BERTH_DESCRIPTION='' "$T/prefix/bin/berth" api GET /1.0/openapi.json | jq -r .its)"
	# Another user's is none.
	chown nobody "$T/prefix/share/berth/openapi.json"
	BERTH_DESCRIPTION='' "$T/prefix/bin/berth" api GET /1.0/openapi.json >"$T/out" || true
	not grep -q own "$T/out"
}

# The check has teeth: an answer with a member that is not described, and one without a member, are faults.
case_check_fails() {
	mkdir "$T/made"
	berth api GET /1.0 >"$T/made/a"
	printf 'api\0GET\0/1.0\0' >"$T/made/a.request"
	"$BERTH_TEST_PYTHON" "$top/tests/api_answers" "$BERTH_DESCRIPTION" "$T/made"
	jq '.metadata.more = 1' "$T/made/a" >"$T/made/b"
	cp "$T/made/a.request" "$T/made/b.request"
	not "$BERTH_TEST_PYTHON" "$top/tests/api_answers" "$BERTH_DESCRIPTION" "$T/made"
	jq 'del(.metadata.version)' "$T/made/a" >"$T/made/b"
	not "$BERTH_TEST_PYTHON" "$top/tests/api_answers" "$BERTH_DESCRIPTION" "$T/made"
	rm "$T/made"/*
	not "$BERTH_TEST_PYTHON" "$top/tests/api_answers" "$BERTH_DESCRIPTION" "$T/made"
}

run_cases "$@"
