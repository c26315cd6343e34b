# SPDX-License-Identifier: GPL-2.0-or-later
# What every integration test stands on. A test is a script that sources this file first, defines
# functions case_* and ends with: run_cases "$@"
# With the word --cases it prints the names of its cases, and runs nothing.
# What its cases stand on is made by a function set_up, which runs before them; what some of them need
# besides is made, where it is not there yet, by a function that each of those calls first. So each case
# can run alone, and none needs one before it. What none of berth's verbs removes is ended by tear_down.
#
# With STORAGE_DRIVER=dir (btrfs, thin) the pool that its machines get is of that driver; a script that reads the
# variable makes its pools itself.
#
# It gets namespaces of its own (mount, process, and network unless it sets needs_host_network=yes),
# a folder $T, a state root BERTH_ROOT=$T/root and the programs of the build tree BUILD_TREE. Each
# case runs in order, in a subshell under set -e; it prints "ok NAME", "not ok NAME" or
# "skip NAME: WHY". At the end everything is deleted with berth's own verbs, and then nothing may be
# left: no mount, link, process, control group, loop device.
# shellcheck shell=bash
set -u -o pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export BUILD_TREE=${BUILD_TREE:-$top/build/gcc}

# shellcheck source=tests/tag.sh
. "$top/tests/tag.sh"
# shellcheck source=tests/cases.sh
. "$top/tests/cases.sh"

# The outer half: makes the world, watches the time, and removes what a failed test left behind.
# Every process of the test is dead by then: its process namespace ended.
outer() {
	local status=0 line tar release
	if [[ $(id -u) -ne 0 ]]; then
		echo "skip $(basename "$0" .sh): needs root"
		exit 77
	fi
	if [[ ! -x $BUILD_TREE/berth ]]; then
		echo "not ok $(basename "$0" .sh): there is no $BUILD_TREE/berth; 'tests/run integration' builds it"
		exit 1
	fi
	# Here, where there is a network.
	for release in ${needs_debian:-}; do
		if ! tar=$("$top/tests/debian-root" "$release" "${needs_packages:-}" "${needs_recipe:-debian}"); then
			echo "skip $(basename "$0" .sh): no Debian $release to be had; is the mirror reachable?"
			exit 77
		fi
		export "debian_tar_$release=$tar"
	done
	if [[ -n ${needs_i386:-} ]]; then
		if [[ $(uname -m) != x86_64 ]] || ! busybox_i386=$("$top/tests/busybox-i386"); then
			echo "skip $(basename "$0" .sh): no busybox for i386 to be had; is the mirror reachable, and this host x86-64?"
			exit 77
		fi
		export busybox_i386
	fi
	for release in ${needs_roots:-}; do
		if ! tar=$("$top/tests/debian-root" bookworm "${release#*=}"); then
			echo "skip $(basename "$0" .sh): no packages for ${release%%=*} to be had; is the mirror reachable?"
			exit 77
		fi
		export "debian_tar_${release%%=*}=$tar"
	done
	# Past a program that chooses one of several, such as pyenv's, which takes longer than what is asked of it.
	BERTH_TEST_PYTHON=$(python3 -ISc 'import sys; print(sys.executable)')
	export BERTH_TEST_PYTHON
	T=$(mktemp -d /var/tmp/berth-test.XXXXXX)
	export T
	local world=(--mount --pid --fork --kill-child --mount-proc --propagation private)
	[[ -n ${needs_host_network:-} ]] || world+=(--net)
	BERTH_TEST_INSIDE=1 timeout -k 5 "${TEST_SECONDS:-1800}" unshare "${world[@]}" "$0" "$@" ||
		status=$?
	if [[ $status -eq 124 ]]; then
		echo "not ok all in time: took longer than ${TEST_SECONDS:-1800} s"
	fi
	find /sys/fs/cgroup -depth -type d -path "*berth*$(tag_of "$T/root")*" -exec rmdir {} + 2>/dev/null
	losetup --list --raw --noheadings --output NAME,BACK-FILE | grep -F "$T" | while read -r line _; do
		losetup -d "$line"
	done
	if [[ -z ${KEEP:-} ]]; then
		rm -rf --one-file-system "$T"
	fi
	exit "$status"
}

if [[ ${1:-} == --cases ]]; then
	T=/nonexistent BERTH_ROOT=/nonexistent/root
	# Also the cases that the script makes when it runs.
	run_cases() {
		declare -F | sed -n 's/^declare -f \(case_.*\)$/\1/p'
		exit
	}
	return
fi

if [[ -z ${BERTH_TEST_INSIDE:-} ]]; then
	outer "$@"
fi

# own_disk: $T becomes a file system of its own, in a file without a name, which goes with the test's namespaces. On an
# ext4 without a journal the kernel gives no inode to a new file that was deleted in the last minutes, and looks through
# all of these each time: those of the tests beside this one too. That took a third of the processor time of a run.
own_disk() {
	local device image
	device=$(findmnt -n -o SOURCE -T "$T")
	[[ -z ${KEEP:-} && $(cat "/sys/fs/ext4/${device##*/}/journal_task" 2>/dev/null) == "<none>" ]] || return 0
	image=$(mktemp /var/tmp/berth-disk.XXXXXX)
	truncate -s 64G "$image"
	# The disk outlives no power cut, so that nothing waits for it.
	mkfs.ext4 -q -O has_journal -m 0 -E lazy_itable_init=1,lazy_journal_init=1,nodiscard "$image" &&
		mount -o loop,nobarrier "$image" "$T" && rmdir "$T/lost+found" && chmod 0700 "$T" ||
		echo "# without a disk of its own"
	rm "$image"
}

own_disk
export BERTH_ROOT=$T/root BERTH_LIBEXEC=$BUILD_TREE/libexec BERTH_TEMPLATES=$top/templates BERTH_DESCRIPTION=$top/doc/openapi.json
# Python without the packages of a site, which take longer to look for than most programs here run.
mkdir "$T/bin"
printf '#!/bin/sh\nexec %s -S "$@"\n' "$BERTH_TEST_PYTHON" >"$T/bin/python3"
chmod +x "$T/bin/python3"
export PATH=$BUILD_TREE:$T/bin:$PATH LC_ALL=C.UTF-8
mkdir "$BERTH_ROOT"
[[ -n ${needs_host_network:-} ]] || ip link set lo up
# None of these mounts is this test's. They were copied into its namespace, where no other comes in, but one goes
# when its folder is removed elsewhere.
awk '{ print $1, $5 }' /proc/self/mountinfo >"$T/mounts.others"

# ---- What a case says

# fails CODE PATTERN COMMAND...: ends with CODE (a pattern too) and says one sentence on standard error that has
# PATTERN in it. Lines that begin with blanks (a guest's last console lines) do not count, nor do notes on what the
# first of its kind has made by itself.
fails() {
	local code=$1 pattern=$2 got=0
	shift 2
	timeout 300 "$@" >"$T/out" 2>"$T/err" </dev/null || got=$?
	[[ $got =~ ^$code$ ]] || fault "'$*' ended with $got, not $code: $(cat "$T/err")"
	grep -Eq -e "$pattern" "$T/err" || fault "'$*' does not say '$pattern': $(cat "$T/err")"
	[[ $(grep -vcE '^ |^berth: (made |it has no init)' "$T/err") -eq 1 ]] || fault "'$*' says more than one sentence: $(cat "$T/err")"
}

# booted_again MACHINE INIT: another init runs, and has booted. All comes from one look: between two, the next guest may
# have replaced the old one.
booted_again() {
	local info
	info=$(berth info --json "$1") && grep -q '"booted": true' <<<"$info" &&
		grep -q '"state": "running"' <<<"$info" && ! grep -q "\"init\": $2," <<<"$info"
}

# field MACHINE EXPRESSION: out of info --json, such as .state; words that are no value where there is none.
field() {
	berth info --json "$1" | python3 -IS -c '
import json, sys
value = json.load(sys.stdin)
for name in sys.argv[1].strip(".").split("."):
    value = value[name]
print("" if value is None else str(value).lower() if isinstance(value, bool) else value)' "$2" || {
		echo "(no $2 of $1)"
		return 1
	}
}

state_is() {
	[[ $(field "$1" state) == "$2" ]]
}

# minds PID SIGNAL: the process has a handler for it, or blocks it and reads it: it does not die of it unawares.
minds() {
	local bit=$(($(kill -l "$2") - 1)) name mask
	# A child of the shell blocks signals until it executes its command.
	[[ $(<"/proc/$1/comm") != bash ]] || return 1
	while read -r name mask; do
		[[ $name != Sig@(Cgt|Blk): ]] || ! ((0x$mask >> bit & 1)) || return 0
	done <"/proc/$1/status"
	return 1
}

is_json() {
	python3 -m json.tool >/dev/null
}

# break_init MACHINE: its machine.conf names an init that is not there, as no verb lets it.
break_init() {
	sed -i '1i init = /sbin/nothing' "$BERTH_ROOT/lib/machines/$1/machine.conf"
}

# etc_of_our_own: in this test's mount namespace alone, for who changes /etc, or looks whether somebody does: a
# neighbour adds users to the host's while a test runs. A file that is renamed meanwhile is not missed; a lock of the
# neighbour's is none here. The whole folder: a file that the host replaces loses what is mounted on it.
etc_of_our_own() {
	mkdir "$T/etc"
	cp -a /etc/. "$T/etc" 2>/dev/null || true
	rm -f "$T"/etc/*.lock
	mount --bind "$T/etc" /etc
}

etc_of_the_host() {
	umount /etc
	rm -rf "${T:?}/etc"
}

# ---- Roots

# A busybox root as folder $1, with all applets but an init.
busybox_root() {
	mkdir -p "$1"/{bin,etc,proc,sys,dev,tmp,root,run}
	cp "$(command -v busybox)" "$1/bin/busybox"
	links_of_busybox "$1/bin"
	echo 'root:x:0:0:root:/root:/bin/sh' >"$1/etc/passwd"
	echo 'root:x:0:' >"$1/etc/group"
}

# busybox_template [NAME [POOL]]: of busybox alone, which boots under guest-init, at once.
busybox_template() {
	local options=()
	if [[ -n ${2:-} ]]; then
		options=(--pool "$2")
	fi
	busybox_root "$T/bb"
	tar -C "$T/bb" -cf "$T/bb.tar" .
	rm -rf "$T/bb"
	berth template import "${options[@]}" "$T/bb.tar" "${1:-bb}"
}

# pools_with_busybox DRIVER...: makes a pool p-DRIVER of each driver, with the template bb-DRIVER.
pools_with_busybox() {
	local driver
	for driver; do
		berth pool create --driver "$driver" "p-$driver"
		busybox_template "bb-$driver" "p-$driver"
	done
}

# debian_template RELEASE [NAME]; the script sets needs_debian="RELEASE..." before it sources this, and
# needs_packages="PACKAGE,..." for more than the smallest; or needs_roots="NAME=PACKAGE,... ...".
debian_template() {
	local tar=debian_tar_$1
	berth template import "${!tar}" "${2:-$1}"
}

# ---- Machines

# up MACHINE [OPTION...]: it runs; if it is not there it is made first, of template bb, with those options of create.
up() {
	local line
	line=$(berth list "$1" 2>/dev/null | sed -n 2p) || true
	[[ -n $line ]] || berth create "${@:2}" bb "$1"
	[[ $line =~ \ running\ +yes ]] || berth start --wait "$1"
}

# gone MACHINE...: none of them is there.
gone() {
	local machine
	for machine; do
		! berth info "$machine" >/dev/null 2>&1 || berth delete --force "$machine"
	done
}

# Before anything asks for the usual pool, which would be of the best driver there is.
pool_of_the_driver() {
	if [[ -n ${STORAGE_DRIVER:-} ]] && ! grep -q STORAGE_DRIVER "$0"; then
		berth pool create default --driver "$STORAGE_DRIVER"
	fi
}

# ---- What may be left

# In the host's network others may come and go meanwhile: only what bears our tag counts.
of_our_network() {
	if [[ -n ${needs_host_network:-} ]]; then
		grep -F "$(tag_of "$BERTH_ROOT")" || true
	else
		cat
	fi
}

what_there_is() {
	local tag self=$BASHPID
	tag=$(tag_of "$BERTH_ROOT")
	awk 'NR == FNR { theirs[$0]; next } !(($1 " " $5) in theirs) { print "mount " $5 }' \
		"$T/mounts.others" /proc/self/mountinfo
	ip -o link | awk '{ print "link " $2 }' | of_our_network
	# Those of others go while they are looked at.
	find /sys/fs/cgroup -type d -path "*berth*$tag*" -printf 'control group %p\n' 2>/dev/null || true
	losetup --list --raw --noheadings --output NAME,BACK-FILE | grep -F "$T" | sed 's/^/loop /' || true
	cat /sys/block/dm-*/dm/name 2>/dev/null | grep "^berth-$tag" | sed 's/^/device /' || true
	nft list tables 2>/dev/null | of_our_network
	# Not we, nor what we run to look, which may not have come to its exec yet.
	# Those of this very line, too: ps puts a name in brackets that has no words yet.
	ps -e -o pid=,stat=,args= | awk -v self="$self" -v script="$0" '
		$2 !~ /^Z/ && $1 != 1 && $1 != self && $3 !~ /^\[?(ps|awk)\]?$/ && $4 != script {
			$1 = $2 = ""
			print "process " $0
		}'
}

# names_in "WORDS": the names in what berth WORDS --json lists, without jq, which the guest does not have.
names_in() {
	# shellcheck disable=SC2086 # a list of words
	berth $1 --json | sed -n 's/^ *"name": "\(.*\)".*/\1/p'
}

# delete_each "WORDS THAT LIST" "WORDS THAT DELETE"
delete_each() {
	local name names
	names=$(names_in "$1") || return
	for name in $names; do
		# shellcheck disable=SC2086
		berth $2 "$name" || return
	done
}

# Deletes all with berth's own verbs; only machines may need --force.
delete_all() {
	delete_each "list" "delete --force" &&
		delete_each "template list" "template delete" &&
		delete_each "pool list" "pool delete" &&
		delete_each "network list" "network delete" &&
		retry 20 no_copying_is_left
}

no_scope_is_left() {
	[[ -z $(find /sys/fs/cgroup -type d -path "*/berth:$(tag_of "$BERTH_ROOT")-*" 2>/dev/null) ]]
}

# A process on its way out is still there for a moment.
all_is_as_before() {
	what_there_is >"$T/after"
	diff "$T/before" "$T/after" | grep -E '^[<>]' >"$T/difference" || true
	[[ ! -s $T/difference ]]
}

nothing_left() {
	delete_all || return
	retry 20 no_copying_is_left || true
	# The site's own two control groups stay; they are to be empty.
	# Those of tests beside this one may go while they are looked at.
	find /sys/fs/cgroup -depth -type d -path "*/berth-$(tag_of "$BERTH_ROOT")*" -exec rmdir {} + 2>/dev/null || true
	# systemd removes scopes when it comes to it.
	retry 10 no_scope_is_left || true
	retry 10 all_is_as_before || true
	cat "$T/difference" >&2
	[[ ! -s $T/difference ]] || fault "the above is left (>) or missing (<)" || return
	find "$BERTH_ROOT" -type f ! -path '*/etc/*' ! -path '*/locks/*' ! -path '*/run/events*' ! -path '*/run/operations*' ! -path '*/run/list.index*' >"$T/files"
	[[ ! -s $T/files ]] || fault "files are left: $(cat "$T/files")"
}

# ---- Running

# All case_* functions in the order in which they stand in the script, or those that are named.
run_cases() {
	local case
	failures=0
	if [[ $# -eq 0 ]]; then
		# shellcheck disable=SC2046 # a list of words
		set -- $(cases)
	fi
	for case; do
		if ! declare -F "$case" >/dev/null || absent_cases | grep -qxF -e "$case"; then
			echo "not ok $case: $(basename "$0") has no such case${needs_faults:+ in this build}; it has: $(cases | xargs)"
			exit 2
		fi
	done
	what_there_is >"$T/before"
	pool_of_the_driver || exit
	if declare -F set_up >/dev/null; then
		run_case set_up
		# Neither failed nor skipped.
		((outcome == 0)) || set --
	fi
	for case; do
		run_case "$case"
	done
	! declare -F tear_down >/dev/null || run_case tear_down
	run_case nothing_left
	[[ $failures -eq 0 ]]
	exit
}
