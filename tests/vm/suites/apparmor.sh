#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# AppArmor's wall, on a kernel that has it: who is behind it, what it stops alone, and that a
# distribution works behind it.
# packages: apparmor
# debian: bookworm
# shellcheck source=tests/lib.sh
needs_debian=bookworm
. "$(dirname "$0")/../../lib.sh"

label() {
	cat "/proc/$(field "$1" init)/attr/apparmor/current"
}

case_every_machine() {
	busybox_template bb
	has '^ok +labels +machines run under AppArmor.s profile' "$(berth doctor)"
	berth launch --wait bb m
	has '^berth-machine-[0-9a-f]{8} \(enforce\)$' "$(label m)"
	same "an entered command" "$(label m)" "$(berth exec m -- cat /proc/self/attr/apparmor/current)"
	has '^label: +berth-machine-[0-9a-f]{8}' "$(berth info m)"
	berth restart m
	has '^berth-machine-' "$(label m)"
	berth stop m
}

case_settings() {
	berth set m security.apparmor=no
	berth start m
	same "without" unconfined "$(label m)"
	same "an entered command" unconfined "$(berth exec m -- cat /proc/self/attr/apparmor/current)"
	has '^label: +none: security.apparmor is no' "$(berth info m)"
	berth unset m security.apparmor
	has '^label: +none: .*restart' "$(berth info m)"
	berth stop m
	berth set m security.apparmor=yes
	berth start m
	has '^berth-machine-' "$(label m)"
	berth stop m
	berth set m security.apparmor=no-such-profile
	fails 1 "no-such-profile.*apparmor_parser" berth start m
	printf 'profile mine flags=(attach_disconnected) { file, capability, network, mount, umount, pivot_root, signal, ptrace, unix, dbus, }\n' |
		apparmor_parser --replace --skip-cache
	berth set m security.apparmor=mine
	berth start m
	same "a profile of one's own" "mine (enforce)" "$(label m)"
	berth stop m
	berth unset m security.apparmor
	berth set m security.selinux=a:b:c:s0
	fails 1 "security.selinux.*SELinux is not in force" berth start m
	berth unset m security.selinux
}

# forget: what the kernel has of ours, as after a boot.
forget() {
	sed -n 's/^\(berth-machine-.*\) (.*/profile \1 { }/p' /sys/kernel/security/apparmor/profiles | apparmor_parser --remove
}

# A start that finds it loaded runs no compiler, and of many that do not, one does.
case_compiled_once() {
	local name
	mkdir -p "$T/bin"
	printf '#!/bin/sh\necho >>%q\nexec %q "$@"\n' "$T/compiled" "$(command -v apparmor_parser)" >"$T/bin/apparmor_parser"
	chmod 755 "$T/bin/apparmor_parser"
	forget
	: >"$T/compiled"
	for name in m1 m2 m3 m4; do
		berth create bb "$name"
	done
	for name in m1 m2 m3 m4; do
		PATH=$T/bin:$PATH berth start "$name" &
	done
	wait
	for name in m1 m2 m3 m4; do
		has '^berth-machine-' "$(label "$name")"
		berth delete --force "$name"
	done
	PATH=$T/bin:$PATH berth start m
	berth stop m
	same "compiled" 1 "$(wc -l <"$T/compiled")"
	# A PATH without the folders of root's programs leaves no wall out.
	forget
	PATH=$BUILD_TREE:/usr/bin:/bin berth start m
	has '^berth-machine-' "$(label m)"
	berth stop m
}

case_no_parser() {
	local parser
	parser=$(command -v apparmor_parser)
	forget
	mount --bind /dev/null "$parser"
	has '^note +labels.*apparmor_parser is not installed' "$(berth doctor || true)"
	berth start m 2>"$T/said"
	empty "said" "$T/said"
	same "without" unconfined "$(label m)"
	has '^label: +none: apparmor_parser is not installed' "$(berth info m)"
	berth stop m
	berth set m security.apparmor=yes
	fails 1 "security.apparmor is yes, but apparmor_parser is not installed" berth start m
	umount "$parser"
	berth unset m security.apparmor
}

# One that fails: auto says so and goes on, yes does not.
case_a_failing_parser() {
	printf '#!/bin/sh\necho "this parser is broken" >&2\nexit 1\n' >"$T/bin/apparmor_parser"
	PATH=$T/bin:$PATH berth start m 2>"$T/said"
	has "AppArmor's wall is missing.*broken" "$(cat "$T/said")"
	same "without" unconfined "$(label m)"
	berth stop m
	berth set m security.apparmor=yes
	PATH=$T/bin:$PATH fails 1 "load berth.s AppArmor profile.*broken" berth start m
	berth unset m security.apparmor
}

# AppArmor alone, against the host's root with all other walls away: it stops these, and without it they work.
case_apparmor_alone() {
	local names=(sysrq core-pattern modprobe-path poweroff-cmd)
	berth start m
	berth exec m -- sh -c 'cat >/attack; chmod 755 /attack' <"$BUILD_TREE/attack"
	berth stop m
	export BERTH_TEST_HOLES="userns caps seccomp"
	"$BUILD_TREE/berth-holes" start m
	"$BUILD_TREE/berth-holes" exec m -- /attack --down "${names[@]}" >"$T/up" || true
	"$BUILD_TREE/berth-holes" stop m
	BERTH_TEST_HOLES+=" apparmor"
	"$BUILD_TREE/berth-holes" start m
	"$BUILD_TREE/berth-holes" exec m -- /attack --down "${names[@]}" >"$T/down" || true
	"$BUILD_TREE/berth-holes" stop m
	cat "$T/up" "$T/down"
	same "contained" "${#names[@]}" "$(grep -c '^contained' "$T/up")"
	same "escaped" "${#names[@]}" "$(grep -c '^escaped' "$T/down")"
}

# A privileged machine's root takes the read-only mounts away, and still does not write.
case_privileged() {
	local pattern
	pattern=$(cat /proc/sys/kernel/core_pattern)
	berth launch --set security.privileged=yes bb p
	berth exec p -- umount /proc/sys/net /proc/sys
	not berth exec p -- sh -c 'echo "|/bin/evil" >/proc/sys/kernel/core_pattern'
	same "core pattern" "$pattern" "$(cat /proc/sys/kernel/core_pattern)"
	berth stop p
	berth set p security.apparmor=no
	berth start p
	berth exec p -- umount /proc/sys/net /proc/sys
	berth exec p -- sh -c "echo '$pattern' >/proc/sys/kernel/core_pattern"
	berth delete --force p
}

# The rest of a Debian's work is the suite labelled.
case_systemd() {
	debian_template bookworm
	berth launch --wait bookworm deb
	has '^berth-machine-' "$(label deb)"
	silent "failed units" berth exec deb -- systemctl --failed --no-legend --plain
	# systemd locks a socket for this, and the kernel of Debian 12 refuses that behind other profiles.
	berth exec deb -- systemd-run --quiet --wait -p DynamicUser=yes true
	berth delete --force deb
}

run_cases "$@"
