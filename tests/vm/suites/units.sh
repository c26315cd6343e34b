#!/usr/bin/env bash
# Every unit-test program of the build tree, as root, on a whole system.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

failures=0
for program in "$BUILD_TREE"/test_*; do
	name=${program##*/test_}
	[[ -x $program && -e tests/unit/test_$name.c ]] || continue
	began=${EPOCHREALTIME/./}
	run_unit "$program"
	case $? in
	0) echo "ok $name" ;;
	77) ;;
	*)
		echo "not ok $name"
		failures=$((failures + 1))
		;;
	esac
	echo "# took $(((${EPOCHREALTIME/./} - began) / 1000)) ms"
done
[[ $failures -eq 0 ]]
