#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a guest reads at its first boot: user data for Debian's own cloud-init, credentials for its systemd, variables.
needs_debian="bookworm"
needs_packages="cloud-init"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

set_up() {
	busybox_template bb
	cat >"$T/user-data" <<-'EOF'
	#cloud-config
	users:
	  - name: ann
	    uid: "1234"
	write_files:
	  - path: /etc/greeting
	    content: hello
	runcmd:
	  - [sh, -c, 'hostname >/root/ran-on']
	EOF
}

cloud_template() {
	berth template info cloud >"$T/out" 2>&1 || debian_template bookworm cloud
}

instance() {
	berth exec "$1" -- cloud-init query instance_id
}

uuid_of() {
	berth get "$1" uuid
}

# cloud-init has done what the user data asks for when the boot is complete, and it leaves names and network to berth.
case_seed() {
	cloud_template
	berth launch --wait=5m --cloud-init "$T/user-data" cloud web
	same status "done" "$(berth exec web -- cloud-init status --wait | sed -n 's/.*status: //p')"
	same user 1234 "$(berth exec web -- id -u ann)"
	same file hello "$(berth exec web -- cat /etc/greeting)"
	same command web "$(berth exec web -- cat /root/ran-on)"
	same instance "$(uuid_of web)" "$(instance web)"
	same "mode of the seed" 600 "$(berth exec web -- stat -c %a /var/lib/cloud/seed/nocloud/user-data)"
	berth exec web -- grep -q disabled /var/lib/cloud/seed/nocloud/network-config
	fails 1 "No such file" berth exec web -- cat /etc/network/interfaces.d/50-cloud-init
	# A reboot is no new instance.
	berth exec web -- rm /root/ran-on
	berth restart --wait web
	fails 1 "No such file" berth exec web -- cat /root/ran-on
	# A copy is one, and has its own name.
	berth clone web copy
	berth start --wait=5m copy
	same status "done" "$(berth exec copy -- cloud-init status --wait | sed -n 's/.*status: //p')"
	same "instance of the copy" "$(uuid_of copy)" "$(instance copy)"
	same "command in the copy" copy "$(berth exec copy -- cat /root/ran-on)"
	same "name of the copy" copy "$(berth exec copy -- hostname)"
	# A template has no user data of the machine that it was made from.
	berth publish copy plain
	berth run plain -- test ! -e /var/lib/cloud/seed/nocloud
	berth template delete plain
	gone web copy
}

case_script() {
	cloud_template
	printf '#!/bin/sh\necho ran >/root/script\n' >"$T/script"
	berth launch --wait=5m --cloud-init "$T/script" cloud web
	berth exec web -- cloud-init status --wait
	same script ran "$(berth exec web -- cat /root/script)"
	gone web
}

# Each is refused before a machine is made, or leaves none.
case_refused() {
	printf '#cloud-config\nusers: [ann\n' >"$T/torn"
	printf '#cloud-config\n- a\n- b\n' >"$T/list"
	printf 'users: []\n' >"$T/no-head"
	printf '#cloud-config\na: \0b\n' >"$T/binary"
	fails 2 "torn' of --cloud-init is no YAML: line 3:" berth launch --cloud-init "$T/torn" bb m
	fails 2 "is no list of 'key: value'" berth launch --cloud-init "$T/list" bb m
	fails 2 "let its first line be '#cloud-config'" berth launch --cloud-init "$T/no-head" bb m
	fails 2 "is no text" berth launch --cloud-init "$T/binary" bb m
	fails 2 "No such file" berth launch --cloud-init "$T/none" bb m
	fails 2 "--cloud-init is given twice" berth launch --cloud-init "$T/user-data" --cloud-init "$T/user-data" bb m
	fails 1 "machine 'm' has no cloud-init" berth launch --cloud-init "$T/user-data" bb m
	fails 1 "'m'" berth info m
	berth create bb from
	fails 1 "machine 'm' has no cloud-init" berth clone --cloud-init "$T/user-data" from m
	fails 1 "'m'" berth info m
	gone from
}

# systemd takes the credentials, and its own units act on them.
case_credentials() {
	cloud_template
	printf 'two\nlines\n' >"$T/secret"
	berth launch --wait=5m --set 'credential.tmpfiles.extra=f /etc/by-credential 0644 root root - from the host' \
		--load-credential "my.secret:$T/secret" cloud web
	same "by a unit of systemd" "from the host" "$(berth exec web -- cat /etc/by-credential)"
	same "all credentials" "my.secret tmpfiles.extra" "$(berth exec web -- ls /run/credentials/@system | paste -sd ' ')"
	same "two lines" "two lines" "$(berth exec web -- cat /run/credentials/@system/my.secret | paste -sd ' ')"
	same "mode" "400 0" "$(berth exec web -- stat -c '%a %u' /run/host/credentials/my.secret)"
	fails 1 "Permission denied" berth exec --user nobody web -- cat /run/host/credentials/my.secret
	same "its setting" "\$'two\\x0alines\\x0a'" "$(berth get web credential.my.secret)"
	# A template has no secrets of the machine that it was made from.
	berth publish web plain
	silent "defaults" berth template get plain default.credential.my.secret
	berth unset web credential.my.secret
	berth restart --wait web
	same "those that are left" "tmpfiles.extra" "$(berth exec web -- ls /run/credentials/@system | paste -sd ' ')"
	berth template delete plain
	gone web
}

case_credentials_refused() {
	head -c 5000 /dev/zero | tr '\0' x >"$T/long"
	printf 'a\0b' >"$T/binary"
	: >"$T/empty"
	fails 2 "use ID:FILE" berth launch --load-credential word bb m
	fails 2 "No such file" berth launch --load-credential "a:$T/none" bb m
	fails 2 "is empty" berth launch --load-credential "a:$T/empty" bb m
	fails 2 "is no text" berth launch --load-credential "a:$T/binary" bb m
	fails 2 "'$T/long' of --load-credential" berth launch --load-credential "a:$T/long" bb m
	fails 2 "credential '../x' needs another name" berth launch --load-credential "../x:/etc/hostname" bb m
	fails 2 "credential.a: .* has a quote that is not closed" berth launch --set "credential.a=\$'open" bb m
	fails 1 "'m'" berth info m
}

# Variables are added to those that the template gives, and one of the same name is replaced.
case_variables() {
	berth template set bb "default.env=A=1 B='two words'"
	berth launch --env B=other --env 'C=x y' bb m
	same key "A=1 B=other 'C=x y'" "$(berth get m env)"
	has "C=x y" "$(berth exec m -- tr '\0' '\n' </dev/null | cat; berth exec m -- sh -c 'tr "\0" "\n" </proc/1/environ')"
	berth create --env A=2 bb made
	same created "'B=two words' A=2" "$(berth get made env)"
	berth clone --env D=4 made copy
	same cloned "'B=two words' A=2 D=4" "$(berth get copy env)"
	fails 2 "--env cannot be 'A-B=1'" berth create --env A-B=1 bb n
	fails 2 "--env cannot be 'word'" berth create --env word bb n
	fails 1 "'n'" berth info n
	berth template unset bb default.env
	gone m made copy
}

run_cases "$@"
