#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Commands that look change nothing, even if parts are missing. An object with a missing part is shown as broken, and
# nothing whole is removed.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

lib=$BERTH_ROOT/lib

# The folder in which pool $1 has its volumes.
volumes_of() {
	if [[ -d $lib/pools/$1/volumes ]]; then
		echo "$lib/pools/$1/volumes"
	else
		echo "$BERTH_ROOT/run/pools/$1"
	fi
}

# broken NAME MISSING: list and info report the missing part, as text and as JSON.
broken() {
	berth list >"$T/listed" 2>"$T/said" && fault "list is content"
	grep -Eq "^$1 +broken" "$T/listed" || fault "not listed as broken: $(cat "$T/listed")"
	same "sentences of $1" 1 "$(grep -c "'$1'" "$T/said")"
	berth list --json "$1" >"$T/json" 2>/dev/null && fault "list --json is content"
	has '"state": "broken"' "$(cat "$T/json")"
	has "\"missing\": \"$2\"" "$(cat "$T/json")"
	berth info "$1" >"$T/listed" 2>"$T/said" && fault "info is content"
	has "^missing: +$2" "$(cat "$T/listed")"
	berth info --json "$1" >"$T/json" 2>/dev/null && fault "info --json is content"
	has "\"missing\": \"$2\"" "$(cat "$T/json")"
	berth doctor >"$T/doctor" 2>&1 && fault "doctor is content"
	has "problem +(machine +.*'$1'|volume +volume 'machine.$1')" "$(cat "$T/doctor")"
}

set_up() {
	berth pool create default --driver "${STORAGE_DRIVER:-btrfs}"
	busybox_template bb
	berth create --set network= bb m
	berth start --wait m
	berth exec m -- sh -c 'echo kept >/kept; sync'
	berth snapshot m s
	berth stop m
}

case_settings_moved_away() {
	local folder=$lib/machines/m
	mv "$folder/machine.conf" "$folder/machine.conf.bak"
	broken m machine.conf
	fails 1 "'m' has lost its settings.*adopt m.*delete --force m" berth start m
	fails 1 "'m' has lost its settings.*adopt m" berth clone m n
	fails 1 "'m' exists already, but has lost its settings.*adopt m" berth create --set network= bb m
	fails 1 "'m' has lost its settings.*use --force" berth delete m
	# The clean-up of other commands does not remove it either.
	berth create --set network= bb n
	berth delete n
	test -e "$folder/machine.conf.bak"
	test -e "$folder/console.log"
	mv "$folder/machine.conf.bak" "$folder/machine.conf"
	berth start --wait m
	same "what it wrote" kept "$(berth exec m cat /kept)"
	berth stop m
}

case_settings_moved_away_while_it_runs() {
	local folder=$lib/machines/m
	berth start --wait m
	mv "$folder/machine.conf" "$T/m.conf"
	broken m machine.conf
	has "broken, and it runs" "$(berth info m 2>/dev/null || true)"
	berth stop m
	broken m machine.conf
	mv "$T/m.conf" "$folder/machine.conf"
	berth list
	same state stopped "$(field m state)"
}

case_emptied_settings() {
	local folder=$lib/machines/m
	cp -a "$folder/machine.conf" "$T/m.conf"
	: >"$folder/machine.conf"
	broken m machine.conf
	fails 1 "'m'.*delete --force m" berth start m
	cp -a "$T/m.conf" "$folder/machine.conf"
	berth list
	# It can be deleted.
	berth clone m n
	: >"$lib/machines/n/machine.conf"
	fails 1 "use --force" berth delete n
	berth delete --force n
	not test -e "$lib/machines/n"
	not test -e "$(volumes_of default)/machine.n"
	berth list
}

case_what_is_no_regular_file() {
	local folder=$lib/machines/m file
	for file in machine.conf ended; do
		mv "$folder/$file" "$T/aside"
		mkfifo "$folder/$file"
		timeout 120 berth list >"$T/listed" 2>"$T/said" || same "status of list" 1 "$?"
		timeout 120 berth info m >/dev/null 2>&1 || same "status of info" 1 "$?"
		rm "$folder/$file"
		mkdir "$folder/$file"
		timeout 120 berth list >/dev/null 2>&1 || same "status of list" 1 "$?"
		rmdir "$folder/$file"
		mv "$T/aside" "$folder/$file"
	done
	has "no regular file" "$(mkfifo "$T/fifo"; ln -sf "$T/fifo" "$T/link"; mv "$folder/machine.conf" "$T/aside"
		cp -P "$T/link" "$folder/machine.conf"; timeout 120 berth list 2>&1; mv "$T/aside" "$folder/machine.conf")"
	# The file may have any size.
	mv "$folder/machine.conf" "$T/aside"
	truncate -s 1T "$folder/machine.conf"
	broken m machine.conf
	mv -f "$T/aside" "$folder/machine.conf"
	berth list
}

case_folder_moved_away() {
	mv "$lib/machines/m" "$T/m"
	broken m machine.conf
	fails 1 "pool 'default' holds its root.*adopt m.*delete --force m" berth start m
	fails 1 "pool 'default' holds a root 'machine.m' already.*adopt m" berth create --set network= bb m
	not test -e "$lib/machines/m"
	berth create --set network= bb n
	berth delete n
	mv "$T/m" "$lib/machines/m"
	same snapshots 1 "$(field m snapshots)"
	# The folder of all machines is missing.
	mv "$lib/machines" "$T/machines"
	berth list >/dev/null 2>&1 && fault "list is content"
	rmdir "$lib/machines" 2>/dev/null || true
	mv "$T/machines" "$lib/machines"
	berth list
}

case_volume_moved_away() {
	local volumes
	volumes=$(volumes_of default)
	mv "$volumes/machine.m" "$volumes/.away"
	broken m volume
	fails 1 "machine.m" berth start m
	fails 1 "'m' has lost its root.*berth delete m" berth clone m n
	mv "$volumes/.away" "$volumes/machine.m"
	berth start --wait m
	berth stop m
}

case_pool_moved_away() {
	berth pool create other --driver dir --source "$T/disk"
	berth create --set network= --pool other bb o
	# The disk is mounted late.
	mv "$T/disk" "$T/disk.away"
	broken o pool
	fails 1 "disk" berth start o
	fails 1 "delete --force o" berth delete o
	mkdir "$T/disk"
	broken o pool
	rmdir "$T/disk"
	mv "$lib/pools/other" "$T/other"
	broken o pool
	mv "$T/other" "$lib/pools/other"
	mv "$T/disk.away" "$T/disk"
	berth start --wait o
	berth delete --force o
	berth pool delete other
}

# template_broken NAME MISSING
template_broken() {
	berth template list >"$T/listed" 2>"$T/said" && fault "template list is content"
	grep -Eq "^$1 +broken" "$T/listed" || fault "not listed as broken: $(cat "$T/listed")"
	grep -q '^bb ' "$T/listed"
	berth template list --json >"$T/json" 2>/dev/null && fault "template list --json is content"
	has "\"missing\": \"$2\"" "$(cat "$T/json")"
	berth doctor >"$T/doctor" 2>&1 && fault "doctor is content"
	has "problem +(template +.*'$1'|volume +volume 'template.$1')" "$(cat "$T/doctor")"
}

case_templates() {
	local folder=$lib/templates/other volumes
	volumes=$(volumes_of default)
	busybox_template other
	# The settings are missing.
	mv "$folder/template.conf" "$T/template.conf"
	template_broken other template.conf
	fails 1 "'other' has lost its settings.*template adopt other" berth create --set network= other n
	fails 1 "'other' has lost its settings.*template adopt other" berth template import "$T/bb.tar" other
	fails 1 "'other' has lost its settings.*delete --force other" berth template delete other
	berth template import "$T/bb.tar" third
	berth template delete third
	mv "$T/template.conf" "$folder/template.conf"
	# The settings are unreadable.
	echo nonsense >>"$folder/template.conf"
	template_broken other template.conf
	fails 1 "'other'.*with --force" berth template delete other
	sed -i '$d' "$folder/template.conf"
	# The template's whole folder is missing; then that of all templates.
	mv "$folder" "$T/other"
	template_broken other template.conf
	berth create --set network= bb n
	berth delete n
	mv "$T/other" "$folder"
	mv "$lib/templates" "$T/templates"
	berth template list >/dev/null 2>&1 && fault "template list is content"
	fails 1 "holds its root" berth template import "$T/bb.tar" other
	berth template import "$T/bb.tar" third
	berth template delete third
	rm -r "$lib/templates"
	mv "$T/templates" "$lib/templates"
	# The root is missing.
	mv "$volumes/template.other" "$volumes/.away"
	template_broken other volume
	fails 1 "'other' has lost its root" berth create --set network= other n
	mv "$volumes/.away" "$volumes/template.other"
	berth template list
	# The template is adopted by the facts of its root; and it can be deleted without settings.
	rm -r "$folder"
	berth template adopt other
	fails 1 "nothing to adopt" berth template adopt other
	berth create --set network= other n
	berth delete n
	: >"$folder/template.conf"
	berth template delete --force other
	not test -e "$folder"
	not test -e "$volumes/template.other"
	berth template list
}

case_networks() {
	local folder=$lib/networks/other
	berth network create other
	berth network create whole
	mv "$folder/network.conf" "$T/network.conf"
	berth network list >"$T/listed" 2>"$T/said" && fault "network list is content"
	has "^other +(- +){4}broken" "$(cat "$T/listed")"
	has "^whole " "$(cat "$T/listed")"
	has "'other' has lost its settings.*delete --force other" "$(cat "$T/said")"
	berth network list --json >"$T/json" 2>/dev/null && fault "network list --json is content"
	has '"missing": "network.conf"' "$(cat "$T/json")"
	has "problem +network +.*'other' has lost" "$(berth doctor 2>&1)"
	fails 1 "'other' has lost its settings" berth network create other
	fails 1 "'other' has lost its settings" berth network delete other
	fails 1 "'other' has lost its settings" berth network up other
	test -d "$folder/names"
	mv "$T/network.conf" "$folder/network.conf"
	berth network list
	rm "$folder/network.conf"
	berth network delete --force other
	not test -e "$folder"
	berth network delete whole
}

case_adopt() {
	local folder=$lib/machines/m uuid
	uuid=$(berth get m uuid)
	fails 1 "'m' has its settings.*nothing to adopt" berth adopt m
	fails 1 "no reachable pool has a volume 'machine.nothing'" berth adopt nothing
	fails 2 "no machine is named" berth adopt
	# The settings come from a backup.
	mv "$folder/machine.conf" "$T/m.conf"
	berth adopt --conf "$T/m.conf" m
	same uuid "$uuid" "$(berth get m uuid)"
	berth start --wait m
	same "what it wrote" kept "$(berth exec m cat /kept)"
	berth stop m
	# There is no backup and no folder; the snapshot is adopted too.
	rm -r "$folder"
	berth adopt m
	same snapshots 1 "$(field m snapshots)"
	berth set m network=
	berth start --wait m
	same "what it wrote" kept "$(berth exec m cat /kept)"
	berth stop m
	berth doctor | not grep -E "problem +(machine|volume)"
	rm -r "$folder"
	same adopted m "$(berth adopt --all)"
	same state stopped "$(field m state)"
	berth set m network=
}

# The settings of a pool are missing: commands that look keep its folder and all in it.
case_pool_settings_moved_away() {
	local conf=$lib/pools/lost/pool.conf
	berth pool create lost --driver dir
	mv "$conf" "$T/pool.conf"
	find "$lib/pools/lost" | sort >"$T/was"
	for verb in list status; do
		berth pool "$verb" >"$T/listed" 2>"$T/said" && fault "pool $verb is content"
		grep -Eq "^lost +broken" "$T/listed" || fault "not listed as broken: $(cat "$T/listed")"
		has "'lost' has lost its settings.*pool.conf.*is missing" "$(cat "$T/said")"
		berth pool "$verb" --json >"$T/json" && fault "pool $verb --json is content"
		has '"missing": "pool.conf"' "$(cat "$T/json")"
	done
	find "$lib/pools/lost" | sort | diff "$T/was" -
	# Unreadable settings are reported in the same way.
	echo "nonsense" >"$conf"
	berth pool list >"$T/listed" 2>"$T/said" && fault "pool list is content"
	grep -Eq "^lost +broken" "$T/listed" || fault "not listed as broken: $(cat "$T/listed")"
	mv "$T/pool.conf" "$conf"
	berth pool list
	berth pool delete lost
}

# A half made or half removed machine is not listed. The next command that changes something removes it.
case_half_made() {
	local folder=$lib/machines/half
	berth create --set network= bb half
	mv "$folder/machine.conf" "$lib/machines/.unfinished/half"
	berth list >"$T/listed"
	not grep half "$T/listed"
	fails 1 "no machine 'half'" berth info half
	test -e "$folder"
	test -e "$(volumes_of default)/machine.half"
	berth create --set network= bb n
	not test -e "$folder"
	not test -e "$(volumes_of default)/machine.half"
	berth delete n
}

# Every file and folder of the state is taken away, with a machine in each state.
case_each_file_taken_away() {
	local pool machine
	berth delete --force m
	berth pool create second --driver dir
	for pool in default second; do
		berth create --set network= --pool "$pool" bb "stopped-$pool"
		berth start --wait "stopped-$pool"
		berth stop "stopped-$pool"
		berth snapshot "stopped-$pool" s
		berth clone "stopped-$pool" "clone-$pool"
		berth launch --wait --pool "$pool" bb "running-$pool"
	done
	berth create --ephemeral bb ephemeral
	berth launch --wait bb paused
	berth pause paused
	berth launch --wait --set network= bb failed
	kill -KILL "$(field failed keeper)"
	retry 10 state_is failed failed
	# The pending copy of settings in a pool is written first, so that it does not count as a change.
	retry 30 no_copying_is_left
	mkdir "$T/away"
	"$top/tests/integration/looking.py" "$BERTH_ROOT" "$T/away"
	for machine in running-default running-second paused; do
		retry 10 state_is "$machine" "${machine%-*}"
	done
	berth resume paused
	berth exec paused true
	berth exec running-second true
	berth delete --force paused running-default running-second failed ephemeral stopped-{default,second} \
		clone-{default,second}
	berth pool delete second
}

# No command blocks on one of these files, not even on a FIFO.
case_each_file_a_fifo() {
	berth create bb stopped
	berth start --wait stopped
	berth stop stopped
	berth launch --wait bb running
	retry 30 no_copying_is_left
	TEST_SECONDS=1500 "$top/tests/integration/special.py" "$BERTH_ROOT" running stopped
	berth delete --force running stopped
}

run_cases "$@"
