#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A whole host with systemd-resolved and systemd-networkd: names of machines on it, by the host's own programs.
# packages: systemd-resolved libnss-resolve
# debian: bookworm
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

export PATH=$BUILD_TREE:$PATH BERTH_ROOT=$T/root BERTH_LIBEXEC=$BUILD_TREE/libexec BERTH_TEMPLATES=$PWD/templates

# finds NAME ADDRESS: systemd-resolved does.
finds() {
	resolvectl query --legend=no --cache=no "$1" | grep -Fq "$2"
}

address_of() {
	berth info --json "$1" | sed -n "s/^ *\"$2\": \"\(.*\)\",\{0,1\}$/\1/p" | head -n 1
}

case_begin() {
	chmod 0711 "$T"
	mkdir -p "$BERTH_ROOT" "$T/bb"/{bin,etc,proc,sys,dev,tmp,root,run}
	cp /bin/busybox "$T/bb/bin/"
	links_of_busybox "$T/bb/bin"
	echo 'root:x:0:0:root:/root:/bin/sh' >"$T/bb/etc/passwd"
	tar -C "$T/bb" -cf "$T/bb.tar" .
	systemctl enable --now systemd-resolved
	retry 20 test -S /run/systemd/resolve/io.systemd.Resolve
	berth template import "$T/bb.tar" bb
	berth network create lab --subnet 10.77.16.0/22 subnet6=fd77:1:2:3::/64 domain=lab.example
	berth launch --wait --network lab bb web
}

case_found() {
	retry 30 finds web.lab.example "$(address_of web address)"
	retry 30 finds web.lab.example "$(address_of web address6)"
	has web.lab.example "$(resolvectl query --legend=no "$(address_of web address)")"
	has "$(address_of web address)" "$(getent ahostsv4 web.lab.example)"
	ping -c 1 -W 10 web.lab.example
	not resolvectl query nobody.lab.example
}

case_its_restart() {
	systemctl restart systemd-resolved
	retry 30 finds web.lab.example "$(address_of web address)"
}

# networkd has the bridge: systemd-resolved takes nothing for it from others.
case_a_bridge_of_networkd() {
	local bridge
	berth stop --force web
	berth network down lab
	bridge=$(berth network get lab bridge)
	printf '[Match]\nName=%s\n[Network]\nKeepConfiguration=yes\nLinkLocalAddressing=no\n' "$bridge" >/run/systemd/network/77-lab.network
	systemctl start systemd-networkd
	berth network up lab
	retry 30 is_managed "$bridge"
	rm -f "$BERTH_ROOT/run/networks/lab/resolved"
	has "network 'lab': the host does not find its machines through systemd-resolved: .*managed" "$(berth network up lab 2>&1)"
	systemctl stop systemd-networkd.socket systemd-networkd
	rm /run/systemd/network/77-lab.network
	berth network down lab
	berth start --wait web
	retry 30 finds web.lab.example "$(address_of web address)"
}

is_managed() {
	networkctl list --no-legend "$1" | grep -Eq 'configured|configuring'
}

case_its_end() {
	systemctl stop systemd-resolved
	berth stop --force web
	berth network down lab
	berth start --wait web 2>"$T/said"
	empty "what it said" "$T/said"
	berth delete --force web
	berth network delete lab
	berth template delete bb
	berth pool delete default
}

run_cases
