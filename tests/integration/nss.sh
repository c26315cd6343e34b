#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The host finds machines by name, and names by address, through the module of the name service switch.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# hosts LINE: the host's programs look up hosts as it says.
hosts() {
	{ grep -v '^hosts:' /etc/nsswitch.conf || true; } >"$T/nsswitch.conf"
	echo "hosts: $1" >>"$T/nsswitch.conf"
	mountpoint -q /etc/nsswitch.conf || mount --bind "$T/nsswitch.conf" /etc/nsswitch.conf
}

# looks_up WORD...: getent(1), with the module of the build.
looks_up() {
	LD_LIBRARY_PATH=$BUILD_TREE timeout 120 getent "$@"
}

# found DATABASE NAME: the first words of what is found, in one line.
found() {
	looks_up "$@" | awk '{ print $1 }' | sort -u | xargs
}

set_up() {
	[[ -e $BUILD_TREE/libnss_berth.so.2 ]] || skip "the build has no module for glibc"
	hosts "files berth"
	busybox_template bb
	berth network create lab domain=lab.example subnet6=auto
	berth launch --wait bb web
	berth launch --wait --network lab bb probe
}

case_by_name() {
	local v4 v6
	v4=$(field web network.address)
	same bare "$v4" "$(found ahostsv4 web)"
	same "with its domain" "$v4" "$(found ahostsv4 web.berth)"
	same "in capitals" "$v4" "$(found hosts WEB.Berth)"
	has "web.berth" "$(looks_up hosts web)"
	v6=$(field probe network.address6)
	same "both families" "$(printf '%s\n' "$v6" "$(field probe network.address)" | sort | xargs)" \
		"$(found ahosts probe.lab.example)"
	same "IPv6" "$v6" "$(found ahostsv6 probe)"
	not looks_up hosts probe.berth
	not looks_up hosts nobody
	not looks_up hosts web.example
	ping -c 1 -W 5 "$(found ahostsv4 web)"
}

case_by_address() {
	has " web.berth$" "$(looks_up hosts "$(field web network.address)")"
	has " probe.lab.example$" "$(looks_up hosts "$(field probe network.address)")"
	has " probe.lab.example$" "$(looks_up hosts "$(field probe network.address6)")"
	not looks_up hosts "$(field web network.address | sed 's/[0-9]*$/254/')"
}

# Names change as they do in the networks' DNS.
case_names_that_change() {
	local before
	before=$(field web network.address)
	berth stop --force web
	same "a stopped machine" "$before" "$(found ahostsv4 web)"
	berth rename web shop
	same renamed "$before" "$(found ahostsv4 shop)"
	not looks_up hosts web
	berth network set default domain=site.example
	same "another domain" "$before" "$(found ahostsv4 shop.site.example)"
	not looks_up hosts shop.berth
	berth network unset default domain
	berth rename shop web
	berth clone web gone
	berth start --wait gone
	found ahostsv4 gone.berth | grep -q .
	berth delete --force gone
	not looks_up hosts gone
	berth start --wait web
}

# Every user finds them; the state of berth stays closed otherwise.
case_of_any_user() {
	local v4
	v4=$(field web network.address)
	chmod 0711 "$T"
	same "for a user" "$v4" "$(LD_LIBRARY_PATH=$BUILD_TREE setpriv --reuid 65534 --regid 65534 --clear-groups \
		timeout 120 getent ahostsv4 web.berth | awk '{ print $1 }' | sort -u)"
	not setpriv --reuid 65534 --regid 65534 --clear-groups ls "$BERTH_ROOT/lib/machines"
	# An older berth has closed them.
	chmod 0711 "$BERTH_ROOT/lib/networks"
	chmod 0600 "$BERTH_ROOT/lib/networks/default/network.conf"
	berth stop --force web
	berth network down default
	berth start --wait web
	same "opened again" 755 "$(stat -c %a "$BERTH_ROOT/lib/networks")"
}

# Without BERTH_ROOT, the state is where an installed berth has it.
case_where_it_is_installed() {
	local v4
	v4=$(field web network.address)
	mount -t tmpfs none /var/lib
	mkdir /var/lib/berth
	not env -u BERTH_ROOT LD_LIBRARY_PATH="$BUILD_TREE" timeout 120 getent hosts web
	mount --bind "$BERTH_ROOT/lib" /var/lib/berth
	has "^$v4 " "$(env -u BERTH_ROOT LD_LIBRARY_PATH="$BUILD_TREE" timeout 120 getent hosts web)"
	umount /var/lib/berth /var/lib
}

# advice: the words of doctor about names, with the module of the build, or without one.
advice() {
	{ LD_LIBRARY_PATH=$1 berth doctor || true; } | grep -A 1 " names "
}

case_doctor_tells() {
	hosts "files dns"
	has "this host does not find machines by name" "$(advice "$BUILD_TREE")"
	has "hosts: files berth dns" "$(advice "$BUILD_TREE")"
	has "install libnss_berth.so.2, and have" "$(advice "$T")"
	hosts "files berth dns"
	has "ok.*this host finds machines by name" "$(advice "$BUILD_TREE")"
	has "the loader does not find libnss_berth.so.2" "$(advice "$T")"
}

tear_down() {
	umount /etc/nsswitch.conf
}

run_cases "$@"
