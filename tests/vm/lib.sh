# What the suites in the guest stand on: as tests/lib.sh, but the guest is theirs, and thrown away.
# shellcheck shell=bash
set -u -o pipefail

T=$(mktemp -d /var/tmp/suite.XXXXXX)

fault() {
	echo "fault: $*" >&2
	return 1
}

# skip WHY: ends the case.
skip() {
	echo "$*" >"$T/why"
	exit 77
}

# same WHAT WANTED GOT
same() {
	[[ $2 == "$3" ]] || fault "$1: wanted '$2', got '$3'"
}

# has PATTERN TEXT: an extended regular expression somewhere in it.
has() {
	grep -Eq -e "$1" <<<"$2" || fault "no '$1' in: $2"
}

# not COMMAND...: set -e looks away from a plain "!".
not() {
	! "$@" || fault "succeeded: $*"
}

# retry SECONDS COMMAND...: until it succeeds.
retry() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < deadline)) || fault "not in time: $*" || return
		sleep 0.1
	done
}

# run_unit PROGRAM: one that ends in suite_run(). What it skips is told as a case of its own.
run_unit() {
	local status=0 name=${1##*/} why
	name=${name#test_}
	(cd "$BUILD_TREE" && timeout -k 5 300 "$1") >"$T/unit.log" 2>&1 || status=$?
	while read -r why; do
		echo "skip $name: $why"
	done < <(sed -n 's/^skip: //p' "$T/unit.log")
	grep -v '^skip: ' "$T/unit.log"
	return "$status"
}

run_case() {
	local name=${1#case_} status=0
	name=${name//_/ }
	echo "# $name"
	(
		exec 9>"$T/trace"
		BASH_XTRACEFD=9 PS4='+ ${LINENO}: '
		set -eEx
		"$1"
	) </dev/null
	status=$?
	case $status in
	0) echo "ok $name" ;;
	77) echo "skip $name: $(cat "$T/why")" ;;
	*)
		echo "# the end of the trace, status $status:"
		tail -n 25 "$T/trace" | cut -c 1-300 | sed 's/^/# /'
		echo "not ok $name"
		failures=$((failures + 1))
		;;
	esac
}

# All case_* functions in the order in which they stand in the script.
run_cases() {
	local case
	failures=0
	# shellcheck disable=SC2013 # names without blanks
	for case in $(sed -n 's/^\(case_[a-z0-9_]*\)() {$/\1/p' "$0"); do
		run_case "$case"
	done
	[[ $failures -eq 0 ]]
	exit
}

# run_integration NAME...: tests of tests/integration, their cases told as "NAME/CASE". For the exit.
run_integration() {
	local name status failed=0
	for name; do
		status=0
		TEST_SECONDS=${TEST_SECONDS:-600} "tests/integration/$name.sh" >"$T/$name.log" 2>&1 </dev/null || status=$?
		sed -E "s|^(ok\|not ok\|skip) |&$name/|" "$T/$name.log"
		if [[ $status -ne 0 && $status -ne 77 ]]; then
			failed=1
			grep -q '^not ok ' "$T/$name.log" || echo "not ok $name: ended with $status"
		fi
	done
	return "$failed"
}
