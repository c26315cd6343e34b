#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The host finds machines by name through systemd-resolved: Debian's, on a bus of this test's; and buses and services that
# fail.
needs_roots="resolved=systemd-resolved,iputils-ping,sudo"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

root=$T/host libexec=$T/libexec
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$T/bus

# bus_is [RULE]: the settings of our system bus, which any service may join.
bus_is() {
	cat >"$T/bus.conf" <<-END
		<busconfig><type>system</type><listen>unix:path=$T/bus</listen><auth>EXTERNAL</auth>
		<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/>
		<allow send_type="signal"/><allow send_requested_reply="true" send_type="method_return"/>
		<allow send_requested_reply="true" send_type="error"/><allow receive_type="method_call"/>
		<allow receive_type="method_return"/><allow receive_type="error"/><allow receive_type="signal"/>
		${1:-}</policy></busconfig>
	END
}

bus_begins() {
	bus_is
	dbus-daemon --nofork --nopidfile --config-file="$T/bus.conf" >"$T/bus.log" 2>&1 &
	echo $! >"$T/bus.pid"
	retry 20 test -S "$T/bus"
}

# ends WHAT: a process of ours, by its file.
ends() {
	[[ -e $T/$1.pid ]] || return 0
	kill "$(cat "$T/$1.pid")" 2>/dev/null || true
	retry 20 not kill -0 "$(cat "$T/$1.pid")" 2>/dev/null
	rm "$T/$1.pid"
}

owned() {
	local names
	names=$(busctl --address="$DBUS_SYSTEM_BUS_ADDRESS" list --no-legend 2>/dev/null) || return
	grep -Eq "^org.freedesktop.resolve1 +[0-9]" <<<"$names"
}

resolved_begins() {
	chroot "$root" /lib/systemd/systemd-resolved >>"$T/resolved.log" 2>&1 &
	echo $! >"$T/resolved.pid"
	retry 20 owned
	retry 10 test -S /run/systemd/resolve/io.systemd.Resolve
}

# asks WORD...: resolvectl of this host.
asks() {
	chroot "$root" resolvectl --no-pager --legend=no "$@"
}

# found NAME: the addresses that systemd-resolved finds, sorted.
found() {
	{ asks query --cache=no "$1" 2>&1 || true; } | grep -oE '(: | {2,})[0-9a-f.:]{4,}( |$)' | tr -d ' ' | sed 's/^://' | sort -u | xargs
}

finds() {
	[[ $(found "$1") == "$2" ]]
}

both() {
	printf '%s\n' "$(field "$1" network.address)" "$(field "$1" network.address6)" | sort | xargs
}

bridge_of() {
	berth network get "$1" bridge
}

set_up() {
	mount -t tmpfs none /run/systemd
	mkdir -p "$root" /run/systemd/resolve
	tar -C "$root" -xf "${debian_tar_resolved:?}"
	rm -f "$root/etc/resolv.conf"
	mkdir -p "$root$T" "$root/run/systemd/resolve"
	mount --bind "$T" "$root$T"
	mount --bind /run/systemd/resolve "$root/run/systemd/resolve"
	chown "$(awk -F: '$1 == "systemd-resolve" { print $3 ":" $4 }' "$root/etc/passwd")" /run/systemd/resolve
	mount -t proc proc "$root/proc"
	mount --bind /dev "$root/dev"
	chmod 0711 "$T"
	mkdir "$libexec"
	ln -s "$BERTH_LIBEXEC"/* "$libexec/"
	rm "$libexec/berth-names"
	bus_begins
	busybox_template bb
}

# One network of both families, and who runs there.
lab() {
	[[ ! -e $T/lab ]] || return 0
	touch "$T/lab"
	resolved_begins
	berth network create lab --subnet 10.77.16.0/22 subnet6=fd77:1:2:3::/64 domain=lab.example
	berth launch --wait --network lab bb web
}

case_found() {
	lab
	retry 20 finds web.lab.example "$(both web)"
	has "lab.example" "$(asks domain "$(bridge_of lab)")"
	has "no$" "$(asks default-route "$(bridge_of lab)")"
	has "web.lab.example" "$(asks query --cache=no "$(field web network.address)")"
	has "web.lab.example" "$(asks query --cache=no "$(field web network.address6)")"
	not asks query --cache=no web
	not asks query --cache=no nobody.lab.example
	has "finds machines by name and domain" "$(berth doctor || true)"
}

# It keeps what it was told, and a start that changes nothing asks nobody.
case_told_once() {
	lab
	ends resolved
	resolved_begins
	retry 20 finds web.lab.example "$(both web)"
	berth stop --force web
	printf '#!/bin/sh\necho "$*" >>"%s/asked"\nexec "%s/berth-names" "$@"\n' "$T" "$BERTH_LIBEXEC" >"$libexec/berth-names"
	chmod +x "$libexec/berth-names"
	BERTH_LIBEXEC=$libexec berth start --wait web
	BERTH_LIBEXEC=$libexec berth network up lab
	[[ ! -e $T/asked ]]
	BERTH_LIBEXEC=$libexec berth network set lab domain=
	BERTH_LIBEXEC=$libexec berth network set lab domain=lab.example
	same "how often" 2 "$(wc -l <"$T/asked")"
}

case_follows_settings() {
	lab
	retry 20 finds web.lab.example "$(both web)"
	berth network set lab domain=site.example
	retry 20 finds web.site.example "$(both web)"
	not asks query --cache=no web.lab.example
	berth network set lab dhcp=no
	lacks example "$(asks domain "$(bridge_of lab)")"
	berth network unset lab dhcp
	retry 20 finds web.site.example "$(both web)"
	berth network unset lab domain
	berth network set lab domain=lab.example
	berth stop --force web
	berth network down lab
	retry 10 not asks domain "$(bridge_of lab)" 2>/dev/null
	not asks query --cache=no web.lab.example
	berth start --wait web
	retry 20 finds web.lab.example "$(both web)"
}

# A systemd-resolved that begins later is told by the next start.
case_that_begins_later() {
	local note=$BERTH_ROOT/run/networks/lab/resolved
	lab
	ends resolved
	find /run/systemd/resolve -mindepth 1 -delete
	berth stop --force web
	berth network down lab
	silent "what it says" berth start --wait web
	[[ ! -e $note ]]
	resolved_begins
	silent "what it says" berth network up lab
	retry 20 finds web.lab.example "$(both web)"
}

# Links of another network namespace have other numbers.
case_of_another_namespace() {
	local note=$BERTH_ROOT/run/networks/lab/resolved
	lab
	ends resolved
	rm -f "$note"
	unshare --net -- chroot "$root" /lib/systemd/systemd-resolved >>"$T/resolved.log" 2>&1 &
	echo $! >"$T/resolved.pid"
	retry 20 owned
	silent "what it says" berth network up lab
	same "its note" - "$(cat "$note")"
	ends resolved
	rm "$note"
	resolved_begins
	berth network up lab
	retry 20 finds web.lab.example "$(both web)"
}

# again: as if the last attempt was long ago.
again() {
	touch -d "10 minutes ago" "$BERTH_ROOT/run/networks/lab/resolved"
}

# refuses: what berth tells, when our bus refuses one of the calls.
refuses() {
	berth network up lab 2>&1 | grep "^berth: network 'lab': the host does not find its machines through systemd-resolved: tell it over D-Bus: Rejected"
}

case_refused() {
	lab
	rm "$BERTH_ROOT/run/networks/lab/resolved"
	bus_is '<deny send_interface="org.freedesktop.resolve1.Manager" send_member="SetLinkDNS"/>'
	kill -HUP "$(cat "$T/bus.pid")"
	retry 10 has_refused
	lacks example "$(asks domain "$(bridge_of lab)")"
	has "systemd-resolved does not find the machines of network 'lab'" "$(berth doctor || true)"
	# A moment later it is not asked once more.
	silent "what it says" berth network up lab
	again
	refuses
	bus_is
	kill -HUP "$(cat "$T/bus.pid")"
	retry 20 has_taken
	retry 20 finds web.lab.example "$(both web)"
}

# The bus may read its settings a moment later.
has_refused() {
	rm -f "$BERTH_ROOT/run/networks/lab/resolved"
	refuses
}

has_taken() {
	again
	berth network up lab && [[ $(cat "$BERTH_ROOT/run/networks/lab/resolved") != - ]]
}

case_that_does_not_answer() {
	lab
	rm "$BERTH_ROOT/run/networks/lab/resolved"
	kill -STOP "$(cat "$T/resolved.pid")"
	has "lab': the host does not find its machines through systemd-resolved: tell it over D-Bus: .*timed out" \
		"$(timeout 60 berth network up lab 2>&1)"
	kill -CONT "$(cat "$T/resolved.pid")"
	ends resolved
	again
	# Nobody has the name.
	silent "what it says" berth network up lab
	ends bus
	rm -f "$T/bus"
	# A bus that takes connections and says nothing.
	python3 -ISc 'import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(8); time.sleep(1000)' "$T/bus" &
	echo $! >"$T/bus.pid"
	retry 10 test -S "$T/bus"
	again
	has "the host does not find its machines through systemd-resolved: .*berth-names.* too long" \
		"$(timeout 60 berth network up lab 2>&1)"
	ends bus
	rm -f "$T/bus"
	again
	# No bus.
	silent "what it says" berth network up lab
	bus_begins
	resolved_begins
	again
	berth network up lab
	retry 20 finds web.lab.example "$(both web)"
}

# The program is not there, as without libsystemd.
case_without_the_program() {
	lab
	rm "$BERTH_ROOT/run/networks/lab/resolved"
	rm -f "$libexec/berth-names"
	BERTH_LIBEXEC=$libexec silent "what it says" berth network up lab
	[[ ! -e $BERTH_ROOT/run/networks/lab/resolved ]]
	berth network up lab
	[[ -e $BERTH_ROOT/run/networks/lab/resolved ]]
}

tear_down() {
	ends resolved
	ends bus
	umount "$root/dev" "$root/proc" "$root/run/systemd/resolve" "$root$T" /run/systemd
}

run_cases "$@"
