#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Volumes for data in files of apply: two machines cannot both write to one, and a volume passes from one to another.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/volumes.sh
. "$top/tests/volumes.sh"
# shellcheck source=tests/apply.sh
. "$top/tests/apply.sh"

set_up() {
	busybox_template bb
	mkdir -p "$T/in"
}

# files STATE LINES_OF_MA LINES_OF_MB: two machines, each with these lines after its own.
files() {
	{
		printf 'name = shop\n[machine ma]\ntemplate = bb\nnetwork =\nstate = %s\n%s\n' "$1" "$2"
		printf '[machine mb]\ntemplate = bb\nnetwork =\nstate = %s\n%s\n' "$1" "$3"
	} >"$T/in/shop.apply"
}

disk() {
	printf '[volume %s]\ntarget = %s\n%s' "$1" "$2" "${3:-}"
}

volumes() {
	local volume
	for volume; do
		berth volume info "$volume" >/dev/null 2>&1 || berth volume create "$volume"
	done
}

holders() {
	berth volume info --json "$1" | jq -r '[.machines[] | .name + ":" + .target] | sort | join(" ")'
}

case_two_writers() {
	no_machines
	volumes one
	files stopped "$(disk one /srv)" "$(disk one /data)"
	tells_all "shop.apply:12: volume 'one' is that of machine 'ma' in line 2 too, and two machines cannot write" \
		berth apply "$T/in/shop.apply"
	tells_all "shop.apply:12: volume 'one' is that" berth apply --diff "$T/in/shop.apply"
	same "nothing is made" 0 "$(berth list --json | jq length)"
	describe '[machine m]' 'template = bb' 'count = 2' 'network =' '[volume one]' 'target = /srv'
	tells_all "shop.apply:5: volume 'one' can be written to by one machine alone" berth apply "$T/in/shop.apply"
	tells_all "shop.apply:5: volume 'one' can be written" berth apply --diff "$T/in/shop.apply"
	same "nothing is made" 0 "$(berth list --json | jq length)"
	# Readers may be many, beside one that writes.
	files stopped "$(disk one /srv)" "$(disk one /data 'readonly = yes')"
	berth apply "$T/in/shop.apply"
	same "both have it" "ma:/srv mb:/data" "$(holders one)"
}

case_moved() {
	local state
	for state in stopped running; do
		no_machines
		volumes one two
		files "$state" "$(disk one /srv)" "$(disk two /data)"
		berth apply "$T/in/shop.apply"
		# An exchange.
		files "$state" "$(disk two /srv)" "$(disk one /data)"
		berth apply --diff "$T/in/shop.apply"
		same "a look changes nothing" "ma:/srv" "$(holders one)"
		berth apply "$T/in/shop.apply"
		same "exchanged" "mb:/data ma:/srv" "$(holders one) $(holders two)"
		does -- "nothing to do"
		files "$state" "$(disk one /srv 'readonly = yes')" "$(disk one /data; disk two /mnt)"
		berth apply "$T/in/shop.apply"
		same "all to one" "ma:/srv mb:/data mb:/mnt" "$(holders one) $(holders two)"
		files "$state" "$(disk one /srv)" "$(disk one /data 'readonly = yes')"
		berth apply "$T/in/shop.apply"
		does -- "nothing to do"
	done
	berth exec ma -- touch /srv/file
	berth exec mb -- test -e /data/file
}

# A machine outside of the file keeps it, and one that the file described loses it when it is deleted.
case_owner_deleted() {
	no_machines
	volumes one
	describe 'name = shop' '[machine ma]' 'template = bb' 'network =' '[volume one]' 'target = /srv'
	berth apply "$T/in/shop.apply"
	berth exec ma -- touch /srv/of-ma
	describe 'name = shop' '[machine mb]' 'template = bb' 'network =' '[volume one]' 'target = /data'
	tells_all "shop.apply:5: volume 'one' is attached to machine 'ma', and two machines cannot write" \
		berth apply "$T/in/shop.apply"
	same "nothing is made" ma "$(berth list --json | jq -r '.[].name')"
	berth apply --prune "$T/in/shop.apply"
	same "the old one is gone" mb "$(berth list --json | jq -r '.[].name')"
	berth exec mb -- test -e /data/of-ma
	berth create bb other
	berth volume detach mb one
	berth volume attach other one /srv
	tells_all "attached to machine 'other'" berth apply --prune "$T/in/shop.apply"
}

run_cases "$@"
