# SPDX-License-Identifier: GPL-2.0-or-later
# Cases of a test, here and in the guest: each runs in a subshell under set -e, by run_case, which prints "ok NAME",
# "not ok NAME" or "skip NAME: WHY". $T is a folder of the test.
# shellcheck shell=bash

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

# has PATTERN TEXT: the text contains a match of the extended regular expression.
has() {
	grep -Eq -e "$1" <<<"$2" || fault "no '$1' in: $2"
}

# lacks PATTERN TEXT: the text is not empty, and contains no match. Empty text is refused, because a failed command
# prints none.
lacks() {
	[[ -n $2 ]] || fault "there is no text in which '$1' could stand" || return
	! grep -Eq -e "$1" <<<"$2" || fault "'$1' in: $2"
}

# not COMMAND...: the command runs and fails; set -e ignores a plain "!". A command that does not exist, does not reach
# its machine, or crashes proves nothing, nor does a grep without its file.
not() {
	local status=0
	"$@" || status=$?
	((status != 0)) || fault "succeeded: $*" || return
	case ${1##*/} in
	grep | pgrep | diff | cmp | test | has) ((status == 1)) || fault "ended with $status: $*" ;;
	*) [[ ! $status =~ ^(99|12[4-7]|13[249])$ ]] || fault "ended with $status: $*" ;;
	esac
}

# silent WHAT COMMAND...: the command succeeds and prints nothing.
silent() {
	local said status=0
	said=$("${@:2}" 2>&1) || status=$?
	((status == 0)) || fault "$1: '${*:2}' ended with $status: $said" || return
	[[ -z $said ]] || fault "$1: '${*:2}' says: $said"
}

# empty WHAT FILE: the file exists and is empty.
empty() {
	[[ -e $2 ]] || fault "$1: there is no $2" || return
	[[ ! -s $2 ]] || fault "$1: $(cat "$2")"
}

# How many times slower this machine is now than an idle one, measured by the start of processes: 1 to 20.
slowness() {
	local began=${EPOCHREALTIME/./} times
	for _ in {1..40}; do
		/bin/true
	done
	times=$((1 + (${EPOCHREALTIME/./} - began) / 100000))
	echo $((times < 20 ? times : 20))
}

# patience SECONDS: those of an idle machine, as seconds of this one: for a deadline that also passes where all is well.
patience() {
	echo $(($1 * $(slowness)))
}

# No background command runs any more: these update the copies of settings in pools, or free removed blocks, and end by
# themselves.
no_copying_is_left() {
	local all
	all=$(ps -e -o ppid=,comm=,args=)
	# A child that a command has left has the command's name until its exec.
	[[ $all != *"berth --root $BERTH_ROOT _backup"* && $all != *"berth --root $BERTH_ROOT _free"* ]] &&
		! grep -Eq '^ *1 berth ' <<<"$all"
}

# retry SECONDS COMMAND...: repeats the command until it succeeds. The seconds are those of an idle machine: when they
# are over, and not before, the slowness of this one is measured. They are thirty at least: where the disk alone is slow,
# processes start as quickly as ever. What has not come soon is asked for less often: a tenth of the time that is gone
# lies between two questions, and a quarter of a second at most.
retry() {
	local began=$SECONDS seconds=$(($1 > 30 ? $1 : 30)) first=${EPOCHREALTIME/./} patience longer pause
	patience=$seconds
	shift
	until "$@" >/dev/null 2>&1; do
		if ((SECONDS >= began + patience)); then
			longer=$((seconds * $(slowness)))
			((longer > patience)) || fault "not in time: $*" || return
			patience=$longer
		fi
		pause=$(((${EPOCHREALTIME/./} - first) / 10000))
		pause=$((pause < 50 ? 50 : pause > 250 ? 250 : pause))
		printf -v pause 0.%03d "$pause"
		sleep "$pause"
	done
}

# coarse_second: prints the second of the kernel's coarse clock, from which file systems take the times of snapshots.
coarse_second() {
	touch "$T/now"
	stat -c %Y "$T/now"
}

is_past() {
	[[ $(coarse_second) != "$1" ]]
}

# another_second: waits until what is made is of a later second than what was made before.
another_second() {
	retry 5 is_past "$(coarse_second)"
}

# links_of_busybox FOLDER: the links of all its applets but an init, made by one process: in a guest that emulates its
# processors, a process for each link would take a quarter of a minute.
links_of_busybox() {
	busybox --list | python3 -IS -c '
import os, sys
os.chdir(sys.argv[1])
for name in set(sys.stdin.read().split()) - {"busybox", "init", "linuxrc"}:
    os.symlink("busybox", name)' "$1"
}

# page_commands PAGE: the lines of the EXAMPLES of doc/PAGE.
page_commands() {
	awk '/^\.Sh / { here = $2 == "EXAMPLES" }
		/^\.Ed/ { literal = 0 }
		here && literal { gsub(/\\e/, "\\"); print }
		/^\.Bd -literal/ { literal = 1 }' "$(dirname "${BASH_SOURCE[0]}")/../doc/$1"
}

# run_case FUNCTION: runs a case; $outcome has its status. Never in a condition, in which set -e has no effect.
run_case() {
	local name=${1#case_} status=0 began=${EPOCHREALTIME/./} took
	name=${name//_/ }
	echo "# $name"
	# tests/reach sets REACH.
	[[ -z ${REACH:-} ]] || export LLVM_PROFILE_FILE=$REACH/$1-%m%c.profraw
	(
		exec 9>"$T/xtrace"
		BASH_XTRACEFD=9 PS4='+ ${LINENO}: '
		set -eEx
		"$1"
	) </dev/null
	status=$?
	took=$(((${EPOCHREALTIME/./} - began) / 1000))
	[[ -z ${REACH:-} ]] || echo "$took" >"$REACH/$1.took"
	echo "# took $took ms"
	# shellcheck disable=SC2034 # for who called
	outcome=$status
	case $status in
	0) echo "ok $name" ;;
	77) echo "skip $name: $(cat "$T/why")" ;;
	*)
		echo "# the end of the trace, status $status:"
		tail -n 25 "$T/xtrace" | cut -c 1-300 | sed 's/^/# /'
		echo "not ok $name"
		failures=$((failures + 1))
		;;
	esac
}

# absent_cases: the cases of $needs_faults, a line each, in a build without fault points. They stop the programs at these;
# the build of the sanitizers has them (--enable-faults).
absent_cases() {
	grep -q BERTH_FAULT "$BUILD_TREE/berth" 2>/dev/null || tr ' ' '\n' <<<"${needs_faults:-}"
}

# The case_* functions of the script, in their order in the file, without the absent ones; of PROOF_CASES, where these
# are named.
cases() {
	sed -n 's/^\(case_[a-z0-9_]*\)() {$/\1/p' "$0" | grep -vxF -e "$(absent_cases)" |
		grep -xE -e "$(tr ' ' '|' <<<"${PROOF_CASES:-.*}")"
}
