#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A copy of a machine is a new computer: files that it loses at its first start, and files that are made anew.
needs_debian="bookworm"
needs_packages="cron,locales,openssh-client,openssh-server,tzdata"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# A script that stands for OpenSSH in a root of busybox: it makes a missing key.
keygen='#!/bin/sh
echo "$*" >>/keygen.log
[ -e /etc/ssh/ssh_host_test_key ] || head -c 16 /dev/urandom | md5sum >/etc/ssh/ssh_host_test_key'

# ssh_root FOLDER
ssh_root() {
	busybox_root "$1"
	mkdir -p "$1"/{etc/ssh,usr/bin,var/lib/dbus,var/lib/dhcp,var/lib/cloud/instances/i-1,etc/nvme,home/a}
	: >"$1/etc/ssh/sshd_config"
	echo "$keygen" >"$1/usr/bin/ssh-keygen"
	chmod 755 "$1/usr/bin/ssh-keygen"
	echo template >"$1/etc/ssh/ssh_host_test_key"
	echo old >"$1/etc/nvme/hostid"
	echo old >"$1/etc/machine-id"
	ln -s instances/i-1 "$1/var/lib/cloud/instance"
	: >"$1/var/lib/dhcp/dhclient.eth0.leases"
}

# import_root FOLDER TEMPLATE
import_root() {
	tar -C "$1" -cf "$T/root.tar" .
	rm -rf "$1"
	berth template import "$T/root.tar" "$2"
}

set_up() {
	ssh_root "$T/ssh"
	import_root "$T/ssh" ssh
}

key() {
	berth exec "$1" cat /etc/ssh/ssh_host_test_key
}

one_up() {
	berth info one >/dev/null 2>&1 || berth launch --wait --set network= ssh one
	state_is one running || berth start --wait one
}

case_first_start() {
	local first
	one_up
	first=$(key one)
	[[ $first != template ]]
	same "arguments" "-q -t ed25519 -N  -f /etc/ssh/ssh_host_ed25519_key -q -t ecdsa -N  -f /etc/ssh/ssh_host_ecdsa_key" \
		"$(berth exec one cat /keygen.log | paste -sd ' ')"
	same "host id" "$(field one uuid)" "$(berth exec one cat /etc/nvme/hostid)"
	silent "machine-id" berth exec one cat /etc/machine-id
	silent "what was another's" berth exec one -- sh -c 'for file in /var/lib/cloud/instance* /var/lib/dhcp/*.leases; do
		[ ! -e "$file" ] || echo "$file"
	done'
	# Only the first start removes the identity.
	berth restart --wait one
	same "key after another start" "$first" "$(key one)"
	same "runs" 2 "$(berth exec one -- wc -l </dev/null /keygen.log | cut -d ' ' -f 1)"
}

case_clone() {
	one_up
	berth clone one two
	berth start --wait two
	[[ $(key two) != "$(key one)" && $(key two) =~ ^[0-9a-f]{32} ]]
	same "host name" two "$(berth exec two cat /etc/hostname)"
	same "host id" "$(field two uuid)" "$(berth exec two cat /etc/nvme/hostid)"
	gone two
}

case_keep_identity() {
	one_up
	berth clone --keep-identity one same
	berth start --wait same
	same "key" "$(key one)" "$(key same)"
	same "host name" one "$(berth exec same cat /etc/hostname)"
	[[ $(field same uuid) != "$(field one uuid)" ]]
	# A copy that has no identity yet gets its own.
	berth create --set network= ssh never
	berth clone --keep-identity never own
	berth start --wait own
	[[ $(key own) =~ ^[0-9a-f]{32} ]]
	gone same never own
}

case_restore_keeps_it() {
	local first
	one_up
	first=$(key one)
	berth snapshot one s
	berth exec one -- sh -c 'echo other >/etc/ssh/ssh_host_test_key'
	berth stop --force one
	berth restore one s
	berth start --wait one
	same "key" "$first" "$(key one)"
}

# A failed start does not count as the first one.
case_failed_start() {
	berth create --set network= ssh fails
	break_init fails
	not berth start fails
	sed -i 1d "$BERTH_ROOT/lib/machines/fails/machine.conf"
	berth start --wait fails
	[[ $(key fails) =~ ^[0-9a-f]{32} ]]
	berth stop --force fails
	berth start --wait fails
	same "runs" 2 "$(berth exec fails -- wc -l </dev/null /keygen.log | cut -d ' ' -f 1)"
	gone fails
}

# A server whose configuration names its keys gets all kinds, RSA too.
case_named_keys() {
	ssh_root "$T/named"
	mkdir "$T/named/etc/ssh/sshd_config.d"
	echo "  hostkey /etc/ssh/ssh_host_rsa_key" >"$T/named/etc/ssh/sshd_config.d/own.conf"
	import_root "$T/named" named
	berth launch --wait --set network= named named
	same "arguments" "-A" "$(berth exec named cat /keygen.log)"
	gone named
	berth template delete named
}

# Programs of the root cannot delay a start for ever, survive it, or access the process that becomes init.
case_hostile_programs() {
	ssh_root "$T/bad"
	cat >"$T/bad/usr/bin/ssh-keygen" <<-'END'
		#!/bin/sh
		ls -l /proc/1/fd /proc/1/cwd >/seen 2>&1
		cat /proc/1/environ >>/seen 2>&1
		head -c 1 /proc/1/mem >/memory 2>/dev/null
		ls -l /proc/self/fd >/own
		(trap '' TERM HUP; sleep 7654) &
		kill -9 1
		sleep 7655
	END
	import_root "$T/bad" bad
	berth create --set network= bad bad
	berth start --wait bad
	not berth exec bad -- sh -c 'cat /proc/[0-9]*/cmdline | tr "\0" " " | grep -q "[s]leep 765"'
	lacks '->|container=' "$(berth exec bad cat /seen)"
	same "memory of berth" 0 "$(berth exec bad stat -c %s /memory)"
	# The four are standard input, output and error, and the descriptor that ls has opened.
	[[ $(berth exec bad grep -c -- '->' /own) -le 4 ]]
	has "host keys of SSH: '/usr/bin/ssh-keygen'" "$(berth logs bad)"
	gone bad
}

# No path of the tree leads out of it, and no file blocks the start.
case_hostile_tree() {
	echo safe >"$T/victim"
	mkdir "$T/precious"
	echo safe >"$T/precious/file"
	ssh_root "$T/bad"
	rm -rf "$T"/bad/{etc/machine-id,etc/nvme/hostid,var/lib/dhcp,var/lib/cloud,etc/ssh/ssh_host_test_key}
	ln -s "$T/victim" "$T/bad/etc/machine-id"
	mkfifo "$T/bad/etc/nvme/hostid"
	ln -s "$T/victim" "$T/bad/etc/ssh/ssh_host_rsa_key"
	ln -s ../../../../../../../.."$T/precious" "$T/bad/var/lib/dhcp"
	ln -s "$T/precious" "$T/bad/var/lib/cloud"
	berth create --set network= ssh tree
	berth start --wait tree
	tar -C "$T/bad" -c . | berth exec tree -- sh -c 'cd / && rm -rf /etc/machine-id /etc/nvme /var/lib && tar x 2>/dev/null'
	berth clone tree copy
	berth start --wait copy
	same victim safe "$(cat "$T/victim")"
	same precious safe "$(cat "$T/precious/file")"
	gone tree copy
	rm -rf "$T/bad"
}

case_lists() {
	local etc=$BERTH_ROOT/etc/identity.d
	one_up
	berth exec one -- sh -c 'mkdir -p /srv/a /srv/b; echo x >/srv/a/id; echo x >/srv/b/id; echo x >/srv/name; sync'
	mkdir -p "$etc"
	printf '%s\n' '# ours' 'identity remove /srv/*/id' 'identity write /srv/name is %u' >"$etc/site.conf"
	berth clone one listed
	berth start --wait listed
	not berth exec listed -- sh -c 'ls /srv/*/id 2>/dev/null'
	same "what is written" "is $(field listed uuid)" "$(berth exec listed cat /srv/name)"
	gone listed
	# A file of the same name replaces the one that berth has installed.
	ln -s /dev/null "$etc/berth.conf"
	berth clone one masked
	berth start --wait masked
	same key "$(key one)" "$(key masked)"
	gone masked
	rm "$etc/berth.conf"
	local line
	for line in 'identity remove srv/id' 'identity remove /a/../b' 'never remove /a' 'identity shred /a' 'identity write /a' \
		'identity remove /a b' 'identity remove'; do
		echo "$line" >"$etc/wrong.conf"
		berth clone one wrong
		fails 1 'identity.d/wrong.conf:1: ' berth start wrong
		gone wrong
	done
	rm -r "$etc"
}

# With OpenSSH and systemd: the server has keys when it starts, which no other machine has.
case_debian() {
	debian_template bookworm
	berth launch --wait=600 bookworm d1
	berth clone d1 d2
	berth start --wait=600 d2
	local machine
	for machine in d1 d2; do
		retry 120 berth exec "$machine" -- systemctl is-active ssh.service
		same "keys of $machine" 2 "$(berth exec "$machine" -- sh -c 'ls /etc/ssh/ssh_host_*_key | wc -l')"
		same "state of $machine" running "$(berth exec "$machine" -- systemctl is-system-running --wait)"
		berth exec "$machine" -- sh -c 'cat /etc/ssh/ssh_host_*_key.pub /etc/machine-id; hostname' >"$T/$machine.ids"
	done
	silent "what they have in common" comm -12 <(sort "$T/d1.ids") <(sort "$T/d2.ids")
	berth restart --wait=600 d2
	berth exec d2 -- sh -c 'cat /etc/ssh/ssh_host_*_key.pub /etc/machine-id; hostname' | cmp - "$T/d2.ids"
	gone d1 d2
}

# Each path of the list that berth installs: a clone has none of the files to remove, and its own in those to write.
case_the_installed_list() {
	local list=$BERTH_TEMPLATES/identity.d/berth.conf
	one_up
	# A path with a pattern gets a file that fits it.
	awk '$1 == "identity" { gsub(/[*]/, "x", $3); print $2, $3 }' "$list" | grep -vE '^[a-z]+ (/etc/(hostname|hosts|machine-id)|/proc|/run)' >"$T/paths"
	(($(wc -l <"$T/paths") > 40)) || fault "only $(wc -l <"$T/paths") paths"
	# shellcheck disable=SC2016 # for the guest
	berth exec one -- sh -ec 'while read -r how path; do mkdir -p "$(dirname "$path")"; echo theirs >"$path"; done; sync' <"$T/paths"
	berth clone one bare
	berth start --wait bare
	# shellcheck disable=SC2016 # for the guest
	berth exec bare -- sh -c 'while read -r how path; do ! grep -qx theirs "$path" 2>/dev/null || echo "$how $path"; done' <"$T/paths" >"$T/kept"
	empty "files of the first machine" "$T/kept"
	has "$(field bare uuid)" "$(berth exec bare -- cat /etc/nvme/hostid)"
	# The machine that was cloned keeps its own.
	same "its own" theirs "$(berth exec one -- cat /etc/nvme/hostid)"
	gone bare
}

run_cases "$@"
