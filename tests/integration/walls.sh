#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Settings that change the protection: security.privileged, security.caps. The search for leaks at a process's end fails
# under strace.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# bounds MACHINE: prints the bounding set of init and of a command.
bounds() {
	berth exec "$1" -- sh -c 'grep -h CapBnd /proc/1/status /proc/self/status' | sort -u
}

has_cap() {
	local mask
	mask=$(sed -n 's/CapBnd:[^0-9a-f]*//p' <<<"$1")
	(((0x$mask >> $2) & 1))
}

# set_clock MACHINE: sets the clock to its present time. busybox exits with 0 in any case.
set_clock() {
	# shellcheck disable=SC2016
	[[ $(berth exec "$1" -- sh -c 'date -s "@$(date +%s)"' 2>&1) != *"can't set"* ]]
}

set_up() {
	busybox_template bb
	berth launch --wait --set security.caps='CAP_SYS_TIME,-net_raw -mknod' bb m
}

# privileged: machine p runs, which has no ids of its own.
privileged() {
	up p --set security.privileged=yes
}

case_a_list_of_capabilities() {
	same "canonical" "sys_time -net_raw -mknod" "$(berth get m security.caps | sed 's/-mknod -net_raw/-net_raw -mknod/')"
	bounds m >"$T/bounds"
	same "bounds of init and of a command" 1 "$(wc -l <"$T/bounds")"
	has_cap "$(cat "$T/bounds")" 25
	not has_cap "$(cat "$T/bounds")" 13
	not has_cap "$(cat "$T/bounds")" 27
	not has_cap "$(cat "$T/bounds")" 16
	# In a user namespace of its own it reaches nothing.
	not set_clock m
	has "capabilities: +sys_time" "$(berth info m)"
}

# Root of a privileged machine can make the pool read-only for all; its end makes the pool writable again.
case_a_pool_that_is_remounted() {
	privileged
	if berth exec p -- busybox mount -o remount,ro /; then
		fails 1 "read-only" berth create bb none
		fails 1 "." berth exec m -- touch /there
		berth stop --force p
	else
		# Somebody has a file open for writing.
		berth stop --force p
	fi
	berth create bb there
	berth exec m -- touch /there
	berth delete --force there p
}

case_bad_lists() {
	fails 2 "no capability 'sys_tiem'" berth set m security.caps=sys_tiem
	fails 2 "no capability '3'" berth set m security.caps=3
	fails 2 "'mknod' is both given and taken" berth set m security.caps="-mknod mknod"
	same "left alone" yes "$([[ $(berth get m security.caps) == sys_time* ]] && echo yes)"
	berth unset m security.caps
	silent unset berth get m security.caps
}

# A running machine keeps its protection, whatever its settings say meanwhile.
case_not_live() {
	berth set m security.privileged=yes
	has "1879|[1-9][0-9]{7}" "$(awk '{ print $2 }' "/proc/$(field m init)/uid_map")"
	berth exec m -- true
	berth unset m security.privileged
}

case_a_privileged_machine() {
	privileged
	same "ids" "0 0 4294967295" "$(awk '{ print $1, $2, $3 }' "/proc/$(field p init)/uid_map")"
	same "a command's ids" "$(readlink /proc/self/ns/user)" "$(berth exec p -- readlink /proc/self/ns/user)"
	has "^p .* privileged" "$(berth list)"
	has "privileged: its root is the host's root" "$(berth info p)"
	same json true "$(field p privileged)"
	has "'p' is privileged" "$(berth doctor)"
	lacks "'m' is privileged" "$(berth doctor)"
}

case_what_is_left() {
	local namespace core disk
	privileged
	core=$(sysctl -n kernel.core_pattern)
	for namespace in mnt pid net ipc uts cgroup; do
		[[ $(readlink "/proc/self/ns/$namespace") != "$(berth exec p -- readlink "/proc/self/ns/$namespace")" ]] ||
			fault "no $namespace namespace of its own"
	done
	not berth exec p -- sh -c "cat /proc/sys/kernel/core_pattern >/was; cat /was >/proc/sys/kernel/core_pattern"
	not berth exec p -- sh -c 'echo h >/proc/sysrq-trigger'
	berth exec p -- sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	same "core pattern" "$core" "$(sysctl -n kernel.core_pattern)"
	not set_clock p
	not berth exec p -- dmesg
	if ! berth doctor | grep -q '^note *devices'; then
		# The disk of this folder, if the host can read it directly.
		disk=$(findmnt -n -o MAJ:MIN -T "$T" | tr : ' ')
		# shellcheck disable=SC2086 # two numbers
		mknod "$T/disk" b $disk
		if head -c 1 "$T/disk" >"$T/byte" 2>/dev/null; then
			not berth exec p -- sh -c "mknod /dev/disk b $disk && head -c 1 /dev/disk"
		fi
		rm "$T/disk"
	fi
	# A mount over a node of the host's stays inside the machine.
	berth exec p -- mount -t tmpfs none /dev/null 2>/dev/null || berth exec p -- mount --bind /dev/zero /dev/null
	[[ $(stat -c %t:%T /dev/null) == 1:3 ]]
	same "ids of its files" 0 "$(stat -c %u "/proc/$(field p init)/root/etc")"
}

case_a_privileged_machine_lives() {
	privileged
	berth exec p -- touch /made
	berth restart --wait p
	berth exec p -- test -e /made
	berth stop p
	berth start --wait p
	# Back to ids of its own, with the same files.
	berth set p security.privileged=no
	berth restart --wait p
	berth exec p -- sh -c 'test -e /made && rm /made'
	lacks "privileged" "$(berth list)"
	[[ $(awk '{ print $2 }' "/proc/$(field p init)/uid_map") -ne 0 ]]
}

# The capability is granted together with its system calls. The test sets the clock to its present time.
case_a_capability_of_the_host() {
	privileged
	berth stop p
	berth set p security.privileged=yes security.caps="syslog sys_time"
	berth start --wait p
	berth exec p -- dmesg >/dev/null
	set_clock p
	has "'p' has syslog, which reads the kernel's log" "$(berth doctor)"
	berth delete --force p
}

# A fork bomb is bounded, with or without a pids controller, and others are not affected. The shell that cannot fork
# ends, which ends the count.
processes_of() {
	berth exec "$1" -- sh -c 'n=0; while [ $n -lt 400 ]; do sleep 1000 & n=$((n + 1)); done' >/dev/null 2>&1 || true
	find "/proc/$(field "$1" init)/root/proc" -maxdepth 1 -name '[0-9]*' | wc -l
}

case_a_fork_bomb() {
	local count
	berth create --set limits.pids=150 bb bomb
	berth start --wait bomb
	count=$(processes_of bomb)
	[[ $count -gt 50 && $count -le 150 ]] || fault "$count processes"
	berth exec m -- true
	# It can be ended all the same.
	timeout 120 berth stop --force bomb
	berth unset bomb limits.pids
	berth start --wait bomb
	count=$(processes_of bomb)
	[[ $count -ge 400 ]] || fault "by default there are only $count processes"
	berth delete --force bomb
}

# injected ERROR WORDS...: runs berth, in which each bpf(2) fails with that error; $T/err has the output.
injected() {
	local error=$1
	shift
	strace -f -qq -o /dev/null -e trace=bpf -e "inject=bpf:error=$error" berth "$@" 2>"$T/err"
}

# If a protection exists in this kernel but fails, the start reports it.
case_a_wall_that_cannot_be_raised() {
	local traced
	berth create bb unwalled
	not timeout 120 strace -f -qq -o /dev/null -e trace=bpf -e inject=bpf:error=ENOMEM berth start unwalled 2>"$T/err"
	has "confine the machine to its devices: Cannot allocate memory" "$(cat "$T/err")"
	state_is unwalled failed
	# If the kernel lacks it, the others are used, unless the machine's root is the host's.
	injected EPERM start unwalled &
	traced=$!
	retry 20 state_is unwalled running
	berth stop unwalled
	wait "$traced"
	empty "not a word" "$T/err"
	berth set unwalled security.privileged=yes
	injected EPERM start unwalled &
	traced=$!
	retry 20 state_is unwalled running
	berth stop unwalled
	wait "$traced"
	has "its root reaches every device of the host" "$(cat "$T/err")"
	berth delete unwalled
}

case_pseudo_terminals() {
	berth exec m -- grep -E ' /dev/pts .*max=1024' /proc/self/mountinfo
}

# A label that was named but does not exist is an error on every host, and nothing half made remains.
case_labels_that_are_not_there() {
	berth create bb labelled
	fails 1 "security.apparmor" berth set labelled security.apparmor=
	fails 1 "security.selinux.*blanks" berth set labelled "security.selinux=a b"
	fails 1 "security.apparmor is 'no-such-profile'.*(load it|use auto)" berth set labelled security.apparmor=no-such-profile
	if berth doctor | grep -Eq '^ok +labels +machines run under AppArmor'; then
		berth set labelled security.apparmor=yes
		berth start labelled
		has '^label: +berth-machine-' "$(berth info labelled)"
		berth stop labelled
	else
		fails 1 "security.apparmor is yes, but .*auto it would start without a profile" berth set labelled security.apparmor=yes
	fi
	berth set labelled security.apparmor=no
	berth start labelled
	has '^label: +none: security.apparmor is no' "$(berth info labelled)"
	berth exec labelled -- true
	berth stop labelled
	berth unset labelled security.apparmor
	berth delete labelled
}

run_cases "$@"
