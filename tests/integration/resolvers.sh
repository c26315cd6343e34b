#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Names in a machine with the resolver of each distribution, and its own name without a resolver.
needs_debian="bookworm"
needs_roots="resolved=systemd-resolved,iputils-ping,sudo resolvconf=resolvconf,iputils-ping,isc-dhcp-client
	openresolv=openresolv,iputils-ping,udhcpc,busybox manager=network-manager,iputils-ping"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# known MACHINE NAME WORD: getent in the machine answers NAME with WORD.
known() {
	[[ $(berth exec "$1" -- getent hosts "$2") == *"$3"* ]]
}

# names_work MACHINE: the short and the full name of another machine and its own name are known.
names_work() {
	retry 20 known "$1" other "$(field other network.address)"
	known "$1" other.berth "$(field other network.address)"
	same "own name" "$1.berth" "$(berth exec "$1" -- hostname -f)"
}

set_up() {
	busybox_template bb
	berth launch --wait bb other
	debian_template bookworm
	berth launch --wait bookworm plain
	names_work plain
}

# resolv.conf is the link of resolved, but resolved does not run.
case_a_link_without_its_program() {
	berth exec plain -- ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
	berth restart --wait plain
	names_work plain
	has "Domains=berth" "$(berth exec plain -- cat /run/systemd/resolved.conf.d/berth.conf)"
	berth exec plain -- ln -sf /run/NetworkManager/resolv.conf /etc/resolv.conf
	berth restart --wait plain
	names_work plain
	# A file of the guest stays unchanged.
	berth exec plain -- sh -c 'rm /etc/resolv.conf; echo nameserver 192.0.2.1 >/etc/resolv.conf'
	berth restart --wait plain
	same "own file" "nameserver 192.0.2.1" "$(berth exec plain -- cat /etc/resolv.conf)"
}

# has_own_name MACHINE FULL-NAME: the name is known at once, though the server answers nothing.
has_own_name() {
	same "full name" "$2" "$(timeout "$(patience 5)" berth exec "$1" -- hostname -f)"
	has "127.0.1.1" "$(berth exec "$1" -- getent hosts "$2")"
}

case_the_own_name_needs_no_server() {
	berth exec plain -- sh -c 'rm /etc/resolv.conf; echo nameserver 192.0.2.1 >/etc/resolv.conf'
	has_own_name plain plain.berth
	berth exec plain -- sh -c 'echo shop.example.org >/etc/hostname'
	berth restart --wait plain
	has_own_name plain shop.example.org
	berth clone plain copy
	berth set copy network=
	berth start --wait copy
	same "name of a copy" copy "$(berth exec copy -- hostname)"
	has_own_name copy copy
	same "lines" 1 "$(berth exec copy -- grep -c 127.0.1.1 /etc/hosts)"
	berth delete --force copy plain
}

# boots_with ROOT LINK: names work in a machine ROOT whose /etc/resolv.conf is as its package leaves it. The recipe of a
# template removes that link.
boots_with() {
	debian_template "$1"
	berth launch --wait "$1" "$1"
	names_work "$1"
	berth exec "$1" -- ln -sf "$2" /etc/resolv.conf
	berth restart --wait "$1"
	names_work "$1"
}

# again MACHINE: names work after a restart, too.
again() {
	berth restart --wait "$1"
	names_work "$1"
	has_own_name "$1" "$1.berth"
	berth delete --force "$1"
	berth template delete "$1"
}

case_systemd_resolved() {
	boots_with resolved ../run/systemd/resolve/stub-resolv.conf
	same "its service" active "$(berth exec resolved -- systemctl is-active systemd-resolved)"
	has "127.0.0.53" "$(berth exec resolved -- cat /etc/resolv.conf)"
	has "DNS Domain:? berth" "$(berth exec resolved -- resolvectl status)"
	# The same with networkd, which uses DHCP.
	berth exec resolved -- sh -c 'printf "[Match]\nName=eth0\n[Network]\nDHCP=yes\n" >/etc/systemd/network/eth0.network
		systemctl enable --now systemd-networkd'
	retry 20 berth exec resolved -- sh -c 'networkctl status eth0 | grep -q "(DHCP4"'
	has "inet $(field resolved network.address)/" "$(berth exec resolved -- ip -4 -o addr show eth0)"
	names_work resolved
	again resolved
}

case_resolvconf() {
	boots_with resolvconf ../run/resolvconf/resolv.conf
	same "its service" active "$(berth exec resolvconf -- systemctl is-active resolvconf)"
	has "resolvconf" "$(berth exec resolvconf -- cat /etc/resolv.conf)"
	berth exec resolvconf -- timeout 120 dhclient -1 eth0
	names_work resolvconf
	again resolvconf
}

case_openresolv() {
	debian_template openresolv
	berth launch --wait openresolv openresolv
	names_work openresolv
	berth exec openresolv -- resolvconf -u
	names_work openresolv
	berth exec openresolv -- timeout 120 udhcpc -i eth0 -n -q
	names_work openresolv
	again openresolv
}

case_network_manager() {
	boots_with manager ../run/NetworkManager/resolv.conf
	same "its service" active "$(berth exec manager -- systemctl is-active NetworkManager)"
	names_work manager
	again manager
}

run_cases "$@"
