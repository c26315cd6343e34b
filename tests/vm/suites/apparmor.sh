#!/usr/bin/env bash
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
	has '^ok +labels' "$(berth doctor)"
	berth launch --set security.apparmor=auto --wait bb m
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
	berth stop m
	berth set m security.apparmor=no-such-profile
	fails 1 "no-such-profile.*apparmor_parser" berth start m
	printf 'profile mine flags=(attach_disconnected) { file, capability, network, mount, umount, pivot_root, signal, ptrace, unix, dbus, }\n' |
		apparmor_parser --replace --skip-cache
	berth set m security.apparmor=mine
	berth start m
	same "a profile of one's own" "mine (enforce)" "$(label m)"
	berth stop m
	berth set m security.apparmor=auto
	berth set m security.selinux=a:b:c:s0
	fails 1 "security.selinux.*SELinux does not rule" berth start m
	berth unset m security.selinux
}

case_no_parser() {
	local folder
	folder=$(dirname "$(command -v apparmor_parser)")
	sed -n 's/^\(berth-machine-.*\) (.*/profile \1 { }/p' /sys/kernel/security/apparmor/profiles | apparmor_parser --remove
	mount --bind /dev/null "$folder/apparmor_parser"
	has '^note +labels' "$(berth doctor || true)"
	berth start m 2>"$T/said"
	umount "$folder/apparmor_parser"
	has "AppArmor's wall is missing" "$(cat "$T/said")"
	same "without" unconfined "$(label m)"
	berth stop m
}

# As the host's root with every other wall away: what AppArmor stops, and what then works without it.
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
	berth launch --set security.apparmor=auto --set security.privileged=yes bb p
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

case_systemd() {
	# shellcheck disable=SC2154 # by tests/lib.sh
	berth template import "$debian_tar_bookworm" debian
	berth launch --set security.apparmor=auto --wait debian deb
	has '^berth-machine-' "$(label deb)"
	same "failed units" "" "$(berth exec deb -- systemctl --failed --no-legend --plain)"
	berth exec deb -- systemd-run --quiet --wait --pipe -p PrivateTmp=yes -p ProtectSystem=strict \
		-p ProtectHome=yes -p PrivateDevices=yes -p ProtectKernelTunables=yes \
		-p ProtectControlGroups=yes -p StateDirectory=trial \
		sh -c 'touch /tmp/x /var/lib/trial/y && ! touch /usr/z'
	# The kernel refuses systemd's lock on a socket, which berth-security(7) tells.
	not berth exec deb -- systemd-run --quiet --wait -p DynamicUser=yes true
	dmesg | grep 'apparmor="DENIED"' | tail -n 40 || true
	berth delete --force deb
}

run_cases "$@"
