# SPDX-License-Identifier: GPL-2.0-or-later
# Volumes for data of scripts that test them. Sourced after tests/lib.sh.
# shellcheck shell=bash

# The driver of the pool that the volumes are in; thin where device-mapper is.
fast=${STORAGE_DRIVER:-btrfs}

# A script that needs more has its own.
set_up() {
	# Else tests/lib.sh has made it.
	[[ -n ${STORAGE_DRIVER:-} ]] || berth pool create default --driver "$fast"
	busybox_template bb
	up a
}

# A pool of the driver under test, p-$fast, with the template bb, and one of driver dir, which may be the same.
two_pools() {
	local driver
	for driver in $(printf "%s\n" "$fast" dir | sort -u); do
		berth pool create "p-$driver" --driver "$driver"
	done
	busybox_template bb "p-$fast"
}

in_m() {
	berth exec "$1" -- sh -c "$2"
}

conf() {
	echo "$BERTH_ROOT/lib/machines/$1/machine.conf"
}

there() {
	berth volume list --json | jq -e --arg name "$1" 'any(.name == $name)' >/dev/null
}

gone_volume() {
	local volume
	for volume; do
		! there "$volume" || berth volume delete "$volume"
	done
}

# fresh VOLUME...: each is there, empty, and no machine has it.
fresh() {
	local volume machine
	for volume; do
		if there "$volume"; then
			for machine in $(berth volume info --json "$volume" | jq -r '.machines[].name'); do
				berth volume detach "$machine" "$volume"
			done
			berth volume delete "$volume"
		fi
		berth volume create "$volume"
	done
}

no_machines() {
	delete_each list 'delete --force'
}

tear_down() {
	local volume
	no_machines
	for volume in $(berth volume list --json | jq -r '.[].name'); do
		berth volume delete "$volume"
	done
}
