# SPDX-License-Identifier: GPL-2.0-or-later
# Backups of scripts that test them, in the folder $T/target unless they set target. Sourced after tests/lib.sh.
# shellcheck shell=bash

backup_verb=(berth backup)

# tree MACHINE: a sum of what it has in /data, of a running machine.
tree() {
	berth exec "$1" -- busybox sh -c 'busybox find /data | busybox sort | while read -r f; do
		busybox stat -c "%n %f %u %s %Y" "$f"; [ ! -f "$f" ] || busybox sha256sum "$f"; done' | sha256sum
}

# kinds [WORD...]: of the backups, in their order.
# shellcheck disable=SC2120 # without words: of all machines
kinds() {
	"${backup_verb[@]}" list --json --target "${target:-$T/target}" "$@" | jq -r '[.[].kind] | join(" ")'
}

# held [MACHINE]: the snapshots that backups build on.
held() {
	berth snapshot list --json "${1:-web}" | jq -r '[.[].name | select(startswith("backup-"))] | join(" ")'
}

# is_held MACHINE [COUNT]: that many are there. A look at the pools' folders is quick enough that the backup which a
# case is to interrupt is still at work; a thin pool has no such folder.
is_held() {
	local path found=0
	if [[ ${STORAGE_DRIVER:-} == thin ]]; then
		[[ $(held "$1" | wc -w) -ge ${2:-1} ]]
		return
	fi
	for path in "$BERTH_ROOT"/{run/pools/*,lib/pools/*/volumes}/"snapshot.$1.backup-"*; do
		[[ ! -e $path ]] || found=$((found + 1))
	done
	((found >= ${2:-1}))
}
