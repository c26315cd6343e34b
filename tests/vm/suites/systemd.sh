#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Berth installed on a host with systemd: scopes, systemd-machined, units.
# installs
# debian: bookworm
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

export PATH=/usr/local/bin:$PATH
unset BERTH_ROOT BERTH_LIBEXEC BERTH_TEMPLATES

# state_is MACHINE STATE
state_is() {
	[[ $(berth info --json "$1" | sed -n 's/^ *"state": "\(.*\)",$/\1/p') == "$2" ]]
}

# scope MACHINE PROPERTY
scope() {
	systemctl show --value --property="$2" "berth-$1.scope"
}

scope_is() {
	[[ $(scope "$1" ActiveState) == "$2" ]]
}

has_machine() {
	machinectl list --no-legend | grep -q "^$1 "
}

# has_event MACHINE EVENT
has_event() {
	grep "\"event\":\"$2\"" /run/berth/events | grep -q "\"machine\":\"$1\""
}

# last_event PATTERN: the last that matches.
last_event() {
	grep "$1" /run/berth/events | tail -n 1
}

case_install() {
	cp -a "$VM_OUT/installed/." /
	systemctl daemon-reload
	has "machines get systemd scopes" "$(berth doctor)"
	mkdir -p "$T/bb"/{bin,etc,proc,sys,dev,tmp,root,run}
	cp /bin/busybox "$T/bb/bin/"
	links_of_busybox "$T/bb/bin"
	echo 'root:x:0:0:root:/root:/bin/sh' >"$T/bb/etc/passwd"
	tar -C "$T/bb" -cf "$T/bb.tar" .
	berth template import "$T/bb.tar" bb
}

case_a_machine_has_a_scope() {
	local keeper
	berth create --set limits.memory=200M bb m
	berth start m 2>"$T/said"
	empty "what it said" "$T/said"
	systemctl status --no-pager berth-m.scope
	same state active "$(scope m ActiveState)"
	same delegated yes "$(scope m Delegate)"
	same slice machine.slice "$(scope m Slice)"
	same group /machine.slice/berth-m.scope "$(scope m ControlGroup)"
	keeper=$(pidof berth-keeper)
	has "^0::/machine.slice/berth-m.scope/keeper$" "$(cat "/proc/$keeper/cgroup")"
	same memory $((200 << 20)) "$(cat /sys/fs/cgroup/machine.slice/berth-m.scope/guest/memory.max)"
	[[ ! -e /sys/fs/cgroup/berth/m && ! -e /sys/fs/cgroup/berth/_keepers ]]
	not pidof berth-scope
	berth exec m -- true
}

case_it_outlives_a_reload_and_a_reexec() {
	systemctl daemon-reload
	systemctl daemon-reexec
	systemctl daemon-reload
	scope_is m active
	same memory $((200 << 20)) "$(cat /sys/fs/cgroup/machine.slice/berth-m.scope/guest/memory.max)"
	berth set m limits.pids=100
	same pids 100 "$(cat /sys/fs/cgroup/machine.slice/berth-m.scope/guest/pids.max)"
	berth pause m
	berth resume m
	berth exec m -- true
	state_is m running
}

case_machined_knows_it() {
	has_machine m
	machinectl status --no-pager m
	has "Unit=berth-m.scope" "$(machinectl show m)"
	has "Class=container" "$(machinectl show m)"
	has "Leader=$(berth info --json m | sed -n 's/^ *"init": \(.*\),$/\1/p')$" "$(machinectl show m)"
}

# has_new_leader MACHINE OLD: machined hears of a guest before it runs, info shows it when it does.
has_new_leader() {
	local leader
	leader=$(machinectl show --value --property=Leader "$1")
	[[ -n $leader && $leader != "$2" &&
		$leader == $(berth info --json "$1" | sed -n 's/^ *"init": \(.*\),$/\1/p') ]]
}

case_a_reboot_keeps_the_scope() {
	local id leader
	id=$(scope m InvocationID)
	leader=$(machinectl show --value --property=Leader m)
	berth exec m -- reboot -f || true
	retry 60 has_new_leader m "$leader"
	retry 60 state_is m running
	same scope "$id" "$(scope m InvocationID)"
	retry 60 has_event m rebooted
}

case_the_end_of_the_scope_is_the_machines() {
	systemctl stop berth-m.scope
	state_is m stopped
	has '"outcome":"clean"' "$(last_event '"event":"stopped"')"
	scope_is m inactive
	retry 10 not has_machine m
	berth start m
	scope_is m active
	berth stop m
	retry 10 scope_is m inactive
}

# Over and over: the last run's scope may not be gone yet.
case_start_and_stop_at_once() {
	local times=0
	while ((times++ < 5)); do
		berth start m 2>"$T/said"
		empty "what it said" "$T/said"
		scope_is m active
		berth stop m
	done
}

case_killed_keeper() {
	berth start m
	kill -KILL "$(pidof berth-keeper)"
	retry 30 state_is m failed
	retry 10 scope_is m inactive
	berth start m
	scope_is m active
	berth stop m
}

case_no_bus() {
	systemctl stop dbus.socket dbus.service 2>/dev/null
	mv /run/dbus/system_bus_socket /run/dbus/aside
	berth start m
	[[ -d /sys/fs/cgroup/berth/m ]]
	mv /run/dbus/aside /run/dbus/system_bus_socket
	systemctl start dbus.socket dbus.service
	berth exec m -- true
	berth stop m
	# The group of the network's dnsmasq stays as long as the network is up.
	find /sys/fs/cgroup/berth -mindepth 1 -depth -type d ! -name '_network.*' -exec rmdir {} +
}

case_units() {
	berth create --set boot.autostart=yes bb auto
	berth create bb one
	systemctl start berth.service berth@one.service
	scope_is auto active
	scope_is one active
	systemctl status --no-pager berth@one.service
	systemctl stop berth@one.service
	state_is one stopped
	state_is auto running
	systemctl start berth@one.service
	# The service sees the end of a machine whose scope is stopped.
	systemctl stop berth-one.scope
	retry 20 not systemctl is-active berth@one.service
	systemctl stop berth.service
	state_is auto stopped
	berth delete auto
	berth delete one
}

# A distribution with systemd of its own: its journal, its log-in, its shutdown by machinectl.
case_debian() {
	berth template import "$(tests/debian-root bookworm)" debian
	berth create debian deb
	berth start --wait deb
	has_machine deb
	machinectl status --no-pager deb
	berth exec deb -- logger -t trial "said in the guest"
	retry 30 has_said
	machinectl --no-pager poweroff deb
	retry 60 state_is deb stopped
	has '"outcome":"clean"' "$(last_event '"event":"stopped"')"
	berth start --wait deb
	# Each of its processes gets SIGURG, and none may mind.
	systemctl stop berth-deb.scope
	state_is deb stopped
	has '"outcome":"clean"' "$(last_event '"event":"stopped"')"
}

has_said() {
	journalctl -M deb --no-pager -t trial | grep -q "said in the guest"
}

run_cases
