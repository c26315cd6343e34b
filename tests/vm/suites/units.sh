#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every unit-test program of the build tree, as root, on a whole system; but for the catalogue's, which
# asks nothing of the kernel, and needs minutes where the processor is emulated.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

one_program() {
	local status=0 began=${EPOCHREALTIME/./}
	run_unit "$BUILD_TREE/test_$1" || status=$?
	case $status in
	0) echo "ok $1" ;;
	77) status=0 ;;
	*) echo "not ok $1" ;;
	esac
	echo "# took $(((${EPOCHREALTIME/./} - began) / 1000)) ms"
	return "$status"
}

names=()
for program in "$BUILD_TREE"/test_*; do
	name=${program##*/test_}
	[[ $name == catalog || ! -x $program || ! -e tests/unit/test_$name.c ]] || names+=("$name")
done
side_by_side one_program "${names[@]}"
